/* tasks_lane.h: job lanes: threads for work that waits or takes long, and long work as stored steps.
 *
 * Lanes are rows of src/tasks/lanes.def: LANE(NAME, default threads, queue limit, "what for"). One slow kind of work never
 * holds up another; a full lane answers MYL_BUSY. Straight-line code that may wait runs here; it holds no
 * snapshot while it waits.
 * Threads: submit from any; jobs run on the lane's threads.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_TASKS_LANE_H
#define MYELIN_TASKS_LANE_H

#include <myelin/store_check.h>
#include <myelin/store_engine.h>

typedef enum {
#define LANE(name, threads, limit, what) MYL_LANE_##name,
#include "tasks/lanes.def"
#undef LANE
    MYL_LANE_COUNT
} myl_lane;

typedef struct myl_job {
    myl_queue_item item;
    void (*run)(struct myl_job *job); /* on a lane thread; owns what comes after */
} myl_job;

/* threads[i] 0, or threads NULL: the row's default. */
void myl_lanes_start(const uint32_t threads[MYL_LANE_COUNT]);
myl_rc myl_lane_submit(myl_lane lane, myl_job *job);
/* Refuses new jobs, finishes running ones; queued ones run with *stopping seen by myl_lanes_stopping. */
void myl_lanes_stop(void);
bool myl_lanes_stopping(void);

/* ---- tasks: stored, resumed after a crash ---- */
/* A kind of long work. step runs as a change on the engine: it does a bounded piece, updates `state` and sets *finished.
 * On an error the task is kept with the error's words and retried with back-off. */
typedef struct {
    const char *kind; /* stored; never reused for something else */
    myl_rc (*step)(myl_ctx *cx, myl_str state, myl_str *next_state, bool *finished);
} myl_task_kind;
/* A step that answers `code` waits: its job goes to the lane, where `run` brings what it needs (no transaction is open), and the step
 * runs again from the top with what the job holds. What `run` answers but MYL_OK is the step's failure. */
typedef struct {
    myl_rc code;
    myl_lane lane;
    myl_rc (*run)(myl_ctx *cx);
} myl_task_wait;
/* At start, before myl_tasks_start; NULL: nothing is waited for. `wait` has process lifetime. */
void myl_tasks_wait_for(const myl_task_wait *wait);
/* In a step that does not finish: the next one comes not before so much time has passed (or at the next start). */
void myl_task_sleep(int64_t ms);
/* Work that comes again: `run` is a change, at the start of the server and then each time that every_ms have passed since it
 * ended. It is short: what is long it adds as a task. */
typedef struct {
    const char *name;
    int64_t every_ms;
    myl_rc (*run)(myl_ctx *cx);
} myl_round;
/* At start, before myl_tasks_start, as kinds are. `round` has process lifetime. */
void myl_rounds_register(const myl_round *round);
/* At start, before myl_tasks_start. */
void myl_tasks_register(const myl_task_kind *kind);
/* Resumes what a former run left. Steps of at most TASKS_RUNNING tasks are under way at once, in turns. */
myl_rc myl_tasks_start(myl_ctx *cx, myl_store *store, myl_engine *engine);
/* Waits for the steps under way; the engine still runs, or has been stopped before. */
void myl_tasks_stop(void);
/* Look at the clock now: for tests that have moved it. */
void myl_tasks_wake(void);
/* Inside a change: a new task of a registered kind; runs after the commit. `id` is its number, a position of its own.
 * MYL_TOO_LARGE when the state is longer than TASK_STATE. */
myl_rc myl_task_add(myl_ctx *cx, const char *kind, myl_str state, uint64_t *id);
/* The same, but its first step runs when the wall clock says due_ms, not before. */
myl_rc myl_task_add_at(myl_ctx *cx, const char *kind, myl_str state, int64_t due_ms, uint64_t *id);
/* In a transaction: is it there still? done: finished or unknown; `error`: why it last failed, or absent. */
myl_rc myl_task_status(myl_ctx *cx, uint64_t id, bool *done, myl_str *state, myl_str *error);

/* All that are stored, the oldest first. `error`: why it last failed and waits, or absent. */
typedef struct {
    uint64_t id;
    myl_str kind, error;
} myl_task_info;
myl_rc myl_task_list(myl_ctx *cx, const myl_task_info **tasks, size_t *count);

/* For `myelin check`. */
extern const myl_check_row myl_tasks_checks[];

#endif
