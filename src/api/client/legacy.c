/* legacy.c: what clients asked before there was /sync: the whole of a user or a room at once.
 *
 * Spec:    Client-Server API, the deprecated /initialSync, /events/{eventId}, /rooms/{roomId}/initialSync.
 * Threads: a read worker.
 * Holds:   nothing is shown that the history visibility hides from this reader, or whose sender they ignore.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/legacy.h"

#include <myelin/base_limit.h>
#include <myelin/base_list.h>
#include <myelin/room_directory.h>

enum { DEFAULT_MESSAGES = 10, MAX_MESSAGES = 100 };

myl_rc myl_client_look(myl_req *req, myl_client_looking *l)
{
    myl_ctx *cx = &req->cx;

    *l = (myl_client_looking){.req = req, .w = myl_write_start(cx, 4096)};
    MYL_TRY(myl_req_query_int(req, "limit", 0, INT64_MAX, DEFAULT_MESSAGES, &l->limit));
    if (l->limit > MAX_MESSAGES)
        l->limit = MAX_MESSAGES;
    MYL_TRY(myl_client_set_presence(req, MYL_ABSENT, 0));
    MYL_TRY(myl_client_open_reading(req, &l->reading));
    MYL_TRY(myl_store_epoch(cx, &l->now.epoch));
    MYL_TRY(myl_store_position(cx, &l->now.durable));
    l->now.boot = myl_room_boot_id();
    l->now.counter = myl_room_volatile_now();
    return myl_user_data_since(cx, req->caller.user, 0, &l->data, &l->data_count);
}

/* ---- pieces of a room ---- */

/* The newest messages that may be seen, the oldest of them first. */
static myl_rc write_messages(myl_client_looking *l, const myl_room_head *head)
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
    myl_write_str(&l->w, "end",
                  myl_point_write_marked(&l->req->cx, end,
                                         (myl_point_marks){.position = l->now.durable}));
    myl_write_str(&l->w, "start", myl_point_write(&l->req->cx, start));
    myl_write_close(&l->w, '}');
    return MYL_OK;
}

static myl_rc write_state(myl_client_looking *l, myl_tree_root root)
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

static void write_data(myl_client_looking *l, uint64_t room)
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

/* Private ones are for their owner alone. */
static bool receipt_is_shown(const myl_client_looking *l, const myl_receipt *receipt)
{
    return receipt->user == l->req->caller.user ||
           (myl_str_equal(receipt->type, MYL_S("m.read")) &&
            !myl_ignores(l->reading.form.ignored, receipt->user));
}

static myl_rc write_receipt(myl_client_looking *l, const myl_receipt *receipt, myl_str room_id)
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
    myl_write_str(&l->w, "room_id", room_id);
    myl_write_str(&l->w, "type", MYL_S("m.receipt"));
    myl_write_close(&l->w, '}');
    return MYL_OK;
}

myl_rc myl_client_write_receipts(myl_client_looking *l, const myl_room_head *head, uint64_t after,
                                 size_t *written)
{
    const myl_receipt *receipts;
    size_t count;

    MYL_TRY(myl_room_receipts(&l->req->cx, head->room, after, &receipts, &count));
    for (size_t i = 0; i < count; i++) {
        if (!receipt_is_shown(l, &receipts[i]))
            continue;
        MYL_TRY(write_receipt(l, &receipts[i], head->room_id));
        *written += 1;
    }
    return MYL_OK;
}

/* ---- presence ---- */

myl_rc myl_client_write_presence(myl_client_looking *l, uint64_t user)
{
    myl_presence presence;
    myl_str name;

    myl_room_presence_get(&l->req->cx, user, &presence);
    MYL_TRY(myl_store_text_of(&l->req->cx, MYL_INTERN_NAME, user, &name));
    myl_write_open(&l->w, '{');
    myl_write_open_key(&l->w, "content", '{');
    myl_sync_write_presence_content(&l->w, &presence);
    myl_write_str(&l->w, "user_id", name);
    myl_write_close(&l->w, '}');
    myl_write_str(&l->w, "sender", name);
    myl_write_str(&l->w, "type", MYL_S("m.presence"));
    myl_write_close(&l->w, '}');
    return MYL_OK;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static myl_rc add_joined(myl_client_looking *l, uint64_t room, myl_list *users)
{
    if (users->count >= MYL_LIMIT_PRESENCE_WALK)
        return MYL_OK;
    return myl_room_joined_after(&l->req->cx, room, 0, MYL_LIMIT_PRESENCE_WALK - users->count,
                                 users);
}

/* Everybody once. */
static myl_rc write_present(myl_client_looking *l, myl_list *users)
{
    uint64_t last = 0;

    myl_list_sort(users, by_number);
    myl_write_open_key(&l->w, "presence", '[');
    for (size_t i = 0; i < users->count && myl_api_config()->presence_enabled; i++) {
        uint64_t user = myl_list_get(users, uint64_t, i);

        if (user != last && !myl_ignores(l->reading.form.ignored, user))
            MYL_TRY(myl_client_write_presence(l, user));
        last = user;
    }
    myl_write_close(&l->w, ']');
    return MYL_OK;
}

/* ---- a room ---- */

/* Without presence and receipts, which the answer for a user has beside the rooms. */
static myl_rc write_room(myl_client_looking *l, const myl_room_head *head,
                         myl_membership membership)
{
    myl_tree_root root;
    bool listed;

    MYL_TRY(myl_room_readable_state(&l->req->cx, head, l->req->caller.user, &root));
    MYL_TRY(myl_room_list_has(&l->req->cx, head->room, MYL_S(""), &listed));
    write_data(l, head->room);
    myl_write_str(&l->w, "membership", myl_membership_name(membership));
    MYL_TRY(write_messages(l, head));
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
    myl_client_looking l;
    myl_list users = MYL_LIST(&req->cx, uint64_t);
    size_t receipts = 0;

    MYL_UNUSED(in);
    MYL_TRY(myl_client_open_room(req, &head, &root));
    MYL_TRY(myl_client_look(req, &l));
    MYL_TRY(myl_room_member(&req->cx, head.room, req->caller.user, &member));
    myl_write_open(&l.w, '{');
    MYL_TRY(write_room(&l, &head, member.membership));
    if (member.membership == MYL_MEMBER_JOIN)
        MYL_TRY(add_joined(&l, head.room, &users));
    MYL_TRY(write_present(&l, &users));
    myl_write_open_key(&l.w, "receipts", '[');
    MYL_TRY(myl_client_write_receipts(&l, &head, 0, &receipts));
    myl_write_close(&l.w, ']');
    myl_write_close(&l.w, '}');
    return myl_reply_written(req, &l.w);
}

/* ---- the whole of a user ---- */

static myl_rc write_invite(myl_client_looking *l, const myl_room_head *head,
                           const myl_member *member)
{
    myl_stored stored;

    MYL_TRY(myl_room_event(&l->req->cx, member->event, &stored));
    MYL_TRY(myl_client_write_event(l->req, &l->w, "invite", &stored, &l->reading));
    myl_write_str(&l->w, "membership", MYL_S("invite"));
    myl_write_str(&l->w, "room_id", head->room_id);
    return MYL_OK;
}

static myl_rc write_rooms(myl_client_looking *l, const myl_member *rooms, size_t count)
{
    myl_room_head head;

    myl_write_open_key(&l->w, "rooms", '[');
    for (size_t i = 0; i < count; i++) {
        if (rooms[i].forgotten)
            continue;
        MYL_TRY(myl_room_head_of(&l->req->cx, rooms[i].room, &head));
        myl_write_open(&l->w, '{');
        MYL_TRY(rooms[i].membership == MYL_MEMBER_INVITE
                    ? write_invite(l, &head, &rooms[i])
                    : write_room(l, &head, rooms[i].membership));
        myl_write_close(&l->w, '}');
    }
    myl_write_close(&l->w, ']');
    return MYL_OK;
}

/* Receipts and presence of the rooms that the user is in. */
static myl_rc write_around(myl_client_looking *l, const myl_member *rooms, size_t count)
{
    myl_list users = MYL_LIST(&l->req->cx, uint64_t);
    size_t receipts = 0;
    myl_room_head head;

    myl_list_push(&users, uint64_t, l->req->caller.user);
    myl_write_open_key(&l->w, "receipts", '[');
    for (size_t i = 0; i < count; i++) {
        if (rooms[i].membership != MYL_MEMBER_JOIN)
            continue;
        MYL_TRY(myl_room_head_of(&l->req->cx, rooms[i].room, &head));
        MYL_TRY(myl_client_write_receipts(l, &head, 0, &receipts));
        MYL_TRY(add_joined(l, rooms[i].room, &users));
    }
    myl_write_close(&l->w, ']');
    return write_present(l, &users);
}

myl_rc myl_client_initial_sync(myl_req *req, const myl_body_none *in)
{
    unsigned wanted = 1u << MYL_MEMBER_JOIN | 1u << MYL_MEMBER_INVITE;
    const myl_member *rooms;
    myl_client_looking l;
    size_t count;
    bool archived;

    MYL_UNUSED(in);
    MYL_TRY(myl_client_look(req, &l));
    MYL_TRY(myl_req_query_bool(req, "archived", false, &archived));
    if (archived)
        wanted |= 1u << MYL_MEMBER_LEAVE | 1u << MYL_MEMBER_BAN;
    MYL_TRY(myl_room_of_user(&req->cx, req->caller.user, wanted, &rooms, &count));
    myl_write_open(&l.w, '{');
    write_data(&l, 0);
    myl_write_str(&l.w, "end", myl_sync_token_write(&req->cx, l.now));
    MYL_TRY(write_around(&l, rooms, count));
    MYL_TRY(write_rooms(&l, rooms, count));
    myl_write_close(&l.w, '}');
    return myl_reply_written(req, &l.w);
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
        MYL_TRY(myl_client_may_show(req, &reading, &stored, &may));
    if (!may)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such event");
    MYL_TRY(myl_client_write_event(req, &w, NULL, &stored, &reading));
    return myl_reply_written(req, &w);
}
