/* auth_index_search.c: does any current holder of its key descend from this event?
 *
 * Why:     the auth difference leaves out what the agreed part of the states descends from. That
 *          part is the whole room; so the question is asked from below: who builds on this event,
 *          and is one of them current?
 * Callers: state resolution.
 * Threads: as the callbacks.
 * Memory:  one entry a chain that is visited, in the job.
 * Holds:   `ruled` names places from which no holder is found upwards; it is taken back to what it
 *          was when a search ends early, because then not everything above has been seen.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/auth_index_own.h"

/* A chain from a place upward, found on the way up. */
typedef struct {
    myl_auth_point point;
    uint64_t end;    /* from here on the chain had been ruled out before */
    uint64_t before; /* `ruled` before this visit: 0 or a place */
    size_t parent;   /* 1 + index of the visit that led here, or 0 */
} visited;

struct myl_auth_search {
    const myl_auth_rows *rows;
    const myl_auth_holders *holders;
    number_map
        known; /* chain -> greatest place known to have a holder above it, itself not counted */
    number_map ruled; /* chain -> least place that is ruled out with all above it */
    myl_ctx *cx;
    myl_list visits; /* of the question at hand */
    size_t current;
    bool found;
    size_t steps;      /* looked at for the question at hand */
    size_t in_vain;    /* looked at by searches that ended early */
    myl_auth_set *all; /* what lies below all holders, once patience has ended */
};

myl_auth_search *myl_auth_search_start(myl_ctx *cx, const myl_auth_rows *rows,
                                       const myl_auth_holders *holders)
{
    myl_auth_search *search = myl_new(cx, myl_auth_search);
    search->rows = rows;
    search->holders = holders;
    search->known = myl_numbers_start(cx);
    search->ruled = myl_numbers_start(cx);
    search->visits = MYL_LIST(cx, visited);
    return search;
}

const myl_auth_rows *myl_auth_search_rows(const myl_auth_search *search)
{
    return search->rows;
}

static void learn(myl_auth_search *search, uint64_t chain, uint64_t place)
{
    uint64_t *known = myl_numbers_slot(&search->known, chain);
    *known = place > *known ? place : *known;
}

/* Does the chain hold, at `point` or above, the current event of its key? What is below that is
 * known then. */
static myl_rc has_holder(myl_auth_search *search, myl_auth_point point, bool *has)
{
    const myl_auth_rows *rows = search->rows;
    uint64_t holder;
    myl_auth_row row, held;
    *has = false;
    /* All events of a chain have one key, and its first event is its number. */
    MYL_TRY(rows->row(rows->arg, search->cx, point.chain, &row));
    MYL_TRY(search->holders->holder(search->holders->arg, search->cx, row.type, row.state_key,
                                    &holder));
    if (holder == 0)
        return MYL_OK;
    MYL_TRY(rows->row(rows->arg, search->cx, holder, &held));
    *has = held.chain == point.chain && held.place >= point.place;
    if (*has)
        learn(search, held.chain, held.place - 1);
    return MYL_OK;
}

static void add_visit(myl_auth_search *search, myl_auth_point point, uint64_t mark, size_t parent)
{
    uint64_t *ruled = myl_numbers_slot(&search->ruled, point.chain);
    visited next = {point, *ruled == 0 ? UINT64_MAX : *ruled, *ruled, parent};
    myl_list_push(&search->visits, visited, next);
    if (*ruled == 0 || mark < *ruled)
        *ruled = mark;
}

static myl_rc meet_source(void *arg, myl_auth_point source, bool *enough)
{
    myl_auth_search *search = arg;
    uint64_t ruled = myl_numbers_get(&search->ruled, source.chain);
    bool has = myl_numbers_get(&search->known, source.chain) >= source.place;
    search->steps++;
    if (!has && ruled != 0 && source.place >= ruled)
        return MYL_OK;
    if (!has)
        MYL_TRY(has_holder(search, source, &has));
    if (!has)
        add_visit(search, source, source.place, search->current);
    search->found = has;
    *enough = has;
    return MYL_OK;
}

/* What led to the holder is known to be below it; what the search ruled out on the way is open
 * again. */
static void keep_found(myl_auth_search *search)
{
    for (size_t at = search->current; at != 0;) {
        const visited *visit = myl_list_at(&search->visits, at - 1);
        learn(search, visit->point.chain, visit->point.place);
        at = visit->parent;
    }
    search->in_vain += search->steps;
    for (size_t i = search->visits.count; i-- > 0;) {
        const visited *visit = myl_list_at(&search->visits, i);
        *myl_numbers_slot(&search->ruled, visit->point.chain) = visit->before;
    }
}

static myl_rc climb(myl_auth_search *search)
{
    const myl_auth_rows *rows = search->rows;
    myl_auth_visitor visitor = {meet_source, search};
    for (size_t i = 0; i < search->visits.count && !search->found; i++) {
        visited at = myl_list_get(&search->visits, visited, i);
        search->current = i + 1;
        MYL_TRY(rows->sources(rows->arg, search->cx, at.point, at.end, &visitor));
    }
    return MYL_OK;
}

static myl_rc take_all(myl_auth_search *search)
{
    myl_list events = MYL_LIST(search->cx, uint64_t);
    MYL_TRY(search->holders->all(search->holders->arg, search->cx, &events));
    return myl_auth_chain(search->cx, search->rows, events.at, events.count, &search->all);
}

/* By the visits, which are of this question from here on. */
static myl_rc climb_from(myl_auth_search *search, const myl_auth_row *row, bool *below)
{
    search->visits.count = 0;
    search->steps = 0;
    search->found = false;
    /* The event itself may hold its key, which counts for its ancestors: only what is above it is
     * ruled out. */
    add_visit(search, (myl_auth_point){row->chain, row->place}, row->place + 1, 0);
    MYL_TRY(climb(search));
    *below = search->found;
    if (search->found)
        keep_found(search);
    return MYL_OK;
}

myl_rc myl_auth_search_below(myl_auth_search *search, myl_ctx *cx, uint64_t event, bool *below)
{
    myl_auth_row row;
    search->cx = cx;
    *below = false;
    if (search->holders == NULL)
        return MYL_OK;
    MYL_TRY(search->rows->row(search->rows->arg, cx, event, &row));
    myl_auth_point above = {row.chain, row.place + 1};
    uint64_t ruled = myl_numbers_get(&search->ruled, row.chain);
    if (myl_numbers_get(&search->known, row.chain) >= row.place)
        *below = true;
    if (*below || (ruled != 0 && ruled <= row.place))
        return MYL_OK;
    if (search->in_vain > search->holders->patience && search->all == NULL)
        MYL_TRY(take_all(search));
    if (search->all != NULL) {
        *below = row.place <= myl_auth_set_place(search->all, row.chain);
        return MYL_OK;
    }
    MYL_TRY(has_holder(search, above, below));
    if (!*below)
        MYL_TRY(climb_from(search, &row, below));
    return MYL_OK;
}
