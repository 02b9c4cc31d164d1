/* user_threads.h: threads that a user follows, by their own choice or their client's.
 *
 * A row a thread that was ever subscribed: who left it is remembered, so that no client subscribes to it again for an
 * event of before that. The newest change of each thread stands in an order by position.
 * Spec: MSC4306, MSC4308. Inside cx->txn; what changes them, inside a change. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_USER_THREADS_H
#define MYELIN_USER_THREADS_H

#include <myelin/base_list.h>
#include <myelin/user_account.h>

typedef enum {
    MYL_THREAD_NONE, /* never subscribed, or left */
    MYL_THREAD_AUTOMATIC,
    MYL_THREAD_MANUAL
} myl_thread_how;
typedef struct {
    uint64_t room;
    myl_str root; /* event id */
    myl_thread_how how;
    uint64_t position; /* of its newest change; 0: there never was one */
} myl_thread_subscription;

/* position 0 when there is none. */
myl_rc myl_user_thread(myl_ctx *cx, uint64_t user, uint64_t room, myl_str root,
                       myl_thread_subscription *out);
/* cause: the number of the event for which a client subscribes; 0: the user wants it. A subscription that is there stays, or
 * becomes the user's. MYL_CONFLICTING_UNSUBSCRIPTION when it was left after that event, MYL_RESOURCE_LIMIT. */
myl_rc myl_user_thread_follow(myl_ctx *cx, uint64_t user, uint64_t room, myl_str root,
                              uint64_t cause);
/* No error when it is not subscribed. */
myl_rc myl_user_thread_leave(myl_ctx *cx, uint64_t user, uint64_t room, myl_str root);

/* Changes at positions after `after` and before `before` (UINT64_MAX: all), the newest first. */
typedef struct {
    uint64_t after, before;
    size_t limit;
    bool followed_only; /* not those that were left */
} myl_thread_range;
typedef struct {
    const myl_thread_subscription *list;
    size_t count;
    bool more; /* there are older ones in the range */
} myl_threads;
myl_rc myl_user_threads(myl_ctx *cx, uint64_t user, const myl_thread_range *range,
                        myl_threads *out);
/* Rooms (uint64_t) of the threads that were followed or left after a position, a room once for each thread. */
myl_rc myl_user_threads_changed(myl_ctx *cx, uint64_t user, uint64_t after, myl_list *rooms);
/* Position of the user's newest change; 0: none. */
myl_rc myl_user_threads_position(myl_ctx *cx, uint64_t user, uint64_t *out);

/* The room is deleted: at most `most` rows go; *gone counts them. */
myl_rc myl_user_threads_drop_room(myl_ctx *cx, uint64_t user, uint64_t room, size_t most,
                                  size_t *gone);

#endif
