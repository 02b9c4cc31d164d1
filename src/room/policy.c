/* policy.c: which policy server a room uses, and whether it has signed an event.
 *
 * Callers: build.c for our own events, admit.c for others'; fed/ asks for signatures.
 * Threads: the transaction's.
 * Spec:    Server-Server API, Policy Servers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
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

typedef struct myl_policy_desk desk;

static bool is_same_place(const myl_event *event, const myl_event *other)
{
    bool state = myl_str_present(event->state_key);

    return myl_str_equal(event->room_id, other->room_id) &&
           myl_str_equal(event->type, other->type) && myl_str_equal(event->sender, other->sender) &&
           state == myl_str_present(other->state_key) &&
           (!state || myl_str_equal(event->state_key, other->state_key));
}

/* The next of the desk's events, when this one is it again. *again: it is sent for the second time, but with another content:
 * it can never be had signed. */
static const myl_incoming *take_signed(desk *made, const myl_event *event, bool *again)
{
    const myl_incoming *next = myl_list_at(&made->done, made->at);

    *again = is_same_place(event, &next->event);
    if (!*again || !myl_json_equal(event->content, next->event.content))
        return NULL;
    made->at++;
    return next;
}

static myl_rc wait_for_signature(myl_ctx *cx, desk *made, const myl_room_head *head,
                                 const myl_incoming *event)
{
    made->waiting = *event;
    made->room_id = head->room_id;
    return myl_fail(cx, MYL_UNSIGNED, "the room's policy server must sign first");
}

myl_rc myl_room_policy_ask(myl_ctx *cx, const myl_room_head *head, const myl_incoming *event,
                           const myl_incoming **ready)
{
    desk *made = cx->policy;
    myl_room_policy policy;
    bool again = false;

    *ready = NULL;
    if (cx->request_id == 0 || !myl_room_policy_covers(&event->event))
        return MYL_OK;
    MYL_TRY(myl_room_policy_of(cx, head, &policy));
    if (!myl_str_present(policy.server))
        return MYL_OK;
    if (made == NULL) {
        made = cx->policy = myl_new(cx, desk);
        made->done = MYL_LIST(cx, myl_incoming);
    }
    if (made->at < made->done.count) {
        *ready = take_signed(made, &event->event, &again);
        if (*ready != NULL || again)
            return MYL_OK;
        made->done.count = made->at; /* another road than before */
    }
    made->policy = policy;
    return wait_for_signature(cx, made, head, event);
}
