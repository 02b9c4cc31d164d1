/* net_call.h: outgoing HTTP calls and look-ups of service records.
 *
 * HTTPS with verified certificates (a call may allow plain HTTP), HTTP/2 where it is offered, connections kept.
 * Names are looked up by c-ares. Addresses inside (loopback, private, link-local, …) are refused unless configured,
 * once when the name is known and once more when the socket opens. Size, time and redirects are bounded by the call.
 * Threads: as each function says. A call and its cx belong to the sender from start to done.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_NET_CALL_H
#define MYELIN_NET_CALL_H

#include <stdatomic.h>

#include <myelin/net_sender.h>

typedef struct {
    myl_str name; /* in answers: lower case */
    myl_str value;
} myl_net_header;

/* An answer that is taken while it comes: the body of a 200 comes in pieces through a queue of the taker's, in order and before the
 * call's end, and call->reply stays empty. Where the taker is slow the sender lets the other server wait: about NET_STREAM_BYTES lie
 * between them. Such a call has a connection of its own, so that nothing else waits with it. An answer that has begun and comes
 * slower than NET_STREAM_RATE for stall_ms fails. */
typedef struct {
    myl_queue *pieces;
    int64_t stall_ms;
    /* net/'s */
    atomic_size_t held;
    atomic_bool paused;
    bool resuming, ending; /* the taker's: a post is under way */
    myl_net_post resume, end;
    void *transfer; /* the sender's: while the call runs */
} myl_net_stream;
void myl_net_stream_start(myl_net_stream *stream, myl_queue *pieces, int64_t stall_ms);
/* What was taken from the queue, when it is not the call's end. False: no bytes, but a note between the two threads. */
bool myl_net_stream_read(myl_net_stream *stream, myl_queue_item *item, myl_str *bytes);
/* Done with those bytes. */
void myl_net_stream_drop(myl_net_stream *stream, myl_queue_item *item);
/* No more of it is wanted: the call ends at once. */
void myl_net_stream_leave(myl_net_stream *stream);
/* Is nothing under way between the threads? Asked behind the call's end: until it is true more must be taken from the queue. */
bool myl_net_stream_is_still(const myl_net_stream *stream);

typedef struct myl_net_call myl_net_call;
struct myl_net_call {
    /* the caller's; texts live until done */
    myl_ctx *cx;        /* the answer is made in it */
    const char *method; /* "GET" */
    myl_str
        url; /* https://name[:port]/target; the name is the certificate's and, unless headers say other, the Host */
    myl_str connect_host;  /* where to connect; absent: where the URL says */
    uint16_t connect_port; /* with connect_host */
    const myl_net_header *headers;
    size_t header_count;
    myl_str body;                     /* absent: none */
    int64_t timeout_ms;               /* for the whole, redirects too; 0: NET_CALL_MS */
    size_t reply_limit;               /* bytes of the body; 0: NET_REPLY_BYTES */
    unsigned redirects;               /* followed at most; only of GET */
    bool allow_http;                  /* http:// may be called, also by a redirect */
    bool trusted;                     /* the operator chose the target: inside addresses are fine */
    myl_net_stream *stream;           /* takes the body of a 200; NULL: it comes as a whole */
    void (*done)(myl_net_call *call); /* on the sender thread */
    void *arg;
    /* the answer: rc MYL_OK when there is one, of whatever status */
    myl_rc
        rc; /* MYL_REMOTE_DOWN, MYL_STOPPING, MYL_TOO_LARGE (the body), MYL_BAD_REQUEST (the URL) */
    myl_str failure;  /* words for the log when rc is not MYL_OK */
    bool unreachable; /* it failed before the request was sent */
    int status;
    myl_str reply; /* the body; never absent when rc is MYL_OK */
    const myl_net_header *reply_headers;
    size_t reply_header_count;
    void *own; /* net/'s */
    myl_net_post post;
};

/* From the sender thread; done runs later, never inside. */
void myl_net_call_start(myl_net_call *call);
/* From any other thread: starts them all and waits for all. For lanes and commands; sets done itself. */
void myl_net_call_wait(myl_net_call *const *calls, size_t count);
/* The answer's header, absent when there is none. `name` in lower case. */
myl_str myl_net_reply_header(const myl_net_call *call, const char *name);

/* ---- service records (SRV), on the sender thread ---- */
typedef struct {
    myl_str host;
    uint16_t port;
} myl_net_target;
/* Its place in the row of look-ups that wait for others to end (NET_LOOKUPS). */
typedef struct myl_net_turn {
    struct myl_net_turn *next;
    void (*start)(struct myl_net_turn *turn);
} myl_net_turn;
typedef struct myl_net_service {
    const char *name; /* "_matrix-fed._tcp.example.org"; lives until done */
    myl_ctx *cx;      /* the answer is made in it */
    void (*done)(struct myl_net_service *service);
    void *arg;
    /* the answer: in the order in which to try; count 0: no record, or nobody could say */
    const myl_net_target *targets;
    size_t count;
    int64_t lasts_ms; /* the least time to live of the records; 0: unknown */
    myl_net_turn turn;
} myl_net_service;
void myl_net_service_start(myl_net_service *service);

/* May a call whose target a stranger chose go there? */
bool myl_net_address_allowed(const myl_address *address);

#endif
