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

myl_rc myl_server_query_profile(myl_req *req, const myl_body_none *in)
{
    myl_text text = MYL_TEXT(&req->cx);
    myl_str user = myl_req_query(req, "user_id");
    myl_str field = myl_req_query(req, "field");
    const myl_json *fields, *value;

    MYL_UNUSED(in);
    if (!myl_str_present(user))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "user_id: missing");
    if (!myl_id_is_user(user))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "user_id: expected a user id");
    MYL_TRY(myl_user_profile_fields(&req->cx, user, &fields));
    if (fields == NULL || !myl_id_is_ours(user, myl_api_config()->server_name))
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such user");
    value = myl_json_get(fields, field);
    if (myl_str_present(field))
        fields =
            value == NULL ? myl_json_empty_object() : myl_json_with(&req->cx, NULL, field, value);
    myl_json_write(&text, fields);
    return myl_reply_json(req, 200, myl_text_str(&text));
}
