/* copy.c: compact copies of the database.
 *
 * Callers: the admin API (backup), `myelin compact`.
 * Threads: any that may wait; LMDB takes a read transaction of its own for the copy.
 * Holds:   the copy's file is known to the exchange (exchange.c), which can end the copy when the server stops.
 *          A copy is whole and synced before its name is given to anybody; a rename replaces the old file in one step.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/store_copy.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_own.h"

#define PART ".part"

static myl_rc failed(myl_ctx *cx, const char *path, const char *what, int rc)
{
    unlink(path);
    return myl_fail(cx, MYL_IO_FAILED, "%s: %s: %s", path, what, mdb_strerror(rc));
}

static int sync_folder_of(myl_ctx *cx, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return myl_folder_sync(".");
    return myl_folder_sync(myl_cstr(cx, (myl_str){path, (size_t)(slash - path) + 1}));
}

/* Made with its mode, so that nobody else can open it while it is written. */
myl_rc myl_copy_to(myl_ctx *cx, myl_store *store, const char *path, myl_copy_slot slot)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return myl_fail(cx, MYL_IO_FAILED, "%s cannot be made: %s", path, strerror(errno));
    myl_base *base = myl_base_enter(store);
    int rc = myl_exchange_copies(store, slot, fd) ? mdb_env_copyfd2(base->env, fd, MDB_CP_COMPACT)
                                                  : ECANCELED;
    (void)myl_exchange_copies(store, slot, -1);
    myl_base_leave(store, base);
    if (rc == 0 && fsync(fd) != 0)
        rc = errno;
    if (close(fd) != 0 && rc == 0)
        rc = errno;
    if (rc == 0)
        rc = sync_folder_of(cx, path);
    return rc == 0 ? MYL_OK : failed(cx, path, "cannot be written", rc);
}

myl_rc myl_store_copy(myl_ctx *cx, myl_store *store, const char *path)
{
    const char *part = myl_cstr(cx, myl_strf(cx, "%s" PART, path));

    MYL_TRY(myl_copy_to(cx, store, part, MYL_COPY_BACKUP));
    MYL_DIE_AT(BACKUP_WRITTEN);
    if (rename(part, path) != 0)
        return failed(cx, part, "cannot take its name", errno);
    int rc = sync_folder_of(cx, path);
    return rc == 0 ? MYL_OK : failed(cx, path, "cannot be synced", rc);
}

void myl_store_copies_clean(myl_ctx *cx, const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        myl_str name = myl_str_of(entry->d_name);
        if (!myl_str_ends(name, MYL_S(PART)) ||
            unlink(myl_cstr(cx, myl_strf(cx, "%s/%s", folder, entry->d_name))) != 0)
            continue;
        myl_log(cx, MYL_LOG_WARNING, "store", "a backup that was not finished is removed",
                MYL_LOG_STR("file", name));
    }
    if (dir != NULL)
        closedir(dir);
}

/* Nobody else has the folder open, and its file is still the one that we opened: two of us may have begun at once. */
static myl_rc require_alone(myl_ctx *cx, const myl_store *store, const char *path)
{
    mdb_filehandle_t ours;
    struct stat opened, named;

    if (flock(store->lock_file, LOCK_EX | LOCK_NB) != 0)
        return myl_fail(cx, MYL_IO_FAILED, "%s is in use by another process", path);
    if (mdb_env_get_fd(store->base->env, &ours) != 0 || fstat(ours, &opened) != 0 ||
        stat(path, &named) != 0 || opened.st_ino != named.st_ino)
        return myl_fail(cx, MYL_IO_FAILED, "%s has been replaced meanwhile", path);
    return MYL_OK;
}

static uint64_t bytes_of(const char *path)
{
    struct stat about;

    return stat(path, &about) == 0 ? (uint64_t)about.st_size : 0;
}

myl_rc myl_store_compact(myl_ctx *cx, myl_store *store, const char *folder, uint64_t *before,
                         uint64_t *after)
{
    const char *old = myl_cstr(cx, myl_strf(cx, "%s/" MYL_DATA_FILE, folder)),
               *fresh = myl_cstr(cx, myl_strf(cx, "%s/" MYL_NEW_FILE, folder));

    MYL_TRY(require_alone(cx, store, old));
    unlink(fresh); /* what a kill has left */
    *before = bytes_of(old);
    MYL_TRY(myl_copy_to(cx, store, fresh, MYL_COPY_BACKUP));
    *after = bytes_of(fresh);
    if (rename(fresh, old) != 0)
        return failed(cx, fresh, "cannot take its place", errno);
    int rc = myl_folder_sync(folder);
    return rc == 0 ? MYL_OK
                   : myl_fail(cx, MYL_IO_FAILED, "%s cannot be synced: %s", folder, strerror(rc));
}
