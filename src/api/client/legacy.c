/* legacy.c: what clients asked before there was /sync: the whole of a user or a room at once, and a stream of events.
 *
 * Spec:    Client-Server API, the deprecated /initialSync, /events, /rooms/{roomId}/initialSync.
 * Threads: a read worker; a waiting /events costs no thread.
 * Holds:   nothing is shown that the history visibility hides from this reader, or whose sender they ignore.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/base_clock.h>
#include <myelin/base_list.h>
#include <myelin/room_directory.h>
#include <myelin/sync_build.h>

enum { DEFAULT_MESSAGES = 10, MAX_MESSAGES = 100, MAX_EVENTS = 500, MAX_CHANGED = 10000 };

typedef struct {
    myl_req *req;
    myl_client_reading reading;
    myl_writer w;
    myl_sync_token now;
    const myl_account_data *data;
    size_t data_count;
    int64_t limit;
} looking;

static myl_rc start(myl_req *req, looking *l)
{
    myl_ctx *cx = &req->cx;

    *l = (looking){.req = req, .w = myl_write_start(cx, 4096)};
    MYL_TRY(myl_req_query_int(req, "limit", 0, INT64_MAX, DEFAULT_MESSAGES, &l->limit));
    if (l->limit > MAX_MESSAGES)
        l->limit = MAX_MESSAGES;
    MYL_TRY(myl_client_open_reading(req, &l->reading));
    MYL_TRY(myl_store_epoch(cx, &l->now.epoch));
    MYL_TRY(myl_store_position(cx, &l->now.durable));
    l->now.boot = myl_room_boot_id();
    l->now.counter = myl_room_volatile_now();
    return myl_user_data_since(cx, req->caller.user, 0, &l->data, &l->data_count);
}

/* ---- pieces of a room ---- */

/* The newest messages that may be seen, the oldest of them first. */
static myl_rc write_messages(looking *l, const myl_room_head *head)
{
    myl_list events = MYL_LIST(&l->req->cx, myl_stored);
    myl_point start = {INT64_MAX, UINT64_MAX}, end = start;
    myl_walk *walk;

    MYL_TRY(myl_walk_reading(&l->req->cx, head->room, end, MYL_BACKWARD, &walk));
    for (size_t steps = 0; (int64_t)events.count < l->limit && steps < MYL_LIMIT_MESSAGES_WALK;
         steps++) {
        myl_stored stored;
        bool may;

        MYL_TRY(myl_walk_next(walk, &stored));
        if (stored.number == 0)
            break;
        if (steps == 0)
            end = myl_point_after(&stored);
        start = myl_point_before(&stored);
        MYL_TRY(myl_client_may_show(l->req, &l->reading, &stored, &may));
        if (may)
            myl_list_push(&events, myl_stored, stored);
    }
    myl_walk_end(walk);
    myl_write_open_key(&l->w, "messages", '{');
    myl_write_open_key(&l->w, "chunk", '[');
    for (size_t i = events.count; i > 0; i--)
        MYL_TRY(
            myl_client_write_event(l->req, &l->w, NULL, myl_list_at(&events, i - 1), &l->reading));
    myl_write_close(&l->w, ']');
    myl_write_str(&l->w, "end", myl_point_write(&l->req->cx, end));
    myl_write_str(&l->w, "start", myl_point_write(&l->req->cx, start));
    myl_write_close(&l->w, '}');
    return MYL_OK;
}

static myl_rc write_state(looking *l, myl_tree_root root)
{
    const uint64_t *numbers;
    myl_stored stored;
    size_t count;

    MYL_TRY(myl_room_state_all(&l->req->cx, root, &numbers, &count));
    myl_write_open_key(&l->w, "state", '[');
    for (size_t i = 0; i < count; i++) {
        MYL_TRY(myl_room_event(&l->req->cx, numbers[i], &stored));
        MYL_TRY(myl_client_write_event(l->req, &l->w, NULL, &stored, &l->reading));
    }
    myl_write_close(&l->w, ']');
    return MYL_OK;
}

static void write_data(looking *l, uint64_t room)
{
    myl_write_open_key(&l->w, "account_data", '[');
    for (size_t i = 0; i < l->data_count; i++) {
        if (l->data[i].room != room)
            continue;
        myl_write_open(&l->w, '{');
        myl_write_raw(&l->w, "content", l->data[i].json);
        myl_write_str(&l->w, "type", l->data[i].type);
        myl_write_close(&l->w, '}');
    }
    myl_write_close(&l->w, ']');
}

static myl_rc write_receipt(looking *l, const myl_receipt *receipt)
{
    myl_str user;

    MYL_TRY(myl_store_text_of(&l->req->cx, MYL_INTERN_NAME, receipt->user, &user));
    myl_write_open(&l->w, '{');
    myl_write_open_key(&l->w, "content", '{');
    myl_write_open_str(&l->w, receipt->event_id, '{');
    myl_write_open_str(&l->w, receipt->type, '{');
    myl_write_open_str(&l->w, user, '{');
    myl_write_str(&l->w, "thread_id", receipt->thread_id);
    myl_write_int(&l->w, "ts", receipt->ts);
    for (int i = 0; i < 4; i++)
        myl_write_close(&l->w, '}');
    myl_write_str(&l->w, "type", MYL_S("m.receipt"));
    myl_write_close(&l->w, '}');
    return MYL_OK;
}

/* Private ones are for their owner alone. */
static myl_rc write_receipts(looking *l, uint64_t room)
{
    const myl_receipt *receipts;
    size_t count;

    MYL_TRY(myl_room_receipts(&l->req->cx, room, 0, &receipts, &count));
    myl_write_open_key(&l->w, "receipts", '[');
    for (size_t i = 0; i < count; i++)
        if (receipts[i].user == l->req->caller.user ||
            (myl_str_equal(receipts[i].type, MYL_S("m.read")) &&
             !myl_ignores(l->reading.form.ignored, receipts[i].user)))
            MYL_TRY(write_receipt(l, &receipts[i]));
    myl_write_close(&l->w, ']');
    return MYL_OK;
}

static myl_rc write_room(looking *l, const myl_room_head *head, myl_membership membership)
{
    myl_tree_root root;
    bool listed;

    MYL_TRY(myl_room_readable_state(&l->req->cx, head, l->req->caller.user, &root));
    MYL_TRY(myl_room_list_has(&l->req->cx, head->room, MYL_S(""), &listed));
    write_data(l, head->room);
    myl_write_str(&l->w, "membership", myl_membership_name(membership));
    MYL_TRY(write_messages(l, head));
    myl_write_open_key(&l->w, "presence", '[');
    myl_write_close(&l->w, ']');
    MYL_TRY(write_receipts(l, head->room));
    myl_write_str(&l->w, "room_id", head->room_id);
    MYL_TRY(write_state(l, root));
    myl_write_str(&l->w, "visibility", listed ? MYL_S("public") : MYL_S("private"));
    return MYL_OK;
}

myl_rc myl_client_room_initial_sync(myl_req *req, const myl_body_none *in)
{
    myl_room_head head;
    myl_member member;
    myl_tree_root root;
    looking l;

    MYL_UNUSED(in);
    MYL_TRY(myl_client_open_room(req, &head, &root));
    MYL_TRY(start(req, &l));
    MYL_TRY(myl_room_member(&req->cx, head.room, req->caller.user, &member));
    myl_write_open(&l.w, '{');
    MYL_TRY(write_room(&l, &head, member.membership));
    myl_write_close(&l.w, '}');
    return myl_reply_written(req, &l.w);
}

/* ---- the whole of a user ---- */

static myl_rc write_invite(looking *l, const myl_room_head *head, const myl_member *member)
{
    myl_stored stored;

    MYL_TRY(myl_room_event(&l->req->cx, member->event, &stored));
    MYL_TRY(myl_client_write_event(l->req, &l->w, "invite", &stored, &l->reading));
    myl_write_str(&l->w, "membership", MYL_S("invite"));
    myl_write_str(&l->w, "room_id", head->room_id);
    return MYL_OK;
}

static myl_rc write_rooms(looking *l)
{
    const myl_member *rooms;
    myl_room_head head;
    size_t count;

    MYL_TRY(myl_room_of_user(&l->req->cx, l->req->caller.user,
                             1u << MYL_MEMBER_JOIN | 1u << MYL_MEMBER_INVITE, &rooms, &count));
    myl_write_open_key(&l->w, "rooms", '[');
    for (size_t i = 0; i < count; i++) {
        MYL_TRY(myl_room_head_of(&l->req->cx, rooms[i].room, &head));
        myl_write_open(&l->w, '{');
        MYL_TRY(rooms[i].membership == MYL_MEMBER_JOIN ? write_room(l, &head, MYL_MEMBER_JOIN)
                                                       : write_invite(l, &head, &rooms[i]));
        myl_write_close(&l->w, '}');
    }
    myl_write_close(&l->w, ']');
    return MYL_OK;
}

myl_rc myl_client_initial_sync(myl_req *req, const myl_body_none *in)
{
    looking l;

    MYL_UNUSED(in);
    MYL_TRY(start(req, &l));
    myl_write_open(&l.w, '{');
    write_data(&l, 0);
    myl_write_str(&l.w, "end", myl_sync_token_write(&req->cx, l.now));
    myl_write_open_key(&l.w, "presence", '[');
    myl_write_close(&l.w, ']');
    MYL_TRY(write_rooms(&l));
    myl_write_close(&l.w, '}');
    return myl_reply_written(req, &l.w);
}

/* ---- the stream ---- */

typedef struct {
    looking l;
    myl_sync_token since;
    myl_list rooms; /* uint64_t: that are listened to */
    size_t count;   /* events written */
} stream;

/* The caller's rooms, or the one that they name, which they may read. */
static myl_rc choose_rooms(myl_req *req, stream *s)
{
    myl_str room_id = myl_req_query(req, "room_id");
    const myl_member *rooms;
    myl_room_head head;
    myl_tree_root root;
    size_t count;

    s->rooms = MYL_LIST(&req->cx, uint64_t);
    if (room_id.len > 0) {
        MYL_TRY(myl_room_head_get(&req->cx, room_id, &head));
        if (head.room == 0)
            return myl_fail(&req->cx, MYL_FORBIDDEN, "room_id: you are not in the room");
        MYL_TRY(myl_room_readable_state(&req->cx, &head, req->caller.user, &root));
        myl_list_push(&s->rooms, uint64_t, head.room);
        return MYL_OK;
    }
    MYL_TRY(myl_room_of_user(&req->cx, req->caller.user, 1u << MYL_MEMBER_JOIN, &rooms, &count));
    for (size_t i = 0; i < count && i < MYL_LIMIT_PARKED_ROOMS; i++)
        myl_list_push(&s->rooms, uint64_t, rooms[i].room);
    return MYL_OK;
}

static myl_rc write_arrivals(stream *s, uint64_t room)
{
    myl_range range = {s->since.durable, s->l.now.durable};
    myl_walk *walk;

    MYL_TRY(myl_walk_arrival(&s->l.req->cx, room, &range, MYL_FORWARD, &walk));
    while (s->count < MAX_EVENTS) {
        myl_stored stored;
        bool may;

        MYL_TRY(myl_walk_next(walk, &stored));
        if (stored.number == 0)
            break;
        MYL_TRY(myl_client_may_show(s->l.req, &s->l.reading, &stored, &may));
        if (!may)
            continue;
        MYL_TRY(myl_client_write_event(s->l.req, &s->l.w, NULL, &stored, &s->l.reading));
        s->count++;
    }
    myl_walk_end(walk);
    return MYL_OK;
}

static bool is_among(const myl_changed_rooms *changed, uint64_t room)
{
    for (size_t i = 0; i < changed->count; i++)
        if (changed->rooms[i] == room)
            return true;
    return changed->all;
}

static myl_rc write_chunk(stream *s)
{
    myl_changed_rooms changed;

    MYL_TRY(myl_room_changed(&s->l.req->cx, s->since.durable, MAX_CHANGED, &changed));
    myl_write_open_key(&s->l.w, "chunk", '[');
    for (size_t i = 0; i < s->rooms.count; i++)
        if (is_among(&changed, myl_list_get(&s->rooms, uint64_t, i)))
            MYL_TRY(write_arrivals(s, myl_list_get(&s->rooms, uint64_t, i)));
    myl_write_close(&s->l.w, ']');
    return MYL_OK;
}

static myl_rc park(myl_req *req, const stream *s, int64_t timeout)
{
    int64_t since = req->parked_since != 0 ? req->parked_since : myl_tick_ms();
    myl_park parked = {.deadline_tick_ms = since + timeout,
                       .position = s->l.now.durable,
                       .user = req->caller.user,
                       .rooms = s->rooms.at,
                       .room_count = s->rooms.count};

    return myl_req_park(req, &parked);
}

myl_rc myl_client_events(myl_req *req, const myl_body_none *in)
{
    int64_t timeout, longest = myl_api_config()->sync_max_timeout;
    stream s = {.count = 0};

    MYL_UNUSED(in);
    MYL_TRY(myl_req_query_int(req, "timeout", 0, INT64_MAX, 0, &timeout));
    MYL_TRY(start(req, &s.l));
    s.since = s.l.now;
    if (myl_req_query(req, "from").len > 0)
        MYL_TRY(myl_sync_token_read(&req->cx, myl_req_query(req, "from"), "from", &s.since));
    MYL_TRY(choose_rooms(req, &s));
    myl_write_open(&s.l.w, '{');
    MYL_TRY(write_chunk(&s));
    if (s.count == 0 && timeout > 0 && !req->deadline_over && myl_req_query(req, "from").len > 0)
        return park(req, &s, timeout < longest ? timeout : longest);
    myl_write_str(&s.l.w, "end", myl_sync_token_write(&req->cx, s.l.now));
    myl_write_str(&s.l.w, "start", myl_sync_token_write(&req->cx, s.since));
    myl_write_close(&s.l.w, '}');
    return myl_reply_written(req, &s.l.w);
}

/* One event, wherever it is. */
myl_rc myl_client_events_one(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 512);
    myl_client_reading reading;
    myl_stored stored = {.flags = MYL_EVENT_REJECTED};
    uint64_t number;
    bool may = false;

    MYL_UNUSED(in);
    MYL_TRY(myl_client_open_reading(req, &reading));
    MYL_TRY(myl_room_event_number(&req->cx, req->path.event_id, &number));
    if (number != 0)
        MYL_TRY(myl_room_event(&req->cx, number, &stored));
    if ((stored.flags & (MYL_EVENT_OUTLIER | MYL_EVENT_REJECTED)) == 0)
        MYL_TRY(myl_room_may_see(&req->cx, &reading.sight, &stored, &may));
    if (!may)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such event");
    MYL_TRY(myl_client_write_event(req, &w, NULL, &stored, &reading));
    return myl_reply_written(req, &w);
}
