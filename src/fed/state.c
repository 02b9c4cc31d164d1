/* state.c: events that are not here, fetched from other servers as outliers: states, auth chains, single ones.
 *
 * Threads: lanes.
 * Spec:    Server-Server API, Retrieving events.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/rooms_own.h"

enum { AT_ONCE = 20, BULK_FROM = 100 };

/* ---- what is not here ---- */

typedef struct {
    const myl_str *ids;
    size_t count;
    const myl_str *unknown;
    size_t unknown_count;
} unknown_arg;

static myl_rc find_unknown(myl_ctx *cx, void *arg)
{
    unknown_arg *u = arg;

    return myl_room_unknown(cx, u->ids, u->count, &u->unknown, &u->unknown_count);
}

/* ---- storing texts ---- */

static myl_rc store_texts(myl_ctx *cx, const fed_room *room, const myl_list *texts)
{
    myl_list pdus = MYL_LIST(cx, fed_pdu);

    myl_fed_read_pdus(cx, room->version, texts, room->room_id, &pdus);
    myl_fed_sort_pdus(cx, &pdus, false);
    return myl_fed_store_outliers(cx, room, &pdus, NULL);
}

/* ---- one by one ---- */

/* How many were answered: also with a refusal, which says that they cannot be had. */
static size_t take_replies(const myl_fed_reply *replies, size_t count, myl_list *texts)
{
    size_t answered = 0;

    for (size_t i = 0; i < count; i++) {
        answered += replies[i].rc == MYL_OK && replies[i].status < 429;
        if (replies[i].rc == MYL_OK && replies[i].status == 200)
            (void)myl_fed_cut_items(myl_fed_cut_member(replies[i].body, MYL_S("pdus")), texts);
    }
    return answered;
}

size_t myl_fed_fetch_texts(myl_ctx *cx, myl_str server, const myl_str *ids, size_t count,
                           myl_list *texts)
{
    myl_fed_request requests[AT_ONCE];
    myl_fed_reply replies[AT_ONCE];
    size_t answered = 0;

    if (count > MYL_LIMIT_FETCHED_EVENTS)
        count = MYL_LIMIT_FETCHED_EVENTS;
    for (size_t i = 0; i < count; i += AT_ONCE) {
        size_t piece = count - i < AT_ONCE ? count - i : AT_ONCE;

        for (size_t k = 0; k < piece; k++)
            requests[k] =
                (myl_fed_request){.destination = server,
                                  .method = "GET",
                                  .path = myl_fed_path(cx, "/_matrix/federation/v1/event/{}",
                                                       &ids[i + k], 1)};
        myl_fed_call_many(cx, requests, piece, replies);
        answered += take_replies(replies, piece, texts);
    }
    return answered;
}

/* All of them, but those that the server refuses. */
static myl_rc fetch_events(myl_ctx *cx, const fed_room *room, myl_str server, const myl_str *ids,
                           size_t count)
{
    myl_list texts = MYL_LIST(cx, myl_str);

    if (myl_fed_fetch_texts(cx, server, ids, count, &texts) < count)
        return myl_fail(cx, MYL_REMOTE_DOWN, "%.*s did not give all events", MYL_FMT(server));
    return store_texts(cx, room, &texts);
}

/* ---- in bulk ---- */

static myl_rc take_lists(fed_gather *g, const fed_room *room, const myl_fed_request *request)
{
    myl_fed_reply reply;

    MYL_TRY(myl_fed_gather_call(g, request, &reply));
    if (reply.status != 200)
        return myl_fed_reply_check(g->cx, request, &reply);
    MYL_TRY(myl_fed_gather_finish(g));
    myl_fed_sort_pdus(g->cx, &g->pdus, false);
    return myl_fed_store_outliers(g->cx, room, &g->pdus, &g->spool);
}

static myl_rc fetch_lists(myl_ctx *cx, const fed_room *room, const myl_fed_request *request)
{
    fed_gather g = {.lists = {.arrays = {"pdus", "auth_chain"}}};
    myl_rc rc;

    myl_fed_gather_start(cx, &g, room);
    rc = take_lists(&g, room, request);
    myl_fed_gather_end(&g);
    return rc;
}

myl_rc myl_fed_fetch_auth(myl_ctx *cx, const fed_room *room, myl_str server, myl_str event_id)
{
    const myl_str parts[] = {room->room_id, event_id};
    myl_fed_request request = {.destination = server,
                               .method = "GET",
                               .reply_limit = MYL_LIMIT_STATE_REPLY_BYTES};

    request.path = myl_fed_path(cx, "/_matrix/federation/v1/event_auth/{}/{}", parts, 2);
    return fetch_lists(cx, room, &request);
}

static void read_ids(const myl_json *json, const char *key, myl_list *out)
{
    const myl_json *array = myl_json_array(json, myl_str_of(key));

    for (uint32_t i = 0; array != NULL && i < array->count; i++)
        if (array->items[i].kind == MYL_JSON_STRING && myl_id_is_event(array->items[i].text))
            myl_list_push(out, myl_str, array->items[i].text);
}

/* All that is named and not here. */
static myl_rc fetch_named(myl_ctx *cx, const fed_room *room, myl_str server, myl_str event_id,
                          const myl_list *ids)
{
    unknown_arg unknown = {.ids = ids->at, .count = ids->count};
    const myl_str parts[] = {room->room_id, event_id};
    myl_fed_request request = {.destination = server,
                               .method = "GET",
                               .reply_limit = MYL_LIMIT_STATE_REPLY_BYTES};

    MYL_TRY(myl_fed_read(cx, find_unknown, &unknown));
    if (unknown.unknown_count == 0)
        return MYL_OK;
    if (unknown.unknown_count < BULK_FROM)
        return fetch_events(cx, room, server, unknown.unknown, unknown.unknown_count);
    request.path = myl_fed_path(cx, "/_matrix/federation/v1/state/{}?event_id={}", parts, 2);
    return fetch_lists(cx, room, &request);
}

myl_rc myl_fed_fetch_state(myl_ctx *cx, const fed_room *room, myl_str server, myl_str event_id,
                           fed_state *out)
{
    const myl_str parts[] = {room->room_id, event_id};
    myl_fed_request request = {.destination = server,
                               .method = "GET",
                               .reply_limit = MYL_LIMIT_STATE_IDS_BYTES};
    myl_list state = MYL_LIST(cx, myl_str), all = MYL_LIST(cx, myl_str);
    myl_fed_reply reply;

    request.path = myl_fed_path(cx, "/_matrix/federation/v1/state_ids/{}?event_id={}", parts, 2);
    MYL_TRY(myl_fed_ask(cx, &request, &reply));
    read_ids(reply.json, "pdu_ids", &state);
    if (state.count == 0)
        return myl_fail(cx, MYL_REMOTE_DOWN, "%.*s told an empty state", MYL_FMT(server));
    for (size_t i = 0; i < state.count; i++)
        myl_list_push(&all, myl_str, myl_list_get(&state, myl_str, i));
    read_ids(reply.json, "auth_chain_ids", &all);
    MYL_TRY(fetch_named(cx, room, server, event_id, &all));
    *out = (fed_state){state.at, state.count};
    return MYL_OK;
}
