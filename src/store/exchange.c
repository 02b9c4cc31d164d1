/* exchange.c: a compact copy takes the place of the database while the server runs.
 *
 * Why:     deleted rows leave free pages in the file, and only a file made anew gives them back (decision 105).
 * Callers: the admin API, on a lane; daemon.c ends what is under way.
 * Threads: the lane copies and catches up; the engine notes its batches (follow) and takes the new file between two of
 *          them (take). One lock, EXCHANGE, for what others ask about.
 * Memory:  batches wait in a file without a name; one at a time is in memory.
 * Holds:   - The copy is of a commit at or after the first batch that is noted. A batch that is in it already may be put
 *            onto it again: after the last one each row is as its last write left it.
 *          - The file takes its name only when it holds every commit and is on the disk, and no commit happens before
 *            the name is on the disk too. So after a kill either file is whole and the newest.
 *          - A failure before the rename leaves everything as it was. One after it ends the process: which file a
 *            power loss would leave is then not known.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/store_copy.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/store_own.h"

#define CHANGES_FILE "store.mdb.changes"
#define SPARE_BYTES ((uint64_t)16 << 20) /* free space wanted beside the copy */

struct myl_exchange {
    pthread_mutex_t lock; /* EXCHANGE */
    myl_exchange_progress progress;
    bool under_way;
    bool stopped;
    int copies[MYL_COPY_SLOTS]; /* where copies go; -1: nowhere */
};

/* One exchange, on its lane's stack. */
typedef struct {
    myl_ctx *cx;
    myl_store *store;
    myl_engine *engine;
    myl_store *fresh; /* the copy, open */
    int changes;      /* what the engine notes: u32 length, batch */
    _Atomic uint64_t noted;
    uint64_t done;       /* of those bytes are in the copy */
    atomic_bool spoiled; /* a batch could not be noted, or was noted and not committed */
    bool last_try;
    bool taken;
    myl_rc rc; /* of take */
    myl_base *old;
    int64_t pause_us;
    uint64_t after;
} run;

myl_exchange *myl_exchange_make(void)
{
    myl_exchange *exchange = myl_process_alloc(sizeof(*exchange));
    pthread_mutex_init(&exchange->lock, NULL);
    for (int slot = 0; slot < MYL_COPY_SLOTS; slot++)
        exchange->copies[slot] = -1;
    return exchange;
}

void myl_exchange_free(myl_exchange *exchange)
{
    if (exchange == NULL)
        return;
    pthread_mutex_destroy(&exchange->lock);
    myl_process_free(exchange);
}

/* ---- what others see and do ---- */

bool myl_exchange_copies(myl_store *store, myl_copy_slot slot, int fd)
{
    myl_exchange *exchange = store->exchange;
    pthread_mutex_lock(&exchange->lock);
    bool wanted = !exchange->stopped;
    exchange->copies[slot] = wanted ? fd : -1;
    pthread_mutex_unlock(&exchange->lock);
    return wanted;
}

static uint64_t bytes_of(int fd)
{
    struct stat about;
    return fd >= 0 && fstat(fd, &about) == 0 ? (uint64_t)about.st_size : 0;
}

void myl_store_exchange_progress(myl_store *store, myl_exchange_progress *out)
{
    myl_exchange *exchange = store->exchange;
    pthread_mutex_lock(&exchange->lock);
    *out = exchange->progress;
    if (out->stage == MYL_EXCHANGE_COPYING)
        out->copied = bytes_of(exchange->copies[MYL_COPY_EXCHANGE]);
    pthread_mutex_unlock(&exchange->lock);
}

/* LMDB cannot be told to end a copy, but its file can be made one that takes nothing more. */
void myl_store_copies_stop(myl_store *store)
{
    myl_exchange *exchange = store->exchange;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    pthread_mutex_lock(&exchange->lock);
    exchange->stopped = true;
    for (int slot = 0; slot < MYL_COPY_SLOTS; slot++) {
        if (full >= 0 && exchange->copies[slot] >= 0)
            (void)dup3(full, exchange->copies[slot], O_CLOEXEC);
    }
    pthread_mutex_unlock(&exchange->lock);
    if (full >= 0)
        close(full);
}

static bool is_stopped(run *r)
{
    myl_exchange *exchange = r->store->exchange;
    pthread_mutex_lock(&exchange->lock);
    bool stopped = exchange->stopped;
    pthread_mutex_unlock(&exchange->lock);
    return stopped;
}

static void set_stage(run *r, myl_exchange_stage stage)
{
    myl_exchange *exchange = r->store->exchange;
    pthread_mutex_lock(&exchange->lock);
    exchange->progress.stage = stage;
    pthread_mutex_unlock(&exchange->lock);
}

/* ---- may there be one? ---- */

/* Pages that lie free in the file, by LMDB's own list. */
static int count_free(MDB_env *env, uint64_t *pages)
{
    MDB_txn *txn;
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val value;
    *pages = 0;
    int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (rc != 0)
        return rc;
    rc = mdb_cursor_open(txn, 0, &cursor);
    while (rc == 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        size_t count;
        memcpy(&count, value.mv_data, sizeof(count));
        *pages += count;
    }
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static myl_rc measure(myl_ctx *cx, myl_store *store, myl_exchange_progress *progress)
{
    myl_base *base = myl_base_enter(store);
    MDB_envinfo info;
    MDB_stat stat;
    uint64_t free_pages;
    mdb_filehandle_t fd;
    /* the free ones first: others write meanwhile, and the file only grows, so that they are never more than its pages */
    int rc = count_free(base->env, &free_pages);
    if (rc == 0)
        rc = mdb_env_info(base->env, &info);
    if (rc == 0)
        rc = mdb_env_stat(base->env, &stat);
    if (rc == 0)
        rc = mdb_env_get_fd(base->env, &fd);
    if (rc == 0) {
        progress->before = bytes_of(fd);
        progress->expected = (info.me_last_pgno + 1 - free_pages) * stat.ms_psize;
    }
    myl_base_leave(store, base);
    return rc == 0 ? MYL_OK : myl_lmdb_fail(cx, rc, "measure", MYL_TABLE_COUNT);
}

static myl_rc require_space(myl_ctx *cx, const myl_store *store, uint64_t expected)
{
    struct statvfs disk;
    if (statvfs(store->folder, &disk) != 0)
        return myl_fail(cx, MYL_IO_FAILED, "%s: %s", store->folder, strerror(errno));
    uint64_t space = MYL_POINT(EXCHANGE_DISK) ? 0 : (uint64_t)disk.f_bavail * disk.f_frsize;
    uint64_t wanted = expected + expected / 16 + SPARE_BYTES;
    if (space >= wanted)
        return MYL_OK;
    return myl_fail(cx, MYL_DISK_SHORT, "the copy needs %llu bytes, %llu are free on the disk",
                    (unsigned long long)wanted, (unsigned long long)space);
}

myl_rc myl_store_exchange_begin(myl_ctx *cx, myl_store *store)
{
    myl_exchange *exchange = store->exchange;
    myl_exchange_progress progress = {.stage = MYL_EXCHANGE_COPYING, .started_ms = myl_now_ms()};
    MYL_TRY(measure(cx, store, &progress));
    MYL_TRY(require_space(cx, store, progress.expected));
    pthread_mutex_lock(&exchange->lock);
    bool may = !exchange->under_way && !exchange->stopped;
    if (may) {
        exchange->under_way = true;
        exchange->progress = progress;
    }
    pthread_mutex_unlock(&exchange->lock);
    return may ? MYL_OK : myl_fail(cx, MYL_BAD_REQUEST, "a compaction is under way");
}

static void finish(myl_store *store, myl_rc rc, myl_str error, const run *r)
{
    myl_exchange *exchange = store->exchange;
    pthread_mutex_lock(&exchange->lock);
    myl_exchange_progress *progress = &exchange->progress;
    exchange->under_way = false;
    progress->stage = rc == MYL_OK ? MYL_EXCHANGE_DONE : MYL_EXCHANGE_FAILED;
    progress->ended_ms = myl_now_ms();
    snprintf(progress->error, sizeof(progress->error), "%.*s", MYL_FMT(error));
    if (r != NULL) {
        progress->after = r->after;
        progress->pause_us = r->pause_us;
        progress->carried = r->noted;
    }
    pthread_mutex_unlock(&exchange->lock);
}

void myl_store_exchange_drop(myl_store *store)
{
    finish(store, MYL_STOPPING, MYL_S("it was not begun"), NULL);
}

/* ---- what is written meanwhile ---- */

static bool write_all(int fd, myl_str bytes)
{
    while (bytes.len > 0) {
        ssize_t count = write(fd, bytes.at, bytes.len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        bytes = myl_str_slice(bytes, (size_t)count, bytes.len);
    }
    return true;
}

/* On the engine's thread. */
static void note_batch(void *arg, myl_str batch)
{
    run *r = arg;
    uint32_t len = (uint32_t)batch.len;
    if (myl_str_present(batch) && !MYL_POINT(EXCHANGE_NOTE) &&
        write_all(r->changes, (myl_str){(char *)&len, sizeof(len)}) && write_all(r->changes, batch))
        atomic_fetch_add(&r->noted, sizeof(len) + batch.len);
    else
        atomic_store(&r->spoiled, true);
}

static bool read_all(int fd, void *out, size_t len, uint64_t at)
{
    for (size_t have = 0; have < len;) {
        ssize_t count = pread(fd, (char *)out + have, len - have, (off_t)(at + have));
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        have += (size_t)count;
    }
    return true;
}

/* The next noted batch goes into the copy. */
static myl_rc carry_one(run *r)
{
    myl_ctx cx;
    uint32_t len;
    if (!read_all(r->changes, &len, sizeof(len), r->done))
        return myl_fail(r->cx, MYL_IO_FAILED, "noted changes cannot be read: %s", strerror(errno));
    myl_ctx_begin(&cx);
    char *bytes = myl_alloc(&cx, len);
    myl_rc rc = read_all(r->changes, bytes, len, r->done + sizeof(len))
                    ? myl_store_replay(&cx, r->fresh, (myl_str){bytes, len})
                    : myl_fail(&cx, MYL_IO_FAILED, "noted changes cannot be read");
    if (rc == MYL_OK)
        r->done += sizeof(len) + len;
    else
        (void)myl_fail(r->cx, rc, "%.*s", MYL_FMT(cx.error.detail));
    myl_ctx_end(&cx);
    return rc;
}

static myl_rc carry_until(run *r, uint64_t end)
{
    while (r->done < end) {
        if (is_stopped(r))
            return myl_fail(r->cx, MYL_STOPPING, "the server stops");
        MYL_TRY(carry_one(r));
        MYL_DIE_AT(EXCHANGE_CAUGHT_UP);
    }
    return MYL_OK;
}

static myl_rc require_whole(run *r)
{
    return atomic_load(&r->spoiled)
               ? myl_fail(r->cx, MYL_IO_FAILED, "a batch of changes could not be noted")
               : MYL_OK;
}

/* ---- the engine stands ---- */

static const char *path_in(const run *r, const char *name)
{
    return myl_cstr(r->cx, myl_strf(r->cx, "%s/%s", r->store->folder, name));
}

/* Every commit is in the new file, and the file is on the disk. */
static myl_rc complete(run *r)
{
    MDB_env *env = r->fresh->base->env;
    MYL_TRY(require_whole(r));
    MYL_TRY(carry_until(r, r->noted));
    int rc = mdb_env_sync(env, 1);
    if (rc == 0)
        rc = mdb_env_set_flags(env, MDB_NOSYNC, 0);
    return rc == 0 ? MYL_OK : myl_lmdb_fail(r->cx, rc, "sync", MYL_TABLE_COUNT);
}

static void require_synced(const run *r)
{
    int rc = myl_folder_sync(r->store->folder);
    if (rc == 0)
        return;
    myl_log(NULL, MYL_LOG_ERROR, "store", "the data folder cannot be synced after an exchange",
            MYL_LOG_INT("errno", rc));
    abort();
}

/* New snapshots and the next batch are of the new file. */
static void use_fresh(run *r)
{
    mdb_filehandle_t fd;
    myl_pool_free(r->fresh->base); /* its snapshots are of another store */
    pthread_mutex_lock(&r->store->pool_lock);
    r->old = r->store->base;
    r->store->base = r->fresh->base;
    pthread_mutex_unlock(&r->store->pool_lock);
    r->fresh->base = NULL;
    r->after = mdb_env_get_fd(r->store->base->env, &fd) == 0 ? bytes_of(fd) : 0;
}

static myl_rc take_name(run *r)
{
    MYL_TRY(complete(r));
    MYL_DIE_AT(EXCHANGE_SYNCED);
    if (rename(path_in(r, MYL_NEW_FILE), path_in(r, MYL_DATA_FILE)) != 0)
        return myl_fail(r->cx, MYL_IO_FAILED, "%s cannot take its place: %s", MYL_NEW_FILE,
                        strerror(errno));
    MYL_DIE_AT(EXCHANGE_RENAMED);
    require_synced(r);
    use_fresh(r);
    MYL_DIE_AT(EXCHANGE_TAKEN);
    return MYL_OK;
}

/* On the engine's thread, between two batches. */
static void take(void *arg)
{
    run *r = arg;
    int64_t start = myl_tick_ns();
    if (r->noted - r->done > MYL_LIMIT_EXCHANGE_STAND_BYTES && !r->last_try)
        return;
    r->rc = take_name(r);
    r->taken = true;
    r->pause_us = (myl_tick_ns() - start) / 1000;
}

/* ---- the whole ---- */

static myl_rc open_changes(run *r)
{
    const char *path = path_in(r, CHANGES_FILE);
    r->changes = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0600);
    if (r->changes < 0)
        return myl_fail(r->cx, MYL_IO_FAILED, "%s cannot be made: %s", path, strerror(errno));
    unlink(path);
    return MYL_OK;
}

static myl_rc catch_up(run *r)
{
    for (int round = 0; round < MYL_LIMIT_EXCHANGE_ROUNDS && !r->taken; round++) {
        MYL_TRY(require_whole(r));
        MYL_TRY(carry_until(r, r->noted));
        if (r->noted - r->done > MYL_LIMIT_EXCHANGE_STAND_BYTES)
            continue;
        /* What is on the disk now need not go there while the engine stands. */
        int rc = mdb_env_sync(r->fresh->base->env, 1);
        if (rc != 0)
            return myl_lmdb_fail(r->cx, rc, "sync", MYL_TABLE_COUNT);
        MYL_TRY(carry_until(r, r->noted));
        r->last_try = round + 1 == MYL_LIMIT_EXCHANGE_ROUNDS;
        MYL_TRY(myl_engine_between(r->engine, r->cx, take, r));
    }
    return r->taken ? r->rc : myl_fail(r->cx, MYL_BUSY, "writers are faster than the copy");
}

static myl_rc copy_and_take(run *r)
{
    myl_follower follower = {.row = note_batch, .arg = r};
    MYL_TRY(open_changes(r));
    MYL_TRY(myl_engine_follow(r->engine, r->cx, &follower));
    MYL_DIE_AT(EXCHANGE_FOLLOW);
    unlink(path_in(r, MYL_NEW_FILE));
    MYL_TRY(myl_copy_to(r->cx, r->store, path_in(r, MYL_NEW_FILE), MYL_COPY_EXCHANGE));
    MYL_DIE_AT(EXCHANGE_COPIED);
    set_stage(r, MYL_EXCHANGE_CATCHING_UP);
    MYL_TRY(myl_store_open_beside(r->cx, r->store, MYL_NEW_FILE, &r->fresh));
    int rc = mdb_env_set_flags(r->fresh->base->env, MDB_NOSYNC, 1);
    if (rc != 0)
        return myl_lmdb_fail(r->cx, rc, "open", MYL_TABLE_COUNT);
    return catch_up(r);
}

/* Readers of the old file may go on; the last of them closes it. */
static void clean_up(run *r)
{
    myl_ctx cx;
    myl_ctx_begin(&cx);
    (void)myl_engine_follow(r->engine, &cx, NULL);
    myl_ctx_end(&cx);
    if (r->old != NULL)
        myl_base_leave(r->store, r->old);
    else
        unlink(path_in(r, MYL_NEW_FILE));
    myl_store_close(r->fresh);
    if (r->changes >= 0)
        close(r->changes);
}

myl_rc myl_store_exchange_run(myl_ctx *cx, myl_store *store, myl_engine *engine)
{
    run r = {.cx = cx, .store = store, .engine = engine, .changes = -1};
    myl_rc rc = copy_and_take(&r);
    clean_up(&r);
    finish(store, rc, rc == MYL_OK ? MYL_S("") : cx->error.detail, &r);
    if (rc != MYL_OK)
        return rc;
    myl_metric_add(MYL_METRIC_STORE_EXCHANGES, 1);
    myl_metric_add(MYL_METRIC_STORE_EXCHANGE_PAUSE_MICROSECONDS, r.pause_us);
    return MYL_OK;
}
