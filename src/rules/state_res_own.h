/* state_res_own.h: one resolution at work, shared by the versions of the algorithm.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_RULES_STATE_RES_OWN_H
#define MYELIN_RULES_STATE_RES_OWN_H

#include "rules/auth_index_own.h"
#include "rules/rules_own.h"

#include <myelin/base_limit.h>
#include <myelin/rules_state.h>

/* A map from (type, state key) to a number, in the job. */
typedef struct {
    number_map types; /* type -> 1 + index in `maps` */
    myl_list maps;    /* number_map: state key -> value */
} key_map;

key_map myl_keys_start(myl_ctx *cx);
uint64_t *myl_keys_slot(key_map *map, uint32_t type, uint64_t state_key);
uint64_t myl_keys_get(const key_map *map, uint32_t type, uint64_t state_key);

/* A key on which the states differ. */
typedef struct {
    uint32_t type;
    uint64_t state_key;
    uint64_t *events; /* one a state; 0: it has none */
} conflict;

typedef struct {
    myl_ctx *cx;
    const myl_state_source *source;
    const myl_tree_root *states;
    size_t state_count;
    const myl_resolve_trace *trace;
    myl_list conflicts;  /* conflict */
    key_map conflict_of; /* key -> 1 + index in `conflicts` */
    key_map resolved;    /* key -> event: what has been decided so far */
    bool from_agreed;    /* what is not decided is looked up in what all states agree on */
    bool from_auth;      /* what is found nowhere is taken from the judged event's auth events */
    const myl_state_event *judged;
    myl_rc failed; /* of a look-up inside a judgement */
} resolution;

/* The event of a key in what all states agree on; 0: none, or they differ. */
myl_rc myl_resolve_agreed(resolution *job, uint32_t type, uint64_t state_key, uint64_t *event);
/* The event of a key by what has been decided, then (if from_agreed) by what is agreed. */
myl_rc myl_resolve_current(resolution *job, uint32_t type, uint64_t state_key, uint64_t *event);
myl_rc myl_resolve_event(resolution *job, uint64_t number, const myl_state_event **out);
/* Judges the event by the auth rules in the state decided so far. */
myl_rc myl_resolve_judge(resolution *job, const myl_state_event *event, myl_verdict *verdict);
/* Judges, and sets the event in `resolved` when it is allowed. Tells the trace. */
myl_rc myl_resolve_apply(resolution *job, const myl_state_event *event, bool *allowed);
void myl_resolve_tell(const resolution *job, const myl_resolve_step *step);

/* The algorithms: from `conflicts` to `resolved`. */
myl_rc myl_resolve_v1(resolution *job);
myl_rc myl_resolve_v2(resolution *job);

/* An event of the full conflicted set. */
typedef struct {
    const myl_state_event *event;
    myl_auth_row row;
    bool is_first;   /* belongs to the power events or their auth chains (step 1) */
    myl_level level; /* the sender's power, for the power ordering */
    uint64_t line;   /* the place of its nearest power levels on the mainline, 0: none */
    size_t waits;    /* auth events in the ordering that have not come yet */
    uint64_t follow; /* 1 + index of the first edge to an event that waits for it */
} contender;

/* Orders `indexes` (size_t, into `contenders`) by the reverse topological power ordering, in place.
 * */
myl_rc myl_resolve_power_order(resolution *job, myl_list *contenders, const number_map *index_of,
                               myl_list *indexes);
/* The same by the mainline ordering based on `levels` (0: none). */
myl_rc myl_resolve_mainline_order(resolution *job, myl_list *contenders, uint64_t levels,
                                  myl_list *indexes);

/* The auth index in memory. */
typedef struct auth_book auth_book;
auth_book *myl_auth_book_start(myl_ctx *cx);
/* Callbacks over it, for reading and writing. */
myl_auth_rows myl_auth_book_rows(auth_book *book);

typedef struct {
    uint8_t bytes[20];
} sha1_hash;
sha1_hash myl_rules_sha1(myl_str text);

#endif
