/* conn.c: connections: from a fresh socket to h2o, with our hooks between socket and h2o.
 *
 * Why:     h2o 2.2.5 does not look where an attacker bites (docs/decisions/004-h2o-guard.md). So
 *          each read passes through here first: HTTP/1 heads are checked before h2o sees them,
 *          HTTP/2 frames are counted, bodies are held to the limit of their row while they grow.
 * Callers: listen.c hands sockets over; h2o calls the hooks; guard.c ends what is too slow.
 * Threads: a connection's loop alone.
 * Memory:  a connection lives as long as its socket, and until the last hook under way has
 *          returned.
 * Holds:   while an HTTP/1 connection waits for input its read callback is ours; whenever h2o puts
 *          its own callback there it does so under one of our hooks, which puts ours back. Inside a
 *          hook `sock` is looked at again after each call into h2o: it may be gone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/http_own.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include <h2o/http1.h>
#include <h2o/http2.h>
#include <h2o/http2_internal.h>

#include "http/head.h"

const char HTTP_LEFT[] = "the asker has left";
const char HTTP_IDLE[] = "idle";
const char HTTP_STOPPING[] = "the server is shutting down";

enum { LINGER_MS = 2000, DRAIN_PIECE = 1 << 20, CHUNK_OVERHEAD = 8 };

static void on_input(h2o_socket_t *sock, const char *err);
static void on_written(h2o_socket_t *sock, const char *err);

/* ---- life ---- */

static void free_if_over(http_conn *conn)
{
    if (conn->sock != NULL || conn->depth > 0)
        return;
    myl_process_free(conn->last_words);
    myl_process_free(conn);
}

static void on_closed(void *data)
{
    http_conn *conn = data;
    http_loop *loop = conn->loop;

    conn->sock = NULL;
    if (conn->next != NULL)
        conn->next->before = conn->before;
    if (conn->before != NULL)
        conn->before->next = conn->next;
    else
        loop->conns = conn->next;
    atomic_fetch_sub(&loop->conn_count, 1);
    atomic_fetch_sub(&loop->http->connections, 1);
    myl_metric_add(MYL_METRIC_HTTP_CONNECTIONS, -1);
    myl_http_guard_release(conn);
    if (conn->tls != NULL)
        myl_shared_drop(&conn->tls->shared);
    conn->tls = NULL;
    free_if_over(conn);
}

/* The end of a hook: carries out what was decided below h2o. */
static void leave(http_conn *conn)
{
    if (--conn->depth > 0)
        return;
    if (conn->sock != NULL && conn->doom != NULL) {
        myl_http_conn_end(conn, conn->doom);
        return;
    }
    free_if_over(conn);
}

static void say_goaway(http_conn *conn, const char *reason)
{
    h2o_http2_conn_t *two = conn->sock->data;
    h2o_iovec_t words = h2o_iovec_init(reason, strlen(reason));

    if (two->state >= H2O_HTTP2_CONN_STATE_IS_CLOSING)
        return;
    h2o_http2_encode_goaway_frame(&two->_write.buf, two->pull_stream_ids.max_open,
                                  H2O_HTTP2_ERROR_ENHANCE_YOUR_CALM, words);
    h2o_http2_conn_request_write(two);
}

void myl_http_conn_end(http_conn *conn, const char *reason)
{
    http_conn_kind kind = conn->kind;

    if (conn->sock == NULL || kind == HTTP_CONN_CLOSING)
        return;
    bool is_ordinary = reason == HTTP_LEFT || reason == HTTP_IDLE || reason == HTTP_STOPPING;
    myl_log(NULL, is_ordinary ? MYL_LOG_DEBUG : MYL_LOG_INFO, "http", "connection ended",
            MYL_LOG_STR("reason", myl_str_of(reason)),
            MYL_LOG_STR("address", ((myl_str){conn->address, conn->address_len})));
    myl_metric_add(MYL_METRIC_HTTP_ENDED, is_ordinary ? 0 : 1);
    conn->depth++;
    conn->doom = NULL;
    conn->kind = HTTP_CONN_CLOSING;
    conn->end_ms = myl_http_real_ms() + LINGER_MS;
    if (kind == HTTP_CONN_TWO)
        say_goaway(conn, reason);
    if (conn->inner_read != NULL)
        conn->inner_read(conn->sock, reason); /* as if the peer had gone: h2o tidies up */
    else
        h2o_socket_close(conn->sock);
    leave(conn);
}

/* ---- hooks ---- */

static void hook(http_conn *conn)
{
    h2o_socket_t *sock = conn->sock;

    if (sock->_cb.read != NULL && sock->_cb.read != on_input) {
        conn->inner_read = sock->_cb.read;
        sock->_cb.read = on_input;
    }
    if (conn->kind == HTTP_CONN_ONE && sock->_cb.write != NULL && sock->_cb.write != on_written) {
        conn->inner_written = sock->_cb.write;
        sock->_cb.write = on_written;
    }
}

/* Lets h2o act on its input. False when the connection is not to be touched any more. */
static bool pass(http_conn *conn, const char *err)
{
    conn->inner_read(conn->sock, err);
    if (conn->sock == NULL)
        return false;
    if (err != NULL) {
        conn->kind = HTTP_CONN_CLOSING;
        conn->end_ms = myl_http_real_ms() + LINGER_MS;
        return false;
    }
    hook(conn);
    return h2o_socket_is_reading(conn->sock);
}

/* ---- answers that h2o knows nothing of ---- */

/* Throws away what came, unread; ends when the peer has closed or sends without end. */
static void on_drain(h2o_socket_t *sock, const char *err)
{
    http_conn *conn = sock->on_close.data;
    int fd = h2o_socket_get_fd(sock);
    ssize_t dropped = -1;

    while (err == NULL && conn->drained < MYL_LIMIT_HTTP_DRAIN_BYTES) {
        dropped = recv(fd, NULL, DRAIN_PIECE, MSG_TRUNC | MSG_DONTWAIT);
        if (dropped <= 0)
            break;
        conn->drained += (size_t)dropped;
    }
    if (err != NULL || dropped == 0 || conn->drained >= MYL_LIMIT_HTTP_DRAIN_BYTES)
        myl_http_conn_end(conn, "refused");
}

/* What the peer still sends is dropped for a while: closing at once would make its kernel throw our
 * answer away. */
static void on_last_words(h2o_socket_t *sock, const char *err)
{
    http_conn *conn = sock->on_close.data;

    if (err != NULL) {
        myl_http_conn_end(conn, HTTP_LEFT);
        return;
    }
    if (conn->tls == NULL)
        shutdown(h2o_socket_get_fd(sock), SHUT_WR);
    conn->end_ms = myl_http_real_ms() + LINGER_MS;
    h2o_socket_dont_read(sock, 1);
    h2o_socket_read_start(sock, on_drain);
}

static size_t write_last_words(char *out, size_t room, int status, const char *body)
{
    int len = snprintf(out, room,
                       "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: application/json\r\n"
                       "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Methods: %s\r\n"
                       "Access-Control-Allow-Headers: %s\r\nContent-Length: %zu\r\n\r\n%s",
                       status, myl_http_reason(status), myl_http_cors_methods,
                       myl_http_cors_headers, strlen(body), body);
    MYL_ASSERT(len > 0 && (size_t)len < room);
    return (size_t)len;
}

void myl_http_conn_refuse(http_conn *conn, int status, const char *errcode, const char *reason)
{
    enum { ROOM = 1024 };
    char body[256];

    if (conn->sock == NULL || h2o_socket_is_writing(conn->sock) || conn->last_words != NULL)
        return;
    myl_metric_add(MYL_METRIC_HTTP_REFUSED, 1);
    myl_log(NULL, MYL_LOG_INFO, "http", "request refused", MYL_LOG_INT("status", status),
            MYL_LOG_STR("reason", myl_str_of(reason)),
            MYL_LOG_STR("address", ((myl_str){conn->address, conn->address_len})));
    snprintf(body, sizeof(body), "{\"errcode\":\"%s\",\"error\":\"%s\"}", errcode, reason);
    conn->last_words = myl_process_alloc(ROOM);
    conn->kind = HTTP_CONN_REFUSED;
    conn->end_ms = myl_http_real_ms() + LINGER_MS;
    h2o_socket_read_stop(conn->sock);
    h2o_buffer_consume(&conn->sock->input, conn->sock->input->size);
    myl_http_guard_account(conn);
    h2o_iovec_t words =
        h2o_iovec_init(conn->last_words, write_last_words(conn->last_words, ROOM, status, body));
    h2o_socket_write(conn->sock, &words, 1, on_last_words);
}

/* ---- HTTP/1 ---- */

static myl_str input_of(const http_conn *conn, size_t from)
{
    const h2o_buffer_t *input = conn->sock->input;
    return (myl_str){input->bytes + from, input->size - from};
}

/* A head is there as a whole: what may follow is known from here on. False: it was refused. */
static bool begin_request(http_conn *conn, const http_head *head)
{
    http_one *one = &conn->one;

    *one = (http_one){.phase = head->has_body ? HTTP_ONE_BODY : HTTP_ONE_BUSY};
    one->head_bytes = head->bytes;
    one->chunked = head->chunked;
    one->whole = head->bytes + (size_t)head->length;
    conn->since_ms = myl_http_real_ms();
    if (!head->has_body)
        return true;
    one->body_limit = myl_http_guard_body_limit(conn, head->method, head->target);
    if (head->length <= one->body_limit)
        return true;
    return false;
}

static const char *errcode_of(int status)
{
    return status == 413 ? "M_TOO_LARGE" : "M_UNKNOWN";
}

/* True when h2o may read on: the head is whole and good. */
static bool take_head(http_conn *conn)
{
    http_head head;
    myl_str input = input_of(conn, 0);

    switch (myl_http_head_read(input, conn->one.seen, &head)) {
    case HTTP_HEAD_PARTIAL:
        if (conn->one.seen == 0 && input.len > 0)
            conn->since_ms = myl_http_real_ms();
        conn->one.seen = input.len;
        return false;
    case HTTP_HEAD_REFUSED:
        myl_http_conn_refuse(conn, head.status, errcode_of(head.status), head.reason);
        return false;
    case HTTP_HEAD_WHOLE: break;
    }
    if (!begin_request(conn, &head)) {
        myl_http_conn_refuse(conn, 413, "M_TOO_LARGE", "the body is too large");
        return false;
    }
    conn->one.raw = input.len - head.bytes;
    return true;
}

/* After h2o has taken what came: is the body still within its limits? */
static void check_body(http_conn *conn)
{
    const http_one *one = &conn->one;
    size_t body = conn->sock->input->size - one->head_bytes;

    if (one->phase != HTTP_ONE_BODY)
        return;
    if (body > one->body_limit)
        myl_http_conn_refuse(conn, 413, "M_TOO_LARGE", "the body is too large");
    else if (one->chunked && one->raw / CHUNK_OVERHEAD > body + MYL_LIMIT_HTTP_CHUNK_BYTES)
        myl_http_conn_refuse(conn, 400, "M_UNKNOWN", "the chunks are almost empty");
}

/* Something came while the reply is awaited: the end, or the next request, which has to wait. Then
 * watching is over, as it would call at once again; the sweep asks from then on. */
static void look_at_busy(http_conn *conn)
{
    struct pollfd peer = {.fd = h2o_socket_get_fd(conn->sock), .events = POLLIN | POLLRDHUP};

    if (poll(&peer, 1, 0) <= 0)
        return;
    if ((peer.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0)
        conn->doom = HTTP_LEFT;
    else
        h2o_socket_read_stop(conn->sock);
}

static void input_one(http_conn *conn)
{
    if (conn->one.phase == HTTP_ONE_BUSY) {
        look_at_busy(conn);
        return;
    }
    if (conn->one.phase == HTTP_ONE_HEAD) {
        if (!take_head(conn))
            return;
    } else {
        conn->one.raw += conn->sock->bytes_read;
    }
    if (pass(conn, NULL))
        check_body(conn);
}

/* What has already come of the next request is checked before h2o reads it; when it is bad, h2o
 * closes the connection behind the present reply. */
static void prepare_next(http_conn *conn)
{
    http_exchange *exchange = conn->one.exchange;
    size_t whole = conn->one.whole;
    http_head head;
    bool good = true;

    conn->one = (http_one){.phase = HTTP_ONE_HEAD};
    conn->since_ms = myl_http_real_ms();
    if (exchange == NULL || conn->sock->input->size <= whole)
        return;
    myl_str rest = input_of(conn, whole);
    switch (myl_http_head_read(rest, 0, &head)) {
    case HTTP_HEAD_PARTIAL: break;
    case HTTP_HEAD_REFUSED: good = false; break;
    case HTTP_HEAD_WHOLE:
        good = begin_request(conn, &head);
        conn->one.raw = rest.len - head.bytes;
        break;
    }
    if (!good)
        exchange->h2o->http1_is_persistent = 0;
}

static void on_written(h2o_socket_t *sock, const char *err)
{
    http_conn *conn = sock->on_close.data;
    h2o_socket_cb inner = conn->inner_written;

    conn->depth++;
    conn->inner_written = NULL;
    if (conn->kind == HTTP_CONN_ONE && conn->one.phase == HTTP_ONE_BUSY) {
        h2o_socket_dont_read(sock, 0);
        prepare_next(conn);
    }
    inner(sock, err);
    if (conn->sock != NULL && conn->kind == HTTP_CONN_ONE) {
        hook(conn);
        myl_http_guard_account(conn);
        if (!h2o_socket_is_reading(sock) && conn->one.exchange == NULL) {
            conn->kind = HTTP_CONN_CLOSING;
            conn->end_ms = myl_http_real_ms() + LINGER_MS;
        }
    }
    leave(conn);
}

/* While its reply is awaited the connection is still watched, without reading: so its end is seen
 * at once, and nothing changes in what the kernel polls for. */
void myl_http_conn_busy(http_conn *conn, http_exchange *exchange)
{
    if (conn->kind != HTTP_CONN_ONE)
        return;
    conn->one.phase = HTTP_ONE_BUSY;
    conn->one.whole = conn->one.head_bytes + exchange->h2o->entity.len;
    conn->one.exchange = exchange;
    h2o_socket_dont_read(conn->sock, 1);
    h2o_socket_read_start(conn->sock, on_input);
}

void myl_http_conn_replied(http_conn *conn)
{
    if (conn->sock != NULL && conn->kind == HTTP_CONN_ONE)
        hook(conn);
}

/* ---- HTTP/2 ---- */

static void input_two(http_conn *conn)
{
    h2o_socket_t *sock = conn->sock;
    http_frames_input input = {(uint8_t *)sock->input->bytes, sock->input->size, myl_http_real_ms(),
                               sock->bytes_written};

    conn->two.has_body = false;
    if (input.len > 0) {
        conn->doom = myl_http_frames_look(&conn->two, &input);
        sock->input->size = input.len;
    }
    if (conn->doom == NULL && pass(conn, NULL) && conn->two.has_body)
        myl_http_guard_bodies(conn);
}

/* ---- all ---- */

static void on_input(h2o_socket_t *sock, const char *err)
{
    http_conn *conn = sock->on_close.data;

    conn->depth++;
    if (err != NULL)
        pass(conn, err);
    else if (conn->kind == HTTP_CONN_ONE)
        input_one(conn);
    else if (conn->kind == HTTP_CONN_TWO)
        input_two(conn);
    else
        pass(conn, NULL);
    if (conn->sock != NULL)
        myl_http_guard_account(conn);
    leave(conn);
}

/* Hands the socket to h2o, with what has come already. */
static void begin(http_conn *conn, http_conn_kind kind)
{
    http_loop *loop = conn->loop;
    h2o_socket_t *sock = conn->sock;
    h2o_buffer_t *input = sock->input;
    struct timeval now = *h2o_get_timestamp(&loop->context, NULL, NULL);

    conn->kind = kind;
    conn->since_ms = myl_http_real_ms();
    h2o_buffer_init(&sock->input, &h2o_socket_buffer_prototype);
    if (kind == HTTP_CONN_TWO) {
        myl_http_frames_start(&conn->two, conn->since_ms);
        h2o_http2_accept(&loop->accept, sock, now);
    } else {
        h2o_http1_accept(&loop->accept, sock, now);
    }
    sock->input = input;
    hook(conn);
    if (input->size != 0)
        on_input(sock, NULL);
}

static void on_fresh(h2o_socket_t *sock, const char *err)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    http_conn *conn = sock->on_close.data;
    size_t len = sock->input->size;

    if (err != NULL) {
        h2o_socket_close(sock);
        return;
    }
    if (len > sizeof(preface) - 1)
        len = sizeof(preface) - 1;
    if (len == 0)
        return;
    if (memcmp(sock->input->bytes, preface, len) != 0)
        begin(conn, HTTP_CONN_ONE);
    else if (len == sizeof(preface) - 1)
        begin(conn, HTTP_CONN_TWO);
}

static void await_first(http_conn *conn)
{
    h2o_socket_t *sock = conn->sock;

    conn->kind = HTTP_CONN_FRESH;
    h2o_socket_read_start(sock, on_fresh);
    if (sock->input->size != 0)
        on_fresh(sock, NULL);
}

static void on_handshake(h2o_socket_t *sock, const char *err)
{
    http_conn *conn = sock->on_close.data;

    if (err != NULL) {
        h2o_socket_close(sock);
        return;
    }
    h2o_iovec_t protocol = h2o_socket_ssl_get_selected_protocol(sock);
    if (protocol.len == 2 && memcmp(protocol.base, "h2", 2) == 0)
        begin(conn, HTTP_CONN_TWO);
    else
        await_first(conn);
}

static void note_peer(http_conn *conn)
{
    struct sockaddr_storage peer;
    socklen_t len = h2o_socket_getpeername(conn->sock, (struct sockaddr *)&peer);
    myl_address address;

    memcpy(conn->address, "local", conn->address_len = 5);
    if (len == 0 || !myl_address_of_socket((struct sockaddr *)&peer, &address)) {
        conn->is_proxy = conn->listener->config->x_forwarded_for.count > 0;
        return;
    }
    char text[NI_MAXHOST];
    size_t text_len = h2o_socket_getnumerichost((struct sockaddr *)&peer, len, text);
    if (text_len != SIZE_MAX && text_len < sizeof(conn->address))
        memcpy(conn->address, text, conn->address_len = text_len);
    const myl_config_networks *proxies = &conn->listener->config->x_forwarded_for;
    for (size_t i = 0; i < proxies->count && !conn->is_proxy; i++)
        conn->is_proxy = myl_network_has(&proxies->items[i], &address);
    conn->address_key = myl_http_address_key(&address);
}

void myl_http_conn_adopt(http_loop *loop, const http_listener *listener, http_tls *tls, int fd)
{
    http_conn *conn = myl_process_alloc(sizeof(*conn));
    int on = 1;

    conn->loop = loop;
    conn->listener = listener;
    conn->tls = tls;
    conn->number = loop->accepted++;
    conn->since_ms = myl_http_real_ms();
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    conn->sock = h2o_evloop_socket_create(loop->events, fd, H2O_SOCKET_FLAG_IS_ACCEPTED_CONNECTION);
    conn->sock->on_close.cb = on_closed;
    conn->sock->on_close.data = conn;
    conn->next = loop->conns;
    if (conn->next != NULL)
        conn->next->before = conn;
    loop->conns = conn;
    myl_metric_add(MYL_METRIC_HTTP_CONNECTIONS, 1);
    note_peer(conn);
    if (loop->phase != HTTP_RUNNING || !myl_http_guard_admit(conn)) {
        h2o_socket_close(conn->sock);
    } else if (tls != NULL) {
        conn->kind = HTTP_CONN_HANDSHAKE;
        h2o_socket_ssl_handshake(conn->sock, tls->context, NULL, on_handshake);
    } else {
        await_first(conn);
    }
}

http_conn *myl_http_conn_of(h2o_req_t *h2o)
{
    return h2o->conn->callbacks->get_socket(h2o->conn)->on_close.data;
}
