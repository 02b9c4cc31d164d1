/* test_check.c: `myelin check` finds nothing in a sound store, and each damage in a damaged one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_test.h"

#include <stdio.h>
#include <unistd.h>

#include <myelin/cmd_check.h>
#include <myelin/crypto_sign.h>
#include <myelin/tasks_lane.h>

static store_test *test;
static char said[8192]; /* what the check complained of */

static const myl_check_row *const all_checks[] = {myl_store_checks, myl_tasks_checks, NULL};

static void say(void *arg, myl_str line)
{
    size_t at = strlen(said);
    MYL_UNUSED(arg);
    snprintf(said + at, sizeof(said) - at, "%.*s\n", MYL_FMT(line));
}

static uint64_t check_all(void)
{
    myl_check check = {.say = say};
    said[0] = '\0';
    assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
    for (size_t i = 0; all_checks[i] != NULL; i++)
        myl_check_run(&test->cx, all_checks[i], &check);
    myl_snapshot_close(&test->cx);
    assert_true(check.rows > 0);
    return check.wrong;
}

/* Names, two rooms' states that share nodes, and a task. */
static myl_rc fill(myl_ctx *cx, void *arg)
{
    MYL_UNUSED(arg);
    const myl_tree_nodes *nodes = myl_store_nodes(cx);
    myl_tree_root root = 0;
    uint64_t id;
    for (uint64_t i = 1; i <= 60; i++) {
        myl_tree_entry entry = {.type = (uint32_t)(1 + i % 3), .state_key = i, .event = i};
        MYL_TRY(myl_store_intern(cx, MYL_INTERN_NAME, myl_strf(cx, "@user-%d:x", (int)i), &id));
        MYL_TRY(myl_tree_change(cx, nodes, root, &entry, 1, &root));
    }
    MYL_TRY(myl_store_intern(cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &id));
    MYL_TRY(myl_store_intern(cx, MYL_INTERN_NAME, MYL_S(""), &id));
    (void)myl_engine_next_position(cx);
    return MYL_OK;
}

static int setup(void **state)
{
    MYL_UNUSED(state);
    test = store_test_start();
    return test != NULL && store_test_run(test, fill, NULL) == MYL_OK ? 0 : -1;
}

static int teardown(void **state)
{
    MYL_UNUSED(state);
    store_test_end(test);
    return 0;
}

static void a_sound_store_has_nothing_wrong(void **state)
{
    MYL_UNUSED(state);
    assert_int_equal(check_all(), 0);
    store_test_reopen(test);
    assert_int_equal(check_all(), 0);
}

/* ---- damages ---- */

static myl_key intern_key(uint8_t kind, uint64_t id)
{
    myl_key key = myl_key_start();
    myl_key_u8(&key, kind);
    myl_key_u64(&key, id);
    return key;
}

static myl_rc lose_text(myl_ctx *cx)
{
    myl_key key = intern_key(MYL_INTERN_NAME, 3);
    return myl_store_delete(cx, MYL_TABLE_INTERN_TEXT, myl_key_str(&key));
}

static myl_rc change_text(myl_ctx *cx)
{
    myl_key key = intern_key(MYL_INTERN_NAME, 3);
    return myl_store_put(cx, MYL_TABLE_INTERN_TEXT, myl_key_str(&key), MYL_S("@other:x"));
}

static myl_rc lose_id(myl_ctx *cx)
{
    uint64_t hash = myl_crypto_digest(cx->txn->store->digest_key, MYL_S("m.room.member")).low;
    myl_key key = intern_key(MYL_INTERN_TYPE, hash);
    return myl_store_delete(cx, MYL_TABLE_INTERN_ID, myl_key_str(&key));
}

static myl_rc wrong_kind(myl_ctx *cx)
{
    myl_key key = intern_key(9, 1);
    return myl_store_put(cx, MYL_TABLE_INTERN_TEXT, myl_key_str(&key), MYL_S("x"));
}

static uint64_t last_node(const myl_ctx *cx)
{
    return cx->txn->write->counters.node;
}

/* Overwrites byte `at` of the last node, which is a root. */
static myl_rc change_root_byte(myl_ctx *cx, size_t at)
{
    const myl_tree_nodes *nodes = myl_store_nodes(cx);
    myl_key key = myl_key_of_u64(last_node(cx));
    myl_str bytes;
    MYL_TRY(nodes->read(nodes->arg, cx, last_node(cx), &bytes));
    char *copy = myl_cstr(cx, bytes);
    copy[at] = (char)(copy[at] ^ 1);
    return myl_store_put(cx, MYL_TABLE_NODES, myl_key_str(&key), (myl_str){copy, bytes.len});
}

static myl_rc change_digest(myl_ctx *cx)
{
    return change_root_byte(cx, 5);
}

static myl_rc change_count(myl_ctx *cx)
{
    return change_root_byte(cx, 17);
}

static myl_rc lose_child(myl_ctx *cx)
{
    uint64_t children[16];
    size_t count;
    MYL_TRY(myl_tree_children(cx, myl_store_nodes(cx), last_node(cx), children, &count));
    if (count == 0)
        return MYL_INTERNAL;
    myl_key key = myl_key_of_u64(children[0]);
    return myl_store_delete(cx, MYL_TABLE_NODES, myl_key_str(&key));
}

static myl_rc garbage_node(myl_ctx *cx)
{
    const myl_tree_nodes *nodes = myl_store_nodes(cx);
    uint64_t number;
    return nodes->append(nodes->arg, cx, MYL_S("\x7f no node"), &number);
}

static myl_rc unknown_meta(myl_ctx *cx)
{
    return myl_store_put(cx, MYL_TABLE_META, MYL_S("whim"), MYL_S("x"));
}

static myl_rc short_epoch(myl_ctx *cx)
{
    return myl_store_put(cx, MYL_TABLE_META, MYL_META_EPOCH, MYL_S("x"));
}

static myl_rc no_epoch(myl_ctx *cx)
{
    return myl_store_delete(cx, MYL_TABLE_META, MYL_META_EPOCH);
}

static myl_rc task_key(myl_ctx *cx)
{
    return myl_store_put(cx, MYL_TABLE_TASKS, MYL_S("task"), MYL_S("x"));
}

static myl_rc task_row(myl_ctx *cx)
{
    myl_key key = myl_key_of_u64(1);
    return myl_store_put(cx, MYL_TABLE_TASKS, myl_key_str(&key), MYL_S("x"));
}

/* Two lengths in one FIXED table, which the boundary itself would refuse. */
static myl_rc two_lengths(myl_ctx *cx)
{
    MYL_TRY(myl_store_add(cx, MYL_TABLE_EVENT_IDS, MYL_S("a"), MYL_S("12345678")));
    atomic_store(&cx->txn->store->value_bytes[MYL_TABLE_EVENT_IDS], 0);
    return myl_store_add(cx, MYL_TABLE_EVENT_IDS, MYL_S("b"), MYL_S("123"));
}

static const struct {
    const char *name;
    myl_rc (*damage)(myl_ctx *cx);
    const char *words;
} damages[] = {
    {"a number without its text", lose_text, "INTERN_ID: no text"},
    {"a text that changed", change_text, "INTERN_TEXT: number 3 of kind 2 is found as 0"},
    {"a text that changed, seen from its hash", change_text, "another hash"},
    {"a text without its number", lose_id, "INTERN_TEXT: number 1 of kind 1 is found as 0"},
    {"a kind that is none", wrong_kind, "INTERN_TEXT: a bad key"},
    {"a digest that changed", change_digest, "its digest or count"},
    {"a count that changed", change_count, "its digest or count"},
    {"a child that is lost", lose_child, "is no inner node"},
    {"bytes that are no node", garbage_node, "is no node"},
    {"a row of META that nobody knows", unknown_meta, "unknown row \"whim\""},
    {"an epoch that is no number", short_epoch, "\"epoch\" has 1 bytes"},
    {"an epoch that is lost", no_epoch, "no epoch"},
    {"a task's key", task_key, "TASKS: a bad key"},
    {"a task's row", task_row, "TASKS: task 1 has a damaged row"},
    {"values of two lengths", two_lengths, "a value of 3 bytes among values of 8"},
};

static myl_rc run_damage(myl_ctx *cx, void *arg)
{
    return damages[*(const size_t *)arg].damage(cx);
}

static void each_damage_is_found(void **state)
{
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        teardown(state);
        assert_int_equal(setup(state), 0);
        assert_int_equal(store_test_run(test, run_damage, &i), MYL_OK);
        uint64_t wrong = check_all();
        if (wrong == 0 || strstr(said, damages[i].words) == NULL)
            print_message("%s: %llu wrong:\n%s", damages[i].name, (unsigned long long)wrong, said);
        assert_true(wrong > 0);
        assert_non_null(strstr(said, damages[i].words));
    }
}

static void lines_are_bounded_and_counted(void **state)
{
    MYL_UNUSED(state);
    myl_check check = {.say = say};
    said[0] = '\0';
    for (int i = 0; i < 1000; i++)
        myl_check_wrong(&check, "x");
    assert_int_equal(check.wrong, 1000);
    assert_int_equal(strlen(said), 2 * MYL_LIMIT_CHECK_LINES);
    myl_check_wrong(&check, "%0600d", 1);
}

/* ---- the commands ---- */

static int quietly(int (*command)(int argc, char **argv, const myl_check_setup *setup), char **argv)
{
    const myl_check_setup all = {.checks = all_checks};
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    fflush(stdout);
    int kept[2] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)};
    assert_non_null(freopen("/dev/null", "w", stdout));
    assert_non_null(freopen("/dev/null", "w", stderr));
    int status = command(argc, argv, &all);
    fflush(stdout);
    fflush(stderr);
    dup2(kept[0], STDOUT_FILENO);
    dup2(kept[1], STDERR_FILENO);
    close(kept[0]);
    close(kept[1]);
    return status;
}

static size_t damage_digest = 5;

static void the_commands_tell_by_their_status(void **state)
{
    MYL_UNUSED(state);
    char *folder = test->folder;
    char *check[] = {"check", "--data", folder, NULL};
    char *one[] = {"check", "--data", folder, "--only", "state tree", NULL};
    char *other[] = {"check", "--data", folder, "--only", "META", NULL};
    char *none[] = {"check", "--data", folder, "--only", "nothing", NULL};
    char *no_folder[] = {"check", NULL};
    char *both[] = {"check", "--data", folder, "--config", "x", NULL};
    char *no_config[] = {"check", "--config", "/nonexistent/file", NULL};
    char *no_value[] = {"check", "--data", NULL};
    char *missing[] = {"check", "--data", "/nonexistent/folder", NULL};
    char *tables[] = {"inspect", "--data", folder, NULL};
    char *rows[] = {"inspect", "--data", folder, "--table", "NODES", "--prefix", "0000", NULL};
    char *bad_hex[] = {"inspect", "--data", folder, "--table", "NODES", "--prefix", "0g", NULL};
    char *bad_table[] = {"inspect", "--data", folder, "--table", "nodes", NULL};
    assert_int_equal(quietly(myl_cmd_check, check), 2); /* the server runs */
    store_test_close(test);
    assert_int_equal(quietly(myl_cmd_check, check), 0);
    assert_int_equal(quietly(myl_cmd_check, no_folder), 2);
    assert_int_equal(quietly(myl_cmd_check, no_value), 2);
    assert_int_equal(quietly(myl_cmd_check, both), 2);
    assert_int_equal(quietly(myl_cmd_check, no_config), 2);
    assert_int_equal(quietly(myl_cmd_check, missing), 2);
    assert_int_equal(quietly(myl_cmd_inspect, tables), 0);
    assert_int_equal(quietly(myl_cmd_inspect, rows), 0);
    assert_int_equal(quietly(myl_cmd_inspect, bad_hex), 2);
    assert_int_equal(quietly(myl_cmd_inspect, bad_table), 2);
    assert_int_equal(store_test_open(test), MYL_OK);
    assert_int_equal(store_test_run(test, run_damage, &damage_digest), MYL_OK);
    store_test_close(test);
    assert_int_equal(quietly(myl_cmd_check, check), 1);
    assert_int_equal(quietly(myl_cmd_check, one), 1);
    assert_int_equal(quietly(myl_cmd_check, other), 0);
    assert_int_equal(quietly(myl_cmd_check, none), 2);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_sound_store_has_nothing_wrong),
        CASE(each_damage_is_found),
        CASE(lines_are_bounded_and_counted),
        CASE(the_commands_tell_by_their_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
