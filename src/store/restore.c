/* restore.c: a copy put back in the place of a stopped server's database.
 *
 * Why:     what a copy has not seen was given out all the same: tokens, positions, one-time keys. So the epoch, a part of every
 *          token, becomes one that was never used, and positions go on past all that were given out. Both follow the time where
 *          the former database cannot tell, or where one copy is put back twice.
 * Callers: `myelin restore`. Threads: one.
 * Holds:   killed at any moment, the folder holds the former database or the restored one, whole. The former one is kept.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/store_copy.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <myelin/base_clock.h>

#include "store/store_own.h"

#define DATA_FILE "store.mdb"
#define LMDB_LOCK "store.mdb-lock"
#define FORMER_FILE "store.mdb.replaced"
#define WORK_FOLDER "restore"

/* No server gives out more positions a second. */
enum { POSITIONS_A_SECOND_BITS = 20 };
enum { RESTORE_READERS = 16 };
/* Room for what the adapting writes. */
#define MAP_ROOM ((uint64_t)1 << 30)

static const char *path_in(myl_ctx *cx, const char *folder, const char *name)
{
    return myl_cstr(cx, myl_strf(cx, "%s/%s", folder, name));
}

static myl_rc failed(myl_ctx *cx, const char *path, const char *what)
{
    return myl_fail(cx, MYL_IO_FAILED, "%s: %s: %s", path, what, strerror(errno));
}

static myl_rc sync_path(myl_ctx *cx, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);

    if (fd >= 0)
        close(fd);
    return rc == 0 ? MYL_OK : failed(cx, path, "cannot be synced");
}

/* ---- the former database ---- */

typedef struct {
    uint64_t epoch, position;
} reach;

static uint64_t number_in(MDB_txn *txn, MDB_dbi meta, myl_str name)
{
    MDB_val key = myl_val(name), value;
    uint64_t number = 0;
    myl_str bytes;

    if (mdb_get(txn, meta, &key, &value) == 0) {
        bytes = myl_of_val(value);
        if (!myl_cut_u64(&bytes, &number))
            number = 0;
    }
    return number;
}

static void read_reach(MDB_env *env, reach *out)
{
    MDB_txn *txn;
    MDB_dbi meta;

    if (mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0)
        return;
    if (mdb_dbi_open(txn, myl_table_rows[MYL_TABLE_META].name, 0, &meta) == 0) {
        out->epoch = number_in(txn, meta, MYL_META_EPOCH);
        out->position = number_in(txn, meta, MYL_META_POSITION);
    }
    mdb_txn_abort(txn);
}

/* How far it has come; zeros when it is not there or cannot be read: that may be why a copy is put back. */
static reach reach_of(const char *path)
{
    reach out = {0, 0};
    MDB_env *env;

    if (mdb_env_create(&env) != 0)
        return out;
    if (mdb_env_set_maxdbs(env, MYL_TABLE_COUNT) == 0 &&
        mdb_env_open(env, path, MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0600) == 0)
        read_reach(env, &out);
    mdb_env_close(env);
    return out;
}

/* ---- the copy, in a folder of its own ---- */

static myl_rc copy_bytes(myl_ctx *cx, int from, int to, const char *path)
{
    ssize_t sent;

    do {
        sent = sendfile(to, from, NULL, (size_t)1 << 26);
    } while (sent > 0 || (sent < 0 && errno == EINTR));
    if (sent < 0 || fsync(to) != 0)
        return failed(cx, path, "cannot be written");
    return MYL_OK;
}

static myl_rc copy_in(myl_ctx *cx, const char *copy, const char *path, uint64_t *bytes)
{
    int from = open(copy, O_RDONLY | O_CLOEXEC), to;
    struct stat about;
    myl_rc rc;

    if (from < 0)
        return failed(cx, copy, "cannot be read");
    if (fstat(from, &about) != 0 || !S_ISREG(about.st_mode)) {
        close(from);
        return myl_fail(cx, MYL_BAD_CONFIG, "%s: not the file of a copy", copy);
    }
    *bytes = (uint64_t)about.st_size;
    to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    rc = to < 0 ? failed(cx, path, "cannot be made") : copy_bytes(cx, from, to, path);
    if (to >= 0)
        close(to);
    close(from);
    return rc;
}

static void clear_work(myl_ctx *cx, const char *work)
{
    static const char *const names[] = {DATA_FILE, LMDB_LOCK, "lock"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlink(path_in(cx, work, names[i]));
    rmdir(work);
}

/* ---- a new epoch ---- */

typedef struct {
    myl_change change; /* first member */
    myl_restore_step step;
    uint64_t at;
    bool left;
    reach least;
} adapting;

static myl_rc run_step(myl_change *change)
{
    adapting *a = (adapting *)change;

    a->left = false;
    return a->step(change->cx, &a->at, &a->left);
}

static myl_rc run_raise(myl_change *change)
{
    const adapting *a = (const adapting *)change;

    return myl_engine_raise_epoch(change->cx, a->least.epoch, a->least.position);
}

static myl_rc adapt(myl_ctx *cx, myl_engine *engine, const myl_restoring *wanted, reach least)
{
    adapting a = {.change = {.name = "restore", .cx = cx, .run = run_raise}, .least = least};

    MYL_TRY(myl_engine_run(engine, &a.change));
    for (const myl_restore_step *step = wanted->steps; *step != NULL; step++) {
        a = (adapting){.step = *step};
        do {
            a.change = (myl_change){.name = "restore", .cx = cx, .run = run_step};
            MYL_TRY(myl_engine_run(engine, &a.change));
        } while (a.left);
    }
    return MYL_OK;
}

/* What was never reached, by the former database and by the clock. */
static reach least_of(const char *former)
{
    reach least = reach_of(former);
    uint64_t now = (uint64_t)myl_now_ms() / 1000;

    least.epoch = least.epoch + 1 > now ? least.epoch + 1 : now;
    if (least.position < now << POSITIONS_A_SECOND_BITS)
        least.position = now << POSITIONS_A_SECOND_BITS;
    return least;
}

static myl_rc adapt_in(myl_ctx *cx, const myl_restoring *wanted, const char *work, uint64_t bytes,
                       myl_restored *out)
{
    myl_store_options options = {.folder = work,
                                 .map_size = bytes * 2 + MAP_ROOM,
                                 .readers = RESTORE_READERS,
                                 .migrations = wanted->migrations,
                                 .migration_count = wanted->migration_count};
    reach least = least_of(path_in(cx, wanted->folder, DATA_FILE));
    myl_engine *engine;
    myl_store *store;
    myl_rc rc;

    MYL_TRY(myl_store_open(cx, &options, &store));
    rc = myl_engine_start(cx, store, NULL, NULL, &engine);
    if (rc == MYL_OK) {
        rc = adapt(cx, engine, wanted, least);
        myl_engine_stop(engine);
    }
    if (rc == MYL_OK)
        rc = myl_snapshot_open(cx, store);
    if (rc == MYL_OK) {
        rc = myl_store_epoch(cx, &out->epoch);
        if (rc == MYL_OK)
            rc = myl_store_position(cx, &out->position);
        myl_snapshot_close(cx);
    }
    myl_store_close(store);
    return rc;
}

/* ---- in its place ---- */

/* Two names for the former file, then one step that gives its first name to the new one. */
static myl_rc replace(myl_ctx *cx, const char *folder, const char *fresh, bool *kept)
{
    const char *path = path_in(cx, folder, DATA_FILE), *former = path_in(cx, folder, FORMER_FILE);

    *kept = access(path, F_OK) == 0;
    if (*kept) {
        unlink(former);
        if (link(path, former) != 0)
            return failed(cx, former, "cannot be made");
    }
    if (rename(fresh, path) != 0)
        return failed(cx, path, "cannot be replaced");
    unlink(path_in(cx, folder, LMDB_LOCK));
    return sync_path(cx, folder);
}

static myl_rc restore_locked(myl_ctx *cx, const myl_restoring *wanted, myl_restored *out)
{
    const char *work = path_in(cx, wanted->folder, WORK_FOLDER);
    const char *fresh = path_in(cx, work, DATA_FILE);
    uint64_t bytes;
    myl_rc rc;

    clear_work(cx, work); /* what a kill has left */
    if (mkdir(work, 0700) != 0)
        return failed(cx, work, "cannot be made");
    rc = copy_in(cx, wanted->copy, fresh, &bytes);
    if (rc == MYL_OK)
        rc = adapt_in(cx, wanted, work, bytes, out);
    if (rc == MYL_OK)
        rc = sync_path(cx, fresh);
    if (rc == MYL_OK)
        rc = replace(cx, wanted->folder, fresh, &out->kept_former);
    clear_work(cx, work);
    return rc;
}

myl_rc myl_store_restore(myl_ctx *cx, const myl_restoring *wanted, myl_restored *out)
{
    const char *lock = path_in(cx, wanted->folder, "lock");
    int fd;
    myl_rc rc;

    memset(out, 0, sizeof(*out));
    if (mkdir(wanted->folder, 0700) != 0 && errno != EEXIST)
        return failed(cx, wanted->folder, "cannot be made");
    fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(cx, lock, "cannot be opened");
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        rc = myl_fail(cx, MYL_BAD_CONFIG, "data folder %s is in use by another process",
                      wanted->folder);
    else
        rc = restore_locked(cx, wanted, out);
    close(fd);
    return rc;
}
