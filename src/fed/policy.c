/* policy.c: a room's policy server is asked to sign events.
 *
 * Callers: the API for what our users send; inbox.c, missing.c, invite.c and api/server for what others send.
 * Threads: lanes. One lock, of the servers that did not answer.
 * Holds:   a signature is added only when it holds with the key that the room names; others stay.
 * Spec:    Server-Server API, Policy Servers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/fed_policy.h>

#include "fed/rooms_own.h"

#include <pthread.h>

#include <myelin/base_clock.h>
#include <myelin/base_limit.h>

enum {
    AT_ONCE = 20,
    TIMEOUT_MS = 10000,
    SILENT_PLACES = 256,
    SILENT_FIRST_MS = 5000,
    SILENT_DOUBLES = 7 /* ten minutes */
};

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

static void note_answer(struct myl_policy_desk *desk, myl_policy_said said)
{
    myl_policy_answer answer = {.event = desk->waiting,
                                .said = said,
                                .server = desk->policy.server};

    myl_list_push(&desk->done, myl_policy_answer, answer);
}

static myl_rc sign(myl_ctx *cx, struct myl_policy_desk *desk)
{
    myl_fed_request request = sign_request(&desk->policy, &desk->waiting.event);
    myl_fed_reply reply;
    bool good = false;

    MYL_TRY(myl_fed_call(cx, &request, &reply));
    if (reply.status >= 500)
        return myl_fed_reply_check(cx, &request, &reply);
    if (reply.status == 200)
        take_signature(cx, &desk->policy, reply.json, &desk->waiting, &good);
    if (!good)
        keep_refusal(cx, desk, &reply);
    note_answer(desk, good ? MYL_POLICY_SIGNED : MYL_POLICY_REFUSED);
    return MYL_OK;
}

myl_rc myl_fed_policy_sign(myl_ctx *cx)
{
    return sign(cx, cx->policy);
}

/* ---- what no request waits for ---- */

/* Servers that did not answer, by the hash of their name; two of one place take it from each other. */
typedef struct {
    uint64_t server;
    int64_t until_ms;
    unsigned tries;
} silence;

static silence silences[SILENT_PLACES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* FED_POLICY */

static bool is_left_alone(uint64_t server)
{
    const silence *at = &silences[server % SILENT_PLACES];
    bool yes;

    pthread_mutex_lock(&lock);
    yes = at->server == server && at->until_ms > myl_tick_ms();
    pthread_mutex_unlock(&lock);
    return yes;
}

static void note_silence(uint64_t server, bool answered)
{
    silence *at = &silences[server % SILENT_PLACES];

    pthread_mutex_lock(&lock);
    if (at->server != server || answered)
        *at = (silence){.server = server};
    if (!answered) {
        at->until_ms = myl_tick_ms() + ((int64_t)SILENT_FIRST_MS << at->tries);
        at->tries = at->tries < SILENT_DOUBLES ? at->tries + 1 : at->tries;
    }
    pthread_mutex_unlock(&lock);
}

/* It has answered that it has no time. */
static bool is_busy(const struct myl_policy_desk *desk)
{
    return desk->refusal_status == 429;
}

static void put_off(struct myl_policy_desk *desk)
{
    if (is_busy(desk))
        desk->done.count--;
    desk->refusal_status = 0;
    note_answer(desk, MYL_POLICY_DOWN);
}

static myl_rc sign_for_task(myl_ctx *cx)
{
    struct myl_policy_desk *desk = cx->policy;
    uint64_t server = myl_str_hash(desk->policy.server);
    myl_rc rc = MYL_REMOTE_DOWN;

    desk->at = 0;
    desk->refusal_status = 0;
    if (!is_left_alone(server)) {
        rc = myl_fed_policy_sign(cx);
        note_silence(server, rc == MYL_OK && !is_busy(desk));
        if (rc == MYL_OK && !is_busy(desk))
            return MYL_OK;
    }
    if (myl_net_stopping())
        return MYL_STOPPING;
    myl_forgive(cx);
    put_off(desk);
    return MYL_OK;
}

const myl_task_wait myl_fed_policy_wait = {MYL_UNSIGNED, MYL_LANE_TASKS, sign_for_task};

myl_rc myl_fed_policy_ask(myl_ctx *cx, myl_str room_id, myl_incoming *event)
{
    struct myl_policy_desk *desk = myl_new(cx, struct myl_policy_desk);
    policy_arg arg = {.room_id = room_id};

    MYL_TRY(myl_fed_read(cx, read_policy, &arg));
    if (!myl_str_present(arg.policy.server) || !myl_room_policy_covers(&event->event))
        return MYL_OK;
    *desk = (struct myl_policy_desk){.done = MYL_LIST(cx, myl_policy_answer),
                                     .policy = arg.policy,
                                     .waiting = *event};
    MYL_TRY(sign(cx, desk));
    *event = desk->waiting;
    if (desk->refusal_status == 0)
        return MYL_OK;
    cx->policy = desk;
    return myl_fail(cx, MYL_FORBIDDEN, "the room's policy server does not sign this");
}

myl_rc myl_fed_policy_run(myl_ctx *cx, myl_change *change)
{
    for (int round = 0;; round++) {
        myl_rc rc;

        if (cx->policy != NULL)
            cx->policy->at = 0;
        rc = myl_engine_run(myl_fed_server()->engine, change);
        if (rc != MYL_UNSIGNED || round == MYL_LIMIT_NEED_ROUNDS)
            return rc;
        myl_forgive(cx);
        MYL_TRY(myl_fed_policy_sign(cx));
    }
}

/* ---- what others send ---- */

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
