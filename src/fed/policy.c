/* policy.c: a room's policy server is asked to sign events.
 *
 * Callers: the API for what our users send; inbox.c, missing.c, invite.c and api/server for what others send.
 * Threads: lanes.
 * Holds:   a signature is added only when it holds with the key that the room names; others stay.
 * Spec:    Server-Server API, Policy Servers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/fed_policy.h>

#include "fed/rooms_own.h"

enum { AT_ONCE = 20, TIMEOUT_MS = 10000 };

static myl_fed_request sign_request(const myl_room_policy *policy, const myl_event *event)
{
    return (myl_fed_request){.destination = policy->server,
                             .method = "POST",
                             .path = MYL_S("/_matrix/policy/v1/sign"),
                             .body = event->json,
                             .timeout_ms = TIMEOUT_MS};
}

static const myl_json *with_signature(myl_ctx *cx, const myl_event *event, myl_str server,
                                      myl_str signature)
{
    const myl_json *all = myl_json_object(event->json, MYL_S("signatures"));
    const myl_json *its = myl_json_with(cx, myl_json_object(all, server), MYL_POLICY_KEY_ID,
                                        myl_json_of_str(cx, signature));

    return myl_json_with(cx, event->json, MYL_S("signatures"), myl_json_with(cx, all, server, its));
}

/* *good: the answer signs the event, which carries the signature now. */
static void take_signature(myl_ctx *cx, const myl_room_policy *policy, const myl_json *answer,
                           myl_incoming *event, bool *good)
{
    myl_str signature = myl_json_text(myl_json_object(answer, policy->server), MYL_POLICY_KEY_ID);
    myl_incoming read;

    *good = false;
    if (!myl_str_present(signature))
        return;
    if (myl_incoming_read(cx, event->event.version,
                          with_signature(cx, &event->event, policy->server, signature),
                          &read) != MYL_OK) {
        myl_forgive(cx);
        return;
    }
    *good = myl_room_policy_holds(cx, policy, &read.event);
    if (!*good)
        return;
    *event = read;
    event->policy_signed = true;
    memcpy(event->policy_key, policy->key, sizeof(event->policy_key));
}

/* ---- what our users send ---- */

/* The words of the policy server, as they go on to the client. */
static void keep_refusal(myl_ctx *cx, struct myl_policy_desk *desk, const myl_fed_reply *reply)
{
    myl_str errcode = myl_json_text(reply->json, MYL_S("errcode"));
    myl_str error = myl_json_text(reply->json, MYL_S("error"));
    myl_writer w = myl_write_start(cx, 256);
    int64_t wait;

    myl_write_open(&w, '{');
    myl_write_str(&w, "errcode", myl_str_present(errcode) ? errcode : MYL_S("M_FORBIDDEN"));
    myl_write_str(&w, "error",
                  myl_str_present(error) ? error
                                         : MYL_S("the room's policy server does not sign this"));
    if (myl_json_int(reply->json, MYL_S("retry_after_ms"), &wait))
        myl_write_int(&w, "retry_after_ms", wait);
    myl_write_close(&w, '}');
    desk->refusal = myl_write_done(&w);
    desk->refusal_status = reply->status >= 400 && reply->status < 500 ? reply->status : 403;
}

myl_rc myl_fed_policy_sign(myl_ctx *cx)
{
    struct myl_policy_desk *desk = cx->policy;
    myl_fed_request request = sign_request(&desk->policy, &desk->waiting.event);
    myl_fed_reply reply;
    bool good = false;

    MYL_TRY(myl_fed_call(cx, &request, &reply));
    if (reply.status >= 500)
        return myl_fed_reply_check(cx, &request, &reply);
    if (reply.status == 200)
        take_signature(cx, &desk->policy, reply.json, &desk->waiting, &good);
    if (good)
        myl_list_push(&desk->done, myl_incoming, desk->waiting);
    else
        keep_refusal(cx, desk, &reply);
    return MYL_OK;
}

/* ---- what others send ---- */

typedef struct {
    myl_str room_id;
    myl_room_policy policy;
} policy_arg;

static myl_rc read_policy(myl_ctx *cx, void *arg)
{
    policy_arg *p = arg;
    myl_room_head head;

    MYL_TRY(myl_room_head_get(cx, p->room_id, &head));
    return myl_room_policy_of(cx, &head, &p->policy);
}

static void ask_some(myl_ctx *cx, const myl_room_policy *policy, myl_incoming **events,
                     size_t count)
{
    myl_fed_request requests[AT_ONCE];
    myl_fed_reply replies[AT_ONCE];
    bool good;

    for (size_t i = 0; i < count; i++)
        requests[i] = sign_request(policy, &events[i]->event);
    myl_fed_call_many(cx, requests, count, replies);
    for (size_t i = 0; i < count; i++)
        if (replies[i].rc == MYL_OK && replies[i].status == 200)
            take_signature(cx, policy, replies[i].json, events[i], &good);
}

/* Does it stand without further questions? */
static bool stands(myl_ctx *cx, const myl_room_policy *policy, myl_incoming *event)
{
    if (!myl_room_policy_covers(&event->event))
        return true;
    event->policy_signed = myl_room_policy_holds(cx, policy, &event->event);
    memcpy(event->policy_key, policy->key, sizeof(event->policy_key));
    return event->policy_signed;
}

myl_rc myl_fed_policy_check(myl_ctx *cx, myl_str room_id, myl_incoming *const *events, size_t count)
{
    policy_arg arg = {.room_id = room_id};
    myl_incoming *asked[AT_ONCE];
    size_t asking = 0;

    MYL_TRY(myl_fed_read(cx, read_policy, &arg));
    if (!myl_str_present(arg.policy.server))
        return MYL_OK;
    for (size_t i = 0; i < count; i++) {
        if (events[i] == NULL || stands(cx, &arg.policy, events[i]))
            continue;
        asked[asking++] = events[i];
        if (asking == AT_ONCE) {
            ask_some(cx, &arg.policy, asked, asking);
            asking = 0;
        }
    }
    ask_some(cx, &arg.policy, asked, asking);
    return MYL_OK;
}
