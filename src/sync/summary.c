/* summary.c: heroes, numbers of members and unread counts of a room.
 *
 * Spec:    Client-Server API, Syncing (RoomSummary, UnreadNotificationCounts, ThreadNotificationCounts).
 * Callers: room.c; sliding sync. Threads: a read worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sync_own.h"

#include <myelin/matrix_id.h>
#include <myelin/push_rules.h>
#include <myelin/user_threads.h>

enum { HEROES = 5 };

/* ---- heroes ---- */

static int older_first(const void *a, const void *b)
{
    const myl_member *x = a, *y = b;

    return (x->position > y->position) - (x->position < y->position);
}

/* A member event may be about what is no user id; such a one is no hero. */
static myl_rc take_heroes(const myl_syncing *s, const myl_list *members, unsigned memberships,
                          myl_list *out)
{
    for (size_t i = 0; i < members->count && out->count < HEROES; i++) {
        const myl_member *member = myl_list_at(members, i);
        myl_str name;

        if ((memberships & 1u << member->membership) == 0 ||
            member->user == s->request->caller->user)
            continue;
        MYL_TRY(myl_store_text_of(s->cx, MYL_INTERN_NAME, member->user, &name));
        if (myl_id_is_user(name))
            myl_list_push(out, uint64_t, member->user);
    }
    return MYL_OK;
}

myl_rc myl_sync_heroes(myl_syncing *s, uint64_t room, const uint64_t **heroes, size_t *count)
{
    unsigned inside = 1u << MYL_MEMBER_JOIN | 1u << MYL_MEMBER_INVITE;
    unsigned outside = 1u << MYL_MEMBER_LEAVE | 1u << MYL_MEMBER_BAN;
    myl_list members, out = MYL_LIST(s->cx, uint64_t);

    MYL_TRY(myl_room_some_members(s->cx, room, MYL_LIMIT_HERO_WALK, &members));
    myl_list_sort(&members, older_first);
    MYL_TRY(take_heroes(s, &members, inside, &out));
    if (out.count == 0)
        MYL_TRY(take_heroes(s, &members, outside, &out));
    *heroes = out.at;
    *count = out.count;
    return MYL_OK;
}

/* Has the room a name or alias of its own, so that it needs no heroes? */
static myl_rc has_name(myl_syncing *s, const myl_room_head *head, bool *out)
{
    const myl_json *name, *alias;

    MYL_TRY(myl_room_state_content(s->cx, head->state, "m.room.name", MYL_S(""), &name));
    MYL_TRY(
        myl_room_state_content(s->cx, head->state, "m.room.canonical_alias", MYL_S(""), &alias));
    *out =
        myl_json_text(name, MYL_S("name")).len > 0 || myl_json_text(alias, MYL_S("alias")).len > 0;
    return MYL_OK;
}

static myl_rc write_heroes(myl_syncing *s, const myl_room_head *head)
{
    const uint64_t *heroes;
    size_t count;
    myl_str name;

    MYL_TRY(myl_sync_heroes(s, head->room, &heroes, &count));
    myl_write_open_key(s->w, "m.heroes", '[');
    for (size_t i = 0; i < count; i++) {
        MYL_TRY(myl_store_text_of(s->cx, MYL_INTERN_NAME, heroes[i], &name));
        myl_write_str(s->w, NULL, name);
    }
    myl_write_close(s->w, ']');
    return MYL_OK;
}

myl_rc myl_sync_write_summary(myl_syncing *s, const myl_room_head *head, bool changed)
{
    bool named;

    myl_write_open_key(s->w, "summary", '{');
    if (changed) {
        MYL_TRY(has_name(s, head, &named));
        if (!named)
            MYL_TRY(write_heroes(s, head));
        myl_write_int(s->w, "m.invited_member_count", head->invited);
        myl_write_int(s->w, "m.joined_member_count", head->joined);
    }
    myl_write_close(s->w, '}');
    return MYL_OK;
}

/* ---- counts ---- */

myl_rc myl_sync_begin_recount(myl_syncing *s)
{
    s->recounted = MYL_LIST(s->cx, uint64_t);
    if (s->since == 0 || !myl_push_thread_rules())
        return MYL_OK;
    return myl_user_threads_changed(s->cx, s->request->caller->user, s->since, &s->recounted);
}

bool myl_sync_is_recounted(const myl_syncing *s, uint64_t room)
{
    return myl_sync_has_number(&s->recounted, room);
}

static void write_pair(myl_writer *w, uint32_t notifications, uint32_t highlights)
{
    myl_write_int(w, "highlight_count", highlights);
    myl_write_int(w, "notification_count", notifications);
}

myl_rc myl_sync_write_counts(myl_syncing *s, const myl_room_head *head, const myl_member *member)
{
    bool by_thread = s->request->filter->timeline.unread_thread_notifications;
    myl_push_counts counts;

    MYL_TRY(myl_push_count(s->cx, &s->push, head, member, &counts));
    myl_write_open_key(s->w, "unread_notifications", '{');
    if (by_thread)
        write_pair(s->w, counts.notifications, counts.highlights);
    else
        write_pair(s->w, counts.all_notifications, counts.all_highlights);
    myl_write_close(s->w, '}');
    if (!by_thread || counts.thread_count == 0)
        return MYL_OK;
    myl_write_open_key(s->w, "unread_thread_notifications", '{');
    for (size_t i = 0; i < counts.thread_count; i++) {
        myl_write_open_str(s->w, counts.threads[i].thread_id, '{');
        write_pair(s->w, counts.threads[i].notifications, counts.threads[i].highlights);
        myl_write_close(s->w, '}');
    }
    myl_write_close(s->w, '}');
    return MYL_OK;
}
