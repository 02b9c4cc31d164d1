/* readers.h: the read workers: threads that answer READ endpoints from snapshots.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_HTTP_READERS_OWN_H
#define MYELIN_HTTP_READERS_OWN_H

#include <myelin/base_queue.h>

typedef struct http_readers http_readers;

/* `run` is called on a worker for each item. */
http_readers *myl_http_readers_start(size_t threads, void (*run)(myl_queue_item *item));
/* One item; MYL_BUSY when HTTP_QUEUE wait already. */
myl_rc myl_http_readers_put(http_readers *readers, myl_queue_item *item);
/* A chain of `count` at once, whatever waits: they are bounded elsewhere. Wakes as many workers as
 * are of use. */
void myl_http_readers_put_all(http_readers *readers, myl_queue_item *first, myl_queue_item *last,
                              size_t count);
/* Runs what is queued, then joins the threads. */
void myl_http_readers_stop(http_readers *readers);

#endif
