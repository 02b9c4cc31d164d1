/* test_open.c: making, reopening, refusing and migrating a data folder.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

static void the_folder_is_private(void **state)
{
    MYL_UNUSED(state);
    static const char *const names[] = {"lock", "store.mdb", "store.mdb-lock"};
    struct stat about;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", test->folder, names[i]);
        assert_int_equal(stat(path, &about), 0);
        assert_int_equal(about.st_mode & 0077, 0);
    }
    store_test_close(test);
    char made[128];
    snprintf(made, sizeof(made), "%s/made", test->folder);
    myl_store_options options = test->options;
    options.folder = made;
    assert_int_equal(myl_store_open(&test->cx, &options, &test->store), MYL_OK);
    assert_int_equal(stat(made, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0700);
    myl_store_close(test->store);
    test->store = NULL;
    char command[200];
    snprintf(command, sizeof(command), "%s/store.mdb", made);
    assert_int_equal(unlink(command), 0);
    snprintf(command, sizeof(command), "%s/store.mdb-lock", made);
    assert_int_equal(unlink(command), 0);
    snprintf(command, sizeof(command), "%s/lock", made);
    assert_int_equal(unlink(command), 0);
    assert_int_equal(rmdir(made), 0);
}

static void a_missing_or_wrong_folder_is_refused(void **state)
{
    MYL_UNUSED(state);
    myl_store *store;
    char path[128];
    myl_store_options options = test->options;
    snprintf(path, sizeof(path), "%s/none/deeper", test->folder);
    options.folder = path;
    assert_int_equal(myl_store_open(&test->cx, &options, &store), MYL_BAD_CONFIG);
    assert_null(store);
    snprintf(path, sizeof(path), "%s/lock", test->folder);
    assert_int_equal(myl_store_open(&test->cx, &options, &store), MYL_BAD_CONFIG);
    snprintf(path, sizeof(path), "%s/none", test->folder);
    options.read_only = true;
    assert_int_equal(myl_store_open(&test->cx, &options, &store), MYL_BAD_CONFIG);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    MYL_UNUSED(state);
    store_test_close(test);
    char path[128];
    snprintf(path, sizeof(path), "%s/store.mdb", test->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 10000; i++)
        fputs("no database ", file);
    fclose(file);
    assert_int_equal(myl_store_open(&test->cx, &test->options, &test->store), MYL_CORRUPT);
    assert_null(test->store);
}

/* What a second process answers when it opens the same folder. */
static int open_in_child(bool read_only)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        myl_ctx cx;
        myl_store *store;
        myl_store_options options = test->options;
        options.read_only = read_only;
        myl_ctx_begin(&cx);
        _exit((int)myl_store_open(&cx, &options, &store));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_second_process_is_refused(void **state)
{
    MYL_UNUSED(state);
    assert_int_equal(open_in_child(false), MYL_BAD_CONFIG);
    assert_int_equal(open_in_child(true), MYL_BAD_CONFIG);
    store_test_close(test);
    assert_int_equal(open_in_child(false), MYL_OK);
    assert_int_equal(open_in_child(true), MYL_OK);
}

static myl_rc put_row(myl_ctx *cx, void *arg)
{
    return myl_store_put(cx, MYL_TABLE_TASKS, MYL_S("row"), myl_str_of(arg));
}

static void two_may_look_at_once(void **state)
{
    MYL_UNUSED(state);
    static char text[] = "value";
    assert_int_equal(store_test_run(test, put_row, text), MYL_OK);
    store_test_close(test);
    myl_store_options options = test->options;
    myl_store *store;
    myl_str value;
    options.read_only = true;
    assert_int_equal(myl_store_open(&test->cx, &options, &store), MYL_OK);
    assert_int_equal(open_in_child(true), MYL_OK);
    assert_int_equal(open_in_child(false), MYL_BAD_CONFIG);
    assert_int_equal(myl_snapshot_open(&test->cx, store), MYL_OK);
    assert_int_equal(myl_store_get(&test->cx, MYL_TABLE_TASKS, MYL_S("row"), &value), MYL_OK);
    assert_true(myl_str_equal(value, MYL_S("value")));
    myl_snapshot_close(&test->cx);
    myl_store_close(store);
}

/* ---- migrations ---- */

static myl_rc add_word(myl_ctx *cx, const char *word)
{
    myl_str value;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_TASKS, MYL_S("words"), &value));
    value = myl_strf(cx, "%.*s%s ", MYL_FMT(value), word);
    return myl_store_put(cx, MYL_TABLE_TASKS, MYL_S("words"), value);
}

static myl_rc to_two(myl_ctx *cx)
{
    return add_word(cx, "two");
}

static int fail_three;

static myl_rc to_three(myl_ctx *cx)
{
    MYL_TRY(add_word(cx, "three"));
    return fail_three ? myl_fail(cx, MYL_INTERNAL, "on purpose") : MYL_OK;
}

static myl_rc to_five(myl_ctx *cx)
{
    MYL_TRY(myl_store_clear(cx, MYL_TABLE_INTERN_ID));
    return add_word(cx, "five");
}

static const myl_migration steps[] = {{2, "two", to_two},
                                      {3, "three", to_three},
                                      {5, "five", to_five}};

static myl_str words(void)
{
    myl_str value;
    assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
    assert_int_equal(myl_store_get(&test->cx, MYL_TABLE_TASKS, MYL_S("words"), &value), MYL_OK);
    value = myl_keep(&test->cx, value);
    myl_snapshot_close(&test->cx);
    return value;
}

static void migrations_run_once_and_in_order(void **state)
{
    MYL_UNUSED(state);
    myl_store *store;
    store_test_close(test);
    test->options.migrations = steps;
    test->options.migration_count = 3;
    fail_three = 1;
    assert_int_equal(myl_store_open(&test->cx, &test->options, &store), MYL_INTERNAL);
    fail_three = 0;
    myl_store_options look = test->options;
    look.read_only = true;
    assert_int_equal(myl_store_open(&test->cx, &look, &store), MYL_BAD_CONFIG);
    myl_forgive(&test->cx);
    assert_int_equal(store_test_open(test), MYL_OK);
    assert_true(myl_str_equal(words(), MYL_S("two three five ")));
    assert_int_equal(test->store->schema, 5);
    store_test_reopen(test);
    assert_true(myl_str_equal(words(), MYL_S("two three five ")));
}

static void a_newer_schema_is_refused(void **state)
{
    MYL_UNUSED(state);
    store_test_close(test);
    test->options.migrations = steps;
    test->options.migration_count = 3;
    assert_int_equal(store_test_open(test), MYL_OK);
    store_test_close(test);
    test->options.migration_count = 2;
    assert_int_equal(store_test_open(test), MYL_BAD_CONFIG);
    assert_non_null(strstr(test->cx.error.detail.at, "schema 5"));
}

static void a_new_database_needs_no_migration(void **state)
{
    MYL_UNUSED(state);
    store_test_end(test);
    test = store_test_start();
    assert_non_null(test);
    store_test_close(test);
    char path[128];
    snprintf(path, sizeof(path), "%s/store.mdb", test->folder);
    assert_int_equal(unlink(path), 0);
    test->options.migrations = steps;
    test->options.migration_count = 3;
    assert_int_equal(store_test_open(test), MYL_OK);
    assert_int_equal(test->store->schema, 5);
    assert_false(myl_str_present(words()));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(the_folder_is_private),
        CASE(a_missing_or_wrong_folder_is_refused),
        CASE(a_file_that_is_no_database_is_refused),
        CASE(a_second_process_is_refused),
        CASE(two_may_look_at_once),
        CASE(migrations_run_once_and_in_order),
        CASE(a_newer_schema_is_refused),
        CASE(a_new_database_needs_no_migration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
