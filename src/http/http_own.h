/* http_own.h: what the files of http/ share: the server, its loops, connections, exchanges and jobs.
 *
 * A connection is a socket that h2o reads and writes. An exchange is one request and its reply as the loop knows it; it
 * lives in h2o's pool and dies with h2o's request. A job is the same request on its way through the threads: it
 * lives in its own arena, goes out and comes back by mail, and never touches h2o.
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
    http_tls *tls; /* the first loop's; NULL: plain */
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
    atomic_size_t held;           /* bytes of bodies under way */
    _Atomic uint64_t posts;       /* sequence number of the newest */
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
    http_conn *conns; /* newest first */
    atomic_size_t conn_count;
    http_exchange *exchanges; /* all that are not answered yet */
    size_t exchange_count;
    atomic_size_t lookers; /* requests that may park or are parked: posts are wanted */
    size_t jobs_out;       /* jobs that have not come back */
    uint64_t requests;     /* so far, for their ids */
    unsigned accepted;     /* connections so far, for their numbers */
    http_phase phase;
    http_phase_mail phase_mails[HTTP_ENDED + 1];
    bool is_drained; /* written under http->end_lock, as the next */
    bool has_ended;
    int64_t next_sweep_ms;
    unsigned sweeps;
};

/* ---- connections ---- */

typedef enum {
    HTTP_CONN_HANDSHAKE,
    HTTP_CONN_FRESH,   /* nothing has come yet */
    HTTP_CONN_ONE,     /* HTTP/1 */
    HTTP_CONN_TWO,     /* HTTP/2 */
    HTTP_CONN_REFUSED, /* it got our last words */
    HTTP_CONN_CLOSING  /* h2o has let go of it; the socket is still writing */
} http_conn_kind;
typedef enum { HTTP_ONE_HEAD, HTTP_ONE_BODY, HTTP_ONE_BUSY } http_one_phase;

/* An HTTP/1 connection's request under way. */
typedef struct {
    http_one_phase phase;
    size_t seen;       /* bytes of an incomplete head */
    size_t head_bytes;
    size_t body_limit;
    bool chunked;
    size_t raw;        /* bytes received for a chunked body, chunk headers included */
    size_t whole;      /* head and body: what is behind it belongs to the next request */
    http_exchange *exchange;
} http_one;

struct http_conn {
    http_conn *next, *before;
    http_loop *loop;
    const http_listener *listener;
    http_tls *tls;
    h2o_socket_t *sock;         /* NULL: closed */
    h2o_socket_cb inner_read;   /* h2o's callbacks behind our hooks */
    h2o_socket_cb inner_written;
    http_conn_kind kind;
    unsigned sweep;             /* the last that found it in h2o's list (HTTP/2) */
    unsigned number;            /* on its loop: spreads what is not asked of all at each sweep */
    unsigned depth;             /* hooks under way: it is freed when the last returns */
    const char *doom;           /* why it ends as soon as h2o has returned */
    int64_t since_ms;           /* when the present phase began: handshake, waiting, head, body */
    int64_t end_ms;             /* ends anyway; 0: no such time */
    size_t held;                /* its part of http->held */
    uint64_t address_key;
    bool is_proxy;              /* its X-Forwarded-For is believed */
    bool is_counted;            /* by address */
    size_t address_len;
    char address[46];
    char *last_words;           /* an answer that h2o knows nothing of */
    size_t drained;             /* bytes thrown away behind it */
    union {
        http_one one;
        http_frames two;
    };
};

/* ---- exchanges ---- */

typedef enum {
    HTTP_EXCHANGE_OUT,     /* its job is with another thread */
    HTTP_EXCHANGE_PARKED,
    HTTP_EXCHANGE_SENDING, /* h2o has the reply, or asks for pages */
} http_exchange_state;

struct http_exchange {
    http_exchange *next, *before; /* in loop->exchanges while in_list */
    h2o_generator_t generator;
    h2o_req_t *h2o;
    http_loop *loop;
    http_conn *conn;
    http_job *job; /* NULL while parked */
    myl_waiter waiter;
    const myl_endpoint *endpoint;
    http_exchange_state state;
    bool in_list;
    bool is_looker;
    bool rate_taken;
    int64_t began_ns;
    int64_t parked_since; /* tick of the first park; 0: never */
    uint64_t request_id;
    /* while sending: */
    int64_t sending_since_ms;
    uint64_t sent_before; /* bytes at the last sweep that saw progress */
};

/* ---- jobs ---- */

typedef enum { HTTP_STAGE_DECODE, HTTP_STAGE_RUN, HTTP_STAGE_NEED, HTTP_STAGE_PAGE } http_stage;
enum { HTTP_REPLY_HEADERS = 8 };

typedef struct {
    int status; /* 0: none set */
    const char *content_type;
    myl_str body;
    struct {
        const char *name;
        myl_str value;
    } headers[HTTP_REPLY_HEADERS];
    size_t header_count;
    myl_reply_more more;
    void *more_state;
} http_reply;

struct http_job {
    myl_req req;         /* req.http is the job */
    myl_http *http;
    http_loop *loop;
    http_exchange *exchange; /* the loop's to read; NULL once h2o's request is gone */
    atomic_bool gone;
    http_mail mail;      /* back to the loop */
    myl_queue_item item; /* in the readers' chain */
    myl_change change;
    myl_job lane_job;
    http_stage stage;
    myl_rc rc;           /* what it comes home with */
    uint64_t sequence;   /* the newest post when the handler began */
    void *body;          /* decoded */
    http_reply reply;
    myl_lane need_lane;
    myl_rc (*need_run)(myl_req *req, void *state);
    void *need_state;
    myl_wait wait;       /* MYL_WAIT: what for; its rooms are in the job */
    myl_ctx page;        /* memory of the present page */
    myl_text page_text;
    bool page_last;
    bool deadline_over;
};

/* ---- loop.c ---- */
void myl_http_loop_open(http_loop *loop, myl_http *http, unsigned number);
void myl_http_loop_run(http_loop *loop); /* starts its thread */
void myl_http_loop_enter(http_loop *loop, http_phase phase); /* any thread; each phase once */
int64_t myl_http_real_ms(void);          /* monotonic, never fake: for the guard */

/* ---- conn.c ---- */
/* From any loop: takes over a connected socket. */
void myl_http_conn_adopt(http_loop *loop, const http_listener *listener, http_tls *tls, int fd);
void myl_http_conn_end(http_conn *conn, const char *reason); /* not from inside h2o: set doom there */
/* Reasons that are nobody's fault. */
extern const char HTTP_LEFT[], HTTP_IDLE[], HTTP_STOPPING[];
/* HTTP/1: a request is whole, its reply is awaited. */
void myl_http_conn_busy(http_conn *conn, http_exchange *exchange);
/* HTTP/1 only, while its request comes in: answers and closes. */
void myl_http_conn_refuse(http_conn *conn, int status, const char *errcode, const char *reason);
http_conn *myl_http_conn_of(h2o_req_t *h2o);
/* After h2o was given the end of an HTTP/1 reply: hooks the write's callback. */
void myl_http_conn_replied(http_conn *conn);

/* ---- guard.c ---- */
void myl_http_guard_sweep(http_loop *loop, int64_t now_ms);
/* The body limit of what is asked for. */
size_t myl_http_guard_body_limit(const http_conn *conn, myl_str method, myl_str target);
/* Streams whose bodies have grown past their limits are answered. */
void myl_http_guard_bodies(http_conn *conn);
void myl_http_guard_account(http_conn *conn);
/* May this address have one more connection? Counts it when so. */
bool myl_http_guard_admit(http_conn *conn);
/* Addresses that count as one: an IPv4 address, an IPv6 network of 64 bits. */
uint64_t myl_http_address_key(const myl_address *address);
void myl_http_guard_release(http_conn *conn);

/* ---- exchange.c ---- */
int myl_http_exchange_start(h2o_handler_t *handler, h2o_req_t *h2o);
void myl_http_exchange_wake(http_loop *loop, myl_waiter *chain, bool deadline_over);
/* Ends what is still without an answer. */
void myl_http_exchange_cut(http_loop *loop);

/* ---- gate.c: from h2o's request to a job that is ready to run; on the loop ---- */
http_job *myl_http_gate_job(http_exchange *exchange);
myl_rc myl_http_gate_pass(http_job *job);

/* ---- job.c: the way through the threads ---- */
void myl_http_job_go(http_job *job); /* to where its row runs; it comes home by mail */
myl_rc myl_http_job_call(http_job *job); /* runs the handler here */
void myl_http_job_read(myl_queue_item *item); /* on a read worker */
myl_rc myl_http_job_decode(http_job *job);
void myl_http_job_free(http_job *job);

/* ---- send.c: replies into h2o; on the loop. The exchange may be gone after each ---- */
/* What the exchange's job has come home with; the job stays until h2o's request goes. */
void myl_http_send(http_exchange *exchange);
void myl_http_send_page(http_exchange *exchange); /* the next one of a reply that has begun */
void myl_http_send_preflight(http_exchange *exchange);
void myl_http_send_stopping(http_exchange *exchange); /* 503, without a job */
/* h2o's own errors in the Matrix form: a filter for a path's configuration. */
void myl_http_send_filter(h2o_pathconf_t *path);
const char *myl_http_reason(int status);
/* {"errcode":…,"error":…} of a failure, in the job. */
myl_str myl_http_error_body(myl_ctx *cx, myl_rc rc);
extern const char myl_http_cors_methods[];
extern const char myl_http_cors_headers[];

#endif
