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
    return myl_fed_policy_check(&req->cx, event->room_id, &incoming, 1);
}

myl_rc myl_server_take(myl_req *req, const myl_room_version *version, const myl_json *pdu,
                       bool with_ours, const myl_taken **out)
{
    myl_taken *taken = req->plan.state;

    *out = taken;
    if (taken == NULL) {
        taken = myl_new(&req->cx, myl_taken);
        MYL_TRY(myl_incoming_read(&req->cx, version, pdu, &taken->incoming));
        if (taken->incoming.hash_failed)
            return myl_fail(&req->cx, MYL_BAD_JSON, "hashes: the content hash does not match");
        if (with_ours)
            MYL_TRY(sign(&req->cx, &taken->incoming));
        return myl_req_need(req, MYL_LANE_REMOTE, verify, taken);
    }
    if (!taken->good)
        return myl_fail(&req->cx, MYL_BAD_SIGNATURE, "the event's signatures do not hold");
    if (myl_str_present(req->path.event_id) &&
        !myl_str_equal(req->path.event_id, taken->incoming.event.event_id))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "eventId: the event has another id");
    return MYL_OK;
}
