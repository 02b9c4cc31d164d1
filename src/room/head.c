/* head.c: the head of a room: one row that the next event needs.
 *
 * Threads: the transaction's.
 * Holds:   the extremities and the state root are those after the newest stored event.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_admin.h>

#include "room/purge_own.h"

/* A room's type is its create event's, for ever. */
static myl_rc read_type(myl_ctx *cx, const myl_room_head *head, uint64_t *type)
{
    const myl_event *create;
    myl_str name;

    *type = head->type;
    if (head->has_type || head->create == 0)
        return MYL_OK;
    MYL_TRY(myl_room_decoded(cx, head->create, &create));
    name = myl_json_text(create->content, MYL_S("type"));
    if (name.len == 0 || name.len > MYL_LIMIT_ID_BYTES)
        return MYL_OK;
    return myl_store_intern(cx, MYL_INTERN_NAME, name, type);
}

myl_rc myl_room_head_put(myl_ctx *cx, const myl_room_head *head)
{
    myl_text row = myl_text_start(cx, 128);
    myl_key key = myl_key_of_u64(head->room);
    uint64_t type;

    MYL_TRY(read_type(cx, head, &type));

    myl_room_sweep_note(head->state);
    myl_row_str(&row, myl_str_of(head->version->name));
    myl_row_u64(&row, head->create);
    myl_row_u8(&row, head->create != 0);
    myl_row_u64(&row, type);
    myl_row_u64(&row, head->state);
    myl_row_u64(&row, head->newest);
    myl_row_u64(&row, head->bump);
    myl_row_u64(&row, (uint64_t)head->depth);
    myl_row_u32(&row, head->joined);
    myl_row_u32(&row, head->invited);
    myl_row_u32(&row, head->extremity_count);
    for (uint32_t i = 0; i < head->extremity_count; i++)
        myl_row_u64(&row, head->extremities[i]);
    return myl_store_put(cx, MYL_TABLE_ROOM_HEADS, myl_key_str(&key), myl_text_str(&row));
}

static bool cut_extremities(myl_str *row, myl_room_head *out)
{
    if (!myl_cut_u32(row, &out->extremity_count) || out->extremity_count > MYL_LIMIT_EXTREMITIES)
        return false;
    for (uint32_t i = 0; i < out->extremity_count; i++)
        if (!myl_cut_u64(row, &out->extremities[i]))
            return false;
    return true;
}

static bool cut_head(myl_str *row, myl_room_head *out)
{
    myl_str version;
    uint64_t depth;
    uint8_t has_type;

    if (!myl_cut_str(row, &version) || !myl_cut_u64(row, &out->create) ||
        !myl_cut_u8(row, &has_type) || !myl_cut_u64(row, &out->type) ||
        !myl_cut_u64(row, &out->state) || !myl_cut_u64(row, &out->newest) ||
        !myl_cut_u64(row, &out->bump) || !myl_cut_u64(row, &depth) ||
        !myl_cut_u32(row, &out->joined) || !myl_cut_u32(row, &out->invited) ||
        !cut_extremities(row, out))
        return false;
    out->depth = (int64_t)depth;
    out->has_type = has_type != 0;
    out->version = myl_room_version_find(version);
    return out->version != NULL;
}

/* Fills all but room_id; room stays 0 when there is no such row. */
myl_rc myl_room_head_brief(myl_ctx *cx, uint64_t room, myl_room_head *out)
{
    myl_key key = myl_key_of_u64(room);
    myl_str row;

    memset(out, 0, sizeof(*out));
    if (room == 0)
        return MYL_OK;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_ROOM_HEADS, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        return MYL_OK;
    if (!cut_head(&row, out))
        return myl_fail(cx, MYL_CORRUPT, "head of room %llu cannot be read",
                        (unsigned long long)room);
    out->room = room;
    return MYL_OK;
}

myl_rc myl_room_head_get(myl_ctx *cx, myl_str room_id, myl_room_head *out)
{
    uint64_t room;

    MYL_TRY(myl_store_interned(cx, MYL_INTERN_ROOM, room_id, &room));
    MYL_TRY(myl_room_head_brief(cx, room, out));
    out->room_id = room_id;
    return MYL_OK;
}

myl_rc myl_room_head_of(myl_ctx *cx, uint64_t room, myl_room_head *out)
{
    MYL_TRY(myl_room_head_brief(cx, room, out));
    return out->room == 0 ? MYL_OK : myl_store_text_of(cx, MYL_INTERN_ROOM, room, &out->room_id);
}

myl_rc myl_room_require(myl_ctx *cx, myl_str room_id, myl_room_head *out)
{
    MYL_TRY(myl_room_head_get(cx, room_id, out));
    if (out->room == 0)
        return myl_fail(cx, MYL_NOT_FOUND, "room %.*s is not known here", MYL_FMT(room_id));
    return MYL_OK;
}

myl_rc myl_room_next(myl_ctx *cx, uint64_t after, myl_room_head *out)
{
    myl_key from = myl_key_of_u64(after + 1);
    uint64_t room = 0;
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_ROOM_HEADS, MYL_ABSENT, myl_key_str(&from), MYL_FORWARD,
                           &scan));
    MYL_TRY(myl_scan_next(scan, &key, &row));
    if (myl_str_present(key) && !myl_cut_u64(&key, &room))
        return myl_fail(cx, MYL_CORRUPT, "ROOM_HEADS: a key of the wrong length");
    myl_scan_end(scan);
    return myl_room_head_of(cx, room, out);
}
