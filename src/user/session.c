/* session.c: devices and the access tokens that open them.
 *
 * Spec:    Client-Server API, Relationship between access tokens and devices.
 * Threads: the transaction's.
 * Holds:   a device has at most one token; only its hash is stored; numbers of devices are never given twice.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

enum { TOKEN_LETTERS = 44, DEVICE_ID_LETTERS = 10, HASH_BYTES = 32 };

typedef struct {
    myl_device device;
    myl_str token_hash; /* 32 bytes */
} device_row;

/* ---- rows ---- */

static myl_key token_key(myl_str token)
{
    myl_sha256 hash = myl_token_hash(token);
    myl_key key = myl_key_start();

    myl_key_bytes(&key, hash.bytes, sizeof(hash.bytes));
    return key;
}

static myl_rc put_device(myl_ctx *cx, uint64_t user, const device_row *row)
{
    myl_key key = myl_key_of_u64s(user, row->device.number);
    myl_text value = MYL_TEXT(cx);

    MYL_ASSERT(row->token_hash.len == HASH_BYTES);
    myl_text_add(&value, row->token_hash);
    myl_row_u64(&value, (uint64_t)row->device.last_seen_ms);
    myl_row_str(&value, row->device.device_id);
    myl_row_str(&value, row->device.display_name);
    myl_row_str(&value, row->device.last_seen_ip);
    return myl_store_put(cx, MYL_TABLE_DEVICES, myl_key_str(&key), myl_text_str(&value));
}

static bool cut_device(myl_ctx *cx, myl_str value, device_row *out)
{
    uint64_t seen;

    if (!myl_cut_bytes(&value, HASH_BYTES, &out->token_hash) || !myl_cut_u64(&value, &seen) ||
        !myl_cut_str(&value, &out->device.device_id) ||
        !myl_cut_str(&value, &out->device.display_name) ||
        !myl_cut_str(&value, &out->device.last_seen_ip))
        return false;
    out->device.last_seen_ms = (int64_t)seen;
    out->token_hash = myl_keep(cx, out->token_hash);
    out->device.device_id = myl_keep(cx, out->device.device_id);
    out->device.display_name = myl_keep(cx, out->device.display_name);
    out->device.last_seen_ip = myl_keep(cx, out->device.last_seen_ip);
    return true;
}

/* *exists: is the device there? */
static myl_rc get_device(myl_ctx *cx, uint64_t user, uint64_t number, bool *exists, device_row *out)
{
    myl_key key = myl_key_of_u64s(user, number);
    myl_str value;

    memset(out, 0, sizeof(*out));
    MYL_TRY(myl_store_get(cx, MYL_TABLE_DEVICES, myl_key_str(&key), &value));
    *exists = myl_str_present(value);
    if (*exists && !cut_device(cx, value, out))
        return myl_fail(cx, MYL_CORRUPT, "DEVICES: bad row");
    out->device.number = number;
    return MYL_OK;
}

static myl_key device_id_key(uint64_t user, myl_str device_id)
{
    myl_key key = myl_key_of_u64(user);

    myl_key_hash(&key, device_id);
    return key;
}

static myl_rc device_number(myl_ctx *cx, uint64_t user, myl_str device_id, uint64_t *number)
{
    myl_key key = device_id_key(user, device_id);
    myl_str value;

    *number = 0;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_DEVICE_IDS, myl_key_str(&key), &value));
    if (myl_str_present(value) && !myl_cut_u64(&value, number))
        return myl_fail(cx, MYL_CORRUPT, "DEVICE_IDS: bad row");
    return MYL_OK;
}

/* ---- who asks ---- */

static myl_rc unknown_token(myl_ctx *cx)
{
    return myl_fail(cx, MYL_UNKNOWN_TOKEN, "the access token is not known");
}

static myl_rc fill_caller(myl_ctx *cx, myl_caller *out)
{
    device_row device;
    user_row row;
    bool exists;

    MYL_TRY(myl_user_row(cx, out->user, &exists, &row));
    if (!exists || row.deactivated)
        return unknown_token(cx);
    if (row.locked)
        return myl_fail(cx, MYL_USER_LOCKED, "this account is locked");
    MYL_TRY(get_device(cx, out->user, out->device, &exists, &device));
    if (!exists)
        return unknown_token(cx);
    out->device_id = device.device.device_id;
    out->token_generation = row.generation;
    out->is_guest = row.is_guest;
    out->is_admin = row.is_admin;
    return myl_store_text_of(cx, MYL_INTERN_NAME, out->user, &out->user_id);
}

myl_rc myl_user_of_token(myl_ctx *cx, myl_str token, myl_caller *out)
{
    myl_key key = token_key(token);
    myl_str value;

    memset(out, 0, sizeof(*out));
    MYL_TRY(myl_store_get(cx, MYL_TABLE_TOKENS, myl_key_str(&key), &value));
    if (!myl_str_present(value))
        return unknown_token(cx);
    if (!myl_cut_u64(&value, &out->user) || !myl_cut_u64(&value, &out->device))
        return myl_fail(cx, MYL_CORRUPT, "TOKENS: bad row");
    return fill_caller(cx, out);
}

/* ---- opening and closing ---- */

static myl_rc put_token(myl_ctx *cx, uint64_t user, uint64_t device, myl_key *key)
{
    myl_key value = myl_key_of_u64s(user, device);

    return myl_store_put(cx, MYL_TABLE_TOKENS, myl_key_str(key), myl_key_str(&value));
}

/* An existing device is taken over: its old token ends. */
static myl_rc take_over(myl_ctx *cx, uint64_t user, myl_str device_id, device_row *row)
{
    myl_key key = device_id_key(user, device_id), value;
    uint64_t number;
    bool exists;

    MYL_TRY(device_number(cx, user, device_id, &number));
    if (number != 0) {
        MYL_TRY(get_device(cx, user, number, &exists, row));
        if (exists) {
            myl_user_tokens_ended(cx, user);
            return myl_store_delete(cx, MYL_TABLE_TOKENS, row->token_hash);
        }
    }
    *row = (device_row){.device = {.number = myl_engine_next_position(cx), .device_id = device_id}};
    value = myl_key_of_u64(row->device.number);
    return myl_store_put(cx, MYL_TABLE_DEVICE_IDS, myl_key_str(&key), myl_key_str(&value));
}

myl_rc myl_user_open_session(myl_ctx *cx, const myl_new_session *session, myl_session *out)
{
    myl_str device_id = session->device_id;
    device_row row;
    uint64_t user;
    myl_key key;

    if (!myl_str_present(device_id) || device_id.len == 0)
        device_id = myl_crypto_random_text(cx, DEVICE_ID_LETTERS);
    if (device_id.len > MYL_LIMIT_DEVICE_ID_BYTES)
        return myl_fail(cx, MYL_INVALID_PARAM, "device_id: longer than %d bytes",
                        MYL_LIMIT_DEVICE_ID_BYTES);
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, session->user_id, &user));
    MYL_TRY(take_over(cx, user, device_id, &row));
    out->device_id = device_id;
    out->access_token =
        myl_strf(cx, "myl_%.*s", MYL_FMT(myl_crypto_random_text(cx, TOKEN_LETTERS)));
    key = token_key(out->access_token);
    row.token_hash = myl_keep(cx, myl_key_str(&key));
    if (myl_str_present(session->display_name))
        row.device.display_name = session->display_name;
    row.device.last_seen_ip = session->address;
    row.device.last_seen_ms = myl_now_ms();
    MYL_TRY(put_token(cx, user, row.device.number, &key));
    MYL_TRY(put_device(cx, user, &row));
    return myl_user_mark_changed(cx, user, myl_engine_next_position(cx), MYL_CHANGED_DEVICES, 0);
}

static myl_rc delete_device(myl_ctx *cx, uint64_t user, const device_row *row)
{
    myl_key key = myl_key_of_u64s(user, row->device.number),
            id = device_id_key(user, row->device.device_id);

    MYL_TRY(myl_store_delete(cx, MYL_TABLE_TOKENS, row->token_hash));
    MYL_TRY(myl_store_delete(cx, MYL_TABLE_DEVICE_IDS, myl_key_str(&id)));
    MYL_TRY(myl_store_delete(cx, MYL_TABLE_DEVICES, myl_key_str(&key)));
    MYL_TRY(myl_user_keys_drop(cx, user, row->device.number));
    myl_user_tokens_ended(cx, user);
    return myl_user_mark_changed(cx, user, myl_engine_next_position(cx), MYL_CHANGED_DEVICES, 0);
}

static myl_rc list_devices(myl_ctx *cx, uint64_t user, myl_list *out)
{
    myl_key prefix = myl_key_of_u64(user);
    myl_scan *scan;
    myl_str key, value;

    *out = MYL_LIST(cx, device_row);
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_DEVICES, myl_key_str(&prefix), MYL_ABSENT, MYL_FORWARD,
                           &scan));
    for (;;) {
        device_row row = {0};

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
    MYL_TRY(list_devices(cx, user, &rows));
    out = myl_new_array(cx, myl_device, rows.count);
    for (size_t i = 0; i < rows.count; i++)
        out[i] = myl_list_get(&rows, device_row, i).device;
    *devices = out;
    *count = rows.count;
    return MYL_OK;
}

myl_rc myl_user_logout(myl_ctx *cx, const myl_caller *caller, bool everything)
{
    device_row row;
    myl_list rows;
    bool exists;

    if (!everything) {
        MYL_TRY(get_device(cx, caller->user, caller->device, &exists, &row));
        return exists ? delete_device(cx, caller->user, &row) : MYL_OK;
    }
    MYL_TRY(list_devices(cx, caller->user, &rows));
    for (size_t i = 0; i < rows.count; i++)
        MYL_TRY(delete_device(cx, caller->user, myl_list_at(&rows, i)));
    return MYL_OK;
}

static myl_rc device_by_id(myl_ctx *cx, uint64_t user, myl_str device_id, bool *exists,
                           device_row *row)
{
    uint64_t number;

    memset(row, 0, sizeof(*row));
    *exists = false;
    MYL_TRY(device_number(cx, user, device_id, &number));
    return number == 0 ? MYL_OK : get_device(cx, user, number, exists, row);
}

myl_rc myl_user_device(myl_ctx *cx, uint64_t user, myl_str device_id, myl_device *out)
{
    device_row row;
    bool exists;

    MYL_TRY(device_by_id(cx, user, device_id, &exists, &row));
    *out = row.device;
    return MYL_OK;
}

myl_rc myl_user_device_rename(myl_ctx *cx, uint64_t user, myl_str device_id, myl_str display_name)
{
    device_row row;
    bool exists;

    MYL_TRY(device_by_id(cx, user, device_id, &exists, &row));
    if (!exists)
        return myl_fail(cx, MYL_NOT_FOUND, "no such device");
    if (!myl_str_present(display_name))
        return MYL_OK;
    row.device.display_name = display_name;
    MYL_TRY(put_device(cx, user, &row));
    return myl_user_mark_changed(cx, user, myl_engine_next_position(cx), MYL_CHANGED_DEVICES, 0);
}
