/* keys.c: device keys uploaded, asked for and claimed, and whose keys have changed.
 *
 * Spec:    Client-Server API, Key management API.
 * Threads: the engine for uploads and claims, a read worker otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/remote_keys.h"

#include <myelin/sync_device_lists.h>
#include <myelin/sync_token.h>
#include <myelin/user_keys.h>

/* ---- upload ---- */

/* The device's own signatures of the one-time keys in a request, checked on a lane. */
typedef struct {
    myl_str user_id, key_id, public_key;
    const myl_json *const *lists; /* objects of keys */
    const myl_json *wrong;        /* the first that is wrong; NULL: none */
} signature_check;

enum { KEY_LISTS = 3 };

static const myl_json *own_signature(const signature_check *check, const myl_json *key)
{
    const myl_json *all =
        myl_json_is(key, MYL_JSON_OBJECT) ? myl_json_object(key, MYL_S("signatures")) : NULL;

    return myl_json_get(myl_json_object(all, check->user_id), check->key_id);
}

static myl_rc run_check(myl_req *req, void *state)
{
    signature_check *check = state;

    for (size_t i = 0; i < KEY_LISTS; i++)
        for (uint32_t k = 0; check->lists[i] != NULL && k < check->lists[i]->count; k++) {
            const myl_json *key = &check->lists[i]->items[k];
            myl_mark mark = myl_ctx_mark(&req->cx);

            if (check->wrong == NULL && own_signature(check, key) != NULL &&
                !myl_json_verify(&req->cx, key, check->user_id, check->key_id, check->public_key))
                check->wrong = key;
            myl_ctx_release(&req->cx, mark);
        }
    return MYL_OK;
}

static bool has_signatures(const signature_check *check)
{
    for (size_t i = 0; i < KEY_LISTS; i++)
        for (uint32_t k = 0; check->lists[i] != NULL && k < check->lists[i]->count; k++)
            if (own_signature(check, &check->lists[i]->items[k]) != NULL)
                return true;
    return false;
}

/* Nobody who claims such a key could use it. Keys that another has signed, or nobody, are their clients' affair. */
static myl_rc check_signatures(myl_req *req, const myl_body_keys_upload *in)
{
    signature_check *check = req->plan.state;
    const myl_json **lists = myl_new_array(&req->cx, const myl_json *, KEY_LISTS);

    if (check == NULL) {
        check = myl_new(&req->cx, signature_check);
        *check = (signature_check){.user_id = req->caller.user_id,
                                   .key_id = myl_strf(&req->cx, "ed25519:%.*s",
                                                      MYL_FMT(req->caller.device_id)),
                                   .lists = lists};
        lists[0] = in->one_time_keys;
        lists[1] = in->fallback_keys;
        lists[2] = in->msc2732_fallback_keys;
        MYL_TRY(myl_user_device_public_key(&req->cx, &req->caller, in->device_keys,
                                           &check->public_key));
        return myl_str_present(check->public_key) && has_signatures(check)
                   ? myl_req_need(req, MYL_LANE_HEAVY, run_check, check)
                   : MYL_OK;
    }
    if (check->wrong != NULL)
        return myl_fail(&req->cx, MYL_INVALID_SIGNATURE,
                        "%.*s.signatures: not signed by the device's own key",
                        MYL_FMT(check->wrong->key));
    return MYL_OK;
}

myl_rc myl_client_keys_upload(myl_req *req, const myl_body_keys_upload *in)
{
    const myl_json *fallback =
        in->fallback_keys != NULL ? in->fallback_keys : in->msc2732_fallback_keys;
    myl_writer w = myl_write_start(&req->cx, 128);
    myl_key_counts counts;

    if (in->device_keys != NULL)
        MYL_TRY(myl_user_device_keys_put(&req->cx, &req->caller, in->device_keys));
    MYL_TRY(check_signatures(req, in));
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
        MYL_TRY(myl_user_write_cross_key(&req->cx, w, asked->items[i].key, kind, req->caller.user));
    return MYL_OK;
}

static myl_rc write_devices(myl_req *req, myl_writer *w, const myl_json *asked,
                            const myl_remote_answers *answers)
{
    for (uint32_t i = 0; i < asked->count; i++) {
        const myl_json *user = &asked->items[i];

        MYL_TRY(is_ours(user->key)
                    ? myl_user_write_device_keys(&req->cx, w, user->key, user, req->caller.user)
                    : myl_client_write_remote_devices(req, w, user, answers));
    }
    return MYL_OK;
}

/* Servers that could not be asked. */
static void write_failures(myl_writer *w, const myl_remote_answers *answers)
{
    myl_write_json(w, "failures", answers == NULL ? myl_json_empty_object() : answers->failures);
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
    const myl_remote_answers *answers;

    if (in->device_keys->count > MYL_LIMIT_KEYS_QUERY)
        return myl_fail(&req->cx, MYL_TOO_LARGE, "device_keys: more than %d users",
                        MYL_LIMIT_KEYS_QUERY);
    MYL_TRY(myl_client_remote_query(req, in->device_keys, in->timeout, &answers));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "device_keys", '{');
    MYL_TRY(write_devices(req, &w, in->device_keys, answers));
    myl_write_close(&w, '}');
    write_failures(&w, answers);
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

/* What another server gave out for this user. */
static void write_remote(myl_writer *w, const myl_remote_answers *answers, myl_str user_id)
{
    const myl_json *devices = answers == NULL ? NULL : myl_map_get(answers->claimed, user_id);
    myl_text json = MYL_TEXT(w->text.cx);

    if (devices == NULL)
        return;
    myl_json_write(&json, devices);
    myl_write_member(w, user_id, myl_text_str(&json));
}

myl_rc myl_client_keys_claim(myl_req *req, const myl_body_keys_claim *in)
{
    myl_writer w = myl_write_start(&req->cx, 1024);
    const myl_json *asked = in->one_time_keys;
    const myl_remote_answers *answers;

    MYL_TRY(check_claims(req, asked));
    MYL_TRY(myl_client_remote_claim(req, asked, in->timeout, &answers));
    myl_write_open(&w, '{');
    write_failures(&w, answers);
    myl_write_open_key(&w, "one_time_keys", '{');
    for (uint32_t i = 0; i < asked->count; i++) {
        if (is_ours(asked->items[i].key))
            MYL_TRY(myl_user_write_claimed(&req->cx, &w, &asked->items[i]));
        else
            write_remote(&w, answers, asked->items[i].key);
    }
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
