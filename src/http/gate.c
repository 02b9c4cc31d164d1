/* gate.c: from h2o's request to a job that is ready to run.
 *
 * Why:     a handler sees only what has been checked: route, ids, token, rate, body.
 * Callers: exchange.c, when a request comes in and each time a parked one wakes.
 * Threads: the loop. What may take long (a large body, a server's signature) is left to a read worker:
 *          HTTP_STAGE_DECODE, HTTP_STAGE_AUTH.
 * Memory:  the job lies in its own arena, with a copy of all that the handler may see; h2o's
 *          request may go while the job is with another thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/http_own.h"

#include <strings.h>

#include <myelin/base_network.h>

#include "http/target.h"

static myl_str str_of(h2o_iovec_t bytes)
{
    return (myl_str){bytes.base, bytes.len};
}

/* ---- making the job ---- */

typedef struct {
    myl_str authorization, user_agent, forwarded_for;
} wanted_headers;

/* A server with several keys may send a header for each: they are parted by line feeds. */
static myl_str joined(myl_ctx *cx, myl_str before, myl_str one)
{
    if (!myl_str_present(before))
        return one;
    return myl_strf(cx, "%.*s\n%.*s", MYL_FMT(before), MYL_FMT(one));
}

static void read_headers(myl_ctx *cx, const h2o_headers_t *headers, wanted_headers *out)
{
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < headers->size; i++) {
        const h2o_header_t *one = &headers->entries[i];
        if (one->name == &H2O_TOKEN_AUTHORIZATION->buf)
            out->authorization = joined(cx, out->authorization, str_of(one->value));
        else if (one->name == &H2O_TOKEN_USER_AGENT->buf)
            out->user_agent = str_of(one->value);
        else if (one->name == &H2O_TOKEN_X_FORWARDED_FOR->buf)
            out->forwarded_for = str_of(one->value);
    }
}

static myl_str trimmed(myl_str text)
{
    while (text.len > 0 && (text.at[0] == ' ' || text.at[0] == '\t'))
        text = (myl_str){text.at + 1, text.len - 1};
    while (text.len > 0 && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t'))
        text.len--;
    return text;
}

static bool is_proxy(const myl_config_networks *proxies, const myl_address *address)
{
    for (size_t i = 0; i < proxies->count; i++) {
        if (myl_network_has(&proxies->items[i], address))
            return true;
    }
    return false;
}

/* From the right: the first address that is no proxy of ours. What stands left of it anybody may
 * have written. */
static myl_str client_address(const http_conn *conn, myl_str forwarded)
{
    myl_str found = {conn->address, conn->address_len};

    while (conn->is_proxy && forwarded.len > 0) {
        size_t from = forwarded.len;
        while (from > 0 && forwarded.at[from - 1] != ',')
            from--;
        myl_str one = trimmed((myl_str){forwarded.at + from, forwarded.len - from});
        myl_address address;
        if (!myl_address_of(one, &address))
            break;
        found = one;
        if (!is_proxy(&conn->listener->config->x_forwarded_for, &address))
            break;
        forwarded.len = from == 0 ? 0 : from - 1;
    }
    return found;
}

http_job *myl_http_gate_job(http_exchange *exchange)
{
    const h2o_req_t *h2o = exchange->h2o;
    wanted_headers headers;
    myl_ctx cx;

    myl_ctx_begin(&cx);
    cx.request_id = exchange->request_id;
    http_job *job = myl_new(&cx, http_job);
    job->req.cx = cx;
    myl_req *req = &job->req;
    read_headers(&req->cx, &h2o->headers, &headers);
    req->raw_target = myl_keep(&req->cx, str_of(h2o->input.path));
    req->authorization = myl_keep(&req->cx, headers.authorization);
    req->user_agent = myl_keep(&req->cx, headers.user_agent);
    req->address = myl_keep(&req->cx, client_address(exchange->conn, headers.forwarded_for));
    req->parked_since = exchange->parked_since;
    req->http = job;
    job->http = exchange->loop->http;
    job->loop = exchange->loop;
    job->exchange = exchange;
    job->stage = HTTP_STAGE_RUN;
    return job;
}

/* ---- the checks ---- */

/* A method that a path has in no API at all is told so on every listener. */
static unsigned methods_of(const http_match *match, myl_method method)
{
    if (match->allowed != 0 || (method < MYL_METHOD_COUNT && (match->elsewhere & 1u << method)))
        return match->allowed;
    return match->elsewhere;
}

static myl_rc no_such_row(http_job *job, const http_match *match, myl_method method)
{
    myl_text methods = MYL_TEXT(&job->req.cx);
    unsigned allowed = methods_of(match, method);

    if (allowed == 0)
        return myl_fail(&job->req.cx, MYL_UNRECOGNIZED, "no such endpoint");
    for (unsigned i = 0; i < MYL_METHOD_COUNT; i++) {
        if ((allowed & 1u << i) != 0)
            myl_text_addf(&methods, "%s, ", myl_http_method_name((myl_method)i));
    }
    myl_text_add(&methods, MYL_S("OPTIONS"));
    myl_reply_header(&job->req, "allow", myl_text_str(&methods));
    return myl_fail(&job->req.cx, MYL_METHOD_UNRECOGNIZED, "this endpoint has no such method");
}

static myl_rc find_row(http_job *job)
{
    myl_req *req = &job->req;
    const h2o_req_t *h2o = job->exchange->h2o;
    myl_method method = myl_http_method_of(str_of(h2o->input.method));
    myl_str path;

    if (req->raw_target.len > MYL_LIMIT_HTTP_PATH_BYTES)
        return myl_fail(&req->cx, MYL_TOO_LARGE, "the path is too long");
    myl_http_target_split(req->raw_target, &path, &req->query);
    http_match match = myl_http_route(job->http->router, method,
                                      job->exchange->conn->listener->config->apis, path);
    if (match.endpoint == NULL)
        return no_such_row(job, &match, method);
    req->endpoint = match.endpoint;
    job->exchange->endpoint = match.endpoint;
    return myl_http_path_ids(&req->cx, &match, &req->path);
}

static myl_str token_of(myl_req *req)
{
    static const char scheme[] = "Bearer ";
    size_t len = sizeof(scheme) - 1;

    if (req->authorization.len > len && strncasecmp(req->authorization.at, scheme, len) == 0)
        return trimmed((myl_str){req->authorization.at + len, req->authorization.len - len});
    if (!myl_str_present(req->query))
        return MYL_ABSENT;
    return myl_req_query(req, "access_token");
}

/* What a good token does not open: by the kind of account and its standing. */
static myl_rc check_standing(myl_req *req)
{
    const myl_caller *caller = &req->caller;
    const myl_endpoint *endpoint = req->endpoint;

    if (caller->is_locked && !endpoint->while_locked) {
        myl_fail(&req->cx, MYL_USER_LOCKED, "this account is locked");
        req->cx.error.members = MYL_S("\"soft_logout\":true");
        return MYL_USER_LOCKED;
    }
    if (caller->is_suspended && endpoint->not_suspended)
        return myl_fail(&req->cx, MYL_USER_SUSPENDED, "this account is suspended");
    if (endpoint->auth == MYL_AUTH_USER && caller->is_guest)
        return myl_fail(&req->cx, MYL_GUEST_FORBIDDEN, "guests may not do this");
    if (endpoint->auth == MYL_AUTH_ADMIN && !caller->is_admin)
        return myl_fail(&req->cx, MYL_FORBIDDEN, "only server administrators may do this");
    return MYL_OK;
}

static myl_sha256 token_hash(http_exchange *exchange, myl_str token)
{
    if (!exchange->has_token_hash)
        exchange->token_hash = myl_token_hash(token);
    exchange->has_token_hash = true;
    return exchange->token_hash;
}

static myl_rc check_token(http_job *job)
{
    myl_req *req = &job->req;
    myl_auth auth = req->endpoint->auth;

    if (auth == MYL_AUTH_NONE || auth == MYL_AUTH_SERVER)
        return MYL_OK;
    req->token = token_of(req);
    if (!myl_str_present(req->token)) {
        if (auth == MYL_AUTH_ADMIN && job->exchange->conn->listener->config->trusted) {
            req->caller.is_admin =
                true; /* by the mode of the socket's file; nobody in particular */
            return MYL_OK;
        }
        if (auth == MYL_AUTH_OPTIONAL)
            return MYL_OK;
        return myl_fail(&req->cx, MYL_MISSING_TOKEN, "an access token is needed");
    }
    job->token = (http_token){req->token, token_hash(job->exchange, req->token)};
    MYL_TRY(myl_http_caller_of(job->loop->callers, &req->cx, job->http->store, &job->token,
                               &req->caller));
    if (req->caller.is_due)
        myl_http_seen(req, job->http->engine);
    return check_standing(req);
}

/* Taken once, however often the request wakes. */
static myl_rc check_rate(http_job *job)
{
    myl_req *req = &job->req;
    myl_rate rate = req->endpoint->rate;

    if (rate == MYL_RATE_NONE || job->exchange->rate_taken)
        return MYL_OK;
    job->exchange->rate_taken = true;
    if (myl_http_rate_by(rate) == HTTP_BY_USER && req->caller.has_rate &&
        (req->caller.rate_per_second == 0 || rate == MYL_RATE_MESSAGE))
        return myl_http_take_own_rate(req);
    if (myl_http_rate_by(rate) == HTTP_BY_USER && req->caller.user != 0)
        return myl_req_rate(req, rate, req->caller.user, true);
    return myl_req_rate(req, rate, myl_req_address_key(req), true);
}

static myl_rc take_body(http_job *job)
{
    myl_req *req = &job->req;
    h2o_iovec_t entity = job->exchange->h2o->entity;

    if (entity.len > req->endpoint->body_limit)
        return myl_fail(&req->cx, MYL_TOO_LARGE, "the body is too large");
    if (entity.len > 0)
        req->body = myl_keep(&req->cx, str_of(entity));
    if (req->endpoint->auth == MYL_AUTH_SERVER) {
        MYL_ASSERT(req->endpoint->run != MYL_RUN_LOOP);
        job->stage = HTTP_STAGE_AUTH;
        return MYL_OK;
    }
    if (req->endpoint->body == NULL || req->endpoint->body->size == 0)
        return MYL_OK;
    if (entity.len > MYL_LIMIT_HTTP_INLINE_BODY && req->endpoint->run != MYL_RUN_LOOP) {
        job->stage = HTTP_STAGE_DECODE;
        return MYL_OK;
    }
    return myl_http_job_decode(job);
}

myl_rc myl_http_gate_pass(http_job *job)
{
    MYL_TRY(find_row(job));
    MYL_TRY(check_token(job));
    MYL_TRY(check_rate(job));
    return take_body(job);
}
