/* alias.c: names of rooms on this server.
 *
 * Threads: the transaction's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_own.h"

myl_rc myl_room_alias_get(myl_ctx *cx, myl_str alias, myl_str *room_id, myl_str *creator)
{
    myl_key key = myl_key_start();
    myl_str row, name;

    *room_id = *creator = MYL_ABSENT;
    myl_key_hash(&key, alias);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_ALIASES, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        return MYL_OK;
    if (!myl_cut_str(&row, &name) || !myl_cut_str(&row, room_id) || !myl_cut_str(&row, creator))
        return myl_fail(cx, MYL_CORRUPT, "ALIASES: bad row");
    *room_id = myl_keep(cx, *room_id);
    *creator = myl_keep(cx, *creator);
    return MYL_OK;
}

myl_rc myl_room_alias_put(myl_ctx *cx, myl_str alias, myl_str room_id, myl_str creator)
{
    myl_key key = myl_key_start();
    myl_text row = MYL_TEXT(cx);
    myl_str present, by;

    MYL_TRY(myl_room_alias_get(cx, alias, &present, &by));
    if (myl_str_present(present))
        return myl_fail(cx, MYL_ROOM_IN_USE, "the alias %.*s is taken", MYL_FMT(alias));
    myl_key_hash(&key, alias);
    myl_row_str(&row, alias);
    myl_row_str(&row, room_id);
    myl_row_str(&row, creator);
    return myl_store_put(cx, MYL_TABLE_ALIASES, myl_key_str(&key), myl_text_str(&row));
}

myl_rc myl_room_alias_remove(myl_ctx *cx, myl_str alias)
{
    myl_key key = myl_key_start();

    myl_key_hash(&key, alias);
    return myl_store_delete(cx, MYL_TABLE_ALIASES, myl_key_str(&key));
}
