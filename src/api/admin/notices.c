/* notices.c: what administrators tell a user: in a room of the two, from an account that nobody logs in to.
 *
 * Spec:    Client-Server API, Server Notices.
 * Threads: the engine.
 * Holds:   a user has one such room: the first room of theirs that the account has made. Leaving it is free, refusing
 *          the invite is not.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/admin/admin_own.h"

/* The account; absent: there are no server notices. */
static myl_str sender_id(myl_ctx *cx)
{
    const myl_config *config = myl_api_config();

    if (config->server_notices_localpart.len == 0)
        return MYL_ABSENT;
    return myl_strf(cx, "@%.*s:%.*s", MYL_FMT(config->server_notices_localpart),
                    MYL_FMT(config->server_name));
}

static myl_rc make_account(myl_ctx *cx, myl_str user_id, uint64_t *user)
{
    const myl_config *config = myl_api_config();
    myl_new_account made = {.user_id = user_id,
                            .display_name = config->server_notices_display_name};

    MYL_TRY(myl_user_create(cx, &made, user));
    if (config->server_notices_avatar_url.len == 0)
        return MYL_OK;
    return myl_user_profile_set(cx, *user, MYL_S("avatar_url"), config->server_notices_avatar_url);
}

static myl_rc find_sender(myl_ctx *cx, myl_caller *out)
{
    myl_account account;

    *out = (myl_caller){.user_id = sender_id(cx)};
    if (!myl_str_present(out->user_id))
        return myl_fail(cx, MYL_BAD_REQUEST,
                        "there are no server notices here: server_notices.localpart is not set");
    MYL_TRY(myl_user_account(cx, out->user_id, &account));
    out->user = account.user;
    return account.exists ? MYL_OK : make_account(cx, out->user_id, &out->user);
}

/* ---- the room ---- */

/* Has this account made the room? */
static myl_rc is_notice_room(myl_ctx *cx, uint64_t room, uint64_t sender, bool *out)
{
    myl_room_head head;
    myl_stored create;

    *out = false;
    MYL_TRY(myl_room_head_of(cx, room, &head));
    if (head.room == 0 || head.create == 0)
        return MYL_OK;
    MYL_TRY(myl_room_event(cx, head.create, &create));
    *out = create.sender == sender;
    return MYL_OK;
}

static myl_rc find_room(myl_ctx *cx, uint64_t user, uint64_t sender, uint64_t *room)
{
    const myl_member *rooms;
    size_t count;
    bool found = false;

    *room = 0;
    MYL_TRY(myl_room_of_user(cx, user, UINT32_MAX, &rooms, &count));
    for (size_t i = 0; i < count && !found; i++) {
        MYL_TRY(is_notice_room(cx, rooms[i].room, sender, &found));
        if (found)
            *room = rooms[i].room;
    }
    return MYL_OK;
}

static myl_rc make_room(myl_ctx *cx, const myl_caller *sender, myl_str *room_id)
{
    myl_room_request request = {.creator = sender,
                                .preset = MYL_S("private_chat"),
                                .name = myl_api_config()->server_notices_room_name};
    const myl_json *levels = myl_json_with(cx, myl_json_empty_object(), MYL_S("users_default"),
                                           myl_json_of_int(cx, -10));

    request.power_level_content_override = levels;
    return myl_room_create(cx, &request, room_id);
}

static myl_rc bring_in(myl_ctx *cx, const myl_room_head *head, const myl_caller *sender,
                       const myl_caller *user)
{
    myl_member_change change = {.room_id = head->room_id,
                                .sender = sender->user_id,
                                .target = user->user_id,
                                .membership = MYL_MEMBER_INVITE};
    const myl_json *tags, *tag;
    myl_member member;
    myl_str event_id, json;

    MYL_TRY(myl_room_member(cx, head->room, user->user, &member));
    if (member.membership != MYL_MEMBER_JOIN && member.membership != MYL_MEMBER_INVITE)
        MYL_TRY(myl_room_change_member(cx, &change, &event_id));
    MYL_TRY(myl_user_data_get(cx, user->user, head->room, MYL_S("m.tag"), &json));
    if (myl_str_present(json))
        return MYL_OK;
    tag = myl_json_with(cx, myl_json_empty_object(), MYL_S("m.server_notice"),
                        myl_json_empty_object());
    tags = myl_json_with(cx, myl_json_empty_object(), MYL_S("tags"), tag);
    return myl_user_data_put(cx, user->user, head->room, MYL_S("m.tag"), tags);
}

static myl_rc open_room(myl_ctx *cx, const myl_caller *sender, const myl_caller *user,
                        myl_room_head *head)
{
    myl_str room_id;
    uint64_t room;

    MYL_TRY(find_room(cx, user->user, sender->user, &room));
    if (room == 0) {
        MYL_TRY(make_room(cx, sender, &room_id));
        MYL_TRY(myl_room_head_get(cx, room_id, head));
    } else {
        MYL_TRY(myl_room_head_of(cx, room, head));
    }
    return bring_in(cx, head, sender, user);
}

/* ---- the notice ---- */

static myl_rc find_user(myl_req *req, myl_str user_id, myl_caller *out)
{
    myl_account account;

    if (!myl_id_is_ours(user_id, myl_room_server()->server_name))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "user_id: not a user of this server");
    MYL_TRY(myl_user_account(&req->cx, user_id, &account));
    if (!account.exists || account.deactivated)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "user_id: there is no such account");
    *out = (myl_caller){.user_id = user_id, .user = account.user};
    return MYL_OK;
}

static myl_rc send(myl_req *req, const myl_body_server_notice *in, myl_str *event_id)
{
    myl_outgoing outgoing = {.type = in->type, .state_key = in->state_key, .content = in->content};
    myl_caller sender, user;
    myl_room_head head;

    MYL_TRY(find_user(req, in->user_id, &user));
    MYL_TRY(find_sender(&req->cx, &sender));
    if (sender.user == user.user)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "user_id: this account sends the notices");
    MYL_TRY(open_room(&req->cx, &sender, &user, &head));
    outgoing.room_id = head.room_id;
    outgoing.sender = sender.user_id;
    return myl_room_send(&req->cx, &outgoing, event_id);
}

static myl_rc reply_event_id(myl_req *req, myl_str event_id)
{
    myl_writer w = myl_write_start(&req->cx, 96);

    myl_write_open(&w, '{');
    myl_write_str(&w, "event_id", event_id);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_send_notice(myl_req *req, const myl_body_server_notice *in)
{
    myl_str event_id;

    MYL_TRY(send(req, in, &event_id));
    return reply_event_id(req, event_id);
}

myl_rc myl_admin_send_notice_once(myl_req *req, const myl_body_server_notice *in)
{
    myl_str scope = MYL_S("server notice"), txn_id = req->path.txn_id, event_id;

    MYL_TRY(myl_room_txn_find(&req->cx, &req->caller, scope, txn_id, &event_id));
    if (myl_str_present(event_id))
        return reply_event_id(req, event_id);
    MYL_TRY(send(req, in, &event_id));
    MYL_TRY(myl_room_txn_put(&req->cx, &req->caller, scope, txn_id, event_id));
    return reply_event_id(req, event_id);
}

/* ---- what its reader may not do ---- */

myl_rc myl_client_require_leavable(myl_req *req)
{
    myl_str sender = sender_id(&req->cx);
    myl_room_head head;
    myl_member member;
    uint64_t user;
    bool notices;

    if (!myl_str_present(sender))
        return MYL_OK;
    MYL_TRY(myl_store_interned(&req->cx, MYL_INTERN_NAME, sender, &user));
    MYL_TRY(myl_room_head_get(&req->cx, req->path.room_id, &head));
    MYL_TRY(myl_room_member(&req->cx, head.room, req->caller.user, &member));
    if (user == 0 || head.room == 0 || member.membership != MYL_MEMBER_INVITE)
        return MYL_OK;
    MYL_TRY(is_notice_room(&req->cx, head.room, user, &notices));
    return notices ? myl_fail(&req->cx, MYL_CANNOT_LEAVE_NOTICES,
                              "the invite to the server's notices cannot be refused")
                   : MYL_OK;
}
