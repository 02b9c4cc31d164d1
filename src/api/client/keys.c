/* keys.c: device keys uploaded, asked for and claimed, and whose keys have changed.
 *
 * Spec:    Client-Server API, Key management API.
 * Threads: the engine for uploads and claims, a read worker otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/sync_device_lists.h>
#include <myelin/sync_token.h>
#include <myelin/user_keys.h>

/* ---- upload ---- */

myl_rc myl_client_keys_upload(myl_req *req, const myl_body_keys_upload *in)
{
    const myl_json *fallback =
        in->fallback_keys != NULL ? in->fallback_keys : in->msc2732_fallback_keys;
    myl_writer w = myl_write_start(&req->cx, 128);
    myl_key_counts counts;

    if (in->device_keys != NULL)
        MYL_TRY(myl_user_device_keys_put(&req->cx, &req->caller, in->device_keys));
    MYL_TRY(myl_user_one_time_keys_put(&req->cx, &req->caller, in->one_time_keys, false));
    MYL_TRY(myl_user_one_time_keys_put(&req->cx, &req->caller, fallback, true));
    MYL_TRY(myl_user_key_counts(&req->cx, &req->caller, &counts));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "one_time_key_counts", '{');
    for (size_t i = 0; i < counts.count; i++)
        myl_write_member_int(&w, counts.counts[i].algorithm, counts.counts[i].count);
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- query ---- */

static bool is_ours(myl_str user_id)
{
    return myl_id_is_ours(user_id, myl_room_server()->server_name);
}

static myl_rc write_cross_keys(myl_req *req, myl_writer *w, const myl_json *asked,
                               myl_cross_key kind)
{
    for (uint32_t i = 0; i < asked->count; i++)
        if (is_ours(asked->items[i].key))
            MYL_TRY(
                myl_user_write_cross_key(&req->cx, w, asked->items[i].key, kind, req->caller.user));
    return MYL_OK;
}

static myl_rc write_devices(myl_req *req, myl_writer *w, const myl_json *asked)
{
    for (uint32_t i = 0; i < asked->count; i++)
        if (is_ours(asked->items[i].key))
            MYL_TRY(myl_user_write_device_keys(&req->cx, w, asked->items[i].key, &asked->items[i],
                                               req->caller.user));
    return MYL_OK;
}

/* Servers that could not be asked. */
static myl_rc write_failures(myl_req *req, myl_writer *w, const myl_json *asked)
{
    const myl_json *failures = myl_json_empty_object(), *error;

    error = myl_json_with(&req->cx, NULL, MYL_S("errcode"),
                          myl_json_of_str(&req->cx, MYL_S("M_UNREACHABLE")));
    error = myl_json_with(&req->cx, error, MYL_S("error"),
                          myl_json_of_str(&req->cx, MYL_S("this server does not federate")));
    for (uint32_t i = 0; i < asked->count; i++)
        if (!is_ours(asked->items[i].key))
            failures = myl_json_with(&req->cx, failures, myl_id_domain(asked->items[i].key), error);
    myl_write_json(w, "failures", failures);
    return MYL_OK;
}

/* Only the caller's own: nobody else may see it. */
static myl_rc write_user_signing(myl_req *req, myl_writer *w, const myl_json *asked)
{
    if (myl_json_get(asked, req->caller.user_id) == NULL)
        return MYL_OK;
    return myl_user_write_cross_key(&req->cx, w, req->caller.user_id, MYL_KEY_USER_SIGNING,
                                    req->caller.user);
}

myl_rc myl_client_keys_query(myl_req *req, const myl_body_keys_query *in)
{
    myl_writer w = myl_write_start(&req->cx, 1024);

    if (in->device_keys->count > MYL_LIMIT_KEYS_QUERY)
        return myl_fail(&req->cx, MYL_TOO_LARGE, "device_keys: more than %d users",
                        MYL_LIMIT_KEYS_QUERY);
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "device_keys", '{');
    MYL_TRY(write_devices(req, &w, in->device_keys));
    myl_write_close(&w, '}');
    MYL_TRY(write_failures(req, &w, in->device_keys));
    myl_write_open_key(&w, "master_keys", '{');
    MYL_TRY(write_cross_keys(req, &w, in->device_keys, MYL_KEY_MASTER));
    myl_write_close(&w, '}');
    myl_write_open_key(&w, "self_signing_keys", '{');
    MYL_TRY(write_cross_keys(req, &w, in->device_keys, MYL_KEY_SELF_SIGNING));
    myl_write_close(&w, '}');
    myl_write_open_key(&w, "user_signing_keys", '{');
    MYL_TRY(write_user_signing(req, &w, in->device_keys));
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- claim ---- */

/* A user's object is opened with the first key found. */
static myl_rc claim_of_user(myl_req *req, myl_writer *w, const myl_json *devices)
{
    bool is_open = false;

    for (uint32_t i = 0; i < devices->count; i++) {
        myl_key_wanted wanted = {devices->key, devices->items[i].key, devices->items[i].text};
        myl_key_claimed claimed;

        MYL_TRY(myl_user_key_claim(&req->cx, &wanted, &claimed));
        if (!myl_str_present(claimed.key_id))
            continue;
        if (!is_open)
            myl_write_open_str(w, devices->key, '{');
        is_open = true;
        myl_write_open_str(w, wanted.device_id, '{');
        myl_write_member(w, claimed.key_id, claimed.json);
        myl_write_close(w, '}');
    }
    if (is_open)
        myl_write_close(w, '}');
    return MYL_OK;
}

static myl_rc check_claims(myl_req *req, const myl_json *asked)
{
    size_t count = 0;

    for (uint32_t i = 0; i < asked->count; i++)
        count += asked->items[i].count;
    if (count > MYL_LIMIT_KEYS_CLAIM)
        return myl_fail(&req->cx, MYL_TOO_LARGE, "one_time_keys: more than %d devices",
                        MYL_LIMIT_KEYS_CLAIM);
    return MYL_OK;
}

myl_rc myl_client_keys_claim(myl_req *req, const myl_body_keys_claim *in)
{
    myl_writer w = myl_write_start(&req->cx, 1024);

    MYL_TRY(check_claims(req, in->one_time_keys));
    myl_write_open(&w, '{');
    MYL_TRY(write_failures(req, &w, in->one_time_keys));
    myl_write_open_key(&w, "one_time_keys", '{');
    for (uint32_t i = 0; i < in->one_time_keys->count; i++)
        if (is_ours(in->one_time_keys->items[i].key))
            MYL_TRY(claim_of_user(req, &w, &in->one_time_keys->items[i]));
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- changes ---- */

static myl_rc read_token(myl_req *req, const char *name, myl_sync_token *out)
{
    myl_str text = myl_req_query(req, name);

    if (!myl_str_present(text))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "%s: missing", name);
    return myl_sync_token_read(&req->cx, text, name, out);
}

static myl_rc write_users(myl_req *req, myl_writer *w, const uint64_t *users, size_t count)
{
    myl_str name;

    for (size_t i = 0; i < count; i++) {
        MYL_TRY(myl_store_text_of(&req->cx, MYL_INTERN_NAME, users[i], &name));
        myl_write_str(w, NULL, name);
    }
    return MYL_OK;
}

myl_rc myl_client_keys_changes(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 256);
    myl_device_lists lists;
    myl_sync_token from, to;
    uint64_t epoch;

    MYL_UNUSED(in);
    MYL_TRY(read_token(req, "from", &from));
    MYL_TRY(read_token(req, "to", &to));
    MYL_TRY(myl_store_epoch(&req->cx, &epoch));
    /* a token of before a restore tells nothing: everybody may have changed */
    MYL_TRY(myl_sync_device_lists(&req->cx, req->caller.user,
                                  from.epoch == epoch ? from.durable : 0, &lists));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "changed", '[');
    MYL_TRY(write_users(req, &w, lists.changed, lists.changed_count));
    myl_write_close(&w, ']');
    myl_write_open_key(&w, "left", '[');
    MYL_TRY(write_users(req, &w, lists.left, lists.left_count));
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
