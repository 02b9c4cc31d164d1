/* auth_index_set.c: auth chains of sets of events, their difference, and what lies between events.
 *
 * Why:     an auth chain holds every event below the ones that it holds, so on each chain of the
 *          index it is one number. Walking goes from chain to chain, never from event to event.
 * Callers: state resolution; store/ for /state_ids and missing auth events.
 * Threads: as the callbacks.
 * Memory:  one entry a chain that is reached, in the job.
 * Holds:   points are visited in the order of their events' numbers, so each chain once, at its
 *          final place.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/auth_index_own.h"

typedef struct {
    myl_ctx *cx;
    const myl_auth_rows *rows;
    number_map places; /* chain -> greatest place found */
    myl_list heap;     /* dated_point, newest first */
    uint64_t oldest;   /* points of older events are left out */
} descent;

static bool newer(const void *arg, const void *a, const void *b)
{
    MYL_UNUSED(arg);
    return ((const dated_point *)a)->event > ((const dated_point *)b)->event;
}

static bool older(const void *arg, const void *a, const void *b)
{
    return newer(arg, b, a);
}

static myl_rc event_at(myl_ctx *cx, const myl_auth_rows *rows, myl_auth_point point,
                       uint64_t *event)
{
    MYL_TRY(rows->event(rows->arg, cx, point, event));
    if (*event == 0)
        return myl_fail(cx, MYL_CORRUPT, "a chain of the auth index is too short");
    return MYL_OK;
}

static myl_rc add_point(void *arg, myl_auth_point point, bool *enough)
{
    descent *job = arg;
    dated_point found = {0, point};
    MYL_UNUSED(enough);
    if (myl_numbers_get(&job->places, point.chain) >= point.place)
        return MYL_OK;
    MYL_TRY(event_at(job->cx, job->rows, point, &found.event));
    if (found.event < job->oldest)
        return MYL_OK;
    *myl_numbers_slot(&job->places, point.chain) = point.place;
    myl_heap_push(&job->heap, &found, newer, NULL);
    return MYL_OK;
}

static myl_rc row_of(myl_ctx *cx, const myl_auth_rows *rows, uint64_t event, myl_auth_row *row)
{
    MYL_TRY(rows->row(rows->arg, cx, event, row));
    if (row->chain == 0)
        return myl_fail(cx, MYL_CORRUPT, "a state event is not in the auth index");
    return MYL_OK;
}

/* The points right below an event: of its own chain, and its chain's steps. */
static myl_rc start_below(descent *job, uint64_t event)
{
    myl_auth_row row;
    bool enough = false;
    MYL_TRY(row_of(job->cx, job->rows, event, &row));
    if (row.place > 1)
        MYL_TRY(add_point(job, (myl_auth_point){row.chain, row.place - 1}, &enough));
    myl_auth_point here = {row.chain, row.place};
    return job->rows->targets(job->rows->arg, job->cx, here, &(myl_auth_visitor){add_point, job});
}

static myl_rc descend(descent *job)
{
    myl_auth_visitor visitor = {add_point, job};
    dated_point next;
    while (myl_heap_pop(&job->heap, &next, newer, NULL)) {
        if (myl_numbers_get(&job->places, next.point.chain) != next.point.place)
            continue;
        MYL_TRY(job->rows->targets(job->rows->arg, job->cx, next.point, &visitor));
    }
    return MYL_OK;
}

static descent descent_start(myl_ctx *cx, const myl_auth_rows *rows, uint64_t oldest)
{
    return (descent){cx, rows, myl_numbers_start(cx), MYL_LIST(cx, dated_point), oldest};
}

myl_rc myl_auth_chain(myl_ctx *cx, const myl_auth_rows *rows, const uint64_t *events, size_t count,
                      myl_auth_set **out)
{
    descent job = descent_start(cx, rows, 0);
    for (size_t i = 0; i < count; i++)
        MYL_TRY(start_below(&job, events[i]));
    MYL_TRY(descend(&job));
    *out = myl_new(cx, myl_auth_set);
    (*out)->places = job.places;
    return MYL_OK;
}

uint64_t myl_auth_set_place(const myl_auth_set *set, uint64_t chain)
{
    return myl_numbers_get(&set->places, chain);
}

bool myl_auth_set_next(const myl_auth_set *set, size_t *at, myl_auth_point *out)
{
    if (*at >= set->places.count)
        return false;
    *out = (myl_auth_point){set->places.keys[*at], set->places.values[*at]};
    (*at)++;
    return true;
}

size_t myl_auth_set_chains(const myl_auth_set *set)
{
    return set->places.count;
}

/* --- the difference --------------------------------------------------------------------------- */

typedef struct {
    uint64_t chain, least, greatest;
    size_t sets;
} chain_span;

static myl_rc add_events(myl_ctx *cx, const myl_auth_rows *rows, const chain_span *span,
                         myl_list *out)
{
    for (uint64_t place = span->least; place <= span->greatest; place++) {
        uint64_t event;
        MYL_TRY(event_at(cx, rows, (myl_auth_point){span->chain, place}, &event));
        myl_list_push(out, uint64_t, event);
    }
    return MYL_OK;
}

static void widen(myl_list *spans, number_map *index, uint64_t chain, uint64_t place)
{
    uint64_t *at = myl_numbers_slot(index, chain);
    if (*at == 0) {
        myl_list_push(spans, chain_span, ((chain_span){chain, place, place, 0}));
        *at = spans->count;
    }
    chain_span *span = myl_list_at(spans, (size_t)*at - 1);
    span->least = place < span->least ? place : span->least;
    span->greatest = place > span->greatest ? place : span->greatest;
    span->sets++;
}

/* From the top of a span down to the first event that is shared: below it all are. */
static myl_rc add_unshared(myl_ctx *cx, myl_auth_search *search, const chain_span *span,
                           myl_list *out)
{
    const myl_auth_rows *rows = myl_auth_search_rows(search);
    bool shared = false;
    for (uint64_t place = span->greatest; place >= span->least && !shared; place--) {
        uint64_t event;
        MYL_TRY(event_at(cx, rows, (myl_auth_point){span->chain, place}, &event));
        MYL_TRY(myl_auth_search_below(search, cx, event, &shared));
        if (!shared)
            myl_list_push(out, uint64_t, event);
    }
    return MYL_OK;
}

myl_rc myl_auth_difference(myl_ctx *cx, myl_auth_search *search, myl_auth_set *const *sets,
                           size_t count, myl_list *out)
{
    myl_list spans = MYL_LIST(cx, chain_span);
    number_map index = myl_numbers_start(cx);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < sets[i]->places.count; k++)
            widen(&spans, &index, sets[i]->places.keys[k], sets[i]->places.values[k]);
    for (size_t i = 0; i < spans.count; i++) {
        chain_span *span = myl_list_at(&spans, i);
        span->least = span->sets == count ? span->least + 1 : 1;
        MYL_TRY(add_unshared(cx, search, span, out));
    }
    return MYL_OK;
}

/* --- what lies between ------------------------------------------------------------------------ */

/* A chain that has a step onto another: an edge, linked to the next one of the same target. */
typedef struct {
    uint64_t source;
    uint64_t next; /* 1 + index, or 0 */
} chain_edge;

typedef struct {
    descent down;     /* greatest places: below some of the events */
    number_map least; /* chain -> least place that has one of the events at or below it; settled */
    number_map edges; /* target chain -> 1 + index of its first edge */
    myl_list edge_list;
    myl_list heap;   /* dated_point, oldest first */
    uint64_t source; /* the chain whose targets are being listed */
} ascent;

static myl_rc add_edge(void *arg, myl_auth_point target, bool *enough)
{
    ascent *job = arg;
    MYL_UNUSED(enough);
    if (myl_numbers_get(&job->down.places, target.chain) == 0)
        return MYL_OK;
    uint64_t *first = myl_numbers_slot(&job->edges, target.chain);
    myl_list_push(&job->edge_list, chain_edge, ((chain_edge){job->source, *first}));
    *first = job->edge_list.count;
    return MYL_OK;
}

static myl_rc list_edges(ascent *job)
{
    const number_map *places = &job->down.places;
    myl_auth_visitor visitor = {add_edge, job};
    for (size_t i = 0; i < places->count; i++) {
        myl_auth_point here = {places->keys[i], places->values[i]};
        job->source = here.chain;
        MYL_TRY(job->down.rows->targets(job->down.rows->arg, job->down.cx, here, &visitor));
    }
    return MYL_OK;
}

/* The least place of `source` from which steps reach `to`, by halving; 0: none that matters. */
static myl_rc first_reaching(const ascent *job, uint64_t source, myl_auth_point to, uint64_t *out)
{
    const myl_auth_rows *rows = job->down.rows;
    uint64_t low = 1, high = myl_numbers_get(&job->down.places, source), place;
    *out = 0;
    MYL_TRY(rows->reach(rows->arg, job->down.cx, (myl_auth_point){source, high}, to.chain, &place));
    if (place < to.place)
        return MYL_OK;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        MYL_TRY(rows->reach(rows->arg, job->down.cx, (myl_auth_point){source, middle}, to.chain,
                            &place));
        if (place >= to.place)
            high = middle;
        else
            low = middle + 1;
    }
    *out = low;
    return MYL_OK;
}

static myl_rc settle(ascent *job, const dated_point *at)
{
    uint64_t *least = myl_numbers_slot(&job->least, at->point.chain);
    if (*least != 0)
        return MYL_OK;
    *least = at->point.place;
    uint64_t next = myl_numbers_get(&job->edges, at->point.chain);
    while (next != 0) {
        const chain_edge *edge = myl_list_at(&job->edge_list, (size_t)next - 1);
        dated_point found = {0, {edge->source, 0}};
        next = edge->next;
        if (myl_numbers_get(&job->least, edge->source) != 0)
            continue;
        MYL_TRY(first_reaching(job, edge->source, at->point, &found.point.place));
        if (found.point.place == 0)
            continue;
        MYL_TRY(event_at(job->down.cx, job->down.rows, found.point, &found.event));
        myl_heap_push(&job->heap, &found, older, NULL);
    }
    return MYL_OK;
}

static myl_rc start_between(ascent *job, const uint64_t *events, size_t count)
{
    bool enough = false;
    for (size_t i = 0; i < count; i++) {
        myl_auth_row row;
        MYL_TRY(row_of(job->down.cx, job->down.rows, events[i], &row));
        dated_point point = {events[i], {row.chain, row.place}};
        myl_heap_push(&job->heap, &point, older, NULL);
        MYL_TRY(add_point(&job->down, point.point, &enough));
    }
    return MYL_OK;
}

myl_rc myl_auth_between(myl_ctx *cx, const myl_auth_rows *rows, const uint64_t *events,
                        size_t count, myl_list *out)
{
    uint64_t oldest = UINT64_MAX;
    for (size_t i = 0; i < count; i++)
        oldest = events[i] < oldest ? events[i] : oldest;
    ascent job = {descent_start(cx, rows, oldest), myl_numbers_start(cx),     myl_numbers_start(cx),
                  MYL_LIST(cx, chain_edge),        MYL_LIST(cx, dated_point), 0};
    MYL_TRY(start_between(&job, events, count));
    MYL_TRY(descend(&job.down));
    MYL_TRY(list_edges(&job));

    dated_point next;
    while (myl_heap_pop(&job.heap, &next, older, NULL))
        MYL_TRY(settle(&job, &next));
    for (size_t i = 0; i < job.least.count; i++) {
        uint64_t chain = job.least.keys[i];
        chain_span span = {chain, job.least.values[i], myl_numbers_get(&job.down.places, chain), 0};
        MYL_TRY(add_events(cx, rows, &span, out));
    }
    return MYL_OK;
}
