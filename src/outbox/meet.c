/* meet.c: who is there is told to servers that meet our users by a join.
 *
 * Why:     a presence goes out when it changes; a server that comes into a room later would not know of it until then.
 * Spec:    Server-Server API, Presence: for users whom the receiving server is interested in.
 * Callers: follow.c, at each join; api/ for changes. Threads: the sender, but for myl_outbox_presence.
 * Holds:   it is told LATER_MS after the join: whoever came in must have the room first. MEETINGS at most wait; others hear of the
 *          next change. In a room of more than MOST_MEMBERS nobody is told of all who are there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "outbox/outbox_own.h"

#include <myelin/json_writer.h>
#include <myelin/matrix_id.h>
#include <myelin/room_presence.h>
#include <myelin/room_send.h>
#include <myelin/room_servers.h>

enum { LATER_MS = 1000, MEETINGS = 512, MOST_MEMBERS = 500, MOST_TOLD = 100 };

typedef struct {
    uint64_t room, user; /* who joined */
    int64_t due;         /* tick */
} meeting;

static meeting meetings[MEETINGS];
static size_t meeting_count;
static myl_net_timer timer;

/* ---- the EDU ---- */

static void write_one(myl_writer *w, myl_str user_id, const myl_presence *presence)
{
    myl_write_open(w, '{');
    if (presence->state == MYL_PRESENCE_ONLINE)
        myl_write_bool(w, "currently_active", presence->currently_active);
    myl_write_int(w, "last_active_ago",
                  presence->last_active_ago < 0 ? 0 : presence->last_active_ago);
    myl_write_str(w, "presence", myl_presence_name(presence->state));
    myl_write_str(w, "status_msg", presence->status_msg);
    myl_write_str(w, "user_id", user_id);
    myl_write_close(w, '}');
}

static myl_writer begin_push(myl_ctx *cx)
{
    myl_writer w = myl_write_start(cx, 256);

    myl_write_open(&w, '{');
    myl_write_open_key(&w, "push", '[');
    return w;
}

static myl_str end_push(myl_writer *w)
{
    myl_write_close(w, ']');
    myl_write_close(w, '}');
    return myl_write_done(w);
}

void myl_outbox_presence(myl_ctx *cx, uint64_t user, myl_str user_id)
{
    myl_writer w = begin_push(cx);
    myl_presence presence;

    myl_room_presence_get(cx, user, &presence);
    write_one(&w, user_id, &presence);
    myl_outbox_say(&(myl_outbox_edu){.audience = MYL_OUTBOX_TO_ROOMS_OF_USER,
                                     .id = user,
                                     .type = MYL_S("m.presence"),
                                     .json = end_push(&w),
                                     .key = user});
}

/* ---- meetings ---- */

/* *told: the names of our users in the room who are there, at most MOST_TOLD. */
static myl_rc write_present(myl_ctx *cx, myl_writer *w, uint64_t room, size_t *told)
{
    const uint64_t *users;
    myl_room_head head;
    size_t count;

    *told = 0;
    MYL_TRY(myl_room_head_of(cx, room, &head));
    if (head.room == 0 || head.joined > MOST_MEMBERS)
        return MYL_OK;
    MYL_TRY(myl_room_joined(cx, room, &users, &count));
    for (size_t i = 0; i < count && *told < MOST_TOLD; i++) {
        myl_presence presence;
        myl_str name;

        myl_room_presence_get(cx, users[i], &presence);
        if (presence.state == MYL_PRESENCE_OFFLINE)
            continue;
        MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, users[i], &name));
        if (!myl_id_is_ours(name, myl_room_server()->server_name))
            continue;
        write_one(w, name, &presence);
        (*told)++;
    }
    return MYL_OK;
}

/* A user of another server has come: that one is told of those here, when no other user of it was in the room before. */
static myl_rc tell_newcomer(myl_ctx *cx, const meeting *met, myl_str user_id, myl_list *sending)
{
    myl_writer w = begin_push(cx);
    outbox_destination *to;
    uint64_t server;
    uint32_t there;
    size_t told;

    MYL_TRY(myl_store_interned(cx, MYL_INTERN_SERVER, myl_id_domain(user_id), &server));
    MYL_TRY(myl_room_joined_of(cx, met->room, server, &there));
    if (there != 1)
        return MYL_OK;
    MYL_TRY(write_present(cx, &w, met->room, &told));
    to = told > 0 ? myl_outbox_destination_of(cx, server) : NULL;
    if (to == NULL)
        return MYL_OK;
    myl_outbox_keep_volatile(to, 0, myl_outbox_edu_text(cx, MYL_S("m.presence"), end_push(&w)));
    myl_list_push(sending, outbox_destination *, to);
    return MYL_OK;
}

/* One of ours has come: the servers of the room are told. */
static myl_rc tell_of_ours(myl_ctx *cx, const meeting *met, myl_str user_id, myl_list *sending)
{
    myl_writer w = begin_push(cx);
    const uint64_t *servers;
    myl_presence presence;
    size_t count;
    myl_str edu;

    myl_room_presence_get(cx, met->user, &presence);
    if (presence.state == MYL_PRESENCE_OFFLINE)
        return MYL_OK;
    write_one(&w, user_id, &presence);
    edu = myl_outbox_edu_text(cx, MYL_S("m.presence"), end_push(&w));
    MYL_TRY(myl_room_servers(cx, met->room, &servers, &count));
    for (size_t i = 0; i < count; i++) {
        outbox_destination *to = myl_outbox_destination_of(cx, servers[i]);

        if (to == NULL)
            continue;
        myl_outbox_keep_volatile(to, met->user ^ myl_str_hash(MYL_S("m.presence")), edu);
        myl_list_push(sending, outbox_destination *, to);
    }
    return MYL_OK;
}

static myl_rc tell(myl_ctx *cx, const meeting *met, myl_list *sending)
{
    myl_member member;
    myl_str user_id;

    MYL_TRY(myl_room_member(cx, met->room, met->user, &member));
    if (member.membership != MYL_MEMBER_JOIN)
        return MYL_OK;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, met->user, &user_id));
    return myl_id_is_ours(user_id, myl_room_server()->server_name)
               ? tell_of_ours(cx, met, user_id, sending)
               : tell_newcomer(cx, met, user_id, sending);
}

static void tell_due(myl_net_timer *due_timer)
{
    int64_t now = myl_tick_ms();
    size_t due = 0;
    myl_ctx cx;

    MYL_UNUSED(due_timer);
    myl_ctx_begin(&cx);
    myl_list sending = MYL_LIST(&cx, outbox_destination *);
    if (!myl_outbox.is_stopping && myl_snapshot_open(&cx, myl_outbox.store) == MYL_OK) {
        for (; due < meeting_count && meetings[due].due <= now; due++)
            if (tell(&cx, &meetings[due], &sending) != MYL_OK)
                myl_forgive(&cx);
        myl_snapshot_close(&cx);
    }
    for (size_t i = 0; i < sending.count; i++)
        myl_outbox_send(myl_list_get(&sending, outbox_destination *, i));
    myl_ctx_end(&cx);
    meeting_count -= due;
    memmove(meetings, meetings + due, meeting_count * sizeof(*meetings));
    if (meeting_count > 0)
        myl_net_timer_set(&timer, meetings[0].due, tell_due);
}

void myl_outbox_met(uint64_t room, uint64_t user)
{
    if (!myl_fed_server()->config->presence_enabled || meeting_count == MEETINGS)
        return;
    meetings[meeting_count++] = (meeting){room, user, myl_tick_ms() + LATER_MS};
    if (meeting_count == 1)
        myl_net_timer_set(&timer, meetings[0].due, tell_due);
}

void myl_outbox_meet_stop(void)
{
    meeting_count = 0;
    timer = (myl_net_timer){.place = 0};
}
