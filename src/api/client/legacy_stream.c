/* legacy_stream.c: a stream of events, as clients asked for it before there was /sync.
 *
 * Spec:    Client-Server API, the deprecated /events.
 * Threads: a read worker; a waiting request costs no thread.
 * Holds:   nothing is shown that the history visibility hides from this reader, or whose sender they ignore.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/legacy.h"

#include <myelin/base_clock.h>
#include <myelin/base_list.h>
#include <myelin/room_share.h>

enum { MAX_EVENTS = 500, MAX_CHANGED = 10000 };

typedef struct {
    myl_client_looking l;
    myl_sync_token since;
    bool one_room;  /* the one that was named: nothing else is told */
    myl_list rooms; /* uint64_t: that are listened to */
    size_t count;   /* events written */
} stream;

/* ---- what is asked ---- */

/* The caller's rooms, or the one that they name, which they may read. */
static myl_rc choose_rooms(myl_req *req, stream *s)
{
    myl_str room_id = myl_req_query(req, "room_id");
    const myl_member *rooms;
    myl_room_head head;
    myl_tree_root root;
    size_t count;

    s->rooms = MYL_LIST(&req->cx, uint64_t);
    s->one_room = room_id.len > 0;
    if (s->one_room) {
        MYL_TRY(myl_room_head_get(&req->cx, room_id, &head));
        if (head.room == 0)
            return myl_fail(&req->cx, MYL_FORBIDDEN, "room_id: you are not in the room");
        MYL_TRY(myl_room_readable_state(&req->cx, &head, req->caller.user, &root));
        myl_list_push(&s->rooms, uint64_t, head.room);
        return MYL_OK;
    }
    MYL_TRY(myl_room_of_user(&req->cx, req->caller.user, 1u << MYL_MEMBER_JOIN, &rooms, &count));
    for (size_t i = 0; i < count; i++)
        myl_list_push(&s->rooms, uint64_t, rooms[i].room);
    return MYL_OK;
}

/* A token of /events or /sync, or one of /messages that tells when it was given. Of another boot, or of no boot: what is
 * kept in memory only is told anew. */
static myl_rc read_since(myl_req *req, stream *s)
{
    myl_str from = myl_req_query(req, "from");

    s->since = s->l.now;
    if (from.len == 0)
        return MYL_OK;
    if (myl_str_starts(from, MYL_S("p")) && myl_point_read_marks(from).position != 0) {
        s->since.durable = myl_point_read_marks(from).position;
        return MYL_OK;
    }
    MYL_TRY(myl_sync_token_read(&req->cx, from, "from", &s->since));
    if (s->since.boot != s->l.now.boot)
        s->since.counter = 0;
    return MYL_OK;
}

/* ---- what has happened ---- */

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

static myl_rc write_typing(stream *s, const myl_room_head *head)
{
    myl_writer *w = &s->l.w;
    const uint64_t *users;
    myl_str name;
    size_t count;

    if (myl_room_typing_counter(head->room) <= s->since.counter)
        return MYL_OK;
    myl_room_typing_get(&s->l.req->cx, head->room, &users, &count);
    myl_write_open(w, '{');
    myl_write_open_key(w, "content", '{');
    myl_write_open_key(w, "user_ids", '[');
    for (size_t i = 0; i < count; i++) {
        MYL_TRY(myl_store_text_of(&s->l.req->cx, MYL_INTERN_NAME, users[i], &name));
        myl_write_str(w, NULL, name);
    }
    myl_write_close(w, ']');
    myl_write_close(w, '}');
    myl_write_str(w, "room_id", head->room_id);
    myl_write_str(w, "type", MYL_S("m.typing"));
    myl_write_close(w, '}');
    s->count++;
    return MYL_OK;
}

static bool is_among(const myl_changed_rooms *changed, uint64_t room)
{
    for (size_t i = 0; i < changed->count; i++)
        if (changed->rooms[i] == room)
            return true;
    return changed->all;
}

static myl_rc write_rooms(stream *s)
{
    myl_changed_rooms changed;
    myl_room_head head;

    MYL_TRY(myl_room_changed(&s->l.req->cx, s->since.durable, MAX_CHANGED, &changed));
    for (size_t i = 0; i < s->rooms.count; i++) {
        uint64_t room = myl_list_get(&s->rooms, uint64_t, i);
        bool has_changed = is_among(&changed, room);

        if (!has_changed && myl_room_typing_counter(room) <= s->since.counter)
            continue;
        MYL_TRY(myl_room_head_of(&s->l.req->cx, room, &head));
        MYL_TRY(write_typing(s, &head));
        if (!has_changed)
            continue;
        MYL_TRY(myl_client_write_receipts(&s->l, &head, s->since.durable, &s->count));
        MYL_TRY(write_arrivals(s, room));
    }
    return MYL_OK;
}

static myl_rc write_data(stream *s)
{
    myl_writer *w = &s->l.w;
    myl_str room_id;

    for (size_t i = 0; i < s->l.data_count; i++) {
        const myl_account_data *data = &s->l.data[i];

        if (data->position <= s->since.durable)
            continue;
        myl_write_open(w, '{');
        myl_write_raw(w, "content", data->json);
        if (data->room != 0) {
            MYL_TRY(myl_store_text_of(&s->l.req->cx, MYL_INTERN_ROOM, data->room, &room_id));
            myl_write_str(w, "room_id", room_id);
        }
        myl_write_str(w, "type", data->type);
        myl_write_close(w, '}');
        s->count++;
    }
    return MYL_OK;
}

/* The token that follows does not pass what is left out. */
static myl_rc write_presence(stream *s)
{
    myl_ctx *cx = &s->l.req->cx;
    uint64_t caller = s->l.req->caller.user;
    myl_presence_changes changes;
    bool shared;

    if (!myl_api_config()->presence_enabled)
        return MYL_OK;
    myl_room_presence_since(cx, s->since.counter, &changes);
    for (size_t i = 0; i < changes.count; i++) {
        uint64_t user = changes.at[i].user;

        shared = user == caller;
        if (!shared)
            MYL_TRY(myl_room_shared(cx, user, caller, &shared));
        if (!shared || myl_ignores(s->l.reading.form.ignored, user))
            continue;
        MYL_TRY(myl_client_write_presence(&s->l, user));
        s->count++;
    }
    if (changes.more && changes.count > 0)
        s->l.now.counter = changes.at[changes.count - 1].counter;
    return MYL_OK;
}

static myl_rc write_chunk(stream *s)
{
    myl_write_open_key(&s->l.w, "chunk", '[');
    if (!s->one_room) {
        MYL_TRY(write_presence(s));
        MYL_TRY(write_data(s));
    }
    MYL_TRY(write_rooms(s));
    myl_write_close(&s->l.w, ']');
    return MYL_OK;
}

/* ---- the answer ---- */

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
    MYL_TRY(myl_client_look(req, &s.l));
    MYL_TRY(read_since(req, &s));
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
