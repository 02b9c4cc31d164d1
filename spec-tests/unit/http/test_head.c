/* test_head.c: what an HTTP/1 head may look like.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/http_test.h"

#include <stdio.h>

#include <myelin/base_limit.h>

#include "http/head.h"

typedef struct {
    const char *name, *bytes;
    int status; /* 0: whole */
} head_case;

#define HEAD "GET /x HTTP/1.1\r\nHost: a\r\n"

static const head_case heads[] = {
    {"plain", HEAD "\r\n", 0},
    {"one empty line before", "\r\n" HEAD "\r\n", 0},
    {"no fields", "GET / HTTP/1.0\r\n\r\n", 0},
    {"empty value", HEAD "A:\r\n\r\n", 0},
    {"tab in a value", HEAD "A: b\tc\r\n\r\n", 0},
    {"bytes above ASCII in a value", HEAD "A: \xc3\xa9\r\n\r\n", 0},
    {"same length twice", HEAD "Content-Length: 3\r\ncontent-length: 3\r\n\r\n", 0},
    {"length behind blanks", HEAD "Content-Length:  \t3\r\n\r\n", 0},
    {"length before a blank", HEAD "Content-Length: 3 \r\n\r\n", 400}, /* h2o refuses it */
    {"expect", HEAD "Expect: 100-Continue\r\n\r\n", 0},
    {"chunked", HEAD "Transfer-Encoding: Chunked\r\n\r\n", 0},
    {"two lengths differ", HEAD "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
    {"two lengths in one field", HEAD "Content-Length: 3, 3\r\n\r\n", 400},
    {"length with a sign", HEAD "Content-Length: +3\r\n\r\n", 400},
    {"negative length", HEAD "Content-Length: -3\r\n\r\n", 400},
    {"hexadecimal length", HEAD "Content-Length: 0x3\r\n\r\n", 400},
    {"empty length", HEAD "Content-Length:\r\n\r\n", 400},
    {"overlong length", HEAD "Content-Length: 99999999999999999999\r\n\r\n", 400},
    {"length and chunked", HEAD "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"chunked and length", HEAD "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400},
    {"chunked twice", HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"gzip, chunked", HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n", 400},
    {"identity", HEAD "Transfer-Encoding: identity\r\n\r\n", 400},
    {"chunked in HTTP/1.0", "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"two hosts", HEAD "host: b\r\n\r\n", 400},
    {"folded line", HEAD "A: b\r\n c\r\n\r\n", 400},
    {"blank before the colon", HEAD "Content-Length : 3\r\n\r\n", 400},
    {"no colon", HEAD "A\r\n\r\n", 400},
    {"no name", HEAD ": b\r\n\r\n", 400},
    {"bare LF in a value", HEAD "A: b\nContent-Length: 3\r\n\r\n", 400},
    {"bare CR in a value", HEAD "A: b\rc\r\n\r\n", 400},
    {"other expectation", HEAD "Expect: gold\r\n\r\n", 417},
    {"HTTP/2 in text", "GET / HTTP/2.0\r\n\r\n", 400},
    {"HTTP/0.9", "GET /\r\n\r\n", 400},
    {"no target", "GET  HTTP/1.1\r\n\r\n", 400},
    {"blank in the target", "GET /a b HTTP/1.1\r\n\r\n", 400},
    {"lower-case protocol", "GET / http/1.1\r\n\r\n", 400},
    {"TLS", "\x16\x03\x01", 400},
    {"nothing but an empty line", "\r\n\r\n", 400},
};

static void judges_heads(void **state)
{
    MYL_UNUSED(state);
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        http_head head;
        http_head_state got = myl_http_head_read(myl_str_of(heads[i].bytes), 0, &head);
        int status = got == HTTP_HEAD_REFUSED ? head.status : 0;
        if (got == HTTP_HEAD_PARTIAL || status != heads[i].status)
            fail_msg("%s: state %d status %d (%s)", heads[i].name, got, status, head.reason);
    }
}

static void tells_what_it_read(void **state)
{
    static const char bytes[] = "PUT /a?b=c HTTP/1.1\r\nContent-Length: 17\r\n\r\nbody";
    http_head head;

    MYL_UNUSED(state);
    assert_int_equal(myl_http_head_read(myl_str_of(bytes), 0, &head), HTTP_HEAD_WHOLE);
    assert_text_equal(head.method, "PUT");
    assert_text_equal(head.target, "/a?b=c");
    assert_true(head.has_body && !head.chunked);
    assert_int_equal(head.length, 17);
    assert_int_equal(head.bytes, sizeof(bytes) - 1 - 4);
    assert_int_equal(myl_http_head_read(MYL_S(HEAD "\r\n"), 0, &head), HTTP_HEAD_WHOLE);
    assert_false(head.has_body);
}

/* However it is cut into reads, it is whole at the same byte. */
static void grows_byte_by_byte(void **state)
{
    static const char bytes[] = HEAD "A: b\r\nC: d\r\n\r\n";
    size_t len = sizeof(bytes) - 1;
    http_head head;

    MYL_UNUSED(state);
    for (size_t i = 1; i < len; i++)
        assert_int_equal(myl_http_head_read((myl_str){bytes, i}, i - 1, &head), HTTP_HEAD_PARTIAL);
    assert_int_equal(myl_http_head_read((myl_str){bytes, len}, len - 1, &head), HTTP_HEAD_WHOLE);
    assert_int_equal(head.bytes, len);
}

/* A request with `fields` fields of `size` bytes each. */
static http_head_state read_large(size_t fields, size_t size, http_head *head)
{
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_text text = myl_text_start(&cx, 64);
    myl_text_add(&text, MYL_S("GET / HTTP/1.1\r\n"));
    for (size_t i = 0; i < fields; i++) {
        myl_text_addf(&text, "a%zu: ", i);
        memset(myl_text_reserve(&text, size), 'x', size);
        myl_text_add(&text, MYL_S("\r\n"));
    }
    myl_text_add(&text, MYL_S("\r\n"));
    http_head_state got = myl_http_head_read(myl_text_str(&text), 0, head);
    myl_ctx_end(&cx);
    return got;
}

static void holds_to_limits(void **state)
{
    http_head head;

    MYL_UNUSED(state);
    assert_int_equal(read_large(MYL_LIMIT_HTTP_HEADER_FIELDS, 10, &head), HTTP_HEAD_WHOLE);
    assert_int_equal(read_large(MYL_LIMIT_HTTP_HEADER_FIELDS + 1, 10, &head), HTTP_HEAD_REFUSED);
    assert_int_equal(head.status, 431);
    assert_int_equal(read_large(1, MYL_LIMIT_HTTP_HEADER_BYTES - 64, &head), HTTP_HEAD_WHOLE);
    assert_int_equal(read_large(1, MYL_LIMIT_HTTP_HEADER_BYTES, &head), HTTP_HEAD_REFUSED);
    assert_int_equal(head.status, 431);
}

static void holds_the_path_to_its_limit(void **state)
{
    static char bytes[MYL_LIMIT_HTTP_PATH_BYTES + 64];
    http_head head;

    MYL_UNUSED(state);
    int len =
        snprintf(bytes, sizeof(bytes), "GET /%0*d HTTP/1.1\r\n\r\n", MYL_LIMIT_HTTP_PATH_BYTES, 0);
    assert_int_equal(myl_http_head_read((myl_str){bytes, (size_t)len}, 0, &head),
                     HTTP_HEAD_REFUSED);
    assert_int_equal(head.status, 414);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_heads),
        cmocka_unit_test(tells_what_it_read),
        cmocka_unit_test(grows_byte_by_byte),
        cmocka_unit_test(holds_to_limits),
        cmocka_unit_test(holds_the_path_to_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
