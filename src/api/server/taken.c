/* taken.c: an event that another server hands over to be put into a room, or to be signed.
 *
 * Spec:    Server-Server API, Checks performed on receipt of a PDU; Signing events.
 * Threads: the engine; its signatures are checked on a lane.
 * Memory:  in the request's job, through the rounds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/server/server_own.h"

#include <myelin/fed_policy.h>

/* A signature of an event is over its redacted form. */
static myl_rc sign(myl_ctx *cx, myl_incoming *incoming)
{
    const myl_room_setup *server = myl_room_server();
    const myl_event *event = &incoming->event;
    const myl_json *redacted;

    MYL_TRY(myl_json_sign(cx, myl_event_redact(cx, event->version, event->json), server->key,
                          server->server_name, &redacted));
    return myl_incoming_read(cx, event->version,
                             myl_json_with(cx, event->json, MYL_S("signatures"),
                                           MYL_JSON_AT(redacted, "signatures")),
                             incoming);
}

static myl_rc verify(myl_req *req, void *state)
{
    myl_taken *taken = state;
    myl_incoming *incoming = &taken->incoming;
    const myl_event *event = &incoming->event;

    MYL_TRY(myl_fed_verify_events(&req->cx, &event, 1, &taken->good));
    if (!taken->good)
        return MYL_OK;
    if (taken->has_stripped)
        MYL_TRY(myl_fed_stripped_check(&req->cx, &taken->stripped));
    return myl_fed_policy_check(&req->cx, event->room_id, &incoming, 1);
}

static myl_rc begin(myl_req *req, const myl_take_ask *ask)
{
    myl_taken *taken = myl_new(&req->cx, myl_taken);

    MYL_TRY(myl_incoming_read(&req->cx, ask->version, ask->pdu, &taken->incoming));
    if (taken->incoming.hash_failed)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "hashes: the content hash does not match");
    if (ask->sign)
        MYL_TRY(sign(&req->cx, &taken->incoming));
    taken->has_stripped = ask->stripped != NULL;
    if (taken->has_stripped)
        taken->stripped = *ask->stripped;
    return myl_req_need(req, MYL_LANE_REMOTE, verify, taken);
}

static myl_rc check_stripped(myl_req *req, const myl_fed_stripped *stripped)
{
    if (!stripped->has_create)
        return myl_fail(&req->cx, MYL_INVALID_PARAM,
                        "invite_room_state: the room's create event is missing");
    if (stripped->good_count < stripped->events->count)
        return myl_fail(&req->cx, MYL_INVALID_PARAM,
                        "invite_room_state: expected well-signed events of the room");
    return MYL_OK;
}

myl_rc myl_server_take(myl_req *req, const myl_take_ask *ask, const myl_taken **out)
{
    const myl_taken *taken = req->plan.state;

    *out = taken;
    if (taken == NULL)
        return begin(req, ask);
    if (!taken->good)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "signatures: the event's do not hold");
    if (myl_str_present(req->path.event_id) &&
        !myl_str_equal(req->path.event_id, taken->incoming.event.event_id))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "eventId: the event has another id");
    return taken->has_stripped ? check_stripped(req, &taken->stripped) : MYL_OK;
}
