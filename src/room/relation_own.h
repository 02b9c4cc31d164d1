/* relation_own.h: what the files of relations share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef RELATION_OWN_H
#define RELATION_OWN_H

#include <myelin/room_relation.h>

#include "room/room_own.h"

/* The key of a parent's rows: room and hash of its id. */
myl_key myl_relation_key(uint64_t room, myl_str parent);

/* A row of RELATED; children 0: there is none. */
typedef struct {
    uint32_t children, in_thread;
    myl_point newest; /* of the thread; number 0: none */
} myl_related;
myl_rc myl_related_get(myl_ctx *cx, const myl_key *key, myl_related *out);

/* A row of RELATIONS or RELATIONS_OF_KIND. */
typedef struct {
    myl_point at;
    uint32_t rel_type, type;
} myl_child;
bool myl_child_cut(myl_str row, myl_child *out);

/* relation_read.c: a walk of one parent's children, in the reading order. next gives at.number 0 at the end. */
typedef struct {
    const myl_key *parent;
    uint32_t rel_type;     /* 0: of any kind */
    const myl_point *from; /* NULL: from that side's end */
    myl_direction direction;
} myl_children_of;
typedef struct {
    myl_ctx *cx;
    myl_scan *scan;
} myl_children;
myl_rc myl_children_start(myl_ctx *cx, const myl_children_of *of, myl_children *out);
myl_rc myl_children_next(myl_children *walk, myl_child *out);
void myl_children_end(myl_children *walk);
/* Is it to be shown to this reader? */
myl_rc myl_relation_shown(myl_ctx *cx, myl_relation_reader *reader, const myl_stored *stored,
                          bool *out);

#endif
