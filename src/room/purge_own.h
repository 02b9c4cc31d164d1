/* purge_own.h: what the files of a purge share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PURGE_OWN_H
#define PURGE_OWN_H

#include <myelin/room_purge.h>

#include "room/room_own.h"

/* How many rows one step may still delete. */
typedef struct {
    size_t left;
} purge_budget;

/* purge_rows.c: rows of a table whose keys begin with `prefix`; more may be there when nothing is left of the budget. */
myl_rc myl_room_drop_prefix(myl_ctx *cx, myl_table_id table, const myl_key *prefix,
                            purge_budget *budget);
/* Is the room's number the first (or after a user's, the second) part of the table's key? */
bool myl_room_table_is_keyed(myl_table_id table);
bool myl_room_table_is_by_user(myl_table_id table);

/* purge_event.c: an event with all rows that it has; false in *gone: its auth chain takes another step. */
myl_rc myl_room_drop_event(myl_ctx *cx, const myl_stored *stored, purge_budget *budget, bool *gone);

/* purge_info.c */
myl_rc myl_room_purge_put(myl_ctx *cx, const myl_purge_info *info);
/* A new row, with old ones thrown away. */
myl_rc myl_room_purge_begin(myl_ctx *cx, myl_str room_id, bool is_history, myl_purge_info *out);
myl_rc myl_room_purge_end(myl_ctx *cx, myl_purge_info *info, myl_str error);
myl_rc myl_room_purge_note_user(myl_ctx *cx, uint64_t id, uint64_t user, bool failed);
/* The mark that the room is being purged. */
myl_rc myl_room_purge_mark(myl_ctx *cx, uint64_t room, uint64_t id);
myl_rc myl_room_purge_unmark(myl_ctx *cx, uint64_t room);

/* shutdown.c: the phases of a deletion before anything is purged; *left: there is more to do. */
typedef struct {
    uint64_t id, room, new_room, new_room_user;
    bool purge, force;
    uint32_t phase;
    uint64_t at;    /* the last number done */
    myl_str cursor; /* the last key done; empty: none */
} deletion;
myl_rc myl_room_shut_members(myl_ctx *cx, deletion *d, bool *left);
myl_rc myl_room_shut_aliases(myl_ctx *cx, const deletion *d);
/* The room that our users are brought into; 0 when none is wanted. */
myl_rc myl_room_make_refuge(myl_ctx *cx, const myl_room_deletion *wanted, uint64_t *room);

/* history_purge.c: some events further in the reading order. */
typedef struct {
    myl_history_purge wanted;
    myl_point at;  /* the last one looked at; begin with {INT64_MIN, 0} */
    uint64_t gone; /* deleted by this part */
    bool saw_old;  /* some were older than wanted.older_than, deleted or not */
} myl_history_part;
myl_rc myl_room_history_part(myl_ctx *cx, myl_history_part *part, bool *left);

/* purge.c: up to `most` numbers of members behind `after`, whatever their membership. */
myl_rc myl_room_members_after(myl_ctx *cx, uint64_t room, uint64_t after, size_t most,
                              myl_list *out);

/* erase.c */
myl_rc myl_room_erase_is_due(myl_ctx *cx, bool *out);

/* sweep.c: a root that was stored just now: a sweep under way must know it. */
void myl_room_sweep_note(uint64_t root);
/* What it remembers goes, at the end. */
void myl_room_sweep_stop(void);

/* event.c: the roots in an event's row. */
bool myl_room_event_roots(myl_str row, uint64_t *before, uint64_t *after);

#endif
