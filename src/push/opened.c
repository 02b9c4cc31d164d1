/* opened.c: events that were parsed for one reader's rules, kept a while for the others of the room.
 *
 * Why:     a message in a large room is judged for each of its readers at about the same time: it is parsed for the first.
 * Callers: counts.c. Threads: read workers. One lock (PUSH_OPENED) over the slots, held for a look.
 * Memory:  shared: refcounted, immutable; at most SLOTS events of at most LARGEST bytes. Larger ones are parsed each time.
 * Holds:   an event is in the slot of its number or nowhere; its bytes never change while it may count (redacted ones do not).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "push/push_own.h"

#include <pthread.h>

enum { SLOTS = 64, LARGEST = 8 * 1024 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static myl_push_opened *slots[SLOTS];

static void free_opened(void *whole)
{
    myl_push_opened *one = whole;

    myl_ctx_end(&one->cx);
    myl_process_free(one);
}

/* NULL: it is in no slot. */
static myl_push_opened *find(uint64_t number)
{
    myl_push_opened *one;

    pthread_mutex_lock(&lock);
    one = slots[number % SLOTS];
    if (one != NULL && one->number == number)
        myl_shared_ref(&one->shared);
    else
        one = NULL;
    pthread_mutex_unlock(&lock);
    return one;
}

static void keep(myl_push_opened *one)
{
    myl_push_opened *old;

    myl_shared_ref(&one->shared);
    pthread_mutex_lock(&lock);
    old = slots[one->number % SLOTS];
    slots[one->number % SLOTS] = one;
    pthread_mutex_unlock(&lock);
    if (old != NULL)
        myl_shared_drop(&old->shared);
}

myl_rc myl_push_open(myl_ctx *cx, const myl_stored *stored, myl_push_opened **out)
{
    myl_stored lasting = *stored;
    myl_push_opened *one = find(stored->number);
    myl_rc rc;

    *out = one;
    if (one != NULL)
        return MYL_OK;
    one = myl_process_alloc(sizeof(*one));
    myl_shared_start(&one->shared, free_opened);
    one->number = stored->number;
    lasting.event_id = myl_keep(&one->cx, stored->event_id);
    rc = myl_room_event_open(&one->cx, &lasting, &one->event);
    if (rc != MYL_OK) {
        free_opened(one);
        return myl_fail(cx, rc, "an event of a room cannot be read");
    }
    if (stored->bytes.len <= LARGEST)
        keep(one);
    *out = one;
    return MYL_OK;
}

void myl_push_opened_stop(void)
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (slots[i] != NULL)
            myl_shared_drop(&slots[i]->shared);
        slots[i] = NULL;
    }
}
