/* by_time.c: the event nearest to a time.
 *
 * Spec:    Client-Server API, GET timestamp_to_event.
 * Why:     times mostly rise with the reading order, so a bisection by depth finds the place and its neighbourhood is looked
 *          through; an index by time would cost each event a row (docs/decisions/030).
 * Callers: the clients' and the servers' timestamp_to_event.
 * Threads: the transaction's.
 * Holds:   what is found lies on the asked side of the time, and the reader may see it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_serve.h>

#include "room/room_own.h"

enum { NEIGHBOURS = 200 };

typedef struct {
    myl_ctx *cx;
    const myl_room_head *head;
    const myl_time_ask *ask;
    myl_sight sight;
    myl_server_sight server_sight;
    myl_stored best; /* number 0: none yet */
} search;

/* The first event at a depth or beyond; number 0: none. */
static myl_rc probe(search *s, int64_t depth, myl_stored *out)
{
    myl_walk *walk;

    MYL_TRY(myl_walk_reading(s->cx, s->head->room, (myl_point){depth, 0}, MYL_FORWARD, &walk));
    MYL_TRY(myl_walk_next(walk, out));
    myl_walk_end(walk);
    return MYL_OK;
}

/* The smallest depth from which on events are not before the time, if times rise. */
static myl_rc bisect(search *s, int64_t *out)
{
    int64_t low = 0, high = s->head->depth + 1;
    myl_stored stored;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        MYL_TRY(probe(s, middle, &stored));
        if (stored.number == 0 || stored.origin_server_ts >= s->ask->ts)
            high = middle;
        else
            low = stored.depth > middle ? stored.depth : middle + 1;
    }
    *out = low;
    return MYL_OK;
}

static bool is_better(const search *s, const myl_stored *stored)
{
    int64_t ts = stored->origin_server_ts;

    if (s->ask->backward ? ts > s->ask->ts : ts < s->ask->ts)
        return false;
    if (s->best.number == 0 || ts == s->best.origin_server_ts) {
        if (s->best.number == 0)
            return true;
        /* of equal times the one that is read first in the asked direction */
        return (stored->depth < s->best.depth) != s->ask->backward;
    }
    return s->ask->backward ? ts > s->best.origin_server_ts : ts < s->best.origin_server_ts;
}

static myl_rc take(search *s, const myl_stored *stored)
{
    bool visible;

    if (!is_better(s, stored))
        return MYL_OK;
    if (myl_str_present(s->ask->server))
        MYL_TRY(myl_room_server_may_see(s->cx, &s->server_sight, stored, &visible));
    else
        MYL_TRY(myl_room_may_see(s->cx, &s->sight, stored, &visible));
    if (visible)
        s->best = *stored;
    return MYL_OK;
}

/* Looks through at least NEIGHBOURS events on one side; on the asked side on, until there is one. */
static myl_rc look_through(search *s, int64_t depth, myl_direction direction)
{
    bool asked_side = (direction == MYL_BACKWARD) == s->ask->backward;
    int most = asked_side ? MYL_LIMIT_MESSAGES_WALK : NEIGHBOURS;
    myl_stored stored;
    myl_walk *walk;

    MYL_TRY(myl_walk_reading(s->cx, s->head->room, (myl_point){depth, 0}, direction, &walk));
    for (int looks = 0; looks < most && (looks < NEIGHBOURS || s->best.number == 0); looks++) {
        MYL_TRY(myl_walk_next(walk, &stored));
        if (stored.number == 0)
            break;
        MYL_TRY(take(s, &stored));
    }
    myl_walk_end(walk);
    return MYL_OK;
}

myl_rc myl_room_event_by_time(myl_ctx *cx, const myl_room_head *head, const myl_time_ask *ask,
                              myl_stored *out)
{
    search s = {.cx = cx,
                .head = head,
                .ask = ask,
                .sight = {.user = ask->user, .all = ask->all},
                .server_sight = {.room = head->room, .server = ask->server}};
    int64_t depth;

    MYL_TRY(bisect(&s, &depth));
    MYL_TRY(look_through(&s, depth, MYL_BACKWARD));
    MYL_TRY(look_through(&s, depth, MYL_FORWARD));
    *out = s.best;
    return MYL_OK;
}
