/* readers.c: the read workers.
 *
 * Why:     a read may wait for the disk, so it never runs on a loop; and a commit that wakes a
 *          hundred parked requests hands them over with one lock and one call.
 * Callers: loops and lanes put. Threads: own lock, rank HTTP_READERS; nothing is called under it.
 * Memory:  items are the jobs'; they come back to their loop when they have run.
 * Holds:   a worker that sleeps is called once; a swarm of requests costs no more calls than
 *          sleepers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/readers.h"

#include <pthread.h>
#include <semaphore.h>

#include <myelin/base_limit.h>
#include <myelin/base_table.h>

enum { STACK_BYTES = 512 * 1024 };

struct http_readers {
    pthread_mutex_t lock;
    sem_t calls; /* one for each sleeper that is called */
    myl_queue_item *first;
    myl_queue_item **last;
    size_t length;
    size_t sleepers; /* not called yet */
    bool closed;
    void (*run)(myl_queue_item *item);
    size_t count;
    pthread_t threads[];
};

/* The next item, or NULL: then the worker counts as a sleeper, unless all is over. */
static myl_queue_item *take_or_sleep(http_readers *readers, bool *over)
{
    pthread_mutex_lock(&readers->lock);
    myl_queue_item *item = readers->first;
    if (item != NULL) {
        readers->first = item->next;
        if (item->next == NULL)
            readers->last = &readers->first;
        readers->length--;
    }
    *over = item == NULL && readers->closed;
    if (item == NULL && !readers->closed)
        readers->sleepers++;
    pthread_mutex_unlock(&readers->lock);
    return item;
}

static void *work(void *arg)
{
    http_readers *readers = arg;
    bool over = false;

    pthread_setname_np(pthread_self(), "reader");
    while (!over) {
        myl_queue_item *item = take_or_sleep(readers, &over);
        if (item != NULL) {
            readers->run(item);
        } else if (!over) {
            while (sem_wait(&readers->calls) != 0)
                continue; /* a signal */
        }
    }
    return NULL;
}

/* It is held for some nanoseconds: whoever finds it taken spins a little before he sleeps. */
static void start_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t adaptive;

    pthread_mutexattr_init(&adaptive);
    pthread_mutexattr_settype(&adaptive, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(lock, &adaptive);
    pthread_mutexattr_destroy(&adaptive);
}

http_readers *myl_http_readers_start(size_t threads, void (*run)(myl_queue_item *item))
{
    http_readers *readers = myl_process_alloc(sizeof(*readers) + threads * sizeof(pthread_t));
    pthread_attr_t attributes;

    start_lock(&readers->lock);
    sem_init(&readers->calls, 0, 0);
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

/* Calls up to `count` sleepers; those who work take the rest. The lock is held. */
static size_t choose_sleepers(http_readers *readers, size_t count)
{
    size_t called = count < readers->sleepers ? count : readers->sleepers;

    readers->sleepers -= called;
    return called;
}

static void call(http_readers *readers, size_t called)
{
    for (size_t i = 0; i < called; i++)
        sem_post(&readers->calls);
}

void myl_http_readers_put_all(http_readers *readers, myl_queue_item *first, myl_queue_item *last,
                              size_t count)
{
    pthread_mutex_lock(&readers->lock);
    last->next = NULL;
    *readers->last = first;
    readers->last = &last->next;
    readers->length += count;
    size_t called = choose_sleepers(readers, count);
    pthread_mutex_unlock(&readers->lock);
    call(readers, called);
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
    size_t called = choose_sleepers(readers, readers->count);
    pthread_mutex_unlock(&readers->lock);
    call(readers, called);
    for (size_t i = 0; i < readers->count; i++)
        pthread_join(readers->threads[i], NULL);
    MYL_ASSERT(readers->first == NULL);
    sem_destroy(&readers->calls);
    pthread_mutex_destroy(&readers->lock);
    myl_process_free(readers);
}
