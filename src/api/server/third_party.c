/* third_party.c: invites to e-mail addresses and phone numbers, once an identity server knows whose they are.
 *
 * Spec:    Server-Server API, Third-party invites.
 * Why:     whoever shows what the identity server signed gets the invite that the room's m.room.third_party_invite promised;
 *          the auth rules prove it, so nobody else is believed.
 * Threads: lanes.
 * Holds:   anybody may call onbind: it makes ONBIND_INVITES invites at most, each to a user of ours.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/server/server_own.h"

#include <myelin/base_limit.h>
#include <myelin/base_log.h>
#include <myelin/fed_policy.h>
#include <myelin/fed_rooms.h>

/* ---- the invite ---- */

typedef struct {
    myl_change change; /* first member */
    myl_str room_id, sender, target, token;
    const myl_json *signed_part;
    myl_member_change invite;
    myl_str event_id;
} third_party;

/* {"third_party_invite": {"display_name": …, "signed": …}}: the name as the room has it. */
static const myl_json *invite_content(myl_ctx *cx, const third_party *t, myl_str display_name)
{
    const myl_json *invite = myl_json_with(cx, NULL, MYL_S("signed"), t->signed_part);

    invite = myl_json_with(cx, invite, MYL_S("display_name"), myl_json_of_str(cx, display_name));
    return myl_json_with(cx, NULL, MYL_S("third_party_invite"), invite);
}

/* The name that the room shows for the token; MYL_FORBIDDEN when it knows none. The ACL must let `origin` in, if one asks. */
static myl_rc read_promise(myl_req *req, const third_party *t, myl_str *display_name)
{
    myl_ctx *cx = &req->cx;
    const myl_json *promised = NULL;
    myl_room_head head;
    bool here;

    if (myl_str_present(req->origin))
        MYL_TRY(myl_server_open_room(req, t->room_id, &head));
    MYL_TRY(myl_room_head_get(cx, t->room_id, &head));
    MYL_TRY(myl_room_is_here(cx, &head, &here));
    if (!here)
        return myl_fail(cx, MYL_NOT_FOUND, "this server is not in the room");
    MYL_TRY(
        myl_room_state_content(cx, head.state, "m.room.third_party_invite", t->token, &promised));
    if (promised == NULL)
        return myl_fail(cx, MYL_FORBIDDEN,
                        "token: the room has no m.room.third_party_invite of it");
    *display_name = myl_json_text(promised, MYL_S("display_name"));
    *display_name = myl_keep(cx, myl_str_present(*display_name) ? *display_name : MYL_S(""));
    return MYL_OK;
}

static myl_rc put_invite(myl_change *change)
{
    third_party *t = (third_party *)change;

    return myl_room_change_member(change->cx, &t->invite, &t->event_id);
}

/* The inviter is ours: the room's promise is kept. */
static myl_rc invite(myl_req *req, third_party *t)
{
    myl_str name;
    myl_rc rc;

    MYL_TRY(myl_snapshot_open(&req->cx, myl_req_store(req)));
    rc = read_promise(req, t, &name);
    myl_snapshot_close(&req->cx);
    MYL_TRY(rc);
    t->invite = (myl_member_change){.room_id = t->room_id,
                                    .sender = t->sender,
                                    .target = t->target,
                                    .membership = MYL_MEMBER_INVITE,
                                    .content = invite_content(&req->cx, t, name)};
    if (!myl_id_is_ours(t->target, myl_room_server()->server_name))
        return myl_fed_invite(&req->cx, &t->invite);
    t->change = (myl_change){.name = "server_third_party", .cx = &req->cx, .run = put_invite};
    return myl_fed_policy_run(&req->cx, &t->change);
}

/* ---- another server asks ---- */

static myl_rc read_exchange(myl_req *req, const myl_body_fed_third_party_invite *in, third_party *t)
{
    const myl_json *content = myl_json_object(req->json, MYL_S("content"));
    const myl_json *given = myl_json_object(content, MYL_S("third_party_invite"));

    t->room_id = in->room_id;
    t->sender = in->sender;
    t->target = in->state_key;
    t->signed_part = myl_json_object(given, MYL_S("signed"));
    t->token = myl_json_text(t->signed_part, MYL_S("token"));
    if (!myl_str_equal(in->type, MYL_S("m.room.member")))
        return myl_fail(&req->cx, MYL_BAD_JSON, "type: expected m.room.member");
    if (!myl_str_equal(in->room_id, req->path.room_id))
        return myl_fail(&req->cx, MYL_BAD_JSON, "room_id: not the path's");
    if (!myl_str_equal(myl_json_text(content, MYL_S("membership")), MYL_S("invite")))
        return myl_fail(&req->cx, MYL_BAD_JSON, "content.membership: expected invite");
    if (!myl_str_present(t->token))
        return myl_fail(
            &req->cx, MYL_BAD_JSON,
            "content.third_party_invite.signed: expected what the identity server signed");
    if (!myl_id_is_ours(in->sender, myl_room_server()->server_name))
        return myl_fail(&req->cx, MYL_FORBIDDEN, "sender: no user of this server");
    return MYL_OK;
}

myl_rc myl_server_exchange_invite(myl_req *req, const myl_body_fed_third_party_invite *in)
{
    third_party t = {.room_id = MYL_ABSENT};

    MYL_TRY(read_exchange(req, in, &t));
    MYL_TRY(invite(req, &t));
    return myl_reply_empty(req);
}

/* ---- an identity server tells ---- */

/* The server of who invited has the promise in its room. */
static myl_rc ask_exchange(myl_req *req, const third_party *t)
{
    myl_ctx *cx = &req->cx;
    myl_fed_request request = {.destination = myl_id_domain(t->sender), .method = "PUT"};
    const myl_json *content = invite_content(cx, t, MYL_S("")), *body = NULL;
    myl_fed_reply reply;

    content = myl_json_with(cx, content, MYL_S("membership"), myl_json_of_str(cx, MYL_S("invite")));
    body = myl_json_with(cx, body, MYL_S("type"), myl_json_of_str(cx, MYL_S("m.room.member")));
    body = myl_json_with(cx, body, MYL_S("room_id"), myl_json_of_str(cx, t->room_id));
    body = myl_json_with(cx, body, MYL_S("sender"), myl_json_of_str(cx, t->sender));
    body = myl_json_with(cx, body, MYL_S("state_key"), myl_json_of_str(cx, t->target));
    body = myl_json_with(cx, body, MYL_S("content"), content);
    request.body = body;
    request.path =
        myl_fed_path(cx, "/_matrix/federation/v1/exchange_third_party_invite/{}", &t->room_id, 1);
    MYL_TRY(myl_fed_call(cx, &request, &reply));
    return myl_fed_reply_check(cx, &request, &reply);
}

/* *good: it names a room, an inviter and what was signed for this user. */
static bool read_pending(const myl_json *json, myl_str user, third_party *t)
{
    *t = (third_party){.room_id = myl_json_text(json, MYL_S("room_id")),
                       .sender = myl_json_text(json, MYL_S("sender")),
                       .target = user,
                       .signed_part = myl_json_object(json, MYL_S("signed"))};
    t->token = myl_json_text(t->signed_part, MYL_S("token"));
    return myl_id_is_room(t->room_id) && myl_id_is_user(t->sender) && myl_str_present(t->token) &&
           myl_str_equal(myl_json_text(t->signed_part, MYL_S("mxid")), user);
}

static void bring_invite(myl_req *req, third_party *t)
{
    bool ours = myl_id_is_ours(t->sender, myl_room_server()->server_name);
    myl_rc rc = ours ? invite(req, t) : ask_exchange(req, t);

    if (rc != MYL_OK)
        myl_log_failure(&req->cx, "fed.third_party_invite");
    req->cx.policy = NULL;
    myl_forgive(&req->cx);
}

static myl_rc is_ours(myl_req *req, myl_str user_id, bool *out)
{
    myl_rc rc;

    *out = myl_id_is_ours(user_id, myl_room_server()->server_name);
    if (!*out)
        return MYL_OK;
    MYL_TRY(myl_snapshot_open(&req->cx, myl_req_store(req)));
    rc = myl_user_exists(&req->cx, user_id, out);
    myl_snapshot_close(&req->cx);
    return rc;
}

myl_rc myl_server_onbind(myl_req *req, const myl_body_fed_onbind *in)
{
    const myl_json *invites = in->invites;
    third_party t;
    bool ours;

    if (invites->count > MYL_LIMIT_ONBIND_INVITES)
        return myl_fail(&req->cx, MYL_TOO_LARGE, "invites: more than %d", MYL_LIMIT_ONBIND_INVITES);
    for (uint32_t i = 0; i < invites->count; i++)
        if (!read_pending(&invites->items[i], in->mxid, &t))
            return myl_fail(&req->cx, MYL_INVALID_PARAM,
                            "invites: each needs room_id, sender, and signed for this user");
    MYL_TRY(is_ours(req, in->mxid, &ours));
    if (!ours)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "mxid: no user of this server");
    for (uint32_t i = 0; i < invites->count; i++)
        if (read_pending(&invites->items[i], in->mxid, &t))
            bring_invite(req, &t);
    return myl_reply_empty(req);
}

/* As older identity servers ask. */
myl_rc myl_server_onbind_old(myl_req *req, const myl_body_fed_onbind *in)
{
    return myl_server_onbind(req, in);
}
