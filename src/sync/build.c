/* build.c: the answer of /sync, from what changed since the token.
 *
 * Why:     the index of changed rooms and the user's own changes say what to look at; nothing else is read, so what has not
 *          changed costs nothing.
 * Callers: api/client/sync.c.
 * Threads: a read worker.
 * Holds:   the upper end is the position of this snapshot; the next token never points past it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sync_own.h"

/* So many changes are listed before the user's rooms are counted; with fewer rooms than that, looking at all costs less. */
enum { FEW_CHANGES = 256 };

static unsigned bit(myl_membership membership)
{
    return 1u << membership;
}

/* ---- what to look at ---- */

static myl_rc list_changed(myl_syncing *s)
{
    myl_changed_rooms changed = {.all = true};
    bool many_rooms = false;

    if (s->since != 0)
        MYL_TRY(myl_room_changed(s->cx, s->since, FEW_CHANGES, &changed));
    if (s->since != 0 && changed.all)
        MYL_TRY(
            myl_room_of_user_more_than(s->cx, s->request->caller->user, FEW_CHANGES, &many_rooms));
    if (many_rooms)
        MYL_TRY(myl_room_changed(s->cx, s->since, MYL_LIMIT_SYNC_CHANGES, &changed));
    s->changed = changed.rooms;
    s->changed_count = changed.count;
    s->all_changed = changed.all;
    return MYL_OK;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void sort_once(myl_list *numbers)
{
    size_t kept = 0;

    myl_list_sort(numbers, by_number);
    for (size_t i = 0; i < numbers->count; i++) {
        uint64_t number = myl_list_get(numbers, uint64_t, i);

        if (kept == 0 || myl_list_get(numbers, uint64_t, kept - 1) != number)
            *(uint64_t *)myl_list_at(numbers, kept++) = number;
    }
    numbers->count = kept;
}

/* All rooms of the user, or those of them in which anything may be new. */
static myl_rc list_members(myl_syncing *s)
{
    uint64_t user = s->request->caller->user;
    myl_list rooms = MYL_LIST(s->cx, uint64_t);

    if (s->all_changed || s->request->full_state || s->invites_changed)
        return myl_room_of_user(s->cx, user, ~0u, &s->members, &s->member_count);
    for (size_t i = 0; i < s->changed_count; i++)
        myl_list_push(&rooms, uint64_t, s->changed[i]);
    for (size_t i = 0; i < s->recounted.count; i++)
        myl_list_push(&rooms, uint64_t, myl_list_get(&s->recounted, uint64_t, i));
    MYL_TRY(myl_user_changed_rooms(s->cx, user, s->since, &rooms));
    if (!s->quiet)
        myl_room_typing_since(s->typing_since, &rooms);
    sort_once(&rooms);
    return myl_room_of_user_among(s->cx, user, &rooms, &s->members, &s->member_count);
}

static myl_rc begin(myl_syncing *s, myl_sync_result *result)
{
    const myl_sync_request *request = s->request;

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
    s->push.ignored = s->ignored;
    s->push.knows_ignored = true;
    MYL_TRY(myl_push_rules_position(s->cx, request->caller->user, &s->rules_position));
    MYL_TRY(myl_user_data_since(s->cx, request->caller->user, s->since, &s->data, &s->data_count));
    s->invites_changed = s->since != 0 && myl_sync_changes_invites(s->data, s->data_count);
    MYL_TRY(list_changed(s));
    MYL_TRY(myl_sync_begin_recount(s));
    MYL_TRY(list_members(s));
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

static myl_rc write_section(myl_syncing *s, const section *part)
{
    myl_writer before = *s->w;
    size_t empty;

    myl_write_open_key(s->w, part->name, '{');
    empty = s->w->text.len;
    for (size_t i = 0; i < s->member_count; i++)
        if ((part->memberships & bit(s->members[i].membership)) != 0)
            MYL_TRY(part->write(s, &s->members[i]));
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

static myl_rc write_rooms(myl_syncing *s)
{
    const section sections[] = {
        {"invite", bit(MYL_MEMBER_INVITE), myl_sync_write_invited, true},
        {"join", bit(MYL_MEMBER_JOIN), myl_sync_write_joined, false},
        {"knock", bit(MYL_MEMBER_KNOCK), myl_sync_write_invited, true},
        {"leave", bit(MYL_MEMBER_LEAVE) | bit(MYL_MEMBER_BAN), myl_sync_write_left, false},
    };

    myl_write_open_key(s->w, "rooms", '{');
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
        MYL_TRY(write_section(s, &sections[i]));
    myl_write_close(s->w, '}');
    return MYL_OK;
}

static bool is_new(const myl_syncing *s, const myl_member *member)
{
    return member->position > s->since ||
           (member->membership == MYL_MEMBER_JOIN && myl_sync_room_changed(s, member->room));
}

/* Is there nothing to tell since the token? Then whoever may wait waits, and nothing is written. */
static bool nothing_new(const myl_syncing *s)
{
    if (s->since == 0 || s->present.count > 0 || s->presence_left || s->data_count > 0 ||
        s->rules_position > s->since || myl_sync_devices_news(s))
        return false;
    for (size_t i = 0; i < s->member_count; i++)
        if (is_new(s, &s->members[i]))
            return false;
    return true;
}

myl_rc myl_sync_write(myl_ctx *cx, const myl_sync_request *request, myl_writer *w,
                      myl_sync_result *result)
{
    myl_syncing s = {.cx = cx,
                     .request = request,
                     .w = w,
                     .sight = {.user = request->caller->user},
                     .push = {.caller = request->caller}};

    result->follows_rooms = true;
    MYL_TRY(begin(&s, result));
    result->empty = request->may_wait && nothing_new(&s);
    if (result->empty)
        return MYL_OK;
    myl_write_open(w, '{');
    MYL_TRY(write_account_data(&s));
    MYL_TRY(myl_sync_write_devices(&s));
    myl_write_str(w, "next_batch", myl_sync_token_write(cx, result->next));
    MYL_TRY(myl_sync_write_presence(&s));
    MYL_TRY(write_rooms(&s));
    myl_write_close(w, '}');
    result->empty = !s.something && s.since != 0;
    result->is_settled = !s.presence_left && s.message_count == 0;
    return MYL_OK;
}
