/* deactivate.c: what a closed account leaves behind is cleaned, step by step.
 *
 * Threads: the engine.
 * Holds:   a step leaves at most STEP_ROOMS rooms, or deletes at most STEP_ROWS rows; the task's state is the user, the
 *          phase, and the last room done. Each phase may run again from its start. A room whose policy server does not answer
 *          gets a task of its own and holds up nothing else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_deactivate.h>

#include "room/room_own.h"

enum { STEP_ROOMS = 20, STEP_ROWS = 100 };

typedef enum { PHASE_PROFILE, PHASE_ROOMS, PHASE_DEVICES, PHASE_DATA, PHASE_END } phase;

static const char kind[] = "room.deactivate";
static const char late_kind[] = "room.leave_late"; /* one room; state: user, room */

static myl_str state_of(myl_ctx *cx, uint64_t user, phase at, uint64_t done)
{
    myl_key *state = myl_new(cx, myl_key);

    *state = myl_key_of_u64s3(user, (uint64_t)at, done);
    return myl_key_str(state);
}

myl_rc myl_room_deactivate(myl_ctx *cx, uint64_t user, bool erase)
{
    uint64_t task;

    MYL_TRY(myl_user_close(cx, user, erase));
    return myl_task_add(cx, kind, state_of(cx, user, erase ? PHASE_PROFILE : PHASE_ROOMS, 0),
                        &task);
}

/* Nobody can hinder a leave but the room's own rules; then the user stays as it is. */
static myl_rc leave_room(myl_ctx *cx, myl_str user_id, const myl_member *member)
{
    myl_member_change change = {.sender = user_id,
                                .target = user_id,
                                .membership = MYL_MEMBER_LEAVE};
    myl_room_head head;
    myl_str event_id;
    myl_rc rc;

    MYL_TRY(myl_room_head_of(cx, member->room, &head));
    if (head.room == 0)
        return MYL_OK;
    change.room_id = head.room_id;
    rc = myl_room_change_member(cx, &change, &event_id);
    if (rc != MYL_OK && myl_error_of(rc)->kind == MYL_KIND_CLIENT) {
        myl_forgive(cx);
        return MYL_OK;
    }
    return rc;
}

static myl_rc leave_or_put_off(myl_ctx *cx, myl_str user_id, const myl_member *member)
{
    return myl_room_put_off(cx, leave_room(cx, user_id, member), late_kind, member);
}

static myl_rc late_step(myl_ctx *cx, myl_str state, myl_str *next_state, bool *finished)
{
    myl_account account;
    myl_member member;
    myl_str user_id;

    MYL_UNUSED(next_state);
    *finished = true;
    MYL_TRY(myl_room_late_member(cx, state, &user_id, &member));
    MYL_TRY(myl_user_account(cx, user_id, &account));
    if (!account.deactivated || !myl_membership_is_live(member.membership))
        return MYL_OK; /* opened again since, or out */
    return leave_room(cx, user_id, &member);
}

const myl_task_kind myl_room_leave_late_task = {late_kind, late_step};

static myl_rc leave_rooms(myl_ctx *cx, uint64_t user, uint64_t *done, bool *left)
{
    unsigned there = 1u << MYL_MEMBER_JOIN | 1u << MYL_MEMBER_INVITE | 1u << MYL_MEMBER_KNOCK;
    const myl_member *rooms;
    size_t count, steps = 0;
    myl_str user_id;

    *left = false;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, user, &user_id));
    MYL_TRY(myl_room_of_user(cx, user, there, &rooms, &count));
    for (size_t i = 0; i < count; i++) {
        if (rooms[i].room <= *done)
            continue;
        if (steps++ == STEP_ROOMS) {
            *left = true;
            break;
        }
        MYL_TRY(leave_or_put_off(cx, user_id, &rooms[i]));
        *done = rooms[i].room;
    }
    return MYL_OK;
}

static myl_rc run_phase(myl_ctx *cx, uint64_t user, phase at, uint64_t *done, bool *left)
{
    switch (at) {
    case PHASE_PROFILE: return myl_user_profile_drop(cx, user);
    case PHASE_ROOMS: return leave_rooms(cx, user, done, left);
    case PHASE_DEVICES: return myl_user_devices_delete(cx, user, 0, STEP_ROWS, left);
    case PHASE_DATA: return myl_user_data_drop(cx, user, STEP_ROWS, left);
    case PHASE_END: break;
    }
    return MYL_OK;
}

static myl_rc step(myl_ctx *cx, myl_str state, myl_str *next_state, bool *finished)
{
    uint64_t user, at, done;
    bool left = false;

    if (!myl_cut_u64(&state, &user) || !myl_cut_u64(&state, &at) || !myl_cut_u64(&state, &done) ||
        at > PHASE_END)
        return myl_fail(cx, MYL_CORRUPT, "%s: bad state", kind);
    MYL_TRY(run_phase(cx, user, (phase)at, &done, &left));
    if (!left) {
        at++;
        done = 0;
    }
    *next_state = state_of(cx, user, (phase)at, done);
    *finished = at == PHASE_END;
    return MYL_OK;
}

const myl_task_kind myl_room_deactivate_task = {kind, step};
