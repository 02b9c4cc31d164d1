/* explain_own.h: what a resolution did, gathered for the two forms of `myelin explain-state`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_CMD_EXPLAIN_OWN_H
#define MYELIN_CMD_EXPLAIN_OWN_H

#include "cmd/cmd_own.h"

#include <myelin/base_list.h>

typedef enum { EXPLAIN_POWER, EXPLAIN_MAINLINE, EXPLAIN_PICKED, EXPLAIN_DEPTH } explained_order;

/* One event's turn. Orders of v1 are PICKED (taken without a check) and DEPTH. */
typedef struct {
    const myl_event *event;
    const myl_event *other; /* allowed: what it replaced; refused: what stayed; NULL: nothing */
    explained_order order;
    int64_t value; /* POWER: the sender's power; MAINLINE: the position, -1: off the mainline */
    bool judged;   /* `verdict` was made */
    myl_verdict verdict;
} explained_step;

/* A key on which the states differ. */
typedef struct {
    myl_state_key key;
    const myl_event *any;     /* one of its events: for type and state key */
    const myl_event **states; /* one a state; NULL: it has none */
    const myl_event *winner;  /* NULL: none */
} explained_fork;

/* Decided on the way, and set aside for what all states agree on. */
typedef struct {
    const myl_event *event;
    const myl_event *agreed;
} explained_overlay;

typedef struct {
    myl_ctx *cx;
    const myl_room_version *version;
    const myl_state_book *book;
    size_t state_count;
    myl_list forks;      /* explained_fork */
    myl_list difference; /* const myl_event* */
    myl_list subgraph;   /* const myl_event* */
    myl_list steps;      /* explained_step, in order */
    myl_map *step_of;    /* event id -> 1 + index in `steps` */
    myl_list overlaid;   /* explained_overlay */
    myl_list state;      /* myl_str: ids, sorted */
} explanation;

/* The explanation of a request of op "resolve". */
myl_rc myl_explain_request(myl_ctx *cx, myl_str line, explanation *out);
/* The event's turn, or NULL when it had none. */
const explained_step *myl_explain_step(const explanation *all, const myl_event *event);
/* "resolve v1", "v2", "v2.1". */
const char *myl_explain_algorithm(const explanation *all);

myl_str myl_explain_text(const explanation *all); /* lines, the last one without its end */
myl_str myl_explain_json(const explanation *all); /* one object, no line end */

#endif
