/* head.c: the head of an HTTP/1 request, checked before h2o parses it.
 *
 * Why:     h2o 2.2.5 takes the first of two differing Content-Length fields, joins folded lines,
 *          keeps 400 KiB of header, and answers what it cannot parse in plain text without CORS. So
 *          it only ever sees heads that passed here; and the body's limit is known before the body
 *          comes.
 * Callers: the read hook of conn.c. Threads: any; pure.
 * Holds:   whatever passes here, h2o's parser accepts and reads in the same way.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/head.h"

#include <strings.h>

#include <myelin/base_limit.h>

typedef struct {
    const char *at;
    const char *end; /* behind the last header line's CR LF */
    http_head *out;
    size_t hosts;
    size_t encodings;
    bool has_length;
    bool is_old; /* HTTP/1.0 */
} reader;

static http_head_state refuse(http_head *out, int status, const char *reason)
{
    out->status = status;
    out->reason = reason;
    return HTTP_HEAD_REFUSED;
}

static bool bad(reader *r, int status, const char *reason)
{
    refuse(r->out, status, reason);
    return false;
}

static bool is_token_char(unsigned char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

/* The token at r->at, which moves behind it; empty when there is none. */
static myl_str take_token(reader *r)
{
    const char *from = r->at;

    while (r->at < r->end && is_token_char((unsigned char)*r->at))
        r->at++;
    return (myl_str){from, (size_t)(r->at - from)};
}

static bool take_literal(reader *r, const char *literal)
{
    size_t len = strlen(literal);

    if ((size_t)(r->end - r->at) < len || memcmp(r->at, literal, len) != 0)
        return false;
    r->at += len;
    return true;
}

static bool read_request_line(reader *r)
{
    r->out->method = take_token(r);
    if (r->out->method.len == 0 || !take_literal(r, " "))
        return bad(r, 400, "the method is not a token");
    const char *from = r->at;
    while (r->at < r->end && (unsigned char)*r->at > ' ' && *r->at != 0x7f)
        r->at++;
    r->out->target = (myl_str){from, (size_t)(r->at - from)};
    if (r->out->target.len == 0)
        return bad(r, 400, "the request has no target");
    if (r->out->target.len > MYL_LIMIT_HTTP_PATH_BYTES)
        return bad(r, 414, "the path is too long");
    if (take_literal(r, " HTTP/1.1\r\n"))
        return true;
    r->is_old = take_literal(r, " HTTP/1.0\r\n");
    return r->is_old || bad(r, 400, "the request line does not end in HTTP/1.1");
}

static bool is_named(myl_str name, const char *wanted)
{
    return name.len == strlen(wanted) && strncasecmp(name.at, wanted, name.len) == 0;
}

static bool note_length(reader *r, myl_str value)
{
    int64_t length;

    if (value.len > 18 || memchr(value.at, '-', value.len) != NULL ||
        !myl_str_to_int(value, &length))
        return bad(r, 400, "Content-Length is not a number");
    if (r->has_length && r->out->length != (uint64_t)length)
        return bad(r, 400, "two Content-Length fields differ");
    r->has_length = true;
    r->out->length = (uint64_t)length;
    return true;
}

static bool note_field(reader *r, myl_str name, myl_str value)
{
    if (is_named(name, "content-length"))
        return note_length(r, value);
    if (is_named(name, "host") && r->hosts++ > 0)
        return bad(r, 400, "two Host fields");
    if (is_named(name, "transfer-encoding")) {
        if (r->encodings++ > 0 || !is_named(value, "chunked"))
            return bad(r, 400, "Transfer-Encoding is not exactly chunked");
        r->out->chunked = true;
    }
    if (is_named(name, "expect") && !is_named(value, "100-continue"))
        return bad(r, 417, "Expect is not 100-continue");
    return true;
}

/* name ":" blanks value CR LF; h2o, too, leaves blanks at the value's end. */
static bool read_field(reader *r)
{
    myl_str name = take_token(r);

    if (name.len == 0 || !take_literal(r, ":"))
        return bad(r, 400, "a header line is not name: value");
    while (*r->at == ' ' || *r->at == '\t')
        r->at++;
    const char *from = r->at;
    while ((unsigned char)*r->at >= ' ' || *r->at == '\t') {
        if (*r->at == 0x7f)
            break;
        r->at++;
    }
    const char *to = r->at;
    if (!take_literal(r, "\r\n"))
        return bad(r, 400, "a header value holds a control character");
    return note_field(r, name, (myl_str){from, (size_t)(to - from)});
}

static bool read_fields(reader *r)
{
    for (size_t count = 0; r->at < r->end; count++) {
        if (count == MYL_LIMIT_HTTP_HEADER_FIELDS)
            return bad(r, 431, "too many header fields");
        if (!read_field(r))
            return false;
    }
    if (r->out->chunked && r->has_length)
        return bad(r, 400, "both Content-Length and Transfer-Encoding");
    if (r->out->chunked && r->is_old)
        return bad(r, 400, "Transfer-Encoding in HTTP/1.0");
    r->out->has_body = r->out->chunked || r->has_length;
    return true;
}

/* Is the first byte one that a request can begin with? Tells TLS and other noise at once. */
static bool begins_well(myl_str bytes)
{
    return is_token_char((unsigned char)bytes.at[0]) || bytes.at[0] == '\r';
}

http_head_state myl_http_head_read(myl_str bytes, size_t seen, http_head *out)
{
    memset(out, 0, sizeof(*out));
    if (bytes.len == 0)
        return HTTP_HEAD_PARTIAL;
    if (!begins_well(bytes))
        return refuse(out, 400, "this is not HTTP");
    size_t from = seen < 3 ? 0 : seen - 3;
    const char *blank = memmem(bytes.at + from, bytes.len - from, "\r\n\r\n", 4);
    if (blank == NULL || (size_t)(blank - bytes.at) > MYL_LIMIT_HTTP_HEADER_BYTES) {
        if (bytes.len > MYL_LIMIT_HTTP_HEADER_BYTES)
            return refuse(out, 431, "the header is too large");
        return HTTP_HEAD_PARTIAL;
    }
    reader r = {.at = bytes.at, .end = blank + 2, .out = out};
    take_literal(&r, "\r\n"); /* one empty line before a request is allowed */
    out->bytes = (size_t)(blank + 4 - bytes.at);
    if (r.at >= r.end || !read_request_line(&r) || !read_fields(&r)) {
        if (out->reason == NULL)
            return refuse(out, 400, "an empty request");
        return HTTP_HEAD_REFUSED;
    }
    return HTTP_HEAD_WHOLE;
}
