/* http_own.h: what the files of http/ share: the server, its loops, connections, exchanges and
 * jobs.
 *
 * A connection is a socket that h2o reads and writes. An exchange is one request and its reply as
 * the loop knows it; it lives in h2o's pool and dies with h2o's request. A job is the same request
 * on its way through the threads: it lives in its own arena, goes out and comes back by mail, and
 * never touches h2o.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_HTTP_OWN_H
#define MYELIN_HTTP_OWN_H

#include <pthread.h>
#include <stdatomic.h>

#include <h2o.h>

#include <myelin/base_clock.h>
#include <myelin/base_limit.h>
#include <myelin/base_log.h>
#include <myelin/base_table.h>
#include <myelin/http_server.h>
#include <myelin/sync_waiters.h>

#include "http/callers.h"
#include "http/frames.h"
#include "http/mailbox.h"
#include "http/rates.h"
#include "http/readers.h"
#include "http/router.h"

typedef struct http_loop http_loop;
typedef struct http_conn http_conn;
typedef struct http_exchange http_exchange;
typedef struct http_job http_job;

/* ---- listeners ---- */

/* A certificate in use; connections hold on to it across a reload. */
typedef struct {
    myl_shared shared; /* first member */
    struct ssl_ctx_st *context;
} http_tls;

typedef struct {
    const myl_config_listener *config;
    int fd;
    http_tls *tls;      /* the first loop's; NULL: plain */
    h2o_socket_t *sock; /* on the first loop */
    myl_http *http;
} http_listener;

/* ---- the server ---- */

struct myl_http {
    const myl_config *config;
    myl_store *store;
    myl_engine *engine;
    http_router *router;
    http_rates *rates;
    http_readers *readers;
    http_listener *listeners;
    size_t listener_count;
    http_loop *loops;
    size_t loop_count;
    h2o_globalconf_t h2o;
    atomic_size_t connections;
    atomic_size_t held;     /* bytes of bodies under way */
    _Atomic uint64_t posts; /* sequence number of the newest */
    atomic_bool stopping;
    pthread_mutex_t address_lock; /* rank HTTP_ADDRESSES */
    myl_table *addresses;         /* hashed address -> connections, as a number */
    pthread_mutex_t end_lock;     /* rank HTTP_END: how far the loops have come */
    pthread_cond_t ended;
};

/* ---- loops ---- */

typedef enum { HTTP_RUNNING, HTTP_DRAINING, HTTP_CUTTING, HTTP_ENDED } http_phase;

typedef struct {
    http_mail mail;
    http_phase phase;
} http_phase_mail;

struct http_loop {
    myl_http *http;
    unsigned number;
    pthread_t thread;
    h2o_loop_t *events;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    http_mailbox mailbox;
    h2o_socket_t *bell;
    http_callers *callers;
    myl_waiters *waiters;
    bool keeps;          /* it counts among `lookers` for what its waiters keep */
    uint64_t kept_since; /* rises when that begins: posts may have been left out before */
    http_conn *conns;    /* newest first */
    atomic_size_t conn_count;
    http_exchange *exchanges; /* whose reply is awaited */
    http_exchange *sending;   /* whose reply is on its way out */
    size_t exchange_count;    /* both */
    atomic_size_t lookers;    /* requests that may park or are parked: posts are wanted */
    size_t jobs_out;          /* jobs that have not come back */
    uint64_t requests;        /* so far, for their ids */
    unsigned accepted;        /* connections so far, for their numbers */
    http_phase phase;
    http_phase_mail phase_mails[HTTP_ENDED + 1];
    bool is_drained; /* written under http->end_lock, as the next */
    bool has_ended;
    int64_t next_sweep_ms;
    unsigned sweeps;
};

/* ---- loop.c ---- */
void myl_http_loop_open(http_loop *loop, myl_http *http, unsigned number);
void myl_http_loop_run(http_loop *loop);                     /* starts its thread */
void myl_http_loop_enter(http_loop *loop, http_phase phase); /* any thread; each phase once */
/* After a change of what its waiters keep: no post may pass a loop that keeps anything. The loop's thread. */
void myl_http_loop_look(http_loop *loop);
int64_t myl_http_real_ms(void); /* monotonic, never fake: for the guard */

#include "http/conn.h"
#include "http/exchange.h"

#endif
