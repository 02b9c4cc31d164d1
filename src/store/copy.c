/* copy.c: compact copies of the database.
 *
 * Callers: the admin API (backup), `myelin compact`.
 * Threads: any that may wait; LMDB takes a read transaction of its own for the copy.
 * Holds:   a copy is whole and synced before its name is given to anybody; a rename replaces the old file in one step.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/store_copy.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_own.h"

#define DATA_FILE "store.mdb"
#define NEW_FILE "store.mdb.compact"

static myl_rc failed(myl_ctx *cx, const char *path, const char *what, int rc)
{
    unlink(path);
    return myl_fail(cx, MYL_IO_FAILED, "%s: %s: %s", path, what, mdb_strerror(rc));
}

/* The name of a new file is on the disk too. */
static int sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) != 0 ? errno : 0;

    if (fd >= 0)
        close(fd);
    return rc;
}

static int sync_folder_of(myl_ctx *cx, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return sync_folder(".");
    return sync_folder(myl_cstr(cx, (myl_str){path, (size_t)(slash - path) + 1}));
}

/* Made with its mode, so that nobody else can open it while it is written. */
myl_rc myl_store_copy(myl_ctx *cx, const myl_store *store, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return myl_fail(cx, MYL_IO_FAILED, "%s cannot be made: %s", path, strerror(errno));
    int rc = mdb_env_copyfd2(store->env, fd, MDB_CP_COMPACT);
    if (rc == 0 && fsync(fd) != 0)
        rc = errno;
    if (close(fd) != 0 && rc == 0)
        rc = errno;
    if (rc == 0)
        rc = sync_folder_of(cx, path);
    return rc == 0 ? MYL_OK : failed(cx, path, "cannot be written", rc);
}

/* Nobody else has the folder open, and its file is still the one that we opened: two of us may have begun at once. */
static myl_rc require_alone(myl_ctx *cx, const myl_store *store, const char *path)
{
    mdb_filehandle_t ours;
    struct stat opened, named;

    if (flock(store->lock_file, LOCK_EX | LOCK_NB) != 0)
        return myl_fail(cx, MYL_IO_FAILED, "%s is in use by another process", path);
    if (mdb_env_get_fd(store->env, &ours) != 0 || fstat(ours, &opened) != 0 ||
        stat(path, &named) != 0 || opened.st_ino != named.st_ino)
        return myl_fail(cx, MYL_IO_FAILED, "%s has been replaced meanwhile", path);
    return MYL_OK;
}

static uint64_t bytes_of(const char *path)
{
    struct stat about;

    return stat(path, &about) == 0 ? (uint64_t)about.st_size : 0;
}

myl_rc myl_store_compact(myl_ctx *cx, const myl_store *store, const char *folder, uint64_t *before,
                         uint64_t *after)
{
    const char *old = myl_cstr(cx, myl_strf(cx, "%s/" DATA_FILE, folder)),
               *fresh = myl_cstr(cx, myl_strf(cx, "%s/" NEW_FILE, folder));

    MYL_TRY(require_alone(cx, store, old));
    unlink(fresh); /* what a kill has left */
    *before = bytes_of(old);
    MYL_TRY(myl_store_copy(cx, store, fresh));
    *after = bytes_of(fresh);
    if (rename(fresh, old) != 0)
        return failed(cx, fresh, "cannot take its place", errno);
    int rc = sync_folder(folder);
    return rc == 0 ? MYL_OK
                   : myl_fail(cx, MYL_IO_FAILED, "%s cannot be synced: %s", folder, strerror(rc));
}
