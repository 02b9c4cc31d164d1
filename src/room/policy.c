/* policy.c: which policy server a room uses, and whether it has signed an event.
 *
 * Callers: build.c for our own events, admit.c for others'; fed/ asks for signatures.
 * Threads: the transaction's.
 * Spec:    Server-Server API, Policy Servers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/tasks_lane.h>

#include "room/room_own.h"

static bool is_server_key(myl_ctx *cx, const myl_json *content, uint8_t out[32])
{
    myl_str text = myl_json_text(myl_json_object(content, MYL_S("public_keys")), MYL_S("ed25519"));
    myl_str bytes;

    if (!myl_str_present(text) || !myl_crypto_unbase64(cx, MYL_BASE64_STANDARD, text, &bytes) ||
        bytes.len != 32)
        return false;
    memcpy(out, bytes.at, 32);
    return true;
}

myl_rc myl_room_policy_of(myl_ctx *cx, const myl_room_head *head, myl_room_policy *out)
{
    const myl_json *content;
    bool joined = false;
    myl_str via;

    *out = (myl_room_policy){.server = MYL_ABSENT};
    if (head->room == 0 || head->state == 0)
        return MYL_OK;
    MYL_TRY(myl_room_state_content(cx, head->state, "m.room.policy", MYL_S(""), &content));
    via = myl_json_text(content, MYL_S("via"));
    if (!myl_str_present(via) || !is_server_key(cx, content, out->key))
        return MYL_OK;
    MYL_TRY(myl_room_has_server(cx, head->room, via, &joined));
    if (joined)
        out->server = myl_keep(cx, via);
    return MYL_OK;
}

bool myl_room_policy_covers(const myl_event *event)
{
    return !myl_event_is(event, "m.room.policy", MYL_S(""));
}

bool myl_room_policy_holds(myl_ctx *cx, const myl_room_policy *policy, const myl_event *event)
{
    const myl_json *redacted = myl_event_redact(cx, event->version, event->json);

    return myl_json_verify(cx, redacted, policy->server, MYL_POLICY_KEY_ID,
                           (myl_str){(const char *)policy->key, sizeof(policy->key)});
}

/* ---- our own events ---- */

static struct myl_policy_desk *desk_of(myl_ctx *cx)
{
    if (cx->policy == NULL) {
        cx->policy = myl_new(cx, struct myl_policy_desk);
        cx->policy->done = MYL_LIST(cx, myl_policy_answer);
    }
    return cx->policy;
}

static bool is_same(const myl_event *event, const myl_event *other)
{
    bool state = myl_str_present(event->state_key);

    return myl_str_equal(event->room_id, other->room_id) &&
           myl_str_equal(event->type, other->type) && myl_str_equal(event->sender, other->sender) &&
           state == myl_str_present(other->state_key) &&
           (!state || myl_str_equal(event->state_key, other->state_key)) &&
           myl_json_equal(event->content, other->content);
}

static myl_rc use_answer(myl_ctx *cx, const myl_policy_answer *answer, const myl_incoming **ready)
{
    switch (answer->said) {
    case MYL_POLICY_SIGNED: *ready = &answer->event; return MYL_OK;
    case MYL_POLICY_REFUSED:
        return myl_fail(cx, MYL_FORBIDDEN, "the room's policy server does not sign this");
    case MYL_POLICY_DOWN: break;
    }
    return myl_fail(cx, MYL_REMOTE_DOWN, "the room's policy server does not answer");
}

/* It did not answer this job before: it is not asked a second time. */
static bool is_down(const struct myl_policy_desk *made, myl_str server)
{
    for (size_t i = 0; i < made->done.count; i++) {
        const myl_policy_answer *answer = myl_list_at(&made->done, i);

        if (answer->said == MYL_POLICY_DOWN && myl_str_equal(answer->server, server))
            return true;
    }
    return false;
}

myl_rc myl_room_policy_ask(myl_ctx *cx, const myl_room_head *head, const myl_incoming *event,
                           const myl_incoming **ready)
{
    struct myl_policy_desk *made;
    myl_room_policy policy;

    *ready = NULL;
    if (!myl_room_policy_covers(&event->event))
        return MYL_OK;
    MYL_TRY(myl_room_policy_of(cx, head, &policy));
    if (!myl_str_present(policy.server))
        return MYL_OK;
    made = desk_of(cx);
    if (made->at < made->done.count) {
        const myl_policy_answer *answer = myl_list_at(&made->done, made->at);

        if (is_same(&event->event, &answer->event.event)) {
            made->at++;
            return use_answer(cx, answer, ready);
        }
        made->done.count = made->at; /* another road than before */
    }
    if (is_down(made, policy.server))
        return myl_fail(cx, MYL_REMOTE_DOWN, "the room's policy server does not answer");
    made->waiting = *event;
    made->policy = policy;
    return myl_fail(cx, MYL_UNSIGNED, "the room's policy server must sign first");
}

/* ---- what waits for a server that does not answer ---- */

myl_rc myl_room_put_off(myl_ctx *cx, myl_rc rc, const char *kind, const myl_member *member)
{
    enum { LATE_MS = 5000 };
    myl_key state = myl_key_of_u64s(member->user, member->room);
    uint64_t task;

    if (rc != MYL_REMOTE_DOWN)
        return rc;
    myl_forgive(cx);
    return myl_task_add_at(cx, kind, myl_key_str(&state), myl_now_ms() + LATE_MS, &task);
}

myl_rc myl_room_late_member(myl_ctx *cx, myl_str state, myl_str *user_id, myl_member *out)
{
    uint64_t user, room;

    if (!myl_cut_u64(&state, &user) || !myl_cut_u64(&state, &room))
        return myl_fail(cx, MYL_CORRUPT, "a task of one member: bad state");
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, user, user_id));
    return myl_room_member(cx, room, user, out);
}

/* ---- what must be the same in each round ---- */

int64_t myl_room_round_time(myl_ctx *cx)
{
    struct myl_policy_desk *made = desk_of(cx);

    if (made->first_ms == 0)
        made->first_ms = myl_now_ms();
    return made->first_ms;
}

myl_str myl_room_round_id(myl_ctx *cx)
{
    struct myl_policy_desk *made = desk_of(cx);

    if (!myl_str_present(made->new_room_id))
        made->new_room_id = myl_room_fresh_id(cx);
    return made->new_room_id;
}
