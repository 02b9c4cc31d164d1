/* story_room.c: see story_room.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/story_room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

story_room *story_start(myl_ctx *cx, const char *version)
{
    story_room *room = myl_new(cx, story_room);
    room->cx = cx;
    room->version = myl_room_version_find(myl_str_of(version));
    assert_non_null(room->version);
    room->events = MYL_LIST(cx, const myl_event *);
    room->states = myl_map_start(cx, 64);
    room->by_id = myl_map_start(cx, 64);
    room->now = 1000;
    return room;
}

myl_str story_user(myl_ctx *cx, const char *name)
{
    if (name[0] == '\0' || name[0] == '@')
        return myl_str_of(name);
    return myl_strf(cx, "@%s:hs", name);
}

myl_list story_ids(myl_ctx *cx, const char *words)
{
    myl_list ids = MYL_LIST(cx, myl_str);
    for (const char *at = words; *at != '\0';) {
        int length = (int)strcspn(at, " ");
        if (length > 0)
            myl_list_push(&ids, myl_str, myl_strf(cx, "$%.*s", length, at));
        at += length + (at[length] != '\0');
    }
    return ids;
}

const myl_event *story_event(const story_room *room, const char *id)
{
    const myl_event *event = myl_map_get(room->by_id, myl_strf(room->cx, "$%s", id));
    assert_non_null(event);
    return event;
}

/* --- one event -------------------------------------------------------------------------------- */

static myl_json member_of(const char *key, const myl_json *value)
{
    myl_json member = *value;
    member.key = myl_str_of(key);
    return member;
}

/* The parts of the whole that rules read. A version 12 create event has no room id. */
static const myl_json *whole_of(story_room *room, const myl_event *event)
{
    myl_ctx *cx = room->cx;
    bool bare = room->version->room_id_is_create && event->prev_event_count == 0;
    myl_json members[5];
    size_t count = 0;
    members[count++] = member_of("type", myl_json_of_str(cx, event->type));
    members[count++] = member_of("sender", myl_json_of_str(cx, event->sender));
    members[count++] = member_of("content", event->content);
    members[count++] = member_of("state_key", myl_json_of_str(cx, event->state_key));
    if (!bare)
        members[count++] = member_of("room_id", myl_json_of_str(cx, event->room_id));
    return myl_json_of_members(cx, members, count);
}

static myl_event *make_event(story_room *room, const story_step *step)
{
    myl_ctx *cx = room->cx;
    myl_event *event = myl_new(cx, myl_event);
    myl_list prev = story_ids(cx, step->prev);
    bool member = strcmp(step->type, "member") == 0;
    event->version = room->version;
    event->event_id = myl_strf(cx, "$%s", step->id);
    event->room_id = myl_str_of(room->version->room_id_is_create ? "!CREATE" : "!room:hs");
    event->sender = story_user(cx, step->sender);
    event->type = strchr(step->type, '.') != NULL ? myl_str_of(step->type)
                                                  : myl_strf(cx, "m.room.%s", step->type);
    event->state_key =
        member ? story_user(cx, step->key) : myl_str_of(step->key == NULL ? "" : step->key);
    event->prev_events = prev.at;
    event->prev_event_count = prev.count;
    room->now = step->ts != 0 ? step->ts : room->now + 1;
    event->origin_server_ts = room->now;
    event->depth = 1;
    for (size_t i = 0; i < prev.count; i++) {
        const myl_event *before = myl_map_get(room->by_id, myl_list_get(&prev, myl_str, i));
        assert_non_null(before);
        event->depth = before->depth >= event->depth ? before->depth + 1 : event->depth;
    }
    assert_int_equal(myl_json_parse(cx, myl_str_of(step->content), &event->content), MYL_OK);
    event->json = whole_of(room, event);
    event->rejected = step->rejected;
    return event;
}

/* --- states ----------------------------------------------------------------------------------- */

static const myl_event *find_in(const story_room *room, myl_state_set state, myl_str type,
                                myl_str key)
{
    for (size_t i = 0; i < state.count; i++) {
        const myl_event *event = myl_map_get(room->by_id, state.ids[i]);
        if (myl_str_equal(event->type, type) && myl_str_equal(event->state_key, key))
            return event;
    }
    return NULL;
}

typedef struct {
    const story_room *room;
    myl_state_set state;
} lookup;

static const myl_event *find_for_rules(void *arg, const char *type, myl_str state_key)
{
    const lookup *at = arg;
    const myl_event *found = find_in(at->room, at->state, myl_str_of(type), state_key);
    if (found == NULL && strcmp(type, "m.room.create") == 0)
        found = myl_map_get(at->room->by_id, MYL_S("$CREATE"));
    return found;
}

static void choose_auth(story_room *room, myl_event *event, myl_state_set before, const char *given)
{
    myl_list ids = given != NULL ? story_ids(room->cx, given) : MYL_LIST(room->cx, myl_str);
    myl_auth_need needs[MYL_AUTH_NEEDS];
    size_t count = myl_rules_auth_needs(room->version, event->type, event->state_key, event->sender,
                                        event->content, needs);
    for (size_t i = 0; given == NULL && i < count; i++) {
        const myl_event *found =
            find_in(room, before, myl_str_of(needs[i].type), needs[i].state_key);
        if (found != NULL)
            myl_list_push(&ids, myl_str, found->event_id);
    }
    event->auth_events = ids.at;
    event->auth_event_count = ids.count;
}

static myl_state_set *state_after(story_room *room, myl_state_set before, const myl_event *event)
{
    myl_state_set *after = myl_new(room->cx, myl_state_set);
    myl_list ids = MYL_LIST(room->cx, myl_str);
    const myl_event *old = find_in(room, before, event->type, event->state_key);
    for (size_t i = 0; i < before.count; i++)
        if (old == NULL || event->rejected || !myl_str_equal(before.ids[i], old->event_id))
            myl_list_push(&ids, myl_str, before.ids[i]);
    if (!event->rejected)
        myl_list_push(&ids, myl_str, event->event_id);
    *after = (myl_state_set){ids.at, ids.count};
    return after;
}

static myl_state_set resolve(story_room *room, const myl_list *sets)
{
    myl_state_set resolved;
    myl_resolve_input input = {room->version, room->events.at, room->events.count, sets->at,
                               sets->count};
    myl_rc rc = myl_rules_resolve_events(room->cx, &input, &resolved.ids, &resolved.count);
    if (rc != MYL_OK)
        fail_msg("resolution failed: %.*s", MYL_FMT(room->cx->error.detail));
    return resolved;
}

static myl_state_set meet(story_room *room, const myl_list *ids)
{
    myl_list sets = MYL_LIST(room->cx, myl_state_set);
    for (size_t i = 0; i < ids->count; i++) {
        const myl_state_set *after = myl_map_get(room->states, myl_list_get(ids, myl_str, i));
        assert_non_null(after);
        myl_list_push(&sets, myl_state_set, *after);
    }
    return sets.count == 1 ? myl_list_get(&sets, myl_state_set, 0) : resolve(room, &sets);
}

myl_state_set story_meet(story_room *room, const char *ids)
{
    myl_list list = story_ids(room->cx, ids);
    return meet(room, &list);
}

myl_state_set story_resolve(story_room *room, const char *const *states, size_t count)
{
    myl_list sets = MYL_LIST(room->cx, myl_state_set);
    for (size_t i = 0; i < count; i++) {
        myl_list ids = story_ids(room->cx, states[i]);
        myl_list_push(&sets, myl_state_set, ((myl_state_set){ids.at, ids.count}));
    }
    return resolve(room, &sets);
}

/* --- steps ------------------------------------------------------------------------------------ */

static void tell(story_room *room, const story_step *step)
{
    myl_event *event = make_event(room, step);
    myl_list prev = story_ids(room->cx, step->state != NULL ? step->state : step->prev);
    myl_state_set before = {prev.at, prev.count};
    if (step->state == NULL)
        before = meet(room, &prev);
    choose_auth(room, event, before, step->auth);
    *myl_map_slot(room->by_id, event->event_id) = event;
    myl_list_push(&room->events, const myl_event *, event);

    lookup at = {room, before};
    myl_auth_state state = {find_for_rules, &at};
    myl_verdict verdict = myl_rules_auth(room->cx, event, &state);
    if (!verdict.allowed && !step->rejected)
        fail_msg("%s: refused by rule %s: %s", step->id, verdict.rule, verdict.reason);
    *myl_map_slot(room->states, event->event_id) = state_after(room, before, event);
}

void story_tell(story_room *room, const story_step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tell(room, &steps[i]);
}

void story_expect(story_room *room, myl_state_set state, const char *type, const char *key,
                  const char *id)
{
    myl_str full =
        strchr(type, '.') != NULL ? myl_str_of(type) : myl_strf(room->cx, "m.room.%s", type);
    myl_str state_key = strcmp(type, "member") == 0 ? story_user(room->cx, key) : myl_str_of(key);
    const myl_event *found = find_in(room, state, full, state_key);
    myl_str got = found == NULL ? MYL_S("none") : found->event_id;
    myl_str want = id == NULL ? MYL_S("none") : myl_strf(room->cx, "$%s", id);
    if (!myl_str_equal(got, want))
        fail_msg("%s, %s: want %.*s, got %.*s", type, key, MYL_FMT(want), MYL_FMT(got));
}
