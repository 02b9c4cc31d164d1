/* room_admin.h: rooms as administrators see them: all of them, blocked ones, and how many of ours are in one.
 *
 * Inside cx->txn; those that write, inside a change. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_ADMIN_H
#define MYELIN_ROOM_ADMIN_H

#include <myelin/room_state.h>

/* The room with the smallest number above `after`; room 0 when there is no more. */
myl_rc myl_room_next(myl_ctx *cx, uint64_t after, myl_room_head *out);
/* Joined users of this server. */
myl_rc myl_room_joined_here(myl_ctx *cx, uint64_t room, uint32_t *out);

/* ---- blocked rooms: nobody here joins, knocks or is invited; known here or not ---- */
typedef struct {
    bool blocked;
    myl_str by; /* the administrator; empty: whoever opened the trusted socket */
} myl_room_blocking;
myl_rc myl_room_block_get(myl_ctx *cx, myl_str room_id, myl_room_blocking *out);
myl_rc myl_room_block_set(myl_ctx *cx, myl_str room_id, const myl_room_blocking *blocking);
/* MYL_FORBIDDEN when it is. Whoever brings a user of ours into a room asks first. */
myl_rc myl_room_require_unblocked(myl_ctx *cx, myl_str room_id);

#endif
