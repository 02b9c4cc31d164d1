/* txn.c: snapshots from a pool, and the one write transaction.
 *
 * Why:     renewing a read transaction of LMDB costs a tenth of making one, and it keeps its reader slot.
 * Callers: read workers and jobs open snapshots; the engine, a replay and a migration write.
 * Threads: a snapshot belongs to the thread that opened it; the pool has a lock (SNAPSHOTS).
 * Memory:  transactions live in the pool until the store is closed.
 * Holds:   an idle snapshot pins no pages. A snapshot reads the database that was the store's when it was opened; after an
 *          exchange the last snapshot of the old one closes it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_own.h"

#include <time.h>

/* ---- snapshots ---- */

myl_base *myl_base_enter(myl_store *store)
{
    pthread_mutex_lock(&store->pool_lock);
    myl_base *base = store->base;
    base->users++;
    pthread_mutex_unlock(&store->pool_lock);
    return base;
}

void myl_base_leave(myl_store *store, myl_base *base)
{
    pthread_mutex_lock(&store->pool_lock);
    bool last = --base->users == 0;
    pthread_mutex_unlock(&store->pool_lock);
    if (!last)
        return;
    myl_pool_free(base);
    mdb_env_close(base->env);
    myl_process_free(base);
}

/* An idle snapshot, or NULL: then one is to be made. Either way *base is entered. */
static myl_txn *pool_take(myl_store *store, myl_base **base)
{
    pthread_mutex_lock(&store->pool_lock);
    *base = store->base;
    (*base)->users++;
    myl_txn *txn = (*base)->pool;
    if (txn != NULL)
        (*base)->pool = txn->next;
    pthread_mutex_unlock(&store->pool_lock);
    return txn;
}

/* Back into the pool; false when its database is no more the store's. */
static bool pool_give(myl_txn *txn)
{
    myl_store *store = txn->store;
    pthread_mutex_lock(&store->pool_lock);
    bool current = txn->base == store->base;
    if (current) {
        txn->base->users--;
        txn->next = txn->base->pool;
        txn->base->pool = txn;
    }
    pthread_mutex_unlock(&store->pool_lock);
    return current;
}

static void txn_free(myl_txn *txn)
{
    while (txn->spare != NULL) {
        myl_cursor *cursor = txn->spare;
        txn->spare = cursor->next;
        myl_process_free(cursor);
    }
    if (txn->write == NULL) {
        mdb_txn_abort(txn->lmdb);
        myl_process_free(txn);
    }
}

void myl_pool_free(myl_base *base)
{
    while (base->pool != NULL) {
        myl_txn *txn = base->pool;
        base->pool = txn->next;
        txn_free(txn);
    }
}

/* The end of a snapshot that does not serve again. */
static void txn_leave(myl_txn *txn)
{
    myl_store *store = txn->store;
    myl_base *base = txn->base;
    txn_free(txn); /* LMDB takes NULL, and a transaction that is reset */
    myl_base_leave(store, base);
}

/* LMDB keeps the roots of its two newest commits. A reader chooses one by its number and then copies it: when two more
   commits have come in between, it holds the roots of a newer one beside the older number, and the reader's next snapshot
   may lie before this one. Such a snapshot is taken again. */
static bool overtaken(const myl_txn *txn)
{
    return atomic_load(&txn->base->committing) >= mdb_txn_id(txn->lmdb) + 2;
}

static int snapshot_renew(myl_txn *txn)
{
    int rc = mdb_txn_renew(txn->lmdb);
    while (rc == 0 && overtaken(txn)) {
        mdb_txn_reset(txn->lmdb);
        rc = mdb_txn_renew(txn->lmdb);
    }
    return rc;
}

myl_rc myl_snapshot_open(myl_ctx *cx, myl_store *store)
{
    MYL_ASSERT(cx->txn == NULL);
    if (MYL_FAULT(STORE_READ))
        return myl_fail(cx, MYL_STORE_FAILED, "fault point");
    myl_base *base;
    myl_txn *txn = pool_take(store, &base);
    int rc = 0;
    if (txn == NULL) {
        txn = myl_process_alloc(sizeof(*txn));
        txn->store = store;
        txn->base = base;
        rc = mdb_txn_begin(base->env, NULL, MDB_RDONLY, &txn->lmdb);
        if (rc == 0)
            mdb_txn_reset(txn->lmdb);
    }
    if (rc == 0)
        rc = snapshot_renew(txn);
    if (rc != 0) {
        txn_leave(txn);
        return myl_lmdb_fail(cx, rc, "snapshot of", MYL_TABLE_COUNT);
    }
    myl_nodes_prepare(txn);
    cx->txn = txn;
    return MYL_OK;
}

void myl_snapshot_close(myl_ctx *cx)
{
    myl_txn *txn = cx->txn;
    if (txn == NULL)
        return;
    MYL_ASSERT(txn->write == NULL);
    myl_txn_end_scans(txn);
    mdb_txn_reset(txn->lmdb);
    cx->txn = NULL;
    if (!pool_give(txn))
        txn_leave(txn);
}

/* ---- the writer ---- */

myl_rc myl_writer_open(myl_ctx *cx, myl_store *store, myl_txn *txn, myl_write *write)
{
    if (atomic_exchange(&store->writer, true))
        return myl_fail(cx, MYL_BUSY, "the store has a writer");
    *txn = (myl_txn){.store = store, .write = write};
    memset(write, 0, sizeof(*write));
    myl_ctx_begin(&write->batch);
    myl_ctx_begin(&write->change);
    return MYL_OK;
}

void myl_writer_close(myl_txn *txn)
{
    MYL_ASSERT(txn->lmdb == NULL);
    txn_free(txn);
    myl_ctx_end(&txn->write->batch);
    myl_ctx_end(&txn->write->change);
    atomic_store(&txn->store->writer, false);
}

static void batch_start(myl_write *write)
{
    write->batch.txn = NULL;
    myl_ctx_reset(&write->batch);
    write->broken = MYL_OK;
    write->batch_bytes = 0;
    write->rows = 0;
    write->notes = MYL_LIST(&write->batch, myl_note);
    write->calls = MYL_LIST(&write->batch, myl_call);
    if (write->recording)
        myl_record_start(write);
}

myl_rc myl_write_begin(myl_ctx *cx, myl_txn *txn)
{
    MYL_ASSERT(txn->lmdb == NULL);
    batch_start(txn->write);
    txn->base = txn->store->base;
    int rc = mdb_txn_begin(txn->base->env, NULL, 0, &txn->lmdb);
    if (rc != 0)
        return myl_lmdb_fail(cx, rc, "write to", MYL_TABLE_COUNT);
    txn->write->batch.txn = txn;
    myl_change_start(txn);
    myl_nodes_prepare(txn);
    return MYL_OK;
}

void myl_write_abort(myl_txn *txn)
{
    if (txn->lmdb == NULL)
        return;
    myl_txn_end_scans(txn);
    mdb_txn_abort(txn->lmdb);
    txn->lmdb = NULL;
    txn->write->batch.txn = NULL;
}

myl_rc myl_write_commit(myl_ctx *cx, myl_txn *txn)
{
    myl_write *write = txn->write;
    myl_txn_end_scans(txn);
    if (write->broken == MYL_OK && MYL_FAULT(STORE_COMMIT))
        write->broken = myl_fail(cx, MYL_STORE_FAILED, "fault point");
    if (write->broken != MYL_OK || write->rows == 0) {
        myl_write_abort(txn);
        return write->broken;
    }
    atomic_store(&txn->base->committing, mdb_txn_id(txn->lmdb));
    int rc = mdb_txn_commit(txn->lmdb);
    txn->lmdb = NULL;
    write->batch.txn = NULL;
    return rc == 0 ? MYL_OK : myl_lmdb_fail(cx, rc, "commit to", MYL_TABLE_COUNT);
}

/* ---- limits of a change ---- */

static int64_t thread_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void myl_engine_watch(myl_ctx *cx, int64_t ms, myl_rc code)
{
    myl_write *write = cx->txn == NULL ? NULL : cx->txn->write;
    if (write == NULL || !write->limited)
        return;
    write->watch_ns = ms == 0 ? 0 : thread_cpu_ns() + ms * 1000000;
    write->watch_code = code;
}

/* A watch is short, so it is looked at more often. */
static myl_rc watch_step(myl_ctx *cx)
{
    const myl_write *write = cx->txn->write;
    if ((write->steps & 63) != 0 || thread_cpu_ns() < write->watch_ns)
        return MYL_OK;
    return myl_fail(cx, write->watch_code, "this takes the engine too long");
}

myl_rc myl_txn_step(myl_ctx *cx)
{
    myl_write *write = cx->txn->write;
    /* The thread's clock is a system call: looked at every 1,024 operations. */
    if (write == NULL || !write->limited)
        return MYL_OK;
    write->steps++;
    if (write->watch_ns != 0)
        MYL_TRY(watch_step(cx));
    if ((write->steps & 1023) != 0)
        return MYL_OK;
    int64_t now = thread_cpu_ns();
    if (write->cpu_from == 0)
        write->cpu_from = now;
    if (now - write->cpu_from <= (int64_t)MYL_LIMIT_CHANGE_MS * 1000000)
        return MYL_OK;
    write->failed = MYL_TOO_LARGE;
    return myl_fail(cx, MYL_TOO_LARGE, "a change of more than %d ms", (int)MYL_LIMIT_CHANGE_MS);
}
