/* retention.c: how long this server lets messages live.
 *
 * Spec:    MSC1763, as Synapse serves it.
 * Threads: the loop.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/room_retention.h>

static void write_bound(myl_writer *w, const char *key, int64_t least, int64_t most)
{
    if (least <= 0 && most <= 0)
        return;
    myl_write_open_key(w, key, '{');
    if (least > 0)
        myl_write_int(w, "min", least);
    if (most > 0)
        myl_write_int(w, "max", most);
    myl_write_close(w, '}');
}

myl_rc myl_client_retention(myl_req *req, const myl_body_none *in)
{
    const myl_retention_policy *policy = myl_room_retention();
    myl_writer w = myl_write_start(&req->cx, 128);

    MYL_UNUSED(in);
    if (!policy->enabled)
        return myl_fail(&req->cx, MYL_UNRECOGNIZED, "this server keeps messages for ever");
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "policies", '{');
    if (policy->default_lifetime_ms > 0 || policy->default_min_ms > 0) {
        myl_write_open_key(&w, "*", '{');
        if (policy->default_min_ms > 0)
            myl_write_int(&w, "min_lifetime", policy->default_min_ms);
        if (policy->default_lifetime_ms > 0)
            myl_write_int(&w, "max_lifetime", policy->default_lifetime_ms);
        myl_write_close(&w, '}');
    }
    myl_write_close(&w, '}');
    myl_write_open_key(&w, "limits", '{');
    write_bound(&w, "max_lifetime", policy->least_ms, policy->most_ms);
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
