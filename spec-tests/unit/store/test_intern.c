/* test_intern.c: strings to numbers and back, also when hashes are equal, changes fail and the server restarts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_test.h"

#include <stdio.h>

#include <myelin/crypto_sign.h>

static store_test *test;

static int setup(void **state)
{
    MYL_UNUSED(state);
    test = store_test_start();
    return test == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    MYL_UNUSED(state);
    store_test_end(test);
    return 0;
}

typedef struct {
    myl_intern kind;
    const char *text;
    myl_rc answer;
    uint64_t id;
} word;

static myl_rc intern_word(myl_ctx *cx, void *arg)
{
    word *self = arg;
    MYL_TRY(myl_store_intern(cx, self->kind, myl_str_of(self->text), &self->id));
    return self->answer;
}

static uint64_t intern(myl_intern kind, const char *text)
{
    word one = {kind, text, MYL_OK, 0};
    assert_int_equal(store_test_run(test, intern_word, &one), MYL_OK);
    return one.id;
}

static uint64_t interned(myl_intern kind, const char *text)
{
    uint64_t id;
    assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
    assert_int_equal(myl_store_interned(&test->cx, kind, myl_str_of(text), &id), MYL_OK);
    myl_snapshot_close(&test->cx);
    return id;
}

static myl_rc text_of(myl_intern kind, uint64_t id, myl_str *text)
{
    assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
    myl_rc rc = myl_store_text_of(&test->cx, kind, id, text);
    myl_snapshot_close(&test->cx);
    return rc;
}

static void numbers_begin_at_one_for_each_kind(void **state)
{
    MYL_UNUSED(state);
    myl_str text;
    assert_int_equal(interned(MYL_INTERN_ROOM, "!a"), 0);
    assert_int_equal(intern(MYL_INTERN_ROOM, "!a"), 1);
    assert_int_equal(intern(MYL_INTERN_ROOM, "!b"), 2);
    assert_int_equal(intern(MYL_INTERN_TYPE, "!a"), 1);
    assert_int_equal(intern(MYL_INTERN_NAME, ""), 1);
    assert_int_equal(intern(MYL_INTERN_ROOM, "!a"), 1);
    assert_int_equal(interned(MYL_INTERN_ROOM, "!b"), 2);
    assert_int_equal(interned(MYL_INTERN_NAME, ""), 1);
    assert_int_equal(interned(MYL_INTERN_NAME, "!b"), 0);
    assert_int_equal(text_of(MYL_INTERN_ROOM, 2, &text), MYL_OK);
    assert_true(myl_str_equal(text, MYL_S("!b")));
    assert_int_equal(text_of(MYL_INTERN_NAME, 1, &text), MYL_OK);
    assert_true(myl_str_present(text));
    assert_int_equal(text.len, 0);
    assert_int_equal(text_of(MYL_INTERN_ROOM, 3, &text), MYL_CORRUPT);
    assert_int_equal(text_of(MYL_INTERN_ROOM, 0, &text), MYL_CORRUPT);
}

static void numbers_go_on_after_a_restart(void **state)
{
    MYL_UNUSED(state);
    assert_int_equal(intern(MYL_INTERN_NAME, "@a:x"), 1);
    store_test_reopen(test);
    assert_int_equal(intern(MYL_INTERN_NAME, "@b:x"), 2);
    assert_int_equal(interned(MYL_INTERN_NAME, "@a:x"), 1);
}

static void a_failed_change_gives_its_numbers_back(void **state)
{
    MYL_UNUSED(state);
    word words[3] = {{MYL_INTERN_NAME, "one", MYL_OK, 0},
                     {MYL_INTERN_NAME, "two", MYL_FORBIDDEN, 0},
                     {MYL_INTERN_NAME, "three", MYL_OK, 0}};
    store_change changes[3];
    for (size_t i = 0; i < 3; i++)
        changes[i] = (store_change){.body = intern_word, .arg = &words[i]};
    store_test_batch(test, changes, 3);
    assert_int_equal(interned(MYL_INTERN_NAME, "one"), 1);
    assert_int_equal(interned(MYL_INTERN_NAME, "two"), 0);
    assert_int_equal(interned(MYL_INTERN_NAME, "three"), 2);
}

static myl_rc look_up_type(myl_ctx *cx, void *arg)
{
    word *self = arg;
    MYL_TRY(myl_store_intern(cx, self->kind, myl_str_of(self->text), &self->id));
    MYL_TRY(myl_store_interned(cx, self->kind, myl_str_of(self->text), &self->id));
    return self->answer;
}

/* The numbers of types are kept in memory: more of them than there is room for, and one that never came to be. */
static void only_committed_types_are_kept(void **state)
{
    MYL_UNUSED(state);
    char name[16];
    word lost = {MYL_INTERN_TYPE, "m.lost", MYL_FORBIDDEN, 0};
    store_change change = {.body = look_up_type, .arg = &lost};
    store_test_batch(test, &change, 1);
    assert_int_equal(interned(MYL_INTERN_TYPE, "m.lost"), 0);
    for (int i = 0; i < MYL_LIMIT_KNOWN_TEXTS + 50; i++) {
        snprintf(name, sizeof(name), "m.%d", i);
        assert_int_equal(intern(MYL_INTERN_TYPE, name), i + 1);
        assert_int_equal(interned(MYL_INTERN_TYPE, name), i + 1);
    }
    for (int i = 0; i < MYL_LIMIT_KNOWN_TEXTS + 50; i++) {
        snprintf(name, sizeof(name), "m.%d", i);
        assert_int_equal(interned(MYL_INTERN_TYPE, name), i + 1);
    }
    assert_int_equal(interned(MYL_INTERN_NAME, "m.1"), 0);
}

/* Puts a stranger's row under the hash of `text`, as if two texts had the same one. */
static myl_rc same_hash(myl_ctx *cx, void *arg)
{
    myl_str text = myl_str_of(arg);
    myl_key key = myl_key_start();
    myl_key_u8(&key, MYL_INTERN_NAME);
    myl_key_u64(&key, myl_crypto_digest(cx->txn->store->digest_key, text).low);
    myl_key one = myl_key_of_u64(1);
    myl_key row = myl_key_start();
    myl_key_u8(&row, MYL_INTERN_NAME);
    myl_key_u64(&row, 1);
    cx->txn->write->counters.interned[MYL_INTERN_NAME] = 1;
    MYL_TRY(myl_store_add(cx, MYL_TABLE_INTERN_ID, myl_key_str(&key), myl_key_str(&one)));
    return myl_store_put(cx, MYL_TABLE_INTERN_TEXT, myl_key_str(&row), MYL_S("another"));
}

static void equal_hashes_are_told_apart(void **state)
{
    MYL_UNUSED(state);
    static char text[] = "mine";
    assert_int_equal(store_test_run(test, same_hash, text), MYL_OK);
    assert_int_equal(interned(MYL_INTERN_NAME, "mine"), 0);
    assert_int_equal(intern(MYL_INTERN_NAME, "mine"), 2);
    assert_int_equal(interned(MYL_INTERN_NAME, "mine"), 2);
    assert_int_equal(intern(MYL_INTERN_NAME, "mine"), 2);
}

/* ---- tree nodes ---- */

static myl_rc append_nodes(myl_ctx *cx, void *arg)
{
    const myl_tree_nodes *nodes = myl_store_nodes(cx);
    uint64_t number;
    myl_str bytes;
    for (int i = 0; i < 3; i++) {
        MYL_TRY(nodes->append(nodes->arg, cx, MYL_S("node"), &number));
        MYL_TRY(nodes->read(nodes->arg, cx, number, &bytes));
    }
    return number == 3 && myl_str_equal(bytes, MYL_S("node")) ? *(const myl_rc *)arg : MYL_INTERNAL;
}

static void nodes_are_numbered_in_order(void **state)
{
    MYL_UNUSED(state);
    myl_rc answer = MYL_FORBIDDEN;
    myl_str bytes;
    assert_int_equal(store_test_run(test, append_nodes, &answer), MYL_FORBIDDEN);
    answer = MYL_OK;
    assert_int_equal(store_test_run(test, append_nodes, &answer), MYL_OK);
    assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
    const myl_tree_nodes *nodes = myl_store_nodes(&test->cx);
    assert_null(nodes->append);
    assert_memory_equal(nodes->digest_key, test->store->digest_key, 32);
    assert_int_equal(nodes->read(nodes->arg, &test->cx, 3, &bytes), MYL_OK);
    assert_int_equal(nodes->read(nodes->arg, &test->cx, 4, &bytes), MYL_CORRUPT);
    myl_snapshot_close(&test->cx);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(numbers_begin_at_one_for_each_kind),
        CASE(numbers_go_on_after_a_restart),
        CASE(a_failed_change_gives_its_numbers_back),
        CASE(only_committed_types_are_kept),
        CASE(equal_hashes_are_told_apart),
        CASE(nodes_are_numbered_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
