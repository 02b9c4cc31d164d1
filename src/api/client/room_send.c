/* room_send.c: events into rooms: messages, state, redactions.
 *
 * Spec:    Client-Server API, Sending events to a room; Redactions.
 * Threads: the engine.
 * Holds:   the same transaction id from the same device gives the same event, also after a restart.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/room_presence.h>
#include <myelin/room_servers.h>

static myl_rc reply_event_id(myl_req *req, myl_str event_id)
{
    myl_writer w = myl_write_start(&req->cx, 64);

    myl_write_open(&w, '{');
    myl_write_str(&w, "event_id", event_id);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* A suspended account may take back what it wrote itself, and say nothing. */
static myl_rc check_suspended(myl_req *req, const myl_room_head *head, const myl_outgoing *outgoing)
{
    myl_str redacts = outgoing->redacts;
    myl_stored target;

    if (!req->caller.is_suspended)
        return MYL_OK;
    if (!myl_str_present(redacts))
        redacts = myl_json_text(outgoing->content, MYL_S("redacts"));
    if (myl_str_equal(outgoing->type, MYL_S("m.room.redaction")) && myl_str_present(redacts)) {
        MYL_TRY(myl_room_event_of(&req->cx, head->room, redacts, &target));
        if (target.sender == req->caller.user)
            return MYL_OK;
    }
    return myl_fail(&req->cx, MYL_USER_SUSPENDED, "this account is suspended");
}

/* What a shadow-banned user says goes nowhere, and they are told that it went well. */
static myl_str unheard(myl_ctx *cx)
{
    return myl_strf(cx, "$%.*s", MYL_FMT(myl_crypto_random_text(cx, 43)));
}

/* A redaction by its own endpoint may come without. */
static bool needs_body(const myl_req *req)
{
    return !myl_str_present(req->path.event_id);
}

/* Sends once for this transaction id, where the path has one: `scope` is the endpoint with its path. */
static myl_rc send_once(myl_req *req, myl_str scope, myl_outgoing *outgoing)
{
    bool has_txn = myl_str_present(req->path.txn_id);
    myl_ctx *cx = &req->cx;
    myl_room_head head;
    myl_str event_id;

    event_id = MYL_ABSENT;
    if (has_txn)
        MYL_TRY(myl_room_txn_find(cx, &req->caller, scope, req->path.txn_id, &event_id));
    if (myl_str_present(event_id))
        return reply_event_id(req, event_id);
    if (needs_body(req))
        MYL_TRY(myl_client_require_body(req));
    MYL_TRY(myl_room_require_joined(cx, req->path.room_id, &req->caller, &head));
    MYL_TRY(check_suspended(req, &head, outgoing));
    outgoing->room_id = req->path.room_id;
    outgoing->sender = req->caller.user_id;
    outgoing->caller = &req->caller;
    outgoing->txn_id = req->path.txn_id;
    if (req->caller.is_shadow_banned)
        event_id = unheard(cx);
    else
        MYL_TRY(myl_room_send(cx, outgoing, &event_id));
    if (has_txn)
        MYL_TRY(myl_room_txn_put(cx, &req->caller, scope, req->path.txn_id, event_id));
    myl_room_presence_active(req->caller.user);
    return reply_event_id(req, event_id);
}

myl_rc myl_client_require_body(myl_req *req)
{
    return req->json != NULL ? MYL_OK : myl_fail(&req->cx, MYL_NOT_JSON, "the body is missing");
}

/* ---- redactions ---- */

/* What another server sent may not have come yet, so whoever may redact everything may name what is not known here. */
static myl_rc check_target(myl_req *req, const myl_room_head *head, myl_str target)
{
    const uint64_t *servers;
    myl_stored stored;
    myl_power power;
    uint64_t number;
    size_t count;

    MYL_TRY(myl_room_event_number(&req->cx, target, &number));
    if (number == 0) {
        MYL_TRY(myl_room_servers(&req->cx, head->room, &servers, &count));
        MYL_TRY(myl_room_power(&req->cx, head, &power));
        if (count > 1 &&
            myl_power_user(&power, req->caller.user_id) >= myl_power_action(&power, "redact"))
            return MYL_OK;
    }
    return myl_room_event_of(&req->cx, head->room, target, &stored);
}

/* `redacts` stands where the room's version has it. */
static myl_rc redact(myl_req *req, myl_str scope, myl_str target, const myl_json *content)
{
    myl_outgoing outgoing = {.type = MYL_S("m.room.redaction"), .redacts = target};
    myl_room_head head;

    MYL_TRY(myl_room_require_joined(&req->cx, req->path.room_id, &req->caller, &head));
    MYL_TRY(check_target(req, &head, target));
    outgoing.content = myl_json_without(&req->cx, content, MYL_S("redacts"));
    return send_once(req, scope, &outgoing);
}

myl_rc myl_client_redact(myl_req *req, const myl_body_redact *in)
{
    myl_str scope = myl_strf(&req->cx, "redact %.*s %.*s", MYL_FMT(req->path.room_id),
                             MYL_FMT(req->path.event_id));
    const myl_json *content = in->json != NULL ? in->json : myl_json_empty_object();

    return redact(req, scope, req->path.event_id, content);
}

/* Without a transaction id: each request is another redaction. */
myl_rc myl_client_redact_once(myl_req *req, const myl_body_redact *in)
{
    return myl_client_redact(req, in);
}

/* A repeated transaction is answered whatever its body is; so the body is looked at afterwards. */
myl_rc myl_client_send(myl_req *req, const myl_body_empty *in)
{
    myl_str scope = myl_strf(&req->cx, "send %.*s %.*s", MYL_FMT(req->path.room_id),
                             MYL_FMT(req->path.event_type));
    myl_outgoing outgoing = {.type = req->path.event_type, .content = in->json};
    myl_str target = myl_json_text(in->json, MYL_S("redacts"));

    if (myl_client_is_delayed(req))
        return myl_client_delay(req, scope, &outgoing);
    if (!myl_str_equal(req->path.event_type, MYL_S("m.room.redaction")) || req->json == NULL)
        return send_once(req, scope, &outgoing);
    if (!myl_str_present(target))
        return myl_fail(&req->cx, MYL_BAD_JSON, "redacts: expected the id of an event");
    return redact(req, scope, target, in->json);
}

/* Without a transaction id: each request is another event. */
myl_rc myl_client_send_once(myl_req *req, const myl_body_empty *in)
{
    return myl_client_send(req, in);
}

myl_rc myl_client_put_state(myl_req *req, const myl_body_content *in)
{
    myl_str key = req->path.state_key;
    myl_outgoing outgoing = {.room_id = req->path.room_id,
                             .sender = req->caller.user_id,
                             .type = req->path.event_type,
                             .state_key = myl_str_present(key) ? key : MYL_S(""),
                             .content = in->json};
    myl_room_head head;
    myl_str event_id;

    if (myl_client_is_delayed(req))
        return myl_client_delay(req, MYL_S("state"), &outgoing);
    /* one's own membership may be set from outside the room: the rules judge it; who let a user in is not for them to say */
    if (!myl_str_equal(outgoing.type, MYL_S("m.room.member")))
        MYL_TRY(myl_room_require_joined(&req->cx, req->path.room_id, &req->caller, &head));
    else
        outgoing.content =
            myl_json_without(&req->cx, in->json, MYL_S("join_authorised_via_users_server"));
    if (req->caller.is_shadow_banned && !myl_str_equal(outgoing.type, MYL_S("m.room.member")))
        return reply_event_id(req, unheard(&req->cx));
    MYL_TRY(myl_room_send(&req->cx, &outgoing, &event_id));
    return reply_event_id(req, event_id);
}
