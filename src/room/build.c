/* build.c: builds an event of our own user, authorises it, stores it.
 *
 * Why:     one road for every event that starts here: createRoom, /send, /state, membership changes.
 * Callers: send.c, create.c, membership.c.
 * Threads: the engine.
 * Holds:   what is stored is allowed by the rules against the current state, hashed and signed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_own.h"

static myl_room_setup server;

void myl_room_start(const myl_room_setup *setup)
{
    server = *setup;
    myl_room_cache_start();
}

void myl_room_stop(void)
{
    myl_room_cache_stop();
    myl_room_typing_stop();
}

const myl_room_setup *myl_room_server(void)
{
    return &server;
}

/* ---- references ---- */

static myl_rc choose_prev(myl_ctx *cx, const myl_room_head *head, myl_event_draft *draft)
{
    myl_str *ids = myl_new_array(cx, myl_str, head->extremity_count);

    for (uint32_t i = 0; i < head->extremity_count; i++) {
        myl_stored stored;

        MYL_TRY(myl_room_event(cx, head->extremities[i], &stored));
        ids[i] = stored.event_id;
    }
    draft->prev_events = ids;
    draft->prev_event_count = head->extremity_count;
    return MYL_OK;
}

/* Spec: Server-Server API, Auth events selection. */
static myl_rc choose_auth(myl_ctx *cx, const myl_room_head *head, myl_event_draft *draft)
{
    myl_auth_need needs[MYL_AUTH_NEEDS];
    myl_str *ids = myl_new_array(cx, myl_str, MYL_AUTH_NEEDS);
    size_t count, found = 0;

    count = myl_rules_auth_needs(draft->version, draft->type, draft->state_key, draft->sender,
                                 draft->content, needs);
    for (size_t i = 0; i < count; i++) {
        const myl_event *event;
        uint64_t number;

        MYL_TRY(myl_room_state_number(cx, head->state, needs[i].type, needs[i].state_key, &number));
        if (number == 0)
            continue;
        MYL_TRY(myl_room_decoded(cx, number, &event));
        ids[found++] = event->event_id;
    }
    draft->auth_events = ids;
    draft->auth_event_count = found;
    return MYL_OK;
}

static myl_rc fill_draft(myl_ctx *cx, const myl_room_head *head, const myl_outgoing *outgoing,
                         myl_event_draft *draft)
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
    MYL_TRY(choose_prev(cx, head, draft));
    return choose_auth(cx, head, draft);
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

static myl_rc check_allowed(myl_ctx *cx, const myl_room_head *head, const myl_event *event)
{
    myl_verdict verdict;

    MYL_TRY(myl_room_judge(cx, event, head->create, head->state, &verdict));
    if (!verdict.allowed)
        return myl_fail(cx, MYL_FORBIDDEN, "%s (auth rule %s)", verdict.reason, verdict.rule);
    return MYL_OK;
}

/* Stores a state event: its number is known only then, so the tree changes after it and the row is written with both
 * roots: the number that it will take is the next position. */
static myl_rc store_state(myl_ctx *cx, const myl_event *event, myl_event_place *place,
                          myl_stored *stored)
{
    myl_tree_entry change = {0};
    uint64_t newest, type;

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
} finished;

static void advance_head(myl_room_head *head, const myl_stored *stored)
{
    head->state = stored->after;
    head->depth = stored->depth;
    head->newest = stored->position;
    head->extremity_count = 1;
    head->extremities[0] = stored->number;
    if (head->create == 0)
        head->create = stored->number;
}

static myl_rc store_event(myl_ctx *cx, myl_room_head *head, const finished *done,
                          myl_stored *stored)
{
    const myl_caller *caller = done->outgoing->caller;
    myl_event_place place = {
        .event = done->event,
        .bytes = done->bytes,
        .room = head->room,
        .depth = done->event->depth,
        .before = head->state,
        .after = head->state,
        .arrives = true,
    };

    if (caller != NULL && myl_str_present(done->outgoing->txn_id)) {
        place.device = caller->device;
        place.txn_id = done->outgoing->txn_id;
    }
    if (myl_str_present(done->event->state_key))
        MYL_TRY(store_state(cx, done->event, &place, stored));
    else
        MYL_TRY(myl_room_event_put(cx, &place, stored));
    advance_head(head, stored);
    return MYL_OK;
}

static myl_rc after_store(myl_ctx *cx, myl_room_head *head, const myl_event *event,
                          const myl_stored *stored)
{
    myl_membership membership;

    if (myl_str_equal(event->type, MYL_S("m.room.redaction")))
        return myl_room_apply_redaction(cx, head, event, stored);
    if (!myl_str_equal(event->type, MYL_S("m.room.member")) || !myl_str_present(event->state_key))
        return MYL_OK;
    membership = myl_membership_of(myl_event_membership(event));
    return myl_room_member_changed(cx, head, stored, membership);
}

/* Spec (Client-Server API, Size limits) counts bytes of ids and types. */
static myl_rc check_sizes(myl_ctx *cx, const myl_outgoing *outgoing)
{
    if (outgoing->type.len > MYL_LIMIT_ID_BYTES)
        return myl_fail(cx, MYL_EVENT_TOO_LARGE, "type: longer than %d bytes", MYL_LIMIT_ID_BYTES);
    if (outgoing->state_key.len > MYL_LIMIT_ID_BYTES)
        return myl_fail(cx, MYL_EVENT_TOO_LARGE, "state_key: longer than %d bytes",
                        MYL_LIMIT_ID_BYTES);
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

myl_rc myl_room_build(myl_ctx *cx, myl_room_head *head, const myl_outgoing *outgoing,
                      myl_stored *stored)
{
    myl_event_draft draft;
    myl_event event;
    myl_str bytes;

    MYL_TRY(check_sizes(cx, outgoing));
    if (myl_str_present(outgoing->redacts))
        MYL_TRY(myl_room_check_redaction(cx, head, outgoing));
    MYL_TRY(fill_draft(cx, head, outgoing, &draft));
    MYL_TRY(finish_once(cx, &draft, &event, &bytes));
    MYL_TRY(check_allowed(cx, head, &event));
    MYL_TRY(name_room(cx, head, &event));
    MYL_TRY(store_event(cx, head, &(finished){outgoing, &event, bytes}, stored));
    return after_store(cx, head, &event, stored);
}
