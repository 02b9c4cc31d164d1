/* test_queue.c: order, limits, closing, wake-ups, many senders and takers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base_test.h"

#include <pthread.h>

#include <myelin/base_queue.h>

typedef struct {
    int number;
    int sender;
    myl_queue_item item;
} parcel;

static void count_wake(void *arg)
{
    (*(int *)arg)++;
}

static void order_and_wake(void **state)
{
    MYL_UNUSED(state);
    int wakes = 0;
    parcel parcels[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    myl_queue *queue = myl_queue_start(0, count_wake, &wakes);
    assert_null(myl_queue_take_all(queue));
    for (int i = 0; i < 3; i++)
        assert_int_equal(myl_queue_put(queue, &parcels[i].item), MYL_OK);
    assert_int_equal(wakes, 1); /* only the one into the empty queue */
    assert_int_equal(myl_queue_length(queue), 3);
    int expected = 0;
    for (myl_queue_item *item = myl_queue_take_all(queue); item != NULL; item = item->next)
        assert_int_equal(MYL_OF(item, parcel, item)->number, expected++);
    assert_int_equal(expected, 3);
    assert_int_equal(myl_queue_length(queue), 0);
    assert_int_equal(myl_queue_put(queue, &parcels[0].item), MYL_OK);
    assert_int_equal(wakes, 2);
    assert_ptr_equal(myl_queue_take(queue), &parcels[0].item);
    myl_queue_end(queue);
}

static void limit_and_close(void **state)
{
    MYL_UNUSED(state);
    int wakes = 0;
    parcel parcels[3];
    myl_queue *queue = myl_queue_start(2, count_wake, &wakes);
    assert_int_equal(myl_queue_put(queue, &parcels[0].item), MYL_OK);
    assert_int_equal(myl_queue_put(queue, &parcels[1].item), MYL_OK);
    assert_int_equal(myl_queue_put(queue, &parcels[2].item), MYL_BUSY);
    assert_ptr_equal(myl_queue_take(queue), &parcels[0].item);
    assert_int_equal(myl_queue_put(queue, &parcels[2].item), MYL_OK);
    myl_queue_close(queue);
    assert_int_equal(wakes, 2); /* closing wakes too */
    assert_int_equal(myl_queue_put(queue, &parcels[0].item), MYL_STOPPING);
    assert_ptr_equal(myl_queue_take(queue), &parcels[1].item); /* what waited still comes */
    assert_ptr_equal(myl_queue_wait_all(queue, -1), &parcels[2].item);
    assert_null(myl_queue_take(queue));
    assert_null(myl_queue_wait_all(queue, -1));
    myl_queue_end(queue);
    myl_queue_end(NULL);
}

static void waiting_ends(void **state)
{
    MYL_UNUSED(state);
    myl_queue *queue = myl_queue_start(0, NULL, NULL);
    assert_null(myl_queue_wait_all(queue, 0));
    assert_null(myl_queue_wait_all(queue, 5));
    parcel one;
    assert_int_equal(myl_queue_put(queue, &one.item), MYL_OK);
    assert_ptr_equal(myl_queue_wait_all(queue, 600000), &one.item);
    myl_queue_end(queue);
}

#define SENDERS 4
#define PARCELS 2000

typedef struct {
    myl_queue *queue;
    parcel *parcels;
} sender;

static void *send_all(void *arg)
{
    sender *s = arg;
    for (int i = 0; i < PARCELS; i++)
        assert_int_equal(myl_queue_put(s->queue, &s->parcels[i].item), MYL_OK);
    return NULL;
}

static void *take_one_by_one(void *arg)
{
    intptr_t taken = 0;
    while (myl_queue_take(arg) != NULL)
        taken++;
    return (void *)taken;
}

static void *take_chains(void *arg)
{
    intptr_t taken = 0;
    int last[SENDERS] = {-1, -1, -1, -1};
    for (myl_queue_item *chain; (chain = myl_queue_wait_all(arg, -1)) != NULL;) {
        for (; chain != NULL; chain = chain->next) {
            parcel *p = MYL_OF(chain, parcel, item);
            assert_true(p->number > last[p->sender]); /* each sender's own stay in order */
            last[p->sender] = p->number;
            taken++;
        }
    }
    return (void *)taken;
}

static intptr_t run_threads(void *(*take)(void *), int takers)
{
    static parcel parcels[SENDERS][PARCELS];
    myl_queue *queue = myl_queue_start(0, NULL, NULL);
    pthread_t sending[SENDERS], taking[2];
    sender senders[SENDERS];
    for (int i = 0; i < takers; i++)
        assert_int_equal(pthread_create(&taking[i], NULL, take, queue), 0);
    for (int i = 0; i < SENDERS; i++) {
        for (int p = 0; p < PARCELS; p++)
            parcels[i][p] = (parcel){.number = p, .sender = i};
        senders[i] = (sender){queue, parcels[i]};
        assert_int_equal(pthread_create(&sending[i], NULL, send_all, &senders[i]), 0);
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(sending[i], NULL);
    myl_queue_close(queue);
    intptr_t sum = 0;
    for (int i = 0; i < takers; i++) {
        void *taken;
        pthread_join(taking[i], &taken);
        sum += (intptr_t)taken;
    }
    myl_queue_end(queue);
    return sum;
}

static void many_threads(void **state)
{
    MYL_UNUSED(state);
    assert_int_equal(run_threads(take_one_by_one, 2), SENDERS * PARCELS);
    assert_int_equal(run_threads(take_chains, 1), SENDERS * PARCELS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_and_wake),
        cmocka_unit_test(limit_and_close),
        cmocka_unit_test(waiting_ends),
        cmocka_unit_test(many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
