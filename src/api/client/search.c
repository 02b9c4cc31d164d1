/* search.c: messages, names and topics by their words.
 *
 * Spec:    Client-Server API, Server Side Search.
 * Threads: a read worker.
 * Holds:   only what the caller may see is found, and nothing of whom they ignore. A page is a place in the whole list of
 *          results, or in those of one group; the list is bounded (SEARCH_HITS).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/room_search.h>
#include <myelin/room_upgrade.h>
#include <myelin/sync_build.h>

enum { MAX_RESULTS = 100, MAX_PREDECESSORS = 10 };

typedef myl_body_search_search_categories_room_events asked_search;

typedef struct {
    myl_req *req;
    const asked_search *in;
    const myl_search_term *term;
    myl_client_reading reading;
    myl_event_filter filter;
    myl_list hits; /* myl_search_hit: all that the caller may see, in order */
    char kind;     /* of the page: 'o' of all, 'r' of a room, 's' of a sender */
    myl_str group; /* its room or sender */
    size_t from, to;
    bool full; /* the page is: there may be more, and suites want to be told so */
} searching;

static const myl_search_hit *hit_at(const searching *s, size_t index)
{
    return myl_list_at(&s->hits, index);
}

/* ---- finding ---- */

static bool has_key(const searching *s, const char *key)
{
    for (size_t i = 0; i < s->in->keys_count; i++)
        if (myl_str_equal(s->in->keys[i], myl_str_of(key)))
            return true;
    return s->in->keys == NULL;
}

static myl_rc is_wanted(searching *s, myl_str room_id, const myl_stored *event, bool *out)
{
    myl_str type;

    MYL_TRY(myl_store_text_of(&s->req->cx, MYL_INTERN_TYPE, event->type, &type));
    *out = myl_str_equal(type, MYL_S("m.room.name"))    ? has_key(s, "content.name")
           : myl_str_equal(type, MYL_S("m.room.topic")) ? has_key(s, "content.topic")
                                                        : has_key(s, "content.body");
    if (*out)
        MYL_TRY(myl_event_filter_admits(&s->req->cx, &s->filter, room_id, event, out));
    return *out ? myl_client_may_show(s->req, &s->reading, event, out) : MYL_OK;
}

static myl_rc search_room(searching *s, uint64_t room, size_t *budget)
{
    myl_list found = MYL_LIST(&s->req->cx, myl_search_hit);
    myl_str room_id;

    MYL_TRY(myl_store_text_of(&s->req->cx, MYL_INTERN_ROOM, room, &room_id));
    MYL_TRY(myl_room_search(&s->req->cx, room, s->term, budget, &found));
    for (size_t i = 0; i < found.count; i++) {
        myl_search_hit *hit = myl_list_at(&found, i);
        bool wanted;

        MYL_TRY(is_wanted(s, room_id, &hit->event, &wanted));
        if (wanted)
            myl_list_push(&s->hits, myl_search_hit, *hit);
    }
    return MYL_OK;
}

static bool is_filtered_out(const searching *s, myl_str room_id)
{
    for (size_t i = 0; i < s->filter.not_room_count; i++)
        if (myl_str_equal(s->filter.not_rooms[i], room_id))
            return true;
    for (size_t i = 0; i < s->filter.room_count; i++)
        if (myl_str_equal(s->filter.rooms[i], room_id))
            return false;
    return s->filter.has_rooms;
}

static int newest_first(const void *a, const void *b)
{
    const myl_stored *x = &((const myl_search_hit *)a)->event,
                     *y = &((const myl_search_hit *)b)->event;

    if (x->origin_server_ts != y->origin_server_ts)
        return x->origin_server_ts > y->origin_server_ts ? -1 : 1;
    return x->number > y->number ? -1 : x->number < y->number;
}

static int best_first(const void *a, const void *b)
{
    double x = ((const myl_search_hit *)a)->rank, y = ((const myl_search_hit *)b)->rank;

    return x > y ? -1 : x < y ? 1 : newest_first(a, b);
}

static bool is_listed(const myl_list *rooms, myl_str room_id)
{
    for (size_t i = 0; i < rooms->count; i++)
        if (myl_str_equal(myl_list_get(rooms, myl_str, i), room_id))
            return true;
    return false;
}

/* Who asks for a room means what it has replaced as well. */
static myl_rc add_predecessors(searching *s)
{
    myl_list rooms = MYL_LIST(&s->req->cx, myl_str);

    for (size_t i = 0; i < s->filter.room_count; i++) {
        myl_str room_id = s->filter.rooms[i];

        for (size_t steps = 0; steps <= MAX_PREDECESSORS; steps++) {
            myl_room_head head;

            if (!myl_str_present(room_id) || is_listed(&rooms, room_id))
                break;
            myl_list_push(&rooms, myl_str, room_id);
            MYL_TRY(myl_room_head_get(&s->req->cx, room_id, &head));
            if (head.room == 0)
                break;
            MYL_TRY(myl_room_predecessor(&s->req->cx, &head, &room_id));
        }
    }
    s->filter.rooms = rooms.at;
    s->filter.room_count = rooms.count;
    return MYL_OK;
}

/* In every room that the caller is or was in. */
static myl_rc find(searching *s)
{
    unsigned there = 1u << MYL_MEMBER_JOIN | 1u << MYL_MEMBER_LEAVE | 1u << MYL_MEMBER_BAN;
    size_t count, budget = MYL_LIMIT_SEARCH_HITS;
    const myl_member *rooms;

    s->hits = MYL_LIST(&s->req->cx, myl_search_hit);
    MYL_TRY(myl_room_of_user(&s->req->cx, s->req->caller.user, there, &rooms, &count));
    for (size_t i = 0; i < count && budget > 0; i++) {
        myl_str room_id;

        MYL_TRY(myl_store_text_of(&s->req->cx, MYL_INTERN_ROOM, rooms[i].room, &room_id));
        if (!rooms[i].forgotten && !is_filtered_out(s, room_id))
            MYL_TRY(search_room(s, rooms[i].room, &budget));
    }
    myl_list_sort(&s->hits,
                  myl_str_equal(s->in->order_by, MYL_S("recent")) ? newest_first : best_first);
    return MYL_OK;
}

/* ---- the page ---- */

static myl_rc group_name(searching *s, const myl_stored *event, bool by_room, myl_str *out)
{
    return myl_store_text_of(&s->req->cx, by_room ? MYL_INTERN_ROOM : MYL_INTERN_NAME,
                             by_room ? event->room : event->sender, out);
}

/* "o<place>", or with the group behind it: "r<place>.<room id>", "s<place>.<user id>". */
static myl_str write_batch(searching *s, char kind, size_t place, myl_str group)
{
    if (kind == 'o')
        return myl_strf(&s->req->cx, "o%zu", place);
    return myl_strf(&s->req->cx, "%c%zu.%.*s", kind, place, MYL_FMT(group));
}

static myl_rc read_batch(searching *s, int64_t *place)
{
    myl_str batch = myl_req_query(s->req, "next_batch");
    size_t dot;

    s->kind = 'o';
    *place = 0;
    if (batch.len == 0)
        return MYL_OK;
    s->kind = batch.at[0];
    dot = s->kind == 'o' ? SIZE_MAX : myl_str_find(batch, '.', 0);
    if (s->kind != 'o' && dot != SIZE_MAX)
        s->group = myl_str_slice(batch, dot + 1, SIZE_MAX);
    if ((s->kind != 'o' && s->kind != 'r' && s->kind != 's') ||
        (s->kind != 'o' && s->group.len == 0) ||
        !myl_str_to_int(myl_str_slice(batch, 1, dot == SIZE_MAX ? SIZE_MAX : dot - 1), place) ||
        *place < 0)
        return myl_fail(&s->req->cx, MYL_INVALID_PARAM, "next_batch: not a token of this server");
    return MYL_OK;
}

/* Of all that was found only the group that the token speaks of. */
static myl_rc keep_group(searching *s)
{
    size_t kept = 0;

    if (s->kind == 'o')
        return MYL_OK;
    for (size_t i = 0; i < s->hits.count; i++) {
        myl_str name;

        MYL_TRY(group_name(s, &hit_at(s, i)->event, s->kind == 'r', &name));
        if (myl_str_equal(name, s->group))
            *(myl_search_hit *)myl_list_at(&s->hits, kept++) = *hit_at(s, i);
    }
    s->hits.count = kept;
    return MYL_OK;
}

static myl_rc read_page(searching *s)
{
    size_t limit = s->filter.limit < MAX_RESULTS ? s->filter.limit : MAX_RESULTS;
    int64_t place;

    MYL_TRY(read_batch(s, &place));
    MYL_TRY(keep_group(s));
    s->from = (size_t)place < s->hits.count ? (size_t)place : s->hits.count;
    s->to = s->hits.count - s->from < limit ? s->hits.count : s->from + limit;
    s->full = limit > 0 && s->to - s->from == limit;
    return MYL_OK;
}

/* ---- around a result ---- */

static myl_rc write_side(searching *s, const myl_stored *event, bool before, myl_writer *w,
                         myl_list *senders)
{
    const myl_body_search_search_categories_room_events_event_context *around =
        s->in->event_context;
    int64_t asked = before ? around->before_limit : around->after_limit;
    size_t limit = asked < MYL_LIMIT_SEARCH_CONTEXT ? (size_t)asked : MYL_LIMIT_SEARCH_CONTEXT;
    myl_point at = before ? myl_point_before(event) : myl_point_after(event);
    myl_walk *walk;

    MYL_TRY(
        myl_walk_reading(&s->req->cx, event->room, at, before ? MYL_BACKWARD : MYL_FORWARD, &walk));
    myl_write_open_key(w, before ? "events_before" : "events_after", '[');
    for (size_t shown = 0, steps = 0; shown < limit && steps < MYL_LIMIT_MESSAGES_WALK; steps++) {
        myl_stored stored;
        bool may;

        MYL_TRY(myl_walk_next(walk, &stored));
        if (stored.number == 0)
            break;
        at = before ? myl_point_before(&stored) : myl_point_after(&stored);
        MYL_TRY(myl_client_may_show(s->req, &s->reading, &stored, &may));
        if (!may)
            continue;
        MYL_TRY(myl_client_write_event(s->req, w, NULL, &stored, &s->reading));
        myl_list_push(senders, uint64_t, stored.sender);
        shown++;
    }
    myl_walk_end(walk);
    myl_write_close(w, ']');
    myl_write_str(w, before ? "start" : "end", myl_point_write(&s->req->cx, at));
    return MYL_OK;
}

/* Names and pictures of those who speak there, as they were then. */
static myl_rc write_profiles(searching *s, const myl_stored *event, const myl_list *senders,
                             myl_writer *w)
{
    myl_map *seen = myl_map_start(&s->req->cx, 8);

    myl_write_open_key(w, "profile_info", '{');
    for (size_t i = 0; i < senders->count; i++) {
        const myl_json *member;
        myl_str user;

        MYL_TRY(myl_store_text_of(&s->req->cx, MYL_INTERN_NAME, myl_list_get(senders, uint64_t, i),
                                  &user));
        if (myl_map_has(seen, user))
            continue;
        *myl_map_slot(seen, user) = seen;
        MYL_TRY(myl_room_state_content(&s->req->cx, event->after, "m.room.member", user, &member));
        myl_write_open_str(w, user, '{');
        myl_write_str(w, "avatar_url", myl_json_text(member, MYL_S("avatar_url")));
        myl_write_str(w, "displayname", myl_json_text(member, MYL_S("displayname")));
        myl_write_close(w, '}');
    }
    myl_write_close(w, '}');
    return MYL_OK;
}

static myl_rc write_context(searching *s, const myl_stored *event, myl_writer *w)
{
    myl_list senders = MYL_LIST(&s->req->cx, uint64_t);

    if (s->in->event_context == NULL)
        return MYL_OK;
    myl_list_push(&senders, uint64_t, event->sender);
    myl_write_open_key(w, "context", '{');
    MYL_TRY(write_side(s, event, true, w, &senders));
    MYL_TRY(write_side(s, event, false, w, &senders));
    if (s->in->event_context->include_profile)
        MYL_TRY(write_profiles(s, event, &senders, w));
    myl_write_close(w, '}');
    return MYL_OK;
}

static myl_rc write_results(searching *s, myl_writer *w)
{
    myl_write_open_key(w, "results", '[');
    for (size_t i = s->from; i < s->to; i++) {
        const myl_search_hit *hit = hit_at(s, i);

        myl_write_open(w, '{');
        MYL_TRY(write_context(s, &hit->event, w));
        myl_write_raw(w, "rank", myl_strf(&s->req->cx, "%.6f", hit->rank));
        MYL_TRY(myl_client_write_event(s->req, w, "result", &hit->event, &s->reading));
        myl_write_close(w, '}');
    }
    myl_write_close(w, ']');
    return MYL_OK;
}

/* ---- groups and state ---- */

typedef struct {
    myl_list events;    /* myl_str: ids of this page */
    size_t upto, total; /* results of the group to the end of this page, and in all */
} group;

static myl_rc gather(searching *s, bool by_room, myl_map *groups)
{
    for (size_t i = s->from; i < s->to; i++) {
        group **one;
        myl_str name;

        MYL_TRY(group_name(s, &hit_at(s, i)->event, by_room, &name));
        one = (group **)myl_map_slot(groups, name);
        if (*one == NULL) {
            *one = myl_new(&s->req->cx, group);
            (*one)->events = MYL_LIST(&s->req->cx, myl_str);
        }
        myl_list_push(&(*one)->events, myl_str, hit_at(s, i)->event.event_id);
    }
    for (size_t i = 0; i < s->hits.count; i++) {
        group *one;
        myl_str name;

        MYL_TRY(group_name(s, &hit_at(s, i)->event, by_room, &name));
        one = myl_map_get(groups, name);
        if (one == NULL)
            continue;
        one->total++;
        one->upto += i < s->to;
    }
    return MYL_OK;
}

/* The results of this page by room or sender. */
static myl_rc write_group(searching *s, bool by_room, myl_writer *w)
{
    myl_map *groups = myl_map_start(&s->req->cx, 8);
    size_t at = 0, order = 0;
    myl_str name;
    void *value;

    MYL_TRY(gather(s, by_room, groups));
    myl_write_open_key(w, by_room ? "room_id" : "sender", '{');
    while (myl_map_next(groups, &at, &name, &value)) {
        const group *one = value;

        myl_write_open_str(w, name, '{');
        if (one->upto < one->total)
            myl_write_str(w, "next_batch", write_batch(s, by_room ? 'r' : 's', one->upto, name));
        myl_write_int(w, "order", (int64_t)order++);
        myl_write_open_key(w, "results", '[');
        for (size_t i = 0; i < one->events.count; i++)
            myl_write_str(w, NULL, myl_list_get(&one->events, myl_str, i));
        myl_write_close(w, ']');
        myl_write_close(w, '}');
    }
    myl_write_close(w, '}');
    return MYL_OK;
}

static bool is_grouped(const searching *s, const char *key)
{
    for (size_t i = 0; s->in->groupings != NULL && i < s->in->groupings->group_by_count; i++)
        if (myl_str_equal(s->in->groupings->group_by[i].key, myl_str_of(key)))
            return true;
    return false;
}

static myl_rc write_groups(searching *s, myl_writer *w)
{
    if (s->in->groupings == NULL)
        return MYL_OK;
    myl_write_open_key(w, "groups", '{');
    if (is_grouped(s, "room_id"))
        MYL_TRY(write_group(s, true, w));
    if (is_grouped(s, "sender"))
        MYL_TRY(write_group(s, false, w));
    myl_write_close(w, '}');
    return MYL_OK;
}

static myl_rc write_room_state(searching *s, uint64_t room, myl_writer *w)
{
    const uint64_t *numbers;
    myl_room_head head;
    myl_tree_root root;
    size_t count;

    MYL_TRY(myl_room_head_of(&s->req->cx, room, &head));
    MYL_TRY(myl_room_readable_state(&s->req->cx, &head, s->req->caller.user, &root));
    MYL_TRY(myl_room_state_all(&s->req->cx, root, &numbers, &count));
    myl_write_open_str(w, head.room_id, '[');
    for (size_t i = 0; i < count; i++) {
        myl_stored stored;

        MYL_TRY(myl_room_event(&s->req->cx, numbers[i], &stored));
        MYL_TRY(myl_client_write_event(s->req, w, NULL, &stored, &s->reading));
    }
    myl_write_close(w, ']');
    return MYL_OK;
}

static myl_rc write_state(searching *s, myl_writer *w)
{
    if (!s->in->include_state)
        return MYL_OK;
    myl_write_open_key(w, "state", '{');
    for (size_t i = s->from; i < s->to; i++) {
        size_t before = s->from;

        while (hit_at(s, before)->event.room != hit_at(s, i)->event.room)
            before++;
        if (before == i)
            MYL_TRY(write_room_state(s, hit_at(s, i)->event.room, w));
    }
    myl_write_close(w, '}');
    return MYL_OK;
}

/* ---- the answer ---- */

static void write_highlights(const searching *s, myl_writer *w)
{
    const myl_str *words;
    size_t count;

    myl_search_highlights(s->term, &words, &count);
    myl_write_open_key(w, "highlights", '[');
    for (size_t i = 0; i < count; i++)
        myl_write_str(w, NULL, words[i]);
    myl_write_close(w, ']');
}

static myl_rc write_found(searching *s, myl_writer *w)
{
    myl_write_open_key(w, "room_events", '{');
    myl_write_int(w, "count", (int64_t)s->hits.count);
    MYL_TRY(write_groups(s, w));
    write_highlights(s, w);
    if (s->full)
        myl_write_str(w, "next_batch", write_batch(s, s->kind, s->to, s->group));
    MYL_TRY(write_results(s, w));
    MYL_TRY(write_state(s, w));
    myl_write_close(w, '}');
    return MYL_OK;
}

static myl_rc search_events(myl_req *req, const asked_search *in, myl_writer *w)
{
    const myl_json *asked = myl_json_object(myl_json_object(req->json, MYL_S("search_categories")),
                                            MYL_S("room_events"));
    searching s = {.req = req, .in = in, .term = myl_search_term_of(&req->cx, in->search_term)};

    MYL_TRY(myl_event_filter_decode(&req->cx, MYL_JSON_AT(asked, "filter"), &s.filter));
    MYL_TRY(add_predecessors(&s));
    MYL_TRY(myl_client_open_reading(req, &s.reading));
    MYL_TRY(find(&s));
    MYL_TRY(read_page(&s));
    return write_found(&s, w);
}

myl_rc myl_client_search(myl_req *req, const myl_body_search *in)
{
    myl_writer w = myl_write_start(&req->cx, 4096);

    myl_write_open(&w, '{');
    myl_write_open_key(&w, "search_categories", '{');
    if (in->search_categories->room_events != NULL)
        MYL_TRY(search_events(req, in->search_categories->room_events, &w));
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
