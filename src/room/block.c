/* block.c: rooms that an administrator has closed to our users.
 *
 * Threads: the transaction's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_admin.h>
#include <myelin/room_purge.h>

#include "room/room_own.h"

static myl_key block_key(myl_str room_id)
{
    myl_key key = myl_key_start();

    myl_key_hash(&key, room_id);
    return key;
}

myl_rc myl_room_block_get(myl_ctx *cx, myl_str room_id, myl_room_blocking *out)
{
    myl_key key = block_key(room_id);
    myl_str row, name;

    *out = (myl_room_blocking){.by = MYL_ABSENT};
    MYL_TRY(myl_store_get(cx, MYL_TABLE_BLOCKED_ROOMS, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        return MYL_OK;
    if (!myl_cut_str(&row, &name) || !myl_cut_str(&row, &out->by))
        return myl_fail(cx, MYL_CORRUPT, "BLOCKED_ROOMS: bad row");
    out->blocked = true;
    out->by = myl_keep(cx, out->by);
    return MYL_OK;
}

myl_rc myl_room_block_set(myl_ctx *cx, myl_str room_id, const myl_room_blocking *blocking)
{
    myl_key key = block_key(room_id);
    myl_text row = MYL_TEXT(cx);

    if (!blocking->blocked)
        return myl_store_delete(cx, MYL_TABLE_BLOCKED_ROOMS, myl_key_str(&key));
    myl_row_str(&row, room_id);
    myl_row_str(&row, blocking->by);
    return myl_store_put(cx, MYL_TABLE_BLOCKED_ROOMS, myl_key_str(&key), myl_text_str(&row));
}

myl_rc myl_room_require_unblocked(myl_ctx *cx, myl_str room_id)
{
    myl_room_blocking blocking;
    uint64_t room;
    bool purged;

    MYL_TRY(myl_room_block_get(cx, room_id, &blocking));
    if (blocking.blocked)
        return myl_fail(cx, MYL_FORBIDDEN, "this room has been blocked on this server");
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_ROOM, room_id, &room));
    MYL_TRY(myl_room_is_purged(cx, room, &purged));
    if (purged)
        return myl_fail(cx, MYL_BUSY, "this room is being deleted");
    return MYL_OK;
}
