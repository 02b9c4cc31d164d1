/* purge_info.c: how far deletions and purges have come, and which rooms are being purged.
 *
 * Threads: the transaction's.
 * Holds:   what has ended is remembered for PURGES_KEPT_DAYS, and thrown away when another one begins.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/purge_own.h"

enum { DAY_MS = 24 * 3600 * 1000, SWEPT = 50 };

static bool cut_info(myl_ctx *cx, myl_str row, myl_purge_info *out)
{
    uint8_t history, status;
    uint64_t started, ended;
    myl_str *texts[] = {&out->room_id, &out->new_room_id, &out->error, &out->aliases};

    if (!myl_cut_u8(&row, &history) || !myl_cut_u8(&row, &status) || status > MYL_PURGE_FAILED ||
        !myl_cut_u64(&row, &out->rows) || !myl_cut_u64(&row, &started) ||
        !myl_cut_u64(&row, &ended))
        return false;
    out->is_history = history != 0;
    out->status = (myl_purge_status)status;
    out->started_ms = (int64_t)started;
    out->ended_ms = (int64_t)ended;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!myl_cut_str(&row, texts[i]))
            return false;
        *texts[i] = myl_keep(cx, *texts[i]);
    }
    return true;
}

myl_rc myl_room_purge_put(myl_ctx *cx, const myl_purge_info *info)
{
    myl_key key = myl_key_of_u64(info->id);
    myl_text row = MYL_TEXT(cx);

    myl_row_u8(&row, info->is_history);
    myl_row_u8(&row, (uint8_t)info->status);
    myl_row_u64(&row, info->rows);
    myl_row_u64(&row, (uint64_t)info->started_ms);
    myl_row_u64(&row, (uint64_t)info->ended_ms);
    myl_row_str(&row, info->room_id);
    myl_row_str(&row, info->new_room_id);
    myl_row_str(&row, info->error);
    myl_row_str(&row, info->aliases);
    return myl_store_put(cx, MYL_TABLE_PURGES, myl_key_str(&key), myl_text_str(&row));
}

myl_rc myl_room_purge_info(myl_ctx *cx, uint64_t id, myl_purge_info *out)
{
    myl_key key = myl_key_of_u64(id);
    myl_str row;

    memset(out, 0, sizeof(*out));
    MYL_TRY(myl_store_get(cx, MYL_TABLE_PURGES, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        return MYL_OK;
    if (!cut_info(cx, row, out))
        return myl_fail(cx, MYL_CORRUPT, "PURGES: bad row");
    out->id = id;
    return MYL_OK;
}

myl_rc myl_room_purges(myl_ctx *cx, myl_str room_id, const myl_purge_info **out, size_t *count)
{
    myl_list list = MYL_LIST(cx, myl_purge_info);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_PURGES, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan));
    for (;;) {
        myl_purge_info info = {.id = 0};

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        if (!myl_cut_u64(&key, &info.id) || !cut_info(cx, row, &info))
            return myl_fail(cx, MYL_CORRUPT, "PURGES: bad row");
        if (!myl_str_present(room_id) || myl_str_equal(info.room_id, room_id))
            myl_list_push(&list, myl_purge_info, info);
    }
    *out = list.at;
    *count = list.count;
    return MYL_OK;
}

static myl_rc throw_old_away(myl_ctx *cx)
{
    int64_t since = myl_now_ms() - (int64_t)MYL_LIMIT_PURGES_KEPT_DAYS * DAY_MS;
    const myl_purge_info *all;
    size_t count, gone = 0;

    MYL_TRY(myl_room_purges(cx, MYL_ABSENT, &all, &count));
    for (size_t i = 0; i < count && gone < SWEPT; i++) {
        myl_key key = myl_key_of_u64(all[i].id);

        if (all[i].status < MYL_PURGE_DONE || all[i].ended_ms > since)
            continue;
        MYL_TRY(myl_store_delete(cx, MYL_TABLE_PURGES, myl_key_str(&key)));
        MYL_TRY(myl_store_delete(cx, MYL_TABLE_PURGE_USERS, myl_key_str(&key)));
        gone++;
    }
    return MYL_OK;
}

myl_rc myl_room_purge_begin(myl_ctx *cx, myl_str room_id, bool is_history, myl_purge_info *out)
{
    MYL_TRY(throw_old_away(cx));
    *out = (myl_purge_info){.id = myl_engine_next_position(cx),
                            .is_history = is_history,
                            .status = is_history ? MYL_PURGE_RUNNING : MYL_PURGE_CLOSING,
                            .started_ms = myl_now_ms(),
                            .room_id = room_id,
                            .new_room_id = MYL_S(""),
                            .error = MYL_S(""),
                            .aliases = MYL_S("[]")};
    return myl_room_purge_put(cx, out);
}

myl_rc myl_room_purge_end(myl_ctx *cx, myl_purge_info *info, myl_str error)
{
    info->status = error.len > 0 ? MYL_PURGE_FAILED : MYL_PURGE_DONE;
    info->error = error;
    info->ended_ms = myl_now_ms();
    return myl_room_purge_put(cx, info);
}

/* ---- who was brought out ---- */

myl_rc myl_room_purge_note_user(myl_ctx *cx, uint64_t id, uint64_t user, bool failed)
{
    myl_key key = myl_key_of_u64(id), value = myl_key_of_u64s(failed, user);

    return myl_store_add(cx, MYL_TABLE_PURGE_USERS, myl_key_str(&key), myl_key_str(&value));
}

myl_rc myl_room_purge_users(myl_ctx *cx, uint64_t id, bool failed, const uint64_t **users,
                            size_t *count)
{
    myl_key key = myl_key_of_u64(id);
    myl_list list = MYL_LIST(cx, uint64_t);
    myl_scan *scan;
    myl_str found, value;

    MYL_TRY(myl_scan_values(cx, MYL_TABLE_PURGE_USERS, myl_key_str(&key), MYL_ABSENT, MYL_FORWARD,
                            &scan));
    for (;;) {
        uint64_t kind, user;

        MYL_TRY(myl_scan_next(scan, &found, &value));
        if (!myl_str_present(found))
            break;
        if (!myl_cut_u64(&value, &kind) || !myl_cut_u64(&value, &user))
            return myl_fail(cx, MYL_CORRUPT, "PURGE_USERS: bad row");
        if ((kind != 0) == failed)
            myl_list_push(&list, uint64_t, user);
    }
    *users = list.at;
    *count = list.count;
    return MYL_OK;
}

/* ---- the mark ---- */

myl_rc myl_room_purge_mark(myl_ctx *cx, uint64_t room, uint64_t id)
{
    myl_key key = myl_key_of_u64(room), value = myl_key_of_u64(id);

    return myl_store_put(cx, MYL_TABLE_ROOM_PURGES, myl_key_str(&key), myl_key_str(&value));
}

myl_rc myl_room_purge_unmark(myl_ctx *cx, uint64_t room)
{
    myl_key key = myl_key_of_u64(room);

    return myl_store_delete(cx, MYL_TABLE_ROOM_PURGES, myl_key_str(&key));
}

myl_rc myl_room_is_purged(myl_ctx *cx, uint64_t room, bool *out)
{
    myl_key key = myl_key_of_u64(room);
    myl_str row = MYL_ABSENT;

    if (room != 0)
        MYL_TRY(myl_store_get(cx, MYL_TABLE_ROOM_PURGES, myl_key_str(&key), &row));
    *out = myl_str_present(row);
    return MYL_OK;
}
