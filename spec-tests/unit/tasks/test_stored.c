/* test_stored.c: tasks go on after a stop, are tried again after a failure, and do each step once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/base_test.h"

#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <myelin/base_clock.h>
#include <myelin/base_limit.h>
#include <myelin/base_log.h>
#include <myelin/crypto_sign.h>
#include <myelin/tasks_lane.h>

static char folder[64];
static myl_ctx cx;
static myl_store *store;
static myl_engine *engine;

/* What the steps do; set before they may run, read by the engine thread. */
static atomic_int fail_next; /* so many steps fail */
static atomic_int tell;      /* steps post `entered` */
static sem_t entered;
static sem_t failed;
static sem_t finished;

static void wait_for(sem_t *sem)
{
    while (sem_wait(sem) != 0)
        continue;
}

/* State: "<name> <steps left>". Each step puts a row, so a step done twice is seen. */
static myl_rc count_down(myl_ctx *step_cx, myl_str state, myl_str *next_state, bool *is_finished)
{
    size_t blank = myl_str_find(state, ' ', 0);
    int64_t left = 0;
    MYL_ASSERT(myl_str_to_int(myl_str_slice(state, blank + 1, state.len), &left));
    myl_str row = myl_strf(step_cx, "step %.*s", MYL_FMT(state));
    myl_str was;
    MYL_TRY(myl_store_get(step_cx, MYL_TABLE_META, row, &was));
    if (myl_str_present(was))
        return myl_fail(step_cx, MYL_CORRUPT, "a step ran twice");
    MYL_TRY(myl_store_put(step_cx, MYL_TABLE_META, row, MYL_S("done")));
    if (atomic_load(&tell) != 0)
        sem_post(&entered);
    if (atomic_load(&fail_next) > 0) {
        atomic_fetch_sub(&fail_next, 1);
        sem_post(&failed);
        return myl_fail(step_cx, MYL_REMOTE_DOWN, "the other side sleeps");
    }
    *next_state = myl_strf(step_cx, "%.*s %lld", (int)blank, state.at, (long long)left - 1);
    *is_finished = left == 1;
    return MYL_OK;
}

static void tell_finished(void *arg)
{
    MYL_UNUSED(arg);
    sem_post(&finished);
}

static myl_rc count_down_and_tell(myl_ctx *step_cx, myl_str state, myl_str *next_state,
                                  bool *is_finished)
{
    MYL_TRY(count_down(step_cx, state, next_state, is_finished));
    if (*is_finished)
        myl_engine_after_commit(step_cx, tell_finished, NULL);
    return MYL_OK;
}

static const myl_task_kind count_kind = {"test count down", count_down_and_tell};

static void open_all(bool with_tasks)
{
    myl_store_options options = {.folder = folder, .map_size = 1 << 26, .readers = 16};
    assert_int_equal(myl_store_open(&cx, &options, &store), MYL_OK);
    assert_int_equal(myl_engine_start(&cx, store, NULL, NULL, &engine), MYL_OK);
    if (with_tasks)
        assert_int_equal(myl_tasks_start(&cx, store, engine), MYL_OK);
}

static void close_all(void)
{
    myl_tasks_stop();
    myl_engine_stop(engine);
    myl_store_close(store);
}

static int setup(void **state)
{
    MYL_UNUSED(state);
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%.40s/tasks-XXXXXX", parent != NULL ? parent : "/tmp");
    if (mkdtemp(folder) == NULL)
        return -1;
    myl_ctx_begin(&cx);
    sem_init(&entered, 0, 0);
    sem_init(&failed, 0, 0);
    sem_init(&finished, 0, 0);
    atomic_store(&fail_next, 0);
    atomic_store(&tell, 0);
    myl_clock_hold(1700000000000);
    open_all(true);
    return 0;
}

static int teardown(void **state)
{
    MYL_UNUSED(state);
    close_all();
    remove_store(folder);
    myl_clock_release();
    myl_ctx_end(&cx);
    return 0;
}

/* ---- changes that add tasks ---- */

typedef struct {
    myl_change change; /* first member */
    const char *state;
    size_t state_len; /* instead of state: so many bytes */
    myl_rc answer;
    uint64_t id;
} add_change;

static myl_rc add_run(myl_change *change)
{
    add_change *self = (add_change *)change;
    myl_str state = self->state != NULL
                        ? myl_str_of(self->state)
                        : (myl_str){myl_alloc(change->cx, self->state_len), self->state_len};
    MYL_TRY(myl_task_add(change->cx, "test count down", state, &self->id));
    return self->answer;
}

static myl_rc add(add_change *self)
{
    myl_ctx job;
    myl_ctx_begin(&job);
    self->change = (myl_change){.name = "add", .cx = &job, .run = add_run};
    myl_rc rc = myl_engine_run(engine, &self->change);
    myl_ctx_end(&job);
    return rc;
}

static bool is_done(uint64_t id, myl_str *state, myl_str *error)
{
    bool done;
    assert_int_equal(myl_snapshot_open(&cx, store), MYL_OK);
    assert_int_equal(myl_task_status(&cx, id, &done, state, error), MYL_OK);
    myl_snapshot_close(&cx);
    return done;
}

static void a_task_runs_to_its_end(void **state)
{
    MYL_UNUSED(state);
    myl_str at;
    myl_str error;
    add_change one = {.state = "one 5"};
    assert_int_equal(add(&one), MYL_OK);
    wait_for(&finished);
    assert_true(is_done(one.id, &at, &error));
    assert_false(myl_str_present(error));
    assert_true(is_done(one.id + 1000, &at, &error));
}

static void many_tasks_run_in_turns(void **state)
{
    MYL_UNUSED(state);
    myl_str at;
    myl_str error;
    add_change many[3 * MYL_LIMIT_TASKS_RUNNING];
    char states[3 * MYL_LIMIT_TASKS_RUNNING][24];
    size_t count = sizeof(many) / sizeof(many[0]);
    for (size_t i = 0; i < count; i++) {
        snprintf(states[i], sizeof(states[i]), "n%zu 7", i);
        many[i] = (add_change){.state = states[i]};
        assert_int_equal(add(&many[i]), MYL_OK);
    }
    for (size_t i = 0; i < count; i++)
        wait_for(&finished);
    for (size_t i = 0; i < count; i++)
        assert_true(is_done(many[i].id, &at, &error));
}

static void an_undone_change_adds_no_task(void **state)
{
    MYL_UNUSED(state);
    myl_str at;
    myl_str error;
    add_change one = {.state = "undone 1", .answer = MYL_FORBIDDEN};
    int64_t before = myl_metric_value(MYL_METRIC_TASKS_WAITING);
    assert_int_equal(add(&one), MYL_FORBIDDEN);
    assert_true(is_done(one.id, &at, &error));
    assert_int_equal(myl_metric_value(MYL_METRIC_TASKS_WAITING), before);
}

static void a_state_has_a_limit(void **state)
{
    MYL_UNUSED(state);
    add_change large = {.state_len = MYL_LIMIT_TASK_STATE + 1};
    assert_int_equal(add(&large), MYL_TOO_LARGE);
}

static void a_failed_step_is_undone_and_tried_again(void **state)
{
    MYL_UNUSED(state);
    myl_str at;
    myl_str error;
    add_change one = {.state = "retry 3"};
    atomic_store(&fail_next, 3);
    assert_int_equal(add(&one), MYL_OK);
    for (int i = 0; i < 3; i++) {
        wait_for(&failed);
        /* The clock stands; the step comes again only because it is moved. */
        while (!myl_str_present((is_done(one.id, &at, &error), error)))
            sched_yield();
        assert_true(myl_str_equal(error, MYL_S("REMOTE_DOWN: the other side sleeps")));
        assert_true(myl_str_equal(at, MYL_S("retry 3")));
        myl_clock_advance(10 * 60 * 1000);
        myl_tasks_wake();
    }
    wait_for(&finished);
    assert_true(is_done(one.id, &at, &error));
}

/* Steps whose rows are there: exactly those above `left` of `all`. */
static void expect_steps(int64_t all, int64_t left)
{
    assert_int_equal(myl_snapshot_open(&cx, store), MYL_OK);
    for (int64_t i = 1; i <= all; i++) {
        myl_str value;
        myl_str row = myl_strf(&cx, "step resume %lld", (long long)i);
        assert_int_equal(myl_store_get(&cx, MYL_TABLE_META, row, &value), MYL_OK);
        assert_int_equal(myl_str_present(value), i > left);
    }
    myl_snapshot_close(&cx);
}

static void stops_between_steps_lose_and_repeat_nothing(void **state)
{
    MYL_UNUSED(state);
    myl_str at;
    myl_str error;
    int64_t left = 100;
    int64_t stops = 0;
    add_change one = {.state = "resume 100"};
    atomic_store(&tell, 1);
    assert_int_equal(add(&one), MYL_OK);
    while (left > 0) {
        for (int64_t steps = 0; steps <= stops % 6 && steps < left; steps++)
            wait_for(&entered);
        close_all();
        stops++;
        open_all(false);
        int64_t before = left;
        left = 0;
        if (!is_done(one.id, &at, &error))
            assert_true(myl_str_to_int(myl_str_slice(at, 7, at.len), &left));
        assert_true(left < before);
        expect_steps(100, left);
        while (sem_trywait(&entered) == 0)
            continue;
        assert_int_equal(myl_tasks_start(&cx, store, engine), MYL_OK);
    }
    print_message("%d stops\n", (int)stops);
    wait_for(&finished);
}

static void the_wait_after_a_failure_is_stored(void **state)
{
    MYL_UNUSED(state);
    myl_str at;
    myl_str error;
    add_change one = {.state = "later 1"};
    atomic_store(&fail_next, 1);
    assert_int_equal(add(&one), MYL_OK);
    wait_for(&failed);
    while (!myl_str_present((is_done(one.id, &at, &error), error)))
        sched_yield();
    close_all();
    open_all(true);
    assert_false(is_done(one.id, &at, &error));
    myl_clock_advance(10 * 60 * 1000);
    myl_tasks_wake();
    wait_for(&finished);
}

/* ---- steps that wait ---- */

static sem_t gate;
static atomic_int waits;
static atomic_int waits_fail; /* so many waits fail */

/* What a step waits for is counted in its job. */
static myl_rc bring_one(myl_ctx *step_cx)
{
    int **had = (int **)(void *)&step_cx->policy;

    atomic_fetch_add(&waits, 1);
    wait_for(&gate);
    if (atomic_load(&waits_fail) > 0) {
        atomic_fetch_sub(&waits_fail, 1);
        sem_post(&failed);
        return myl_fail(step_cx, MYL_REMOTE_DOWN, "it does not come");
    }
    if (*had == NULL)
        *had = myl_new(step_cx, int);
    (**had)++;
    return MYL_OK;
}

/* Each step needs three things. */
static myl_rc need_three(myl_ctx *step_cx, myl_str state, myl_str *next_state, bool *is_finished)
{
    const int *had = (const int *)(const void *)step_cx->policy;

    MYL_TRY(count_down_and_tell(step_cx, state, next_state, is_finished));
    if (had == NULL || *had < 3)
        return myl_fail(step_cx, MYL_UNSIGNED, "one thing more");
    return MYL_OK;
}

static const myl_task_kind need_kind = {"test need", need_three};
static const myl_task_wait for_three = {MYL_UNSIGNED, MYL_LANE_TASKS, bring_one};

static myl_rc add_need_run(myl_change *change)
{
    add_change *self = (add_change *)change;

    return myl_task_add(change->cx, "test need", myl_str_of(self->state), &self->id);
}

static void add_need(add_change *self)
{
    myl_ctx job;

    myl_ctx_begin(&job);
    self->change = (myl_change){.name = "add", .cx = &job, .run = add_need_run};
    assert_int_equal(myl_engine_run(engine, &self->change), MYL_OK);
    myl_ctx_end(&job);
}

static void open_gate(int passes)
{
    for (int i = 0; i < passes; i++)
        sem_post(&gate);
}

static void a_step_waits_and_runs_again(void **state)
{
    MYL_UNUSED(state);
    myl_str at, error;
    add_change one = {.state = "need 2"};

    atomic_store(&waits, 0);
    open_gate(6);
    add_need(&one);
    wait_for(&finished);
    assert_true(is_done(one.id, &at, &error));
    assert_int_equal(atomic_load(&waits), 6); /* each step begins with nothing */
}

static void who_waits_takes_nobodys_turn(void **state)
{
    MYL_UNUSED(state);
    add_change waiting[MYL_LIMIT_TASKS_RUNNING + 2], other = {.state = "passes 9"};
    char states[MYL_LIMIT_TASKS_RUNNING + 2][24];
    int count = MYL_LIMIT_TASKS_RUNNING + 2;

    for (int i = 0; i < count; i++) {
        snprintf(states[i], sizeof(states[i]), "slow%d 1", i);
        waiting[i] = (add_change){.state = states[i]};
        add_need(&waiting[i]);
    }
    assert_int_equal(add(&other), MYL_OK);
    wait_for(&finished); /* all others stand before the gate */
    open_gate(3 * count);
    for (int i = 0; i < count; i++)
        wait_for(&finished);
}

static void a_wait_that_fails_is_the_steps_failure(void **state)
{
    MYL_UNUSED(state);
    myl_str at, error;
    add_change one = {.state = "fails 1"};

    atomic_store(&waits_fail, 1);
    open_gate(4);
    add_need(&one);
    wait_for(&failed);
    while (!myl_str_present((is_done(one.id, &at, &error), error)))
        sched_yield();
    assert_true(myl_str_equal(error, MYL_S("REMOTE_DOWN: it does not come")));
    myl_clock_advance(10 * 60 * 1000);
    myl_tasks_wake();
    wait_for(&finished);
}

/* A row that a newer program left, or a retired kind: kept, with the reason. */
static myl_rc put_unknown(myl_change *change)
{
    myl_text row = MYL_TEXT(change->cx);
    myl_key key = myl_key_of_u64(77);
    myl_row_str(&row, MYL_S("kind from the future"));
    myl_row_str(&row, MYL_S("state"));
    myl_row_u32(&row, 0);
    myl_row_u64(&row, 0);
    myl_row_str(&row, MYL_S(""));
    return myl_store_put(change->cx, MYL_TABLE_TASKS, myl_key_str(&key), myl_text_str(&row));
}

static void an_unknown_kind_is_kept(void **state)
{
    MYL_UNUSED(state);
    myl_str at;
    myl_str error = MYL_ABSENT;
    myl_ctx job;
    myl_ctx_begin(&job);
    myl_change change = {.name = "unknown", .cx = &job, .run = put_unknown};
    assert_int_equal(myl_engine_run(engine, &change), MYL_OK);
    myl_ctx_end(&job);
    close_all();
    open_all(true);
    while (!myl_str_present(error))
        assert_false(is_done(77, &at, &error));
    assert_true(myl_str_starts(error, MYL_S("INTERNAL: this program does not know")));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_task_runs_to_its_end),
        CASE(many_tasks_run_in_turns),
        CASE(an_undone_change_adds_no_task),
        CASE(a_state_has_a_limit),
        CASE(a_failed_step_is_undone_and_tried_again),
        CASE(stops_between_steps_lose_and_repeat_nothing),
        CASE(the_wait_after_a_failure_is_stored),
        CASE(a_step_waits_and_runs_again),
        CASE(who_waits_takes_nobodys_turn),
        CASE(a_wait_that_fails_is_the_steps_failure),
        CASE(an_unknown_kind_is_kept),
    };
    int wrong;

    myl_crypto_start();
    sem_init(&gate, 0, 0);
    myl_tasks_register(&count_kind);
    myl_tasks_register(&need_kind);
    myl_tasks_wait_for(&for_three);
    myl_lanes_start(NULL);
    wrong = cmocka_run_group_tests(tests, NULL, NULL);
    myl_lanes_stop();
    return wrong;
}
