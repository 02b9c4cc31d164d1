/* conn.h: connections: a socket that h2o reads and writes, with our hooks in between.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_HTTP_CONN_OWN_H
#define MYELIN_HTTP_CONN_OWN_H

#include "http/http_own.h"

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
    size_t seen; /* bytes of an incomplete head */
    size_t head_bytes;
    size_t body_limit;
    bool chunked;
    size_t raw;   /* bytes received for a chunked body, chunk headers included */
    size_t whole; /* head and body: what is behind it belongs to the next request */
    http_exchange *exchange;
} http_one;

struct http_conn {
    http_conn *next, *before;
    http_loop *loop;
    const http_listener *listener;
    http_tls *tls;
    h2o_socket_t *sock;       /* NULL: closed */
    h2o_socket_cb inner_read; /* h2o's callbacks behind our hooks */
    h2o_socket_cb inner_written;
    http_conn_kind kind;
    unsigned sweep;   /* the last that found it in h2o's list (HTTP/2) */
    unsigned number;  /* on its loop: spreads what is not asked of all at each sweep */
    unsigned depth;   /* hooks under way: it is freed when the last returns */
    const char *doom; /* why it ends as soon as h2o has returned */
    int64_t since_ms; /* when the present phase began: handshake, waiting, head, body */
    int64_t end_ms;   /* ends anyway; 0: no such time */
    size_t held;      /* its part of http->held */
    uint64_t address_key;
    bool is_proxy;   /* its X-Forwarded-For is believed */
    bool is_counted; /* by address */
    size_t address_len;
    char address[46];
    char *last_words; /* an answer that h2o knows nothing of */
    size_t drained;   /* bytes thrown away behind it */
    union {
        http_one one;
        http_frames two;
    };
};

/* ---- conn.c ---- */
/* From any loop: takes over a connected socket. */
void myl_http_conn_adopt(http_loop *loop, const http_listener *listener, http_tls *tls, int fd);
void myl_http_conn_end(http_conn *conn,
                       const char *reason); /* not from inside h2o: set doom there */
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

#endif
