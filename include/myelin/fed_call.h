/* fed_call.h: signed requests to other servers.
 *
 * A request is signed, its server found (discovery.c), and sent; whatever the server answers is an answer.
 * Spec: Server-Server API, Server discovery; Request Authentication.
 * Threads: myl_fed_call and myl_fed_call_many on lanes and in commands; they wait, and no transaction may be open.
 * myl_fed_send_start on the sender thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_FED_CALL_H
#define MYELIN_FED_CALL_H

#include <myelin/config_file.h>
#include <myelin/crypto_sign.h>
#include <myelin/json_value.h>
#include <myelin/net_call.h>
#include <myelin/store_engine.h>

/* Once at start, after the engine and before http/ and tasks; process lifetime. */
typedef struct {
    const myl_config *config;
    const myl_signing_key *key;
    myl_store *store;
    myl_engine *engine;
} myl_fed_setup;
void myl_fed_start(const myl_fed_setup *setup);
/* After the sender has stopped. */
void myl_fed_stop(void);
const myl_fed_setup *myl_fed_server(void);

typedef struct {
    myl_str destination; /* a server name, as users and rooms carry it */
    const char *method;
    myl_str path;         /* "/_matrix/federation/v1/…", encoded, with the query (myl_fed_path) */
    const myl_json *body; /* NULL: none */
    myl_str ready_body;   /* in its place: canonical JSON; absent: none */
    int64_t timeout_ms;   /* 0: federation.request_timeout */
    size_t reply_limit;   /* bytes; 0: NET_REPLY_BYTES */
    bool is_unsigned;     /* key requests carry no signature */
} myl_fed_request;

typedef struct {
    myl_rc rc;            /* what myl_fed_call would have returned; for myl_fed_call_many */
    int status;           /* HTTP; 0: no answer */
    myl_str body;         /* raw; lives in the job */
    const myl_json *json; /* NULL: the body is no JSON */
    myl_str errcode;      /* of a refusal; absent otherwise */
    myl_str failure;      /* words, when there was no answer */
} myl_fed_reply;

/* MYL_OK: there is an answer, look at reply->status. MYL_REMOTE_DOWN: there is none; the detail says why.
 * MYL_FORBIDDEN: federation is off, or this server is on the list of refused ones, or it is our own.
 * MYL_INVALID_PARAM: no server name. MYL_TOO_LARGE: the answer is. MYL_BAD_JSON: the body has no canonical form. */
myl_rc myl_fed_call(myl_ctx *cx, const myl_fed_request *request, myl_fed_reply *reply);
/* All at once, waiting for all: replies[i].rc tells each; nothing is recorded as the job's failure. */
void myl_fed_call_many(myl_ctx *cx, const myl_fed_request *requests, size_t count,
                       myl_fed_reply *replies);
/* The same, but the body of a 200 is taken while it comes, on the caller's thread; reply->body stays empty. Where `take` returns another
 * value than MYL_OK (its failure recorded in cx) the call ends with that. A stall is federation.stall_timeout long. */
typedef struct {
    myl_rc (*take)(void *arg, myl_str bytes);
    void *arg;
} myl_fed_taker;
myl_rc myl_fed_call_taking(myl_ctx *cx, const myl_fed_request *request, const myl_fed_taker *taker,
                           myl_fed_reply *reply);
/* For a status of 300 and more: MYL_FORBIDDEN, MYL_NOT_FOUND or MYL_REMOTE_DOWN with the server's own words.
 * MYL_OK for 200 with JSON; MYL_REMOTE_DOWN for 200 without. */
myl_rc myl_fed_reply_check(myl_ctx *cx, const myl_fed_request *request, const myl_fed_reply *reply);

/* Each "{}" of the template takes the next part, percent-encoded for a path segment or a query value.
 * myl_fed_path(cx, "/_matrix/federation/v1/make_join/{}/{}?ver=11", (const myl_str[]){room, user}, 2) */
myl_str myl_fed_path(myl_ctx *cx, const char *form, const myl_str *parts, size_t count);

/* May we speak with this server at all (federation.enabled, federation.allow, federation.deny)? */
bool myl_fed_is_allowed(myl_str server_name);

/* ---- without waiting: outbox/ ---- */
typedef struct myl_fed_send myl_fed_send;
struct myl_fed_send {
    myl_ctx *cx; /* of this call alone until done */
    myl_fed_request request;
    void (*done)(myl_fed_send *send); /* on the sender thread; may run inside start */
    void *arg;
    myl_net_stream *stream; /* NULL: the answer comes as a whole */
    myl_rc rc;              /* as of myl_fed_call */
    int status;
    myl_str body;
    myl_str failure;
    void *own; /* fed/'s */
};
void myl_fed_send_start(myl_fed_send *send);
/* Forget what is known of the way to this server (it may have moved): the next call looks anew. */
void myl_fed_forget_route(myl_str server_name);

#endif
