/* cross_signing.c: cross-signing keys and signatures uploaded.
 *
 * Spec:    Client-Server API, Cross-signing; MSC3967: the first keys, and the same keys again, need no confirmation.
 * Threads: the engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/user_cross_signing.h>

/* ---- keys ---- */

static const myl_json *tree_of(const myl_part_cross_signing_key *key)
{
    return key == NULL ? NULL : key->json;
}

/* A session of the confirmation serves these keys only. */
static myl_str keys_as_text(myl_ctx *cx, const myl_cross_keys *keys)
{
    const myl_json *all[] = {keys->master, keys->self_signing, keys->user_signing};
    myl_text text = MYL_TEXT(cx);

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i] != NULL)
            myl_json_write(&text, all[i]);
        myl_text_add_byte(&text, ';');
    }
    return myl_text_str(&text);
}

myl_rc myl_client_keys_device_signing(myl_req *req, const myl_body_keys_device_signing *in)
{
    myl_ctx *cx = &req->cx;
    myl_cross_keys keys = {.master = tree_of(in->master_key),
                           .self_signing = tree_of(in->self_signing_key),
                           .user_signing = tree_of(in->user_signing_key)};
    bool passed;

    MYL_TRY(myl_user_cross_keys_check(cx, &req->caller, &keys));
    MYL_TRY(myl_user_cross_keys_fresh(cx, req->caller.user, &keys, &passed));
    if (!passed)
        MYL_TRY(myl_client_confirm(req, in->auth, keys_as_text(cx, &keys), &passed));
    if (!passed)
        return MYL_OK;
    MYL_TRY(myl_user_cross_keys_put(cx, &req->caller, &keys));
    return myl_reply_empty(req);
}

/* ---- signatures ---- */

/* What the upload has done to the caller's own device list. */
typedef struct {
    myl_list devices; /* uint64_t: numbers of devices whose keys were signed */
    bool master;
} own_changes;

static const myl_json *failure(myl_ctx *cx, const myl_signed_result *result)
{
    const myl_json *error =
        myl_json_with(cx, NULL, MYL_S("errcode"), myl_json_of_str(cx, myl_str_of(result->errcode)));

    return myl_json_with(cx, error, MYL_S("error"),
                         myl_json_of_str(cx, myl_str_of(result->reason)));
}

static myl_rc put_of_user(myl_req *req, const myl_json *keys, own_changes *own,
                          const myl_json **failures)
{
    myl_ctx *cx = &req->cx;
    const myl_json *failed = NULL;

    for (uint32_t i = 0; i < keys->count; i++) {
        myl_signed_upload upload = {keys->key, keys->items[i].key, &keys->items[i]};
        myl_signed_result result;

        MYL_TRY(myl_user_signed_put(cx, &req->caller, &upload, &result));
        if (result.errcode != NULL)
            failed = myl_json_with(cx, failed, upload.key_id, failure(cx, &result));
        if (result.own_device != 0)
            myl_list_push(&own->devices, uint64_t, result.own_device);
        own->master |= result.own_master;
    }
    if (failed != NULL)
        *failures = myl_json_with(cx, *failures, keys->key, failed);
    return MYL_OK;
}

static myl_rc tell_of(myl_req *req, const own_changes *own)
{
    const myl_device *devices;
    size_t count;

    MYL_TRY(myl_user_devices(&req->cx, req->caller.user_id, &devices, &count));
    for (size_t i = 0; i < own->devices.count; i++)
        for (size_t j = 0; j < count; j++)
            if (devices[j].number == myl_list_get(&own->devices, uint64_t, i))
                MYL_TRY(myl_user_device_changed(&req->cx,
                                                &(myl_device_change){.user = req->caller.user,
                                                                     .device = devices[j].number,
                                                                     .device_id =
                                                                         devices[j].device_id}));
    if (!own->master)
        return MYL_OK;
    return myl_user_device_changed(&req->cx, &(myl_device_change){.user = req->caller.user});
}

static myl_rc check_amount(myl_req *req, const myl_json *users)
{
    size_t count = 0;

    for (uint32_t i = 0; i < users->count; i++)
        count += users->items[i].count;
    if (count > MYL_LIMIT_SIGNATURES_UPLOAD)
        return myl_fail(&req->cx, MYL_TOO_LARGE, "more than %d signed keys",
                        MYL_LIMIT_SIGNATURES_UPLOAD);
    return MYL_OK;
}

myl_rc myl_client_keys_signatures(myl_req *req, const myl_body_keys_signatures *in)
{
    own_changes own = {.devices = MYL_LIST(&req->cx, uint64_t)};
    const myl_json *failures = myl_json_empty_object();
    myl_writer w = myl_write_start(&req->cx, 256);

    MYL_TRY(check_amount(req, in->json));
    for (uint32_t i = 0; i < in->json->count; i++)
        MYL_TRY(put_of_user(req, &in->json->items[i], &own, &failures));
    MYL_TRY(tell_of(req, &own));
    myl_write_open(&w, '{');
    myl_write_json(&w, "failures", failures);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
