/* net_sender.h: the sender thread: one event loop for every outgoing call, name look-up and timer.
 *
 * Why: waiting for other servers costs no thread each. What runs there never blocks; code of other threads
 * comes by posts. Lanes wait for an answer with myl_net_call_wait (net_call.h).
 * Threads: start and stop from main; myl_net_run and myl_net_wake from any; the rest from the sender alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_NET_SENDER_H
#define MYELIN_NET_SENDER_H

#include <myelin/base_network.h>
#include <myelin/base_queue.h>

/* Values are copied. */
typedef struct {
    bool allow_loopback;               /* for targets that a stranger chose */
    const myl_network *allow_networks; /* inside networks that such targets may lie in */
    size_t allow_count;
    const char *ca_file;      /* further authorities (PEM); NULL: the system's alone */
    const myl_str *resolvers; /* "address" or "address:port"; none: the system's */
    size_t resolver_count;
    const char *port_map; /* tests only: "443=20443,8448=20448"; NULL: ports are as named */
} myl_net_setup;

/* MYL_BAD_CONFIG naming the file or the resolver. */
myl_rc myl_net_start(myl_ctx *cx, const myl_net_setup *setup);
/* Calls and look-ups under way fail with MYL_STOPPING, posts that came before run, timers are dropped; joins. Later
 * posts are refused. Fine when it was not started. */
void myl_net_stop(void);
bool myl_net_stopping(void);

/* Work for the sender thread. Belongs to the submitter until it runs, then to `run`. */
typedef struct myl_net_post {
    myl_queue_item item;
    void (*run)(struct myl_net_post *post);
} myl_net_post;
/* MYL_STOPPING after stop began or when it does not run; nothing will run then. */
myl_rc myl_net_run(myl_net_post *post);
bool myl_net_is_sender(void);
/* Look at the clock now: for tests that have moved it. */
void myl_net_wake(void);

/* ---- timers, on the sender thread ---- */
/* Zeroed: not set. Embedded; the owner clears it before it frees it. */
typedef struct myl_net_timer {
    int64_t at_ms; /* myl_tick_ms */
    void (*run)(struct myl_net_timer *timer);
    size_t place; /* the sender's; 0: not set */
} myl_net_timer;
/* Set again moves it. `run` finds it not set. */
void myl_net_timer_set(myl_net_timer *timer, int64_t at_ms, void (*run)(myl_net_timer *timer));
void myl_net_timer_clear(myl_net_timer *timer);

#endif
