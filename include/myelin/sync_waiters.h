/* sync_waiters.h: who waits for what: parked requests indexed by user and room.
 *
 * A loop keeps one index of its own parked requests. What a commit or a volatile change tells (a
 * post) wakes exactly the waiters of its rooms and users, each once, whatever the number of notes.
 * Cost follows the notes and the woken, never the number that sleep. Nothing is lost between a
 * handler's look and its sleep: a waiter says which post was the newest before it looked, and the
 * index remembers the latest posts.
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

struct myl_wait_place;

/* Embedded by its owner; zero before the first use. Text of no field is read by others. */
typedef struct myl_waiter {
    struct myl_waiter *next; /* in the chains that are given out */
    struct myl_wait_place *places;
    size_t place_count;
    int64_t deadline_tick_ms;
    size_t heap_at; /* 1..count in the index; 0: not in it */
} myl_waiter;

/* What it waits for. */
typedef struct {
    int64_t deadline_tick_ms;
    uint64_t position;     /* it has seen all commits up to this one */
    uint64_t sequence;     /* the newest post when it began to look */
    uint64_t user;         /* 0: nobody */
    const uint64_t *rooms; /* copied */
    size_t room_count;
} myl_wait;

typedef struct myl_waiters myl_waiters;
myl_waiters *myl_waiters_start(void);
void myl_waiters_end(myl_waiters *waiters); /* must be empty */

/* Puts it to sleep; false when something that concerns it was posted meanwhile: then it is not
 * in. */
bool myl_waiters_add(myl_waiters *waiters, myl_waiter *waiter, const myl_wait *wait);
/* Takes it out, whether it sleeps or not. */
void myl_waiters_remove(myl_waiters *waiters, myl_waiter *waiter);
/* Takes out those whom the post concerns, as a chain. Posts come in the order of their sequence;
 * the index keeps a reference to the latest HTTP_NOTED_POSTS. */
myl_waiter *myl_waiters_post(myl_waiters *waiters, myl_post *post);
/* Takes out those whose deadline is at or before now. */
myl_waiter *myl_waiters_due(myl_waiters *waiters, int64_t now_tick_ms);
/* Takes out all. */
myl_waiter *myl_waiters_all(myl_waiters *waiters);
/* The earliest deadline; INT64_MAX when nobody sleeps. */
int64_t myl_waiters_next_deadline(const myl_waiters *waiters);
size_t myl_waiters_count(const myl_waiters *waiters);

#endif
