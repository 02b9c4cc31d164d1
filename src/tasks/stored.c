/* stored.c: long work as stored steps that go on after a crash.
 *
 * Why:     a change has a limit; a purge, a large join or a deactivation is done in many, and its state is stored
 *          with each, so a crash loses or repeats nothing.
 * Callers: higher folders register kinds at start and add tasks inside changes.
 * Threads: steps run on the engine thread; one thread of its own (`tasks`) hands them in and keeps the times of
 *          those that failed. They speak by the inbox; the lists belong to the thread. No lock.
 * Memory:  one struct a stored task, process memory, from its start until it is finished or the server stops.
 * Holds:   a task has at most one change under way; a step's rows and the task's new state are one change. A task's
 *          number is a position, so it is never used twice. What waits on a lane counts for nobody's turn.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/tasks_lane.h>

#include <pthread.h>

#include <myelin/base_clock.h>
#include <myelin/base_limit.h>
#include <myelin/base_list.h>
#include <myelin/base_log.h>
#include <myelin/base_table.h>
#include <myelin/crypto_sign.h>

#define KINDS 64
#define ROUNDS 16
#define BACK_OFF_FIRST_MS 1000
#define BACK_OFF_MOST_MS (5 * 60 * 1000)
#define ENGINE_FULL_MS 50  /* until a step is handed in again */
#define LOOK_AGAIN_MS 1000 /* at most this long without a look at the clock */
#define WAITS_MOST 300     /* times that one step may wait: more than the events that it makes */

typedef struct task {
    myl_queue_item item;
    myl_change change;
    myl_job job; /* while it waits on a lane */
    myl_ctx cx;
    uint64_t number;
    struct task *next;   /* in one of the runner's lists */
    int64_t due_tick_ms; /* in `later` */
    uint32_t tries;      /* failures in a row */
    uint32_t waits;      /* of this step */
    enum { TASK_NEW, TASK_STEP, TASK_WAIT, TASK_FAILURE, TASK_ROUND } doing;
    bool finished;
    int64_t sleep_ms;       /* what its last step asked for */
    const myl_round *round; /* NULL: a stored task */
    myl_rc rc;
} task;

/* A row of TASKS. */
typedef struct {
    myl_str kind;
    myl_str state;
    uint32_t tries;
    int64_t due_ms; /* wall clock; when it may be tried again */
    myl_str error;
} task_row;

static struct {
    myl_store *store;
    myl_engine *engine;
    myl_queue *inbox; /* new and answered tasks */
    pthread_t thread;
    bool started;
    atomic_bool stopping;
    task *ready;
    task **ready_end;
    task *later;    /* by due time */
    size_t running; /* changes under way */
    size_t waiting; /* jobs on a lane */
} runner;

static const myl_task_kind *kinds[KINDS];
static size_t kind_count;
static const myl_round *rounds[ROUNDS];
static size_t round_count;
static const myl_task_wait *waits_for;
static task *stepping; /* on the engine thread: whose step runs */

/* ---- rows ---- */

static myl_rc row_read(myl_ctx *cx, uint64_t number, task_row *out, bool *there)
{
    myl_str value;
    uint64_t due;
    myl_key key = myl_key_of_u64(number);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_TASKS, myl_key_str(&key), &value));
    *there = myl_str_present(value);
    if (!*there)
        return MYL_OK;
    value = myl_keep(cx, value);
    if (!myl_cut_str(&value, &out->kind) || !myl_cut_str(&value, &out->state) ||
        !myl_cut_u32(&value, &out->tries) || !myl_cut_u64(&value, &due) ||
        !myl_cut_str(&value, &out->error))
        return myl_fail(cx, MYL_CORRUPT, "task %llu has a damaged row", (unsigned long long)number);
    out->due_ms = (int64_t)due;
    return MYL_OK;
}

static myl_rc row_write(myl_ctx *cx, uint64_t number, const task_row *row)
{
    if (row->state.len > MYL_LIMIT_TASK_STATE)
        return myl_fail(cx, MYL_TOO_LARGE, "the state of a task has %zu bytes", row->state.len);
    myl_text value = MYL_TEXT(cx);
    myl_key key = myl_key_of_u64(number);
    myl_row_str(&value, row->kind);
    myl_row_str(&value, row->state);
    myl_row_u32(&value, row->tries);
    myl_row_u64(&value, (uint64_t)row->due_ms);
    myl_row_str(&value, row->error);
    return myl_store_put(cx, MYL_TABLE_TASKS, myl_key_str(&key), myl_text_str(&value));
}

static const myl_task_kind *kind_of(myl_str name)
{
    for (size_t i = 0; i < kind_count; i++) {
        if (myl_str_equal(name, myl_str_of(kinds[i]->kind)))
            return kinds[i];
    }
    return NULL;
}

/* ---- changes, on the engine thread ---- */

static myl_rc step_run(myl_change *change)
{
    task *self = MYL_OF(change, task, change);
    myl_ctx *cx = change->cx;
    task_row row;
    bool there;
    self->finished = false;
    MYL_TRY(row_read(cx, self->number, &row, &there));
    if (!there) {
        self->finished = true;
        return MYL_OK;
    }
    const myl_task_kind *kind = kind_of(row.kind);
    if (kind == NULL)
        return myl_fail(cx, MYL_INTERNAL, "this program does not know tasks of kind %.*s",
                        MYL_FMT(row.kind));
    myl_str next_state = row.state;
    stepping = self;
    self->sleep_ms = 0;
    MYL_TRY(kind->step(cx, row.state, &next_state, &self->finished));
    if (self->finished) {
        myl_key key = myl_key_of_u64(self->number);
        return myl_store_delete(cx, MYL_TABLE_TASKS, myl_key_str(&key));
    }
    row = (task_row){.kind = row.kind, .state = next_state, .error = MYL_S("")};
    return row_write(cx, self->number, &row);
}

static myl_rc round_run(myl_change *change)
{
    task *self = MYL_OF(change, task, change);
    return self->round->run(change->cx);
}

void myl_task_sleep(int64_t ms)
{
    stepping->sleep_ms = ms;
}

static int64_t back_off_ms(uint32_t tries)
{
    int64_t wait = BACK_OFF_FIRST_MS;
    for (uint32_t i = 1; i < tries && wait < BACK_OFF_MOST_MS; i++)
        wait *= 2;
    if (wait > BACK_OFF_MOST_MS)
        wait = BACK_OFF_MOST_MS;
    return wait - (int64_t)(myl_crypto_random_u64() % (uint64_t)(wait / 4));
}

/* Stores why the step failed; the reason is still in cx. */
static myl_rc failure_run(myl_change *change)
{
    task *self = MYL_OF(change, task, change);
    task_row row;
    bool there;
    MYL_TRY(row_read(change->cx, self->number, &row, &there));
    if (!there)
        return MYL_OK;
    row.tries = self->tries;
    row.due_ms = myl_now_ms() + (self->due_tick_ms - myl_tick_ms());
    row.error = myl_strf(change->cx, "%s: %.*s", myl_error_of(self->rc)->name,
                         MYL_FMT(change->cx->error.detail));
    return row_write(change->cx, self->number, &row);
}

static void answered(myl_change *change, myl_rc rc)
{
    task *self = MYL_OF(change, task, change);
    if (self->doing == TASK_STEP || self->doing == TASK_ROUND)
        self->rc = rc;
    /* The inbox is open until no task is under way. */
    MYL_ASSERT(myl_queue_put(runner.inbox, &self->item) == MYL_OK);
}

/* ---- the runner's lists, on its own thread ---- */

static task *task_make(uint64_t number)
{
    task *made = myl_process_alloc(sizeof(*made));
    made->number = number;
    made->doing = TASK_NEW;
    myl_ctx_begin(&made->cx);
    myl_metric_add(MYL_METRIC_TASKS_WAITING, 1);
    return made;
}

static void task_drop(task *gone)
{
    if (gone->round == NULL)
        myl_metric_add(MYL_METRIC_TASKS_WAITING, -1);
    myl_ctx_end(&gone->cx);
    myl_process_free(gone);
}

static void add_ready(task *self)
{
    self->next = NULL;
    *runner.ready_end = self;
    runner.ready_end = &self->next;
}

static void add_later(task *self, int64_t due_tick_ms)
{
    task **at = &runner.later;
    self->due_tick_ms = due_tick_ms;
    while (*at != NULL && (*at)->due_tick_ms <= due_tick_ms)
        at = &(*at)->next;
    self->next = *at;
    *at = self;
}

static void hand_in(task *self, int doing)
{
    self->doing = (unsigned char)doing;
    self->change = (myl_change){.name = doing == TASK_STEP ? "task step" : "task failure",
                                .cx = &self->cx,
                                .run = doing == TASK_STEP    ? step_run
                                       : doing == TASK_ROUND ? round_run
                                                             : failure_run,
                                .done = answered};
    myl_rc rc = myl_engine_submit(runner.engine, &self->change);
    if (rc == MYL_OK)
        runner.running++;
    else if (rc == MYL_BUSY)
        add_later(self, myl_tick_ms() + ENGINE_FULL_MS);
    else
        task_drop(self); /* stopping: it is stored, and goes on at the next start */
}

static void step_failed(task *self)
{
    myl_metric_add(MYL_METRIC_TASK_FAILURES, 1);
    if (myl_error_of(self->rc)->kind == MYL_KIND_FAULT)
        myl_log_failure(&self->cx, "tasks");
    self->tries++;
    self->due_tick_ms = myl_tick_ms() + back_off_ms(self->tries);
    hand_in(self, TASK_FAILURE);
}

/* ---- a step that waits for something ---- */

static void wait_on_lane(myl_job *job)
{
    task *self = MYL_OF(job, task, job);

    self->rc = waits_for->run(&self->cx);
    MYL_ASSERT(myl_queue_put(runner.inbox, &self->item) == MYL_OK);
}

/* Is the answer of its step one that is waited for? Then its job, with what it holds, goes to the lane. */
static bool begin_wait(task *self)
{
    if (waits_for == NULL || self->rc != waits_for->code || self->waits == WAITS_MOST)
        return false;
    self->waits++;
    myl_forgive(&self->cx);
    self->doing = TASK_WAIT;
    self->job = (myl_job){.run = wait_on_lane};
    if (myl_lane_submit(waits_for->lane, &self->job) == MYL_OK)
        runner.waiting++;
    else
        add_later(self,
                  myl_tick_ms() + ENGINE_FULL_MS); /* the step runs again, and comes here again */
    return true;
}

static void wait_ended(task *self)
{
    runner.waiting--;
    if (self->rc == MYL_OK)
        add_ready(self);
    else
        step_failed(self);
}

static void round_ended(task *self)
{
    runner.running--;
    if (self->rc != MYL_OK)
        myl_log_failure(&self->cx, "tasks");
    myl_ctx_reset(&self->cx);
    add_later(self, myl_tick_ms() + self->round->every_ms);
}

static void take_answer(task *self)
{
    switch (self->doing) {
    case TASK_NEW: add_later(self, self->due_tick_ms); return;
    case TASK_FAILURE:
        runner.running--;
        myl_ctx_reset(&self->cx);
        add_later(self, self->due_tick_ms);
        return;
    case TASK_ROUND: round_ended(self); return;
    case TASK_WAIT: wait_ended(self); return;
    case TASK_STEP: break;
    }
    runner.running--;
    if (begin_wait(self))
        return;
    self->waits = 0;
    if (self->rc != MYL_OK) {
        step_failed(self);
        return;
    }
    self->tries = 0;
    myl_ctx_reset(&self->cx);
    if (self->finished)
        task_drop(self);
    else if (self->sleep_ms > 0)
        add_later(self, myl_tick_ms() + self->sleep_ms);
    else
        add_ready(self);
}

static void run_ready(void)
{
    int64_t now = myl_tick_ms();
    while (runner.later != NULL && runner.later->due_tick_ms <= now) {
        task *due = runner.later;
        runner.later = due->next;
        add_ready(due);
    }
    while (runner.ready != NULL && runner.running < MYL_LIMIT_TASKS_RUNNING) {
        task *first = runner.ready;
        runner.ready = first->next;
        if (runner.ready == NULL)
            runner.ready_end = &runner.ready;
        hand_in(first, first->round != NULL ? TASK_ROUND : TASK_STEP);
    }
}

static int64_t wait_ms(void)
{
    int64_t wait = LOOK_AGAIN_MS;
    if (runner.later != NULL && runner.later->due_tick_ms - myl_tick_ms() < wait)
        wait = runner.later->due_tick_ms - myl_tick_ms();
    return wait < 0 ? 0 : wait;
}

static void drop_all(task **list)
{
    while (*list != NULL) {
        task *first = *list;
        *list = first->next;
        task_drop(first);
    }
}

static task wake_item; /* not a task: its arrival alone matters */
static atomic_bool wake_sent;

static void *tasks_thread(void *arg)
{
    MYL_UNUSED(arg);
    pthread_setname_np(pthread_self(), "tasks");
    while (runner.running + runner.waiting > 0 || !atomic_load(&runner.stopping)) {
        myl_queue_item *item = myl_queue_wait_all(runner.inbox, wait_ms());
        while (item != NULL) {
            task *self = MYL_OF(item, task, item);
            item = item->next;
            if (self == &wake_item)
                atomic_store(&wake_sent, false);
            else
                take_answer(self);
        }
        if (!atomic_load(&runner.stopping))
            run_ready();
    }
    drop_all(&runner.ready);
    drop_all(&runner.later);
    return NULL;
}

void myl_tasks_wake(void)
{
    if (!atomic_exchange(&wake_sent, true))
        (void)myl_queue_put(runner.inbox, &wake_item.item);
}

/* ---- start and stop ---- */

void myl_tasks_register(const myl_task_kind *kind)
{
    MYL_ASSERT(kind_count < KINDS && kind_of(myl_str_of(kind->kind)) == NULL);
    kinds[kind_count++] = kind;
}

void myl_tasks_wait_for(const myl_task_wait *wait)
{
    waits_for = wait;
}

void myl_rounds_register(const myl_round *round)
{
    MYL_ASSERT(round_count < ROUNDS);
    rounds[round_count++] = round;
}

/* They live in no row: each start begins them. */
static void begin_rounds(void)
{
    for (size_t i = 0; i < round_count; i++) {
        task *made = myl_process_alloc(sizeof(*made));
        made->round = rounds[i];
        myl_ctx_begin(&made->cx);
        add_later(made, myl_tick_ms());
    }
}

/* Hands a stored task to the runner; dropped when it has stopped: the next start finds it again. */
static void bring(uint64_t number, int64_t due_tick_ms, uint32_t tries)
{
    task *made = task_make(number);
    made->due_tick_ms = due_tick_ms;
    made->tries = tries;
    if (runner.inbox == NULL || myl_queue_put(runner.inbox, &made->item) != MYL_OK)
        task_drop(made);
}

static myl_rc bring_stored(myl_ctx *cx)
{
    myl_scan *scan;
    myl_str key;
    myl_str value;
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_TASKS, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan));
    for (;;) {
        uint64_t number;
        task_row row;
        bool there;
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            return MYL_OK;
        if (!myl_cut_u64(&key, &number))
            return myl_fail(cx, MYL_CORRUPT, "TASKS has a key of a wrong length");
        myl_mark mark = myl_ctx_mark(cx);
        MYL_TRY(row_read(cx, number, &row, &there));
        int64_t wait = row.due_ms - myl_now_ms();
        wait = wait < 0 ? 0 : row.tries > 0 && wait > BACK_OFF_MOST_MS ? BACK_OFF_MOST_MS : wait;
        bring(number, myl_tick_ms() + wait, row.tries);
        myl_ctx_release(cx, mark);
    }
}

/* The queue outlives a stop, for a change may still add a task then; the next start ends it. */
static void inbox_renew(void)
{
    if (runner.inbox != NULL)
        myl_queue_end(runner.inbox);
    runner.inbox = myl_queue_start(0, NULL, NULL);
    atomic_store(&wake_sent, false);
}

myl_rc myl_tasks_start(myl_ctx *cx, myl_store *store, myl_engine *engine)
{
    MYL_ASSERT(!runner.started);
    runner.store = store;
    runner.engine = engine;
    runner.ready = NULL;
    runner.ready_end = &runner.ready;
    runner.later = NULL;
    atomic_store(&runner.stopping, false);
    inbox_renew();
    begin_rounds();
    MYL_TRY(myl_snapshot_open(cx, store));
    myl_rc rc = bring_stored(cx);
    myl_snapshot_close(cx);
    if (rc != MYL_OK)
        atomic_store(&runner.stopping, true); /* the thread drops what was brought */
    if (pthread_create(&runner.thread, NULL, tasks_thread, NULL) != 0)
        return myl_fail(cx, MYL_INTERNAL, "the thread of the tasks cannot be made");
    runner.started = true;
    if (rc != MYL_OK)
        myl_tasks_stop();
    return rc;
}

void myl_tasks_stop(void)
{
    if (!runner.started)
        return;
    atomic_store(&runner.stopping, true);
    myl_tasks_wake();
    pthread_join(runner.thread, NULL);
    myl_queue_close(runner.inbox);
    for (myl_queue_item *item = myl_queue_take_all(runner.inbox); item != NULL;) {
        task *late = MYL_OF(item, task, item);
        item = item->next;
        if (late != &wake_item)
            task_drop(late);
    }
    runner.started = false;
}

/* ---- for those who use tasks ---- */

typedef struct {
    uint64_t number;
    int64_t due_ms; /* wall clock */
} new_task;

static void bring_new(void *arg)
{
    const new_task *made = arg;
    int64_t wait = made->due_ms - myl_now_ms();

    bring(made->number, myl_tick_ms() + (wait > 0 ? wait : 0), 0);
}

myl_rc myl_task_add_at(myl_ctx *cx, const char *kind, myl_str state, int64_t due_ms, uint64_t *id)
{
    MYL_ASSERT(kind_of(myl_str_of(kind)) != NULL);
    new_task *made = myl_new(cx, new_task);
    task_row row = {.kind = myl_str_of(kind), .state = state, .due_ms = due_ms, .error = MYL_S("")};
    *made = (new_task){myl_engine_next_position(cx), due_ms};
    MYL_TRY(row_write(cx, made->number, &row));
    myl_engine_after_commit(cx, bring_new, made);
    *id = made->number;
    return MYL_OK;
}

myl_rc myl_task_add(myl_ctx *cx, const char *kind, myl_str state, uint64_t *id)
{
    return myl_task_add_at(cx, kind, state, 0, id);
}

myl_rc myl_task_status(myl_ctx *cx, uint64_t id, bool *done, myl_str *state, myl_str *error)
{
    task_row row = {.tries = 0};
    bool there;
    MYL_TRY(row_read(cx, id, &row, &there));
    *done = !there;
    *state = there ? row.state : MYL_ABSENT;
    *error = there && row.error.len > 0 ? row.error : MYL_ABSENT;
    return MYL_OK;
}

myl_rc myl_task_list(myl_ctx *cx, const myl_task_info **tasks, size_t *count)
{
    myl_list list = MYL_LIST(cx, myl_task_info);
    myl_scan *scan;
    myl_str key;
    myl_str value;
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_TASKS, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan));
    for (;;) {
        myl_task_info info;
        task_row row = {.tries = 0};
        bool there;
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            break;
        if (!myl_cut_u64(&key, &info.id))
            return myl_fail(cx, MYL_CORRUPT, "TASKS has a key of a wrong length");
        MYL_TRY(row_read(cx, info.id, &row, &there));
        info.kind = row.kind;
        info.error = row.error.len > 0 ? row.error : MYL_ABSENT;
        myl_list_push(&list, myl_task_info, info);
    }
    *tasks = list.at;
    *count = list.count;
    return MYL_OK;
}

/* ---- the offline check ---- */

static myl_rc check_tasks(myl_ctx *cx, myl_check *check)
{
    myl_scan *scan;
    myl_str key;
    myl_str value;
    uint64_t newest;
    MYL_TRY(myl_store_position(cx, &newest));
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_TASKS, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan));
    for (;;) {
        uint64_t number = 0;
        task_row row;
        bool there;
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            return MYL_OK;
        myl_mark mark = myl_ctx_mark(cx);
        if (!myl_cut_u64(&key, &number) || key.len != 0 || number == 0 || number > newest)
            myl_check_wrong(check, "TASKS: a bad key");
        else if (row_read(cx, number, &row, &there) != MYL_OK)
            myl_check_wrong(check, "TASKS: %.*s", MYL_FMT(cx->error.detail));
        myl_forgive(cx);
        myl_ctx_release(cx, mark);
        myl_check_seen(check);
    }
}

const myl_check_row myl_tasks_checks[] = {{"tasks", check_tasks}, {NULL, NULL}};
