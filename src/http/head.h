/* head.h: the head of an HTTP/1 request, checked before h2o parses it. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_HTTP_HEAD_OWN_H
#define MYELIN_HTTP_HEAD_OWN_H

#include <myelin/base_ctx.h>

typedef enum { HTTP_HEAD_PARTIAL, HTTP_HEAD_WHOLE, HTTP_HEAD_REFUSED } http_head_state;

typedef struct {
    size_t bytes; /* with the empty line at its end */
    myl_str method;
    myl_str target;
    bool has_body; /* one of the next two says so */
    bool chunked;
    uint64_t length; /* Content-Length */
    int status;      /* when refused: what to answer, and why */
    const char *reason;
} http_head;

/* Reads the head at the front of `bytes`. `seen`: how many of them were there at the last call (0
 * at first); the head is not read before its end is there, so slow senders cost nothing. At most
 * HTTP_HEADER_BYTES and HTTP_HEADER_FIELDS. Refused is what RFC 9112 forbids and what two readers
 * may understand in two ways: differing or odd Content-Length, Content-Length with Transfer-
 * Encoding, folded lines, blanks before a colon, bare CR or LF, two Host fields. */
http_head_state myl_http_head_read(myl_str bytes, size_t seen, http_head *out);

#endif
