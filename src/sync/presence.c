/* presence.c: who came, went or changed, of those who share a room with the reader.
 *
 * Spec:    Client-Server API, Presence; Syncing.
 * Why:     a token of another boot id was made by a server that knew what this one has forgotten; see add_lost.
 * Threads: a read worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sync_own.h"

#include <myelin/room_presence.h>
#include <myelin/room_share.h>

enum {
    LOST_MEMBERS = 200
}; /* of the largest room whose members are shown as offline after a restart */

static myl_rc is_shown(myl_syncing *s, uint64_t user, bool *out)
{
    myl_str name;

    *out = user == s->request->caller->user;
    if (!*out)
        MYL_TRY(myl_room_shared(s->cx, user, s->request->caller->user, out));
    if (!*out || myl_ignores(&s->ignored, user)) {
        *out = false;
        return MYL_OK;
    }
    MYL_TRY(myl_store_text_of(s->cx, MYL_INTERN_NAME, user, &name));
    *out = myl_event_filter_allows(&s->request->filter->presence, MYL_S(""), name,
                                   MYL_S("m.presence"), false);
    return MYL_OK;
}

static bool is_listed(const myl_list *list, uint64_t user)
{
    for (size_t i = 0; i < list->count; i++)
        if (myl_list_get(list, uint64_t, i) == user)
            return true;
    return false;
}

/* Whom the reader meets anew is shown when they are there. */
static myl_rc add_met(myl_syncing *s, uint64_t user)
{
    myl_presence presence;
    bool shown;

    myl_room_presence_get(s->cx, user, &presence);
    if (presence.state == MYL_PRESENCE_OFFLINE || is_listed(&s->present, user))
        return MYL_OK;
    MYL_TRY(is_shown(s, user, &shown));
    if (shown)
        myl_list_push(&s->present, uint64_t, user);
    return MYL_OK;
}

/* Who came into a room of the reader since the token is met anew, known from elsewhere or not. */
static myl_rc add_joined(myl_syncing *s, uint64_t room)
{
    const myl_join_change *changes;
    size_t count;

    MYL_TRY(myl_room_join_changes(s->cx, room, s->since, &changes, &count));
    for (size_t i = 0; i < count && i < MYL_LIMIT_PRESENCE_WALK; i++)
        if (changes[i].joined && changes[i].user != s->request->caller->user)
            MYL_TRY(add_met(s, changes[i].user));
    return MYL_OK;
}

static myl_rc add_all_joined(myl_syncing *s)
{
    for (size_t i = 0; i < s->member_count && s->since != 0; i++)
        if (s->members[i].membership == MYL_MEMBER_JOIN)
            MYL_TRY(add_joined(s, s->members[i].room));
    return MYL_OK;
}

/* The next token does not pass what is left out: the answer is given at once, and the next one goes on from there. */
static myl_rc add_changed(myl_syncing *s, myl_sync_token *next)
{
    myl_presence_changes changes;
    bool shown;
    size_t i = 0;

    myl_room_presence_since(s->cx, s->typing_since, &changes);
    for (; i < changes.count && s->present.count < s->request->filter->presence.limit; i++) {
        MYL_TRY(is_shown(s, changes.at[i].user, &shown));
        if (shown)
            myl_list_push(&s->present, uint64_t, changes.at[i].user);
    }
    if (i == changes.count && !changes.more)
        return MYL_OK;
    s->presence_left = true;
    if (changes.at[i - 1].counter < next->counter)
        next->counter = changes.at[i - 1].counter;
    return MYL_OK;
}

/* The server has started anew and knows nobody: those of small rooms whom the reader may have seen, and who have not come
 * back, are shown as offline. Of large rooms nobody is; their clients let it fade. */
static myl_rc add_lost(myl_syncing *s, uint64_t room, size_t *looked)
{
    const uint64_t *users;
    myl_room_head head;
    size_t count;
    bool shown;

    MYL_TRY(myl_room_head_of(s->cx, room, &head));
    if (head.joined > LOST_MEMBERS)
        return MYL_OK;
    MYL_TRY(myl_room_joined(s->cx, room, &users, &count));
    for (size_t i = 0; i < count && *looked < MYL_LIMIT_PRESENCE_WALK; i++, (*looked)++) {
        if (users[i] == s->request->caller->user || is_listed(&s->present, users[i]))
            continue;
        MYL_TRY(is_shown(s, users[i], &shown));
        if (shown)
            myl_list_push(&s->present, uint64_t, users[i]);
    }
    return MYL_OK;
}

static myl_rc add_all_lost(myl_syncing *s)
{
    const uint64_t *rooms;
    size_t count, looked = 0;

    if (s->since == 0 || s->request->since.boot == myl_room_boot_id())
        return MYL_OK;
    MYL_TRY(myl_room_joined_by(s->cx, s->request->caller->user, &rooms, &count));
    for (size_t i = 0; i < count && i < MYL_LIMIT_PRESENCE_ROOMS; i++)
        MYL_TRY(add_lost(s, rooms[i], &looked));
    return MYL_OK;
}

myl_rc myl_sync_begin_presence(myl_syncing *s, myl_sync_token *next)
{
    s->present = MYL_LIST(s->cx, uint64_t);
    if (!s->request->presence || s->request->filter->presence.limit == 0)
        return MYL_OK;
    MYL_TRY(add_changed(s, next));
    MYL_TRY(add_all_lost(s));
    for (size_t i = 0; i < s->devices.changed_count && i < MYL_LIMIT_PRESENCE_WALK; i++)
        MYL_TRY(add_met(s, s->devices.changed[i]));
    return add_all_joined(s);
}

void myl_sync_write_presence_content(myl_writer *w, const myl_presence *presence)
{
    myl_write_str(w, "presence", myl_presence_name(presence->state));
    if (presence->last_active_ago >= 0)
        myl_write_int(w, "last_active_ago", presence->last_active_ago);
    myl_write_str(w, "status_msg", presence->status_msg);
    if (presence->state == MYL_PRESENCE_ONLINE)
        myl_write_bool(w, "currently_active", presence->currently_active);
}

myl_rc myl_sync_write_presence(myl_syncing *s)
{
    if (s->present.count == 0)
        return MYL_OK;
    s->something = true;
    myl_write_open_key(s->w, "presence", '{');
    myl_write_open_key(s->w, "events", '[');
    for (size_t i = 0; i < s->present.count; i++) {
        myl_presence presence;
        myl_str name;

        myl_room_presence_get(s->cx, myl_list_get(&s->present, uint64_t, i), &presence);
        MYL_TRY(myl_store_text_of(s->cx, MYL_INTERN_NAME, presence.user, &name));
        myl_write_open(s->w, '{');
        myl_write_open_key(s->w, "content", '{');
        myl_sync_write_presence_content(s->w, &presence);
        myl_write_close(s->w, '}');
        myl_write_str(s->w, "sender", name);
        myl_write_str(s->w, "type", MYL_S("m.presence"));
        myl_write_close(s->w, '}');
    }
    myl_write_close(s->w, ']');
    myl_write_close(s->w, '}');
    return MYL_OK;
}
