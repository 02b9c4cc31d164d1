/* build.c: builds an event of our own user, authorises it, stores it.
 *
 * Why:     one road for every event that starts here: createRoom, /send, /state, membership changes.
 * Callers: send.c, create.c, membership.c.
 * Threads: the engine.
 * Holds:   what is stored is allowed by the rules against the current state, hashed and signed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/matrix_id.h>
#include <myelin/room_invites.h>
#include <myelin/room_presence.h>
#include <myelin/room_serve.h>
#include <myelin/room_share.h>
#include <myelin/user_keys.h>

#include "room/purge_own.h"

static myl_room_setup server;

void myl_room_start(const myl_room_setup *setup)
{
    server = *setup;
    myl_room_cache_start();
    myl_room_resolve_start();
    myl_user_on_device_change(myl_room_note_rooms_of);
}

void myl_room_stop(void)
{
    myl_room_cache_stop();
    myl_room_resolve_stop();
    myl_room_presence_stop();
    myl_room_typing_stop();
    myl_room_sweep_stop();
}

const myl_room_setup *myl_room_server(void)
{
    return &server;
}

/* ---- references ---- */

/* What an event in the making stands on. */
typedef struct {
    myl_list prevs;       /* uint64_t */
    myl_tree_root before; /* the state before it */
} footing;

static const myl_sha256 *reference_hashes(myl_ctx *cx, const myl_event *const *events, size_t count)
{
    myl_sha256 *hashes = myl_new_array(cx, myl_sha256, count + 1);

    for (size_t i = 0; i < count; i++)
        (void)myl_event_reference_hash(cx, events[i]->version, events[i]->json, &hashes[i]);
    return hashes;
}

static myl_rc choose_prev(myl_ctx *cx, const myl_room_head *head, footing *on,
                          myl_event_draft *draft)
{
    const myl_event **events;
    myl_str *ids;

    on->prevs = MYL_LIST(cx, uint64_t);
    on->before = head->state;
    for (uint32_t i = 0; i < head->extremity_count; i++)
        myl_list_push(&on->prevs, uint64_t, head->extremities[i]);
    ids = myl_new_array(cx, myl_str, on->prevs.count + 1);
    events = myl_new_array(cx, const myl_event *, on->prevs.count + 1);
    for (size_t i = 0; i < on->prevs.count; i++) {
        MYL_TRY(myl_room_decoded(cx, myl_list_get(&on->prevs, uint64_t, i), &events[i]));
        ids[i] = events[i]->event_id;
    }
    draft->prev_events = ids;
    draft->prev_event_count = on->prevs.count;
    if (head->version->pair_references)
        draft->prev_hashes = reference_hashes(cx, events, on->prevs.count);
    return MYL_OK;
}

/* Spec: Server-Server API, Auth events selection. */
static myl_rc choose_auth(myl_ctx *cx, myl_tree_root before, myl_event_draft *draft)
{
    const myl_event *events[MYL_AUTH_NEEDS];
    myl_auth_need needs[MYL_AUTH_NEEDS];
    myl_str *ids = myl_new_array(cx, myl_str, MYL_AUTH_NEEDS);
    size_t count, found = 0;

    count = myl_rules_auth_needs(draft->version, draft->type, draft->state_key, draft->sender,
                                 draft->content, needs);
    for (size_t i = 0; i < count; i++) {
        uint64_t number;

        MYL_TRY(myl_room_state_number(cx, before, needs[i].type, needs[i].state_key, &number));
        if (number == 0)
            continue;
        MYL_TRY(myl_room_decoded(cx, number, &events[found]));
        ids[found] = events[found]->event_id;
        found++;
    }
    draft->auth_events = ids;
    draft->auth_event_count = found;
    if (draft->version->pair_references)
        draft->auth_hashes = reference_hashes(cx, events, found);
    return MYL_OK;
}

static myl_rc fill_draft(myl_ctx *cx, const myl_room_head *head, const myl_outgoing *outgoing,
                         footing *on, myl_event_draft *draft)
{
    bool hidden_room_id = head->version->room_id_is_create && head->create == 0;

    *draft = (myl_event_draft){
        .version = head->version,
        .room_id = hidden_room_id ? MYL_ABSENT : head->room_id,
        .sender = outgoing->sender,
        .type = outgoing->type,
        .state_key = outgoing->state_key,
        .content = outgoing->content,
        .redacts = outgoing->redacts,
        .origin_server_ts =
            outgoing->origin_server_ts != 0 ? outgoing->origin_server_ts : myl_now_ms(),
        .depth = head->depth + 1,
    };
    if (head->version->redacts_in_content && myl_str_present(outgoing->redacts)) {
        draft->content = myl_json_with(cx, outgoing->content, MYL_S("redacts"),
                                       myl_json_of_str(cx, outgoing->redacts));
        draft->redacts = MYL_ABSENT;
    }
    MYL_TRY(choose_prev(cx, head, on, draft));
    return choose_auth(cx, on->before, draft);
}

/* ---- storing ---- */

/* The create event of a version-12 room names the room. */
static myl_rc name_room(myl_ctx *cx, myl_room_head *head, const myl_event *event)
{
    if (head->room != 0)
        return MYL_OK;
    head->room_id = event->room_id;
    return myl_store_intern(cx, MYL_INTERN_ROOM, event->room_id, &head->room);
}

static myl_rc check_allowed(myl_ctx *cx, const myl_room_head *head, const myl_event *event,
                            myl_tree_root before)
{
    myl_verdict verdict;

    MYL_TRY(myl_room_judge(cx, event, head->create, before, &verdict));
    if (!verdict.allowed)
        return myl_fail(cx, MYL_FORBIDDEN, "%s (auth rule %s)", verdict.reason, verdict.rule);
    MYL_TRY(myl_room_check_invite(cx, event));
    MYL_TRY(myl_room_check_acl(cx, event));
    return myl_room_check_guest(cx, event, before);
}

/* Of a state event the number is known only when it is stored, so the tree is changed before with the number that it will take:
 * the next position. */
myl_rc myl_room_store_placed(myl_ctx *cx, const myl_event *event, myl_event_place *place,
                             myl_stored *stored)
{
    myl_tree_entry change = {0};
    uint64_t newest, type;

    place->after = place->before;
    if (!myl_str_present(event->state_key) || (place->flags & MYL_EVENT_REJECTED) != 0)
        return myl_room_event_put(cx, place, stored);
    MYL_TRY(myl_store_intern(cx, MYL_INTERN_TYPE, event->type, &type));
    MYL_TRY(myl_store_intern(cx, MYL_INTERN_NAME, event->state_key, &change.state_key));
    MYL_TRY(myl_store_position(cx, &newest));
    change.type = (uint32_t)type;
    change.event = newest + 1;
    MYL_TRY(myl_tree_change(cx, myl_store_nodes(cx), place->before, &change, 1, &place->after));
    MYL_TRY(myl_room_event_put(cx, place, stored));
    MYL_ASSERT(stored->number == change.event);
    return MYL_OK;
}

/* A finished event on its way into the store. */
typedef struct {
    const myl_outgoing *outgoing;
    const myl_event *event;
    myl_str bytes;
    const footing *on;
} finished;

static myl_rc store_event(myl_ctx *cx, myl_room_head *head, const finished *done,
                          myl_stored *stored)
{
    const myl_caller *caller = done->outgoing->caller;
    myl_event_place place = {
        .event = done->event,
        .bytes = done->bytes,
        .room = head->room,
        .depth = done->event->depth,
        .flags = MYL_EVENT_OUTGOING,
        .before = done->on->before,
        .arrives = true,
    };
    myl_advance advance = {stored, done->on->prevs.at, done->on->prevs.count, false, false};

    if (caller != NULL && myl_str_present(done->outgoing->txn_id)) {
        place.device = caller->device;
        place.txn_id = done->outgoing->txn_id;
    }
    MYL_TRY(myl_room_store_placed(cx, done->event, &place, stored));
    return myl_room_advance(cx, head, &advance);
}

/* Spec (Client-Server API, Size limits) counts bytes of ids and types. */
static myl_rc check_form(myl_ctx *cx, const myl_outgoing *outgoing)
{
    if (outgoing->type.len > MYL_LIMIT_ID_BYTES)
        return myl_fail(cx, MYL_EVENT_TOO_LARGE, "type: longer than %d bytes", MYL_LIMIT_ID_BYTES);
    if (outgoing->state_key.len > MYL_LIMIT_ID_BYTES)
        return myl_fail(cx, MYL_EVENT_TOO_LARGE, "state_key: longer than %d bytes",
                        MYL_LIMIT_ID_BYTES);
    if (myl_str_present(outgoing->state_key) &&
        myl_str_equal(outgoing->type, MYL_S("m.room.member")) &&
        !myl_id_is_user(outgoing->state_key))
        return myl_fail(cx, MYL_INVALID_PARAM, "state_key: expected the id of a user");
    return MYL_OK;
}

/* The hash of a create event names a version-12 room. Two equal requests in one millisecond must not give one room, so
 * the later one is dated a millisecond on until its id is new. */
static myl_rc finish_once(myl_ctx *cx, myl_event_draft *draft, myl_event *event, myl_str *bytes)
{
    uint64_t known;

    for (;;) {
        MYL_TRY(myl_event_finish(cx, draft, server.key, server.server_name, event, bytes));
        if (draft->prev_event_count > 0)
            return MYL_OK;
        MYL_TRY(myl_room_event_number(cx, event->event_id, &known));
        if (known == 0)
            return MYL_OK;
        draft->origin_server_ts++;
    }
}

/* One that the policy server has signed takes its place in the room with the references that it was signed with. */
static myl_rc admit_signed(myl_ctx *cx, myl_room_head *head, const myl_outgoing *outgoing,
                           const myl_incoming *ready, myl_stored *stored)
{
    myl_admission admission = {.incoming = ready,
                               .coming = MYL_COMES_NEW,
                               .flags = MYL_EVENT_OUTGOING,
                               .caller = outgoing->caller,
                               .txn_id = outgoing->txn_id};
    myl_admitted admitted;

    MYL_TRY(myl_room_admit(cx, head, &admission, &admitted));
    if (admitted.kind != MYL_ADMIT_ACCEPTED)
        return myl_fail(cx, MYL_FORBIDDEN, "the room has changed meanwhile: %s",
                        admitted.verdict.reason != NULL ? admitted.verdict.reason : "");
    *stored = admitted.stored;
    return MYL_OK;
}

myl_rc myl_room_build(myl_ctx *cx, myl_room_head *head, const myl_outgoing *outgoing,
                      myl_stored *stored)
{
    const myl_incoming *ready;
    myl_event_draft draft;
    myl_incoming made = {.hash_failed = false};
    footing on;

    MYL_TRY(check_form(cx, outgoing));
    if (myl_str_present(outgoing->redacts))
        MYL_TRY(myl_room_check_redaction(cx, head, outgoing));
    MYL_TRY(fill_draft(cx, head, outgoing, &on, &draft));
    MYL_TRY(finish_once(cx, &draft, &made.event, &made.bytes));
    MYL_TRY(check_allowed(cx, head, &made.event, on.before));
    MYL_TRY(myl_room_policy_ask(cx, head, &made, &ready));
    if (ready != NULL)
        return admit_signed(cx, head, outgoing, ready, stored);
    MYL_TRY(name_room(cx, head, &made.event));
    MYL_TRY(store_event(cx, head, &(finished){outgoing, &made.event, made.bytes, &on}, stored));
    if (myl_str_equal(made.event.type, MYL_S("m.room.redaction")))
        return myl_room_apply_redaction(cx, head, &made.event, stored);
    return MYL_OK;
}

myl_rc myl_room_template(myl_ctx *cx, const myl_room_head *head, const myl_outgoing *outgoing,
                         const myl_json **out)
{
    myl_event_draft draft;
    myl_event event;
    footing on;
    myl_str bytes;

    MYL_TRY(check_form(cx, outgoing));
    MYL_TRY(fill_draft(cx, head, outgoing, &on, &draft));
    MYL_TRY(myl_event_finish(cx, &draft, server.key, server.server_name, &event, &bytes));
    MYL_TRY(check_allowed(cx, head, &event, on.before));
    *out = myl_json_without(cx, event.json, MYL_S("hashes"));
    *out = myl_json_without(cx, *out, MYL_S("signatures"));
    if (head->version->event_id == MYL_EVENT_ID_GIVEN)
        *out = myl_json_without(cx, *out, MYL_S("event_id"));
    return MYL_OK;
}

myl_rc myl_room_prepare_member(myl_ctx *cx, const myl_room_head *head,
                               const myl_member_change *change, myl_incoming *out)
{
    myl_outgoing outgoing = {.room_id = change->room_id,
                             .sender = change->sender,
                             .type = MYL_S("m.room.member"),
                             .state_key = change->target};
    myl_event_draft draft;
    footing on;

    MYL_TRY(myl_room_member_content(cx, change, &outgoing.content));
    MYL_TRY(fill_draft(cx, head, &outgoing, &on, &draft));
    *out = (myl_incoming){.hash_failed = false};
    MYL_TRY(myl_event_finish(cx, &draft, server.key, server.server_name, &out->event, &out->bytes));
    return check_allowed(cx, head, &out->event, on.before);
}
