/* http_request.h: a request as a handler sees it, the endpoint table, and replies.
 *
 * By the time a handler runs, method, path ids, token, rate and body are checked. It frees nothing,
 * locks nothing, commits nothing, writes no error body: it returns a myl_rc (details in req->cx by
 * myl_fail). The endpoint array is made in api/ from endpoints.def and handed over by main.c, so
 * http/ never includes api/.
 * Threads: a request is on one thread at a time: its loop, a read worker, the engine or a lane.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_HTTP_REQUEST_H
#define MYELIN_HTTP_REQUEST_H

#include <myelin/config_file.h> /* MYL_API_… */
#include <myelin/json_writer.h>
#include <myelin/tasks_lane.h>
#include <myelin/user_account.h>

typedef struct myl_req myl_req;

/* Where a handler runs (design.md, Threads). */
typedef enum { MYL_RUN_LOOP, MYL_RUN_READ, MYL_RUN_WRITE, MYL_RUN_SLOW } myl_run;
typedef enum {
    MYL_AUTH_NONE,     /* nobody is asked */
    MYL_AUTH_OPTIONAL, /* a token is checked when there is one */
    MYL_AUTH_USER,     /* a token of a user who is no guest */
    MYL_AUTH_GUEST,    /* any user, guests too */
    MYL_AUTH_ADMIN,    /* a server administrator's token */
    MYL_AUTH_SERVER    /* another server's signature (X-Matrix): req->origin; never on a LOOP row */
} myl_auth;
/* Rate classes: rows of src/http/rates.def RATE(NAME, "config key", by user / by address). */
typedef enum {
#define RATE(name, key, by) MYL_RATE_##name,
#include "http/rates.def"
#undef RATE
    MYL_RATE_COUNT
} myl_rate;
typedef enum {
    MYL_GET,
    MYL_POST,
    MYL_PUT,
    MYL_DELETE,
    MYL_HEAD,
    MYL_OPTIONS,
    MYL_METHOD_COUNT
} myl_method;

/* A body form: generated from schemas/ (myelin/body_decoders.h). decode names the offending field;
 * json is NULL when no body was sent, which decode takes as {} or refuses, as the schema says. */
typedef struct {
    const char *name;
    size_t size; /* of the decoded struct; 0: no body is read */
    myl_rc (*decode)(myl_ctx *cx, const myl_json *json, void *out);
} myl_body_form;

typedef struct {
    myl_method method;
    const char *path; /* "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}" */
    unsigned apis;    /* MYL_API_… bits: the listeners that serve it */
    myl_auth auth;
    myl_rate rate;
    myl_run run;
    const myl_body_form *body;
    size_t body_limit; /* bytes */
    myl_rc (*handler)(myl_req *req, const void *body);
    const char *name;   /* the handler's name: metrics, docs, log */
    bool while_locked;  /* served to locked accounts too (api/standing.def) */
    bool not_suspended; /* refused to suspended accounts (api/standing.def) */
} myl_endpoint;

/* Placeholders of templates, percent-decoded and checked by kind: rows of src/http/path_ids.def
 * PATH_ID("roomId", room_id, ROOM). Kinds TEXT (any UTF-8), ROOM, USER, EVENT, ALIAS,
 * ROOM_OR_ALIAS, SERVER. Absent when the template has none. */
typedef struct {
#define PATH_ID(placeholder, field, kind) myl_str field;
#include "http/path_ids.def"
#undef PATH_ID
} myl_path;

/* What a MYL_NEED plan leaves for the next round. */
typedef struct {
    int rounds;  /* how often the handler has answered MYL_NEED */
    void *state; /* the plan's argument, in the job: results are in it; NULL in the first round */
} myl_plan;

/* What a parked request waits for (MYL_WAIT). Arrays are copied. */
typedef struct {
    int64_t deadline_tick_ms; /* myl_tick_ms when it is answered anyway */
    uint64_t position;        /* it has seen all up to this one */
    uint64_t user;            /* interned name: wakes on its notes */
    bool of_user;             /* the notes of all rooms that the user is joined to wake it */
    bool only_devices;        /* of its rooms only news of devices wake it */
    const uint64_t *
        rooms; /* interned rooms whose notes wake it, ascending; of_user: when req->rooms_wanted, all of them */
    size_t room_count;
} myl_park;

struct myl_req {
    myl_ctx cx; /* first member */
    const myl_endpoint *endpoint;
    myl_path path;
    myl_str query;      /* raw, without '?' */
    myl_str raw_target; /* path and query as sent */
    myl_str address;    /* the peer's, after X-Forwarded-For of trusted networks; no port */
    myl_str user_agent;
    myl_str authorization; /* the header as sent; never logged */
    myl_caller caller;     /* user_account.h; user_id absent when nobody asked with a token */
    myl_str token;         /* the access token as sent; never logged */
    myl_str origin; /* MYL_AUTH_SERVER: the server that signed the request; absent otherwise */
    myl_str body;   /* raw bytes */
    const myl_json *json; /* the parsed body, NULL when there is none */
    myl_plan plan;
    bool deadline_over; /* a parked request runs for the last time: answer now */
    bool
        rooms_wanted; /* to park, a request that follows all rooms of its user has to name them this time */
    int64_t parked_since; /* tick of the first park, 0: never parked */
    void *http;           /* http/'s own */
};

/* For SLOW endpoints and plans, which open their own snapshots and submit their own changes. */
myl_store *myl_req_store(const myl_req *req);
myl_engine *myl_req_engine(const myl_req *req);

/* A query parameter, percent-decoded; absent when missing. The first one when given twice. */
myl_str myl_req_query(myl_req *req, const char *name);
/* Every value of it. */
size_t myl_req_query_all(myl_req *req, const char *name, const myl_str **values);
/* An integer within [low, high]; `missing` when absent; MYL_INVALID_PARAM naming it otherwise. */
myl_rc myl_req_query_int(myl_req *req, const char *name, int64_t low, int64_t high, int64_t missing,
                         int64_t *out);
/* "true" or "false"; MYL_INVALID_PARAM otherwise. */
myl_rc myl_req_query_bool(myl_req *req, const char *name, bool missing, bool *out);

/* The fields of a form (application/x-www-form-urlencoded) in the body; absent when missing. */
myl_str myl_req_form(myl_req *req, const char *name);

/* Rates that a handler counts itself, by any number that stands for somebody (a hash). MYL_LIMIT_EXCEEDED, with the time
 * to wait, when nothing is left. `take` false only looks. A change that is undone does not give back what was taken. */
myl_rc myl_req_rate(myl_req *req, myl_rate rate, uint64_t who, bool take);
/* The number of the asker's address (IPv6: of its /64). */
uint64_t myl_req_address_key(const myl_req *req);

/* ---- replies: set one, return MYL_OK ---- */
myl_rc myl_reply_json(myl_req *req, int status, myl_str body); /* body: ready JSON in the job */
myl_rc myl_reply_written(myl_req *req, myl_writer *w);         /* 200, closes the writer */
myl_rc myl_reply_empty(myl_req *req);                          /* 200 {} */
myl_rc myl_reply_bytes(myl_req *req, int status, const char *content_type, myl_str body);
myl_rc myl_reply_redirect(myl_req *req, myl_str location);
void myl_reply_header(myl_req *req, const char *name, myl_str value);
/* Long replies in pieces: `more` runs on a read worker in a new snapshot for each page, when the
 * front asks; it appends to out and sets *last. `state` lives in the job. The first page is asked
 * at once. */
typedef myl_rc (*myl_reply_more)(myl_req *req, void *state, myl_text *out, bool *last);
enum { MYL_PAGE_BYTES = 256 * 1024 }; /* where `more` may well end a page */
myl_rc myl_reply_pages(myl_req *req, int status, const char *content_type, myl_reply_more more,
                       void *state);
/* The handler itself writes the first page into this text (whose memory is not the job's), and sets *last; then it calls
 * myl_reply_pages, whose `more` is asked from the second one on. */
myl_text *myl_reply_first_page(myl_req *req, bool **last);

/* Park the request: the handler returns this call's answer (MYL_WAIT). Only from READ endpoints.
 * Its arena is freed; path, query, caller and body are decoded anew when it runs again. If
 * something newer than park->position was posted meanwhile, it runs again at once. */
myl_rc myl_req_park(myl_req *req, const myl_park *park);
/* With a reply: the same request with the parameter `name` set to `value` would find nothing new in this handler's snapshot
 * and park. If its caller sends it within MYL_LIMIT_HTTP_NEXT_MS and nothing that it waits for was posted meanwhile, it is
 * parked without running. Only from READ endpoints whose requests have no body. */
typedef struct {
    myl_str name, value; /* as they stand in a query */
    int64_t timeout_ms;  /* from when it comes */
    myl_park park;       /* without a deadline, without rooms */
} myl_next;
void myl_reply_next(myl_req *req, const myl_next *next);
/* Runs `run` on a lane without transaction, then the handler again from the top with
 * req->plan.state = state. Returns MYL_NEED; after MYL_LIMIT_NEED_ROUNDS 503. What run fails with
 * goes out as the reply. */
myl_rc myl_req_need(myl_req *req, myl_lane lane, myl_rc (*run)(myl_req *req, void *state),
                    void *state);

#endif
