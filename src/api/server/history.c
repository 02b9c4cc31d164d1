/* history.c: a room's events and states for the servers in it.
 *
 * Spec:    Server-Server API, Backfilling and retrieving missing events; Retrieving events.
 * Threads: a read worker.
 * Holds:   an event that the history visibility hides from the server goes out redacted: it is still needed to walk the
 *          graph and to ask for the state at it. What belongs to the present state is hidden from nobody in the room.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/server/server_own.h"

#include <myelin/base_limit.h>

enum { MOST_EVENTS = 100, MOST_MISSING = 50 };

/* ---- one event into an answer ---- */

static myl_rc write_hidden(myl_ctx *cx, myl_writer *w, const myl_stored *stored)
{
    myl_event event;

    MYL_TRY(myl_room_event_open(cx, stored, &event));
    myl_write_json(w, NULL, myl_event_redact(cx, stored->version, event.json));
    return MYL_OK;
}

static myl_rc write_pdu(myl_ctx *cx, myl_writer *w, myl_server_sight *sight,
                        const myl_stored *stored)
{
    myl_str json;
    /* what is only part of an auth chain is known to all who are in the room */
    bool visible = (stored->flags & MYL_EVENT_OUTLIER) != 0;

    if (!visible)
        MYL_TRY(myl_room_server_may_see(cx, sight, stored, &visible));
    if (!visible)
        return write_hidden(cx, w, stored);
    MYL_TRY(myl_room_pdu(cx, stored, &json));
    myl_write_raw(w, NULL, json);
    return MYL_OK;
}

static myl_rc write_pdus(myl_req *req, myl_writer *w, const myl_room_head *head,
                         const myl_list *events)
{
    myl_server_sight sight = {.room = head->room, .server = req->origin, .present = head->state};

    for (size_t i = 0; i < events->count; i++)
        MYL_TRY(write_pdu(&req->cx, w, &sight, myl_list_at(events, i)));
    return MYL_OK;
}

/* ---- one event ---- */

myl_rc myl_server_event(myl_req *req, const myl_body_none *in)
{
    myl_ctx *cx = &req->cx;
    myl_writer w = myl_write_start(cx, 2048);
    myl_server_sight sight = {.server = req->origin};
    myl_room_head head;
    myl_stored stored = {0};
    uint64_t number;

    MYL_UNUSED(in);
    MYL_TRY(myl_room_event_number(cx, req->path.event_id, &number));
    if (number != 0)
        MYL_TRY(myl_room_event(cx, number, &stored));
    if (number == 0 || (stored.flags & MYL_EVENT_REJECTED) != 0)
        return myl_fail(cx, MYL_NOT_FOUND, "there is no such event");
    MYL_TRY(myl_room_head_of(cx, stored.room, &head));
    MYL_TRY(myl_server_open_joined(req, head.room_id, &head));
    sight.room = head.room;
    sight.present = head.state;
    myl_write_open(&w, '{');
    myl_server_write_origin(&w);
    myl_write_open_key(&w, "pdus", '[');
    MYL_TRY(write_pdu(cx, &w, &sight, &stored));
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- states ---- */

static myl_rc reply_state(myl_req *req, bool ids)
{
    myl_str event_id = myl_req_query(req, "event_id");
    myl_state_pages pages = {.ids = ids,
                             .chain_key = ids ? "auth_chain_ids" : "auth_chain",
                             .state_key = ids ? "pdu_ids" : "pdus",
                             .before = MYL_S("{"),
                             .after = MYL_S("}")};
    myl_room_head head;
    myl_stored stored;

    if (!myl_str_present(event_id))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "event_id: missing");
    MYL_TRY(myl_server_open_joined(req, req->path.room_id, &head));
    MYL_TRY(myl_room_event_of(&req->cx, head.room, event_id, &stored));
    pages.root = stored.before;
    return myl_server_reply_state(req, &pages);
}

myl_rc myl_server_state(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return reply_state(req, false);
}

myl_rc myl_server_state_ids(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return reply_state(req, true);
}

myl_rc myl_server_event_auth(myl_req *req, const myl_body_none *in)
{
    myl_state_pages pages = {.chain_only = true,
                             .chain_key = "auth_chain",
                             .before = MYL_S("{"),
                             .after = MYL_S("}")};
    myl_room_head head;
    myl_stored stored = {0};
    uint64_t number;

    MYL_UNUSED(in);
    MYL_TRY(myl_server_open_joined(req, req->path.room_id, &head));
    MYL_TRY(myl_room_event_number(&req->cx, req->path.event_id, &number));
    if (number != 0)
        MYL_TRY(myl_room_event(&req->cx, number, &stored));
    if (number == 0 || stored.room != head.room || (stored.flags & MYL_EVENT_REJECTED) != 0)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such event in this room");
    pages.event = number;
    return myl_server_reply_state(req, &pages);
}

/* ---- what lies before ---- */

static myl_rc numbers_of(myl_req *req, const myl_str *ids, size_t count, myl_list *out)
{
    for (size_t i = 0; i < count && i < MYL_LIMIT_EXTREMITIES; i++) {
        uint64_t number;

        MYL_TRY(myl_room_event_number(&req->cx, ids[i], &number));
        if (number != 0)
            myl_list_push(out, uint64_t, number);
    }
    return MYL_OK;
}

myl_rc myl_server_backfill(myl_req *req, const myl_body_none *in)
{
    myl_ctx *cx = &req->cx;
    myl_writer w = myl_write_start(cx, 65536);
    myl_list from = MYL_LIST(cx, uint64_t), events = MYL_LIST(cx, myl_stored);
    myl_walk_back walk = {.with_from = true, .min_depth = INT64_MIN};
    const myl_str *ids;
    myl_room_head head;
    int64_t limit;
    size_t count = myl_req_query_all(req, "v", &ids);

    MYL_UNUSED(in);
    MYL_TRY(myl_req_query_int(req, "limit", 0, INT64_MAX, MOST_EVENTS, &limit));
    if (count == 0)
        return myl_fail(cx, MYL_MISSING_PARAM, "v: missing");
    MYL_TRY(myl_server_open_joined(req, req->path.room_id, &head));
    MYL_TRY(numbers_of(req, ids, count, &from));
    walk.from = from.at;
    walk.from_count = from.count;
    walk.limit = limit < MOST_EVENTS ? (size_t)limit : MOST_EVENTS;
    MYL_TRY(myl_room_walk_back(cx, &head, &walk, &events));
    myl_write_open(&w, '{');
    myl_server_write_origin(&w);
    myl_write_open_key(&w, "pdus", '[');
    MYL_TRY(write_pdus(req, &w, &head, &events));
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

static void turn_round(myl_list *events)
{
    myl_stored *at = events->at;

    for (size_t i = 0; i < events->count / 2; i++) {
        myl_stored one = at[i];

        at[i] = at[events->count - 1 - i];
        at[events->count - 1 - i] = one;
    }
}

myl_rc myl_server_missing_events(myl_req *req, const myl_body_fed_missing_events *in)
{
    myl_ctx *cx = &req->cx;
    myl_writer w = myl_write_start(cx, 65536);
    myl_list from = MYL_LIST(cx, uint64_t), events = MYL_LIST(cx, myl_stored);
    myl_walk_back walk = {.stop = in->earliest_events,
                          .stop_count = in->earliest_events_count,
                          .min_depth = in->min_depth};
    myl_room_head head;

    MYL_TRY(myl_server_open_joined(req, req->path.room_id, &head));
    MYL_TRY(numbers_of(req, in->latest_events, in->latest_events_count, &from));
    walk.from = from.at;
    walk.from_count = from.count;
    walk.limit = in->limit < MOST_MISSING ? (size_t)in->limit : MOST_MISSING;
    MYL_TRY(myl_room_walk_back(cx, &head, &walk, &events));
    turn_round(&events);
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "events", '[');
    MYL_TRY(write_pdus(req, &w, &head, &events));
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
