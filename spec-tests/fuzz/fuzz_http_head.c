/* fuzz_http_head.c: any bytes as the head of an HTTP/1 request, beside h2o's own parser.
 *
 * Holds:   what ours takes for whole, h2o's parser reads with the same length, method, target and
 *          body framing; cut anywhere, it is partial until its last byte.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <myelin/base_limit.h>

#include "http/head.h"

/* libh2o's copy of picohttpparser. */
struct phr_header {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};
int phr_parse_request(const char *bytes, size_t len, const char **method, size_t *method_len,
                      const char **path, size_t *path_len, int *minor, struct phr_header *headers,
                      size_t *count, size_t last_len);

static void demand(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static bool is_named(const struct phr_header *header, const char *name)
{
    return header->name_len == strlen(name) &&
           strncasecmp(header->name, name, header->name_len) == 0;
}

static void check_framing(const http_head *head, const struct phr_header *headers, size_t count)
{
    bool has_length = false;
    bool chunked = false;

    for (size_t i = 0; i < count; i++) {
        demand(headers[i].name != NULL, "h2o sees a folded line");
        if (is_named(&headers[i], "content-length")) {
            int64_t length;
            demand(myl_str_to_int((myl_str){headers[i].value, headers[i].value_len}, &length) &&
                       (uint64_t)length == head->length,
                   "another length");
            has_length = true;
        }
        chunked = chunked || is_named(&headers[i], "transfer-encoding");
    }
    demand(chunked == head->chunked, "chunked or not");
    demand(!(chunked && has_length), "two framings");
    demand(head->has_body == (chunked || has_length), "a body or none");
}

static void compare(myl_str bytes, const http_head *head)
{
    struct phr_header headers[MYL_LIMIT_HTTP_HEADER_FIELDS];
    size_t count = MYL_LIMIT_HTTP_HEADER_FIELDS;
    myl_str method;
    myl_str path;
    int minor;
    int got = phr_parse_request(bytes.at, bytes.len, &method.at, &method.len, &path.at, &path.len,
                                &minor, headers, &count, 0);

    demand(got > 0 && (size_t)got == head->bytes, "another length of the head");
    demand(myl_str_equal(method, head->method), "another method");
    demand(myl_str_equal(path, head->target), "another target");
    check_framing(head, headers, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    myl_str bytes = {(const char *)data, size};
    http_head head;
    http_head cut;

    if (myl_http_head_read(bytes, 0, &head) != HTTP_HEAD_WHOLE)
        return 0;
    demand(head.bytes <= size, "longer than the input");
    compare(bytes, &head);
    for (size_t len = 1; len < head.bytes; len++) {
        myl_str part = {bytes.at, len};
        demand(myl_http_head_read(part, len - 1, &cut) == HTTP_HEAD_PARTIAL, "whole too early");
    }
    return 0;
}
