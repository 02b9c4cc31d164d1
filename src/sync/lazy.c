/* lazy.c: which member events a device has been sent beside events of theirs.
 *
 * Why:     with lazily loaded members each answer would name the same senders again.
 * Threads: read workers; one lock (SYNC_LAZY), held for a look-up.
 * Memory:  process memory, bounded by LAZY_MEMBERS; when it is full all is forgotten, which costs only repetition.
 * Holds:   an event counts as sent for a request whose token is not older than that of the answer that held it: a lost
 *          answer is given whole again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sync_own.h"

#include <pthread.h>

#include <myelin/base_table.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static myl_table *sent; /* device and member event -> position of the answer's token */

static uint64_t key_of(uint64_t device, uint64_t event)
{
    return (device * 0x9E3779B97F4A7C15u) ^ event;
}

bool myl_sync_member_was_sent(const myl_syncing *s, uint64_t event)
{
    uint64_t upto;

    pthread_mutex_lock(&lock);
    upto =
        sent == NULL
            ? 0
            : (uint64_t)(uintptr_t)myl_table_get(sent, key_of(s->request->caller->device, event));
    pthread_mutex_unlock(&lock);
    return upto != 0 && upto <= s->since;
}

void myl_sync_member_is_sent(const myl_syncing *s, uint64_t event)
{
    pthread_mutex_lock(&lock);
    if (sent != NULL && myl_table_count(sent) >= MYL_LIMIT_LAZY_MEMBERS) {
        myl_table_end(sent);
        sent = NULL;
    }
    if (sent == NULL)
        sent = myl_table_start();
    myl_table_set(sent, key_of(s->request->caller->device, event), (void *)(uintptr_t)s->upto);
    pthread_mutex_unlock(&lock);
}

void myl_sync_stop(void)
{
    pthread_mutex_lock(&lock);
    if (sent != NULL)
        myl_table_end(sent);
    sent = NULL;
    pthread_mutex_unlock(&lock);
}
