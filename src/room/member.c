/* member.c: who is in which room: indexes kept beside the state tree, in the same change.
 *
 * Why:     "who is joined", "which rooms has this user", "do the two share one" must not walk a state.
 * Threads: the transaction's.
 * Holds:   ROOM_MEMBERS, USER_ROOMS and ROOM_JOINED say the same as the current state of each room.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_own.h"

#include <myelin/room_purge.h>

#include <myelin/matrix_id.h>
#include <myelin/room_share.h>

static const myl_str names[] = {
    [MYL_MEMBER_NONE] = {NULL, 0},          [MYL_MEMBER_INVITE] = MYL_S_INIT("invite"),
    [MYL_MEMBER_JOIN] = MYL_S_INIT("join"), [MYL_MEMBER_LEAVE] = MYL_S_INIT("leave"),
    [MYL_MEMBER_BAN] = MYL_S_INIT("ban"),   [MYL_MEMBER_KNOCK] = MYL_S_INIT("knock"),
};

bool myl_membership_is_live(myl_membership membership)
{
    return membership == MYL_MEMBER_JOIN || membership == MYL_MEMBER_INVITE ||
           membership == MYL_MEMBER_KNOCK;
}

myl_str myl_membership_name(myl_membership membership)
{
    return names[membership];
}

myl_membership myl_membership_of(myl_str name)
{
    for (myl_membership m = MYL_MEMBER_INVITE; m <= MYL_MEMBER_KNOCK; m++)
        if (myl_str_equal(names[m], name))
            return m;
    return MYL_MEMBER_NONE;
}

bool myl_room_cut_member(myl_str row, myl_member *out)
{
    uint8_t membership, forgotten;

    if (!myl_cut_u8(&row, &membership) || !myl_cut_u64(&row, &out->event) ||
        !myl_cut_u64(&row, &out->position) || !myl_cut_u8(&row, &forgotten) ||
        membership > MYL_MEMBER_KNOCK)
        return false;
    out->membership = (myl_membership)membership;
    out->forgotten = forgotten != 0;
    return true;
}

static myl_str member_row(myl_ctx *cx, const myl_member *member)
{
    myl_text row = myl_text_start(cx, 18);

    myl_row_u8(&row, (uint8_t)member->membership);
    myl_row_u64(&row, member->event);
    myl_row_u64(&row, member->position);
    myl_row_u8(&row, member->forgotten);
    return myl_text_str(&row);
}

static myl_rc put_member(myl_ctx *cx, const myl_member *member)
{
    myl_key by_room = myl_key_of_u64s(member->room, member->user),
            by_user = myl_key_of_u64s(member->user, member->room);
    myl_str row = member_row(cx, member);

    MYL_TRY(myl_store_put(cx, MYL_TABLE_ROOM_MEMBERS, myl_key_str(&by_room), row));
    return myl_store_put(cx, MYL_TABLE_USER_ROOMS, myl_key_str(&by_user), row);
}

myl_rc myl_room_member(myl_ctx *cx, uint64_t room, uint64_t user, myl_member *out)
{
    myl_key key = myl_key_of_u64s(room, user);
    myl_str row;

    memset(out, 0, sizeof(*out));
    out->room = room;
    out->user = user;
    if (room == 0 || user == 0)
        return MYL_OK;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_ROOM_MEMBERS, myl_key_str(&key), &row));
    if (myl_str_present(row) && !myl_room_cut_member(row, out))
        return myl_fail(cx, MYL_CORRUPT, "ROOM_MEMBERS: bad row");
    return MYL_OK;
}

myl_rc myl_room_membership_of(myl_ctx *cx, uint64_t number, myl_membership *out)
{
    const myl_json *content;
    myl_stored stored;

    *out = MYL_MEMBER_NONE;
    if (number == 0)
        return MYL_OK;
    MYL_TRY(myl_room_event(cx, number, &stored));
    MYL_TRY(myl_room_event_content(cx, &stored, &content));
    *out = myl_membership_of(myl_json_text(content, MYL_S("membership")));
    return MYL_OK;
}

myl_rc myl_room_member_at(myl_ctx *cx, myl_tree_root root, uint64_t user, myl_membership *out)
{
    uint64_t type, number = 0;

    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &type));
    if (root != 0 && user != 0 && type != 0)
        MYL_TRY(myl_tree_get(cx, myl_store_nodes(cx), root, (uint32_t)type, user, &number));
    return myl_room_membership_of(cx, number, out);
}

static myl_rc update_counts(myl_ctx *cx, myl_room_head *head, uint64_t member, myl_membership was,
                            myl_membership is)
{
    myl_key room = myl_key_of_u64(head->room), user = myl_key_of_u64(member);
    bool joined = is == MYL_MEMBER_JOIN;

    head->invited -= was == MYL_MEMBER_INVITE;
    head->invited += is == MYL_MEMBER_INVITE;
    if ((was == MYL_MEMBER_JOIN) == joined)
        return MYL_OK;
    head->joined += joined ? 1u : -1u;
    MYL_TRY(myl_room_server_count(cx, head->room, member, joined ? 1 : -1));
    MYL_TRY(myl_room_list_moved(cx, head->room, head->joined));
    if (joined)
        return myl_store_add(cx, MYL_TABLE_ROOM_JOINED, myl_key_str(&room), myl_key_str(&user));
    return myl_store_remove(cx, MYL_TABLE_ROOM_JOINED, myl_key_str(&room), myl_key_str(&user));
}

/* Somebody came or went: device lists follow from it. */
static myl_rc log_join(myl_ctx *cx, const myl_member *after, myl_membership was, myl_membership is)
{
    if ((was == MYL_MEMBER_JOIN) == (is == MYL_MEMBER_JOIN))
        return MYL_OK;
    return myl_room_join_log(cx, after->room,
                             &(myl_join_change){myl_engine_next_position(cx), after->user,
                                                is == MYL_MEMBER_JOIN});
}

/* Tells the user, when it is one of ours. */
static myl_rc tell_member(myl_ctx *cx, const myl_member *member, uint64_t position)
{
    myl_str name;

    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, member->user, &name));
    if (!myl_id_is_ours(name, myl_room_server()->server_name))
        return myl_room_person_changed(cx,
                                       member->user); /* nobody here asks what is new for them */
    myl_engine_note(cx, MYL_NOTE_MEMBERSHIP, member->user);
    return myl_user_mark_changed(cx, member->user, position, MYL_CHANGED_MEMBERSHIP, member->room);
}

/* Is a room forgotten by who comes to have this membership? (MSC4267) */
static bool forgets(myl_membership membership)
{
    return myl_room_server()->forget_on_leave &&
           (membership == MYL_MEMBER_LEAVE || membership == MYL_MEMBER_BAN);
}

myl_rc myl_room_member_changed(myl_ctx *cx, myl_room_head *head, const myl_member_move *move)
{
    myl_member row, after = {.room = head->room, .user = move->user, .event = move->after};
    myl_membership was, now;

    MYL_TRY(myl_room_member(cx, head->room, move->user, &row));
    /* the row may tell of an invite from outside, which the state never held */
    was = row.membership;
    if (row.event != move->before) {
        myl_key outside = myl_key_of_u64s(head->room, move->user);

        MYL_TRY(myl_room_membership_of(cx, move->before, &was));
        MYL_TRY(myl_store_delete(cx, MYL_TABLE_OUTSIDE_STATES, myl_key_str(&outside)));
    }
    MYL_TRY(myl_room_membership_of(cx, move->after, &now));
    after.membership = now;
    if (move->after == 0) {
        /* a resolution took the membership away: for its user that is a leave, told by the last event there was */
        after.membership = MYL_MEMBER_LEAVE;
        after.event = row.event;
    }
    /* a join that only renames is no new membership */
    after.position = row.membership == after.membership ? row.position : move->position;
    after.forgotten = forgets(after.membership);
    MYL_TRY(put_member(cx, &after));
    MYL_TRY(update_counts(cx, head, move->user, was, now));
    MYL_TRY(log_join(cx, &after, was, now));
    if (was != now && (was == MYL_MEMBER_JOIN || now == MYL_MEMBER_JOIN))
        myl_engine_note(cx, MYL_NOTE_DEVICES, head->room);
    if (was == MYL_MEMBER_JOIN && now != MYL_MEMBER_JOIN)
        (void)myl_room_typing_set(head->room, move->user, 0);
    if (after.forgotten)
        MYL_TRY(myl_room_look_forgotten(cx, head->room));
    return tell_member(cx, &after, move->position);
}

myl_rc myl_room_member_outside(myl_ctx *cx, const myl_stored *stored, myl_membership membership)
{
    myl_member row = {.room = stored->room,
                      .user = stored->state_key,
                      .membership = membership,
                      .event = stored->number,
                      .position = myl_engine_next_position(cx),
                      .forgotten = forgets(membership)};

    MYL_TRY(put_member(cx, &row));
    if (row.forgotten)
        MYL_TRY(myl_room_look_forgotten(cx, row.room));
    return tell_member(cx, &row, row.position);
}

myl_rc myl_room_require_joined(myl_ctx *cx, myl_str room_id, const myl_caller *caller,
                               myl_room_head *head)
{
    myl_member member = {0};

    MYL_TRY(myl_room_head_get(cx, room_id, head));
    if (head->room != 0)
        MYL_TRY(myl_room_member(cx, head->room, caller->user, &member));
    if (member.membership != MYL_MEMBER_JOIN)
        return myl_fail(cx, MYL_NOT_JOINED, "%.*s is not in the room", MYL_FMT(caller->user_id));
    return MYL_OK;
}

myl_rc myl_room_some_members(myl_ctx *cx, uint64_t room, size_t limit, myl_list *out)
{
    myl_key prefix = myl_key_of_u64(room);
    myl_scan *scan;
    myl_str key, row;

    *out = MYL_LIST(cx, myl_member);
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_ROOM_MEMBERS, myl_key_str(&prefix), MYL_ABSENT,
                           MYL_FORWARD, &scan));
    while (out->count < limit) {
        myl_member member = {.room = room};

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        key = myl_str_slice(key, 8, SIZE_MAX);
        if (!myl_cut_u64(&key, &member.user) || !myl_room_cut_member(row, &member))
            return myl_fail(cx, MYL_CORRUPT, "ROOM_MEMBERS: bad row");
        myl_list_push(out, myl_member, member);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

myl_rc myl_room_joined_after(myl_ctx *cx, uint64_t room, uint64_t after, size_t limit,
                             myl_list *users)
{
    myl_key key = myl_key_of_u64(room), from = myl_key_of_u64(after + 1);
    myl_scan *scan;
    myl_str found, value;

    *users = MYL_LIST(cx, uint64_t);
    MYL_TRY(myl_scan_values(cx, MYL_TABLE_ROOM_JOINED, myl_key_str(&key), myl_key_str(&from),
                            MYL_FORWARD, &scan));
    while (users->count < limit) {
        uint64_t user;

        MYL_TRY(myl_scan_next(scan, &found, &value));
        if (!myl_str_present(found))
            break;
        if (!myl_cut_u64(&value, &user))
            return myl_fail(cx, MYL_CORRUPT, "ROOM_JOINED: bad row");
        myl_list_push(users, uint64_t, user);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

myl_rc myl_room_joined(myl_ctx *cx, uint64_t room, const uint64_t **users, size_t *count)
{
    myl_list list;

    MYL_TRY(myl_room_joined_after(cx, room, 0, SIZE_MAX, &list));
    *users = list.at;
    *count = list.count;
    return MYL_OK;
}

myl_rc myl_room_forget(myl_ctx *cx, uint64_t room, uint64_t user)
{
    myl_member member;

    MYL_TRY(myl_room_member(cx, room, user, &member));
    if (myl_membership_is_live(member.membership))
        return myl_fail(cx, MYL_BAD_REQUEST, "leave the room before forgetting it");
    if (member.membership == MYL_MEMBER_NONE)
        return myl_fail(cx, MYL_NOT_FOUND, "you were never in this room");
    member.forgotten = true;
    MYL_TRY(put_member(cx, &member));
    return myl_room_look_forgotten(cx, room);
}
