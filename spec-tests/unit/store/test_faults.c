/* test_faults.c: each fault point of the store fails on its 1st, 2nd, 3rd… hit until a run stays untouched.
 *
 * After every run the rows are those of the changes that were answered with MYL_OK, no others, and the store goes on.
 * Only the preset faults has fault points; spec-tests/faults/ runs this test there. Elsewhere arming them does nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_test.h"

#include <stdio.h>

#ifdef MYL_FAULTS

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
    uint64_t number; /* which change of the run */
    uint64_t round;
} part;

/* Six rows in tables of all forms, two of them shared by all changes. */
static myl_rc write_part(myl_ctx *cx, void *arg)
{
    const part *self = arg;
    uint64_t id;
    myl_key own = myl_key_of_u64s(self->round, self->number);
    myl_key value = myl_key_of_u64(self->number);
    MYL_TRY(myl_store_put(cx, MYL_TABLE_TASKS, myl_key_str(&own), MYL_S("row")));
    MYL_TRY(myl_store_put(cx, MYL_TABLE_TASKS, MYL_S("last"), myl_key_str(&own)));
    MYL_TRY(myl_store_add(cx, MYL_TABLE_EVENT_IDS, MYL_S("all"), myl_key_str(&value)));
    MYL_TRY(myl_store_remove(cx, MYL_TABLE_EVENT_IDS, MYL_S("all"), myl_key_str(&value)));
    MYL_TRY(myl_store_intern(cx, MYL_INTERN_NAME, myl_key_str(&own), &id));
    (void)myl_engine_next_position(cx);
    return MYL_OK;
}

enum { PARTS = 4 };

/* Reads what is there after a run and holds it against the answers. */
static void expect_rows(const store_change *changes, uint64_t round, uint64_t *position)
{
    uint64_t now;
    assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
    for (uint64_t i = 0; i < PARTS; i++) {
        myl_key own = myl_key_of_u64s(round, i);
        myl_str value;
        uint64_t id;
        bool there = changes[i].rc == MYL_OK;
        assert_int_equal(myl_store_get(&test->cx, MYL_TABLE_TASKS, myl_key_str(&own), &value),
                         MYL_OK);
        assert_int_equal(myl_str_present(value), there);
        assert_int_equal(myl_store_interned(&test->cx, MYL_INTERN_NAME, myl_key_str(&own), &id),
                         MYL_OK);
        assert_int_equal(id != 0, there);
        *position += there ? 1 : 0;
    }
    assert_int_equal(myl_store_position(&test->cx, &now), MYL_OK);
    myl_snapshot_close(&test->cx);
    assert_int_equal(now, *position);
}

/* Runs a batch of four changes with the nth hit of `point` failing; false when none failed. */
static bool run_with_fault(const char *point, uint64_t nth, uint64_t *position)
{
    static store_change changes[PARTS];
    part parts[PARTS];
    bool failed = false;
    for (uint64_t i = 0; i < PARTS; i++) {
        parts[i] = (part){i, nth};
        changes[i] = (store_change){.body = write_part, .arg = &parts[i]};
    }
    assert_true(myl_fault_arm(point, nth));
    store_test_batch(test, changes, PARTS);
    assert_true(myl_fault_arm(point, 0));
    for (size_t i = 0; i < PARTS; i++) {
        assert_true(changes[i].rc == MYL_OK || changes[i].rc == MYL_STORE_FAILED);
        failed |= changes[i].rc != MYL_OK;
    }
    expect_rows(changes, nth, position);
    return failed;
}

static void fail_each_hit(const char *point, uint64_t at_least)
{
    uint64_t position = 0;
    uint64_t nth = 1;
    while (run_with_fault(point, nth, &position)) {
        assert_true(nth < 1000);
        nth++;
    }
    print_message("%s: %llu hits failed\n", point, (unsigned long long)(nth - 1));
    assert_true(nth - 1 >= at_least);
    store_test_reopen(test);
    uint64_t again = position;
    assert_false(run_with_fault(point, 2000, &again));
    assert_int_equal(again, position + PARTS);
}

static void each_put_may_fail(void **state)
{
    MYL_UNUSED(state);
    fail_each_hit("STORE_PUT", PARTS * 5);
}

static void each_commit_may_fail(void **state)
{
    MYL_UNUSED(state);
    fail_each_hit("STORE_COMMIT", 1);
}

static void each_snapshot_may_fail(void **state)
{
    MYL_UNUSED(state);
    for (uint64_t nth = 1; nth <= 3; nth++) {
        assert_true(myl_fault_arm("STORE_READ", nth));
        for (uint64_t i = 1; i <= 3; i++) {
            myl_rc rc = myl_snapshot_open(&test->cx, test->store);
            assert_int_equal(rc, i == nth ? MYL_STORE_FAILED : MYL_OK);
            assert_int_equal(test->cx.txn == NULL, i == nth);
            myl_snapshot_close(&test->cx);
        }
    }
    /* An engine cannot start without its counters, and can the next time. */
    assert_true(myl_fault_arm("STORE_READ", 2));
    store_test_close(test);
    assert_int_equal(store_test_open(test), MYL_STORE_FAILED);
    assert_true(myl_fault_arm("STORE_READ", 0));
    store_test_close(test);
    assert_int_equal(store_test_open(test), MYL_OK);
}

/* Opening a new folder writes too: a failure leaves one that opens the next time. */
static void each_write_of_a_new_folder_may_fail(void **state)
{
    MYL_UNUSED(state);
    static const char *const points[] = {"STORE_PUT", "STORE_COMMIT", "STORE_READ"};
    for (size_t p = 0; p < 3; p++) {
        uint64_t nth = 1;
        for (bool failed = true; failed; nth++) {
            assert_true(nth < 100);
            store_test_close(test);
            char path[128];
            snprintf(path, sizeof(path), "%s/store.mdb", test->folder);
            assert_int_equal(remove(path), 0);
            assert_true(myl_fault_arm(points[p], nth));
            failed = store_test_open(test) != MYL_OK;
            assert_true(myl_fault_arm(points[p], 0));
            store_test_close(test);
            myl_forgive(&test->cx);
            assert_int_equal(store_test_open(test), MYL_OK);
        }
        assert_true(nth > 2);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(each_put_may_fail),
        CASE(each_commit_may_fail),
        CASE(each_snapshot_may_fail),
        CASE(each_write_of_a_new_folder_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static myl_rc put_row(myl_ctx *cx, void *arg)
{
    MYL_UNUSED(arg);
    return myl_store_put(cx, MYL_TABLE_TASKS, MYL_S("row"), MYL_S("value"));
}

static void points_do_nothing_in_this_build(void **state)
{
    MYL_UNUSED(state);
    store_test *test = store_test_start();
    assert_non_null(test);
    assert_true(myl_fault_arm("STORE_PUT", 1));
    assert_int_equal(store_test_run(test, put_row, NULL), MYL_OK);
    assert_true(myl_fault_arm("STORE_PUT", 0));
    store_test_end(test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(points_do_nothing_in_this_build)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
