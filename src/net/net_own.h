/* net_own.h: declarations that only net/ needs: what sender.c, lookup.c and call.c ask of each other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NET_OWN_H
#define NET_OWN_H

#include <myelin/base_limit.h>
#include <myelin/base_log.h>
#include <myelin/net_call.h>

enum { NET_ADDRESSES = 8 }; /* of one name */

/* ---- sender.c ---- */
typedef enum { NET_WATCH_BELL, NET_WATCH_LOOKUP, NET_WATCH_CALL } net_watch;
/* What to wait for on a descriptor; neither: nothing any more. */
void myl_net_watch(int fd, net_watch who, bool reads, bool writes);
/* Monotonic milliseconds that no test moves: for connections. */
int64_t myl_net_real_ms(void);

/* ---- lookup.c: names, by c-ares ---- */
myl_rc myl_net_lookup_open(myl_ctx *cx, const myl_net_setup *setup);
void myl_net_lookup_close(void); /* fails what is under way */
void myl_net_lookup_ready(int fd, bool reads, bool writes);
/* Milliseconds until it wants to be called again; -1: never. */
int64_t myl_net_lookup_wait(void);
void myl_net_lookup_due(void);

typedef struct net_lookup {
    myl_str host; /* lives until done */
    void (*done)(struct net_lookup *lookup);
    /* the answer: MYL_OK with one address at least, MYL_REMOTE_DOWN, MYL_STOPPING */
    myl_rc rc;
    const char *failure;
    myl_address addresses[NET_ADDRESSES];
    size_t count;
    myl_net_turn turn;
} net_lookup;
/* done may run inside. */
void myl_net_lookup(net_lookup *lookup);
/* Nothing answered there: ask again next time. */
void myl_net_lookup_forget(myl_str host);

/* ---- call.c: libcurl ---- */
myl_rc myl_net_calls_open(myl_ctx *cx, const myl_net_setup *setup);
void myl_net_calls_close(void); /* fails what is under way */
void myl_net_calls_ready(int fd, bool reads, bool writes);
int64_t myl_net_calls_wait(void); /* as myl_net_lookup_wait */
void myl_net_calls_due(void);

void myl_net_transfer_resume(void *transfer); /* a paused one */
void myl_net_transfer_leave(void *transfer);  /* ends it */

/* ---- stream.c: on the sender ---- */
typedef enum {
    NET_STREAM_TAKEN,
    NET_STREAM_FULL /* the transfer is to be paused: it will be resumed */
} net_stream_state;
net_stream_state myl_net_stream_put(myl_net_stream *stream, myl_str bytes);

/* ---- trust.c ---- */
/* The system's authorities and the configured ones as one file in memory, since libcurl takes one. Without configured ones *fd is -1 and
 * the path empty. MYL_BAD_CONFIG, MYL_IO_FAILED. */
myl_rc myl_net_trust_open(myl_ctx *cx, const char *ca_file, int *fd, char path[64]);

/* ---- address.c: where calls may go ---- */
void myl_net_addresses_open(const myl_net_setup *setup);
void myl_net_addresses_close(void);

/* ---- url.c ---- */
typedef struct {
    bool https;
    myl_str host; /* without brackets */
    bool literal; /* an IP address */
    uint16_t port;
    bool has_port;
    myl_str authority; /* host and port as written */
    myl_str target;    /* path and query; "/" when there is none */
} net_url;
/* http:// or https://, no user, no fragment, no blanks or control bytes. */
bool myl_net_url_read(myl_str text, net_url *out);
/* The test's port for a real one. */
uint16_t myl_net_port(uint16_t port);
void myl_net_ports_open(const char *map);

#endif
