/* third_party_ids.c: e-mail addresses and phone numbers of accounts: this server keeps none, and says so.
 *
 * Spec:    Client-Server API, Adding Account Administrative Contact Information; requestToken endpoints.
 * Threads: a loop (no store).
 * Holds:   a body that is wrong in itself is refused as such; one that is right is refused with what is missing here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

myl_rc myl_client_third_party_ids(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return myl_reply_json(req, 200, MYL_S("{\"threepids\":[]}"));
}

static myl_rc refuse(myl_req *req)
{
    return myl_fail(&req->cx, MYL_THREEPID_DENIED,
                    "this server keeps no e-mail addresses and phone numbers");
}

myl_rc myl_client_add_third_party_id_old(myl_req *req, const myl_body_threepid_old *in)
{
    MYL_UNUSED(in);
    return refuse(req);
}

myl_rc myl_client_add_third_party_id(myl_req *req, const myl_body_threepid_add *in)
{
    MYL_UNUSED(in);
    return refuse(req);
}

myl_rc myl_client_bind_third_party_id(myl_req *req, const myl_body_threepid_bind *in)
{
    MYL_UNUSED(in);
    return refuse(req);
}

/* What is not there is gone; there is no identity server to tell. */
myl_rc myl_client_delete_third_party_id(myl_req *req, const myl_body_threepid_delete *in)
{
    MYL_UNUSED(in);
    return myl_reply_json(req, 200, MYL_S("{\"id_server_unbind_result\":\"no-support\"}"));
}

static myl_rc refuse_medium(myl_req *req, const char *medium)
{
    return myl_fail(&req->cx, MYL_THREEPID_MEDIUM, "this server cannot send messages by %s",
                    medium);
}

myl_rc myl_client_email_token(myl_req *req, const myl_body_email_token *in)
{
    MYL_UNUSED(in);
    return refuse_medium(req, "e-mail");
}

myl_rc myl_client_msisdn_token(myl_req *req, const myl_body_msisdn_token *in)
{
    MYL_UNUSED(in);
    return refuse_medium(req, "phone");
}
