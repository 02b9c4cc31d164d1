/* history.c: a room's past: pages of /messages, and what surrounds an event.
 *
 * Spec:    Client-Server API, Getting events for a room; Event context.
 * Threads: a read worker.
 * Holds:   nothing is shown that the history visibility hides from this reader.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <stdlib.h>

#include <myelin/base_list.h>
#include <myelin/fed_rooms.h>
#include <myelin/sync_build.h>

enum { DEFAULT_MESSAGES = 10, MAX_MESSAGES = 1000, MOST_FETCHES = 4 };

/* One page of history in the making. */
typedef struct {
    myl_room_head head;
    myl_direction direction;
    myl_point from, to;
    bool has_to;
    int64_t limit;
    myl_event_filter filter;
    myl_client_reading reading;
    myl_list events; /* myl_stored */
    myl_point end;
    uint64_t bound; /* backward: what came at or after this position was shown already; 0: none */
    bool over;      /* nothing lies beyond */
    bool stops_at_gaps;
    uint64_t gap; /* the event behind which history lies that others have; 0: none was met */
} page;

myl_rc myl_client_read_point(myl_req *req, uint64_t room, const char *name, myl_point *out)
{
    myl_str text = myl_req_query(req, name);
    myl_sync_token token;

    if (!myl_sync_token_is(text))
        return myl_point_read(&req->cx, text, name, out);
    MYL_TRY(myl_sync_token_read(&req->cx, text, name, &token));
    return myl_point_of_position(&req->cx, room, token.durable, out);
}

static myl_rc read_direction(myl_req *req, page *p)
{
    myl_str dir = myl_req_query(req, "dir");

    if (!myl_str_present(dir))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "dir: missing");
    if (!myl_str_equal(dir, MYL_S("b")) && !myl_str_equal(dir, MYL_S("f")))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "dir: expected b or f");
    p->direction = dir.at[0] == 'b' ? MYL_BACKWARD : MYL_FORWARD;
    return MYL_OK;
}

static myl_rc read_filter(myl_req *req, page *p)
{
    myl_str text = myl_req_query(req, "filter");
    const myl_json *json = NULL;

    if (text.len > 0)
        MYL_TRY(myl_filter_parse(&req->cx, text, &json));
    return myl_event_filter_decode(&req->cx, json, &p->filter);
}

static myl_rc read_page(myl_req *req, page *p)
{
    bool back;

    MYL_TRY(read_direction(req, p));
    MYL_TRY(myl_req_query_int(req, "limit", 0, INT64_MAX, DEFAULT_MESSAGES, &p->limit));
    if (p->limit > MAX_MESSAGES)
        p->limit = MAX_MESSAGES;
    MYL_TRY(read_filter(req, p));
    back = p->direction == MYL_BACKWARD;
    p->from = back ? (myl_point){INT64_MAX, UINT64_MAX} : (myl_point){INT64_MIN, 0};
    if (myl_req_query(req, "from").len > 0)
        MYL_TRY(myl_client_read_point(req, p->head.room, "from", &p->from));
    p->bound = back ? myl_point_read_marks(myl_req_query(req, "from")).bound : 0;
    p->has_to = myl_req_query(req, "to").len > 0;
    return p->has_to ? myl_client_read_point(req, p->head.room, "to", &p->to) : MYL_OK;
}

static bool is_past(const page *p, const myl_stored *stored)
{
    bool before = stored->depth < p->to.depth ||
                  (stored->depth == p->to.depth && stored->number <= p->to.number);

    return p->has_to && (p->direction == MYL_BACKWARD ? before : !before);
}

static myl_rc is_wanted(myl_req *req, page *p, const myl_stored *stored, bool *out)
{
    *out = p->bound == 0 || stored->position < p->bound;
    if (!*out)
        return MYL_OK;
    MYL_TRY(myl_client_may_show(req, &p->reading, stored, out));
    if (!*out)
        return MYL_OK;
    return myl_event_filter_admits(&req->cx, &p->filter, p->head.room_id, stored, out);
}

/* The page full, the gap is the next page's matter. */
static myl_rc look_for_gap(myl_req *req, page *p, const myl_stored *stored)
{
    bool gap;

    if (!p->stops_at_gaps || (int64_t)p->events.count >= p->limit)
        return MYL_OK;
    MYL_TRY(myl_room_is_gap(&req->cx, stored, &gap));
    if (gap)
        p->gap = stored->number;
    return MYL_OK;
}

/* The page before this one may have ended at a gap. */
static myl_rc look_behind(myl_req *req, page *p)
{
    myl_stored stored;
    myl_walk *walk;
    bool gap = false;

    if (!p->stops_at_gaps || p->from.depth == INT64_MAX)
        return MYL_OK;
    MYL_TRY(myl_walk_reading(&req->cx, p->head.room, p->from, MYL_FORWARD, &walk));
    MYL_TRY(myl_walk_next(walk, &stored));
    myl_walk_end(walk);
    if (stored.number != 0)
        MYL_TRY(myl_room_is_gap(&req->cx, &stored, &gap));
    p->gap = gap ? stored.number : 0;
    return MYL_OK;
}

static myl_rc collect_page(myl_req *req, page *p)
{
    myl_stored stored;
    myl_walk *walk;
    bool wanted;

    p->events = MYL_LIST(&req->cx, myl_stored);
    p->end = p->from;
    MYL_TRY(myl_walk_reading(&req->cx, p->head.room, p->from, p->direction, &walk));
    for (size_t steps = 0; (int64_t)p->events.count < p->limit && steps < MYL_LIMIT_MESSAGES_WALK;
         steps++) {
        MYL_TRY(myl_walk_next(walk, &stored));
        p->over = stored.number == 0 || is_past(p, &stored);
        if (p->over)
            break;
        p->end =
            p->direction == MYL_BACKWARD ? myl_point_before(&stored) : myl_point_after(&stored);
        MYL_TRY(is_wanted(req, p, &stored, &wanted));
        if (wanted)
            myl_list_push(&p->events, myl_stored, stored);
        MYL_TRY(look_for_gap(req, p, &stored));
        if (p->gap != 0)
            break;
    }
    myl_walk_end(walk);
    return MYL_OK;
}

/* ---- history that is elsewhere ---- */

typedef struct {
    myl_str room_id;
    uint64_t gap;
    size_t got;
} fetch_plan;

static myl_rc fetch_history(myl_req *req, void *state)
{
    fetch_plan *plan = state;

    return myl_fed_backfill(&req->cx, plan->room_id, plan->gap, &plan->got);
}

/* Fetches what lies in the gap that the page met, unless the last time gave nothing. */
static myl_rc need_history(myl_req *req, const page *p)
{
    fetch_plan *plan = myl_new(&req->cx, fetch_plan);

    plan->room_id = p->head.room_id;
    plan->gap = p->gap;
    return myl_req_need(req, MYL_LANE_REMOTE, fetch_history, plan);
}

/* A gap is worth asking others for, a few times a request, as long as something comes. */
static bool may_fetch(const myl_req *req)
{
    const fetch_plan *plan = req->plan.state;

    return plan == NULL || (plan->got > 0 && req->plan.rounds < MOST_FETCHES);
}

/* What the page's events take, nearly: so that the text need not grow and be copied. */
static size_t page_bytes(const page *p)
{
    size_t bytes = 256;

    for (size_t i = 0; i < p->events.count; i++)
        bytes += ((const myl_stored *)myl_list_at(&p->events, i))->bytes.len;
    return bytes;
}

static myl_rc write_events(myl_req *req, page *p, const char *key, myl_writer *w)
{
    myl_write_open_key(w, key, '[');
    for (size_t i = 0; i < p->events.count; i++)
        MYL_TRY(myl_client_write_event(req, w, NULL, myl_list_at(&p->events, i), &p->reading));
    myl_write_close(w, ']');
    return MYL_OK;
}

/* ---- the members that speak (spec: Lazy-loading room members) ---- */

static int compare_senders(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static void add_senders(const myl_list *events, myl_list *senders)
{
    for (size_t i = 0; i < events->count; i++)
        myl_list_push(senders, uint64_t, ((const myl_stored *)myl_list_at(events, i))->sender);
}

/* The member events of these senders at a state, as elements of the open array. */
static myl_rc write_members(myl_req *req, page *p, myl_tree_root root, myl_list *senders,
                            myl_writer *w)
{
    uint64_t before = 0, type, number;

    MYL_TRY(myl_store_interned(&req->cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &type));
    myl_list_sort(senders, compare_senders);
    for (size_t i = 0; i < senders->count && root != 0; i++) {
        uint64_t sender = myl_list_get(senders, uint64_t, i);
        myl_stored member;

        if (sender == before)
            continue;
        before = sender;
        MYL_TRY(myl_tree_get(&req->cx, myl_store_nodes(&req->cx), root, (uint32_t)type, sender,
                             &number));
        if (number == 0)
            continue;
        MYL_TRY(myl_room_event(&req->cx, number, &member));
        MYL_TRY(myl_client_write_event(req, w, NULL, &member, &p->reading));
    }
    return MYL_OK;
}

static myl_rc write_speakers(myl_req *req, page *p, myl_writer *w)
{
    myl_list senders = MYL_LIST(&req->cx, uint64_t);

    if (!p->filter.lazy_load_members || p->events.count == 0)
        return MYL_OK;
    add_senders(&p->events, &senders);
    myl_write_open_key(w, "state", '[');
    MYL_TRY(write_members(req, p, ((const myl_stored *)myl_list_at(&p->events, 0))->after, &senders,
                          w));
    myl_write_close(w, ']');
    return MYL_OK;
}

static myl_rc write_page(myl_req *req, page *p, myl_writer *w)
{
    const myl_point_marks marks = {.bound = p->bound};

    myl_write_open(w, '{');
    MYL_TRY(write_events(req, p, "chunk", w));
    if (!p->over)
        myl_write_str(w, "end", myl_point_write_marked(&req->cx, p->end, marks));
    myl_write_str(w, "start", myl_point_write_marked(&req->cx, p->from, marks));
    MYL_TRY(write_speakers(req, p, w));
    myl_write_close(w, '}');
    return MYL_OK;
}

myl_rc myl_client_messages(myl_req *req, const myl_body_none *in)
{
    myl_tree_root root;
    page p = {0};
    myl_writer w;

    MYL_UNUSED(in);
    MYL_TRY(myl_client_open_room(req, &p.head, &root));
    MYL_TRY(myl_client_open_reading(req, &p.reading));
    MYL_TRY(read_page(req, &p));
    p.stops_at_gaps = p.direction == MYL_BACKWARD && may_fetch(req);
    MYL_TRY(look_behind(req, &p));
    if (p.gap == 0)
        MYL_TRY(collect_page(req, &p));
    if (p.gap != 0)
        return need_history(req, &p);
    w = myl_write_start(&req->cx, page_bytes(&p));
    MYL_TRY(write_page(req, &p, &w));
    return myl_reply_written(req, &w);
}

/* ---- the surroundings of an event ---- */

/* Pages on both sides of an event; the event itself counts for neither. */
typedef struct {
    myl_stored event;
    page before, after;
} surroundings;

static myl_rc collect_side(myl_req *req, page *p, const page *shared, myl_direction direction,
                           const myl_stored *event)
{
    *p = *shared;
    p->direction = direction;
    p->from = direction == MYL_BACKWARD ? myl_point_before(event) : myl_point_after(event);
    return collect_page(req, p);
}

static myl_rc collect_surroundings(myl_req *req, surroundings *s)
{
    page shared = {0};
    myl_tree_root root;
    int64_t limit;
    bool visible;

    MYL_TRY(myl_client_open_room(req, &shared.head, &root));
    MYL_TRY(myl_room_event_of(&req->cx, shared.head.room, req->path.event_id, &s->event));
    MYL_TRY(myl_client_open_reading(req, &shared.reading));
    MYL_TRY(myl_client_may_show(req, &shared.reading, &s->event, &visible));
    if (!visible)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such event in this room");
    MYL_TRY(myl_req_query_int(req, "limit", 0, INT64_MAX, DEFAULT_MESSAGES, &limit));
    MYL_TRY(read_filter(req, &shared));
    limit = limit > MAX_MESSAGES ? MAX_MESSAGES : limit;
    shared.limit = limit / 2;
    MYL_TRY(collect_side(req, &s->before, &shared, MYL_BACKWARD, &s->event));
    shared.limit = limit - limit / 2;
    return collect_side(req, &s->after, &shared, MYL_FORWARD, &s->event);
}

/* `senders` is sorted. */
static bool speaks(const myl_list *senders, uint64_t user)
{
    return bsearch(&user, senders->at, senders->count, sizeof(user), compare_senders) != NULL;
}

/* The room's state after the newest event that is shown: what the filter lets through, and with lazily loaded members not those
 * that do not speak. */
static myl_rc write_state(myl_req *req, surroundings *s, myl_writer *w)
{
    const myl_list *after = &s->after.events;
    const myl_stored *newest = after->count > 0 ? myl_list_at(after, after->count - 1) : &s->event;
    bool lazy = s->after.filter.lazy_load_members, admitted;
    myl_list senders = MYL_LIST(&req->cx, uint64_t);
    const uint64_t *numbers;
    uint64_t type;
    myl_stored stored;
    size_t count;

    myl_list_push(&senders, uint64_t, s->event.sender);
    add_senders(&s->before.events, &senders);
    add_senders(after, &senders);
    myl_list_sort(&senders, compare_senders);
    MYL_TRY(myl_store_interned(&req->cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &type));
    MYL_TRY(myl_room_state_all(&req->cx, newest->after, &numbers, &count));
    myl_write_open_key(w, "state", '[');
    for (size_t i = 0; i < count; i++) {
        MYL_TRY(myl_room_event(&req->cx, numbers[i], &stored));
        if (lazy && stored.type == type && !speaks(&senders, stored.state_key))
            continue;
        MYL_TRY(myl_event_filter_admits(&req->cx, &s->after.filter, s->after.head.room_id, &stored,
                                        &admitted));
        if (admitted)
            MYL_TRY(myl_client_write_event(req, w, NULL, &stored, &s->after.reading));
    }
    myl_write_close(w, ']');
    return MYL_OK;
}

myl_rc myl_client_context(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 4096);
    surroundings s;

    MYL_UNUSED(in);
    MYL_TRY(collect_surroundings(req, &s));
    myl_write_open(&w, '{');
    myl_write_str(&w, "end", myl_point_write(&req->cx, s.after.end));
    MYL_TRY(myl_client_write_event(req, &w, "event", &s.event, &s.after.reading));
    MYL_TRY(write_events(req, &s.after, "events_after", &w));
    MYL_TRY(write_events(req, &s.before, "events_before", &w));
    myl_write_str(&w, "start", myl_point_write(&req->cx, s.before.end));
    MYL_TRY(write_state(req, &s, &w));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
