/* settings.c: what a user set for a room goes with them into the room that replaces it.
 *
 * Spec:    Client-Server API, Room upgrades, Server behaviour.
 * Callers: membership.c for joins, upgrade.c.
 * Threads: the engine.
 * Holds:   what the user has set for the new room already is left as it is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_upgrade.h>

#include "room/room_own.h"

myl_rc myl_room_predecessor(myl_ctx *cx, const myl_room_head *head, myl_str *room_id)
{
    const myl_event *create;

    *room_id = MYL_ABSENT;
    if (head->create == 0)
        return MYL_OK;
    MYL_TRY(myl_room_decoded(cx, head->create, &create));
    *room_id =
        myl_json_text(myl_json_object(create->content, MYL_S("predecessor")), MYL_S("room_id"));
    return MYL_OK;
}

/* The room that this one replaces, when the user was in it; 0: none. */
static myl_rc predecessor_of(myl_ctx *cx, const myl_room_head *head, uint64_t user, uint64_t *out,
                             myl_str *room_id)
{
    myl_member member;

    *out = 0;
    MYL_TRY(myl_room_predecessor(cx, head, room_id));
    if (!myl_str_present(*room_id))
        return MYL_OK;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_ROOM, *room_id, out));
    MYL_TRY(myl_room_member(cx, *out, user, &member));
    if (member.membership == MYL_MEMBER_NONE)
        *out = 0;
    return MYL_OK;
}

static myl_rc carry_tags(myl_ctx *cx, uint64_t user, uint64_t from, uint64_t to)
{
    myl_str tag = MYL_S("m.tag"), before, present;
    const myl_json *content;

    MYL_TRY(myl_user_data_get(cx, user, from, tag, &before));
    MYL_TRY(myl_user_data_get(cx, user, to, tag, &present));
    if (!myl_str_present(before) || myl_str_present(present))
        return MYL_OK;
    MYL_TRY(myl_json_parse(cx, myl_keep(cx, before), &content));
    return myl_user_data_put(cx, user, to, tag, content);
}

static bool has_text(const myl_json *list, myl_str text)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->items[i].kind == MYL_JSON_STRING && myl_str_equal(list->items[i].text, text))
            return true;
    return false;
}

static const myl_json *with_text(myl_ctx *cx, const myl_json *list, myl_str text)
{
    myl_list items = MYL_LIST(cx, myl_json);

    for (uint32_t i = 0; i < list->count; i++)
        myl_list_push(&items, myl_json, list->items[i]);
    myl_list_push(&items, myl_json, *myl_json_of_str(cx, text));
    return myl_json_of_items(cx, items.at, items.count);
}

/* m.direct: user id -> rooms. */
static myl_rc carry_direct(myl_ctx *cx, uint64_t user, myl_str from, myl_str to)
{
    myl_str direct = MYL_S("m.direct"), before;
    const myl_json *content, *after;

    MYL_TRY(myl_user_data_get(cx, user, 0, direct, &before));
    if (!myl_str_present(before))
        return MYL_OK;
    MYL_TRY(myl_json_parse(cx, myl_keep(cx, before), &content));
    after = content;
    for (uint32_t i = 0; i < content->count; i++) {
        const myl_json *rooms = &content->items[i];

        if (rooms->kind == MYL_JSON_ARRAY && has_text(rooms, from) && !has_text(rooms, to))
            after = myl_json_with(cx, after, rooms->key, with_text(cx, rooms, to));
    }
    return after == content ? MYL_OK : myl_user_data_put(cx, user, 0, direct, after);
}

myl_rc myl_room_carry_settings(myl_ctx *cx, const myl_room_head *head, uint64_t user)
{
    myl_str old_id = MYL_ABSENT;
    uint64_t old;

    MYL_TRY(predecessor_of(cx, head, user, &old, &old_id));
    if (old == 0)
        return MYL_OK;
    MYL_TRY(carry_tags(cx, user, old, head->room));
    return carry_direct(cx, user, old_id, head->room_id);
}
