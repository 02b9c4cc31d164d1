/* mailbox.h: messages to a loop: any thread puts, the loop takes all.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_HTTP_MAILBOX_OWN_H
#define MYELIN_HTTP_MAILBOX_OWN_H

#include <stdatomic.h>

#include <myelin/base_ctx.h>

/* Embedded in what is sent. `deliver` runs on the loop and owns what comes after. */
typedef struct http_mail {
    struct http_mail *next;
    void (*deliver)(void *loop, struct http_mail *mail);
} http_mail;

typedef struct {
    _Atomic(http_mail *) newest;
    int bell; /* an eventfd, readable when mail came into an empty box */
} http_mailbox;

void myl_http_mailbox_open(http_mailbox *box); /* ends the process when there is no eventfd */
void myl_http_mailbox_close(http_mailbox *box);
/* Any thread. Mail of one sender keeps its order. */
void myl_http_mail_put(http_mailbox *box, http_mail *mail);
/* The loop's, after the bell: delivers all that is there. Returns how many. */
size_t myl_http_mail_deliver(http_mailbox *box, void *loop);

#endif
