/* lanes.c: threads for work that waits or takes long; one slow kind never holds up another.
 *
 * Callers: http/ for SLOW endpoints and plans, fed/ and outbox/ for their jobs.
 * Threads: submit from any; a job runs on one of its lane's threads. No lock but the queue's.
 * Memory:  a job belongs to its submitter until it runs, then to its run function.
 * Holds:   a lane's queue is bounded by its row; nothing that was taken in is lost at the stop.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/tasks_lane.h>

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>

#include <myelin/base_table.h>

typedef struct {
    const char *name;
    uint32_t threads;
    size_t limit;
} lane_row;

static const lane_row rows[MYL_LANE_COUNT] = {
#define LANE(name, threads, limit, what) {#name, threads, limit},
#include "tasks/lanes.def"
#undef LANE
};

typedef struct {
    const lane_row *row;
    myl_queue *queue;
    pthread_t *threads;
    uint32_t count;
} lane;

static lane lanes[MYL_LANE_COUNT];
static atomic_bool stopping;

static void name_thread(const lane_row *row)
{
    char name[16] = "lane-";
    for (size_t i = 0; row->name[i] != '\0' && i + 5 < sizeof(name) - 1; i++)
        name[i + 5] = (char)tolower((unsigned char)row->name[i]);
    pthread_setname_np(pthread_self(), name);
}

static void *lane_thread(void *arg)
{
    lane *self = arg;
    name_thread(self->row);
    for (;;) {
        myl_queue_item *item = myl_queue_take(self->queue);
        if (item == NULL)
            return NULL;
        myl_job *job = MYL_OF(item, myl_job, item);
        job->run(job);
    }
}

static void lane_start(lane *self, const lane_row *row, uint32_t threads)
{
    self->row = row;
    self->queue = myl_queue_start(row->limit, NULL, NULL);
    self->count = 0;
    self->threads = myl_process_alloc(threads * sizeof(*self->threads));
    while (self->count < threads &&
           pthread_create(&self->threads[self->count], NULL, lane_thread, self) == 0)
        self->count++;
    MYL_ASSERT(self->count > 0); /* at start: a machine without threads cannot serve */
}

void myl_lanes_start(const uint32_t threads[MYL_LANE_COUNT])
{
    atomic_store(&stopping, false);
    for (int i = 0; i < MYL_LANE_COUNT; i++) {
        uint32_t count = threads != NULL && threads[i] > 0 ? threads[i] : rows[i].threads;
        lane_start(&lanes[i], &rows[i], count);
    }
}

myl_rc myl_lane_submit(myl_lane which, myl_job *job)
{
    MYL_ASSERT(which < MYL_LANE_COUNT && lanes[which].queue != NULL);
    return myl_queue_put(lanes[which].queue, &job->item);
}

bool myl_lanes_stopping(void)
{
    return atomic_load_explicit(&stopping, memory_order_relaxed);
}

void myl_lanes_stop(void)
{
    atomic_store(&stopping, true);
    for (int i = 0; i < MYL_LANE_COUNT; i++)
        myl_queue_close(lanes[i].queue);
    for (int i = 0; i < MYL_LANE_COUNT; i++) {
        for (uint32_t t = 0; t < lanes[i].count; t++)
            pthread_join(lanes[i].threads[t], NULL);
    }
    /* Only now: a job of one lane may have handed work to another. */
    for (int i = 0; i < MYL_LANE_COUNT; i++) {
        myl_queue_end(lanes[i].queue);
        myl_process_free(lanes[i].threads);
        lanes[i] = (lane){0};
    }
}
