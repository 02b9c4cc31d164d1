/* queue.c: a bounded chain of items between threads.
 *
 * Why:     threads speak by queues only; the one lock of a queue guards its chain and nothing else.
 * Callers: senders put; the owner takes, by blocking or when its wake function was called.
 * Threads: any. Lock rank QUEUE; the wake function runs under it and must not block.
 * Memory:  items are the callers'; the queue is process memory.
 * Holds:   `last` points to the link that ends the chain, so a put never walks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/base_queue.h>

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include <myelin/base_table.h>

struct myl_queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    myl_queue_item *first;
    myl_queue_item **last;
    atomic_size_t length; /* written under the lock, read by anyone */
    size_t limit;
    bool closed;
    void (*wake)(void *arg);
    void *arg;
};

myl_queue *myl_queue_start(size_t limit, void (*wake)(void *arg), void *arg)
{
    myl_queue *queue = myl_process_alloc(sizeof(*queue));
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->filled, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&queue->lock, NULL);
    queue->last = &queue->first;
    queue->limit = limit;
    queue->wake = wake;
    queue->arg = arg;
    return queue;
}

void myl_queue_end(myl_queue *queue)
{
    if (queue == NULL)
        return;
    MYL_ASSERT(queue->first == NULL);
    pthread_mutex_destroy(&queue->lock);
    pthread_cond_destroy(&queue->filled);
    myl_process_free(queue);
}

static void call_takers(myl_queue *queue)
{
    pthread_cond_broadcast(&queue->filled);
    if (queue->wake != NULL)
        queue->wake(queue->arg);
}

myl_rc myl_queue_put(myl_queue *queue, myl_queue_item *item)
{
    myl_rc rc = MYL_OK;
    pthread_mutex_lock(&queue->lock);
    size_t length = atomic_load_explicit(&queue->length, memory_order_relaxed);
    if (queue->closed) {
        rc = MYL_STOPPING;
    } else if (queue->limit > 0 && length >= queue->limit) {
        rc = MYL_BUSY;
    } else {
        item->next = NULL;
        *queue->last = item;
        queue->last = &item->next;
        atomic_store_explicit(&queue->length, length + 1, memory_order_relaxed);
        if (length == 0)
            call_takers(queue);
        else
            pthread_cond_signal(&queue->filled);
    }
    pthread_mutex_unlock(&queue->lock);
    return rc;
}

/* The whole chain; the lock is held. */
static myl_queue_item *cut_all(myl_queue *queue)
{
    myl_queue_item *chain = queue->first;
    queue->first = NULL;
    queue->last = &queue->first;
    atomic_store_explicit(&queue->length, 0, memory_order_relaxed);
    return chain;
}

myl_queue_item *myl_queue_take_all(myl_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    myl_queue_item *chain = cut_all(queue);
    pthread_mutex_unlock(&queue->lock);
    return chain;
}

myl_queue_item *myl_queue_take(myl_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->first == NULL && !queue->closed)
        pthread_cond_wait(&queue->filled, &queue->lock);
    myl_queue_item *item = queue->first;
    if (item != NULL) {
        queue->first = item->next;
        if (queue->first == NULL)
            queue->last = &queue->first;
        item->next = NULL;
        atomic_fetch_sub_explicit(&queue->length, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&queue->lock);
    return item;
}

static struct timespec after_ms(int64_t ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t nanoseconds = at.tv_nsec + ms % 1000 * 1000000;
    at.tv_sec += (time_t)(ms / 1000 + nanoseconds / 1000000000);
    at.tv_nsec = (long)(nanoseconds % 1000000000);
    return at;
}

myl_queue_item *myl_queue_wait_all(myl_queue *queue, int64_t timeout_ms)
{
    struct timespec end = after_ms(timeout_ms < 0 ? 0 : timeout_ms);
    int waited = 0;
    pthread_mutex_lock(&queue->lock);
    while (queue->first == NULL && !queue->closed && waited != ETIMEDOUT) {
        if (timeout_ms < 0)
            pthread_cond_wait(&queue->filled, &queue->lock);
        else
            waited = pthread_cond_timedwait(&queue->filled, &queue->lock, &end);
    }
    myl_queue_item *chain = cut_all(queue);
    pthread_mutex_unlock(&queue->lock);
    return chain;
}

void myl_queue_close(myl_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    call_takers(queue);
    pthread_mutex_unlock(&queue->lock);
}

size_t myl_queue_length(const myl_queue *queue)
{
    return atomic_load_explicit(&queue->length, memory_order_relaxed);
}
