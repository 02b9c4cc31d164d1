/* account_data.c: what clients keep for a user, global or of a room, and the per-user index of what changed.
 *
 * Spec:    Client-Server API, Client Config.
 * Threads: the transaction's.
 * Holds:   an object has one row in USER_CHANGES: its newest, so the index grows with objects, not with changes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

/* ---- what changed ---- */

static myl_rc put_change(myl_ctx *cx, uint64_t user, const myl_user_change *change,
                         myl_str reference)
{
    myl_key key = myl_key_of_u64s(user, change->position);
    myl_text row = MYL_TEXT(cx);

    myl_row_u8(&row, (uint8_t)change->what);
    myl_row_u64(&row, change->room);
    myl_row_str(&row, reference);
    myl_engine_note(cx, MYL_NOTE_USER, user);
    return myl_store_put(cx, MYL_TABLE_USER_CHANGES, myl_key_str(&key), myl_text_str(&row));
}

myl_rc myl_user_mark_changed(myl_ctx *cx, uint64_t user, uint64_t position, myl_changed what,
                             uint64_t room)
{
    return put_change(cx, user, &(myl_user_change){position, what, room}, MYL_S(""));
}

/* A row with the account-data type that it speaks of. */
typedef struct {
    myl_user_change change;
    myl_str type;
} change_row;

static bool cut_change(myl_ctx *cx, myl_str key, myl_str row, change_row *out)
{
    uint8_t what;

    key = myl_str_slice(key, 8, SIZE_MAX);
    if (!myl_cut_u64(&key, &out->change.position) || !myl_cut_u8(&row, &what) ||
        !myl_cut_u64(&row, &out->change.room) || !myl_cut_str(&row, &out->type))
        return false;
    out->change.what = (myl_changed)what;
    out->type = myl_keep(cx, out->type);
    return true;
}

static myl_rc list_changes(myl_ctx *cx, uint64_t user, uint64_t after, myl_list *out)
{
    myl_key prefix = myl_key_of_u64(user), from = myl_key_of_u64s(user, after + 1);
    myl_scan *scan;
    myl_str key, row;

    *out = MYL_LIST(cx, change_row);
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_USER_CHANGES, myl_key_str(&prefix), myl_key_str(&from),
                           MYL_FORWARD, &scan));
    for (;;) {
        change_row change;

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        if (!cut_change(cx, key, row, &change))
            return myl_fail(cx, MYL_CORRUPT, "USER_CHANGES: bad row");
        myl_list_push(out, change_row, change);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

/* ---- account data ---- */

static myl_key data_key(uint64_t user, uint64_t room, myl_str type)
{
    myl_key key = myl_key_of_u64s(user, room);

    myl_key_hash(&key, type);
    return key;
}

static myl_rc cut_data(myl_ctx *cx, myl_str row, myl_account_data *out)
{
    if (!myl_cut_u64(&row, &out->position) || !myl_cut_str(&row, &out->type))
        return myl_fail(cx, MYL_CORRUPT, "ACCOUNT_DATA: bad row");
    out->type = myl_keep(cx, out->type);
    out->json = myl_keep(cx, row);
    return MYL_OK;
}

static myl_rc get_data(myl_ctx *cx, uint64_t user, uint64_t room, myl_str type,
                       myl_account_data *out)
{
    myl_key key = data_key(user, room, type);
    myl_str row;

    *out = (myl_account_data){.room = room, .type = type};
    MYL_TRY(myl_store_get(cx, MYL_TABLE_ACCOUNT_DATA, myl_key_str(&key), &row));
    return myl_str_present(row) ? cut_data(cx, row, out) : MYL_OK;
}

/* What was deleted leaves an empty object, so that every device learns of it. */
static bool is_deleted(myl_str json)
{
    return myl_str_equal(json, MYL_S("{}"));
}

/* One row counts a user's types, so that a stranger cannot make them grow without end. */
static myl_rc count_type(myl_ctx *cx, uint64_t user)
{
    myl_key key = myl_key_start(), value;
    uint64_t count = 0;
    myl_str row;

    myl_key_bytes(&key, "data", 4);
    myl_key_u64(&key, user);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_USER_COUNTS, myl_key_str(&key), &row));
    if (myl_str_present(row) && !myl_cut_u64(&row, &count))
        return myl_fail(cx, MYL_CORRUPT, "USER_COUNTS: bad row");
    if (count >= MYL_LIMIT_ACCOUNT_DATA_TYPES)
        return myl_fail(cx, MYL_RESOURCE_LIMIT, "too many types of account data");
    value = myl_key_of_u64(count + 1);
    return myl_store_put(cx, MYL_TABLE_USER_COUNTS, myl_key_str(&key), myl_key_str(&value));
}

static myl_rc drop_old_change(myl_ctx *cx, uint64_t user, const myl_account_data *old)
{
    myl_key key = myl_key_of_u64s(user, old->position);

    if (!myl_str_present(old->json))
        return count_type(cx, user);
    return myl_store_delete(cx, MYL_TABLE_USER_CHANGES, myl_key_str(&key));
}

myl_rc myl_user_data_put(myl_ctx *cx, uint64_t user, uint64_t room, myl_str type,
                         const myl_json *content)
{
    myl_key key = data_key(user, room, type);
    myl_user_change change = {.what = MYL_CHANGED_ACCOUNT_DATA, .room = room};
    myl_text json = MYL_TEXT(cx), row = MYL_TEXT(cx);
    myl_account_data old;

    myl_json_write(&json, content);
    if (json.len > MYL_LIMIT_ACCOUNT_DATA_BYTES)
        return myl_fail(cx, MYL_TOO_LARGE, "account data: more than %d bytes",
                        MYL_LIMIT_ACCOUNT_DATA_BYTES);
    if (type.len > MYL_LIMIT_ID_BYTES)
        return myl_fail(cx, MYL_INVALID_PARAM, "type: longer than %d bytes", MYL_LIMIT_ID_BYTES);
    MYL_TRY(get_data(cx, user, room, type, &old));
    MYL_TRY(drop_old_change(cx, user, &old));
    change.position = myl_engine_next_position(cx);
    myl_row_u64(&row, change.position);
    myl_row_str(&row, type);
    myl_text_add(&row, myl_text_str(&json));
    MYL_TRY(myl_store_put(cx, MYL_TABLE_ACCOUNT_DATA, myl_key_str(&key), myl_text_str(&row)));
    return put_change(cx, user, &change, type);
}

myl_rc myl_user_data_get(myl_ctx *cx, uint64_t user, uint64_t room, myl_str type, myl_str *json)
{
    myl_account_data data;

    MYL_TRY(get_data(cx, user, room, type, &data));
    *json = is_deleted(data.json) ? MYL_ABSENT : data.json;
    return MYL_OK;
}

myl_rc myl_user_data_delete(myl_ctx *cx, uint64_t user, uint64_t room, myl_str type)
{
    myl_account_data data;

    MYL_TRY(get_data(cx, user, room, type, &data));
    if (!myl_str_present(data.json) || is_deleted(data.json))
        return myl_fail(cx, MYL_NOT_FOUND, "no account data of this type");
    return myl_user_data_put(cx, user, room, type, myl_json_empty_object());
}

myl_rc myl_user_data_since(myl_ctx *cx, uint64_t user, uint64_t after,
                           const myl_account_data **data, size_t *count)
{
    myl_list rows, out = MYL_LIST(cx, myl_account_data);

    MYL_TRY(list_changes(cx, user, after, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        const change_row *row = myl_list_at(&rows, i);
        myl_account_data *added;

        if (row->change.what != MYL_CHANGED_ACCOUNT_DATA)
            continue;
        added = myl_list_add(&out);
        MYL_TRY(get_data(cx, user, row->change.room, row->type, added));
        if (after == 0 && is_deleted(added->json))
            out.count--;
    }
    *data = out.at;
    *count = out.count;
    return MYL_OK;
}

myl_rc myl_user_data_of(myl_ctx *cx, uint64_t user, uint64_t room, const myl_account_data **data,
                        size_t *count)
{
    myl_key prefix = myl_key_of_u64s(user, room);
    myl_list out = MYL_LIST(cx, myl_account_data);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_ACCOUNT_DATA, myl_key_str(&prefix), MYL_ABSENT,
                           MYL_FORWARD, &scan));
    for (;;) {
        myl_account_data one = {.room = room};

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        MYL_TRY(cut_data(cx, row, &one));
        if (!is_deleted(one.json))
            myl_list_push(&out, myl_account_data, one);
    }
    myl_scan_end(scan);
    *data = out.at;
    *count = out.count;
    return MYL_OK;
}

myl_rc myl_user_changed_rooms(myl_ctx *cx, uint64_t user, uint64_t after, myl_list *rooms)
{
    myl_list rows;

    MYL_TRY(list_changes(cx, user, after, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        const change_row *row = myl_list_at(&rows, i);

        if (row->change.room != 0)
            myl_list_push(rooms, uint64_t, row->change.room);
    }
    return MYL_OK;
}

/* ---- what goes with a device ---- */

static myl_rc uncount_types(myl_ctx *cx, uint64_t user, uint64_t less)
{
    myl_key key = myl_key_start(), value;
    uint64_t count = 0;
    myl_str row;

    myl_key_bytes(&key, "data", 4);
    myl_key_u64(&key, user);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_USER_COUNTS, myl_key_str(&key), &row));
    if (!myl_str_present(row) || !myl_cut_u64(&row, &count))
        return MYL_OK;
    value = myl_key_of_u64(count > less ? count - less : 0);
    return myl_store_put(cx, MYL_TABLE_USER_COUNTS, myl_key_str(&key), myl_key_str(&value));
}

static myl_rc drop_type(myl_ctx *cx, uint64_t user, myl_str type)
{
    myl_key key = data_key(user, 0, type), change;
    myl_account_data data;

    MYL_TRY(get_data(cx, user, 0, type, &data));
    if (!myl_str_present(data.json))
        return MYL_OK;
    change = myl_key_of_u64s(user, data.position);
    MYL_TRY(myl_store_delete(cx, MYL_TABLE_USER_CHANGES, myl_key_str(&change)));
    MYL_TRY(myl_store_delete(cx, MYL_TABLE_ACCOUNT_DATA, myl_key_str(&key)));
    return uncount_types(cx, user, 1);
}

/* MSC3890: what was set for the notifications of one device. */
myl_rc myl_user_data_of_device_drop(myl_ctx *cx, uint64_t user, myl_str device_id)
{
    static const char *const prefixes[] = {"m.local_notification_settings.",
                                           "org.matrix.msc3890.local_notification_settings."};

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        MYL_TRY(drop_type(cx, user, myl_strf(cx, "%s%.*s", prefixes[i], MYL_FMT(device_id))));
    return MYL_OK;
}

/* ---- what goes with a room ---- */

myl_rc myl_user_data_drop_room(myl_ctx *cx, uint64_t user, uint64_t room, size_t most, size_t *gone)
{
    myl_key prefix = myl_key_of_u64s(user, room);

    MYL_TRY(myl_store_delete_under(cx, MYL_TABLE_ACCOUNT_DATA, myl_key_str(&prefix), most, gone));
    return *gone > 0 ? uncount_types(cx, user, *gone) : MYL_OK;
}
