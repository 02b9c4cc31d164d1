/* rooms.c: making rooms, coming and going.
 *
 * Spec:    Client-Server API, Creation; Room membership.
 * Threads: the engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/visit.h"

#include <myelin/base_list.h>
#include <myelin/room_upgrade.h>

static myl_rc reply_room_id(myl_req *req, myl_str room_id)
{
    myl_writer w = myl_write_start(&req->cx, 128);

    myl_write_open(&w, '{');
    myl_write_str(&w, "room_id", room_id);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* Spec: Room upgrades. Who makes a room in place of another by hand comes into it with what they had set for that one. */
static myl_rc carry_over(myl_req *req, myl_str room_id)
{
    myl_room_head head;

    MYL_TRY(myl_room_head_get(&req->cx, room_id, &head));
    MYL_TRY(myl_room_carry_settings(&req->cx, &head, req->caller.user));
    return myl_client_carry_push_rules(req, room_id);
}

static myl_rc make_room(myl_req *req, const myl_body_create_room *in, myl_str *room_id)
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
                                .invite_count = req->caller.is_shadow_banned ? 0 : in->invite_count,
                                .is_direct = in->is_direct};

    if (in->invite_3pid_count > 0)
        return myl_fail(&req->cx, MYL_THREEPID_DENIED,
                        "invite_3pid: this server has no identity server");
    MYL_TRY(myl_client_make_room(req, &request, room_id));
    if (myl_json_object(in->creation_content, MYL_S("predecessor")) == NULL)
        return MYL_OK;
    return carry_over(req, *room_id);
}

myl_rc myl_client_create_room(myl_req *req, const myl_body_create_room *in)
{
    myl_str room_id;

    MYL_TRY(make_room(req, in, &room_id));
    return reply_room_id(req, room_id);
}

/* An older form: once for a transaction id. */
myl_rc myl_client_create_room_once(myl_req *req, const myl_body_create_room *in)
{
    myl_str scope = MYL_S("createRoom"), room_id;

    MYL_TRY(myl_room_txn_find(&req->cx, &req->caller, scope, req->path.txn_id, &room_id));
    if (myl_str_present(room_id))
        return reply_room_id(req, room_id);
    MYL_TRY(make_room(req, in, &room_id));
    MYL_TRY(myl_room_txn_put(&req->cx, &req->caller, scope, req->path.txn_id, room_id));
    return reply_room_id(req, room_id);
}

/* ---- joining ---- */

static myl_rc join(myl_req *req, myl_str room_id_or_alias, const myl_body_join *in)
{
    myl_client_wish wish = {MYL_MEMBER_JOIN, in->reason};
    myl_member_change change = {.sender = req->caller.user_id,
                                .target = req->caller.user_id,
                                .membership = MYL_MEMBER_JOIN,
                                .reason = in->reason,
                                .content = in->json};
    myl_client_place *place;
    myl_str event_id;
    bool elsewhere;

    MYL_TRY(myl_client_find_place(req, room_id_or_alias, &place));
    MYL_TRY(myl_client_visit(req, place, &wish, &elsewhere));
    change.room_id = place->room_id;
    /* a room that came here by somebody else's join in the same moment is joined as any other: twice is no matter */
    MYL_TRY(myl_room_change_member(&req->cx, &change, &event_id));
    MYL_TRY(myl_client_carry_push_rules(req, place->room_id));
    return reply_room_id(req, place->room_id);
}

myl_rc myl_client_join_room(myl_req *req, const myl_body_join *in)
{
    return join(req, req->path.room_id, in);
}

myl_rc myl_client_join(myl_req *req, const myl_body_join *in)
{
    return join(req, req->path.room_id_or_alias, in);
}

myl_rc myl_client_knock(myl_req *req, const myl_body_reason *in)
{
    myl_client_wish wish = {MYL_MEMBER_KNOCK, in->reason};
    myl_member_change change = {.sender = req->caller.user_id,
                                .target = req->caller.user_id,
                                .membership = MYL_MEMBER_KNOCK,
                                .reason = in->reason};
    myl_client_place *place;
    myl_str event_id;
    bool elsewhere;

    MYL_TRY(myl_client_find_place(req, req->path.room_id_or_alias, &place));
    MYL_TRY(myl_client_visit(req, place, &wish, &elsewhere));
    change.room_id = place->room_id;
    if (!elsewhere)
        MYL_TRY(myl_room_change_member(&req->cx, &change, &event_id));
    return reply_room_id(req, place->room_id);
}

myl_rc myl_client_upgrade(myl_req *req, const myl_body_upgrade *in)
{
    myl_room_upgrade upgrade = {.caller = &req->caller,
                                .room_id = req->path.room_id,
                                .version = in->new_version,
                                .additional_creators = in->additional_creators,
                                .creator_count = in->additional_creators_count};
    myl_writer w = myl_write_start(&req->cx, 128);
    myl_room_head head;
    myl_str room_id;

    MYL_TRY(myl_room_require(&req->cx, req->path.room_id, &head));
    MYL_TRY(myl_room_upgrade_do(&req->cx, &upgrade, &room_id));
    MYL_TRY(myl_client_carry_push_rules(req, room_id));
    myl_write_open(&w, '{');
    myl_write_str(&w, "replacement_room", room_id);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
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

    if (membership == MYL_MEMBER_INVITE &&
        !myl_id_is_ours(target, myl_room_server()->server_name)) {
        MYL_TRY(myl_client_invite_elsewhere(req, &change));
        return myl_reply_empty(req);
    }
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
    if (req->caller.is_shadow_banned)
        return myl_reply_empty(req); /* nobody hears of it */
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
    myl_client_wish wish = {MYL_MEMBER_LEAVE, in->reason};
    myl_client_place *place;
    bool elsewhere;

    MYL_TRY(myl_client_require_leavable(req));
    MYL_TRY(myl_client_find_place(req, req->path.room_id, &place));
    MYL_TRY(myl_client_visit(req, place, &wish, &elsewhere));
    if (elsewhere)
        return myl_reply_empty(req);
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
