/* profile.c: a changed profile is shown in every room that its user is in.
 *
 * Threads: the engine.
 * Holds:   a step sends at most STEP_ROOMS member events; the task's state is the user and the last room done. A room whose policy
 *          server does not answer gets a task of its own and holds up no other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_profile.h>

#include "room/room_own.h"

enum { STEP_ROOMS = 20 };

static const char kind[] = "room.profile";
static const char late_kind[] = "room.profile_late"; /* one room; state: user, room */

myl_rc myl_room_profile_set(myl_ctx *cx, const myl_caller *caller, myl_str field,
                            const myl_json *value)
{
    myl_key state = myl_key_of_u64s(caller->user, 0);
    uint64_t task;

    MYL_TRY(myl_user_profile_put(cx, caller->user, field, value));
    if (!myl_str_equal(field, MYL_S("displayname")) && !myl_str_equal(field, MYL_S("avatar_url")))
        return MYL_OK;
    return myl_task_add(cx, kind, myl_key_str(&state), &task);
}

/* ---- one room ---- */

static const myl_json *with_field(myl_ctx *cx, const myl_json *content, myl_str field,
                                  myl_str value)
{
    if (!myl_str_present(value))
        return myl_json_without(cx, content, field);
    return myl_json_with(cx, content, field, myl_json_of_str(cx, value));
}

static myl_rc tell_room(myl_ctx *cx, myl_str user_id, const myl_member *member)
{
    myl_outgoing outgoing = {.sender = user_id,
                             .state_key = user_id,
                             .type = MYL_S("m.room.member")};
    const myl_json *present;
    myl_profile profile;
    myl_room_head head;
    myl_stored stored;
    myl_rc rc;

    MYL_TRY(myl_room_event(cx, member->event, &stored));
    MYL_TRY(myl_room_event_content(cx, &stored, &present));
    MYL_TRY(myl_user_profile(cx, user_id, &profile));
    outgoing.content = with_field(cx, present, MYL_S("displayname"), profile.display_name);
    outgoing.content = with_field(cx, outgoing.content, MYL_S("avatar_url"), profile.avatar_url);
    if (myl_json_equal(outgoing.content, present))
        return MYL_OK;
    /* these told of the join; the server of who vouched for it does not sign this event, and need not */
    outgoing.content = myl_json_without(cx, outgoing.content, MYL_S("reason"));
    outgoing.content =
        myl_json_without(cx, outgoing.content, MYL_S("join_authorised_via_users_server"));
    MYL_TRY(myl_room_head_of(cx, member->room, &head));
    outgoing.room_id = head.room_id;
    rc = myl_room_build(cx, &head, &outgoing, &stored);
    if (rc == MYL_FORBIDDEN) {
        /* the rules of this room do not let the user speak now; nothing was stored */
        myl_forgive(cx);
        return MYL_OK;
    }
    MYL_TRY(rc);
    return myl_room_head_put(cx, &head);
}

/* ---- the tasks ---- */

static myl_rc tell_or_put_off(myl_ctx *cx, myl_str user_id, const myl_member *member)
{
    return myl_room_put_off(cx, tell_room(cx, user_id, member), late_kind, member);
}

static myl_rc late_step(myl_ctx *cx, myl_str state, myl_str *next_state, bool *finished)
{
    myl_member member;
    myl_str user_id;

    MYL_UNUSED(next_state);
    *finished = true;
    MYL_TRY(myl_room_late_member(cx, state, &user_id, &member));
    return member.membership == MYL_MEMBER_JOIN ? tell_room(cx, user_id, &member) : MYL_OK;
}

const myl_task_kind myl_room_profile_late_task = {late_kind, late_step};

static myl_rc step(myl_ctx *cx, myl_str state, myl_str *next_state, bool *finished)
{
    uint64_t user, done;
    const myl_member *rooms;
    size_t count, told = 0;
    myl_str user_id;
    myl_key *next = myl_new(cx, myl_key);

    if (!myl_cut_u64(&state, &user) || !myl_cut_u64(&state, &done))
        return myl_fail(cx, MYL_CORRUPT, "%s: bad state", kind);
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, user, &user_id));
    MYL_TRY(myl_room_of_user(cx, user, 1u << MYL_MEMBER_JOIN, &rooms, &count));
    for (size_t i = 0; i < count && told < STEP_ROOMS; i++) {
        if (rooms[i].room <= done)
            continue;
        MYL_TRY(tell_or_put_off(cx, user_id, &rooms[i]));
        done = rooms[i].room;
        told++;
    }
    *next = myl_key_of_u64s(user, done);
    *next_state = myl_key_str(next);
    *finished = told < STEP_ROOMS;
    return MYL_OK;
}

const myl_task_kind myl_room_profile_task = {kind, step};
