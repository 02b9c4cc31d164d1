/* version.c: what this server is, for other servers.
 *
 * Spec:    Server-Server API, Server implementation.
 * Threads: a loop (no store).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/http_request.h>

#include "api/api_own.h"

myl_rc myl_server_version(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 128);

    MYL_UNUSED(in);
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "server", '{');
    myl_write_str(&w, "name", MYL_S("Myelin"));
    myl_write_str(&w, "version", myl_str_of(MYL_VERSION));
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
