/* shutdown.c: our users are brought out of a room before it is deleted.
 *
 * Why:     they leave by events, so that the other servers of the room know; who could not leave is told to the
 *          administrator.
 * Callers: purge.c. Threads: the engine.
 * Holds:   a step brings out at most STEP_MEMBERS users.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/matrix_id.h>
#include <myelin/room_admin.h>
#include <myelin/room_directory.h>

#include "room/purge_own.h"

enum { STEP_MEMBERS = 10, STEP_ROWS = 2000 };

static const myl_str usual_name = MYL_S_INIT("This room has been closed");
static const myl_str usual_message =
    MYL_S_INIT("An administrator of this server has closed the room that you were in.");

/* ---- the new room ---- */

static const myl_json *member(myl_ctx *cx, const char *key, const myl_json *value)
{
    return myl_json_with(cx, NULL, myl_str_of(key), value);
}

static myl_rc say(myl_ctx *cx, myl_str room_id, myl_str sender, myl_str words)
{
    myl_outgoing outgoing = {.room_id = room_id, .sender = sender, .type = MYL_S("m.room.message")};
    myl_str event_id;

    outgoing.content = member(cx, "msgtype", myl_json_of_str(cx, MYL_S("m.text")));
    outgoing.content =
        myl_json_with(cx, outgoing.content, MYL_S("body"), myl_json_of_str(cx, words));
    return myl_room_send(cx, &outgoing, &event_id);
}

myl_rc myl_room_make_refuge(myl_ctx *cx, const myl_room_deletion *wanted, uint64_t *room)
{
    myl_caller creator = {.user = wanted->new_room_user};
    myl_room_request request = {.creator = &creator,
                                .preset = MYL_S("public_chat"),
                                .name = myl_str_present(wanted->room_name) ? wanted->room_name
                                                                           : usual_name,
                                .power_level_content_override =
                                    member(cx, "users_default", myl_json_of_int(cx, -10))};
    myl_str room_id;

    *room = 0;
    if (wanted->new_room_user == 0)
        return MYL_OK;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, wanted->new_room_user, &creator.user_id));
    MYL_TRY(myl_room_create(cx, &request, &room_id));
    MYL_TRY(say(cx, room_id, creator.user_id,
                myl_str_present(wanted->message) ? wanted->message : usual_message));
    return myl_store_interned(cx, MYL_INTERN_ROOM, room_id, room);
}

/* ---- members ---- */

/* What the rules refuse is no failure of the step, nor is a policy server that does not answer. */
static myl_rc refused(myl_ctx *cx, myl_rc rc, bool *out)
{
    *out = rc != MYL_OK && (rc == MYL_REMOTE_DOWN || myl_error_of(rc)->kind == MYL_KIND_CLIENT);
    if (!*out)
        return rc;
    myl_forgive(cx);
    return MYL_OK;
}

static myl_rc bring_into(myl_ctx *cx, const deletion *d, myl_str user_id)
{
    myl_member_change join = {.sender = user_id, .target = user_id, .membership = MYL_MEMBER_JOIN};
    myl_room_head head;
    myl_str event_id;
    bool no;

    if (d->new_room == 0)
        return MYL_OK;
    MYL_TRY(myl_room_head_of(cx, d->new_room, &head));
    join.room_id = head.room_id;
    return head.room == 0 ? MYL_OK : refused(cx, myl_room_change_member(cx, &join, &event_id), &no);
}

static myl_rc bring_out(myl_ctx *cx, const deletion *d, myl_str room_id, const myl_member *member)
{
    myl_member_change leave = {.room_id = room_id, .membership = MYL_MEMBER_LEAVE};
    bool was_in = member->membership == MYL_MEMBER_JOIN, no;
    myl_str event_id;

    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, member->user, &leave.target));
    if (!myl_id_is_ours(leave.target, myl_room_server()->server_name))
        return MYL_OK;
    leave.sender = leave.target;
    MYL_TRY(refused(cx, myl_room_change_member(cx, &leave, &event_id), &no));
    if (was_in || no)
        MYL_TRY(myl_room_purge_note_user(cx, d->id, member->user, no));
    if (no)
        return MYL_OK;
    return was_in ? bring_into(cx, d, leave.target) : MYL_OK;
}

/* Members after `d->at` who are there, of any server: *left is set when the walk has not ended. */
static myl_rc next_members(myl_ctx *cx, deletion *d, myl_list *out, bool *left)
{
    myl_key prefix = myl_key_of_u64(d->room), from = myl_key_of_u64s(d->room, d->at + 1);
    myl_scan *scan;
    myl_str key, row;
    uint64_t user;

    *left = false;
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_ROOM_MEMBERS, myl_key_str(&prefix), myl_key_str(&from),
                           MYL_FORWARD, &scan));
    for (size_t seen = 0; out->count < STEP_MEMBERS; seen++) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            return MYL_OK;
        key = myl_str_slice(key, 8, SIZE_MAX);
        if (!myl_cut_u64(&key, &user))
            return myl_fail(cx, MYL_CORRUPT, "ROOM_MEMBERS: bad row");
        if (row.len > 0 && myl_membership_is_live((myl_membership)row.at[0]))
            myl_list_push(out, uint64_t, user);
        d->at = user;
        if (seen == STEP_ROWS)
            break;
    }
    myl_scan_end(scan);
    *left = true;
    return MYL_OK;
}

myl_rc myl_room_shut_members(myl_ctx *cx, deletion *d, bool *left)
{
    myl_list users = MYL_LIST(cx, uint64_t);
    myl_room_head head;

    MYL_TRY(myl_room_head_of(cx, d->room, &head));
    MYL_TRY(next_members(cx, d, &users, left));
    for (size_t i = 0; i < users.count; i++) {
        myl_member one;

        MYL_TRY(myl_room_member(cx, d->room, myl_list_get(&users, uint64_t, i), &one));
        MYL_TRY(bring_out(cx, d, head.room_id, &one));
    }
    return MYL_OK;
}

/* ---- aliases ---- */

/* They lead to the new room from now on, or nowhere. */
static myl_rc move_alias(myl_ctx *cx, const myl_room_head *refuge, myl_str alias)
{
    if (refuge->room != 0)
        return myl_room_alias_move(cx, alias, refuge);
    return myl_room_alias_remove(cx, alias);
}

static myl_str with_alias(myl_ctx *cx, myl_str list, myl_str alias)
{
    myl_text out = MYL_TEXT(cx);

    myl_text_add(&out, myl_str_slice(list, 0, list.len - 1));
    if (list.len > 2)
        myl_text_add_byte(&out, ',');
    myl_json_write_str(&out, alias);
    myl_text_add_byte(&out, ']');
    return myl_text_str(&out);
}

/* All in one step: a room has at most ROOM_ALIASES of them. */
myl_rc myl_room_shut_aliases(myl_ctx *cx, const deletion *d)
{
    const myl_str *aliases;
    myl_room_head refuge;
    myl_purge_info info;
    size_t count;

    MYL_TRY(myl_room_purge_info(cx, d->id, &info));
    MYL_TRY(myl_room_head_of(cx, d->new_room, &refuge));
    MYL_TRY(myl_room_aliases(cx, d->room, &aliases, &count));
    for (size_t i = 0; i < count; i++) {
        MYL_TRY(move_alias(cx, &refuge, aliases[i]));
        info.aliases = with_alias(cx, info.aliases, aliases[i]);
    }
    return myl_room_purge_put(cx, &info);
}
