/* test_lanes.c: lanes run jobs on threads of their own, refuse when full, lose nothing at the stop.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>

#include <myelin/tasks_lane.h>

typedef struct {
    myl_job job; /* first member */
    sem_t *gate; /* waits here when given */
    sem_t *ran;
    bool saw_stopping;
    int runs;
} test_job;

static void wait_for(sem_t *sem)
{
    while (sem_wait(sem) != 0)
        continue;
}

static void run(myl_job *job)
{
    test_job *self = (test_job *)job;
    if (self->gate != NULL)
        wait_for(self->gate);
    self->saw_stopping = myl_lanes_stopping();
    self->runs++;
    sem_post(self->ran);
}

static void every_lane_runs_its_jobs(void **state)
{
    MYL_UNUSED(state);
    sem_t ran;
    test_job jobs[MYL_LANE_COUNT];
    sem_init(&ran, 0, 0);
    myl_lanes_start(NULL);
    for (int i = 0; i < MYL_LANE_COUNT; i++) {
        jobs[i] = (test_job){.job = {.run = run}, .ran = &ran};
        assert_int_equal(myl_lane_submit((myl_lane)i, &jobs[i].job), MYL_OK);
    }
    for (int i = 0; i < MYL_LANE_COUNT; i++)
        wait_for(&ran);
    for (int i = 0; i < MYL_LANE_COUNT; i++) {
        assert_int_equal(jobs[i].runs, 1);
        assert_false(jobs[i].saw_stopping);
    }
    myl_lanes_stop();
    sem_destroy(&ran);
}

static void a_slow_lane_holds_up_no_other(void **state)
{
    MYL_UNUSED(state);
    sem_t ran;
    sem_t gate;
    sem_init(&ran, 0, 0);
    sem_init(&gate, 0, 0);
    const uint32_t threads[MYL_LANE_COUNT] = {[MYL_LANE_HEAVY] = 1, [MYL_LANE_PASSWORD] = 2};
    test_job slow = {.job = {.run = run}, .gate = &gate, .ran = &ran};
    test_job quick = {.job = {.run = run}, .ran = &ran};
    test_job same_lane = {.job = {.run = run}, .ran = &ran};
    test_job partner = {.job = {.run = run}, .gate = &gate, .ran = &ran};
    myl_lanes_start(threads);
    assert_int_equal(myl_lane_submit(MYL_LANE_HEAVY, &slow.job), MYL_OK);
    assert_int_equal(myl_lane_submit(MYL_LANE_REMOTE, &quick.job), MYL_OK);
    wait_for(&ran);
    assert_int_equal(quick.runs, 1);
    /* A lane with two threads has room beside one slow job. */
    assert_int_equal(myl_lane_submit(MYL_LANE_PASSWORD, &partner.job), MYL_OK);
    assert_int_equal(myl_lane_submit(MYL_LANE_PASSWORD, &same_lane.job), MYL_OK);
    wait_for(&ran);
    assert_int_equal(same_lane.runs, 1);
    sem_post(&gate);
    sem_post(&gate);
    myl_lanes_stop();
    assert_int_equal(slow.runs, 1);
    assert_int_equal(partner.runs, 1);
    sem_destroy(&ran);
    sem_destroy(&gate);
}

/* Posts `started` when it runs, then waits at the gate. */
typedef struct {
    test_job inner; /* first member */
    sem_t *started;
} announced_job;

static void run_announced(myl_job *job)
{
    sem_post(((announced_job *)job)->started);
    run(job);
}

static void a_full_lane_refuses_and_a_stop_runs_the_rest(void **state)
{
    MYL_UNUSED(state);
    enum { MOST = 256 }; /* HEAVY's row */
    static test_job waiting[MOST];
    sem_t ran;
    sem_t started;
    sem_t gate;
    sem_init(&ran, 0, 0);
    sem_init(&started, 0, 0);
    sem_init(&gate, 0, 0);
    announced_job slow = {{.job = {.run = run_announced}, .gate = &gate, .ran = &ran}, &started};
    test_job extra = {.job = {.run = run}, .ran = &ran};
    myl_lanes_start(NULL);
    assert_int_equal(myl_lane_submit(MYL_LANE_HEAVY, &slow.inner.job), MYL_OK);
    wait_for(&started); /* its one thread is taken; the queue is empty */
    for (size_t i = 0; i < MOST; i++) {
        waiting[i] = (test_job){.job = {.run = run}, .ran = &ran};
        assert_int_equal(myl_lane_submit(MYL_LANE_HEAVY, &waiting[i].job), MYL_OK);
    }
    assert_int_equal(myl_lane_submit(MYL_LANE_HEAVY, &extra.job), MYL_BUSY);
    sem_post(&gate);
    myl_lanes_stop();
    for (size_t i = 0; i < MOST; i++)
        assert_int_equal(waiting[i].runs, 1);
    assert_int_equal(extra.runs, 0);
    assert_int_equal(slow.inner.runs, 1);
    sem_destroy(&ran);
    sem_destroy(&started);
    sem_destroy(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_lane_runs_its_jobs),
        cmocka_unit_test(a_slow_lane_holds_up_no_other),
        cmocka_unit_test(a_full_lane_refuses_and_a_stop_runs_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
