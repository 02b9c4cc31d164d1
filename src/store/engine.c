/* engine.c: runs every change, one after another, many to a commit.
 *
 * Why:     LMDB has one writer and a commit costs a disk sync; so changes queue here and share both.
 * Callers: handlers and jobs submit; replies go back through the change's done.
 * Threads: submit from any thread; the changes run on the engine thread alone. One lock, the queue's.
 * Memory:  a queued change belongs to its submitter's job, which waits; it dies with that job, so nothing of a
 *          change is touched after its done.
 * Holds:   a reply leaves only after the commit that holds its change. A failed commit fails every change of
 *          its batch, and the counters go back to what is stored.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_own.h"

#include <semaphore.h>
#include <stdlib.h>

struct myl_engine {
    myl_store *store;
    myl_queue *queue;
    pthread_t thread;
    void (*committed)(void *arg, const myl_batch *batch);
    void *arg;
    myl_txn txn;
    myl_write write;
    myl_counters stored; /* as of the last commit */
    myl_rc (*record)(void *arg, myl_str batch);
    void *record_arg;
    bool record_begins;    /* the next batch starts with META */
    myl_follower follower; /* row NULL: none */
    myl_change *ran[MYL_LIMIT_ENGINE_BATCH];
    size_t ran_count;
};

/* What undoing a change brings back beside the rows. */
typedef struct {
    myl_counters counters;
    size_t rows;
    size_t notes;
    size_t calls;
    size_t record;
    bool named[MYL_TABLE_COUNT];
} before;

static before look(const myl_write *write)
{
    before was = {.counters = write->counters,
                  .rows = write->rows,
                  .notes = write->notes.count,
                  .calls = write->calls.count,
                  .record = write->record.len};
    if (write->recording)
        memcpy(was.named, write->named, sizeof(was.named));
    return was;
}

static void take_back(myl_engine *engine, const before *was)
{
    myl_write *write = &engine->write;
    (void)myl_undo_run(&write->batch, &engine->txn); /* a failure is in write->broken */
    write->counters = was->counters;
    write->rows = was->rows;
    write->notes.count = was->notes;
    write->calls.count = was->calls;
    write->record.len = was->record;
    if (write->recording)
        memcpy(write->named, was->named, sizeof(was->named));
}

/* ---- one change ---- */

static myl_rc run_inside(myl_engine *engine, myl_change *change)
{
    myl_write *write = &engine->write;
    MYL_ASSERT(change->cx->txn == NULL);
    change->cx->txn = &engine->txn;
    myl_rc rc = change->run(change);
    myl_txn_end_scans(&engine->txn);
    if (rc == MYL_OK)
        rc = write->failed;
    if (rc == MYL_OK)
        rc = myl_clear_run(change->cx, &engine->txn);
    change->cx->txn = NULL;
    return rc;
}

static myl_rc run_change(myl_engine *engine, myl_change *change)
{
    myl_write *write = &engine->write;
    if (change->gone != NULL && atomic_load_explicit(change->gone, memory_order_relaxed))
        return MYL_GONE;
    myl_change_start(&engine->txn);
    before was = look(write);
    myl_rc rc = run_inside(engine, change);
    if (rc != MYL_OK)
        take_back(engine, &was);
    if (write->broken != MYL_OK) /* no effect when the reason is known already */
        (void)myl_fail(&write->batch, write->broken, "%.*s", MYL_FMT(change->cx->error.detail));
    write->batch_bytes += write->bytes;
    return rc;
}

/* ---- a batch ---- */

static myl_rc begin(myl_engine *engine)
{
    myl_write *write = &engine->write;
    write->recording = engine->record != NULL || engine->follower.row != NULL;
    write->counters = engine->stored;
    MYL_TRY(myl_write_begin(&write->batch, &engine->txn));
    write->limited = true;
    if (!engine->record_begins)
        return MYL_OK;
    engine->record_begins = false;
    return myl_record_meta(&write->batch);
}

/* What goes with every commit: the position, and the record for those who want it. */
static myl_rc close_batch(myl_engine *engine)
{
    myl_write *write = &engine->write;
    myl_ctx *cx = &write->batch;
    if (write->broken != MYL_OK)
        return MYL_OK;
    myl_change_start(&engine->txn);
    write->limited = false;
    if (write->counters.position != engine->stored.position)
        MYL_TRY(myl_meta_set_number(cx, MYL_META_POSITION, write->counters.position));
    if (write->rows == 0 || !write->recording)
        return MYL_OK;
    if (engine->follower.row != NULL)
        engine->follower.row(engine->follower.arg, myl_text_str(&write->record));
    if (engine->record == NULL)
        return MYL_OK;
    myl_rc rc = engine->record(engine->record_arg, myl_text_str(&write->record));
    return rc == MYL_OK ? MYL_OK : myl_fail(cx, rc, "the record of the batch was not taken");
}

static myl_rc commit(myl_engine *engine)
{
    MYL_TRY(close_batch(engine));
    return myl_write_commit(&engine->write.batch, &engine->txn);
}

static myl_rc commit_timed(myl_engine *engine)
{
    int64_t start = myl_tick_ns();
    myl_rc rc = commit(engine);
    myl_write_abort(&engine->txn); /* when the commit was not reached */
    if (engine->write.rows > 0)
        myl_metric_add(rc == MYL_OK ? MYL_METRIC_ENGINE_COMMITS : MYL_METRIC_ENGINE_COMMIT_FAILURES,
                       1);
    myl_metric_add(MYL_METRIC_ENGINE_COMMIT_MICROSECONDS, (myl_tick_ns() - start) / 1000);
    return rc;
}

static int compare_notes(const void *a, const void *b)
{
    const myl_note *one = a;
    const myl_note *two = b;
    if (one->kind != two->kind)
        return one->kind < two->kind ? -1 : 1;
    return one->id < two->id ? -1 : one->id > two->id;
}

static size_t unique_notes(myl_note *notes, size_t count)
{
    size_t kept = count > 0 ? 1 : 0;
    if (count > 1)
        qsort(notes, count, sizeof(*notes), compare_notes);
    for (size_t i = 1; i < count; i++) {
        if (compare_notes(&notes[i], &notes[kept - 1]) != 0)
            notes[kept++] = notes[i];
    }
    return kept;
}

/* After the commit: caches first, then those who wait for news, then (by finish) the replies. */
static void publish(myl_engine *engine)
{
    myl_write *write = &engine->write;
    engine->stored = write->counters;
    for (size_t i = 0; i < write->calls.count; i++) {
        myl_call call = myl_list_get(&write->calls, myl_call, i);
        call.fn(call.arg);
    }
    if (engine->committed == NULL || (write->rows == 0 && write->notes.count == 0))
        return;
    size_t count = unique_notes(write->notes.at, write->notes.count);
    myl_batch batch = {write->counters.position, write->notes.at, count};
    engine->committed(engine->arg, &batch);
}

/* The commit failed: whoever is in the batch gets its reason, also one whose own answer was another, for that
 * answer may rest on a neighbour's rows. */
static void fail_batch(myl_engine *engine, myl_rc rc)
{
    const myl_error *error = &engine->write.batch.error;
    if (engine->follower.row != NULL)
        engine->follower.row(engine->follower.arg, MYL_ABSENT);
    myl_log_failure(&engine->write.batch, "store");
    for (size_t i = 0; i < engine->ran_count; i++) {
        myl_change *change = engine->ran[i];
        if (change->rc == MYL_GONE)
            continue;
        myl_forgive(change->cx);
        change->rc = myl_fail(change->cx, rc, "%.*s", MYL_FMT(error->detail));
    }
}

static void answer(myl_change *change)
{
    sem_t *waiter = change->waiter;
    myl_metric_add(change->rc == MYL_OK ? MYL_METRIC_ENGINE_CHANGES : MYL_METRIC_ENGINE_FAILED, 1);
    if (change->done != NULL)
        change->done(change, change->rc);
    if (waiter != NULL)
        sem_post(waiter);
}

static void finish(myl_engine *engine)
{
    myl_rc rc = commit_timed(engine);
    if (rc == MYL_OK)
        publish(engine);
    else
        fail_batch(engine, rc);
    myl_metric_add(MYL_METRIC_ENGINE_WAITING, -(int64_t)engine->ran_count);
    for (size_t i = 0; i < engine->ran_count; i++)
        answer(engine->ran[i]);
    engine->ran_count = 0;
}

static bool batch_has_room(const myl_engine *engine)
{
    return engine->ran_count < MYL_LIMIT_ENGINE_BATCH && engine->write.broken == MYL_OK &&
           engine->write.batch_bytes < MYL_LIMIT_ENGINE_BATCH_BYTES;
}

/* Runs changes from `item` on, and what comes meanwhile, until nothing waits or the batch is full; commits and
 * answers. The rest of the chain is returned. */
static myl_queue_item *run_batch(myl_engine *engine, myl_queue_item *item)
{
    int64_t start = myl_tick_ns();
    myl_rc rc = begin(engine);
    if (rc != MYL_OK)
        engine->write.broken = rc;
    while (item != NULL && (engine->ran_count == 0 || batch_has_room(engine))) {
        myl_change *change = MYL_OF(item, myl_change, item);
        item = item->next;
        engine->ran[engine->ran_count++] = change;
        change->rc = engine->write.broken == MYL_OK ? run_change(engine, change) : rc;
        if (item == NULL)
            item = myl_queue_take_all(engine->queue);
    }
    myl_metric_add(MYL_METRIC_ENGINE_RUN_MICROSECONDS, (myl_tick_ns() - start) / 1000);
    finish(engine);
    return item;
}

static void *engine_thread(void *arg)
{
    myl_engine *engine = arg;
    pthread_setname_np(pthread_self(), "engine");
    for (;;) {
        myl_queue_item *item = myl_queue_wait_all(engine->queue, -1);
        if (item == NULL)
            return NULL;
        while (item != NULL)
            item = run_batch(engine, item);
    }
}

/* ---- start, submit, stop ---- */

static myl_rc read_counters(myl_ctx *cx, myl_engine *engine)
{
    MYL_TRY(myl_snapshot_open(cx, engine->store));
    myl_rc rc = myl_counters_read(cx, &engine->stored);
    myl_snapshot_close(cx);
    return rc;
}

static myl_rc start(myl_ctx *cx, myl_engine *engine)
{
    MYL_TRY(read_counters(cx, engine));
    engine->queue = myl_queue_start(MYL_LIMIT_ENGINE_QUEUE, NULL, NULL);
    if (pthread_create(&engine->thread, NULL, engine_thread, engine) == 0)
        return MYL_OK;
    myl_queue_end(engine->queue);
    return myl_fail(cx, MYL_INTERNAL, "the engine's thread cannot be made");
}

myl_rc myl_engine_start(myl_ctx *cx, myl_store *store,
                        void (*committed)(void *arg, const myl_batch *batch), void *arg,
                        myl_engine **out)
{
    myl_engine *engine = myl_process_alloc(sizeof(*engine));
    engine->store = store;
    engine->committed = committed;
    engine->arg = arg;
    *out = NULL;
    myl_rc rc = myl_writer_open(cx, store, &engine->txn, &engine->write);
    if (rc == MYL_OK) {
        rc = start(cx, engine);
        if (rc == MYL_OK) {
            *out = engine;
            return MYL_OK;
        }
        myl_writer_close(&engine->txn);
    }
    myl_process_free(engine);
    return rc;
}

myl_rc myl_engine_submit(myl_engine *engine, myl_change *change)
{
    myl_metric_add(MYL_METRIC_ENGINE_WAITING, 1);
    myl_rc rc = myl_queue_put(engine->queue, &change->item);
    if (rc != MYL_OK)
        myl_metric_add(MYL_METRIC_ENGINE_WAITING, -1);
    return rc;
}

myl_rc myl_engine_run(myl_engine *engine, myl_change *change)
{
    sem_t waiter;
    MYL_ASSERT(!pthread_equal(pthread_self(), engine->thread));
    sem_init(&waiter, 0, 0);
    change->waiter = &waiter;
    myl_rc rc = myl_engine_submit(engine, change);
    if (rc == MYL_OK) {
        while (sem_wait(&waiter) != 0)
            continue; /* a signal came in */
        rc = change->rc;
    }
    change->waiter = NULL;
    sem_destroy(&waiter);
    return rc;
}

void myl_engine_stop(myl_engine *engine)
{
    myl_queue_close(engine->queue);
    pthread_join(engine->thread, NULL);
    myl_queue_end(engine->queue);
    myl_writer_close(&engine->txn);
    myl_process_free(engine);
}

/* ---- the record ---- */

typedef struct {
    myl_change change; /* first member */
    myl_engine *engine;
    myl_rc (*each)(void *arg, myl_str batch);
    void *arg;
} record_change;

static void record_set(void *arg)
{
    record_change *set = arg;
    set->engine->record = set->each;
    set->engine->record_arg = set->arg;
    set->engine->record_begins = set->each != NULL;
}

static myl_rc record_run(myl_change *change)
{
    myl_engine_after_commit(change->cx, record_set, change);
    return MYL_OK;
}

void myl_engine_record(myl_engine *engine, myl_rc (*each)(void *arg, myl_str batch), void *arg)
{
    myl_ctx cx;
    myl_ctx_begin(&cx);
    record_change set = {.change = {.name = "record", .cx = &cx, .run = record_run},
                         .engine = engine,
                         .each = each,
                         .arg = arg};
    (void)myl_engine_run(engine, &set.change);
    myl_ctx_end(&cx);
}

/* ---- for an exchange of the database ---- */

typedef struct {
    myl_change change; /* first member */
    myl_engine *engine;
    myl_follower follower;
    void (*fn)(void *arg);
    void *arg;
} between_change;

static void follower_set(void *arg)
{
    between_change *set = arg;
    set->engine->follower = set->follower;
}

/* After the commit no transaction is open. */
static myl_rc between_run(myl_change *change)
{
    between_change *between = (between_change *)change;
    myl_engine_after_commit(change->cx, between->fn, between->arg);
    return MYL_OK;
}

myl_rc myl_engine_between(myl_engine *engine, myl_ctx *cx, void (*fn)(void *arg), void *arg)
{
    between_change between = {.change = {.name = "between", .cx = cx, .run = between_run},
                              .fn = fn,
                              .arg = arg};
    return myl_engine_run(engine, &between.change);
}

myl_rc myl_engine_follow(myl_engine *engine, myl_ctx *cx, const myl_follower *follower)
{
    between_change set = {.change = {.name = "follow", .cx = cx, .run = between_run},
                          .engine = engine,
                          .fn = follower_set};
    if (follower != NULL)
        set.follower = *follower;
    set.arg = &set;
    return myl_engine_run(engine, &set.change);
}
