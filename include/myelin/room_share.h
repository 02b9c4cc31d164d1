/* room_share.h: who shares a room with whom, now and at an earlier position.
 *
 * Each time that somebody becomes joined to a room, or is no longer, a row of ROOM_JOIN_LOG says so; so the joined
 * members at any earlier position are those of now with the rows since then taken back.
 * Inside cx->txn. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_SHARE_H
#define MYELIN_ROOM_SHARE_H

#include <myelin/room_state.h>

/* Somebody came (joined) or went. */
typedef struct {
    uint64_t position, user;
    bool joined;
} myl_join_change;
/* Of a room, with position > after, ascending. */
myl_rc myl_room_join_changes(myl_ctx *cx, uint64_t room, uint64_t after,
                             const myl_join_change **changes, size_t *count);
/* Writes such a row (member.c does it). */
myl_rc myl_room_join_log(myl_ctx *cx, uint64_t room, const myl_join_change *change);

/* Rooms that a user is joined to, ascending. */
myl_rc myl_room_joined_by(myl_ctx *cx, uint64_t user, const uint64_t **rooms, size_t *count);
/* Are both joined to a room? */
myl_rc myl_room_shared(myl_ctx *cx, uint64_t a, uint64_t b, bool *out);
/* … and have been to it, both of them, at least since this position? */
myl_rc myl_room_shared_since(myl_ctx *cx, uint64_t a, uint64_t b, uint64_t position, bool *out);
/* The rooms that both are joined to, ascending; room 0: no more. Costs the shorter of their lists of rooms. */
typedef struct {
    uint64_t room;
    uint64_t since_a, since_b; /* positions of the memberships */
} myl_shared_room;
typedef struct myl_shared_rooms myl_shared_rooms;
myl_rc myl_room_shared_start(myl_ctx *cx, uint64_t a, uint64_t b, myl_shared_rooms **out);
myl_rc myl_room_shared_next(myl_shared_rooms *shared, myl_shared_room *out);
void myl_room_shared_end(myl_shared_rooms *shared);
/* In a change: notes MYL_NOTE_DEVICES of every room that the user is joined to. For myl_user_on_device_change. */
myl_rc myl_room_note_rooms_of(myl_ctx *cx, uint64_t user);

#endif
