/* forgotten.c: a room that nobody of this server can see any more is purged.
 *
 * Spec:    Client-Server API, Leaving rooms (a room that all local users have forgotten may be deleted).
 * Why:     whoever forgot it never sees it again, and without anybody in it nobody else of ours comes to see it.
 * Callers: member.c, when somebody forgets a room, or leaves one where leaving forgets.
 * Threads: the engine; a stored task looks through the members, some a step, and again when it is due.
 * Holds:   the look at the last members and the mark that keeps everybody out are one change.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/matrix_id.h>
#include <myelin/room_admin.h>

#include "room/purge_own.h"

enum { STEP_LOOKS = 500 };

static const char kind[] = "room.forgotten";

static myl_str state_of(myl_ctx *cx, uint64_t room, uint64_t at)
{
    myl_key key = myl_key_of_u64s(room, at);

    return myl_keep(cx, myl_key_str(&key));
}

/* Cheap where somebody of ours is in it, so it may be asked at every leave. */
myl_rc myl_room_look_forgotten(myl_ctx *cx, uint64_t room)
{
    int64_t after = myl_room_server()->purge_forgotten_after_ms;
    uint64_t task;
    uint32_t here;
    bool purged;

    if (after < 0)
        return MYL_OK;
    MYL_TRY(myl_room_joined_here(cx, room, &here));
    MYL_TRY(myl_room_is_purged(cx, room, &purged));
    if (here > 0 || purged)
        return MYL_OK;
    return myl_task_add_at(cx, kind, state_of(cx, room, 0), myl_now_ms() + after, &task);
}

/* ---- who can see it ---- */

static myl_rc may_see(myl_ctx *cx, const myl_member *member, bool *out)
{
    myl_str user_id;

    *out = false;
    if (member->membership == MYL_MEMBER_NONE || member->forgotten)
        return MYL_OK;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, member->user, &user_id));
    *out = myl_id_is_ours(user_id, myl_room_server()->server_name);
    return MYL_OK;
}

/* Looks at some members behind *at. *left: there are more. */
static myl_rc look(myl_ctx *cx, uint64_t room, uint64_t *at, bool *seen, bool *left)
{
    myl_list members = MYL_LIST(cx, uint64_t);
    myl_member member;

    MYL_TRY(myl_room_members_after(cx, room, *at, STEP_LOOKS, &members));
    *seen = false;
    *left = members.count == STEP_LOOKS;
    for (size_t i = 0; i < members.count && !*seen; i++) {
        *at = myl_list_get(&members, uint64_t, i);
        MYL_TRY(myl_room_member(cx, room, *at, &member));
        MYL_TRY(may_see(cx, &member, seen));
    }
    return MYL_OK;
}

static myl_rc purge(myl_ctx *cx, uint64_t room)
{
    myl_room_deletion wanted = {.purge = true, .is_empty = true};
    const myl_purge_info *all;
    size_t count;
    uint64_t id;

    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_ROOM, room, &wanted.room_id));
    MYL_TRY(myl_room_purges(cx, wanted.room_id, &all, &count));
    for (size_t i = 0; i < count; i++)
        if (all[i].status < MYL_PURGE_DONE)
            return MYL_OK; /* somebody deletes it already */
    return myl_room_delete(cx, &wanted, &id);
}

static myl_rc step(myl_ctx *cx, myl_str state, myl_str *next_state, bool *finished)
{
    bool seen = false, left = false, purged;
    uint64_t room, at;
    uint32_t here;

    if (!myl_cut_u64(&state, &room) || !myl_cut_u64(&state, &at))
        return myl_fail(cx, MYL_CORRUPT, "%s: bad state", kind);
    MYL_TRY(myl_room_joined_here(cx, room, &here));
    MYL_TRY(myl_room_is_purged(cx, room, &purged));
    *finished = here > 0 || purged;
    if (*finished)
        return MYL_OK;
    MYL_TRY(look(cx, room, &at, &seen, &left));
    *next_state = state_of(cx, room, at);
    *finished = seen || !left;
    return seen || left ? MYL_OK : purge(cx, room);
}

const myl_task_kind myl_room_forgotten_task = {kind, step};
