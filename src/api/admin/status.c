/* status.c: for those who watch the server: is it alive, and what has it counted?
 *
 * Threads: the loop; no store.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/api_own.h"

#include <sys/stat.h>

#include <myelin/base_log.h>

myl_rc myl_server_health(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return myl_reply_bytes(req, 200, "text/plain", MYL_S("OK\n"));
}

/* How large the database's file is: a question to the system, not to the store. */
static void write_file_size(myl_ctx *cx, myl_text *out)
{
    const char *path = myl_cstr(cx, myl_strf(cx, "%s/store.mdb", myl_api_config()->data_dir.at));
    struct stat about;

    if (stat(path, &about) == 0)
        myl_text_addf(out,
                      "# HELP myelin_store_file_bytes size of the database file\n"
                      "# TYPE myelin_store_file_bytes gauge\nmyelin_store_file_bytes %lld\n",
                      (long long)about.st_size);
}

myl_rc myl_server_metrics(myl_req *req, const myl_body_none *in)
{
    myl_text out = MYL_TEXT(&req->cx);

    MYL_UNUSED(in);
    myl_metric_write(&out);
    write_file_size(&req->cx, &out);
    return myl_reply_bytes(req, 200, "text/plain; version=0.0.4", myl_text_str(&out));
}
