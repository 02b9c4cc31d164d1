/* missing.c: events that stand on what is not here.
 *
 * Why:     a server that was away, or a peer that skips events, leaves holes; they are filled from the sender, oldest first, and
 *          what is too far back is taken over with the state that the sender tells.
 * Callers: inbox.c (new events), backfill.c (older ones).
 * Threads: lanes.
 * Holds:   rounds, events and states are bounded: one event costs its sender's room a bounded time, and no other room anything.
 * Spec:    Server-Server API, Backfilling and retrieving missing events.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/fed_policy.h>

#include "fed/missing_own.h"

/* An answer with fewer than SHORT events is the last that is worth to ask for; servers give 10 or 20 at a time. */
enum { ROUNDS = 24, MOST_EVENTS = 500, ASK_EVENTS = 50, ASKS = 8, SHORT = 10, MOST_PLACES = 4 };

/* ---- entries ---- */

static bool has_entry(const fed_fill *fill, myl_str id)
{
    for (size_t i = 0; i < fill->entries.count; i++)
        if (myl_str_equal(((const fed_entry *)myl_list_at(&fill->entries, i))->pdu.id, id))
            return true;
    return false;
}

/* The signatures of the entries from `first` on; new events are for the room's policy server too. */
static myl_rc check_entries(myl_ctx *cx, fed_fill *fill, size_t first, const myl_list *events,
                            size_t *added)
{
    myl_incoming **judged = myl_new_array(cx, myl_incoming *, events->count + 1);
    bool *good = myl_new_array(cx, bool, events->count + 1);

    MYL_TRY(myl_fed_verify_events(cx, events->at, events->count, good));
    for (size_t i = 0; i < events->count; i++) {
        fed_entry *entry = myl_list_at(&fill->entries, first + i);

        entry->done = !good[i];
        if (good[i])
            judged[(*added)++] = entry->incoming;
    }
    return fill->coming == MYL_COMES_NEW
               ? myl_fed_policy_check(cx, fill->room.room_id, judged, *added)
               : MYL_OK;
}

/* Decodes and checks the new ones among the texts. *added: how many are new and good. */
myl_rc myl_fed_fill_add(myl_ctx *cx, fed_fill *fill, const myl_list *texts, size_t *added)
{
    myl_list pdus = MYL_LIST(cx, fed_pdu), events = MYL_LIST(cx, const myl_event *);
    size_t first = fill->entries.count;

    *added = 0;
    myl_fed_read_pdus(cx, fill->room.version, texts, fill->room.room_id, &pdus);
    fill->bad += texts->count - pdus.count;
    for (size_t i = 0; i < pdus.count && fill->entries.count < MOST_EVENTS; i++) {
        const fed_pdu *pdu = myl_list_at(&pdus, i);
        myl_incoming *incoming = myl_new(cx, myl_incoming);
        const myl_json *json;

        if (has_entry(fill, pdu->id))
            continue;
        if (myl_json_parse(cx, pdu->text, &json) != MYL_OK ||
            myl_incoming_read(cx, fill->room.version, json, incoming) != MYL_OK) {
            myl_forgive(cx);
            continue;
        }
        *(fed_entry *)myl_list_add(&fill->entries) = (fed_entry){.pdu = *pdu, .incoming = incoming};
        myl_list_push(&events, const myl_event *, &incoming->event);
    }
    return check_entries(cx, fill, first, &events, added);
}

/* ---- admitting ---- */

/* Numbers of the told state's events that are here: on a snapshot, for they may be very many. */
static myl_rc number_state(myl_ctx *cx, void *arg)
{
    fed_entry *entry = arg;
    myl_list numbers = MYL_LIST(cx, uint64_t);

    for (size_t i = 0; i < entry->state.count; i++) {
        uint64_t number;

        MYL_TRY(myl_room_event_number(cx, entry->state.ids[i], &number));
        if (number != 0)
            myl_list_push(&numbers, uint64_t, number);
    }
    entry->told = numbers.at;
    entry->told_count = numbers.count;
    return MYL_OK;
}

static myl_rc admit_entry(myl_ctx *cx, fed_fill *fill, myl_room_head *head, fed_entry *entry)
{
    myl_admission admission = {.incoming = entry->incoming,
                               .coming = fill->coming,
                               .led_to = fill->led_to,
                               .state_given = entry->told_count > 0,
                               .told = entry->told,
                               .told_count = entry->told_count,
                               .no_more = entry->no_more};
    myl_admitted admitted;

    MYL_TRY(myl_room_admit(cx, head, &admission, &admitted));
    entry->done = admitted.kind != MYL_ADMIT_MISSING;
    entry->in_change = entry->done;
    entry->accepted = admitted.kind == MYL_ADMIT_ACCEPTED;
    entry->missing = myl_fed_keep_ids(cx, admitted.missing_prev, admitted.missing_prev_count);
    entry->missing_count = admitted.missing_prev_count;
    return MYL_OK;
}

static int compare_depths(const void *a, const void *b)
{
    const fed_entry *x = a, *y = b;

    return x->pdu.depth < y->pdu.depth ? -1 : x->pdu.depth > y->pdu.depth;
}

static myl_rc note_newest(myl_ctx *cx, fed_fill *fill, const myl_room_head *head)
{
    for (size_t i = 0; i < head->extremity_count; i++) {
        myl_stored stored;

        MYL_TRY(myl_room_event(cx, head->extremities[i], &stored));
        fill->newest[i] = stored.event_id;
    }
    fill->newest_count = head->extremity_count;
    return MYL_OK;
}

/* Goes through all until nothing moves, for an event may stand on one that the list holds behind it; or until the change has
 * had its share of the engine's time. */
static myl_rc admit_all(myl_ctx *cx, void *arg)
{
    fed_share share = myl_fed_share_start();
    fed_fill *fill = arg;
    myl_room_head head;
    bool moved = true;

    fill->more = false;
    MYL_TRY(myl_room_require(cx, fill->room.room_id, &head));
    MYL_TRY(note_newest(cx, fill, &head));
    while (moved) {
        moved = false;
        for (size_t i = 0; i < fill->entries.count; i++) {
            fed_entry *entry = myl_list_at(&fill->entries, i);

            if (entry->done)
                continue;
            MYL_TRY(admit_entry(cx, fill, &head, entry));
            moved |= entry->done;
            fill->more = moved && myl_fed_share_is_over(cx, &share);
            if (fill->more)
                return MYL_OK;
        }
    }
    return MYL_OK;
}

/* What a change that was undone has admitted waits again. */
static void end_change(fed_fill *fill, bool kept)
{
    for (size_t i = 0; i < fill->entries.count; i++) {
        fed_entry *entry = myl_list_at(&fill->entries, i);

        if (!entry->in_change)
            continue;
        entry->in_change = false;
        entry->done = entry->admitted = kept;
        fill->stored += kept && entry->accepted;
    }
}

static myl_rc admit_in_shares(myl_ctx *cx, fed_fill *fill)
{
    do {
        myl_rc rc = myl_fed_change(cx, "fed.missing", admit_all, fill);

        end_change(fill, rc == MYL_OK);
        MYL_TRY(myl_fed_ahead(cx, rc));
        fill->more |= rc == MYL_UNRESOLVED;
    } while (fill->more);
    return MYL_OK;
}

/* The first that still waits, the one with the least depth; NULL: none. */
static fed_entry *first_waiting(fed_fill *fill)
{
    for (size_t i = 0; i < fill->entries.count; i++) {
        fed_entry *entry = myl_list_at(&fill->entries, i);

        if (!entry->done)
            return entry;
    }
    return NULL;
}

/* ---- asking ---- */

static const myl_json *ids_as_json(myl_ctx *cx, const myl_str *ids, size_t count)
{
    myl_list items = MYL_LIST(cx, myl_json);

    for (size_t i = 0; i < count; i++)
        myl_list_push(&items, myl_json, *myl_json_of_str(cx, ids[i]));
    return myl_json_of_items(cx, items.at, items.count);
}

static myl_rc ask_missing(myl_ctx *cx, fed_fill *fill, myl_str server, const fed_entry *entry,
                          size_t *added)
{
    myl_fed_request request = {.destination = server, .method = "POST"};
    myl_list texts = MYL_LIST(cx, myl_str);
    const myl_json *body = NULL;
    myl_fed_reply reply;

    *added = 0;
    body = myl_json_with(cx, body, MYL_S("earliest_events"),
                         ids_as_json(cx, fill->newest, fill->newest_count));
    body = myl_json_with(cx, body, MYL_S("latest_events"), ids_as_json(cx, &entry->pdu.id, 1));
    body = myl_json_with(cx, body, MYL_S("limit"), myl_json_of_int(cx, ASK_EVENTS));
    body = myl_json_with(cx, body, MYL_S("min_depth"), myl_json_of_int(cx, 0));
    request.body = body;
    request.path =
        myl_fed_path(cx, "/_matrix/federation/v1/get_missing_events/{}", &fill->room.room_id, 1);
    MYL_TRY(myl_fed_call(cx, &request, &reply));
    if (reply.status != 200)
        return myl_fed_reply_check(cx, &request, &reply);
    (void)myl_fed_cut_items(myl_fed_cut_member(reply.body, MYL_S("events")), &texts);
    fill->dry |= texts.count < SHORT;
    return myl_fed_fill_add(cx, fill, &texts, added);
}

/* The events that it stands on, without theirs: places where the history goes on with a state that is told. */
static myl_rc ask_places(myl_ctx *cx, fed_fill *fill, myl_str server, const fed_entry *entry,
                         size_t *added)
{
    size_t first = fill->entries.count;
    myl_list texts = MYL_LIST(cx, myl_str);

    (void)myl_fed_fetch_texts(cx, server, entry->missing, entry->missing_count, &texts);
    MYL_TRY(myl_fed_fill_add(cx, fill, &texts, added));
    for (size_t i = first; i < fill->entries.count; i++) {
        fed_entry *place = myl_list_at(&fill->entries, i);

        place->asked = place->is_place = true;
    }
    return MYL_OK;
}

static size_t index_of(const fed_fill *fill, const fed_entry *entry)
{
    size_t at = 0;

    while (myl_list_at(&fill->entries, at) != (void *)entry)
        at++;
    return at;
}

/* More of the history before it. */
static myl_rc help_back(myl_ctx *cx, fed_fill *fill, fed_entry *entry, myl_str server)
{
    size_t added = 0, at = index_of(fill, entry); /* the list may move when it grows */
    bool missing = !entry->asked && !fill->dry && fill->asks < ASKS;
    myl_rc rc;

    entry->asked = true;
    if (missing) {
        fill->asks++;
        rc = ask_missing(cx, fill, server, entry, &added);
    } else {
        entry->placed = true;
        rc = ask_places(cx, fill, server, entry, &added);
    }
    entry = myl_list_at(&fill->entries, at);
    if (rc != MYL_OK && missing && ++entry->tries < fill->server_count)
        entry->asked = false;
    else if (rc != MYL_OK)
        entry->tries = 0;
    /* it stands on what is no event: nobody can place it */
    entry->done = fill->bad > 0;
    if (added > 0)
        myl_list_sort(&fill->entries, compare_depths);
    return rc;
}

/* Its auth events, or the state before it. When nobody can be reached it is not judged by half of them: it is tried again later
 * (inbox.c). */
static myl_rc help_alone(myl_ctx *cx, fed_fill *fill, fed_entry *entry, myl_str server)
{
    bool auth = entry->missing_count == 0, last;
    myl_rc rc = auth ? myl_fed_fetch_auth(cx, &fill->room, server, entry->pdu.id)
                     : myl_fed_fetch_state(cx, &fill->room, server, entry->pdu.id, &entry->state);

    if (rc == MYL_OK && !auth)
        rc = myl_fed_read(cx, number_state, entry);
    last = rc != MYL_OK && ++entry->tries >= fill->server_count;
    entry->done = last && (!auth || rc == MYL_REMOTE_DOWN);
    entry->no_more = rc == MYL_OK || last;
    return rc;
}

/* One step for the first that waits. A server that does not help is no failure of ours. */
static void help(myl_ctx *cx, fed_fill *fill, fed_entry *entry)
{
    myl_str server = fill->servers[entry->tries % fill->server_count];
    bool back = fill->coming == MYL_COMES_NEW && !entry->is_place && !entry->placed;
    myl_rc rc;

    if (entry->missing_count > 0 && back && (!entry->asked || entry->missing_count <= MOST_PLACES))
        rc = help_back(cx, fill, entry, server);
    else
        rc = help_alone(cx, fill, entry, server);
    fill->unreached |= rc == MYL_REMOTE_DOWN;
    if (rc != MYL_OK)
        myl_log_failure(cx, "fed.missing");
    myl_forgive(cx);
}

myl_rc myl_fed_fill_run(myl_ctx *cx, fed_fill *fill)
{
    myl_room_ahead_start(cx);
    myl_list_sort(&fill->entries, compare_depths);
    for (int round = 0; round < fill->rounds; round++) {
        fed_entry *waiting;

        MYL_TRY(admit_in_shares(cx, fill));
        waiting = first_waiting(fill);
        if (waiting == NULL)
            return MYL_OK;
        if (myl_lanes_stopping())
            return MYL_STOPPING;
        help(cx, fill, waiting);
    }
    return admit_in_shares(cx, fill);
}

/* ---- a new event ---- */

/* The sender, and two more that are in the room. */
void myl_fed_fill_servers(myl_ctx *cx, fed_fill *fill, myl_str first)
{
    myl_fed_visit visit = {.room_id = fill->room.room_id,
                           .servers = &first,
                           .server_count = myl_str_present(first)};
    myl_list servers = MYL_LIST(cx, myl_str);

    myl_fed_candidates(cx, &visit, &servers);
    fill->servers = servers.at;
    fill->server_count = servers.count < FED_FILL_SERVERS ? servers.count : FED_FILL_SERVERS;
}

static bool is_admitted(const fed_fill *fill, myl_str id)
{
    for (size_t i = 0; i < fill->entries.count; i++) {
        const fed_entry *entry = myl_list_at(&fill->entries, i);

        if (myl_str_equal(entry->pdu.id, id))
            return entry->admitted;
    }
    return false;
}

myl_rc myl_fed_bring_in(myl_ctx *cx, const fed_waiting *waiting, bool *again)
{
    fed_fill fill = {.room = waiting->room, .coming = MYL_COMES_NEW, .rounds = ROUNDS};
    myl_list texts = MYL_LIST(cx, myl_str);
    size_t added;
    myl_str id;

    *again = false;
    fill.entries = MYL_LIST(cx, fed_entry);
    myl_list_push(&texts, myl_str, waiting->text);
    myl_fed_fill_servers(cx, &fill, waiting->origin);
    MYL_TRY(myl_fed_fill_add(cx, &fill, &texts, &added));
    fill.bad = 0;
    if (added == 0 || fill.server_count == 0)
        return MYL_OK;
    id = ((const fed_entry *)myl_list_at(&fill.entries, 0))->pdu.id;
    MYL_TRY(myl_fed_fill_run(cx, &fill));
    *again = fill.unreached && !is_admitted(&fill, id);
    return MYL_OK;
}
