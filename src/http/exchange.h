/* exchange.h: requests on their way: the exchange that the loop knows, the job that the threads
 * know.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_HTTP_EXCHANGE_OWN_H
#define MYELIN_HTTP_EXCHANGE_OWN_H

#include "http/http_own.h"

typedef enum {
    HTTP_EXCHANGE_OUT, /* its job is with another thread */
    HTTP_EXCHANGE_PARKED,
    HTTP_EXCHANGE_SENDING, /* h2o has the reply, or asks for pages */
} http_exchange_state;

struct http_exchange {
    http_exchange *next, *before; /* in loop->sending when it is sending, else in loop->exchanges */
    h2o_generator_t generator;
    h2o_req_t *h2o;
    http_loop *loop;
    http_conn *conn;
    http_job *job; /* NULL while parked */
    myl_waiter waiter;
    const myl_endpoint *endpoint;
    http_exchange_state state;
    bool is_looker;
    bool rate_taken;
    bool has_token_hash;
    myl_sha256 token_hash; /* for a request that runs again */
    int64_t began_ns;
    int64_t parked_since; /* tick of the first park; 0: never */
    uint64_t request_id;
    /* while sending: */
    int64_t sending_since_ms;
    uint64_t sent_before; /* bytes at the last sweep that saw progress */
};

/* ---- jobs ---- */

typedef enum {
    HTTP_STAGE_AUTH,
    HTTP_STAGE_DECODE,
    HTTP_STAGE_RUN,
    HTTP_STAGE_NEED,
    HTTP_STAGE_PAGE
} http_stage;
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
    myl_req req; /* req.http is the job */
    myl_http *http;
    http_loop *loop;
    http_exchange *exchange; /* the loop's to read; NULL once h2o's request is gone */
    atomic_bool gone;
    http_mail mail;      /* back to the loop */
    myl_queue_item item; /* in the readers' chain */
    myl_change change;
    myl_job lane_job;
    http_stage stage;
    myl_rc rc;         /* what it comes home with */
    uint64_t sequence; /* the newest post when the handler began */
    void *body;        /* decoded */
    http_reply reply;
    myl_lane need_lane;
    myl_rc (*need_run)(myl_req *req, void *state);
    void *need_state;
    myl_wait wait;    /* MYL_WAIT: what for; its rooms are in the job */
    http_next next;   /* what the caller asks next, when the handler knows */
    http_token token; /* the caller's, when there is one */
    myl_ctx page;     /* memory of the present page */
    myl_text page_text;
    bool page_last;
    bool has_page; /* the handler has written the first one */
    bool deadline_over;
    bool rooms_wanted;
};

/* ---- exchange.c ---- */
void myl_http_exchange_set(http_exchange *exchange, http_exchange_state state);
int myl_http_exchange_start(h2o_handler_t *handler, h2o_req_t *h2o);
void myl_http_exchange_wake(http_loop *loop, myl_waiter *chain, bool deadline_over);
/* Ends what is still without an answer. */
void myl_http_exchange_cut(http_loop *loop);

/* ---- gate.c: from h2o's request to a job that is ready to run; on the loop ---- */
http_job *myl_http_gate_job(http_exchange *exchange);
myl_rc myl_http_gate_pass(http_job *job);

/* ---- next.c: on the loop ---- */
/* The job comes home with a reply: what its handler foretold is kept for the caller. */
void myl_http_next_note(http_job *job);
/* Has passed the gate: was it foretold? Then job->wait and job->rc are as if its handler had parked it. */
bool myl_http_next_sleeps(http_job *job);

/* ---- seen.c ---- */
/* The caller's device was seen, its token used: told to the engine, without an answer. The loop's thread. */
void myl_http_seen(const myl_req *req, myl_engine *engine);
/* reply.c: one request of a user with limits of its own. MYL_LIMIT_EXCEEDED. */
myl_rc myl_http_take_own_rate(myl_req *req);

/* ---- job.c: the way through the threads ---- */
void myl_http_job_go(http_job *job);          /* to where its row runs; it comes home by mail */
myl_rc myl_http_job_call(http_job *job);      /* runs the handler here */
void myl_http_job_read(myl_queue_item *item); /* on a read worker */
myl_rc myl_http_job_decode(http_job *job);
void myl_http_job_begin_page(http_job *job); /* an empty one, in place of the one before */
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
