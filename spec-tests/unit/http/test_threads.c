/* test_threads.c: mail to a loop and chains for read workers, from many threads at once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/http_test.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <myelin/base_limit.h>
#include <myelin/base_table.h>

#include "http/mailbox.h"
#include "http/readers.h"

enum { SENDERS = 4, LETTERS = 20000 };

typedef struct {
    http_mail mail;
    int sender, number;
} letter;

typedef struct {
    int next[SENDERS]; /* the number that must come next */
    size_t count;
} reader_of_mail;

static http_mailbox box;

static void deliver(void *arg, http_mail *mail)
{
    reader_of_mail *reader = arg;
    letter *one = MYL_OF(mail, letter, mail);

    assert_int_equal(one->number, reader->next[one->sender]);
    reader->next[one->sender]++;
    reader->count++;
}

static void *send_letters(void *arg)
{
    letter *letters = arg;

    for (int i = 0; i < LETTERS; i++)
        myl_http_mail_put(&box, &letters[i].mail);
    return NULL;
}

/* Every letter comes, each sender's in order, and the bell is enough to learn of them. */
static void mail_comes_in_order(void **state)
{
    reader_of_mail reader = {.count = 0};
    pthread_t threads[SENDERS];
    letter *letters[SENDERS];

    MYL_UNUSED(state);
    myl_http_mailbox_open(&box);
    for (int i = 0; i < SENDERS; i++) {
        letters[i] = myl_process_alloc(LETTERS * sizeof(letter));
        for (int j = 0; j < LETTERS; j++)
            letters[i][j] = (letter){.mail = {.deliver = deliver}, .sender = i, .number = j};
        assert_int_equal(pthread_create(&threads[i], NULL, send_letters, letters[i]), 0);
    }
    while (reader.count < (size_t)SENDERS * LETTERS) {
        struct pollfd bell = {.fd = box.bell, .events = POLLIN};
        uint64_t rings;
        assert_int_equal(poll(&bell, 1, 10000), 1);
        assert_int_equal(read(box.bell, &rings, sizeof(rings)), sizeof(rings));
        myl_http_mail_deliver(&box, &reader);
    }
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], NULL);
        myl_process_free(letters[i]);
    }
    myl_http_mailbox_close(&box);
    close(box.bell);
}

typedef struct {
    myl_queue_item item;
    atomic_int *runs;
} work;

static void run_work(myl_queue_item *item)
{
    atomic_fetch_add(MYL_OF(item, work, item)->runs, 1);
}

static void workers_run_each_once(void **state)
{
    enum { SINGLE = 1000, CHAINS = 100, CHAIN = 30 };
    static work single[SINGLE];
    static work chained[CHAINS][CHAIN];
    atomic_int runs = 0;
    http_readers *readers = myl_http_readers_start(3, run_work);

    MYL_UNUSED(state);
    for (int i = 0; i < SINGLE; i++) {
        single[i].runs = &runs;
        assert_int_equal(myl_http_readers_put(readers, &single[i].item), MYL_OK);
    }
    for (int i = 0; i < CHAINS; i++) {
        for (int j = 0; j < CHAIN; j++) {
            chained[i][j].runs = &runs;
            chained[i][j].item.next = j + 1 < CHAIN ? &chained[i][j + 1].item : NULL;
        }
        myl_http_readers_put_all(readers, &chained[i][0].item, &chained[i][CHAIN - 1].item, CHAIN);
    }
    myl_http_readers_stop(readers);
    assert_int_equal(atomic_load(&runs), SINGLE + CHAINS * CHAIN);
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void run_behind_gate(myl_queue_item *item)
{
    MYL_UNUSED(item);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
}

static void full_is_busy(void **state)
{
    static myl_queue_item items[MYL_LIMIT_HTTP_QUEUE + 2];
    size_t taken = 0;

    MYL_UNUSED(state);
    pthread_mutex_lock(&gate);
    http_readers *readers = myl_http_readers_start(1, run_behind_gate);
    while (taken < MYL_LIMIT_HTTP_QUEUE + 2 &&
           myl_http_readers_put(readers, &items[taken]) == MYL_OK)
        taken++;
    assert_in_range(taken, MYL_LIMIT_HTTP_QUEUE, MYL_LIMIT_HTTP_QUEUE + 1);
    pthread_mutex_unlock(&gate);
    myl_http_readers_stop(readers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_comes_in_order),
        cmocka_unit_test(workers_run_each_once),
        cmocka_unit_test(full_is_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
