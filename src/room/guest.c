/* guest.c: guests of this server in rooms: who may come in, and who must go when a room closes to guests.
 *
 * Spec:    Client-Server API, Guest Access. Each server answers for its own guests; whether a foreign user is one is not known.
 * Callers: build.c for joins, advance.c when m.room.guest_access has changed.
 * Threads: the engine.
 * Holds:   a step looks at up to STEP_MEMBERS members and leaves for the guests among them, STEP_LEAVES at most.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_guest.h>

#include "room/room_own.h"

#include <myelin/matrix_id.h>

enum { STEP_MEMBERS = 200, STEP_LEAVES = 20 };

static const char kind[] = "room.guests";

static myl_rc is_guest(myl_ctx *cx, myl_str user_id, bool *out)
{
    myl_account account;

    *out = false;
    if (!myl_id_is_ours(user_id, myl_room_server()->server_name))
        return MYL_OK;
    MYL_TRY(myl_user_account(cx, user_id, &account));
    *out = account.is_guest;
    return MYL_OK;
}

/* Does the state at this root let guests in? */
static myl_rc guests_may_join(myl_ctx *cx, myl_tree_root root, bool *out)
{
    const myl_json *content;

    MYL_TRY(myl_room_state_content(cx, root, "m.room.guest_access", MYL_S(""), &content));
    *out = myl_str_equal(myl_json_text(content, MYL_S("guest_access")), MYL_S("can_join"));
    return MYL_OK;
}

myl_rc myl_room_check_guest(myl_ctx *cx, const myl_event *event, myl_tree_root before)
{
    bool guest, open;

    if (!myl_str_equal(event->type, MYL_S("m.room.member")) ||
        !myl_str_equal(event->state_key, event->sender) ||
        !myl_str_equal(myl_json_text(event->content, MYL_S("membership")), MYL_S("join")))
        return MYL_OK;
    MYL_TRY(is_guest(cx, event->sender, &guest));
    if (!guest)
        return MYL_OK;
    MYL_TRY(guests_may_join(cx, before, &open));
    return open ? MYL_OK : myl_fail(cx, MYL_GUEST_FORBIDDEN, "guests may not join this room");
}

/* A template does not say whether guests are let in; the state that comes with the join does. */
myl_rc myl_room_guest_came(myl_ctx *cx, myl_str room_id, myl_str user_id, bool *left)
{
    myl_member_change leave = {.room_id = room_id,
                               .sender = user_id,
                               .target = user_id,
                               .membership = MYL_MEMBER_LEAVE};
    myl_room_head head;
    bool guest, open;
    myl_str event_id;

    *left = false;
    MYL_TRY(is_guest(cx, user_id, &guest));
    if (!guest)
        return MYL_OK;
    MYL_TRY(myl_room_head_get(cx, room_id, &head));
    MYL_TRY(guests_may_join(cx, head.state, &open));
    if (open)
        return MYL_OK;
    *left = true;
    return myl_room_change_member(cx, &leave, &event_id);
}

/* ---- a room has closed ---- */

myl_rc myl_room_guests_closed(myl_ctx *cx, const myl_room_head *head)
{
    myl_key state = myl_key_of_u64s(head->room, 0);
    uint64_t task;
    bool open;

    MYL_TRY(guests_may_join(cx, head->state, &open));
    return open ? MYL_OK : myl_task_add(cx, kind, myl_key_str(&state), &task);
}

static myl_rc leave_if_guest(myl_ctx *cx, const myl_room_head *head, uint64_t user, size_t *leaves)
{
    myl_member_change change = {.room_id = head->room_id, .membership = MYL_MEMBER_LEAVE};
    myl_str event_id;
    bool guest;
    myl_rc rc;

    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, user, &change.target));
    MYL_TRY(is_guest(cx, change.target, &guest));
    change.sender = change.target;
    if (!guest)
        return MYL_OK;
    (*leaves)++;
    rc = myl_room_change_member(cx, &change, &event_id);
    if (rc == MYL_OK || myl_error_of(rc)->kind != MYL_KIND_CLIENT)
        return rc;
    myl_forgive(cx); /* the room does not let them leave */
    return MYL_OK;
}

/* Members after `last`, at most STEP_MEMBERS. */
static myl_rc next_members(myl_ctx *cx, uint64_t room, uint64_t last, myl_list *out)
{
    myl_key key = myl_key_of_u64(room), from = myl_key_of_u64(last + 1);
    myl_scan *scan;
    myl_str found, value;
    uint64_t user;

    MYL_TRY(myl_scan_values(cx, MYL_TABLE_ROOM_JOINED, myl_key_str(&key), myl_key_str(&from),
                            MYL_FORWARD, &scan));
    while (out->count < STEP_MEMBERS) {
        MYL_TRY(myl_scan_next(scan, &found, &value));
        if (!myl_str_present(found))
            break;
        if (!myl_cut_u64(&value, &user))
            return myl_fail(cx, MYL_CORRUPT, "ROOM_JOINED: bad row");
        myl_list_push(out, uint64_t, user);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

static myl_rc step(myl_ctx *cx, myl_str state, myl_str *next_state, bool *finished)
{
    myl_list users = MYL_LIST(cx, uint64_t);
    myl_key *next = myl_new(cx, myl_key);
    uint64_t room, last;
    size_t leaves = 0;
    myl_room_head head;
    bool open;

    if (!myl_cut_u64(&state, &room) || !myl_cut_u64(&state, &last))
        return myl_fail(cx, MYL_CORRUPT, "%s: bad state", kind);
    *finished = true;
    MYL_TRY(myl_room_head_of(cx, room, &head));
    if (head.room == 0)
        return MYL_OK;
    MYL_TRY(guests_may_join(cx, head.state, &open));
    if (open)
        return MYL_OK; /* it has changed its mind */
    MYL_TRY(next_members(cx, room, last, &users));
    for (size_t i = 0; i < users.count && leaves < STEP_LEAVES; i++) {
        last = myl_list_get(&users, uint64_t, i);
        MYL_TRY(leave_if_guest(cx, &head, last, &leaves));
    }
    *next = myl_key_of_u64s(room, last);
    *next_state = myl_key_str(next);
    *finished = users.count < STEP_MEMBERS && leaves < STEP_LEAVES;
    return MYL_OK;
}

const myl_task_kind myl_room_guests_task = {kind, step};
