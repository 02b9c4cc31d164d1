/* outside.c: rooms that we hear of without being in them: invites, knocks, and their ends.
 *
 * Why:     their events cannot be judged here, for the room's state is elsewhere; they concern one user of ours each.
 * Callers: api/server (invites), fed/ (knocks, leaves).
 * Threads: the engine.
 * Holds:   such a room has a head without state, create event and members; a join from outside makes it whole.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_serve.h>

#include "room/room_own.h"

myl_rc myl_room_is_here(myl_ctx *cx, const myl_room_head *head, bool *out)
{
    *out = false;
    if (head->room == 0 || head->create == 0)
        return MYL_OK;
    return myl_room_has_server(cx, head->room, myl_room_server()->server_name, out);
}

static myl_rc open_head(myl_ctx *cx, const myl_room_outside *outside, myl_room_head *head)
{
    MYL_TRY(myl_room_head_get(cx, outside->room_id, head));
    if (head->room != 0)
        return MYL_OK;
    head->version = outside->version;
    MYL_TRY(myl_store_intern(cx, MYL_INTERN_ROOM, outside->room_id, &head->room));
    return myl_room_head_put(cx, head);
}

static myl_rc keep_event(myl_ctx *cx, const myl_room_head *head, const myl_incoming *incoming,
                         myl_stored *stored)
{
    myl_event_place place = {.event = &incoming->event,
                             .bytes = incoming->bytes,
                             .room = head->room,
                             .flags = MYL_EVENT_OUTLIER};
    uint64_t number;

    if (incoming->hash_failed)
        place.flags |= MYL_EVENT_HASH_FAILED;
    MYL_TRY(myl_room_event_number(cx, incoming->event.event_id, &number));
    if (number != 0)
        return myl_room_event(cx, number, stored);
    return myl_room_event_put(cx, &place, stored);
}

myl_rc myl_room_outside_put(myl_ctx *cx, const myl_room_outside *outside)
{
    myl_membership membership = myl_membership_of(myl_event_membership(&outside->member->event));
    myl_room_head head;
    myl_stored stored;
    myl_text text;
    myl_key key;

    MYL_TRY(open_head(cx, outside, &head));
    MYL_TRY(keep_event(cx, &head, outside->member, &stored));
    if (stored.room != head.room || (stored.flags & MYL_EVENT_OUTLIER) == 0)
        return MYL_OK; /* it is in a room that we are in, which has told it */
    MYL_TRY(myl_room_member_outside(cx, &stored, membership));
    key = myl_key_of_u64s(head.room, stored.state_key);
    if (membership != MYL_MEMBER_INVITE && membership != MYL_MEMBER_KNOCK)
        return myl_store_delete(cx, MYL_TABLE_OUTSIDE_STATES, myl_key_str(&key));
    text = myl_text_start(cx, 1024);
    if (outside->stripped != NULL)
        myl_json_write(&text, outside->stripped);
    else
        myl_text_add(&text, MYL_S("[]"));
    return myl_store_put(cx, MYL_TABLE_OUTSIDE_STATES, myl_key_str(&key), myl_text_str(&text));
}

myl_rc myl_room_outside_state(myl_ctx *cx, uint64_t room, uint64_t user, const myl_json **out)
{
    myl_key key = myl_key_of_u64s(room, user);
    myl_str row;

    *out = NULL;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_OUTSIDE_STATES, myl_key_str(&key), &row));
    return myl_str_present(row) ? myl_json_parse(cx, myl_keep(cx, row), out) : MYL_OK;
}
