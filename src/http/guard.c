/* guard.c: ends what is too slow, too large or gone.
 *
 * Why:     h2o 2.2.5 has one timer for a whole HTTP/1 request, none for HTTP/2 bodies, one size
 *          limit for all, and does not see that an HTTP/1 client has left while its reply is
 *          awaited. docs/http.md lists the limits with their keys.
 * Callers: the loop every 250 ms; conn.c after each read. Threads: the loop; the table of addresses
 *          has a lock (rank HTTP_ADDRESSES), the sum of held bytes is atomic.
 * Holds:   of HTTP/2 connections only those in h2o's own list are looked into: h2o may have let go
 *          of the others. Times are real ones: a test that moves the clock must not end its own
 *          connections.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/http_own.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <h2o/http2.h>
#include <h2o/http2_internal.h>

#include "http/target.h"

enum { WATCHED = 256, DEPARTED_EVERY = 8, WINDOW_MS = 30000 };
enum { SMALL_BODY = 65536, MOST_STREAMS = 128 };

/* ---- limits of bodies ---- */

size_t myl_http_guard_body_limit(const http_conn *conn, myl_str method, myl_str target)
{
    const myl_http *http = conn->loop->http;
    size_t limit = MYL_LIMIT_BODY_NONE;
    myl_str path;
    myl_str query;

    myl_http_target_split(target, &path, &query);
    http_match match = myl_http_route(http->router, myl_http_method_of(method),
                                      conn->listener->config->apis, path);
    if (match.endpoint != NULL)
        limit = match.endpoint->body_limit;
    return limit < (size_t)http->config->http_max_body ? limit
                                                       : (size_t)http->config->http_max_body;
}

/* Answers a stream whose body is still coming in, by h2o's own way for bad headers. */
static void answer_stream(h2o_http2_conn_t *two, h2o_http2_stream_t *stream, int status)
{
    myl_metric_add(MYL_METRIC_HTTP_REFUSED, 1);
    if (two->pull_stream_ids.max_processed < stream->stream_id)
        two->pull_stream_ids.max_processed = stream->stream_id;
    h2o_http2_stream_set_state(two, stream, H2O_HTTP2_STREAM_STATE_REQ_PENDING);
    h2o_http2_stream_set_state(two, stream, H2O_HTTP2_STREAM_STATE_SEND_HEADERS);
    h2o_send_error_generic(&stream->req, status, myl_http_reason(status), "", 0);
}

static bool is_too_large(const http_conn *conn, const h2o_http2_stream_t *stream)
{
    size_t declared = stream->_expected_content_length;
    size_t size = stream->_req_body->size;
    const h2o_req_t *req = &stream->req;

    if (declared != SIZE_MAX && declared > size)
        size = declared;
    if (size <= SMALL_BODY)
        return false;
    return size >
           myl_http_guard_body_limit(conn, (myl_str){req->input.method.base, req->input.method.len},
                                     (myl_str){req->input.path.base, req->input.path.len});
}

static int64_t ms_since(const http_loop *loop, const struct timeval *then)
{
    const struct timeval *now =
        h2o_get_timestamp((h2o_context_t *)(uintptr_t)&loop->context, NULL, NULL);
    return (now->tv_sec - then->tv_sec) * 1000 + (now->tv_usec - then->tv_usec) / 1000;
}

/* Everyone may take as long to begin as for a header; from then on bytes must come or go. */
static bool is_below_rate(const http_loop *loop, int64_t elapsed_ms, uint64_t bytes)
{
    const myl_config *config = loop->http->config;
    int64_t counted_ms = elapsed_ms - config->http_header_timeout;

    return counted_ms > 0 && bytes < (uint64_t)(counted_ms * config->http_least_rate_bytes / 1000);
}

static bool is_too_slow(const http_loop *loop, int64_t elapsed_ms, uint64_t bytes)
{
    return elapsed_ms > loop->http->config->http_body_timeout ||
           is_below_rate(loop, elapsed_ms, bytes);
}

/* 0, or the status that the stream must be answered with now. */
static int verdict_on_body(const http_conn *conn, const h2o_http2_stream_t *stream)
{
    if (stream->state != H2O_HTTP2_STREAM_STATE_RECV_BODY || stream->_req_body == NULL)
        return 0;
    if (is_too_large(conn, stream))
        return 413;
    int64_t elapsed = ms_since(conn->loop, &stream->req.timestamps.request_body_begin_at);
    return is_too_slow(conn->loop, elapsed, stream->_req_body->size) ? 408 : 0;
}

/* ---- what is held ---- */

static void set_held(http_conn *conn, size_t bytes)
{
    atomic_size_t *all = &conn->loop->http->held;

    if (bytes < SMALL_BODY)
        bytes = 0;
    if (bytes == conn->held)
        return;
    size_t now = atomic_fetch_add(all, bytes - conn->held) + bytes - conn->held;
    bool grew = bytes > conn->held;
    myl_metric_add(MYL_METRIC_HTTP_HELD_BYTES, (int64_t)bytes - (int64_t)conn->held);
    conn->held = bytes;
    if (!grew || now <= (size_t)conn->loop->http->config->http_spool_budget)
        return;
    if (conn->kind == HTTP_CONN_ONE && conn->one.phase == HTTP_ONE_BODY)
        myl_http_conn_refuse(conn, 503, "M_UNKNOWN", "too many bodies are under way");
    else if (conn->kind == HTTP_CONN_TWO)
        conn->doom = "too many bodies are under way";
}

/* Collected first: answering changes what is walked over. */
void myl_http_guard_bodies(http_conn *conn)
{
    h2o_http2_conn_t *two = conn->sock->data;
    h2o_http2_stream_t *wrong[MOST_STREAMS];
    int statuses[MOST_STREAMS];
    size_t count = 0;
    size_t held = 0;

    for (uint32_t at = 0; at < kh_end(two->streams) && count < MOST_STREAMS; at++) {
        if (!kh_exist(two->streams, at))
            continue;
        h2o_http2_stream_t *stream = kh_val(two->streams, at);
        if (stream->_req_body != NULL)
            held += stream->_req_body->size;
        int status = verdict_on_body(conn, stream);
        if (status == 0)
            continue;
        wrong[count] = stream;
        statuses[count++] = status;
    }
    set_held(conn, held);
    if (two->state >= H2O_HTTP2_CONN_STATE_IS_CLOSING)
        return;
    for (size_t i = 0; i < count; i++)
        answer_stream(two, wrong[i], statuses[i]);
}

void myl_http_guard_account(http_conn *conn)
{
    if (conn->kind == HTTP_CONN_REFUSED)
        set_held(conn, 0);
    else if (conn->kind == HTTP_CONN_ONE && (conn->one.phase == HTTP_ONE_BODY || conn->held > 0))
        set_held(conn, conn->one.phase == HTTP_ONE_HEAD ? 0 : conn->sock->input->size);
}

/* ---- addresses ---- */

uint64_t myl_http_address_key(const myl_address *address)
{
    static const uint8_t four[12] = {[10] = 0xff, [11] = 0xff};
    bool is_four = memcmp(address->bytes, four, sizeof(four)) == 0;

    return myl_str_hash((myl_str){(const char *)address->bytes, is_four ? 16 : 8});
}

bool myl_http_guard_admit(http_conn *conn)
{
    myl_http *http = conn->loop->http;
    size_t most = (size_t)http->config->http_max_connections_per_address;

    if (conn->address_key == 0 || conn->is_proxy)
        return true;
    pthread_mutex_lock(&http->address_lock);
    size_t count = (size_t)(uintptr_t)myl_table_get(http->addresses, conn->address_key);
    conn->is_counted = count < most;
    if (conn->is_counted)
        myl_table_set(http->addresses, conn->address_key, (void *)(uintptr_t)(count + 1));
    pthread_mutex_unlock(&http->address_lock);
    if (!conn->is_counted)
        myl_metric_add(MYL_METRIC_HTTP_ENDED, 1);
    return conn->is_counted;
}

void myl_http_guard_release(http_conn *conn)
{
    myl_http *http = conn->loop->http;

    set_held(conn, 0);
    if (!conn->is_counted)
        return;
    pthread_mutex_lock(&http->address_lock);
    size_t count = (size_t)(uintptr_t)myl_table_get(http->addresses, conn->address_key);
    myl_table_set(http->addresses, conn->address_key, (void *)(uintptr_t)(count - 1));
    pthread_mutex_unlock(&http->address_lock);
}

/* ---- the sweep: HTTP/1 ---- */

static void sweep_one(http_conn *conn, int64_t now_ms)
{
    const myl_config *config = conn->loop->http->config;
    int64_t elapsed = now_ms - conn->since_ms;

    switch (conn->one.phase) {
    case HTTP_ONE_HEAD:
        if (conn->one.seen > 0 && elapsed > config->http_header_timeout)
            myl_http_conn_refuse(conn, 408, "M_UNKNOWN", "the header took too long");
        else if (conn->one.seen == 0 &&
                 (elapsed > config->http_idle_timeout || conn->loop->phase != HTTP_RUNNING))
            myl_http_conn_end(conn, HTTP_IDLE);
        break;
    case HTTP_ONE_BODY:
        if (is_too_slow(conn->loop, elapsed, conn->sock->input->size - conn->one.head_bytes))
            myl_http_conn_refuse(conn, 408, "M_UNKNOWN", "the body comes too slowly");
        break;
    case HTTP_ONE_BUSY: break;
    }
}

/* ---- the sweep: HTTP/2 ---- */

static const char *fault_of_two(http_conn *conn, const h2o_http2_conn_t *two, int64_t now_ms)
{
    if (two->_headers_unparsed == NULL)
        conn->end_ms = 0;
    else if (conn->end_ms == 0)
        conn->end_ms = now_ms + conn->loop->http->config->http_header_timeout;
    else if (now_ms > conn->end_ms)
        return "the header took too long";
    return NULL;
}

static void sweep_two(http_conn *conn, int64_t now_ms)
{
    const h2o_http2_conn_t *two = conn->sock->data;
    bool is_idle = two->num_streams.pull.open == 0;

    if (two->state >= H2O_HTTP2_CONN_STATE_IS_CLOSING)
        return;
    const char *fault = fault_of_two(conn, two, now_ms);
    if (fault == NULL && is_idle && conn->loop->phase != HTTP_RUNNING)
        fault = HTTP_STOPPING;
    if (fault == NULL) {
        conn->depth++;
        myl_http_guard_bodies(conn);
        conn->depth--;
        fault = conn->doom;
    }
    if (fault != NULL)
        myl_http_conn_end(conn, fault);
}

/* h2o's list is the truth about which HTTP/2 connections it still knows. */
static void sweep_twos(http_loop *loop, int64_t now_ms)
{
    h2o_linklist_t *all = &loop->context.http2._conns;
    h2o_linklist_t *next;

    for (h2o_linklist_t *at = all->next; at != all; at = next) {
        h2o_http2_conn_t *two = H2O_STRUCT_FROM_MEMBER(h2o_http2_conn_t, _conns, at);
        http_conn *conn = two->sock->on_close.data;
        next = at->next;
        conn->sweep = loop->sweeps;
        if (conn->kind == HTTP_CONN_TWO)
            sweep_two(conn, now_ms);
    }
}

/* ---- the sweep: replies that nobody reads ---- */

/* Bytes that the peer has acknowledged; false for sockets that do not tell. */
static bool acknowledged(const http_conn *conn, uint64_t *out)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    if (getsockopt(h2o_socket_get_fd(conn->sock), IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
        len < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof(info.tcpi_bytes_acked))
        return false;
    *out = info.tcpi_bytes_acked;
    return true;
}

/* How much of the reply has gone; UINT64_MAX when that cannot be told. */
static uint64_t gone_of(const http_exchange *exchange)
{
    uint64_t bytes = UINT64_MAX;

    if (exchange->conn->kind == HTTP_CONN_TWO)
        return exchange->h2o->bytes_sent;
    acknowledged(exchange->conn, &bytes);
    return bytes;
}

/* Looks at windows of time, so that a fast beginning does not pay for standing still. */
static void sweep_sending(http_exchange *exchange, int64_t now_ms)
{
    int64_t elapsed = now_ms - exchange->sending_since_ms;
    uint64_t gone = gone_of(exchange);

    if (gone == UINT64_MAX)
        return;
    bool is_first = exchange->sending_since_ms == 0;
    if (!is_first && is_below_rate(exchange->loop, elapsed, gone - exchange->sent_before))
        exchange->conn->doom = "the reply is not read";
    if (is_first || elapsed > exchange->loop->http->config->http_header_timeout + WINDOW_MS) {
        exchange->sending_since_ms = now_ms;
        exchange->sent_before = gone;
    }
}

/* ---- the sweep: who has left ---- */

typedef struct {
    struct pollfd polls[WATCHED];
    http_conn *conns[WATCHED];
    size_t count;
} watch;

static void look_at_watched(watch *watched)
{
    if (watched->count > 0 && poll(watched->polls, watched->count, 0) > 0) {
        for (size_t i = 0; i < watched->count; i++) {
            if ((watched->polls[i].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0)
                myl_http_conn_end(watched->conns[i], HTTP_LEFT);
        }
    }
    watched->count = 0;
}

/* Those whose next request has come already, so that they are not watched (conn.c). */
static void watch_conn(watch *watched, http_conn *conn)
{
    if (watched->count == WATCHED)
        look_at_watched(watched);
    watched->polls[watched->count] =
        (struct pollfd){.fd = h2o_socket_get_fd(conn->sock), .events = POLLRDHUP};
    watched->conns[watched->count++] = conn;
}

static bool awaits_reply(const http_conn *conn)
{
    return conn->kind == HTTP_CONN_ONE && conn->one.phase == HTTP_ONE_BUSY &&
           conn->one.exchange != NULL && conn->one.exchange->state != HTTP_EXCHANGE_SENDING &&
           !h2o_socket_is_reading(conn->sock);
}

/* ---- the sweep ---- */

static void sweep_conn(http_conn *conn, int64_t now_ms)
{
    const myl_config *config = conn->loop->http->config;
    int64_t elapsed = now_ms - conn->since_ms;

    if (conn->doom != NULL) {
        myl_http_conn_end(conn, conn->doom);
        return;
    }
    switch (conn->kind) {
    case HTTP_CONN_HANDSHAKE:
    case HTTP_CONN_FRESH:
        if (elapsed > config->http_header_timeout || conn->loop->phase != HTTP_RUNNING)
            myl_http_conn_end(conn, "nothing was asked");
        break;
    case HTTP_CONN_ONE: sweep_one(conn, now_ms); break;
    case HTTP_CONN_TWO:
        if (conn->sweep != conn->loop->sweeps) {
            conn->kind = HTTP_CONN_CLOSING;
            conn->end_ms = now_ms + config->http_header_timeout;
        }
        break;
    case HTTP_CONN_REFUSED:
        if (now_ms > conn->end_ms)
            myl_http_conn_end(conn, "refused");
        break;
    case HTTP_CONN_CLOSING:
        if (now_ms > conn->end_ms)
            shutdown(h2o_socket_get_fd(conn->sock), SHUT_RDWR);
        break;
    }
}

void myl_http_guard_sweep(http_loop *loop, int64_t now_ms)
{
    watch watched = {.count = 0};
    http_conn *next;

    loop->sweeps++;
    for (http_exchange *one = loop->sending; one != NULL; one = one->next)
        sweep_sending(one, now_ms);
    sweep_twos(loop, now_ms);
    for (http_conn *conn = loop->conns; conn != NULL; conn = next) {
        next = conn->next;
        sweep_conn(conn, now_ms);
    }
    /* Who has left is asked less often, of another part of the connections each time. */
    for (http_conn *conn = loop->conns; conn != NULL; conn = conn->next) {
        if (awaits_reply(conn) && conn->number % DEPARTED_EVERY == loop->sweeps % DEPARTED_EVERY)
            watch_conn(&watched, conn);
    }
    look_at_watched(&watched);
}
