/* device_list.c: the log of device lists: whose devices changed, by position.
 *
 * Why:     /sync, /keys/changes and the outbox all ask "since when"; one log answers them, filtered by who shares a room.
 * Threads: the transaction's.
 * Holds:   a device has one row, its newest; a row names the user's change before it, so that other servers see a gap
 *          when that one is not there any more.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

enum { DELETED = 1, REMOTE = 2 };
/* In the index of newest rows this stands for all devices of a user: cross-signing keys have no part in the chain. */
#define WHOLE_USER UINT64_MAX

static myl_rc (*tell_rooms)(myl_ctx *cx, uint64_t user);

void myl_user_on_device_change(myl_rc (*fn)(myl_ctx *cx, uint64_t user))
{
    tell_rooms = fn;
}

static myl_rc newest_of(myl_ctx *cx, uint64_t user, uint64_t device, uint64_t *out)
{
    myl_key key = myl_key_of_u64s(user, device);
    myl_str row;

    *out = 0;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_DEVICE_LIST_NEWEST, myl_key_str(&key), &row));
    if (myl_str_present(row) && !myl_cut_u64(&row, out))
        return myl_fail(cx, MYL_CORRUPT, "DEVICE_LIST_NEWEST: bad row");
    return MYL_OK;
}

static myl_rc put_newest(myl_ctx *cx, uint64_t user, uint64_t device, uint64_t position)
{
    myl_key key = myl_key_of_u64s(user, device), value = myl_key_of_u64(position);

    return myl_store_put(cx, MYL_TABLE_DEVICE_LIST_NEWEST, myl_key_str(&key), myl_key_str(&value));
}

myl_rc myl_user_device_newest(myl_ctx *cx, uint64_t user, uint64_t *out)
{
    return newest_of(cx, user, WHOLE_USER, out);
}

static myl_rc drop_old(myl_ctx *cx, uint64_t user, uint64_t device)
{
    uint64_t position;
    myl_key key;

    MYL_TRY(newest_of(cx, user, device, &position));
    if (position == 0)
        return MYL_OK;
    key = myl_key_of_u64(position);
    return myl_store_delete(cx, MYL_TABLE_DEVICE_LIST_LOG, myl_key_str(&key));
}

myl_rc myl_user_device_changed(myl_ctx *cx, const myl_device_change *change)
{
    uint64_t position = myl_engine_next_position(cx), previous;
    myl_key key = myl_key_of_u64(position);
    myl_text row = MYL_TEXT(cx);

    MYL_TRY(myl_user_device_newest(cx, change->user, &previous));
    MYL_TRY(drop_old(cx, change->user, change->device));
    myl_row_u64(&row, change->user);
    myl_row_u64(&row, change->device);
    myl_row_u64(&row, previous);
    myl_row_u8(&row, (uint8_t)((change->deleted ? DELETED : 0) | (change->remote ? REMOTE : 0)));
    myl_row_str(&row, change->device_id);
    MYL_TRY(myl_store_put(cx, MYL_TABLE_DEVICE_LIST_LOG, myl_key_str(&key), myl_text_str(&row)));
    MYL_TRY(put_newest(cx, change->user, change->device, position));
    if (change->device != 0)
        MYL_TRY(put_newest(cx, change->user, WHOLE_USER, position));
    myl_engine_note(cx, MYL_NOTE_USER, change->user);
    return tell_rooms != NULL ? tell_rooms(cx, change->user) : MYL_OK;
}

static bool cut_change(myl_ctx *cx, myl_str key, myl_str row, myl_device_change *out)
{
    uint8_t flags;

    if (!myl_cut_u64(&key, &out->position) || !myl_cut_u64(&row, &out->user) ||
        !myl_cut_u64(&row, &out->device) || !myl_cut_u64(&row, &out->previous) ||
        !myl_cut_u8(&row, &flags) || !myl_cut_str(&row, &out->device_id))
        return false;
    out->deleted = (flags & DELETED) != 0;
    out->remote = (flags & REMOTE) != 0;
    out->device_id = out->device == 0 ? MYL_ABSENT : myl_keep(cx, out->device_id);
    return true;
}

myl_rc myl_user_device_changes(myl_ctx *cx, uint64_t after, size_t limit,
                               const myl_device_change **changes, size_t *count)
{
    myl_list out = MYL_LIST(cx, myl_device_change);
    myl_key from = myl_key_of_u64(after + 1);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_DEVICE_LIST_LOG, MYL_ABSENT, myl_key_str(&from),
                           MYL_FORWARD, &scan));
    while (out.count < limit) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        if (!cut_change(cx, key, row, myl_list_add(&out)))
            return myl_fail(cx, MYL_CORRUPT, "DEVICE_LIST_LOG: bad row");
    }
    myl_scan_end(scan);
    *changes = out.at;
    *count = out.count;
    return MYL_OK;
}

myl_rc myl_user_device_change_of(myl_ctx *cx, uint64_t user, uint64_t device,
                                 myl_device_change *out)
{
    uint64_t position;
    myl_key key;
    myl_str row;

    *out = (myl_device_change){.user = user, .device = device};
    MYL_TRY(newest_of(cx, user, device, &position));
    if (position == 0)
        return myl_user_device_newest(cx, user, &out->position);
    key = myl_key_of_u64(position);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_DEVICE_LIST_LOG, myl_key_str(&key), &row));
    if (!myl_str_present(row) || !cut_change(cx, myl_key_str(&key), row, out))
        return myl_fail(cx, MYL_CORRUPT, "DEVICE_LIST_LOG: bad row");
    return MYL_OK;
}

myl_rc myl_user_device_log_newest(myl_ctx *cx, uint64_t *out)
{
    myl_scan *scan;
    myl_str key, row;

    *out = 0;
    MYL_TRY(
        myl_scan_start(cx, MYL_TABLE_DEVICE_LIST_LOG, MYL_ABSENT, MYL_ABSENT, MYL_BACKWARD, &scan));
    MYL_TRY(myl_scan_next(scan, &key, &row));
    if (myl_str_present(key) && !myl_cut_u64(&key, out))
        return myl_fail(cx, MYL_CORRUPT, "DEVICE_LIST_LOG: bad key");
    myl_scan_end(scan);
    return MYL_OK;
}
