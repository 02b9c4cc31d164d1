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

/* What is new since the token; at first the global part alone, for rooms bring theirs with them. */
static myl_rc list_data(myl_syncing *s)
{
    uint64_t user = s->request->caller->user;

    if (s->since == 0)
        return myl_user_data_of(s->cx, user, 0, &s->data, &s->data_count);
    return myl_user_data_since(s->cx, user, s->since, &s->data, &s->data_count);
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
    MYL_TRY(list_data(s));
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

typedef struct {
    const char *name;
    unsigned memberships;
    myl_rc (*write)(myl_syncing *s, const myl_member *member);
    bool may_miss; /* left out when it is empty */
} section;

/* Some clients and suites take a section of invites for an invite. */
static const section sections[] = {
    {"invite", 1u << MYL_MEMBER_INVITE, myl_sync_write_invited, true},
    {"join", 1u << MYL_MEMBER_JOIN, myl_sync_write_joined, false},
    {"knock", 1u << MYL_MEMBER_KNOCK, myl_sync_write_invited, true},
    {"leave", 1u << MYL_MEMBER_LEAVE | 1u << MYL_MEMBER_BAN, myl_sync_write_left, false},
};
enum { SECTIONS = sizeof(sections) / sizeof(sections[0]) };

static void open_section(myl_syncing *s)
{
    if (!s->has_section)
        myl_write_open_key(s->w, sections[s->section].name, '{');
    s->has_section = true;
}

void myl_sync_open_room(myl_syncing *s, myl_str room_id)
{
    s->something = true;
    open_section(s);
    myl_write_open_str(s->w, room_id, '{');
}

static void end_section(myl_syncing *s, bool *last)
{
    if (!sections[s->section].may_miss)
        open_section(s);
    if (s->has_section)
        myl_write_close(s->w, '}');
    s->has_section = false;
    s->next = 0;
    *last = ++s->section == SECTIONS;
    if (!*last)
        return;
    myl_write_close(s->w, '}');
    myl_write_close(s->w, '}');
}

/* The next room of the section but for its state, or the section's end. What is made for a room is freed with its end. */
static myl_rc write_room(myl_syncing *s, bool *last)
{
    const section *part = &sections[s->section];
    const myl_member *member;

    if (s->next == s->member_count) {
        end_section(s, last);
        return MYL_OK;
    }
    member = &s->members[s->next++];
    if ((part->memberships & 1u << member->membership) == 0)
        return MYL_OK;
    MYL_TRY(myl_push_reader_begin(s->cx, &s->push));
    s->before_room = myl_ctx_mark(s->cx);
    MYL_TRY(part->write(s, member));
    if (!s->rest.is_open)
        myl_ctx_release(s->cx, s->before_room);
    return MYL_OK;
}

static myl_rc write_rest(myl_syncing *s, size_t bytes)
{
    MYL_TRY(myl_sync_write_state(s, bytes));
    if (!s->rest.is_open)
        myl_ctx_release(s->cx, s->before_room);
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

static myl_rc write_head(myl_syncing *s, const myl_sync_result *result)
{
    s->has_begun = true;
    myl_write_open(s->w, '{');
    MYL_TRY(write_account_data(s));
    MYL_TRY(myl_sync_write_devices(s));
    myl_write_str(s->w, "next_batch", myl_sync_token_write(s->cx, result->next));
    MYL_TRY(myl_sync_write_presence(s));
    myl_write_open_key(s->w, "rooms", '{');
    return MYL_OK;
}

myl_rc myl_sync_begin(myl_ctx *cx, const myl_sync_request *request, myl_syncing **out,
                      myl_sync_result *result)
{
    myl_syncing *s = myl_new(cx, myl_syncing);

    *s = (myl_syncing){.cx = cx, .request = request, .push = {.caller = request->caller}};
    *out = s;
    s->w = &s->writer;
    result->follows_rooms = true;
    MYL_TRY(begin(s, result));
    result->empty = request->may_wait && nothing_new(s);
    return MYL_OK;
}

static myl_rc write_some(myl_syncing *s, const myl_sync_page *page, const myl_sync_result *result)
{
    *page->last = false;
    s->sight = (myl_sight){.user = s->request->caller->user};
    if (!s->has_begun)
        MYL_TRY(write_head(s, result));
    while (!*page->last && s->w->text.len < page->bytes)
        MYL_TRY(s->rest.is_open ? write_rest(s, page->bytes) : write_room(s, page->last));
    return MYL_OK;
}

myl_rc myl_sync_write(myl_syncing *s, const myl_sync_page *page, myl_sync_result *result)
{
    myl_rc rc;

    s->writer.text = *page->out;
    rc = write_some(s, page, result);
    *page->out = s->writer.text;
    s->is_later = true;
    result->empty = !s->something && s->since != 0;
    result->is_settled = !s->presence_left && s->message_count == 0;
    return rc;
}
