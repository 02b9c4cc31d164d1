/* turns.c: long work in a room is done by one at a time.
 *
 * Why:     two joins of one room would bring its state here twice; events that wait keep their order.
 * Threads: lanes. One lock.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/rooms_own.h"

#include <pthread.h>

typedef struct turn {
    struct turn *next;
    myl_str room_id; /* its owner's */
} turn;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* FED_TURNS */
static pthread_cond_t given = PTHREAD_COND_INITIALIZER;
static turn *taken;

static turn **find(myl_str room_id)
{
    turn **at = &taken;

    while (*at != NULL && !myl_str_equal((*at)->room_id, room_id))
        at = &(*at)->next;
    return at;
}

void myl_fed_turn_take(myl_str room_id)
{
    turn *mine = myl_process_alloc(sizeof(*mine));

    mine->room_id = myl_process_keep(room_id);
    pthread_mutex_lock(&lock);
    while (*find(room_id) != NULL)
        pthread_cond_wait(&given, &lock);
    mine->next = taken;
    taken = mine;
    pthread_mutex_unlock(&lock);
}

void myl_fed_turn_give(myl_str room_id)
{
    turn **at, *mine;

    pthread_mutex_lock(&lock);
    at = find(room_id);
    mine = *at;
    *at = mine->next;
    pthread_cond_broadcast(&given);
    pthread_mutex_unlock(&lock);
    myl_process_free((void *)mine->room_id.at);
    myl_process_free(mine);
}
