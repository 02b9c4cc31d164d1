/* client.c: one HTTP/1.1 request over a unix socket.
 *
 * Why:     the server's own outgoing client has threads, names and certificates, of which a local socket needs none.
 * Holds:   each request has a connection of its own, closed by the server behind the answer; an answer is at most
 *          ANSWER_BYTES.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ctl/ctl_own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PIECE = 65536, ANSWER_BYTES = 512 * 1024 * 1024 };

static int no_server(const ctl_run *run, const char *what)
{
    fprintf(stderr, "myelinctl: %s: %s%s%s\n", run->socket, what, errno != 0 ? ": " : "",
            errno != 0 ? strerror(errno) : "");
    if (errno == ENOENT || errno == ECONNREFUSED)
        fputs(
            "Does the server run, and has it a trusted listener on this socket? (docs/admin.md)\n",
            stderr);
    return CTL_NO_SERVER;
}

static int connect_to(const ctl_run *run, int *out)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(run->socket);

    errno = 0;
    if (len >= sizeof(address.sun_path))
        return no_server(run, "the path is too long for a socket");
    memcpy(address.sun_path, run->socket, len);
    *out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*out < 0)
        return no_server(run, "no socket");
    if (connect(*out, (struct sockaddr *)&address, sizeof(address)) == 0)
        return CTL_OK;
    int why = errno;
    close(*out);
    errno = why;
    return no_server(run, "cannot connect");
}

static bool send_all(int fd, myl_str bytes)
{
    while (bytes.len > 0) {
        ssize_t sent = send(fd, bytes.at, bytes.len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        bytes = myl_str_slice(bytes, (size_t)sent, SIZE_MAX);
    }
    return true;
}

static bool receive_all(int fd, myl_text *out)
{
    char piece[PIECE];

    for (;;) {
        ssize_t got = recv(fd, piece, sizeof(piece), 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || out->len > ANSWER_BYTES)
            return got == 0;
        myl_text_add(out, (myl_str){piece, (size_t)got});
    }
}

/* ---- the answer ---- */

static bool is_chunked(myl_str head)
{
    static const char wanted[] = "transfer-encoding: chunked";

    for (size_t at = 0; at + sizeof(wanted) - 1 <= head.len; at++)
        if (strncasecmp(head.at + at, wanted, sizeof(wanted) - 1) == 0)
            return true;
    return false;
}

static myl_str unchunked(myl_ctx *cx, myl_str body)
{
    myl_text out = MYL_TEXT(cx);

    while (body.len > 0) {
        size_t line = myl_str_find(body, '\n', 0);
        char *end;
        size_t len = strtoul(body.at, &end, 16);

        if (line == SIZE_MAX || len == 0 || end == body.at)
            break;
        myl_text_add(&out, myl_str_slice(body, line + 1, len));
        body = myl_str_slice(body, line + 1 + len + 2, SIZE_MAX);
    }
    return myl_text_str(&out);
}

static bool read_answer(myl_ctx *cx, myl_str bytes, ctl_answer *out)
{
    const char *gap = bytes.len > 0 ? strstr(bytes.at, "\r\n\r\n") : NULL;
    int64_t status;

    if (gap == NULL || !myl_str_starts(bytes, MYL_S("HTTP/1.1 ")) ||
        !myl_str_to_int(myl_str_slice(bytes, 9, 3), &status))
        return false;
    myl_str head = {bytes.at, (size_t)(gap - bytes.at)};
    out->status = (int)status;
    out->body = myl_str_slice(bytes, head.len + 4, SIZE_MAX);
    if (is_chunked(head))
        out->body = unchunked(cx, out->body);
    if (myl_json_parse(cx, out->body, &out->json) != MYL_OK) {
        myl_forgive(cx);
        out->json = NULL;
    }
    return true;
}

int ctl_ask(ctl_run *run, const char *method, myl_str target, myl_str body, ctl_answer *out)
{
    myl_text answer = MYL_TEXT(run->cx);
    myl_str request = myl_strf(run->cx,
                               "%s %.*s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                               "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%.*s",
                               method, MYL_FMT(target), body.len, MYL_FMT(body));
    int fd;

    *out = (ctl_answer){.status = 0};
    CTL_TRY(connect_to(run, &fd));
    bool good = send_all(fd, request) && receive_all(fd, &answer);
    int why = errno;
    close(fd);
    myl_text_add_byte(&answer, '\0');
    errno = good ? 0 : why;
    if (!good || !read_answer(run->cx, (myl_str){answer.at, answer.len - 1}, out))
        return no_server(run, "the answer is not to be understood");
    return CTL_OK;
}

int ctl_call(ctl_run *run, const char *method, myl_str target, myl_str body, ctl_answer *out)
{
    CTL_TRY(ctl_ask(run, method, target, body, out));
    if (out->status / 100 == 2)
        return CTL_OK;
    myl_str words = myl_json_text(out->json, MYL_S("error"));
    myl_str code = myl_json_text(out->json, MYL_S("errcode"));
    if (run->json)
        ctl_print_json(out);
    fprintf(stderr, "myelinctl: refused: %.*s (%.*s, status %d)\n", MYL_FMT(words), MYL_FMT(code),
            out->status);
    if (out->status == 401)
        fputs("The listener of this socket is not trusted (docs/admin.md).\n", stderr);
    return CTL_REFUSED;
}

/* ---- texts ---- */

myl_str ctl_quoted(ctl_run *run, myl_str text)
{
    static const char digits[] = "0123456789ABCDEF";
    myl_text out = MYL_TEXT(run->cx);

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     c == '-' || c == '.' || c == '_' || c == '~';

        if (!plain)
            myl_text_add_byte(&out, '%');
        myl_text_add_byte(&out, plain ? (char)c : digits[c >> 4]);
        if (!plain)
            myl_text_add_byte(&out, digits[c & 15]);
    }
    return myl_text_str(&out);
}

int ctl_user_id(ctl_run *run, const char *text, myl_str *out)
{
    ctl_answer answer;

    *out = myl_str_of(text);
    if (text[0] == '@')
        return CTL_OK;
    CTL_TRY(ctl_call(run, "GET", ctl_target(run, "v1/server_version"), MYL_ABSENT, &answer));
    *out = myl_strf(run->cx, "@%s:%.*s", text,
                    MYL_FMT(myl_json_text(answer.json, MYL_S("server_name"))));
    return CTL_OK;
}
