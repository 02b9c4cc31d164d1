/* timeline.c: the part of a room's timeline that one answer shows.
 *
 * Threads: a read worker.
 * Holds:   events are shown only as the history visibility allows; what the filter hides still counts as seen.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sync_own.h"

#include <myelin/room_admit.h>

enum { LOOK_BEFORE = 20 }; /* arrivals before a timeline that are looked at for its token */

static myl_rc is_shown(myl_syncing *s, const myl_room_head *head, const myl_stored *stored,
                       bool *out)
{
    *out = (stored->flags & MYL_EVENT_STATE) != 0 || !myl_ignores(&s->ignored, stored->sender);
    if (*out)
        MYL_TRY(myl_room_may_see(s->cx, &s->sight, stored, out));
    if (!*out)
        return MYL_OK;
    return myl_event_filter_admits(s->cx, &s->request->filter->timeline, head->room_id, stored,
                                   out);
}

static void reverse(myl_list *events)
{
    for (size_t i = 0, j = events->count; i + 1 < j; i++) {
        myl_stored *a = myl_list_at(events, i), *b = myl_list_at(events, --j), t = *a;

        *a = *b;
        *b = t;
    }
}

/* Who sees a room for the first time reads its history, in the order of reading (MSC4445); who knows it gets what arrived. */
static myl_rc open_walk(myl_syncing *s, const myl_stretch *stretch, myl_walk **out)
{
    const myl_room_head *head = stretch->head;

    if (stretch->low == 0 && (stretch->joined || stretch->high >= head->newest))
        return myl_walk_reading(s->cx, head->room, (myl_point){INT64_MAX, UINT64_MAX}, MYL_BACKWARD,
                                out);
    return myl_walk_arrival(s->cx, head->room, &(myl_range){stretch->low, stretch->high},
                            MYL_BACKWARD, out);
}

static bool lies_before(myl_point a, myl_point b)
{
    return a.depth < b.depth || (a.depth == b.depth && a.number < b.number);
}

/* The two orders differ where histories met: what arrived before the oldest event shown may stand behind it in the order of
 * reading, and what is shown before it. Then the token begins behind all of it, and says which events it is about. */
static myl_rc find_bound(myl_syncing *s, const myl_stretch *stretch, myl_slice *out)
{
    myl_list *events = &out->list;
    const myl_stored *oldest = myl_list_at(events, events->count - 1);
    myl_point first = out->prev;
    bool mixed = false;
    myl_stored stored;
    myl_walk *walk;

    if (oldest->position == 0)
        return MYL_OK;
    for (size_t i = 0; i < events->count; i++)
        mixed |= lies_before(myl_point_before(myl_list_at(events, i)), out->prev);
    MYL_TRY(myl_walk_arrival(s->cx, stretch->head->room, &(myl_range){0, oldest->position - 1},
                             MYL_BACKWARD, &walk));
    for (int steps = 0; steps < LOOK_BEFORE; steps++) {
        MYL_TRY(myl_walk_next(walk, &stored));
        if (stored.number == 0)
            break;
        if (lies_before(first, myl_point_after(&stored)))
            first = myl_point_after(&stored);
    }
    myl_walk_end(walk);
    if (!mixed && !lies_before(out->prev, first))
        return MYL_OK;
    out->prev = first;
    out->bound = oldest->position;
    return MYL_OK;
}

myl_rc myl_sync_slice(myl_syncing *s, const myl_stretch *stretch, myl_slice *out)
{
    size_t limit = s->request->filter->timeline.limit, steps = 0;
    myl_stored stored;
    myl_walk *walk;
    bool shown;

    *out = (myl_slice){.prev = {INT64_MAX, UINT64_MAX}, .list = MYL_LIST(s->cx, myl_stored)};
    MYL_TRY(open_walk(s, stretch, &walk));
    for (;;) {
        MYL_TRY(myl_walk_next(walk, &stored));
        if (stored.number == 0)
            break;
        shown = stored.position <= stretch->high;
        if (shown)
            MYL_TRY(is_shown(s, stretch->head, &stored, &shown));
        out->limited = (shown && out->list.count == limit) || ++steps > MYL_LIMIT_SYNC_WALK;
        if (out->limited)
            break;
        if (!shown)
            continue;
        myl_list_push(&out->list, myl_stored, stored);
        out->prev = myl_point_before(&stored);
        /* history that only others have lies before it: /messages fetches it */
        MYL_TRY(myl_room_is_gap(s->cx, &stored, &out->limited));
        if (out->limited)
            break;
    }
    myl_walk_end(walk);
    if (out->list.count == 0)
        MYL_TRY(myl_point_of_position(s->cx, stretch->head->room, stretch->high, &out->prev));
    else if (out->limited && stretch->low != 0)
        MYL_TRY(find_bound(s, stretch, out));
    reverse(&out->list);
    out->events = out->list.at;
    out->count = out->list.count;
    return MYL_OK;
}

myl_str myl_sync_prev_batch(const myl_syncing *s, const myl_slice *slice)
{
    return myl_point_write_marked(s->cx, slice->prev, (myl_point_marks){s->upto, slice->bound});
}

myl_rc myl_sync_write_timeline(myl_syncing *s, const myl_slice *slice)
{
    myl_write_open_key(s->w, "timeline", '{');
    myl_write_open_key(s->w, "events", '[');
    for (size_t i = 0; i < slice->count; i++)
        MYL_TRY(myl_sync_write_stored(s, &slice->events[i]));
    myl_write_close(s->w, ']');
    myl_write_bool(s->w, "limited", slice->limited);
    myl_write_str(s->w, "prev_batch", myl_sync_prev_batch(s, slice));
    myl_write_close(s->w, '}');
    return MYL_OK;
}
