/* visibility.c: what a reader may see of a room's history.
 *
 * Spec:    Client-Server API, Room history visibility.
 * Why:     neighbours in a timeline mostly share one state, so a sight keeps what the last state said.
 *          And readers of a room share its state, so what a root says of the visibility is kept for all of them.
 * Callers: every read path that shows events.
 * Threads: the transaction's; one lock (ROOM_SIGHTS) over what is kept for all, held for a look.
 * Holds:   a sight serves one transaction: what it remembers is true of that snapshot. What a committed root says never
 *          changes, and a redaction leaves history_visibility as it was.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_own.h"

#include <pthread.h>

enum { SHARED, WORLD_READABLE, INVITED, JOINED };

/* The visibility that an m.room.history_visibility event sets. */
static myl_rc visibility_of(myl_ctx *cx, uint64_t number, int *out)
{
    const myl_json *content;
    myl_stored stored;
    myl_str value;

    *out = SHARED; /* the default where none is set, or an unknown one */
    if (number == 0)
        return MYL_OK;
    MYL_TRY(myl_room_event(cx, number, &stored));
    MYL_TRY(myl_room_event_content(cx, &stored, &content));
    value = myl_json_text(content, MYL_S("history_visibility"));
    if (myl_str_equal(value, MYL_S("world_readable")))
        *out = WORLD_READABLE;
    else if (myl_str_equal(value, MYL_S("invited")))
        *out = INVITED;
    else if (myl_str_equal(value, MYL_S("joined")))
        *out = JOINED;
    return MYL_OK;
}

/* ---- what is kept for all readers ---- */

enum { KEPT_ROOTS = 256 };

typedef struct {
    myl_tree_root root;
    uint64_t event; /* that sets the visibility; 0: none does */
    int visibility;
} kept_root;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static kept_root kept[KEPT_ROOTS];

/* What the root says; false: it is not kept. */
static bool recall(myl_tree_root root, kept_root *out)
{
    pthread_mutex_lock(&lock);
    *out = kept[root % KEPT_ROOTS];
    pthread_mutex_unlock(&lock);
    return out->root == root;
}

/* The roots of a change may be undone, and their numbers be given to others. */
static void keep(myl_ctx *cx, const kept_root *one)
{
    if (myl_engine_is_writing(cx))
        return;
    pthread_mutex_lock(&lock);
    kept[one->root % KEPT_ROOTS] = *one;
    pthread_mutex_unlock(&lock);
}

/* ---- what a sight remembers ---- */

static myl_rc begin_sight(myl_ctx *cx, myl_sight *sight)
{
    if (sight->begun)
        return MYL_OK;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &sight->member_type));
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, MYL_S("m.room.history_visibility"),
                               &sight->visibility_type));
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, MYL_S(""), &sight->empty_key));
    sight->begun = true;
    return MYL_OK;
}

static myl_rc number_at(myl_ctx *cx, myl_tree_root root, uint64_t type, uint64_t key, uint64_t *out)
{
    *out = 0;
    if (root == 0 || type == 0 || key == 0)
        return MYL_OK;
    return myl_tree_get(cx, myl_store_nodes(cx), root, (uint32_t)type, key, out);
}

/* An event that a sight has decoded before is not read again. */
static myl_rc look_for_visibility(myl_ctx *cx, myl_sight *sight, myl_tree_root root)
{
    kept_root found;

    if (root == 0 || !recall(root, &found)) {
        found = (kept_root){.root = root, .visibility = sight->visibility};
        MYL_TRY(number_at(cx, root, sight->visibility_type, sight->empty_key, &found.event));
        if (found.event == 0 || found.event != sight->visibility_event)
            MYL_TRY(visibility_of(cx, found.event, &found.visibility));
        if (root != 0)
            keep(cx, &found);
    }
    sight->visibility = found.visibility;
    sight->visibility_event = found.event;
    return MYL_OK;
}

static myl_rc look_for_member(myl_ctx *cx, myl_sight *sight, myl_tree_root root)
{
    uint64_t number = sight->now_event;

    if (root == 0 || root != sight->now_state)
        MYL_TRY(number_at(cx, root, sight->member_type, sight->user, &number));
    if (number != 0 && number == sight->now_event)
        sight->membership = MYL_MEMBER_JOIN;
    else if (number == 0 || number != sight->member_event)
        MYL_TRY(myl_room_membership_of(cx, number, &sight->membership));
    sight->member_event = number;
    return MYL_OK;
}

/* Turns the sight to the state at `root`. */
static myl_rc look_at(myl_ctx *cx, myl_sight *sight, myl_tree_root root)
{
    if (sight->root == root && root != 0)
        return MYL_OK;
    sight->root = 0;
    MYL_TRY(look_for_visibility(cx, sight, root));
    MYL_TRY(look_for_member(cx, sight, root));
    sight->root = root;
    return MYL_OK;
}

void myl_room_sight_now(myl_sight *sight, const myl_room_head *head, const myl_member *member)
{
    if (member->membership != MYL_MEMBER_JOIN || member->user != sight->user)
        return;
    sight->now_state = head->state;
    sight->now_event = member->event;
}

/* ---- one event ---- */

/* Does the event of this number stand after another? What was fetched later than it happened is judged by its depth. */
static myl_rc stands_after(myl_ctx *cx, uint64_t number, const myl_stored *event, bool *out)
{
    myl_stored stored;

    *out = number > event->number;
    if (number == 0 || number == UINT64_MAX || event->position != 0)
        return MYL_OK;
    MYL_TRY(myl_room_event(cx, number, &stored));
    *out = stored.depth > event->depth || (stored.depth == event->depth && number > event->number);
    return MYL_OK;
}

/* Was the user joined at some point after the event? Walks their memberships back from the current one: a stay counts until the
 * event that ended it. */
static myl_rc joined_later(myl_ctx *cx, myl_sight *sight, const myl_stored *event, bool *out)
{
    myl_member member;
    myl_membership membership;
    uint64_t at, end = UINT64_MAX;

    *out = false;
    if (sight->joined_in == event->room)
        MYL_TRY(stands_after(cx, sight->joined_at, event, out));
    if (*out)
        return MYL_OK;
    MYL_TRY(myl_room_member(cx, event->room, sight->user, &member));
    membership = member.membership;
    at = member.event;
    for (int steps = 0; at != 0 && steps < MYL_LIMIT_MEMBERSHIP_STEPS; steps++) {
        myl_stored stored;
        bool after;

        MYL_TRY(stands_after(cx, end, event, &after));
        if (!after)
            return MYL_OK;
        if (membership == MYL_MEMBER_JOIN) {
            sight->joined_in = event->room;
            sight->joined_at = end;
            *out = true;
            return MYL_OK;
        }
        end = at;
        MYL_TRY(myl_room_event(cx, at, &stored));
        MYL_TRY(number_at(cx, stored.before, sight->member_type, sight->user, &at));
        MYL_TRY(myl_room_membership_of(cx, at, &membership));
    }
    return MYL_OK;
}

/* One side of the event: the state before it or after it. */
static myl_rc may_see_at(myl_ctx *cx, myl_sight *sight, const myl_stored *stored,
                         myl_tree_root root, bool *out)
{
    MYL_TRY(look_at(cx, sight, root));
    *out = sight->visibility == WORLD_READABLE;
    if (*out || sight->user == 0)
        return MYL_OK;
    *out = sight->membership == MYL_MEMBER_JOIN ||
           (sight->membership == MYL_MEMBER_INVITE && sight->visibility == INVITED);
    if (*out || sight->visibility != SHARED)
        return MYL_OK;
    return joined_later(cx, sight, stored, out);
}

myl_rc myl_room_may_see(myl_ctx *cx, myl_sight *sight, const myl_stored *stored, bool *out)
{
    bool expired;

    MYL_TRY(begin_sight(cx, sight));
    MYL_TRY(myl_room_has_expired(cx, sight, stored, &expired));
    *out = false;
    if (expired)
        return MYL_OK;
    *out = sight->all;
    if (*out)
        return MYL_OK;
    /* the reader's own membership is theirs to see, whatever the room shows */
    *out =
        sight->user != 0 && stored->state_key == sight->user && stored->type == sight->member_type;
    if (*out)
        return MYL_OK;
    /* an event that changes the visibility or the reader's membership is judged by the more open side */
    MYL_TRY(may_see_at(cx, sight, stored, stored->after, out));
    if (*out || stored->before == stored->after || stored->before == 0)
        return MYL_OK;
    return may_see_at(cx, sight, stored, stored->before, out);
}

myl_rc myl_room_membership_then(myl_ctx *cx, myl_sight *sight, const myl_stored *stored,
                                myl_str *out)
{
    *out = MYL_ABSENT;
    if (sight->user == 0)
        return MYL_OK;
    MYL_TRY(begin_sight(cx, sight));
    MYL_TRY(look_at(cx, sight, stored->after));
    *out = sight->membership == MYL_MEMBER_NONE ? MYL_S("leave")
                                                : myl_membership_name(sight->membership);
    return MYL_OK;
}

/* ---- the state ---- */

myl_rc myl_room_readable_state(myl_ctx *cx, const myl_room_head *head, uint64_t user,
                               myl_tree_root *out)
{
    myl_member member = {0};
    myl_membership before = MYL_MEMBER_NONE;
    uint64_t number;
    int visibility;
    myl_stored leave;

    *out = head->state;
    MYL_TRY(myl_room_member(cx, head->room, user, &member));
    if (member.membership == MYL_MEMBER_JOIN)
        return MYL_OK;
    MYL_TRY(
        myl_room_state_number(cx, head->state, "m.room.history_visibility", MYL_S(""), &number));
    MYL_TRY(visibility_of(cx, number, &visibility));
    if (head->room != 0 && visibility == WORLD_READABLE)
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
