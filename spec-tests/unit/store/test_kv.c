/* test_kv.c: every form of table, its reads and writes, and what it refuses.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_test.h"

#include <stdio.h>

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

#define MAP_TABLE MYL_TABLE_TASKS
#define SET_TABLE MYL_TABLE_INTERN_ID
#define FIXED_TABLE MYL_TABLE_EVENT_IDS

static myl_str got(myl_table_id table, const char *key)
{
    myl_str value;
    assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
    assert_int_equal(myl_store_get(&test->cx, table, myl_str_of(key), &value), MYL_OK);
    value = myl_keep(&test->cx, value);
    myl_snapshot_close(&test->cx);
    return value;
}

/* One write, described by a row. */
typedef struct {
    enum { PUT, APPEND, DELETE, ADD, REMOVE } kind;
    myl_table_id table;
    const char *key;
    const char *value;
} write_row;

static myl_rc write_one(myl_ctx *cx, void *arg)
{
    const write_row *row = arg;
    myl_str key = myl_str_of(row->key);
    myl_str value = myl_str_of(row->value);
    switch (row->kind) {
    case PUT: return myl_store_put(cx, row->table, key, value);
    case APPEND: return myl_store_append(cx, row->table, key, value);
    case DELETE: return myl_store_delete(cx, row->table, key);
    case ADD: return myl_store_add(cx, row->table, key, value);
    case REMOVE: return myl_store_remove(cx, row->table, key, value);
    }
    return MYL_INTERNAL;
}

static myl_rc do_write(int kind, myl_table_id table, const char *key, const char *value)
{
    write_row row = {(unsigned char)kind, table, key, value};
    return store_test_run(test, write_one, &row);
}

static void a_map_keeps_the_last_value(void **state)
{
    MYL_UNUSED(state);
    assert_false(myl_str_present(got(MAP_TABLE, "k")));
    assert_int_equal(do_write(PUT, MAP_TABLE, "k", "one"), MYL_OK);
    assert_true(myl_str_equal(got(MAP_TABLE, "k"), MYL_S("one")));
    assert_int_equal(do_write(PUT, MAP_TABLE, "k", ""), MYL_OK);
    assert_true(myl_str_present(got(MAP_TABLE, "k")));
    assert_int_equal(got(MAP_TABLE, "k").len, 0);
    assert_int_equal(do_write(DELETE, MAP_TABLE, "k", NULL), MYL_OK);
    assert_false(myl_str_present(got(MAP_TABLE, "k")));
    assert_int_equal(do_write(DELETE, MAP_TABLE, "k", NULL), MYL_OK);
}

static void a_value_of_megabytes_comes_back(void **state)
{
    MYL_UNUSED(state);
    size_t len = 3 << 20;
    char *text = myl_alloc(&test->cx, len + 1);
    memset(text, 'x', len);
    assert_int_equal(do_write(PUT, MAP_TABLE, "large", text), MYL_OK);
    myl_str value = got(MAP_TABLE, "large");
    assert_int_equal(value.len, len);
    assert_memory_equal(value.at, text, len);
}

static void an_unchanged_row_is_no_commit(void **state)
{
    MYL_UNUSED(state);
    assert_int_equal(do_write(PUT, MAP_TABLE, "k", "same"), MYL_OK);
    int64_t commits = myl_metric_value(MYL_METRIC_ENGINE_COMMITS);
    assert_int_equal(do_write(PUT, MAP_TABLE, "k", "same"), MYL_OK);
    assert_int_equal(do_write(DELETE, MAP_TABLE, "absent", NULL), MYL_OK);
    assert_int_equal(myl_metric_value(MYL_METRIC_ENGINE_COMMITS), commits);
}

static void append_takes_greater_keys_only(void **state)
{
    MYL_UNUSED(state);
    assert_int_equal(do_write(APPEND, MAP_TABLE, "b", "1"), MYL_OK);
    assert_int_equal(do_write(APPEND, MAP_TABLE, "c", "2"), MYL_OK);
    assert_int_equal(do_write(APPEND, MAP_TABLE, "a", "3"), MYL_CORRUPT);
    assert_int_equal(do_write(APPEND, MAP_TABLE, "c", "4"), MYL_CORRUPT);
    assert_true(myl_str_equal(got(MAP_TABLE, "c"), MYL_S("2")));
    assert_false(myl_str_present(got(MAP_TABLE, "a")));
}

static void lengths_are_checked(void **state)
{
    MYL_UNUSED(state);
    char text[514];
    memset(text, 'k', sizeof(text));
    text[512] = '\0';
    assert_int_equal(do_write(PUT, MAP_TABLE, "", "v"), MYL_INTERNAL);
    assert_int_equal(do_write(PUT, MAP_TABLE, text, "v"), MYL_INTERNAL);
    assert_int_equal(do_write(ADD, SET_TABLE, "k", text), MYL_INTERNAL);
    assert_int_equal(do_write(ADD, SET_TABLE, "k", ""), MYL_INTERNAL);
    text[511] = '\0';
    assert_int_equal(do_write(PUT, MAP_TABLE, text, "v"), MYL_OK);
    assert_int_equal(do_write(ADD, SET_TABLE, text, text), MYL_OK);
    assert_int_equal(do_write(ADD, FIXED_TABLE, "k", "12345678"), MYL_OK);
    assert_int_equal(do_write(ADD, FIXED_TABLE, "other", "1234567"), MYL_INTERNAL);
    store_test_reopen(test);
    assert_int_equal(do_write(ADD, FIXED_TABLE, "other", "1234567"), MYL_INTERNAL);
    assert_int_equal(do_write(ADD, FIXED_TABLE, "other", "87654321"), MYL_OK);
}

static void expect_values(myl_table_id table, const char *key, const char *want)
{
    myl_text all = MYL_TEXT(&test->cx);
    myl_scan *scan;
    myl_str at;
    myl_str value;
    uint64_t count = 0;
    uint64_t counted;
    assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
    assert_int_equal(myl_scan_values(&test->cx, table, myl_str_of(key), MYL_ABSENT, MYL_FORWARD,
                                     &scan),
                     MYL_OK);
    for (;;) {
        assert_int_equal(myl_scan_next(scan, &at, &value), MYL_OK);
        if (!myl_str_present(at))
            break;
        bool has;
        assert_int_equal(myl_store_has(&test->cx, table, myl_str_of(key), value, &has), MYL_OK);
        assert_true(has);
        myl_text_add(&all, value);
        myl_text_add_byte(&all, ' ');
        count++;
    }
    assert_int_equal(myl_store_count(&test->cx, table, myl_str_of(key), &counted), MYL_OK);
    assert_true(counted == count);
    myl_snapshot_close(&test->cx);
    assert_true(myl_str_equal(myl_text_str(&all), myl_str_of(want)));
}

static void a_set_keeps_sorted_values(void **state)
{
    MYL_UNUSED(state);
    bool has = true;
    assert_int_equal(do_write(ADD, SET_TABLE, "k", "b"), MYL_OK);
    expect_values(SET_TABLE, "k", "b ");
    assert_int_equal(do_write(ADD, SET_TABLE, "k", "a"), MYL_OK);
    assert_int_equal(do_write(ADD, SET_TABLE, "k", "b"), MYL_OK);
    assert_int_equal(do_write(ADD, SET_TABLE, "k", "abc"), MYL_OK);
    assert_int_equal(do_write(ADD, SET_TABLE, "l", "z"), MYL_OK);
    expect_values(SET_TABLE, "k", "a abc b ");
    assert_int_equal(do_write(REMOVE, SET_TABLE, "k", "a"), MYL_OK);
    assert_int_equal(do_write(REMOVE, SET_TABLE, "k", "a"), MYL_OK);
    assert_int_equal(do_write(REMOVE, SET_TABLE, "none", "a"), MYL_OK);
    expect_values(SET_TABLE, "k", "abc b ");
    assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
    assert_int_equal(myl_store_has(&test->cx, SET_TABLE, MYL_S("k"), MYL_S("a"), &has), MYL_OK);
    myl_snapshot_close(&test->cx);
    assert_false(has);
    assert_int_equal(do_write(DELETE, SET_TABLE, "k", NULL), MYL_OK);
    expect_values(SET_TABLE, "k", "");
    expect_values(SET_TABLE, "l", "z ");
}

static void a_fixed_table_does_the_same(void **state)
{
    MYL_UNUSED(state);
    assert_int_equal(do_write(ADD, FIXED_TABLE, "k", "00000003"), MYL_OK);
    assert_int_equal(do_write(ADD, FIXED_TABLE, "k", "00000001"), MYL_OK);
    assert_int_equal(do_write(ADD, FIXED_TABLE, "k", "00000002"), MYL_OK);
    assert_int_equal(do_write(REMOVE, FIXED_TABLE, "k", "00000001"), MYL_OK);
    expect_values(FIXED_TABLE, "k", "00000002 00000003 ");
    assert_int_equal(do_write(DELETE, FIXED_TABLE, "k", NULL), MYL_OK);
    expect_values(FIXED_TABLE, "k", "");
}

static myl_rc clear_body(myl_ctx *cx, void *arg)
{
    myl_rc answer = *(const myl_rc *)arg;
    myl_str value;
    MYL_TRY(myl_store_clear(cx, SET_TABLE));
    MYL_TRY(myl_store_get(cx, SET_TABLE, MYL_S("k"), &value));
    return myl_str_present(value) ? answer : MYL_INTERNAL;
}

static myl_rc clear_and_write(myl_ctx *cx, void *arg)
{
    MYL_UNUSED(arg);
    MYL_TRY(myl_store_clear(cx, SET_TABLE));
    return myl_store_add(cx, SET_TABLE, MYL_S("m"), MYL_S("v"));
}

static void clear_empties_at_the_end_of_the_change(void **state)
{
    MYL_UNUSED(state);
    myl_rc answer = MYL_FORBIDDEN;
    assert_int_equal(do_write(ADD, SET_TABLE, "k", "a"), MYL_OK);
    assert_int_equal(do_write(ADD, SET_TABLE, "k", "b"), MYL_OK);
    assert_int_equal(store_test_run(test, clear_body, &answer), MYL_FORBIDDEN);
    assert_int_equal(store_test_run(test, clear_and_write, NULL), MYL_INTERNAL);
    expect_values(SET_TABLE, "k", "a b ");
    answer = MYL_OK;
    assert_int_equal(store_test_run(test, clear_body, &answer), MYL_OK);
    expect_values(SET_TABLE, "k", "");
    assert_int_equal(do_write(ADD, SET_TABLE, "k", "c"), MYL_OK);
    expect_values(SET_TABLE, "k", "c ");
}

static void a_snapshot_stays_as_it_was(void **state)
{
    MYL_UNUSED(state);
    myl_str value;
    assert_int_equal(do_write(PUT, MAP_TABLE, "k", "old"), MYL_OK);
    assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
    assert_int_equal(do_write(PUT, MAP_TABLE, "k", "new"), MYL_OK);
    assert_int_equal(myl_store_get(&test->cx, MAP_TABLE, MYL_S("k"), &value), MYL_OK);
    assert_true(myl_str_equal(value, MYL_S("old")));
    myl_snapshot_close(&test->cx);
    myl_snapshot_close(&test->cx);
    assert_true(myl_str_equal(got(MAP_TABLE, "k"), MYL_S("new")));
}

static void snapshots_are_bounded(void **state)
{
    MYL_UNUSED(state);
    enum { MOST = 8 };
    static myl_ctx jobs[MOST + 1];
    char path[128];
    store_test_close(test);
    /* A table of readers that is larger stays as it is. */
    snprintf(path, sizeof(path), "%s/store.mdb-lock", test->folder);
    assert_int_equal(remove(path), 0);
    test->options.readers = MOST;
    assert_int_equal(store_test_open(test), MYL_OK);
    for (size_t i = 0; i <= MOST; i++) {
        myl_ctx_begin(&jobs[i]);
        assert_int_equal(myl_snapshot_open(&jobs[i], test->store), i < MOST ? MYL_OK : MYL_BUSY);
    }
    myl_snapshot_close(&jobs[0]);
    myl_forgive(&jobs[MOST]);
    assert_int_equal(myl_snapshot_open(&jobs[MOST], test->store), MYL_OK);
    for (size_t i = 0; i <= MOST; i++) {
        myl_snapshot_close(&jobs[i]);
        myl_ctx_end(&jobs[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_map_keeps_the_last_value, setup, teardown),
        cmocka_unit_test_setup_teardown(a_value_of_megabytes_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unchanged_row_is_no_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(append_takes_greater_keys_only, setup, teardown),
        cmocka_unit_test_setup_teardown(lengths_are_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_set_keeps_sorted_values, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fixed_table_does_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(clear_empties_at_the_end_of_the_change, setup, teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_stays_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(snapshots_are_bounded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
