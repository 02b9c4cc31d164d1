/* visibility.c: what a reader may see of a room's history.
 *
 * Spec:    Client-Server API, Room history visibility.
 * Callers: every read path that shows events.
 * Threads: the transaction's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_own.h"

typedef enum { WORLD_READABLE, SHARED, INVITED, JOINED } visibility;

static myl_rc visibility_at(myl_ctx *cx, myl_tree_root root, visibility *out)
{
    const myl_json *content;
    myl_str value;

    *out = SHARED; /* the default where none is set, or an unknown one */
    MYL_TRY(myl_room_state_content(cx, root, "m.room.history_visibility", MYL_S(""), &content));
    value = myl_json_text(content, MYL_S("history_visibility"));
    if (myl_str_equal(value, MYL_S("world_readable")))
        *out = WORLD_READABLE;
    else if (myl_str_equal(value, MYL_S("invited")))
        *out = INVITED;
    else if (myl_str_equal(value, MYL_S("joined")))
        *out = JOINED;
    return MYL_OK;
}

/* Was the user joined at some point after the event? Walks their memberships back from the current one. */
static myl_rc joined_later(myl_ctx *cx, const myl_stored *event, uint64_t user, bool *out)
{
    myl_member member;
    myl_membership membership;
    uint64_t at, type;

    *out = false;
    MYL_TRY(myl_room_member(cx, event->room, user, &member));
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &type));
    membership = member.membership;
    at = member.event;
    for (int steps = 0; at > event->number && steps < MYL_LIMIT_MEMBERSHIP_STEPS; steps++) {
        myl_stored stored;

        if (membership == MYL_MEMBER_JOIN) {
            *out = true;
            return MYL_OK;
        }
        MYL_TRY(myl_room_event(cx, at, &stored));
        MYL_TRY(myl_room_member_at(cx, stored.before, user, &membership));
        MYL_TRY(myl_tree_get(cx, myl_store_nodes(cx), stored.before, (uint32_t)type, user, &at));
    }
    return MYL_OK;
}

/* One side of the event: the state before it or after it. */
static myl_rc may_see_at(myl_ctx *cx, const myl_stored *stored, myl_tree_root root, uint64_t user,
                         bool *out)
{
    visibility visible;
    myl_membership membership;

    MYL_TRY(visibility_at(cx, root, &visible));
    *out = visible == WORLD_READABLE;
    if (*out || user == 0)
        return MYL_OK;
    MYL_TRY(myl_room_member_at(cx, root, user, &membership));
    *out = membership == MYL_MEMBER_JOIN || (membership == MYL_MEMBER_INVITE && visible == INVITED);
    if (*out || visible != SHARED)
        return MYL_OK;
    return joined_later(cx, stored, user, out);
}

/* The reader's own membership is theirs to see, whatever the room shows. */
static myl_rc is_own_membership(myl_ctx *cx, const myl_stored *stored, uint64_t user, bool *out)
{
    uint64_t type;

    *out = false;
    if (user == 0 || stored->state_key != user)
        return MYL_OK;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &type));
    *out = stored->type == type;
    return MYL_OK;
}

myl_rc myl_room_may_see(myl_ctx *cx, const myl_stored *stored, uint64_t user, bool *out)
{
    MYL_TRY(is_own_membership(cx, stored, user, out));
    if (*out)
        return MYL_OK;
    /* an event that changes the visibility or the reader's membership is judged by the more open side */
    MYL_TRY(may_see_at(cx, stored, stored->after, user, out));
    if (*out || stored->before == stored->after || stored->before == 0)
        return MYL_OK;
    return may_see_at(cx, stored, stored->before, user, out);
}

myl_rc myl_room_readable_state(myl_ctx *cx, const myl_room_head *head, uint64_t user,
                               myl_tree_root *out)
{
    myl_member member = {0};
    myl_membership before = MYL_MEMBER_NONE;
    visibility visible;
    myl_stored leave;

    *out = head->state;
    MYL_TRY(myl_room_member(cx, head->room, user, &member));
    if (member.membership == MYL_MEMBER_JOIN)
        return MYL_OK;
    MYL_TRY(visibility_at(cx, head->state, &visible));
    if (head->room != 0 && visible == WORLD_READABLE)
        return MYL_OK;
    if (!member.forgotten &&
        (member.membership == MYL_MEMBER_LEAVE || member.membership == MYL_MEMBER_BAN)) {
        MYL_TRY(myl_room_event(cx, member.event, &leave));
        MYL_TRY(myl_room_member_at(cx, leave.before, user, &before));
        *out = leave.after;
    }
    if (before != MYL_MEMBER_JOIN)
        return myl_fail(cx, MYL_NOT_JOINED, "you are not in the room");
    return MYL_OK;
}
