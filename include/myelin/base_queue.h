/* base_queue.h: how threads speak: a bounded queue with many senders and one or more takers.
 *
 * Items are intrusive: embed myl_queue_item as a member. Order is kept.
 * Threads: any. One lock inside, rank QUEUE (src/base/locks.def); no call is made while it is held
 * except the wake function, which must not block (an eventfd write, h2o's multithread send).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_BASE_QUEUE_H
#define MYELIN_BASE_QUEUE_H

#include <myelin/base_ctx.h>

typedef struct myl_queue_item {
    struct myl_queue_item *next;
} myl_queue_item;

typedef struct myl_queue myl_queue;

/* `limit` items at most (0: no limit, for items that are bounded elsewhere). wake may be NULL: then
 * takers block in myl_queue_take. wake(arg) runs after an item came into an empty queue. */
myl_queue *myl_queue_start(size_t limit, void (*wake)(void *arg), void *arg);
void myl_queue_end(myl_queue *queue); /* must be empty */
/* MYL_OK, MYL_BUSY when full, MYL_STOPPING after close. */
myl_rc myl_queue_put(myl_queue *queue, myl_queue_item *item);
/* All that waits, as a chain in order, NULL when empty. Does not block. */
myl_queue_item *myl_queue_take_all(myl_queue *queue);
/* One item; blocks while empty. NULL after close, once the queue is empty. */
myl_queue_item *myl_queue_take(myl_queue *queue);
/* All that waits; blocks while empty; NULL after close. `timeout_ms` < 0: for ever; on timeout
 * NULL. */
myl_queue_item *myl_queue_wait_all(myl_queue *queue, int64_t timeout_ms);
/* Later puts are refused, takers wake. */
void myl_queue_close(myl_queue *queue);
size_t myl_queue_length(const myl_queue *queue);

/* container_of for queue items */
#define MYL_OF(item, type, member) ((type *)((char *)(item)-offsetof(type, member)))

#endif
