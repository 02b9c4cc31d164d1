/* test_engine.c: batches, answers, notes, calls after the commit, positions, limits, failed commits.
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

static uint64_t position_now(void)
{
    uint64_t position;
    assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
    assert_int_equal(myl_store_position(&test->cx, &position), MYL_OK);
    myl_snapshot_close(&test->cx);
    return position;
}

static uint64_t row_count(myl_table_id table)
{
    myl_scan *scan;
    myl_str key;
    myl_str value;
    uint64_t count = 0;
    assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
    assert_int_equal(myl_scan_start(&test->cx, table, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan),
                     MYL_OK);
    for (;; count++) {
        assert_int_equal(myl_scan_next(scan, &key, &value), MYL_OK);
        if (!myl_str_present(key))
            break;
    }
    myl_snapshot_close(&test->cx);
    return count;
}

/* What a change does: takes a position, puts a row under it, notes a room, counts a call, answers. */
typedef struct {
    uint64_t room;
    myl_rc answer;
    uint64_t position;
    int calls;
} act;

static void count_call(void *arg)
{
    (*(int *)arg)++;
}

static myl_rc act_body(myl_ctx *cx, void *arg)
{
    act *self = arg;
    assert_true(myl_engine_is_writing(cx));
    self->position = myl_engine_next_position(cx);
    myl_key key = myl_key_of_u64(self->position);
    MYL_TRY(myl_store_put(cx, MYL_TABLE_TASKS, myl_key_str(&key), MYL_S("row")));
    myl_engine_note(cx, MYL_NOTE_ROOM, self->room);
    myl_engine_after_commit(cx, count_call, &self->calls);
    if (self->answer != MYL_OK)
        return myl_fail(cx, self->answer, "on purpose");
    return MYL_OK;
}

static void run_acts(act *acts, store_change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        changes[i] = (store_change){.body = act_body, .arg = &acts[i]};
    store_test_batch(test, changes, count);
}

static void one_batch_is_one_commit(void **state)
{
    MYL_UNUSED(state);
    act acts[20] = {{0}};
    store_change changes[20];
    int64_t commits = myl_metric_value(MYL_METRIC_ENGINE_COMMITS);
    for (size_t i = 0; i < 20; i++)
        acts[i].room = 1 + i % 3;
    run_acts(acts, changes, 20);
    assert_int_equal(myl_metric_value(MYL_METRIC_ENGINE_COMMITS), commits + 1);
    assert_int_equal(test->commits, 1);
    assert_int_equal(test->position, 20);
    assert_int_equal(position_now(), 20);
    assert_int_equal(test->note_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(test->notes[i].id, i + 1);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(changes[i].rc, MYL_OK);
        assert_int_equal(acts[i].position, i + 1);
        assert_int_equal(acts[i].calls, 1);
    }
}

static void a_failed_change_leaves_no_trace(void **state)
{
    MYL_UNUSED(state);
    act acts[5] = {{.room = 1},
                   {.room = 2, .answer = MYL_FORBIDDEN},
                   {.room = 3},
                   {.room = 4, .answer = MYL_NEED},
                   {.room = 5}};
    store_change changes[5];
    run_acts(acts, changes, 5);
    assert_int_equal(row_count(MYL_TABLE_TASKS), 3);
    assert_int_equal(position_now(), 3);
    assert_int_equal(test->note_count, 3);
    assert_int_equal(test->notes[1].id, 3);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(changes[i].rc, acts[i].answer);
        assert_int_equal(acts[i].calls, acts[i].answer == MYL_OK ? 1 : 0);
    }
    assert_int_equal(acts[4].position, 3);
}

static void a_batch_of_refusals_commits_nothing(void **state)
{
    MYL_UNUSED(state);
    act acts[2] = {{.answer = MYL_FORBIDDEN}, {.answer = MYL_NOT_FOUND}};
    store_change changes[2];
    int64_t commits = myl_metric_value(MYL_METRIC_ENGINE_COMMITS);
    run_acts(acts, changes, 2);
    assert_int_equal(myl_metric_value(MYL_METRIC_ENGINE_COMMITS), commits);
    assert_int_equal(test->commits, 0);
    assert_int_equal(position_now(), 0);
}

static myl_rc note_only(myl_ctx *cx, void *arg)
{
    MYL_UNUSED(arg);
    myl_engine_note(cx, MYL_NOTE_USER, 9);
    myl_engine_note(cx, MYL_NOTE_ROOM, 9);
    myl_engine_note(cx, MYL_NOTE_USER, 9);
    return MYL_OK;
}

static void notes_come_without_rows_and_once(void **state)
{
    MYL_UNUSED(state);
    assert_int_equal(store_test_run(test, note_only, NULL), MYL_OK);
    assert_int_equal(test->commits, 1);
    assert_int_equal(test->note_count, 2);
    assert_int_equal(test->notes[0].kind, MYL_NOTE_ROOM);
    assert_int_equal(test->notes[1].kind, MYL_NOTE_USER);
}

static void positions_go_on_after_a_restart(void **state)
{
    MYL_UNUSED(state);
    act one = {.room = 1};
    assert_int_equal(store_test_run(test, act_body, &one), MYL_OK);
    store_test_reopen(test);
    assert_int_equal(store_test_run(test, act_body, &one), MYL_OK);
    assert_int_equal(one.position, 2);
    assert_int_equal(position_now(), 2);
}

static myl_rc raise_epoch(myl_ctx *cx, void *arg)
{
    MYL_UNUSED(arg);
    return myl_engine_raise_epoch(cx, 2, 1000);
}

static void an_epoch_is_raised_with_its_positions(void **state)
{
    MYL_UNUSED(state);
    uint64_t epoch;
    act one = {.room = 1};
    assert_int_equal(store_test_run(test, raise_epoch, NULL), MYL_OK);
    assert_int_equal(store_test_run(test, act_body, &one), MYL_OK);
    assert_int_equal(one.position, 1001);
    assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
    assert_int_equal(myl_store_epoch(&test->cx, &epoch), MYL_OK);
    myl_snapshot_close(&test->cx);
    assert_int_equal(epoch, 2);
}

/* ---- limits ---- */

static myl_rc write_much(myl_ctx *cx, void *arg)
{
    size_t left = *(const size_t *)arg;
    size_t piece = 1 << 20;
    char *bytes = myl_alloc(cx, piece);
    for (uint64_t i = 0; left > 0; i++) {
        myl_key key = myl_key_of_u64(i);
        size_t len = left < piece ? left : piece;
        MYL_TRY(myl_store_put(cx, MYL_TABLE_TASKS, myl_key_str(&key), (myl_str){bytes, len}));
        left -= len;
    }
    return MYL_OK;
}

static void a_change_of_too_many_bytes_is_undone(void **state)
{
    MYL_UNUSED(state);
    size_t most = MYL_LIMIT_CHANGE_BYTES - 8 * 8;
    size_t more = most + 1;
    assert_int_equal(store_test_run(test, write_much, &more), MYL_TOO_LARGE);
    assert_int_equal(row_count(MYL_TABLE_TASKS), 0);
    assert_int_equal(store_test_run(test, write_much, &most), MYL_OK);
    assert_int_equal(row_count(MYL_TABLE_TASKS), 8);
}

static myl_rc add_many(myl_ctx *cx, void *arg)
{
    char value[500] = {0};
    for (uint32_t i = 0; i < 2000; i++) {
        memcpy(value, &i, sizeof(i));
        memcpy(value + 4, arg, sizeof(uint32_t));
        MYL_TRY(
            myl_store_add(cx, MYL_TABLE_INTERN_ID, MYL_S("many"), (myl_str){value, sizeof(value)}));
    }
    return MYL_OK;
}

static myl_rc delete_many(myl_ctx *cx, void *arg)
{
    MYL_UNUSED(arg);
    return myl_store_delete(cx, MYL_TABLE_INTERN_ID, MYL_S("many"));
}

static void the_undo_list_counts_too(void **state)
{
    MYL_UNUSED(state);
    uint32_t round = 0;
    uint64_t rows = 0;
    for (; rows * 500 <= MYL_LIMIT_CHANGE_BYTES; rows += 2000, round++) {
        if (round > 0)
            assert_int_equal(row_count(MYL_TABLE_INTERN_ID), rows);
        assert_int_equal(store_test_run(test, add_many, &round), MYL_OK);
    }
    assert_int_equal(store_test_run(test, delete_many, NULL), MYL_TOO_LARGE);
    assert_int_equal(row_count(MYL_TABLE_INTERN_ID), rows);
}

static myl_rc make_events(myl_ctx *cx, void *arg)
{
    int count = *(const int *)arg;
    MYL_TRY(myl_store_put(cx, MYL_TABLE_TASKS, MYL_S("events"), MYL_S("row")));
    for (int i = 0; i < count; i++)
        (void)myl_engine_count_event(cx); /* the engine refuses even when nobody looks */
    return MYL_OK;
}

static myl_rc make_half(myl_ctx *cx, void *arg)
{
    MYL_UNUSED(arg);
    for (int i = 1; i < MYL_LIMIT_CHANGE_EVENTS / 2; i++) {
        MYL_TRY(myl_engine_count_event(cx));
        assert_false(myl_engine_is_half_full(cx));
    }
    MYL_TRY(myl_engine_count_event(cx));
    assert_true(myl_engine_is_half_full(cx));
    return MYL_OK;
}

static myl_rc write_half(myl_ctx *cx, void *arg)
{
    static char row[MYL_LIMIT_CHANGE_BYTES / 16];
    char key = 'a';

    MYL_UNUSED(arg);
    for (; !myl_engine_is_half_full(cx); key++)
        MYL_TRY(
            myl_store_put(cx, MYL_TABLE_TASKS, (myl_str){&key, 1}, (myl_str){row, sizeof(row)}));
    assert_in_range(key - 'a', 7, 8);
    return MYL_OK;
}

static void a_change_knows_when_it_is_half_full(void **state)
{
    MYL_UNUSED(state);
    assert_int_equal(store_test_run(test, make_half, NULL), MYL_OK);
    assert_int_equal(store_test_run(test, write_half, NULL), MYL_OK);
}

static void a_change_of_too_many_events_is_undone(void **state)
{
    MYL_UNUSED(state);
    int count = MYL_LIMIT_CHANGE_EVENTS + 1;
    assert_int_equal(store_test_run(test, make_events, &count), MYL_TOO_LARGE);
    assert_int_equal(row_count(MYL_TABLE_TASKS), 0);
    count--;
    assert_int_equal(store_test_run(test, make_events, &count), MYL_OK);
}

static myl_rc run_long(myl_ctx *cx, void *arg)
{
    uint64_t *reads = arg;
    myl_str value;
    MYL_TRY(myl_store_put(cx, MYL_TABLE_TASKS, MYL_S("long"), MYL_S("row")));
    for (*reads = 0; *reads < UINT64_C(1) << 40; (*reads)++)
        MYL_TRY(myl_store_get(cx, MYL_TABLE_TASKS, MYL_S("long"), &value));
    return MYL_OK;
}

static void a_change_of_too_long_is_undone(void **state)
{
    MYL_UNUSED(state);
    uint64_t reads;
    assert_int_equal(store_test_run(test, run_long, &reads), MYL_TOO_LARGE);
    assert_true(reads > 1024);
    assert_int_equal(row_count(MYL_TABLE_TASKS), 0);
}

static myl_rc swallow_failure(myl_ctx *cx, void *arg)
{
    MYL_UNUSED(arg);
    MYL_TRY(myl_store_put(cx, MYL_TABLE_TASKS, MYL_S("first"), MYL_S("row")));
    (void)myl_store_put(cx, MYL_TABLE_TASKS, MYL_S(""), MYL_S("row"));
    myl_forgive(cx);
    return MYL_OK;
}

static void a_failed_write_cannot_be_swallowed(void **state)
{
    MYL_UNUSED(state);
    assert_int_equal(store_test_run(test, swallow_failure, NULL), MYL_INTERNAL);
    assert_int_equal(row_count(MYL_TABLE_TASKS), 0);
}

/* ---- those who left, and the stop ---- */

static void who_has_left_is_dropped(void **state)
{
    MYL_UNUSED(state);
    static atomic_bool gone = true;
    static atomic_bool here = false;
    act acts[2] = {{.room = 1}, {.room = 2}};
    store_change changes[2] = {{.body = act_body, .arg = &acts[0]},
                               {.body = act_body, .arg = &acts[1]}};
    changes[0].change.gone = &gone;
    changes[1].change.gone = &here;
    store_test_batch(test, changes, 2);
    assert_int_equal(changes[0].rc, MYL_GONE);
    assert_int_equal(changes[1].rc, MYL_OK);
    assert_int_equal(row_count(MYL_TABLE_TASKS), 1);
}

static void batches_are_cut_at_their_limit(void **state)
{
    MYL_UNUSED(state);
    enum { MANY = MYL_LIMIT_ENGINE_BATCH * 2 };
    static act acts[MANY];
    static store_change changes[MANY];
    memset(acts, 0, sizeof(acts));
    memset(changes, 0, sizeof(changes));
    run_acts(acts, changes, MANY);
    /* The gate's change is one more. */
    assert_int_equal(test->commits, 3);
    assert_int_equal(position_now(), MANY);
}

static myl_rc never(myl_change *change)
{
    MYL_UNUSED(change);
    return MYL_OK;
}

static void a_second_writer_is_refused(void **state)
{
    MYL_UNUSED(state);
    myl_engine *second;
    assert_int_equal(myl_engine_start(&test->cx, test->store, NULL, NULL, &second), MYL_BUSY);
    assert_null(second);
    assert_int_equal(myl_store_replay(&test->cx, test->store, MYL_S("\1")), MYL_BUSY);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_change change = {.cx = &cx, .run = never};
    assert_int_equal(myl_engine_run(test->engine, &change), MYL_OK);
    myl_ctx_end(&cx);
}

/* ---- failed commits ---- */

static myl_rc refuse_record(void *arg, myl_str batch)
{
    MYL_UNUSED(batch);
    return *(const myl_rc *)arg;
}

static void a_failed_commit_fails_the_whole_batch(void **state)
{
    MYL_UNUSED(state);
    myl_rc answer = MYL_IO_FAILED;
    act acts[3] = {{.room = 1}, {.room = 2, .answer = MYL_FORBIDDEN}, {.room = 3}};
    store_change changes[3];
    myl_engine_record(test->engine, refuse_record, &answer);
    run_acts(acts, changes, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(changes[i].rc, MYL_IO_FAILED);
        assert_int_equal(acts[i].calls, 0);
    }
    assert_int_equal(test->commits, 0);
    assert_int_equal(row_count(MYL_TABLE_TASKS), 0);
    myl_engine_record(test->engine, NULL, NULL);
    run_acts(acts, changes, 3);
    assert_int_equal(acts[0].position, 1);
    assert_int_equal(changes[1].rc, MYL_FORBIDDEN);
    assert_int_equal(row_count(MYL_TABLE_TASKS), 2);
}

static void a_full_map_fails_and_harms_nothing(void **state)
{
    MYL_UNUSED(state);
    store_test_close(test);
    test->options.map_size = 1 << 20;
    assert_int_equal(store_test_open(test), MYL_OK);
    act one = {.room = 1};
    size_t large = 3 << 20;
    assert_int_equal(store_test_run(test, act_body, &one), MYL_OK);
    myl_str before = store_test_dump(&test->cx, test->store);
    assert_int_equal(store_test_run(test, write_much, &large), MYL_STORE_FULL);
    assert_true(myl_str_equal(before, store_test_dump(&test->cx, test->store)));
    assert_int_equal(store_test_run(test, act_body, &one), MYL_OK);
    assert_int_equal(one.position, 2);
    store_test_close(test);
    test->options.map_size = 1 << 28;
    assert_int_equal(store_test_open(test), MYL_OK);
    assert_int_equal(store_test_run(test, write_much, &large), MYL_OK);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(one_batch_is_one_commit),
        CASE(a_failed_change_leaves_no_trace),
        CASE(a_batch_of_refusals_commits_nothing),
        CASE(notes_come_without_rows_and_once),
        CASE(positions_go_on_after_a_restart),
        CASE(an_epoch_is_raised_with_its_positions),
        CASE(a_change_of_too_many_bytes_is_undone),
        CASE(the_undo_list_counts_too),
        CASE(a_change_knows_when_it_is_half_full),
        CASE(a_change_of_too_many_events_is_undone),
        CASE(a_change_of_too_long_is_undone),
        CASE(a_failed_write_cannot_be_swallowed),
        CASE(who_has_left_is_dropped),
        CASE(batches_are_cut_at_their_limit),
        CASE(a_second_writer_is_refused),
        CASE(a_failed_commit_fails_the_whole_batch),
        CASE(a_full_map_fails_and_harms_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
