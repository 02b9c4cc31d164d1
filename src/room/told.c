/* told.c: rooms that are not here, as other servers tell of them.
 *
 * Callers: hierarchy.c; room_summary of clients.
 * Threads: any.
 * Holds:   of a foreign answer only known members of the right kind are taken.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_hierarchy.h>

#include "room/room_own.h"

#include <myelin/matrix_id.h>

static const myl_json *conditions_of(myl_ctx *cx, const myl_json *room_ids)
{
    myl_list items = MYL_LIST(cx, myl_json);

    for (uint32_t i = 0; i < room_ids->count; i++) {
        const myl_json *condition;

        if (room_ids->items[i].kind != MYL_JSON_STRING || !myl_id_is_room(room_ids->items[i].text))
            continue;
        condition =
            myl_json_with(cx, NULL, MYL_S("type"), myl_json_of_str(cx, MYL_S("m.room_membership")));
        condition = myl_json_with(cx, condition, MYL_S("room_id"), &room_ids->items[i]);
        myl_list_push(&items, myl_json, *condition);
    }
    return myl_json_of_items(cx, items.at, items.count);
}

static myl_str short_text(const myl_json *told, const char *key)
{
    myl_str text = myl_json_text(told, myl_str_of(key));

    return text.len > 0 ? text : MYL_ABSENT;
}

myl_rc myl_room_summary_told(myl_ctx *cx, const myl_json *told, myl_room_summary *out)
{
    const myl_json *allowed = myl_json_array(told, MYL_S("allowed_room_ids"));
    int64_t joined = 0;

    (void)myl_json_int(told, MYL_S("num_joined_members"), &joined);
    *out =
        (myl_room_summary){.name = short_text(told, "name"),
                           .topic = short_text(told, "topic"),
                           .avatar_url = short_text(told, "avatar_url"),
                           .canonical_alias = short_text(told, "canonical_alias"),
                           .join_rule = short_text(told, "join_rule"),
                           .room_type = short_text(told, "room_type"),
                           .encryption = short_text(told, "encryption"),
                           .world_readable = myl_json_bool(told, MYL_S("world_readable"), false),
                           .guest_can_join = myl_json_bool(told, MYL_S("guest_can_join"), false)};
    out->head.room_id = myl_json_text(told, MYL_S("room_id"));
    out->head.version = myl_room_version_find(myl_json_text(told, MYL_S("room_version")));
    out->head.joined = joined > 0 && joined <= INT32_MAX ? (uint32_t)joined : 0;
    if (!myl_str_present(out->join_rule))
        out->join_rule =
            MYL_S("public"); /* servers before join_rule was added told of no other rooms */
    if (!myl_id_is_alias(out->canonical_alias))
        out->canonical_alias = MYL_ABSENT;
    if (allowed != NULL)
        out->allow = conditions_of(cx, allowed);
    if (!myl_id_is_room(out->head.room_id))
        return myl_fail(cx, MYL_REMOTE_DOWN, "room_id: the other server told none");
    return myl_store_interned(cx, MYL_INTERN_ROOM, out->head.room_id, &out->head.room);
}

static bool read_child(const myl_json *event, myl_space_child *out)
{
    *out = (myl_space_child){.room_id = myl_json_text(event, MYL_S("state_key")),
                             .sender = myl_json_text(event, MYL_S("sender")),
                             .content = myl_json_object(event, MYL_S("content"))};
    (void)myl_json_int(event, MYL_S("origin_server_ts"), &out->origin_server_ts);
    return myl_str_equal(myl_json_text(event, MYL_S("type")), MYL_S("m.space.child")) &&
           myl_id_is_user(out->sender) && myl_room_child_fill(out);
}

void myl_room_children_told(myl_ctx *cx, const myl_json *told, bool suggested_only, myl_list *out)
{
    const myl_json *events = myl_json_array(told, MYL_S("children_state"));

    *out = MYL_LIST(cx, myl_space_child);
    for (uint32_t i = 0; events != NULL && i < events->count; i++) {
        myl_space_child child;

        if (read_child(&events->items[i], &child) && (child.suggested || !suggested_only))
            myl_list_push(out, myl_space_child, child);
    }
    myl_room_children_sort(out);
}
