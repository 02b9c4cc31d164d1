/* readers.c: the read workers.
 *
 * Why:     a read may wait for the disk, so it never runs on a loop; and a commit that wakes a hundred
 *          parked requests hands them over with one lock and one call.
 * Callers: loops and lanes put. Threads: own lock, rank HTTP_READERS; nothing is called under it.
 * Memory:  items are the jobs'; they come back to their loop when they have run.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/readers.h"

#include <pthread.h>

#include <myelin/base_limit.h>
#include <myelin/base_table.h>

enum { STACK_BYTES = 512 * 1024 };

struct http_readers {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    myl_queue_item *first;
    myl_queue_item **last;
    size_t length;
    size_t idle;
    bool closed;
    void (*run)(myl_queue_item *item);
    size_t count;
    pthread_t threads[];
};

static myl_queue_item *take(http_readers *readers)
{
    pthread_mutex_lock(&readers->lock);
    readers->idle++;
    while (readers->first == NULL && !readers->closed)
        pthread_cond_wait(&readers->filled, &readers->lock);
    readers->idle--;
    myl_queue_item *item = readers->first;
    if (item != NULL) {
        readers->first = item->next;
        if (item->next == NULL)
            readers->last = &readers->first;
        readers->length--;
    }
    pthread_mutex_unlock(&readers->lock);
    return item;
}

static void *work(void *arg)
{
    http_readers *readers = arg;
    myl_queue_item *item;

    while ((item = take(readers)) != NULL)
        readers->run(item);
    return NULL;
}

http_readers *myl_http_readers_start(size_t threads, void (*run)(myl_queue_item *item))
{
    http_readers *readers = myl_process_alloc(sizeof(*readers) + threads * sizeof(pthread_t));
    pthread_attr_t attributes;

    pthread_mutex_init(&readers->lock, NULL);
    pthread_cond_init(&readers->filled, NULL);
    readers->last = &readers->first;
    readers->run = run;
    readers->count = threads;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (size_t i = 0; i < threads; i++)
        MYL_ASSERT(pthread_create(&readers->threads[i], &attributes, work, readers) == 0);
    pthread_attr_destroy(&attributes);
    return readers;
}

static void wake(http_readers *readers, size_t idle, size_t count)
{
    if (count > 1 && idle > 1)
        pthread_cond_broadcast(&readers->filled);
    else if (idle > 0)
        pthread_cond_signal(&readers->filled);
}

void myl_http_readers_put_all(http_readers *readers, myl_queue_item *first, myl_queue_item *last, size_t count)
{
    pthread_mutex_lock(&readers->lock);
    last->next = NULL;
    *readers->last = first;
    readers->last = &last->next;
    readers->length += count;
    size_t idle = readers->idle;
    pthread_mutex_unlock(&readers->lock);
    wake(readers, idle, count);
}

myl_rc myl_http_readers_put(http_readers *readers, myl_queue_item *item)
{
    pthread_mutex_lock(&readers->lock);
    bool full = readers->length >= MYL_LIMIT_HTTP_QUEUE;
    pthread_mutex_unlock(&readers->lock);
    if (full)
        return MYL_BUSY;
    myl_http_readers_put_all(readers, item, item, 1);
    return MYL_OK;
}

void myl_http_readers_stop(http_readers *readers)
{
    if (readers == NULL)
        return;
    pthread_mutex_lock(&readers->lock);
    readers->closed = true;
    pthread_cond_broadcast(&readers->filled);
    pthread_mutex_unlock(&readers->lock);
    for (size_t i = 0; i < readers->count; i++)
        pthread_join(readers->threads[i], NULL);
    MYL_ASSERT(readers->first == NULL);
    pthread_cond_destroy(&readers->filled);
    pthread_mutex_destroy(&readers->lock);
    myl_process_free(readers);
}
