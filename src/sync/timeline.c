/* timeline.c: the part of a room's timeline that one answer shows.
 *
 * Threads: a read worker.
 * Holds:   events are shown only as the history visibility allows; what the filter hides still counts as seen.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sync_own.h"

#include <myelin/room_admit.h>

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

    if (stretch->low == 0 && stretch->high >= head->newest)
        return myl_walk_reading(s->cx, head->room, (myl_point){INT64_MAX, UINT64_MAX}, MYL_BACKWARD,
                                out);
    return myl_walk_arrival(s->cx, head->room, &(myl_range){stretch->low, stretch->high},
                            MYL_BACKWARD, out);
}

myl_rc myl_sync_slice(myl_syncing *s, const myl_stretch *stretch, myl_slice *out)
{
    size_t limit = s->request->filter->timeline.limit, steps = 0;
    myl_list events = MYL_LIST(s->cx, myl_stored);
    myl_stored stored;
    myl_walk *walk;
    bool shown;

    *out = (myl_slice){.prev = {INT64_MAX, UINT64_MAX}};
    MYL_TRY(open_walk(s, stretch, &walk));
    for (;;) {
        MYL_TRY(myl_walk_next(walk, &stored));
        if (stored.number == 0)
            break;
        MYL_TRY(is_shown(s, stretch->head, &stored, &shown));
        out->limited = (shown && events.count == limit) || ++steps > MYL_LIMIT_SYNC_WALK;
        if (out->limited)
            break;
        if (!shown)
            continue;
        myl_list_push(&events, myl_stored, stored);
        out->prev = myl_point_before(&stored);
        /* history that only others have lies before it: /messages fetches it */
        MYL_TRY(myl_room_is_gap(s->cx, &stored, &out->limited));
        if (out->limited)
            break;
    }
    myl_walk_end(walk);
    if (events.count == 0)
        MYL_TRY(myl_point_of_position(s->cx, stretch->head->room, stretch->high, &out->prev));
    reverse(&events);
    out->events = events.at;
    out->count = events.count;
    return MYL_OK;
}

myl_rc myl_sync_write_timeline(myl_syncing *s, const myl_slice *slice)
{
    myl_write_open_key(s->w, "timeline", '{');
    myl_write_open_key(s->w, "events", '[');
    for (size_t i = 0; i < slice->count; i++)
        MYL_TRY(myl_sync_write_stored(s, &slice->events[i]));
    myl_write_close(s->w, ']');
    myl_write_bool(s->w, "limited", slice->limited);
    myl_write_str(s->w, "prev_batch", myl_point_write_at(s->cx, slice->prev, s->upto));
    myl_write_close(s->w, '}');
    return MYL_OK;
}
