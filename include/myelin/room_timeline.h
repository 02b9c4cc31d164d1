/* room_timeline.h: the two orders of a room's events, and the tokens that point into them.
 *
 * Arrival (room, position): for /sync; back-filled events are never in it. Reading (room, stored depth, number): for
 * /messages, /context and the initial timeline. A pagination token carries a place in the reading order: between two
 * events. Written "p<depth>_<number>": opaque to clients. Inside cx->txn. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_TIMELINE_H
#define MYELIN_ROOM_TIMELINE_H

#include <myelin/room_state.h>

/* A place just after the event (depth, number); {INT64_MIN,0} the start, {INT64_MAX, UINT64_MAX} the end. */
typedef struct {
    int64_t depth;
    uint64_t number;
} myl_point;
/* What a token says besides its place. */
typedef struct {
    uint64_t position; /* of the answer that held it: what was current then; 0: it has none */
    uint64_t bound; /* only what had arrived before this position lies on this side of it; 0: all */
} myl_point_marks;
myl_point myl_point_before(const myl_stored *stored);
myl_point myl_point_after(const myl_stored *stored);
myl_str myl_point_write(myl_ctx *cx, myl_point place);
/* MYL_INVALID_PARAM naming `parameter` for anything that is no such token. */
myl_rc myl_point_read(myl_ctx *cx, myl_str token, const char *parameter, myl_point *out);

/* The same with marks: "p<depth>_<number>~<bound>.<position>". */
myl_str myl_point_write_marked(myl_ctx *cx, myl_point place, myl_point_marks marks);
myl_point_marks myl_point_read_marks(myl_str token);

/* Walks of events. next gives number 0 at the end. Rejected and soft-failed events are left out. */
typedef struct myl_walk myl_walk;
myl_rc myl_walk_reading(myl_ctx *cx, uint64_t room, myl_point from, myl_direction direction,
                        myl_walk **out);
/* Arrivals with after < position <= upto; FORWARD oldest first, BACKWARD newest first. */
typedef struct {
    uint64_t after, upto;
} myl_range;
myl_rc myl_walk_arrival(myl_ctx *cx, uint64_t room, const myl_range *range, myl_direction direction,
                        myl_walk **out);
myl_rc myl_walk_next(myl_walk *walk, myl_stored *out);
void myl_walk_end(myl_walk *walk);

/* The reading place that stands for "all that had arrived by this position": for /messages with a sync token. */
myl_rc myl_point_of_position(myl_ctx *cx, uint64_t room, uint64_t position, myl_point *out);

/* The event nearest to a time on one side of it that a reader may see; number 0: none. Where times do not rise with the reading
 * order, one that is nearer may stand far from there and is not found. */
typedef struct {
    int64_t ts;     /* ms */
    bool backward;  /* at or before it; otherwise at or after it */
    uint64_t user;  /* the reader */
    bool all;       /* the reader may see everything */
    myl_str server; /* in place of the user: all that this server may see; absent: none */
} myl_time_ask;
myl_rc myl_room_event_by_time(myl_ctx *cx, const myl_room_head *head, const myl_time_ask *ask,
                              myl_stored *out);

/* ---- what changed, by position ---- */
/* Rooms of which something changed after `after`, ascending, each once. When more than `limit` log rows lie between,
 * `all` is true and the list empty: then look at every room. */
typedef struct {
    const uint64_t *rooms;
    size_t count;
    bool all;
} myl_changed_rooms;
myl_rc myl_room_changed(myl_ctx *cx, uint64_t after, size_t limit, myl_changed_rooms *out);
/* Writes such a row in a change (every stored event, receipt does it); also notes the room. Returns the position. */
myl_rc myl_room_mark_changed(myl_ctx *cx, uint64_t room, uint64_t position);

/* ---- receipts (spec: Receipts) ---- */
typedef struct {
    uint64_t user;
    myl_str type;      /* "m.read", "m.read.private" */
    myl_str thread_id; /* absent: unthreaded */
    myl_str event_id;
    int64_t ts;
    uint64_t position;
} myl_receipt;
/* Of our users. Keeps the newest per (room, user, type, thread); one that points before the present one is dropped. */
myl_rc myl_room_receipt_put(myl_ctx *cx, uint64_t room, const myl_receipt *receipt);
/* Of another server's user, as that server tells it: which of two is newer is for it to say, as events of one depth stand in
 * another order there. Its event may be one that we have yet to hear of. */
myl_rc myl_room_receipt_told(myl_ctx *cx, uint64_t room, const myl_receipt *receipt);
/* Receipts of a room with position > after, ascending by position. */
myl_rc myl_room_receipts(myl_ctx *cx, uint64_t room, uint64_t after, const myl_receipt **receipts,
                         size_t *count);
/* The receipt of wanted->user, type and thread_id; position 0 when there is none. */
myl_rc myl_room_receipt_get(myl_ctx *cx, uint64_t room, const myl_receipt *wanted,
                            myl_receipt *out);

/* All receipts of one user in a room, in no order. */
myl_rc myl_room_receipts_of(myl_ctx *cx, uint64_t room, uint64_t user, const myl_receipt **receipts,
                            size_t *count);

/* ---- typing: volatile, in memory (spec: Typing notifications) ---- */
/* Any thread. timeout_ms <= 0 stops. Bounded; the counter rises with each change and wakes are the caller's. */
bool myl_room_typing_set(uint64_t room, uint64_t user, int64_t timeout_ms);
/* Newest change counter of the room's typing (0: never since boot); what is over has gone. */
uint64_t myl_room_typing_counter(uint64_t room);
/* Adds the rooms (uint64_t) where typing changed after this counter. */
void myl_room_typing_since(uint64_t after, myl_list *rooms);
/* Who types now; in the job. */
void myl_room_typing_get(myl_ctx *cx, uint64_t room, const uint64_t **users, size_t *count);
/* Newest counter of any room: the volatile part of a sync token; and this boot's random id. */
uint64_t myl_room_volatile_now(void);
uint64_t myl_room_boot_id(void);
/* Tick at which to ask for what has ended: when the first of all typing users is over; INT64_MAX: nobody types. */
int64_t myl_room_typing_next(void);
/* Some rooms where typing has ended by itself, each end given out once; 0: no more. */
size_t myl_room_typing_ended(uint64_t *rooms, size_t limit);

#endif
