/* rules_auth_index.h: who authorised whom, so that long auth chains are never walked event by
 * event.
 *
 * Every state event lies on one chain: the history of one (type, state key) along its auth events.
 * An event reaches everything below it on its chain; from chain to chain the reach only grows with
 * the place on the chain, so it is kept as steps. The auth chain of any set of events is then one
 * number a chain. Power-levels events also form a line (each names the one before it); jump
 * pointers find common ancestors on it.
 * Spec: Room version 2, State resolution, Definitions (auth chain, auth difference, mainline);
 *       version 12
 * (conflicted state subgraph). Pure: rows come and go through callbacks. Threads: as the callbacks.
 *
 * Holds: the number of an event is greater than the numbers of its auth events. An auth event that
 *        is
 * not known when the event is added is no edge, then and later.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_RULES_AUTH_INDEX_H
#define MYELIN_RULES_AUTH_INDEX_H

#include <myelin/base_list.h>

/* What the index keeps of one event (about 40 bytes as fixed integers). */
typedef struct {
    uint64_t chain;     /* number of the chain's first event; 0: this event is not in the index */
    uint64_t place;     /* 1, 2, ... on the chain */
    uint32_t type;      /* interned, as in the state tree */
    uint64_t state_key; /* interned, as in the state tree */
    uint64_t levels;    /* the power-levels event ("" key) among its auth events; 0: none */
    uint64_t
        jump; /* power-levels events only: an earlier one of its line; the first names itself */
    uint64_t line; /* power-levels events only: its place on its line, from 1; else 0 */
} myl_auth_row;

/* A point on a chain. */
typedef struct {
    uint64_t chain;
    uint64_t place;
} myl_auth_point;

/* Who is told of points. Setting *enough stops quietly; a value other than MYL_OK stops and is
 * returned. */
typedef struct {
    myl_rc (*each)(void *arg, myl_auth_point point, bool *enough);
    void *arg;
} myl_auth_visitor;

/* Rows: store/ keeps them in three tables:
 *   event -> row;  (chain, place) -> event;  steps (chain, target, place, target place), also by
 *   target. */
typedef struct {
    /* The row of an event; chain 0 when it has none. */
    myl_rc (*row)(void *arg, myl_ctx *cx, uint64_t event, myl_auth_row *out);
    /* The event at a point; 0 when the chain is shorter. */
    myl_rc (*event)(void *arg, myl_ctx *cx, myl_auth_point point, uint64_t *event);
    /* The greatest place that `from.chain` reaches on chain `target` by steps at places <=
     * from.place; 0: none. */
    myl_rc (*reach)(void *arg, myl_ctx *cx, myl_auth_point from, uint64_t target, uint64_t *place);
    /* Tells (target, greatest place reached) for every target chain that `from` reaches by steps.
     * */
    myl_rc (*targets)(void *arg, myl_ctx *cx, myl_auth_point from, const myl_auth_visitor *visitor);
    /* Tells (source, place of its step) for the steps onto chain `to.chain` at target places from
     * to.place up to but without `end`, the greatest target place first. A source chain may come
     * more than once. */
    myl_rc (*sources)(void *arg, myl_ctx *cx, myl_auth_point to, uint64_t end,
                      const myl_auth_visitor *visitor);
    /* Writing; NULL for read-only use. Places of a chain only grow, and so do its steps to any one
     * target. */
    myl_rc (*put)(void *arg, myl_ctx *cx, uint64_t event, const myl_auth_row *row);
    myl_rc (*step)(void *arg, myl_ctx *cx, myl_auth_point from, myl_auth_point to);
    void *arg;
} myl_auth_rows;

/* An event that comes in. */
typedef struct {
    uint64_t event;
    uint32_t type;
    uint64_t state_key;
    bool is_levels;       /* m.room.power_levels with the empty state key */
    const uint64_t *auth; /* numbers of its known auth events, any order */
    size_t auth_count;
} myl_auth_entry;

/* Adds a state event: one row and at most one step an auth event. Adding it again changes nothing.
 * MYL_CORRUPT when an auth event's number is not smaller, or is not in the index. */
myl_rc myl_auth_index_add(myl_ctx *cx, const myl_auth_rows *rows, const myl_auth_entry *entry);

/* A set of events that holds all ancestors of its members: one place a chain. In the job's arena.
 * */
typedef struct myl_auth_set myl_auth_set;
/* The union of the auth chains of `events` (the events themselves only where they are ancestors).
 * */
myl_rc myl_auth_chain(myl_ctx *cx, const myl_auth_rows *rows, const uint64_t *events, size_t count,
                      myl_auth_set **out);
/* The greatest place of a chain in the set; 0 when it holds none of the chain. */
uint64_t myl_auth_set_place(const myl_auth_set *set, uint64_t chain);
/* Walks its chains with their greatest places, in no order: start with *at = 0; false at the end. */
bool myl_auth_set_next(const myl_auth_set *set, size_t *at, myl_auth_point *out);
/* How many chains the set touches: for tests and limits. */
size_t myl_auth_set_chains(const myl_auth_set *set);

/* Events (uint64_t, any order) on auth paths from one of `events` to one of them, ends included.
 * Nothing older than the oldest of `events` is looked at. */
myl_rc myl_auth_between(myl_ctx *cx, const myl_auth_rows *rows, const uint64_t *events,
                        size_t count, myl_list *out);

/* Is `event` in the auth chain of any event that holds its key now? The search goes up from `event`,
 * newest first, and ends at the first. One `search` serves many questions about the same holders and
 * remembers what it has found and ruled out. What an early end leaves open is visited again; when
 * that has cost `patience` steps, the auth chain of all holders is taken once instead. */
typedef struct {
    /* The event that holds (type, state key), or 0. */
    myl_rc (*holder)(void *arg, myl_ctx *cx, uint32_t type, uint64_t state_key, uint64_t *event);
    /* Adds every holder (uint64_t) to the list. */
    myl_rc (*all)(void *arg, myl_ctx *cx, myl_list *events);
    void *arg;
    size_t patience; /* steps */
} myl_auth_holders;
typedef struct myl_auth_search myl_auth_search;
/* `holders` NULL: nothing holds anything. */
myl_auth_search *myl_auth_search_start(myl_ctx *cx, const myl_auth_rows *rows,
                                       const myl_auth_holders *holders);
myl_rc myl_auth_search_below(myl_auth_search *search, myl_ctx *cx, uint64_t event, bool *below);

/* Events (uint64_t, any order) that are in some of the sets but not in all of them, without those
 * that `search` says a holder descends from. Of each chain the search is asked from the top, and
 * once more than events come out. */
myl_rc myl_auth_difference(myl_ctx *cx, myl_auth_search *search, myl_auth_set *const *sets,
                           size_t count, myl_list *out);

/* The lines of the power-levels events `a` and `b` downwards: `line` is the place of the first
 * event that is on both (each may be it), 0: none. Cost is logarithmic in the lines' length. */
myl_rc myl_auth_line_meet(myl_ctx *cx, const myl_auth_rows *rows, uint64_t a, uint64_t b,
                          uint64_t *line);

#endif
