/* test_threads.c: many submitters and readers at once; every snapshot is a whole number of changes.
 *
 * Run under TSan too.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_test.h"

#include <pthread.h>
#include <stdlib.h>

#include <myelin/store_copy.h>

enum { WRITERS = 4, READERS = 3, CHANGES = 150 };

static store_test *test;
static atomic_int writing; /* writers that are not done */
static atomic_int bad;     /* what did not hold */
static atomic_uint_fast64_t refused;

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
    myl_change change; /* first member */
    uint64_t writer;
    uint64_t number;
    uint64_t position;
} row_change;

/* A position, a row under it, and a count; every fifth fails after its writes. */
static myl_rc run_row(myl_change *change)
{
    row_change *self = (row_change *)change;
    myl_str value;
    uint64_t count = 0;
    self->position = myl_engine_next_position(change->cx);
    myl_key row = myl_key_of_u64s(1, self->position);
    myl_key by = myl_key_of_u64s(self->writer, self->number);
    MYL_TRY(myl_store_put(change->cx, MYL_TABLE_TASKS, myl_key_str(&row), myl_key_str(&by)));
    MYL_TRY(myl_store_get(change->cx, MYL_TABLE_TASKS, MYL_S("count"), &value));
    (void)myl_cut_u64(&value, &count);
    myl_key next = myl_key_of_u64(count + 1);
    MYL_TRY(myl_store_put(change->cx, MYL_TABLE_TASKS, MYL_S("count"), myl_key_str(&next)));
    return self->number % 5 == 0 ? MYL_FORBIDDEN : MYL_OK;
}

static void *write_rows(void *arg)
{
    uint64_t last = 0;
    for (uint64_t i = 1; i <= CHANGES; i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        row_change one = {.change = {.name = "row", .cx = &cx, .run = run_row},
                          .writer = (uint64_t)(uintptr_t)arg,
                          .number = i};
        myl_rc rc = myl_engine_run(test->engine, &one.change);
        if (rc != (i % 5 == 0 ? MYL_FORBIDDEN : MYL_OK) || (rc == MYL_OK && one.position <= last))
            atomic_fetch_add(&bad, 1);
        if (rc == MYL_OK)
            last = one.position;
        else
            atomic_fetch_add(&refused, 1);
        myl_ctx_end(&cx);
    }
    atomic_fetch_sub(&writing, 1);
    return NULL;
}

/* Position, count and number of rows are one number in every snapshot, and it never falls. */
static bool look(myl_ctx *cx, uint64_t *last)
{
    myl_scan *scan;
    myl_str key;
    myl_str value;
    uint64_t position;
    uint64_t count = 0;
    uint64_t rows = 0;
    myl_key prefix = myl_key_of_u64(1);
    if (myl_store_position(cx, &position) != MYL_OK ||
        myl_store_get(cx, MYL_TABLE_TASKS, MYL_S("count"), &value) != MYL_OK)
        return false;
    (void)myl_cut_u64(&value, &count);
    if (myl_scan_start(cx, MYL_TABLE_TASKS, myl_key_str(&prefix), MYL_ABSENT, MYL_BACKWARD,
                       &scan) != MYL_OK)
        return false;
    for (;; rows++) {
        if (myl_scan_next(scan, &key, &value) != MYL_OK)
            return false;
        if (!myl_str_present(key))
            break;
    }
    bool good = position == count && count == rows && position >= *last;
    *last = position;
    return good;
}

static void *read_rows(void *arg)
{
    uint64_t last = 0;
    MYL_UNUSED(arg);
    bool once_more = true;
    while (once_more) {
        once_more = atomic_load(&writing) > 0;
        myl_ctx cx;
        myl_ctx_begin(&cx);
        if (myl_snapshot_open(&cx, test->store) != MYL_OK || !look(&cx, &last))
            atomic_fetch_add(&bad, 1);
        myl_snapshot_close(&cx);
        myl_ctx_end(&cx);
    }
    return NULL;
}

/* The database is exchanged again and again while others write and read. */
static void *exchange_it(void *arg)
{
    uint64_t *count = arg;
    while (atomic_load(&writing) > 0) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        if (myl_store_exchange_begin(&cx, test->store) != MYL_OK ||
            myl_store_exchange_run(&cx, test->store, test->engine) != MYL_OK)
            atomic_fetch_add(&bad, 1);
        myl_ctx_end(&cx);
        (*count)++;
    }
    return NULL;
}

static myl_rc put_row(myl_ctx *cx, void *arg)
{
    MYL_UNUSED(arg);
    return myl_store_put(cx, MYL_TABLE_TASKS, MYL_S("row"), MYL_S("here"));
}

static myl_rc delete_row(myl_ctx *cx, void *arg)
{
    MYL_UNUSED(arg);
    return myl_store_delete(cx, MYL_TABLE_TASKS, MYL_S("row"));
}

static void write_and_read(void)
{
    pthread_t threads[WRITERS + READERS];
    atomic_store(&writing, WRITERS);
    atomic_store(&bad, 0);
    atomic_store(&refused, 0);
    for (size_t i = 0; i < WRITERS + READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i < WRITERS ? write_rows : read_rows,
                                        (void *)(uintptr_t)i),
                         0);
    for (size_t i = 0; i < WRITERS + READERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&bad), 0);
    assert_int_equal(atomic_load(&refused), WRITERS * CHANGES / 5);
    uint64_t last = WRITERS * CHANGES * 4 / 5;
    assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
    assert_true(look(&test->cx, &last));
    myl_snapshot_close(&test->cx);
    assert_int_equal(last, WRITERS * CHANGES * 4 / 5);
}

static void snapshots_are_whole(void **state)
{
    MYL_UNUSED(state);
    write_and_read();
}

static void an_exchange_is_not_noticed(void **state)
{
    MYL_UNUSED(state);
    pthread_t thread;
    uint64_t count = 0;
    atomic_store(&writing, WRITERS);
    assert_int_equal(pthread_create(&thread, NULL, exchange_it, &count), 0);
    write_and_read();
    pthread_join(thread, NULL);
    assert_true(count > 0);
    myl_exchange_progress progress;
    myl_store_exchange_progress(test->store, &progress);
    assert_int_equal(progress.stage, MYL_EXCHANGE_DONE);
    myl_str before = store_test_dump(&test->cx, test->store);
    store_test_reopen(test);
    assert_true(myl_str_equal(before, store_test_dump(&test->cx, test->store)));
}

/* A snapshot that is open through an exchange reads on what it has seen. */
static void an_open_snapshot_stays(void **state)
{
    MYL_UNUSED(state);
    store_change one = {.body = put_row};
    myl_ctx cx;
    myl_str value;
    myl_ctx_begin(&cx);
    store_test_batch(test, &one, 1);
    assert_int_equal(myl_snapshot_open(&cx, test->store), MYL_OK);
    assert_int_equal(myl_store_exchange_begin(&test->cx, test->store), MYL_OK);
    assert_int_equal(myl_store_exchange_begin(&test->cx, test->store), MYL_BAD_REQUEST);
    myl_forgive(&test->cx);
    assert_int_equal(myl_store_exchange_run(&test->cx, test->store, test->engine), MYL_OK);
    store_change two = {.body = delete_row};
    store_test_batch(test, &two, 1);
    assert_int_equal(myl_store_get(&cx, MYL_TABLE_TASKS, MYL_S("row"), &value), MYL_OK);
    assert_true(myl_str_equal(value, MYL_S("here")));
    myl_snapshot_close(&cx);
    assert_int_equal(myl_snapshot_open(&cx, test->store), MYL_OK);
    assert_int_equal(myl_store_get(&cx, MYL_TABLE_TASKS, MYL_S("row"), &value), MYL_OK);
    assert_false(myl_str_present(value));
    myl_snapshot_close(&cx);
    myl_store_copies_stop(test->store);
    assert_int_equal(myl_store_exchange_begin(&cx, test->store), MYL_BAD_REQUEST);
    myl_ctx_end(&cx);
}

/* ---- the stop ---- */

typedef struct {
    myl_change change; /* first member */
    myl_ctx cx;
    atomic_int answered;
} queued_change;

static myl_rc run_queued(myl_change *change)
{
    myl_key row = myl_key_of_u64(myl_engine_next_position(change->cx));
    return myl_store_put(change->cx, MYL_TABLE_TASKS, myl_key_str(&row), MYL_S("row"));
}

static void answer_queued(myl_change *change, myl_rc rc)
{
    if (rc == MYL_OK)
        atomic_fetch_add(&((queued_change *)change)->answered, 1);
}

static void a_stop_answers_what_is_queued(void **state)
{
    MYL_UNUSED(state);
    enum { QUEUED = 500 };
    static queued_change queued[QUEUED];
    for (size_t i = 0; i < QUEUED; i++) {
        memset(&queued[i], 0, sizeof(queued[i]));
        myl_ctx_begin(&queued[i].cx);
        queued[i].change.cx = &queued[i].cx;
        queued[i].change.run = run_queued;
        queued[i].change.done = answer_queued;
        assert_int_equal(myl_engine_submit(test->engine, &queued[i].change), MYL_OK);
    }
    myl_engine_stop(test->engine);
    test->engine = NULL;
    for (size_t i = 0; i < QUEUED; i++) {
        assert_int_equal(atomic_load(&queued[i].answered), 1);
        myl_ctx_end(&queued[i].cx);
    }
    uint64_t position;
    assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
    assert_int_equal(myl_store_position(&test->cx, &position), MYL_OK);
    myl_snapshot_close(&test->cx);
    assert_int_equal(position, QUEUED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(snapshots_are_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(an_exchange_is_not_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(an_open_snapshot_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_answers_what_is_queued, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
