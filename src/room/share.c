/* share.c: who shares a room with whom, and since when.
 *
 * Callers: device lists of /sync and /keys/changes; who may be told of a user's devices.
 * Threads: the transaction's.
 * Holds:   ROOM_JOIN_LOG has a row for each change of ROOM_JOINED.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_own.h"

#include <myelin/room_share.h>

myl_rc myl_room_join_log(myl_ctx *cx, uint64_t room, const myl_join_change *change)
{
    myl_key key = myl_key_of_u64s3(room, change->position, change->user);
    myl_text row = myl_text_start(cx, 1);

    myl_row_u8(&row, change->joined);
    return myl_store_put(cx, MYL_TABLE_ROOM_JOIN_LOG, myl_key_str(&key), myl_text_str(&row));
}

myl_rc myl_room_join_changes(myl_ctx *cx, uint64_t room, uint64_t after,
                             const myl_join_change **changes, size_t *count)
{
    myl_key prefix = myl_key_of_u64(room), from = myl_key_of_u64s(room, after + 1);
    myl_list out = MYL_LIST(cx, myl_join_change);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_ROOM_JOIN_LOG, myl_key_str(&prefix), myl_key_str(&from),
                           MYL_FORWARD, &scan));
    for (;;) {
        myl_join_change change;
        uint8_t joined;

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        key = myl_str_slice(key, 8, SIZE_MAX);
        if (!myl_cut_u64(&key, &change.position) || !myl_cut_u64(&key, &change.user) ||
            !myl_cut_u8(&row, &joined))
            return myl_fail(cx, MYL_CORRUPT, "ROOM_JOIN_LOG: bad row");
        change.joined = joined != 0;
        myl_list_push(&out, myl_join_change, change);
    }
    myl_scan_end(scan);
    *changes = out.at;
    *count = out.count;
    return MYL_OK;
}

myl_rc myl_room_joined_by(myl_ctx *cx, uint64_t user, const uint64_t **rooms, size_t *count)
{
    const myl_member *members;
    uint64_t *out;
    size_t all;

    MYL_TRY(myl_room_of_user(cx, user, 1u << MYL_MEMBER_JOIN, &members, &all));
    out = myl_new_array(cx, uint64_t, all + 1);
    for (size_t i = 0; i < all; i++)
        out[i] = members[i].room;
    *rooms = out;
    *count = all;
    return MYL_OK;
}

myl_rc myl_room_shared_since(myl_ctx *cx, uint64_t a, uint64_t b, uint64_t position, bool *out)
{
    myl_shared_rooms *shared;
    myl_shared_room room;

    *out = false;
    MYL_TRY(myl_room_shared_start(cx, a, b, &shared));
    do {
        MYL_TRY(myl_room_shared_next(shared, &room));
        *out = room.room != 0 && room.since_a <= position && room.since_b <= position;
    } while (!*out && room.room != 0);
    myl_room_shared_end(shared);
    return MYL_OK;
}

myl_rc myl_room_shared(myl_ctx *cx, uint64_t a, uint64_t b, bool *out)
{
    return myl_room_shared_since(cx, a, b, UINT64_MAX, out);
}

myl_rc myl_room_note_rooms_of(myl_ctx *cx, uint64_t user)
{
    const uint64_t *rooms;
    size_t count;

    MYL_TRY(myl_room_joined_by(cx, user, &rooms, &count));
    for (size_t i = 0; i < count; i++)
        myl_engine_note(cx, MYL_NOTE_DEVICES, rooms[i]);
    return MYL_OK;
}
