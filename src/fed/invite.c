/* invite.c: a user of another server is invited: its server signs first, then the invite is in the room.
 *
 * Callers: api/client by plans and after createRoom.
 * Threads: lanes.
 * Spec:    Server-Server API, Inviting to a room; Policy Servers: no server hears of an invite that the room's own refuses.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/fed_policy.h>

#include "fed/rooms_own.h"

typedef struct {
    const myl_member_change *change;
    myl_incoming event;
    const myl_json *outline;
    myl_admit_kind kind;
} invitation;

/* Makes the event and what is told of the room; nothing is stored. */
static myl_rc prepare(myl_ctx *cx, void *arg)
{
    invitation *i = arg;
    myl_writer w = myl_write_start(cx, 4096);
    myl_room_head head;

    MYL_TRY(myl_room_require(cx, i->change->room_id, &head));
    MYL_TRY(myl_room_prepare_member(cx, &head, i->change, &i->event));
    myl_write_open(&w, '[');
    MYL_TRY(myl_room_write_outline(cx, &w, &head, i->change->sender));
    myl_write_close(&w, ']');
    return myl_json_parse(cx, myl_write_done(&w), &i->outline);
}

static myl_rc admit(myl_ctx *cx, void *arg)
{
    invitation *i = arg;
    myl_admission admission = {.incoming = &i->event,
                               .coming = MYL_COMES_NEW,
                               .flags = MYL_EVENT_OUTGOING};
    myl_admitted admitted;
    myl_room_head head;

    MYL_TRY(myl_room_require(cx, i->change->room_id, &head));
    MYL_TRY(myl_room_admit(cx, &head, &admission, &admitted));
    if (admitted.kind == MYL_ADMIT_ACCEPTED || admitted.kind == MYL_ADMIT_KNOWN)
        return MYL_OK;
    return myl_fail(cx, MYL_FORBIDDEN, "the room has changed meanwhile: %s",
                    admitted.verdict.reason != NULL ? admitted.verdict.reason : "");
}

static myl_rc ask(myl_ctx *cx, invitation *i, const myl_json **back)
{
    const myl_event *event = &i->event.event;
    const myl_str parts[] = {event->room_id, event->event_id};
    myl_fed_request request = {.destination = myl_id_domain(event->state_key), .method = "PUT"};
    const myl_json *body = NULL, *extra;
    myl_fed_reply reply;

    body = myl_json_with(cx, body, MYL_S("event"), event->json);
    body = myl_json_with(cx, body, MYL_S("invite_room_state"), i->outline);
    body = myl_json_with(cx, body, MYL_S("room_version"),
                         myl_json_of_str(cx, myl_str_of(event->version->name)));
    request.body = body;
    request.path = myl_fed_path(cx, "/_matrix/federation/v2/invite/{}/{}", parts, 2);
    MYL_TRY(myl_fed_call(cx, &request, &reply));
    if (myl_fed_is_unknown(&reply) && event->version->pair_references) {
        extra = myl_json_with(cx, NULL, MYL_S("invite_room_state"), i->outline);
        request.body = myl_json_with(cx, event->json, MYL_S("unsigned"), extra);
        request.path = myl_fed_path(cx, "/_matrix/federation/v1/invite/{}/{}", parts, 2);
        MYL_TRY(myl_fed_call(cx, &request, &reply));
    }
    MYL_TRY(myl_fed_pass_on(cx, &request, &reply, false));
    extra = reply.json->kind == MYL_JSON_ARRAY && reply.json->count == 2 ? &reply.json->items[1]
                                                                         : reply.json;
    *back = myl_json_object(extra, MYL_S("event"));
    return *back != NULL ? MYL_OK
                         : myl_fail(cx, MYL_REMOTE_DOWN, "%.*s did not give the invite back",
                                    MYL_FMT(request.destination));
}

/* It must be the same event, with that server's signature beside ours. */
static myl_rc take_back(myl_ctx *cx, invitation *i, const myl_json *json)
{
    myl_fed_signed_json whole;
    myl_incoming back;
    bool good;

    MYL_TRY(myl_incoming_read(cx, i->event.event.version, json, &back));
    if (!myl_str_equal(back.event.event_id, i->event.event.event_id) || back.hash_failed)
        return myl_fail(cx, MYL_REMOTE_DOWN, "another invite came back");
    whole =
        (myl_fed_signed_json){.object = myl_event_redact(cx, back.event.version, back.event.json),
                              .server = myl_id_domain(i->event.event.state_key),
                              .version = back.event.version,
                              .ts = back.event.origin_server_ts};
    MYL_TRY(myl_fed_verify_json(cx, &whole, &good));
    if (!good)
        return myl_fail(cx, MYL_REMOTE_DOWN, "the invite came back badly signed");
    i->event = back;
    return MYL_OK;
}

myl_rc myl_fed_invite(myl_ctx *cx, const myl_member_change *change)
{
    invitation i = {.change = change};
    const myl_json *back;

    MYL_TRY(myl_fed_change(cx, "fed.invite", prepare, &i));
    MYL_TRY(myl_fed_policy_ask(cx, change->room_id, &i.event));
    MYL_TRY(ask(cx, &i, &back));
    MYL_TRY(take_back(cx, &i, back));
    return myl_fed_change(cx, "fed.invite", admit, &i);
}
