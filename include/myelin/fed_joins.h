/* fed_joins.h: joins of rooms elsewhere that are under way.
 *
 * A join is noted before another server is told of it, and goes on by itself when the server comes back after a crash or a stop:
 * the other servers count the user as joined already. The room is nobody's before its last change.
 * Spec: Server-Server API, Joining Rooms.
 * Threads: myl_fed_joins_under_way any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_FED_JOINS_H
#define MYELIN_FED_JOINS_H

#include <myelin/base_list.h>

/* At start, before myl_tasks_start: what a former run left is gone on with. */
void myl_fed_joins_start(void);

typedef enum {
    MYL_JOINING_WAITING,   /* another join of the room is under way */
    MYL_JOINING_ASKING,    /* a server has been asked, nothing has come yet */
    MYL_JOINING_RECEIVING, /* its answer comes */
    MYL_JOINING_STORING,   /* the events are stored */
    MYL_JOINING_STATE      /* the state is put together */
} myl_joining_stage;
typedef struct {
    myl_str room_id, user_id;
    myl_str server; /* the one that is asked; empty: none yet */
    myl_joining_stage stage;
    bool resumed; /* after a restart */
    int64_t started_ms;
    uint64_t bytes;    /* of the answer that have come */
    uint64_t received; /* events in it */
    uint64_t
        stored; /* events looked through for the store; some may be there already, or be refused */
} myl_joining;
/* All that are under way, in the job. */
void myl_fed_joins_under_way(myl_ctx *cx, const myl_joining **out, size_t *count);

#endif
