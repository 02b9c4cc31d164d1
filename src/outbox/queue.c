/* queue.c: items that wait for one server, in order.
 *
 * Callers: destination.c, transaction.c. Threads: the sender. Memory: process memory that shrinks to nothing when empty.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "outbox/outbox_own.h"

void myl_outbox_queue_add(outbox_queue *queue, const outbox_item *item)
{
    size_t size = sizeof(queue->items[0]);

    if (queue->first > 0 && queue->first + queue->count == queue->room) {
        memmove(queue->items, queue->items + queue->first, queue->count * size);
        queue->first = 0;
    }
    if (queue->first + queue->count == queue->room) {
        size_t room = queue->room == 0 ? 8 : 2 * queue->room;
        queue->items = myl_process_grow(queue->items, queue->room * size, room * size);
        queue->room = room;
    }
    queue->items[queue->first + queue->count++] = *item;
}

const outbox_item *myl_outbox_queue_at(const outbox_queue *queue, size_t index)
{
    return &queue->items[queue->first + index];
}

void myl_outbox_queue_drop(outbox_queue *queue, size_t count)
{
    queue->first += count;
    queue->count -= count;
    if (queue->count == 0)
        myl_outbox_queue_end(queue);
}

void myl_outbox_queue_end(outbox_queue *queue)
{
    myl_process_free(queue->items);
    *queue = (outbox_queue){.items = NULL};
}
