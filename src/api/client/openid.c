/* openid.c: tokens that prove to another service who somebody is.
 *
 * Spec:    Client-Server API, OpenID. Server-Server API, OpenID.
 * Threads: the engine to make one, a read worker to look at it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/user_ticket.h>

myl_rc myl_client_openid_token(myl_req *req, const myl_body_openid *in)
{
    int64_t lifetime_ms = myl_api_config()->sessions_openid_lifetime;
    myl_writer w = myl_write_start(&req->cx, 128);
    myl_str ticket;

    MYL_UNUSED(in);
    MYL_TRY(myl_client_require_self(req));
    MYL_TRY(
        myl_user_ticket_new(&req->cx, MYL_TICKET_OPENID, req->caller.user, lifetime_ms, &ticket));
    myl_write_open(&w, '{');
    myl_write_str(&w, "access_token", ticket);
    myl_write_int(&w, "expires_in", lifetime_ms / 1000);
    myl_write_str(&w, "matrix_server_name", myl_room_server()->server_name);
    myl_write_str(&w, "token_type", MYL_S("Bearer"));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_server_openid_userinfo(myl_req *req, const myl_body_none *in)
{
    myl_str ticket = myl_req_query(req, "access_token"), user_id;
    myl_writer w = myl_write_start(&req->cx, 128);

    MYL_UNUSED(in);
    if (!myl_str_present(ticket))
        return myl_fail(&req->cx, MYL_MISSING_TOKEN, "access_token: missing");
    MYL_TRY(myl_user_ticket_find(&req->cx, MYL_TICKET_OPENID, ticket, &user_id));
    if (!myl_str_present(user_id))
        return myl_fail(&req->cx, MYL_UNKNOWN_TOKEN, "access_token: unknown or expired");
    myl_write_open(&w, '{');
    myl_write_str(&w, "sub", user_id);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
