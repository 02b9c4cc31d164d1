/* third_party.c: networks beyond Matrix: there are none as long as no application service brings one.
 *
 * Spec:    Client-Server API, Third-party Networks.
 * Threads: a loop (no store).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

myl_rc myl_client_protocols(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return myl_reply_empty(req);
}

static myl_rc no_protocol(myl_req *req)
{
    return myl_fail(&req->cx, MYL_NOT_FOUND, "protocol: there is no such network here");
}

myl_rc myl_client_protocol(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return no_protocol(req);
}

myl_rc myl_client_protocol_locations(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return no_protocol(req);
}

myl_rc myl_client_protocol_users(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return no_protocol(req);
}

static myl_rc look_up(myl_req *req, const char *name)
{
    if (!myl_str_present(myl_req_query(req, name)))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "%s: missing", name);
    return myl_reply_json(req, 200, MYL_S("[]"));
}

myl_rc myl_client_locations(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return look_up(req, "alias");
}

myl_rc myl_client_third_party_users(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return look_up(req, "userid");
}
