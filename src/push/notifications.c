/* notifications.c: the events that a user was notified of.
 *
 * Why:     walks of the rooms are merged by position; a room is opened when its newest event is next, so a user of many
 *          rooms pays for those in which something happened last.
 * Callers: GET /notifications. Threads: a read worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/push_notifications.h>

#include <stdlib.h>

#include <myelin/base_limit.h>

typedef struct {
    myl_room_head head;
    const myl_member *member;
    uint64_t newest; /* no event above it is left */
    myl_walk *walk;  /* NULL: not open */
    myl_stored next; /* while open; number 0: none is left */
} source;

typedef struct {
    myl_ctx *cx;
    myl_push_reader *reader;
    const myl_notification_ask *ask;
    source *sources; /* by newest, descending */
    size_t count, open;
    myl_list out;
} listing;

static int compare_source(const void *a, const void *b)
{
    uint64_t left = ((const source *)a)->newest, right = ((const source *)b)->newest;

    return left > right ? -1 : left < right;
}

static myl_rc gather(listing *l)
{
    const myl_member *members;
    size_t count;

    MYL_TRY(
        myl_room_of_user(l->cx, l->reader->caller->user, 1u << MYL_MEMBER_JOIN, &members, &count));
    l->sources = myl_new_array(l->cx, source, count + 1);
    for (size_t i = 0; i < count; i++) {
        source *one = &l->sources[l->count++];

        one->member = &members[i];
        MYL_TRY(myl_room_head_of(l->cx, members[i].room, &one->head));
        one->newest = one->head.newest < l->ask->before ? one->head.newest : l->ask->before - 1;
    }
    qsort(l->sources, l->count, sizeof(source), compare_source);
    return MYL_OK;
}

/* What came after the user joined. */
static myl_rc open_source(listing *l, source *one)
{
    myl_range range = {one->member->position, one->newest};

    if (range.after >= range.upto)
        return MYL_OK;
    MYL_TRY(myl_walk_arrival(l->cx, one->head.room, &range, MYL_BACKWARD, &one->walk));
    return myl_walk_next(one->walk, &one->next);
}

static source *newest_open(const listing *l)
{
    source *best = NULL;

    for (size_t i = 0; i < l->open; i++) {
        source *one = &l->sources[i];

        if (one->next.number != 0 && (best == NULL || one->next.position > best->next.position))
            best = one;
    }
    return best;
}

/* The room whose event is next; NULL: none. */
static myl_rc choose(listing *l, source **out)
{
    for (;;) {
        source *best = newest_open(l);

        *out = best;
        if (l->open == l->count ||
            (best != NULL && best->next.position >= l->sources[l->open].newest))
            return MYL_OK;
        MYL_TRY(open_source(l, &l->sources[l->open++]));
    }
}

static myl_rc look(listing *l, const source *from)
{
    const myl_stored *stored = &from->next;
    myl_notification one = {.room_id = from->head.room_id, .ts = stored->origin_server_ts};
    myl_push_verdict verdict;

    if (stored->sender == l->reader->caller->user || (stored->flags & MYL_EVENT_REDACTED) != 0 ||
        myl_ignores(&l->reader->ignored, stored->sender))
        return MYL_OK;
    MYL_TRY(myl_push_judge_stored(l->cx, l->reader, &from->head, stored, &verdict));
    if (!verdict.notify || (l->ask->highlights && !verdict.highlight))
        return MYL_OK;
    MYL_TRY(myl_push_is_read(l->cx, l->reader, from->member, stored, &one.read));
    one.actions = verdict.rule->actions;
    MYL_TRY(myl_room_event(l->cx, stored->number, &one.stored));
    myl_list_push(&l->out, myl_notification, one);
    return MYL_OK;
}

myl_rc myl_push_notifications(myl_ctx *cx, myl_push_reader *reader, const myl_notification_ask *ask,
                              myl_notifications *out)
{
    listing l = {.cx = cx, .reader = reader, .ask = ask, .out = MYL_LIST(cx, myl_notification)};
    size_t steps = 0;
    source *from;

    *out = (myl_notifications){0};
    MYL_TRY(myl_push_reader_begin(cx, reader));
    MYL_TRY(gather(&l));
    MYL_TRY(choose(&l, &from));
    while (from != NULL) {
        uint64_t position = from->next.position;

        MYL_TRY(look(&l, from));
        MYL_TRY(myl_walk_next(from->walk, &from->next));
        MYL_TRY(choose(&l, &from));
        if (from != NULL &&
            (l.out.count >= ask->limit || ++steps >= MYL_LIMIT_NOTIFICATIONS_WALK)) {
            out->next = position;
            break;
        }
    }
    out->list = l.out.at;
    out->count = l.out.count;
    return MYL_OK;
}
