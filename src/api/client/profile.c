/* profile.c: names and pictures of users.
 *
 * Spec:    Client-Server API, Profiles.
 * Threads: the engine for changes, a read worker otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/visit.h"

#include <myelin/room_profile.h>

static myl_rc find(myl_req *req, myl_profile *out)
{
    const myl_json *told;

    if (!myl_id_is_ours(req->path.user_id, myl_room_server()->server_name)) {
        MYL_TRY(myl_client_profile_elsewhere(req, req->path.user_id, &told));
        out->exists = true;
        out->display_name = myl_json_text(told, MYL_S("displayname"));
        out->avatar_url = myl_json_text(told, MYL_S("avatar_url"));
        return MYL_OK;
    }
    MYL_TRY(myl_user_profile(&req->cx, req->path.user_id, out));
    return out->exists ? MYL_OK : myl_fail(&req->cx, MYL_NOT_FOUND, "no such user");
}

/* The field that {keyName} names. */
static myl_rc check_field(myl_req *req)
{
    myl_str field = req->path.key_name;

    if (myl_str_equal(field, MYL_S("displayname")) || myl_str_equal(field, MYL_S("avatar_url")))
        return MYL_OK;
    return myl_fail(&req->cx, MYL_INVALID_PARAM, "keyName: expected displayname or avatar_url");
}

myl_rc myl_client_profile(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 128);
    myl_profile profile;

    MYL_UNUSED(in);
    MYL_TRY(find(req, &profile));
    myl_write_open(&w, '{');
    myl_write_str(&w, "avatar_url", profile.avatar_url);
    myl_write_str(&w, "displayname", profile.display_name);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_profile_field(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 128);
    myl_profile profile;
    bool is_name = myl_str_equal(req->path.key_name, MYL_S("displayname"));

    MYL_UNUSED(in);
    MYL_TRY(check_field(req));
    MYL_TRY(find(req, &profile));
    myl_write_open(&w, '{');
    myl_write_str(&w, is_name ? "displayname" : "avatar_url",
                  is_name ? profile.display_name : profile.avatar_url);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* null and the empty text remove a field. */
static myl_rc read_value(myl_req *req, const myl_json *body, myl_str *out)
{
    myl_str field = req->path.key_name;
    const myl_json *value = myl_json_get(body, field);

    if (value == NULL)
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "%.*s: missing", MYL_FMT(field));
    *out = MYL_ABSENT;
    if (value->kind == MYL_JSON_NULL)
        return MYL_OK;
    if (value->kind != MYL_JSON_STRING)
        return myl_fail(&req->cx, MYL_BAD_JSON, "%.*s: expected a string", MYL_FMT(field));
    if (value->text.len > MYL_LIMIT_PROFILE_BYTES)
        return myl_fail(&req->cx, MYL_TOO_LARGE, "%.*s: longer than %d bytes", MYL_FMT(field),
                        MYL_LIMIT_PROFILE_BYTES);
    if (value->text.len > 0)
        *out = value->text;
    return MYL_OK;
}

myl_rc myl_client_put_profile_field(myl_req *req, const myl_body_content *in)
{
    myl_str value;

    MYL_TRY(myl_client_require_self(req));
    if (req->caller.is_guest && !myl_str_equal(req->path.key_name, MYL_S("displayname")))
        return myl_fail(&req->cx, MYL_GUEST_FORBIDDEN, "guests may only change their displayname");
    MYL_TRY(check_field(req));
    MYL_TRY(read_value(req, in->json, &value));
    MYL_TRY(myl_room_profile_set(&req->cx, &req->caller, req->path.key_name, value));
    return myl_reply_empty(req);
}
