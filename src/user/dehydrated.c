/* dehydrated.c: the dehydrated device of a user.
 *
 * Spec:    MSC3814.
 * Threads: the transaction's.
 * Holds:   DEHYDRATED names a device of the user that is there, or nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

#include <myelin/user_cross_signing.h>
#include <myelin/user_dehydrated.h>

myl_rc myl_user_dehydrated(myl_ctx *cx, uint64_t user, myl_dehydrated *out)
{
    myl_key key = myl_key_of_u64(user);
    device_row device;
    bool exists;
    myl_str row;

    *out = (myl_dehydrated){0};
    MYL_TRY(myl_store_get(cx, MYL_TABLE_DEHYDRATED, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        return MYL_OK;
    if (!myl_cut_u64(&row, &out->device))
        return myl_fail(cx, MYL_CORRUPT, "DEHYDRATED: bad row");
    out->data = myl_keep(cx, row);
    MYL_TRY(myl_device_get(cx, user, out->device, &exists, &device));
    if (exists)
        out->device_id = device.device.device_id;
    else
        *out = (myl_dehydrated){0}; /* it was deleted as any other device */
    return MYL_OK;
}

myl_rc myl_user_dehydrated_delete(myl_ctx *cx, uint64_t user, myl_dehydrated *out)
{
    myl_key key = myl_key_of_u64(user);

    MYL_TRY(myl_user_dehydrated(cx, user, out));
    if (out->device != 0)
        MYL_TRY(myl_user_device_delete(cx, user, out->device_id));
    return myl_store_delete(cx, MYL_TABLE_DEHYDRATED, myl_key_str(&key));
}

/* The name must be free: it is nobody's who could be signed in. */
static myl_rc check_name(myl_ctx *cx, uint64_t user, myl_str device_id)
{
    device_row row;
    bool exists, taken;

    MYL_TRY(myl_device_find(cx, user, device_id, &exists, &row));
    MYL_TRY(myl_user_cross_key_named(cx, user, device_id, &taken));
    if (exists || taken)
        return myl_fail(cx, MYL_INVALID_PARAM, "device_id: taken");
    return MYL_OK;
}

static myl_rc put_row(myl_ctx *cx, uint64_t user, uint64_t device, const myl_json *data)
{
    myl_key key = myl_key_of_u64(user);
    myl_text row = MYL_TEXT(cx);

    myl_row_u64(&row, device);
    myl_json_write(&row, data);
    if (row.len > MYL_LIMIT_DEHYDRATED_BYTES)
        return myl_fail(cx, MYL_TOO_LARGE, "device_data: more than %d bytes",
                        MYL_LIMIT_DEHYDRATED_BYTES);
    return myl_store_put(cx, MYL_TABLE_DEHYDRATED, myl_key_str(&key), myl_text_str(&row));
}

myl_rc myl_user_dehydrated_put(myl_ctx *cx, const myl_caller *caller,
                               const myl_new_dehydrated *given)
{
    uint64_t user = caller->user;
    myl_dehydrated former;
    myl_caller asleep;
    device_row row;

    if (given->device_id.len > MYL_LIMIT_DEVICE_ID_BYTES)
        return myl_fail(cx, MYL_INVALID_PARAM, "device_id: longer than %d bytes",
                        MYL_LIMIT_DEVICE_ID_BYTES);
    MYL_TRY(myl_user_dehydrated_delete(cx, user, &former));
    MYL_TRY(check_name(cx, user, given->device_id));
    MYL_TRY(myl_device_new(cx, user, given->device_id, &row));
    if (myl_str_present(given->display_name))
        row.device.display_name = given->display_name;
    MYL_TRY(myl_device_put(cx, &row));
    MYL_TRY(put_row(cx, user, row.device.number, given->data));
    asleep = (myl_caller){.user_id = caller->user_id,
                          .device_id = given->device_id,
                          .user = user,
                          .device = row.device.number};
    MYL_TRY(myl_user_device_keys_put(cx, &asleep, given->device_keys));
    MYL_TRY(myl_user_one_time_keys_put(cx, &asleep, given->one_time_keys, false));
    return myl_user_one_time_keys_put(cx, &asleep, given->fallback_keys, true);
}
