/* build.c: the answer of /sync, from what changed since the token.
 *
 * Why:     the index of changed rooms and the user's own changes say what to look at; nothing else is read.
 * Callers: api/client/sync.c.
 * Threads: a read worker.
 * Holds:   the upper end is the position of this snapshot; the next token never points past it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sync_own.h"

enum { MIN_CHANGE_ROWS = 256 };

static unsigned bit(myl_membership membership)
{
    return 1u << membership;
}

/* ---- what to look at ---- */

static myl_rc begin(myl_syncing *s, myl_sync_result *result, size_t room_count)
{
    const myl_sync_request *request = s->request;
    size_t limit = room_count > MIN_CHANGE_ROWS ? room_count : MIN_CHANGE_ROWS;
    myl_changed_rooms changed = {.all = true};

    MYL_TRY(myl_store_position(s->cx, &s->upto));
    MYL_TRY(myl_store_epoch(s->cx, &result->next.epoch));
    result->next.durable = s->upto;
    result->next.boot = myl_room_boot_id();
    result->next.counter = myl_room_volatile_now();
    s->now_ms = myl_now_ms();
    if (!request->initial && request->since.epoch == result->next.epoch &&
        request->since.durable <= s->upto)
        s->since = request->since.durable;
    if (s->since != 0 && request->since.boot == result->next.boot)
        s->typing_since = request->since.counter;
    s->quiet = result->next.counter <= s->typing_since;
    MYL_TRY(myl_user_ignored(s->cx, request->caller->user, &s->ignored));
    MYL_TRY(myl_push_rules_position(s->cx, request->caller->user, &s->rules_position));
    MYL_TRY(myl_user_data_since(s->cx, request->caller->user, s->since, &s->data, &s->data_count));
    if (s->since != 0)
        MYL_TRY(myl_room_changed(s->cx, s->since, limit, &changed));
    s->changed = changed.rooms;
    s->changed_count = changed.count;
    s->all_changed = changed.all;
    MYL_TRY(myl_sync_begin_devices(s, &result->next));
    return myl_sync_begin_presence(s, &result->next);
}

/* ---- account-wide parts ---- */

static bool data_is_shown(const myl_syncing *s, myl_str type)
{
    return myl_event_filter_allows(&s->request->filter->account_data, MYL_S(""),
                                   s->request->caller->user_id, type, false);
}

myl_rc myl_sync_write_push_rules(myl_syncing *s)
{
    if ((s->since != 0 && s->rules_position <= s->since) ||
        !data_is_shown(s, MYL_S("m.push_rules")))
        return MYL_OK;
    MYL_TRY(myl_push_reader_begin(s->cx, &s->push));
    s->something = true;
    myl_write_open(s->w, '{');
    myl_write_open_key(s->w, "content", '{');
    myl_push_write_global(s->w, "global", &s->push.rules);
    myl_write_close(s->w, '}');
    myl_write_str(s->w, "type", MYL_S("m.push_rules"));
    myl_write_close(s->w, '}');
    return MYL_OK;
}

static myl_rc write_account_data(myl_syncing *s)
{
    myl_write_open_key(s->w, "account_data", '{');
    myl_write_open_key(s->w, "events", '[');
    MYL_TRY(myl_sync_write_push_rules(s));
    for (size_t i = 0; i < s->data_count; i++) {
        if (s->data[i].room != 0 || !data_is_shown(s, s->data[i].type))
            continue;
        s->something = true;
        myl_write_open(s->w, '{');
        myl_write_raw(s->w, "content", s->data[i].json);
        myl_write_str(s->w, "type", s->data[i].type);
        myl_write_close(s->w, '}');
    }
    myl_write_close(s->w, ']');
    myl_write_close(s->w, '}');
    return MYL_OK;
}

/* ---- rooms ---- */

typedef myl_rc (*write_room)(myl_syncing *s, const myl_member *member);

typedef struct {
    const char *name;
    unsigned memberships;
    write_room write;
    bool may_miss; /* left out when it is empty */
} section;

static myl_rc write_section(myl_syncing *s, const section *part, const myl_member *members,
                            size_t count)
{
    myl_writer before = *s->w;
    size_t empty;

    myl_write_open_key(s->w, part->name, '{');
    empty = s->w->text.len;
    for (size_t i = 0; i < count; i++)
        if ((part->memberships & bit(members[i].membership)) != 0)
            MYL_TRY(part->write(s, &members[i]));
    if (part->may_miss && s->w->text.len == empty) {
        /* some clients and suites take the section for an invite */
        s->w->text.len = before.text.len;
        s->w->depth = before.depth;
        s->w->comma = before.comma;
        return MYL_OK;
    }
    myl_write_close(s->w, '}');
    return MYL_OK;
}

static myl_rc write_rooms(myl_syncing *s, const myl_member *members, size_t count)
{
    const section sections[] = {
        {"invite", bit(MYL_MEMBER_INVITE), myl_sync_write_invited, true},
        {"join", bit(MYL_MEMBER_JOIN), myl_sync_write_joined, false},
        {"knock", bit(MYL_MEMBER_KNOCK), myl_sync_write_invited, true},
        {"leave", bit(MYL_MEMBER_LEAVE) | bit(MYL_MEMBER_BAN), myl_sync_write_left, false},
    };

    myl_write_open_key(s->w, "rooms", '{');
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
        MYL_TRY(write_section(s, &sections[i], members, count));
    myl_write_close(s->w, '}');
    return MYL_OK;
}

/* Is there nothing to tell since the token? Then whoever may wait waits, and nothing is written. */
static bool nothing_new(const myl_syncing *s, const myl_member *members, size_t count)
{
    if (s->since == 0 || s->present.count > 0 || s->presence_left || s->data_count > 0 ||
        s->rules_position > s->since || myl_sync_devices_news(s))
        return false;
    for (size_t i = 0; i < count; i++)
        if (members[i].position > s->since || myl_sync_room_changed(s, members[i].room))
            return false;
    return true;
}

/* Whose notes wake this user: rooms that they are in. Invitations come as notes of the user. */
static void list_rooms(myl_syncing *s, const myl_member *members, size_t count,
                       myl_sync_result *result)
{
    uint64_t *rooms = myl_new_array(s->cx, uint64_t, count + 1);

    result->room_count = 0;
    for (size_t i = 0; i < count; i++)
        if (members[i].membership == MYL_MEMBER_JOIN)
            rooms[result->room_count++] = members[i].room;
    result->rooms = rooms;
}

myl_rc myl_sync_write(myl_ctx *cx, const myl_sync_request *request, myl_writer *w,
                      myl_sync_result *result)
{
    unsigned all = bit(MYL_MEMBER_INVITE) | bit(MYL_MEMBER_JOIN) | bit(MYL_MEMBER_KNOCK) |
                   bit(MYL_MEMBER_LEAVE) | bit(MYL_MEMBER_BAN);
    myl_syncing s = {.cx = cx,
                     .request = request,
                     .w = w,
                     .sight = {.user = request->caller->user},
                     .push = {.caller = request->caller}};
    const myl_member *members;
    size_t count;

    MYL_TRY(myl_room_of_user(cx, request->caller->user, all, &members, &count));
    MYL_TRY(begin(&s, result, count));
    list_rooms(&s, members, count, result);
    result->empty = request->may_wait && nothing_new(&s, members, count);
    if (result->empty)
        return MYL_OK;
    myl_write_open(w, '{');
    MYL_TRY(write_account_data(&s));
    MYL_TRY(myl_sync_write_devices(&s));
    myl_write_str(w, "next_batch", myl_sync_token_write(cx, result->next));
    MYL_TRY(myl_sync_write_presence(&s));
    MYL_TRY(write_rooms(&s, members, count));
    myl_write_close(w, '}');
    result->empty = !s.something && s.since != 0;
    return MYL_OK;
}
