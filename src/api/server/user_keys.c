/* user_keys.c: other servers ask for our users' devices and keys, and claim one-time keys.
 *
 * Spec:    Server-Server API, Device Management; End-to-End Encryption.
 * Threads: the engine for claims, a read worker otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/base_limit.h>
#include <myelin/http_request.h>
#include <myelin/matrix_id.h>
#include <myelin/user_keys.h>

#include "api/api_own.h"

static bool is_ours(myl_str user_id)
{
    return myl_id_is_ours(user_id, myl_api_config()->server_name);
}

/* ---- query ---- */

static myl_rc write_cross_keys(myl_req *req, myl_writer *w, const myl_json *asked,
                               myl_cross_key kind)
{
    for (uint32_t i = 0; i < asked->count; i++)
        if (is_ours(asked->items[i].key))
            MYL_TRY(myl_user_write_cross_key(&req->cx, w, asked->items[i].key, kind, 0));
    return MYL_OK;
}

myl_rc myl_server_user_keys_query(myl_req *req, const myl_body_fed_keys_query *in)
{
    myl_writer w = myl_write_start(&req->cx, 1024);
    const myl_json *asked = in->device_keys;

    if (asked->count > MYL_LIMIT_KEYS_QUERY)
        return myl_fail(&req->cx, MYL_TOO_LARGE, "device_keys: more than %d users",
                        MYL_LIMIT_KEYS_QUERY);
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "device_keys", '{');
    for (uint32_t i = 0; i < asked->count; i++)
        if (is_ours(asked->items[i].key))
            MYL_TRY(
                myl_user_write_device_keys(&req->cx, &w, asked->items[i].key, &asked->items[i], 0));
    myl_write_close(&w, '}');
    myl_write_open_key(&w, "master_keys", '{');
    MYL_TRY(write_cross_keys(req, &w, asked, MYL_KEY_MASTER));
    myl_write_close(&w, '}');
    myl_write_open_key(&w, "self_signing_keys", '{');
    MYL_TRY(write_cross_keys(req, &w, asked, MYL_KEY_SELF_SIGNING));
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- all devices of one ---- */

/* An object that one of user_keys.h's writers fills with the one member `user_id`; NULL: it wrote none. */
static myl_rc member_of(myl_ctx *cx, myl_writer *w, myl_str user_id, const myl_json **out)
{
    const myl_json *json;

    myl_write_close(w, '}');
    MYL_TRY(myl_json_parse(cx, myl_write_done(w), &json));
    *out = myl_json_get(json, user_id);
    return MYL_OK;
}

static myl_rc write_cross_key(myl_req *req, myl_writer *w, const char *name, myl_cross_key kind)
{
    myl_writer part = myl_write_start(&req->cx, 256);
    const myl_json *key;

    myl_write_open(&part, '{');
    MYL_TRY(myl_user_write_cross_key(&req->cx, &part, req->path.user_id, kind, 0));
    MYL_TRY(member_of(&req->cx, &part, req->path.user_id, &key));
    if (key != NULL)
        myl_write_json(w, name, key);
    return MYL_OK;
}

static void write_device(myl_req *req, myl_writer *w, const myl_json *keys)
{
    const myl_json *about = myl_json_object(keys, MYL_S("unsigned"));

    myl_write_open(w, '{');
    myl_write_str(w, "device_display_name", myl_json_text(about, MYL_S("device_display_name")));
    myl_write_str(w, "device_id", keys->key);
    myl_write_json(w, "keys", myl_json_without(&req->cx, keys, MYL_S("unsigned")));
    myl_write_close(w, '}');
}

myl_rc myl_server_user_devices(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 1024), part = myl_write_start(&req->cx, 1024);
    const myl_json *devices = NULL;
    uint64_t user, stream_id;

    MYL_UNUSED(in);
    myl_write_open(&part, '{');
    if (is_ours(req->path.user_id))
        MYL_TRY(myl_user_write_device_keys(&req->cx, &part, req->path.user_id, NULL, 0));
    MYL_TRY(member_of(&req->cx, &part, req->path.user_id, &devices));
    if (devices == NULL)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such user");
    MYL_TRY(myl_store_interned(&req->cx, MYL_INTERN_NAME, req->path.user_id, &user));
    MYL_TRY(myl_user_device_newest(&req->cx, user, &stream_id));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "devices", '[');
    for (uint32_t i = 0; i < devices->count; i++)
        write_device(req, &w, &devices->items[i]);
    myl_write_close(&w, ']');
    MYL_TRY(write_cross_key(req, &w, "master_key", MYL_KEY_MASTER));
    MYL_TRY(write_cross_key(req, &w, "self_signing_key", MYL_KEY_SELF_SIGNING));
    myl_write_int(&w, "stream_id", (int64_t)stream_id);
    myl_write_str(&w, "user_id", req->path.user_id);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- claim ---- */

myl_rc myl_server_user_keys_claim(myl_req *req, const myl_body_fed_keys_claim *in)
{
    myl_writer w = myl_write_start(&req->cx, 1024);
    const myl_json *asked = in->one_time_keys;
    size_t count = 0;

    for (uint32_t i = 0; i < asked->count; i++)
        count += asked->items[i].count;
    if (count > MYL_LIMIT_KEYS_CLAIM)
        return myl_fail(&req->cx, MYL_TOO_LARGE, "one_time_keys: more than %d devices",
                        MYL_LIMIT_KEYS_CLAIM);
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "one_time_keys", '{');
    for (uint32_t i = 0; i < asked->count; i++)
        if (is_ours(asked->items[i].key))
            MYL_TRY(myl_user_write_claimed(&req->cx, &w, &asked->items[i]));
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
