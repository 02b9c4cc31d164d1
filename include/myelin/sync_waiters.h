/* sync_waiters.h: who waits for what: parked requests indexed by user and room.
 *
 * A loop keeps one index of its own parked requests. What a commit or a volatile change tells (a
 * post) wakes exactly the waiters of its rooms and users, each once, whatever the number of notes.
 * Cost follows the notes and the woken, never the number that sleep. Nothing is lost between a
 * handler's look and its sleep: a waiter says which post was the newest before it looked, and the
 * index remembers the latest posts.
 * The rooms of a user are named once: the index keeps them while the user comes back to sleep, until a note says that
 * their memberships changed. So sleeping again costs nothing for each room.
 * Threads: an index belongs to one loop; a post may be read by many.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_SYNC_WAITERS_H
#define MYELIN_SYNC_WAITERS_H

#include <myelin/base_table.h>
#include <myelin/store_engine.h>

/* News for waiters, shared by all loops. Sequence numbers rise by one over all posts of the
 * process. */
typedef struct {
    myl_shared shared; /* first member */
    uint64_t sequence;
    uint64_t position; /* of the commit; 0: volatile, concerns every position */
    size_t count;
    const myl_note *notes;
} myl_post;

struct myl_watch;

/* Embedded by its owner; zero before the first use. Text of no field is read by others. */
typedef struct myl_waiter {
    struct myl_waiter *next;           /* in the chains that are given out */
    struct myl_watch *watch;           /* what it follows, while it is in the index */
    struct myl_waiter *beside, **link; /* the others of its watch */
    int64_t deadline_tick_ms;
    size_t heap_at; /* 1..count in the index; 0: not in it */
    bool only_devices;
} myl_waiter;

/* What it waits for. */
typedef struct {
    int64_t deadline_tick_ms;
    uint64_t position; /* it has seen all commits up to this one */
    uint64_t sequence; /* the newest post when it began to look */
    uint64_t user;     /* 0: nobody */
    bool of_user;      /* the rooms are all those that the user is joined to */
    bool only_devices; /* of its rooms only MYL_NOTE_DEVICES wake it */
    bool has_rooms;    /* of_user: they are listed here, should the index lack them */
    bool
        is_part; /* there are more rooms than may be listed: it sleeps for PARKED_PART_MS at most */
    const uint64_t *rooms; /* ascending, each once; copied */
    size_t room_count;
} myl_wait;

typedef struct myl_waiters myl_waiters;
myl_waiters *myl_waiters_start(void);
void myl_waiters_end(myl_waiters *waiters); /* must be empty */

/* Puts it to sleep, or does not: something that concerns it was posted meanwhile; or the user's rooms are wanted. */
typedef enum { MYL_WAITERS_SLEEPS, MYL_WAITERS_MISSED, MYL_WAITERS_ASK_ROOMS } myl_waiters_answer;
myl_waiters_answer myl_waiters_add(myl_waiters *waiters, myl_waiter *waiter, const myl_wait *wait);
/* Takes it out, whether it sleeps or not. */
void myl_waiters_remove(myl_waiters *waiters, myl_waiter *waiter);
/* Takes out those whom the post concerns, as a chain. Posts come in the order of their sequence;
 * the index keeps a reference to the latest HTTP_NOTED_POSTS. */
myl_waiter *myl_waiters_post(myl_waiters *waiters, myl_post *post);
/* Takes out those whose deadline is at or before now. */
myl_waiter *myl_waiters_due(myl_waiters *waiters, int64_t now_tick_ms);
/* Takes out all. */
myl_waiter *myl_waiters_all(myl_waiters *waiters);
/* When to call myl_waiters_due: the earliest deadline, or the end of what is kept; INT64_MAX: never. */
int64_t myl_waiters_next_deadline(const myl_waiters *waiters);
size_t myl_waiters_count(const myl_waiters *waiters);
/* Are the rooms of a user kept? Then no post may be left out. */
bool myl_waiters_keeps(const myl_waiters *waiters);

#endif
