/* rooms.c: making rooms, coming and going.
 *
 * Spec:    Client-Server API, Creation; Room membership.
 * Threads: the engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/base_list.h>

static myl_rc reply_room_id(myl_req *req, myl_str room_id)
{
    myl_writer w = myl_write_start(&req->cx, 128);

    myl_write_open(&w, '{');
    myl_write_str(&w, "room_id", room_id);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_create_room(myl_req *req, const myl_body_create_room *in)
{
    myl_room_request request = {.creator = &req->caller,
                                .room_version = in->room_version,
                                .preset = in->preset,
                                .visibility = in->visibility,
                                .name = in->name,
                                .topic = in->topic,
                                .alias_localpart = in->room_alias_name,
                                .creation_content = in->creation_content,
                                .power_level_content_override = in->power_level_content_override,
                                .initial_state = myl_json_array(req->json, MYL_S("initial_state")),
                                .invite = in->invite,
                                .invite_count = in->invite_count,
                                .is_direct = in->is_direct};
    myl_str room_id;

    if (in->invite_3pid_count > 0)
        return myl_fail(&req->cx, MYL_THREEPID_DENIED,
                        "invite_3pid: this server has no identity server");
    MYL_TRY(myl_room_create(&req->cx, &request, &room_id));
    return reply_room_id(req, room_id);
}

/* ---- joining ---- */

static myl_rc join(myl_req *req, myl_str room_id, const myl_body_join *in)
{
    myl_member_change change = {.room_id = room_id,
                                .sender = req->caller.user_id,
                                .target = req->caller.user_id,
                                .membership = MYL_MEMBER_JOIN,
                                .reason = in->reason,
                                .content = in->json};
    myl_str event_id;

    MYL_TRY(myl_room_change_member(&req->cx, &change, &event_id));
    return reply_room_id(req, room_id);
}

myl_rc myl_client_join_room(myl_req *req, const myl_body_join *in)
{
    return join(req, req->path.room_id, in);
}

/* The path's room; an alias is looked up. */
static myl_rc room_of_path(myl_req *req, myl_str *room_id)
{
    myl_str creator;

    *room_id = req->path.room_id_or_alias;
    if (room_id->at[0] != '#')
        return MYL_OK;
    MYL_TRY(myl_room_alias_get(&req->cx, *room_id, room_id, &creator));
    if (!myl_str_present(*room_id))
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no room has this alias");
    return MYL_OK;
}

myl_rc myl_client_join(myl_req *req, const myl_body_join *in)
{
    myl_str room_id;

    MYL_TRY(room_of_path(req, &room_id));
    return join(req, room_id, in);
}

myl_rc myl_client_knock(myl_req *req, const myl_body_reason *in)
{
    myl_member_change change = {.sender = req->caller.user_id,
                                .target = req->caller.user_id,
                                .membership = MYL_MEMBER_KNOCK,
                                .reason = in->reason};
    myl_str event_id;

    MYL_TRY(room_of_path(req, &change.room_id));
    MYL_TRY(myl_room_change_member(&req->cx, &change, &event_id));
    return reply_room_id(req, change.room_id);
}

/* ---- others ---- */

/* What the target must be for this change to make sense; the rules judge the rest. */
static myl_rc require_target(myl_req *req, myl_str target, unsigned memberships,
                             const char *otherwise)
{
    myl_room_head head;
    myl_member member;
    uint64_t user;

    MYL_TRY(myl_room_require_joined(&req->cx, req->path.room_id, &req->caller, &head));
    MYL_TRY(myl_store_interned(&req->cx, MYL_INTERN_NAME, target, &user));
    MYL_TRY(myl_room_member(&req->cx, head.room, user, &member));
    if ((memberships & (1u << member.membership)) == 0)
        return myl_fail(&req->cx, MYL_FORBIDDEN, "%.*s %s", MYL_FMT(target), otherwise);
    return MYL_OK;
}

static myl_rc change_other(myl_req *req, myl_str target, myl_membership membership, myl_str reason)
{
    myl_member_change change = {.room_id = req->path.room_id,
                                .sender = req->caller.user_id,
                                .target = target,
                                .membership = membership,
                                .reason = reason};
    myl_str event_id;

    MYL_TRY(myl_room_change_member(&req->cx, &change, &event_id));
    return myl_reply_empty(req);
}

myl_rc myl_client_invite(myl_req *req, const myl_body_invite *in)
{
    myl_room_head head;

    if (!myl_str_present(in->user_id) && myl_str_present(in->medium))
        return myl_fail(&req->cx, MYL_THREEPID_DENIED,
                        "medium: this server has no identity server");
    if (!myl_str_present(in->user_id))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "user_id: missing");
    MYL_TRY(myl_room_require_joined(&req->cx, req->path.room_id, &req->caller, &head));
    return change_other(req, in->user_id, MYL_MEMBER_INVITE, in->reason);
}

myl_rc myl_client_kick(myl_req *req, const myl_body_member_target *in)
{
    unsigned inside = 1u << MYL_MEMBER_JOIN | 1u << MYL_MEMBER_INVITE | 1u << MYL_MEMBER_KNOCK;

    MYL_TRY(require_target(req, in->user_id, inside, "is not in the room"));
    return change_other(req, in->user_id, MYL_MEMBER_LEAVE, in->reason);
}

myl_rc myl_client_ban(myl_req *req, const myl_body_member_target *in)
{
    myl_room_head head;

    MYL_TRY(myl_room_require_joined(&req->cx, req->path.room_id, &req->caller, &head));
    return change_other(req, in->user_id, MYL_MEMBER_BAN, in->reason);
}

myl_rc myl_client_unban(myl_req *req, const myl_body_member_target *in)
{
    MYL_TRY(require_target(req, in->user_id, 1u << MYL_MEMBER_BAN, "is not banned"));
    return change_other(req, in->user_id, MYL_MEMBER_LEAVE, in->reason);
}

myl_rc myl_client_leave(myl_req *req, const myl_body_reason *in)
{
    return change_other(req, req->caller.user_id, MYL_MEMBER_LEAVE, in->reason);
}

myl_rc myl_client_joined_rooms(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 256);
    const myl_member *rooms;
    myl_str room_id;
    size_t count;

    MYL_UNUSED(in);
    MYL_TRY(myl_room_of_user(&req->cx, req->caller.user, 1u << MYL_MEMBER_JOIN, &rooms, &count));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "joined_rooms", '[');
    for (size_t i = 0; i < count; i++) {
        MYL_TRY(myl_store_text_of(&req->cx, MYL_INTERN_ROOM, rooms[i].room, &room_id));
        myl_write_str(&w, NULL, room_id);
    }
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
