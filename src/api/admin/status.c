/* status.c: for those who watch the server: is it alive, and what has it counted?
 *
 * Threads: the loop; no store.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/api_own.h"

#include <myelin/base_log.h>

myl_rc myl_server_health(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return myl_reply_bytes(req, 200, "text/plain", MYL_S("OK\n"));
}

myl_rc myl_server_metrics(myl_req *req, const myl_body_none *in)
{
    myl_text out = MYL_TEXT(&req->cx);

    MYL_UNUSED(in);
    myl_metric_write(&out);
    return myl_reply_bytes(req, 200, "text/plain; version=0.0.4", myl_text_str(&out));
}
