/* check_directory.c: `myelin check` for aliases and the room directory.
 *
 * Callers: the rows of check.c. Threads: one, in a snapshot of a stopped server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_own.h"

static bool is_bad(myl_check *check, bool good, const char *table)
{
    if (!good)
        myl_check_wrong(check, "%s: a row cannot be read", table);
    return !good;
}

/* Each alias is known at the room that it names. */
static myl_rc check_alias(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    myl_str alias, room_id, other;
    uint64_t room;
    myl_key by_room;

    MYL_UNUSED(key);
    if (is_bad(check, myl_cut_str(&row, &alias) && myl_cut_str(&row, &room_id), "ALIASES"))
        return MYL_OK;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_ROOM, room_id, &room));
    by_room = myl_key_of_u64(room);
    myl_key_hash(&by_room, alias);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_ROOM_ALIASES, myl_key_str(&by_room), &other));
    if (!myl_str_present(other))
        myl_check_wrong(check, "the alias %.*s is not known at its room", MYL_FMT(alias));
    return MYL_OK;
}

static myl_rc check_room_alias(myl_ctx *cx, myl_check *check, myl_str key, myl_str alias)
{
    myl_str row;

    MYL_TRY(myl_store_get(cx, MYL_TABLE_ALIASES, myl_str_slice(key, 8, SIZE_MAX), &row));
    if (!myl_str_present(row))
        myl_check_wrong(check, "the alias %.*s names no room", MYL_FMT(alias));
    return MYL_OK;
}

/* Each listed room stands in its list, under the number of its members. */
static myl_rc check_listed(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    myl_key place = myl_key_start();
    myl_room_head head;
    uint64_t room;
    uint32_t joined;
    bool there;

    if (is_bad(check, myl_cut_u64(&key, &room) && myl_cut_u32(&row, &joined), "LISTED_ROOMS"))
        return MYL_OK;
    myl_key_u32(&place, UINT32_MAX - joined);
    myl_key_u64(&place, room);
    MYL_TRY(myl_store_has(cx, MYL_TABLE_LISTS, key, myl_key_str(&place), &there));
    MYL_TRY(myl_room_head_of(cx, room, &head));
    if (!there || head.room == 0 || head.joined != joined)
        myl_check_wrong(check, "room %llu is listed with %u members, and has %u",
                        (unsigned long long)room, joined, head.joined);
    return MYL_OK;
}

static myl_rc check_place(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    myl_key by_room;
    uint64_t room;
    uint32_t joined;
    myl_str listed;

    if (is_bad(check, myl_cut_u32(&row, &joined) && myl_cut_u64(&row, &room), "LISTS"))
        return MYL_OK;
    by_room = myl_key_of_u64(room);
    myl_key_bytes(&by_room, key.at, key.len);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_LISTED_ROOMS, myl_key_str(&by_room), &listed));
    if (!myl_str_present(listed))
        myl_check_wrong(check, "room %llu stands in a list that it does not know",
                        (unsigned long long)room);
    return MYL_OK;
}

myl_rc myl_room_check_directory(myl_ctx *cx, myl_check *check)
{
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_ALIASES, check_alias));
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_ROOM_ALIASES, check_room_alias));
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_LISTED_ROOMS, check_listed));
    return myl_check_walk(cx, check, MYL_TABLE_LISTS, check_place);
}
