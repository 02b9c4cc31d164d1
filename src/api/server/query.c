/* query.c: what other servers ask about our users.
 *
 * Spec:    Server-Server API, Querying for information.
 * Threads: a read worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/http_request.h>
#include <myelin/matrix_id.h>
#include <myelin/user_data.h>

#include "api/api_own.h"

static bool wants(myl_str field, const char *name)
{
    return !myl_str_present(field) || myl_str_equal(field, myl_str_of(name));
}

myl_rc myl_server_query_profile(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 128);
    myl_str user = myl_req_query(req, "user_id");
    myl_str field = myl_req_query(req, "field");
    myl_profile profile;

    MYL_UNUSED(in);
    if (!myl_str_present(user))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "user_id: missing");
    if (!myl_id_is_user(user))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "user_id: expected a user id");
    MYL_TRY(myl_user_profile(&req->cx, user, &profile));
    if (!profile.exists || !myl_id_is_ours(user, myl_api_config()->server_name))
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such user");
    myl_write_open(&w, '{');
    if (wants(field, "avatar_url"))
        myl_write_str(&w, "avatar_url", profile.avatar_url);
    if (wants(field, "displayname"))
        myl_write_str(&w, "displayname", profile.display_name);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
