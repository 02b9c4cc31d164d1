/* alias.c: names of rooms on this server.
 *
 * Threads: the transaction's.
 * Holds:   ROOM_ALIASES has a row for each row of ALIASES.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_directory.h>

#include "room/room_own.h"

#include <myelin/matrix_id.h>

static myl_key alias_key(myl_str alias)
{
    myl_key key = myl_key_start();

    myl_key_hash(&key, alias);
    return key;
}

static myl_key room_key(uint64_t room, myl_str alias)
{
    myl_key key = myl_key_of_u64(room);

    myl_key_hash(&key, alias);
    return key;
}

myl_rc myl_room_alias_get(myl_ctx *cx, myl_str alias, myl_str *room_id, myl_str *creator)
{
    myl_key key = alias_key(alias);
    myl_str row, name;

    *room_id = *creator = MYL_ABSENT;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_ALIASES, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        return MYL_OK;
    if (!myl_cut_str(&row, &name) || !myl_cut_str(&row, room_id) || !myl_cut_str(&row, creator))
        return myl_fail(cx, MYL_CORRUPT, "ALIASES: bad row");
    *room_id = myl_keep(cx, *room_id);
    *creator = myl_keep(cx, *creator);
    return MYL_OK;
}

static myl_rc put_rows(myl_ctx *cx, myl_str alias, const myl_room_head *head, myl_str creator)
{
    myl_key key = alias_key(alias), by_room = room_key(head->room, alias);
    myl_text row = MYL_TEXT(cx);

    myl_row_str(&row, alias);
    myl_row_str(&row, head->room_id);
    myl_row_str(&row, creator);
    MYL_TRY(myl_store_put(cx, MYL_TABLE_ALIASES, myl_key_str(&key), myl_text_str(&row)));
    return myl_store_put(cx, MYL_TABLE_ROOM_ALIASES, myl_key_str(&by_room), alias);
}

myl_rc myl_room_alias_put(myl_ctx *cx, myl_str alias, const myl_room_head *head, myl_str creator)
{
    const myl_str *others;
    myl_str present, by;
    size_t count;

    MYL_TRY(myl_room_alias_get(cx, alias, &present, &by));
    if (myl_str_present(present))
        return myl_fail(cx, MYL_ROOM_IN_USE, "the alias %.*s is taken", MYL_FMT(alias));
    MYL_TRY(myl_room_aliases(cx, head->room, &others, &count));
    if (count >= MYL_LIMIT_ROOM_ALIASES)
        return myl_fail(cx, MYL_RESOURCE_LIMIT, "the room has %d aliases already",
                        MYL_LIMIT_ROOM_ALIASES);
    return put_rows(cx, alias, head, creator);
}

myl_rc myl_room_alias_remove(myl_ctx *cx, myl_str alias)
{
    myl_key key = alias_key(alias), by_room;
    myl_str room_id, creator;
    uint64_t room;

    MYL_TRY(myl_room_alias_get(cx, alias, &room_id, &creator));
    if (!myl_str_present(room_id))
        return MYL_OK;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_ROOM, room_id, &room));
    by_room = room_key(room, alias);
    MYL_TRY(myl_store_delete(cx, MYL_TABLE_ROOM_ALIASES, myl_key_str(&by_room)));
    return myl_store_delete(cx, MYL_TABLE_ALIASES, myl_key_str(&key));
}

myl_rc myl_room_alias_move(myl_ctx *cx, myl_str alias, const myl_room_head *head)
{
    myl_str room_id, creator;

    MYL_TRY(myl_room_alias_get(cx, alias, &room_id, &creator));
    MYL_TRY(myl_room_alias_remove(cx, alias));
    return put_rows(cx, alias, head, creator);
}

myl_rc myl_room_aliases(myl_ctx *cx, uint64_t room, const myl_str **aliases, size_t *count)
{
    myl_key prefix = myl_key_of_u64(room);
    myl_list list = MYL_LIST(cx, myl_str);
    myl_scan *scan;
    myl_str key, alias;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_ROOM_ALIASES, myl_key_str(&prefix), MYL_ABSENT,
                           MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &alias));
        if (!myl_str_present(key))
            break;
        myl_list_push(&list, myl_str, myl_keep(cx, alias));
    }
    myl_scan_end(scan);
    *aliases = list.at;
    *count = list.count;
    return MYL_OK;
}

/* ---- m.room.canonical_alias ---- */

static bool names(const myl_json *content, myl_str alias)
{
    const myl_json *others = myl_json_array(content, MYL_S("alt_aliases"));

    if (myl_str_equal(myl_json_text(content, MYL_S("alias")), alias))
        return true;
    for (uint32_t i = 0; others != NULL && i < others->count; i++)
        if (others->items[i].kind == MYL_JSON_STRING && myl_str_equal(others->items[i].text, alias))
            return true;
    return false;
}

/* `before`: the present content. What stands there already is not asked again. */
static myl_rc check_alias(myl_ctx *cx, const myl_room_head *head, const myl_json *before,
                          const myl_json *value)
{
    myl_str room_id, creator;

    if (value->kind != MYL_JSON_STRING || !myl_id_is_alias(value->text))
        return myl_fail(cx, MYL_INVALID_PARAM, "alias, alt_aliases: expected room aliases");
    if (names(before, value->text))
        return MYL_OK;
    MYL_TRY(myl_room_alias_get(cx, value->text, &room_id, &creator));
    if (!myl_str_present(room_id) || !myl_str_equal(room_id, head->room_id))
        return myl_fail(cx, MYL_BAD_ALIAS, "%.*s does not name this room", MYL_FMT(value->text));
    return MYL_OK;
}

myl_rc myl_room_check_aliases(myl_ctx *cx, const myl_room_head *head, const myl_json *content)
{
    const myl_json *alias = MYL_JSON_AT(content, "alias"),
                   *others = MYL_JSON_AT(content, "alt_aliases"), *before;

    MYL_TRY(myl_room_state_content(cx, head->state, "m.room.canonical_alias", MYL_S(""), &before));
    /* clients also remove it by setting it to nothing */
    if (alias != NULL && alias->kind != MYL_JSON_NULL &&
        !(alias->kind == MYL_JSON_STRING && alias->text.len == 0))
        MYL_TRY(check_alias(cx, head, before, alias));
    if (others == NULL || others->kind == MYL_JSON_NULL)
        return MYL_OK;
    if (others->kind != MYL_JSON_ARRAY)
        return myl_fail(cx, MYL_INVALID_PARAM, "alt_aliases: expected a list");
    for (uint32_t i = 0; i < others->count; i++)
        MYL_TRY(check_alias(cx, head, before, &others->items[i]));
    return MYL_OK;
}
