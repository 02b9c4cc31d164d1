/* rules_state.h: which state holds where histories meet: state resolution v1, v2 and v2.1.
 *
 * Spec: Room version 1, State resolution (v1); Room version 2 (v2); Room version 12 (v2.1).
 * The version's row says which. Pure: events, tree nodes and index rows come through callbacks.
 * States are tree roots, events are numbers, and only what differs is looked at: time and memory
 * follow the difference of the states. Two doors: myl_rules_resolve for who keeps trees (store/),
 * myl_rules_resolve_events for who has plain events (`myelin rules`, tests); the second builds a
 * book and enters by the first.
 * Threads: as the callbacks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_RULES_STATE_H
#define MYELIN_RULES_STATE_H

#include <myelin/rules_auth.h>
#include <myelin/rules_auth_index.h>
#include <myelin/rules_tree.h>

/* An event with its numbers. */
typedef struct {
    const myl_event *event;
    uint64_t number;      /* greater than the numbers of its auth events */
    uint32_t type;        /* interned; of the tree */
    uint64_t state_key;   /* interned; of the tree; 0 when it is no state event */
    const uint64_t *auth; /* its known auth events, in the order of the event */
    size_t auth_count;
} myl_state_event;

/* A key of state by its numbers, as in the tree. */
typedef struct {
    uint32_t type; /* 0: no state event has the key */
    uint64_t state_key;
} myl_state_key;

typedef struct {
    const myl_room_version *version;
    /* Asked where auth_events leave the create event out (12): the create event that `event`'s room
     * id names; NULL when it is unknown or rejected. */
    myl_rc (*create)(void *arg, myl_ctx *cx, const myl_event *event, const myl_event **create);
    /* The event of this number. It must live until the resolution ends. MYL_CORRUPT when not there.
     * */
    myl_rc (*event)(void *arg, myl_ctx *cx, uint64_t number, const myl_state_event **out);
    /* The numbers of a key. */
    myl_rc (*key)(void *arg, myl_ctx *cx, const char *type, myl_str state_key, myl_state_key *out);
    void *arg;
    const myl_tree_nodes *nodes; /* `append` is needed for the result */
    const myl_auth_rows *rows;   /* not asked for v1 */
} myl_state_source;

/* What the resolution did, step by step, in order: for `myelin explain-state` and tests. */
typedef enum {
    MYL_STEP_CONFLICT,   /* one side of a key; set: whose (from 0); event 0: it has none */
    MYL_STEP_DIFFERENCE, /* came in by the auth difference */
    MYL_STEP_SUBGRAPH,   /* came in by the conflicted state subgraph (v2.1) */
    MYL_STEP_POWER,      /* its place in the power ordering; value: the sender's power */
    MYL_STEP_MAINLINE,   /* its place in the mainline ordering; value: the position, -1: none */
    MYL_STEP_ALLOWED,    /* passed the auth rules and was set; other: what it replaced, or 0 */
    MYL_STEP_REFUSED,    /* verdict: by which rule; other: what stays, or 0 */
    MYL_STEP_OVERLAID,   /* set aside at the end for `other`, on which all states agree */
    MYL_STEP_PICKED      /* v1: taken first, without a check */
} myl_step_kind;
typedef struct {
    myl_step_kind kind;
    uint64_t event;
    uint64_t other;
    size_t set;
    int64_t value;
    myl_verdict verdict; /* ALLOWED, REFUSED */
    uint32_t type;       /* CONFLICT with event 0: the key */
    uint64_t state_key;
} myl_resolve_step;
typedef struct {
    void (*step)(void *arg, const myl_resolve_step *step);
    void *arg;
} myl_resolve_trace;

typedef struct {
    const myl_state_source *source;
    const myl_tree_root *states;
    size_t count;                   /* 1 to MYL_LIMIT_STATE_SETS */
    const myl_resolve_trace *trace; /* NULL: none, and no cost */
} myl_resolve_request;
/* The resolution of the states. The same root back when all are equal. MYL_CORRUPT when the
 * callbacks contradict one another. */
myl_rc myl_rules_resolve(myl_ctx *cx, const myl_resolve_request *request, myl_tree_root *out);

/* A book of plain events: numbers them (ancestors first), interns their keys, keeps tree and index
 * in the job's arena. */
typedef struct myl_state_book myl_state_book;
/* The same id twice: the first counts. Unknown auth events are no edges. event->rejected counts.
 * MYL_BAD_EVENT when auth events form a cycle, naming one event on it. Events must outlive the
 * book. */
myl_rc myl_state_book_start(myl_ctx *cx, const myl_room_version *version,
                            const myl_event *const *events, size_t count, myl_state_book **out);
const myl_state_source *myl_state_book_source(const myl_state_book *book);
/* The root of a state given as event ids. MYL_BAD_EVENT: unknown id, no state event, two events for
 * a key. */
myl_rc myl_state_book_root(myl_ctx *cx, myl_state_book *book, const myl_str *ids, size_t count,
                           myl_tree_root *out);
/* The event of a number; NULL for 0. */
const myl_event *myl_state_book_event(const myl_state_book *book, uint64_t number);

/* State sets as lists of event ids. */
typedef struct {
    const myl_str *ids;
    size_t count;
} myl_state_set;
typedef struct {
    const myl_room_version *version;
    const myl_event *const *events; /* of the sets, and what is known of their auth chains */
    size_t event_count;
    const myl_state_set *sets;
    size_t set_count;
} myl_resolve_input;
/* `ids`: the resolved state as event ids, sorted byte by byte; in the job. No set: the empty state.
 * Errors as of the book; MYL_BAD_REQUEST over MYL_LIMIT_STATE_SETS. */
myl_rc myl_rules_resolve_events(myl_ctx *cx, const myl_resolve_input *input, const myl_str **ids,
                                size_t *count);

#endif
