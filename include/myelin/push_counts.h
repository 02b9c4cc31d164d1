/* push_counts.h: how many events of a room wait for a reader, by thread.
 *
 * Nothing is stored per member and event: who reads pays for what came since they last read, and a counter in memory spares
 * them from paying twice. Spec: Client-Server API, Receiving notifications; Threaded read receipts.
 * Inside a snapshot. Threads: read workers; what is kept is behind the lock PUSH_COUNTS.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_PUSH_COUNTS_H
#define MYELIN_PUSH_COUNTS_H

#include <myelin/push_judge.h>
#include <myelin/room_timeline.h>
#include <myelin/user_ignore.h>

/* Who reads; their rules are read at the first question. Start it as (myl_push_reader){.caller = caller}. */
typedef struct {
    const myl_caller *caller;
    bool begun;
    myl_push_ruleset rules;
    bool knows_ignored;  /* the next is filled */
    myl_ignored ignored; /* whose events do not count */
    uint64_t threads;    /* position of the newest change of the threads that they follow */
} myl_push_reader;

myl_rc myl_push_reader_begin(myl_ctx *cx, myl_push_reader *reader); /* reads the rules; once */

typedef struct {
    myl_str thread_id; /* event id of the thread's root */
    uint32_t notifications, highlights;
} myl_push_thread;
typedef struct {
    uint32_t notifications, highlights; /* of the main timeline */
    const myl_push_thread *threads;     /* those with something unread */
    size_t thread_count;
    uint32_t all_notifications, all_highlights; /* of both */
} myl_push_counts;
/* For a room that the reader is joined to. At most the newest COUNT_WALK events count. */
myl_rc myl_push_count(myl_ctx *cx, myl_push_reader *reader, const myl_room_head *head,
                      const myl_member *member, myl_push_counts *out);

/* What the reader's rules say of one event of a room, as the room is now. */
myl_rc myl_push_judge_stored(myl_ctx *cx, myl_push_reader *reader, const myl_room_head *head,
                             const myl_stored *stored, myl_push_verdict *out);

/* Has the reader read this event of a room that they are joined to? */
myl_rc myl_push_is_read(myl_ctx *cx, myl_push_reader *reader, const myl_member *member,
                        const myl_stored *stored, bool *out);

/* Forgets what is kept in memory. */
void myl_push_counts_stop(void);

#endif
