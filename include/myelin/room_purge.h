/* room_purge.h: rooms and old events leave the disk, in stored steps that hold up nobody.
 *
 * A deletion first brings our users out of the room, then (unless told otherwise) purges it: every row of every table and,
 * by a sweep, every node of the state tree. A purge of history deletes old messages; state stays. How far one has come is
 * kept for PURGES_KEPT_DAYS after its end.
 * What a purge deletes is found by tables.def: tables whose key begins with "u64 room", or with "u64 user, u64 room",
 * need nothing more; others are named in src/room/purge.def (a unit test holds both against tables.def).
 * Inside cx->txn; those that write, inside a change. Threads: the engine for changes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_PURGE_H
#define MYELIN_ROOM_PURGE_H

#include <myelin/room_timeline.h>
#include <myelin/tasks_lane.h>

typedef struct {
    myl_str room_id;
    uint64_t new_room_user;     /* 0: no new room; a local user who makes it */
    myl_str room_name, message; /* of the new room; absent: usual words */
    bool purge;
    bool is_empty; /* nobody of ours can see it: the mark is set now, nobody is brought out */
    bool force;    /* purge even when somebody could not be brought out */
} myl_room_deletion;
/* MYL_BAD_REQUEST when one is under way already. *id: under which its progress is found. A room that is not known here is
 * done at once. */
myl_rc myl_room_delete(myl_ctx *cx, const myl_room_deletion *deletion, uint64_t *id);

/* Messages before an event (in reading order) or older than a time. State events, the newest events, and redactions of
 * what stays are kept. */
typedef struct {
    uint64_t room;
    myl_point before;   /* {INT64_MAX, UINT64_MAX}: all */
    int64_t older_than; /* origin_server_ts; INT64_MAX: any */
    bool ours_too;      /* also what our own users sent */
} myl_history_purge;
myl_rc myl_room_purge_history(myl_ctx *cx, const myl_history_purge *purge, uint64_t *id);

typedef enum {
    MYL_PURGE_CLOSING, /* our users are brought out */
    MYL_PURGE_RUNNING, /* rows are deleted */
    MYL_PURGE_DONE,
    MYL_PURGE_FAILED
} myl_purge_status;
typedef struct {
    uint64_t id; /* 0: there is none */
    bool is_history;
    myl_purge_status status;
    uint64_t rows; /* deleted so far */
    int64_t started_ms, ended_ms;
    myl_str room_id;
    myl_str new_room_id; /* empty: none */
    myl_str error;       /* empty: none */
    myl_str aliases;     /* that the room had here: a JSON array */
} myl_purge_info;
myl_rc myl_room_purge_info(myl_ctx *cx, uint64_t id, myl_purge_info *out);
/* All that are remembered, the oldest first; room_id absent: of every room. */
myl_rc myl_room_purges(myl_ctx *cx, myl_str room_id, const myl_purge_info **out, size_t *count);
/* Who was brought out, or could not be. */
myl_rc myl_room_purge_users(myl_ctx *cx, uint64_t id, bool failed, const uint64_t **users,
                            size_t *count);
/* Is the room being purged? Then nothing comes into it, and `myelin check` leaves it alone. */
myl_rc myl_room_is_purged(myl_ctx *cx, uint64_t room, bool *out);

/* Frees nodes of the state tree that no stored state reaches (sweep.c); one at a time, asked for as often as one likes. */
myl_rc myl_room_sweep(myl_ctx *cx);

/* forgotten.c: somebody has forgotten the room: it is purged in time if nobody of ours can see it any more. */
myl_rc myl_room_look_forgotten(myl_ctx *cx, uint64_t room);

/* Registered by the daemon before tasks start. */
extern const myl_task_kind myl_room_forgotten_task, myl_room_delete_task, myl_room_history_task,
    myl_room_sweep_task;

#endif
