/* device_keys.c: identity keys of devices: as clients upload them, and as others are shown them.
 *
 * Spec:    Client-Server API, Uploading keys; Server-Server API, End-to-End Encryption.
 * Threads: the transaction's.
 * Holds:   what is stored is what was uploaded, without `unsigned`; later signatures lie in KEY_SIGNATURES.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

myl_rc myl_user_device_public_key(myl_ctx *cx, const myl_caller *caller,
                                  const myl_json *device_keys, myl_str *out)
{
    myl_str key_id = myl_strf(cx, "ed25519:%.*s", MYL_FMT(caller->device_id));

    *out = MYL_ABSENT;
    if (device_keys == NULL)
        MYL_TRY(myl_user_device_keys(cx, caller->user, caller->device, &device_keys));
    if (!myl_crypto_unbase64(cx, MYL_BASE64_STANDARD,
                             myl_json_text(myl_json_object(device_keys, MYL_S("keys")), key_id),
                             out))
        *out = MYL_ABSENT;
    return MYL_OK;
}

/* ---- storing ---- */

/* Keys without any signature are taken: other people's clients judge them. */
static myl_rc check_signature(myl_ctx *cx, const myl_caller *caller, const myl_json *device_keys)
{
    myl_str key_id = myl_strf(cx, "ed25519:%.*s", MYL_FMT(caller->device_id));
    const myl_json *keys = myl_json_object(device_keys, MYL_S("keys")),
                   *signatures = myl_json_object(device_keys, MYL_S("signatures"));
    myl_str public_key;

    if (!myl_crypto_unbase64(cx, MYL_BASE64_STANDARD, myl_json_text(keys, key_id), &public_key))
        return myl_fail(cx, MYL_INVALID_PARAM, "device_keys.keys: needs %.*s", MYL_FMT(key_id));
    if (signatures != NULL && signatures->count > 0 &&
        !myl_json_verify(cx, device_keys, caller->user_id, key_id, public_key))
        return myl_fail(cx, MYL_INVALID_PARAM,
                        "device_keys.signatures: not signed by the device's own key");
    return MYL_OK;
}

static myl_rc check_device_keys(myl_ctx *cx, const myl_caller *caller, const myl_json *device_keys)
{
    if (!myl_str_equal(myl_json_text(device_keys, MYL_S("user_id")), caller->user_id))
        return myl_fail(cx, MYL_INVALID_PARAM, "device_keys.user_id: not the caller's");
    if (!myl_str_equal(myl_json_text(device_keys, MYL_S("device_id")), caller->device_id))
        return myl_fail(cx, MYL_INVALID_PARAM, "device_keys.device_id: not the caller's");
    return check_signature(cx, caller, device_keys);
}

/* Other identity keys: what the old ones signed, and what was signed about them, is worth nothing now. */
static myl_rc end_old_identity(myl_ctx *cx, const myl_caller *caller, myl_str old,
                               const myl_json *device_keys)
{
    const myl_json *before;

    MYL_TRY(myl_json_parse(cx, myl_keep(cx, old), &before));
    if (myl_json_equal(MYL_JSON_AT(before, "keys"), MYL_JSON_AT(device_keys, "keys")))
        return MYL_OK;
    MYL_TRY(myl_user_signatures_drop(cx, caller->user, caller->device_id));
    return myl_user_one_time_keys_drop(cx, caller->user, caller->device);
}

myl_rc myl_user_device_keys_put(myl_ctx *cx, const myl_caller *caller, const myl_json *device_keys)
{
    myl_key key = myl_key_of_u64s(caller->user, caller->device);
    myl_text json = MYL_TEXT(cx);
    myl_str present;

    MYL_TRY(check_device_keys(cx, caller, device_keys));
    device_keys = myl_json_without(cx, device_keys, MYL_S("unsigned"));
    myl_json_write(&json, device_keys);
    if (json.len > MYL_LIMIT_DEVICE_KEYS_BYTES)
        return myl_fail(cx, MYL_TOO_LARGE, "device_keys: more than %d bytes",
                        MYL_LIMIT_DEVICE_KEYS_BYTES);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_DEVICE_KEYS, myl_key_str(&key), &present));
    if (myl_str_present(present) && myl_str_equal(present, myl_text_str(&json)))
        return MYL_OK;
    if (myl_str_present(present))
        MYL_TRY(end_old_identity(cx, caller, present, device_keys));
    MYL_TRY(myl_store_put(cx, MYL_TABLE_DEVICE_KEYS, myl_key_str(&key), myl_text_str(&json)));
    return myl_user_device_changed(cx, &(myl_device_change){.user = caller->user,
                                                            .device = caller->device,
                                                            .device_id = caller->device_id});
}

myl_rc myl_user_device_keys(myl_ctx *cx, uint64_t user, uint64_t device, const myl_json **out)
{
    myl_key key = myl_key_of_u64s(user, device);
    myl_str row;

    *out = NULL;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_DEVICE_KEYS, myl_key_str(&key), &row));
    return myl_str_present(row) ? myl_json_parse(cx, myl_keep(cx, row), out) : MYL_OK;
}

/* ---- showing ---- */

static const myl_json *with_name(myl_ctx *cx, const myl_json *keys, myl_str display_name)
{
    const myl_json *about = NULL;

    if (display_name.len == 0)
        return keys;
    about =
        myl_json_with(cx, NULL, MYL_S("device_display_name"), myl_json_of_str(cx, display_name));
    return myl_json_with(cx, keys, MYL_S("unsigned"), about);
}

myl_rc myl_user_device_shown(myl_ctx *cx, uint64_t user, const myl_device *device, uint64_t reader,
                             const myl_json **out)
{
    MYL_TRY(myl_user_device_keys(cx, user, device->number, out));
    if (*out == NULL)
        return MYL_OK;
    if (myl_json_object(*out, MYL_S("signatures")) == NULL) /* a field that device keys must have */
        *out = myl_json_with(cx, *out, MYL_S("signatures"), myl_json_empty_object());
    MYL_TRY(myl_user_with_signatures(
        cx, &(myl_signed_key){.user = user, .key_id = device->device_id, .json = *out}, reader,
        out));
    *out = with_name(cx, *out, device->display_name);
    return MYL_OK;
}

static bool is_wanted(const myl_json *device_ids, myl_str device_id)
{
    if (device_ids == NULL || device_ids->count == 0)
        return true;
    for (uint32_t i = 0; i < device_ids->count; i++)
        if (myl_str_equal(device_ids->items[i].text, device_id))
            return true;
    return false;
}

myl_rc myl_user_write_device_keys(myl_ctx *cx, myl_writer *w, myl_str user_id,
                                  const myl_json *device_ids, uint64_t reader)
{
    const myl_device *devices;
    myl_account account;
    uint64_t user;
    size_t count;

    MYL_TRY(myl_user_account(cx, user_id, &account));
    if (!account.exists || account.deactivated)
        return MYL_OK;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, user_id, &user));
    MYL_TRY(myl_user_devices(cx, user_id, &devices, &count));
    myl_write_open_str(w, user_id, '{');
    for (size_t i = 0; i < count; i++) {
        const myl_json *keys;
        myl_text json = MYL_TEXT(cx);

        if (!is_wanted(device_ids, devices[i].device_id))
            continue;
        MYL_TRY(myl_user_device_shown(cx, user, &devices[i], reader, &keys));
        if (keys == NULL)
            continue;
        myl_json_write(&json, keys);
        myl_write_member(w, devices[i].device_id, myl_text_str(&json));
    }
    myl_write_close(w, '}');
    return MYL_OK;
}

/* ---- the end of a device ---- */

myl_rc myl_user_keys_drop(myl_ctx *cx, uint64_t user, uint64_t device, myl_str device_id)
{
    myl_key key = myl_key_of_u64s(user, device);
    myl_str present;

    MYL_TRY(myl_user_one_time_keys_drop(cx, user, device));
    MYL_TRY(myl_user_to_device_drop(cx, user, device));
    MYL_TRY(myl_store_get(cx, MYL_TABLE_DEVICE_KEYS, myl_key_str(&key), &present));
    if (!myl_str_present(present))
        return MYL_OK;
    MYL_TRY(myl_store_delete(cx, MYL_TABLE_DEVICE_KEYS, myl_key_str(&key)));
    MYL_TRY(myl_user_signatures_drop(cx, user, device_id));
    return myl_user_device_changed(cx, &(myl_device_change){.user = user,
                                                            .device = device,
                                                            .device_id = device_id,
                                                            .deleted = true});
}

myl_rc myl_user_keys_renamed(myl_ctx *cx, uint64_t user, uint64_t device, myl_str device_id)
{
    myl_key key = myl_key_of_u64s(user, device);
    myl_str present;

    MYL_TRY(myl_store_get(cx, MYL_TABLE_DEVICE_KEYS, myl_key_str(&key), &present));
    if (!myl_str_present(present))
        return MYL_OK;
    return myl_user_device_changed(cx, &(myl_device_change){.user = user,
                                                            .device = device,
                                                            .device_id = device_id});
}
