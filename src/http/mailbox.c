/* mailbox.c: messages to a loop: any thread puts, the loop takes all.
 *
 * Why:     replies come in swarms after each commit; a lock would make their senders queue behind
 *          the one who rings, and each ring is a system call.
 * Callers: read workers, lanes and the engine put; loop.c delivers. Threads: any.
 * Holds:   the bell is rung exactly when mail comes into an empty box.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/mailbox.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

void myl_http_mailbox_open(http_mailbox *box)
{
    atomic_init(&box->newest, NULL);
    box->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    MYL_ASSERT(box->bell >= 0);
}

void myl_http_mailbox_close(http_mailbox *box)
{
    MYL_ASSERT(atomic_load(&box->newest) == NULL);
}

static void ring(int bell)
{
    uint64_t one = 1;

    while (write(bell, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
}

void myl_http_mail_put(http_mailbox *box, http_mail *mail)
{
    int bell = box->bell; /* the loop may end as soon as it has the last mail */
    http_mail *newest = atomic_load(&box->newest);

    do {
        mail->next = newest;
    } while (!atomic_compare_exchange_weak(&box->newest, &newest, mail));
    if (newest == NULL)
        ring(bell);
}

size_t myl_http_mail_deliver(http_mailbox *box, void *loop)
{
    http_mail *newest = atomic_exchange(&box->newest, NULL);
    http_mail *oldest = NULL;
    size_t count = 0;

    while (newest != NULL) {
        http_mail *older = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = older;
    }
    while (oldest != NULL) {
        http_mail *next = oldest->next;
        oldest->deliver(loop, oldest);
        oldest = next;
        count++;
    }
    return count;
}
