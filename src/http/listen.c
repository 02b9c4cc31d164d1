/* listen.c: listening sockets.
 *
 * Why:     the first loop accepts and hands each connection to the loop that has the fewest, so
 *          that a few long-lived ones spread evenly. Not SO_REUSEPORT: it would let a second server
 *          take the same port unseen.
 * Callers: server.c binds; loop.c starts and stops. Threads: the first loop, but for binding.
 * Memory:  listeners are process memory. A certificate is shared by its connections and ends with
 *          the last.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <myelin/crypto_tls.h>

enum { BACKLOG = 4096, ACCEPTS = 64 };

/* ---- binding ---- */

static myl_rc bad_listener(myl_ctx *cx, const char *where, const char *what)
{
    return myl_fail(cx, MYL_BAD_CONFIG, "listener %s: %s: %s", where, what, strerror(errno));
}

static myl_rc open_socket(myl_ctx *cx, const char *where, const struct sockaddr *address,
                          socklen_t len, int *out)
{
    int on = 1;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return bad_listener(cx, where, "no socket");
    if (address->sa_family != AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, address, len) != 0 || listen(fd, BACKLOG) != 0) {
        myl_rc rc = bad_listener(cx, where, "cannot listen");
        close(fd);
        return rc;
    }
    *out = fd;
    return MYL_OK;
}

/* A socket file that a former run left behind gives way; one that answers does not. */
static bool is_stale(const struct sockaddr_un *address)
{
    struct stat there;
    bool stale = false;

    if (stat(address->sun_path, &there) != 0 || !S_ISSOCK(there.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        stale = connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
                errno == ECONNREFUSED;
        close(fd);
    }
    return stale;
}

static myl_rc bind_unix(myl_ctx *cx, http_listener *listener)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    myl_str path = listener->config->unix_path;

    if (path.len >= sizeof(address.sun_path))
        return myl_fail(cx, MYL_BAD_CONFIG, "listener %s: the path is too long", path.at);
    memcpy(address.sun_path, path.at, path.len);
    if (is_stale(&address))
        unlink(address.sun_path);
    MYL_TRY(open_socket(cx, path.at, (struct sockaddr *)&address, sizeof(address), &listener->fd));
    if (chmod(address.sun_path, (mode_t)listener->config->unix_mode) != 0)
        return bad_listener(cx, path.at, "cannot set its mode");
    return MYL_OK;
}

myl_rc myl_http_listen_bind(myl_ctx *cx, http_listener *listener)
{
    const myl_config_listener *config = listener->config;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[16];

    if (myl_str_present(config->unix_path))
        return bind_unix(cx, listener);
    snprintf(port, sizeof(port), "%d", (int)config->port);
    if (getaddrinfo(config->address.at, port, &hints, &found) != 0)
        return myl_fail(cx, MYL_BAD_CONFIG, "listener %s: not an address", config->address.at);
    const char *where = myl_cstr(cx, myl_strf(cx, "%s:%s", config->address.at, port));
    myl_rc rc = open_socket(cx, where, found->ai_addr, found->ai_addrlen, &listener->fd);
    freeaddrinfo(found);
    return rc;
}

static void free_tls(void *whole)
{
    http_tls *tls = whole;

    myl_tls_drop(tls->context);
    myl_process_free(tls);
}

myl_rc myl_http_listen_tls(myl_ctx *cx, const http_listener *listener, http_tls **out)
{
    const myl_config_listener *config = listener->config;
    struct ssl_ctx_st *context;

    *out = NULL;
    if (!myl_str_present(config->tls_certificate))
        return MYL_OK;
    MYL_TRY(
        myl_tls_server(cx, config->tls_certificate.at, config->tls_private_key.at, true, &context));
    *out = myl_process_alloc(sizeof(**out));
    (*out)->context = context;
    myl_shared_start(&(*out)->shared, free_tls);
    return MYL_OK;
}

/* ---- accepting ---- */

typedef struct {
    http_mail mail;
    const http_listener *listener;
    http_tls *tls;
    int fd;
} arrival;

static void take_over(void *at, http_mail *mail)
{
    http_loop *loop = at;
    arrival *one = MYL_OF(mail, arrival, mail);

    myl_http_conn_adopt(loop, one->listener, one->tls, one->fd);
    myl_process_free(one);
}

static http_loop *emptiest(myl_http *http)
{
    http_loop *found = &http->loops[0];

    for (size_t i = 1; i < http->loop_count; i++) {
        if (atomic_load(&http->loops[i].conn_count) < atomic_load(&found->conn_count))
            found = &http->loops[i];
    }
    return found;
}

static void hand_over(http_listener *listener, int fd)
{
    http_loop *loop = emptiest(listener->http);

    if (listener->tls != NULL)
        myl_shared_ref(&listener->tls->shared);
    atomic_fetch_add(&loop->conn_count, 1);
    if (loop->number == 0) {
        myl_http_conn_adopt(loop, listener, listener->tls, fd);
        return;
    }
    arrival *one = myl_process_alloc(sizeof(*one));
    one->mail.deliver = take_over;
    one->listener = listener;
    one->tls = listener->tls;
    one->fd = fd;
    myl_http_mail_put(&loop->mailbox, &one->mail);
}

static void on_arrival(h2o_socket_t *sock, const char *err)
{
    http_listener *listener = sock->data;
    myl_http *http = listener->http;

    MYL_UNUSED(err);
    for (int i = 0; i < ACCEPTS; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
            h2o_socket_read_stop(sock); /* until the next sweep */
            return;
        }
        if (fd < 0)
            return;
        if (atomic_fetch_add(&http->connections, 1) < (size_t)http->config->http_max_connections) {
            hand_over(listener, fd);
        } else {
            atomic_fetch_sub(&http->connections, 1);
            myl_metric_add(MYL_METRIC_HTTP_ENDED, 1);
            close(fd);
        }
    }
}

void myl_http_listen_start(http_loop *loop)
{
    myl_http *http = loop->http;

    for (size_t i = 0; i < http->listener_count; i++) {
        http_listener *listener = &http->listeners[i];
        listener->sock = h2o_evloop_socket_create(loop->events, listener->fd, 0);
        listener->sock->data = listener;
        h2o_socket_dont_read(listener->sock, 1);
        h2o_socket_read_start(listener->sock, on_arrival);
    }
}

void myl_http_listen_again(http_loop *loop)
{
    myl_http *http = loop->http;

    for (size_t i = 0; i < http->listener_count; i++) {
        h2o_socket_t *sock = http->listeners[i].sock;
        if (sock != NULL && !h2o_socket_is_reading(sock))
            h2o_socket_read_start(sock, on_arrival);
    }
}

void myl_http_listen_stop(http_loop *loop)
{
    myl_http *http = loop->http;

    for (size_t i = 0; i < http->listener_count; i++) {
        http_listener *listener = &http->listeners[i];
        if (listener->sock != NULL)
            h2o_socket_close(listener->sock);
        listener->sock = NULL;
        if (myl_str_present(listener->config->unix_path))
            unlink(listener->config->unix_path.at);
    }
}
