/* backup.c: a compact copy of the database while the server runs.
 *
 * Threads: a lane.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/admin/admin_own.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include <myelin/store_copy.h>

static atomic_flag under_way = ATOMIC_FLAG_INIT;

static myl_rc copy(myl_req *req, const char **path)
{
    myl_ctx *cx = &req->cx;
    const char *folder = myl_cstr(cx, myl_strf(cx, "%s/backups", myl_api_config()->data_dir.at));

    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return myl_fail(cx, MYL_IO_FAILED, "%s cannot be made: %s", folder, strerror(errno));
    *path = myl_cstr(cx, myl_strf(cx, "%s/store-%lld.mdb", folder, (long long)myl_now_ms()));
    return myl_store_copy(cx, myl_req_store(req), *path);
}

myl_rc myl_admin_backup(myl_req *req, const myl_body_empty *in)
{
    myl_writer w = myl_write_start(&req->cx, 256);
    const char *path;
    struct stat about = {.st_size = 0};

    MYL_UNUSED(in);
    if (atomic_flag_test_and_set(&under_way))
        return myl_fail(&req->cx, MYL_BAD_REQUEST, "a backup is under way");
    myl_rc rc = copy(req, &path);
    atomic_flag_clear(&under_way);
    MYL_TRY(rc);
    (void)stat(path, &about);
    myl_write_open(&w, '{');
    myl_write_str(&w, "file", myl_str_of(path));
    myl_write_int(&w, "bytes", (int64_t)about.st_size);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
