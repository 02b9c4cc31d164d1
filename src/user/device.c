/* device.c: devices: their rows, found by number and by id, and their end.
 *
 * Spec:    Client-Server API, Device Management.
 * Threads: the transaction's.
 * Holds:   each row is found by its id and the other way round; numbers are never given twice; what hangs on a device
 *          goes in the change that deletes it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

enum { MOST_LISTENERS = 4 };

static myl_rc (*deleted[MOST_LISTENERS])(myl_ctx *cx, uint64_t user, uint64_t device);
static size_t deleted_count;

void myl_user_on_device_deleted(myl_rc (*fn)(myl_ctx *cx, uint64_t user, uint64_t device))
{
    MYL_ASSERT(deleted_count < MOST_LISTENERS);
    deleted[deleted_count++] = fn;
}

/* ---- rows ---- */

myl_rc myl_device_put(myl_ctx *cx, const device_row *row)
{
    myl_key key = myl_key_of_u64s(row->user, row->device.number);
    myl_text value = MYL_TEXT(cx);
    uint8_t slots = 0;

    for (unsigned i = 0; i < SLOT_COUNT; i++)
        if (myl_str_present(row->tokens[i]))
            slots |= (uint8_t)(1u << i);
    myl_row_u8(&value, slots);
    for (unsigned i = 0; i < SLOT_COUNT; i++)
        if (myl_str_present(row->tokens[i]))
            myl_text_add(&value, row->tokens[i]);
    myl_row_u64(&value, (uint64_t)row->device.last_seen_ms);
    myl_row_str(&value, row->device.device_id);
    myl_row_str(&value, row->device.display_name);
    myl_row_str(&value, row->device.last_seen_ip);
    myl_row_str(&value, row->device.last_seen_agent);
    return myl_store_put(cx, MYL_TABLE_DEVICES, myl_key_str(&key), myl_text_str(&value));
}

static bool cut_tokens(myl_ctx *cx, myl_str *value, device_row *out)
{
    uint8_t slots;

    if (!myl_cut_u8(value, &slots))
        return false;
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        if ((slots & 1u << i) == 0)
            continue;
        if (!myl_cut_bytes(value, TOKEN_HASH_BYTES, &out->tokens[i]))
            return false;
        out->tokens[i] = myl_keep(cx, out->tokens[i]);
    }
    return true;
}

static bool cut_device(myl_ctx *cx, myl_str value, device_row *out)
{
    uint64_t seen;

    if (!cut_tokens(cx, &value, out) || !myl_cut_u64(&value, &seen) ||
        !myl_cut_str(&value, &out->device.device_id) ||
        !myl_cut_str(&value, &out->device.display_name) ||
        !myl_cut_str(&value, &out->device.last_seen_ip) ||
        !myl_cut_str(&value, &out->device.last_seen_agent))
        return false;
    out->device.last_seen_ms = (int64_t)seen;
    out->device.device_id = myl_keep(cx, out->device.device_id);
    out->device.display_name = myl_keep(cx, out->device.display_name);
    out->device.last_seen_ip = myl_keep(cx, out->device.last_seen_ip);
    out->device.last_seen_agent = myl_keep(cx, out->device.last_seen_agent);
    return true;
}

myl_rc myl_device_get(myl_ctx *cx, uint64_t user, uint64_t number, bool *exists, device_row *out)
{
    myl_key key = myl_key_of_u64s(user, number);
    myl_str value;

    memset(out, 0, sizeof(*out));
    MYL_TRY(myl_store_get(cx, MYL_TABLE_DEVICES, myl_key_str(&key), &value));
    *exists = myl_str_present(value);
    if (*exists && !cut_device(cx, value, out))
        return myl_fail(cx, MYL_CORRUPT, "DEVICES: bad row");
    out->user = user;
    out->device.number = number;
    return MYL_OK;
}

static myl_key device_id_key(uint64_t user, myl_str device_id)
{
    myl_key key = myl_key_of_u64(user);

    myl_key_hash(&key, device_id);
    return key;
}

myl_rc myl_device_find(myl_ctx *cx, uint64_t user, myl_str device_id, bool *exists, device_row *out)
{
    myl_key key = device_id_key(user, device_id);
    uint64_t number;
    myl_str value;

    memset(out, 0, sizeof(*out));
    *exists = false;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_DEVICE_IDS, myl_key_str(&key), &value));
    if (!myl_str_present(value))
        return MYL_OK;
    if (!myl_cut_u64(&value, &number))
        return myl_fail(cx, MYL_CORRUPT, "DEVICE_IDS: bad row");
    return myl_device_get(cx, user, number, exists, out);
}

myl_rc myl_device_new(myl_ctx *cx, uint64_t user, myl_str device_id, device_row *out)
{
    myl_key key = device_id_key(user, device_id), value;

    *out = (device_row){.user = user,
                        .device = {.number = myl_engine_next_position(cx), .device_id = device_id}};
    value = myl_key_of_u64(out->device.number);
    return myl_store_put(cx, MYL_TABLE_DEVICE_IDS, myl_key_str(&key), myl_key_str(&value));
}

/* ---- all of them ---- */

myl_rc myl_device_list(myl_ctx *cx, uint64_t user, myl_list *out)
{
    myl_key prefix = myl_key_of_u64(user);
    myl_scan *scan;
    myl_str key, value;

    *out = MYL_LIST(cx, device_row);
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_DEVICES, myl_key_str(&prefix), MYL_ABSENT, MYL_FORWARD,
                           &scan));
    for (;;) {
        device_row row = {.user = user};

        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            break;
        key = myl_str_slice(key, 8, SIZE_MAX);
        if (!myl_cut_u64(&key, &row.device.number) || !cut_device(cx, value, &row))
            return myl_fail(cx, MYL_CORRUPT, "DEVICES: bad row");
        myl_list_push(out, device_row, row);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

myl_rc myl_user_devices(myl_ctx *cx, myl_str user_id, const myl_device **devices, size_t *count)
{
    myl_list rows;
    myl_device *out;
    uint64_t user;

    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, user_id, &user));
    MYL_TRY(myl_device_list(cx, user, &rows));
    out = myl_new_array(cx, myl_device, rows.count);
    for (size_t i = 0; i < rows.count; i++)
        out[i] = myl_list_get(&rows, device_row, i).device;
    *devices = out;
    *count = rows.count;
    return MYL_OK;
}

/* ---- one ---- */

myl_rc myl_user_device(myl_ctx *cx, uint64_t user, myl_str device_id, myl_device *out)
{
    device_row row;
    bool exists;

    MYL_TRY(myl_device_find(cx, user, device_id, &exists, &row));
    *out = row.device;
    return MYL_OK;
}

static myl_rc mark_changed(myl_ctx *cx, uint64_t user)
{
    return myl_user_mark_changed(cx, user, myl_engine_next_position(cx), MYL_CHANGED_DEVICES, 0);
}

myl_rc myl_user_device_rename(myl_ctx *cx, uint64_t user, myl_str device_id, myl_str display_name)
{
    device_row row;
    bool exists;

    MYL_TRY(myl_device_find(cx, user, device_id, &exists, &row));
    if (!exists)
        return myl_fail(cx, MYL_NOT_FOUND, "no such device");
    if (!myl_str_present(display_name))
        return MYL_OK;
    row.device.display_name = display_name;
    MYL_TRY(myl_device_put(cx, &row));
    MYL_TRY(myl_user_keys_renamed(cx, user, row.device.number, device_id));
    return mark_changed(cx, user);
}

/* ---- their end ---- */

myl_rc myl_device_delete(myl_ctx *cx, const device_row *row)
{
    uint64_t user = row->user;
    myl_key key = myl_key_of_u64s(user, row->device.number),
            id = device_id_key(user, row->device.device_id);
    device_row ended = *row;

    for (unsigned i = 0; i < SLOT_COUNT; i++)
        MYL_TRY(myl_session_drop_token(cx, &ended, (token_slot)i));
    MYL_TRY(myl_store_delete(cx, MYL_TABLE_DEVICE_IDS, myl_key_str(&id)));
    MYL_TRY(myl_store_delete(cx, MYL_TABLE_DEVICES, myl_key_str(&key)));
    MYL_TRY(myl_user_keys_drop(cx, user, row->device.number, row->device.device_id));
    MYL_TRY(myl_user_data_of_device_drop(cx, user, row->device.device_id));
    for (size_t i = 0; i < deleted_count; i++)
        MYL_TRY(deleted[i](cx, user, row->device.number));
    myl_user_tokens_ended(cx, user);
    return mark_changed(cx, user);
}

myl_rc myl_user_device_delete(myl_ctx *cx, uint64_t user, myl_str device_id)
{
    device_row row;
    bool exists;

    MYL_TRY(myl_device_find(cx, user, device_id, &exists, &row));
    return exists ? myl_device_delete(cx, &row) : MYL_OK;
}

myl_rc myl_user_devices_delete(myl_ctx *cx, uint64_t user, uint64_t except, size_t most, bool *left)
{
    myl_list rows;
    size_t done = 0;

    *left = false;
    MYL_TRY(myl_device_list(cx, user, &rows));
    for (size_t i = 0; i < rows.count && !*left; i++) {
        const device_row *row = myl_list_at(&rows, i);

        if (row->device.number == except)
            continue;
        if (done++ == most)
            *left = true;
        else
            MYL_TRY(myl_device_delete(cx, row));
    }
    return MYL_OK;
}
