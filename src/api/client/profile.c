/* profile.c: what users tell of themselves: names, pictures, time zones, and any field of one's own.
 *
 * Spec:    Client-Server API, Profiles.
 * Threads: the engine for changes, a read worker otherwise; another server's users are asked for on a lane.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/visit.h"

#include <myelin/room_profile.h>

static myl_rc find(myl_req *req, const myl_json **out)
{
    if (!myl_id_is_ours(req->path.user_id, myl_api_config()->server_name))
        return myl_client_profile_elsewhere(req, req->path.user_id, out);
    MYL_TRY(myl_user_profile_fields(&req->cx, req->path.user_id, out));
    return *out != NULL ? MYL_OK : myl_fail(&req->cx, MYL_NOT_FOUND, "no such user");
}

/* ---- reading ---- */

myl_rc myl_client_profile(myl_req *req, const myl_body_none *in)
{
    myl_text text = MYL_TEXT(&req->cx);
    const myl_json *fields;

    MYL_UNUSED(in);
    MYL_TRY(find(req, &fields));
    myl_json_write(&text, fields);
    return myl_reply_json(req, 200, myl_text_str(&text));
}

myl_rc myl_client_profile_field(myl_req *req, const myl_body_none *in)
{
    myl_text text = MYL_TEXT(&req->cx);
    const myl_json *fields, *value;

    MYL_UNUSED(in);
    MYL_TRY(find(req, &fields));
    value = myl_json_get(fields, req->path.key_name);
    if (value == NULL)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "keyName: the profile has no such field");
    myl_json_write(&text, myl_json_with(&req->cx, NULL, req->path.key_name, value));
    return myl_reply_json(req, 200, myl_text_str(&text));
}

/* ---- writing ---- */

static bool is_own_key(myl_str key)
{
    return myl_str_equal(key, MYL_S("displayname")) || myl_str_equal(key, MYL_S("avatar_url")) ||
           myl_str_equal(key, MYL_S("m.tz"));
}

/* One of the specification's, or of the Common Namespaced Identifier Grammar. */
static myl_rc check_key(myl_req *req)
{
    myl_str key = req->path.key_name;

    if (is_own_key(key) || myl_id_is_namespaced(key))
        return MYL_OK;
    if (key.len > MYL_LIMIT_ID_BYTES)
        return myl_fail(&req->cx, MYL_KEY_TOO_LARGE, "keyName: longer than %d bytes",
                        MYL_LIMIT_ID_BYTES);
    return myl_fail(&req->cx, MYL_INVALID_PARAM, "keyName: not the name of a profile field");
}

static myl_rc check_writer(myl_req *req)
{
    MYL_TRY(myl_client_require_self(req));
    if (req->caller.is_guest && !myl_str_equal(req->path.key_name, MYL_S("displayname")))
        return myl_fail(&req->cx, MYL_GUEST_FORBIDDEN, "guests may only change their displayname");
    return check_key(req);
}

/* null and the empty text remove a name or a picture. */
static myl_rc read_value(myl_req *req, const myl_json *body, const myl_json **out)
{
    myl_str field = req->path.key_name;
    const myl_json *value = myl_json_get(body, field);

    *out = value;
    if (value == NULL)
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "%.*s: missing", MYL_FMT(field));
    if (!is_own_key(field))
        return MYL_OK;
    if (value->kind == MYL_JSON_NULL || (value->kind == MYL_JSON_STRING && value->text.len == 0)) {
        *out = NULL;
        return MYL_OK;
    }
    if (value->kind != MYL_JSON_STRING)
        return myl_fail(&req->cx, MYL_BAD_JSON, "%.*s: expected a string", MYL_FMT(field));
    if (value->text.len > MYL_LIMIT_PROFILE_BYTES)
        return myl_fail(&req->cx, MYL_TOO_LARGE, "%.*s: longer than %d bytes", MYL_FMT(field),
                        MYL_LIMIT_PROFILE_BYTES);
    return MYL_OK;
}

myl_rc myl_client_put_profile_field(myl_req *req, const myl_body_content *in)
{
    const myl_json *value;

    MYL_TRY(check_writer(req));
    MYL_TRY(read_value(req, in->json, &value));
    MYL_TRY(myl_room_profile_set(&req->cx, &req->caller, req->path.key_name, value));
    return myl_reply_empty(req);
}

myl_rc myl_client_delete_profile_field(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    MYL_TRY(check_writer(req));
    MYL_TRY(myl_room_profile_set(&req->cx, &req->caller, req->path.key_name, NULL));
    return myl_reply_empty(req);
}
