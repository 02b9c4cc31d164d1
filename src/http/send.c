/* send.c: replies into h2o.
 *
 * Why:     one place gives every reply its CORS headers, every error its Matrix form, and h2o's own
 *          errors (plain text, no CORS) the same form.
 * Callers: exchange.c; h2o asks for further pages and calls the filter. Threads: the loop.
 * Memory:  h2o reads the body from the job's arena; the job ends with h2o's request.
 * Holds:   a reply of ours has the CORS headers; one without them was made by h2o.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/http_own.h"

#include <stdio.h>

enum { SLOW_MICROSECONDS = 1000000 };

const char myl_http_cors_methods[] = "GET, POST, PUT, DELETE, OPTIONS";
const char myl_http_cors_headers[] = "X-Requested-With, Content-Type, Authorization";

/* ---- status ---- */

typedef struct {
    int status;
    const char *reason;
} status_row;

static const status_row statuses[] = {
    {200, "OK"},
    {204, "No Content"},
    {302, "Found"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {417, "Expectation Failed"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {507, "Insufficient Storage"},
};

const char *myl_http_reason(int status)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (statuses[i].status == status)
            return statuses[i].reason;
    }
    return "Other";
}

/* ---- errors ---- */

myl_str myl_http_error_body(myl_ctx *cx, myl_rc rc)
{
    const myl_error_row *row = myl_error_of(rc);
    const myl_error *error = &cx->error;
    bool is_ours = row->kind == MYL_KIND_FAULT;
    myl_str words = error->rc == rc && error->detail.len > 0 && !is_ours
                        ? error->detail
                        : myl_str_of(is_ours ? "internal server error" : row->name);
    myl_text out = myl_text_start(cx, 256);

    myl_text_add(&out, MYL_S("{\"errcode\":"));
    myl_json_write_str(&out, error->rc == rc && myl_str_present(error->errcode)
                                 ? error->errcode
                                 : myl_str_of(row->errcode));
    myl_text_add(&out, MYL_S(",\"error\":"));
    myl_json_write_str(&out, words);
    if (error->retry_after_ms > 0)
        myl_text_addf(&out, ",\"retry_after_ms\":%lld", (long long)error->retry_after_ms);
    if (error->members.len > 0) {
        myl_text_add_byte(&out, ',');
        myl_text_add(&out, error->members);
    }
    myl_text_add_byte(&out, '}');
    return myl_text_str(&out);
}

/* Turns a failure into a reply. */
static void fill_error(http_job *job)
{
    myl_req *req = &job->req;
    const myl_error_row *row = myl_error_of(job->rc);

    if (row->kind == MYL_KIND_FAULT)
        myl_log_failure(&req->cx, "http");
    if (req->endpoint != NULL) /* without one it was the gate that set them: Allow */
        job->reply.header_count = 0;
    if (req->cx.error.retry_after_ms > 0) {
        int64_t seconds = (req->cx.error.retry_after_ms + 999) / 1000;
        myl_reply_header(req, "retry-after", myl_strf(&req->cx, "%lld", (long long)seconds));
    }
    myl_reply_json(req, row->status, myl_http_error_body(&req->cx, job->rc));
}

/* ---- into h2o ---- */

static void add_cors(h2o_req_t *h2o)
{
    h2o_headers_t *headers = &h2o->res.headers;

    h2o_add_header(&h2o->pool, headers, H2O_TOKEN_ACCESS_CONTROL_ALLOW_ORIGIN, NULL,
                   H2O_STRLIT("*"));
    h2o_add_header_by_str(&h2o->pool, headers, H2O_STRLIT("access-control-allow-methods"), 0, NULL,
                          myl_http_cors_methods, sizeof(myl_http_cors_methods) - 1);
    h2o_add_header_by_str(&h2o->pool, headers, H2O_STRLIT("access-control-allow-headers"), 0, NULL,
                          myl_http_cors_headers, sizeof(myl_http_cors_headers) - 1);
    /* a browser may keep that for a day and need not ask before each request */
    if (h2o_memis(h2o->input.method.base, h2o->input.method.len, H2O_STRLIT("OPTIONS")))
        h2o_add_header_by_str(&h2o->pool, headers, H2O_STRLIT("access-control-max-age"), 0, NULL,
                              H2O_STRLIT("86400"));
}

static bool is_head(const h2o_req_t *h2o)
{
    return h2o_memis(h2o->input.method.base, h2o->input.method.len, H2O_STRLIT("HEAD"));
}

static void log_reply(const http_exchange *exchange, int status)
{
    const h2o_req_t *h2o = exchange->h2o;
    const char *name = exchange->endpoint == NULL ? "none" : exchange->endpoint->name;
    myl_ctx cx = {.request_id = exchange->request_id};

    myl_metric_add(MYL_METRIC_HTTP_REQUESTS, 1);
    if (status >= 400)
        myl_metric_add(status < 500 ? MYL_METRIC_HTTP_CLIENT_ERRORS : MYL_METRIC_HTTP_SERVER_ERRORS,
                       1);
    int64_t microseconds = (myl_tick_ns() - exchange->began_ns) / 1000;
    bool is_slow = microseconds > SLOW_MICROSECONDS && exchange->parked_since == 0;
    myl_log(&cx, is_slow ? MYL_LOG_INFO : MYL_LOG_DEBUG, "http",
            is_slow ? "slow request" : "request",
            MYL_LOG_STR("method", ((myl_str){h2o->input.method.base, h2o->input.method.len})),
            MYL_LOG_STR("endpoint", myl_str_of(name)), MYL_LOG_INT("status", status),
            MYL_LOG_INT("microseconds", microseconds));
}

static void on_proceed(h2o_generator_t *generator, h2o_req_t *h2o)
{
    http_exchange *exchange = H2O_STRUCT_FROM_MEMBER(http_exchange, generator, generator);

    MYL_UNUSED(h2o);
    exchange->job->stage = HTTP_STAGE_PAGE;
    exchange->sending_since_ms = 0;
    myl_http_exchange_set(exchange, HTTP_EXCHANGE_OUT);
    exchange->loop->jobs_out++;
    myl_http_job_go(exchange->job);
}

static void start(http_exchange *exchange, int status)
{
    h2o_req_t *h2o = exchange->h2o;

    h2o->res.status = status;
    h2o->res.reason = myl_http_reason(status);
    add_cors(h2o);
    log_reply(exchange, status);
    exchange->generator.proceed = on_proceed;
    myl_http_exchange_set(exchange, HTTP_EXCHANGE_SENDING);
    h2o_start_response(h2o, &exchange->generator);
}

/* The last call for a reply: the exchange may be gone afterwards. */
static void push(http_exchange *exchange, myl_str body, h2o_send_state_t state)
{
    h2o_req_t *h2o = exchange->h2o;
    http_conn *conn = exchange->conn;
    h2o_iovec_t bytes = h2o_iovec_init(body.at, body.len);
    bool bare = body.len == 0 || is_head(h2o);

    myl_http_exchange_set(exchange, HTTP_EXCHANGE_SENDING);
    h2o_send(h2o, bare ? NULL : &bytes, bare ? 0 : 1, state);
    if (state != H2O_SEND_STATE_IN_PROGRESS)
        myl_http_conn_replied(conn);
}

static void add_headers(h2o_req_t *h2o, const http_reply *reply)
{
    if (reply->content_type != NULL)
        h2o_add_header(&h2o->pool, &h2o->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                       reply->content_type, strlen(reply->content_type));
    for (size_t i = 0; i < reply->header_count; i++)
        h2o_add_header_by_str(&h2o->pool, &h2o->res.headers, reply->headers[i].name,
                              strlen(reply->headers[i].name), 1, NULL, reply->headers[i].value.at,
                              reply->headers[i].value.len);
}

void myl_http_send(http_exchange *exchange)
{
    http_job *job = exchange->job;
    http_reply *reply = &job->reply;

    if (job->rc != MYL_OK)
        fill_error(job);
    add_headers(exchange->h2o, reply);
    bool is_whole = reply->more == NULL || job->page_last;
    myl_str body = reply->more == NULL ? reply->body : myl_text_str(&job->page_text);
    if (is_whole)
        exchange->h2o->res.content_length = body.len;
    start(exchange, reply->status);
    push(exchange, body, is_whole ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

void myl_http_send_page(http_exchange *exchange)
{
    http_job *job = exchange->job;

    if (job->rc != MYL_OK) {
        myl_log_failure(&job->req.cx, "http");
        push(exchange, MYL_S(""), H2O_SEND_STATE_ERROR);
        return;
    }
    push(exchange, myl_text_str(&job->page_text),
         job->page_last ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

void myl_http_send_preflight(http_exchange *exchange)
{
    start(exchange, 204);
    push(exchange, MYL_S(""), H2O_SEND_STATE_FINAL);
}

void myl_http_send_stopping(http_exchange *exchange)
{
    static const http_reply reply = {.content_type = "application/json"};
    myl_str body = MYL_S("{\"errcode\":\"M_UNKNOWN\",\"error\":\"the server is shutting down\"}");

    exchange->h2o->http1_is_persistent = 0;
    exchange->h2o->res.content_length = body.len;
    add_headers(exchange->h2o, &reply);
    start(exchange, 503);
    push(exchange, body, H2O_SEND_STATE_FINAL);
}

/* ---- h2o's own errors ---- */

typedef struct {
    h2o_ostream_t super; /* first member */
    h2o_iovec_t body;
    bool sent;
} rewriter;

static void rewrite(h2o_ostream_t *stream, h2o_req_t *h2o, h2o_iovec_t *bytes, size_t count,
                    h2o_send_state_t state)
{
    rewriter *self = (rewriter *)(void *)stream;
    bool bare = self->sent || is_head(h2o);

    MYL_UNUSED(bytes);
    MYL_UNUSED(count);
    self->sent = true;
    h2o_ostream_send_next(stream, h2o, bare ? NULL : &self->body, bare ? 0 : 1, state);
}

static h2o_iovec_t own_error(h2o_req_t *h2o)
{
    enum { ROOM = 128 };
    char *body = h2o_mem_alloc_pool(&h2o->pool, ROOM);
    int len = snprintf(body, ROOM, "{\"errcode\":\"%s\",\"error\":\"%s\"}",
                       h2o->res.status == 413 ? "M_TOO_LARGE" : "M_UNKNOWN",
                       myl_http_reason(h2o->res.status));
    return h2o_iovec_init(body, (size_t)len);
}

static void on_setup(h2o_filter_t *self, h2o_req_t *h2o, h2o_ostream_t **slot)
{
    MYL_UNUSED(self);
    if (h2o_find_header(&h2o->res.headers, H2O_TOKEN_ACCESS_CONTROL_ALLOW_ORIGIN, -1) == -1) {
        rewriter *made = (rewriter *)(void *)h2o_add_ostream(h2o, sizeof(*made), slot);
        made->super.do_send = rewrite;
        made->body = own_error(h2o);
        made->sent = false;
        h2o->res.content_length = made->body.len;
        h2o->res.headers = (h2o_headers_t){NULL, 0, 0};
        h2o_add_header(&h2o->pool, &h2o->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                       H2O_STRLIT("application/json"));
        add_cors(h2o);
        slot = &made->super.next;
    }
    h2o_setup_next_ostream(h2o, slot);
}

void myl_http_send_filter(h2o_pathconf_t *path)
{
    h2o_filter_t *filter = h2o_create_filter(path, sizeof(*filter));

    filter->on_setup_ostream = on_setup;
}
