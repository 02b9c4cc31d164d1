/* test_frames.c: which HTTP/2 input ends a connection, and which does not.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/http_test.h"

#include <myelin/base_limit.h>

#include "http/frames.h"

enum {
    DATA,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    PUSH_PROMISE,
    PING,
    GOAWAY,
    WINDOW_UPDATE,
    CONTINUATION
};
enum { END_STREAM = 1, END_HEADERS = 4, PADDED = 8, HAS_PRIORITY = 0x20 };

typedef struct {
    http_frames frames;
    uint8_t bytes[65536];
    size_t len;
    int64_t now_ms;
    uint64_t written;
    uint32_t stream;
} peer;

static void greet(peer *p)
{
    memset(p, 0, sizeof(*p));
    p->stream = 1;
    myl_http_frames_start(&p->frames, 0);
    memcpy(p->bytes, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    p->len = 24;
}

static void put(peer *p, uint8_t type, uint8_t flags, const void *payload, size_t len)
{
    uint8_t head[9] = {
        (uint8_t)(len >> 16),      (uint8_t)(len >> 8), (uint8_t)len, type, flags, 0, 0,
        (uint8_t)(p->stream >> 8), (uint8_t)p->stream};
    assert_true(p->len + sizeof(head) + len <= sizeof(p->bytes));
    memcpy(p->bytes + p->len, head, sizeof(head));
    if (len > 0)
        memcpy(p->bytes + p->len + sizeof(head), payload, len);
    p->len += sizeof(head) + len;
}

/* Looks at all that was put, and takes it as consumed. */
static const char *look(peer *p)
{
    http_frames_input input = {p->bytes, p->len, p->now_ms, p->written};
    const char *reason = myl_http_frames_look(&p->frames, &input);
    p->len = 0;
    return reason;
}

static const uint8_t get[] = {0x82, 0x84, 0x86, 0x41, 0x01, 'a'}; /* GET / http, :authority a */

static void ask(peer *p)
{
    put(p, HEADERS, END_STREAM | END_HEADERS, get, sizeof(get));
    p->stream += 2;
}

static void ordinary_traffic_passes(void **state)
{
    static peer p;

    MYL_UNUSED(state);
    greet(&p);
    put(&p, SETTINGS, 0, NULL, 0);
    for (int i = 0; i < 5000; i++) {
        ask(&p);
        assert_null(look(&p));
        assert_false(p.frames.has_body);
        myl_http_frames_answered(&p.frames);
    }
}

static void resets_run_out(void **state)
{
    static const uint8_t cancel[4] = {0, 0, 0, 8};
    static peer p;
    int count = 0;

    MYL_UNUSED(state);
    greet(&p);
    do {
        put(&p, HEADERS, END_STREAM | END_HEADERS, get, sizeof(get));
        put(&p, RST_STREAM, 0, cancel, sizeof(cancel));
        p.stream += 2;
        count++;
        assert_true(count < 1000);
    } while (look(&p) == NULL);
    assert_int_equal(count, MYL_LIMIT_H2_STREAMS + 1);
}

static void streams_come_back_with_time(void **state)
{
    static peer p;

    MYL_UNUSED(state);
    greet(&p);
    for (int i = 0; i < MYL_LIMIT_H2_STREAMS; i++) {
        ask(&p);
        assert_null(look(&p));
    }
    p.now_ms += 1000;
    for (int i = 0; i < MYL_LIMIT_H2_STREAMS_REFILL; i++) {
        ask(&p);
        assert_null(look(&p));
    }
    ask(&p);
    assert_non_null(look(&p));
}

typedef struct {
    const char *name;
    uint8_t type, flags;
    size_t len;
} flood_case;

static const flood_case floods[] = {
    {"settings", SETTINGS, 0, 0},
    {"ping", PING, 0, 8},
    {"priority", PRIORITY, 0, 5},
    {"window update", WINDOW_UPDATE, 0, 4},
    {"resets of nothing", RST_STREAM, 0, 4},
    {"empty data", DATA, 0, 0},
    {"one byte of data", DATA, 0, 1},
    {"goaway", GOAWAY, 0, 8},
};

static void floods_end(void **state)
{
    static peer p;
    static const uint8_t nothing[16];

    MYL_UNUSED(state);
    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
        int count = 0;
        greet(&p);
        do {
            put(&p, floods[i].type, floods[i].flags, nothing, floods[i].len);
            if (++count > MYL_LIMIT_H2_CONTROL + 1)
                fail_msg("%s: still there after %d", floods[i].name, count);
        } while (look(&p) == NULL);
        if (count != MYL_LIMIT_H2_CONTROL + 1)
            fail_msg("%s: ended after %d", floods[i].name, count);
    }
}

static void window_updates_are_paid_for(void **state)
{
    static const uint8_t update[4] = {0, 0, 1, 0};
    static peer p;

    MYL_UNUSED(state);
    greet(&p);
    for (int i = 0; i < 20 * MYL_LIMIT_H2_CONTROL; i++) {
        p.written += MYL_LIMIT_H2_WINDOW_BYTES;
        put(&p, WINDOW_UPDATE, 0, update, sizeof(update));
        assert_null(look(&p));
    }
}

static void continuations_end(void **state)
{
    static peer p;
    int count = 0;

    MYL_UNUSED(state);
    greet(&p);
    put(&p, HEADERS, END_STREAM, get, sizeof(get));
    assert_null(look(&p));
    do {
        put(&p, CONTINUATION, 0, NULL, 0);
        assert_true(++count <= MYL_LIMIT_H2_CONTROL + 1);
    } while (look(&p) == NULL);

    greet(&p);
    put(&p, CONTINUATION, END_HEADERS, get, sizeof(get));
    assert_non_null(look(&p)); /* without HEADERS */
}

static void header_blocks_are_counted(void **state)
{
    static uint8_t indexed[MYL_LIMIT_HTTP_HEADER_FIELDS + 1];
    static uint8_t literal[16384];
    static peer p;

    MYL_UNUSED(state);
    memset(indexed, 0x82, sizeof(indexed));
    greet(&p);
    put(&p, HEADERS, END_STREAM | END_HEADERS, indexed, sizeof(indexed) - 1);
    assert_null(look(&p));
    put(&p, HEADERS, END_STREAM | END_HEADERS, indexed, sizeof(indexed));
    assert_non_null(look(&p));

    /* one literal with a value of 16,000 bytes, cut over three frames: bytes that look like fields
     * are none */
    memset(literal, 0x82, sizeof(literal));
    static const uint8_t start[] = {0x00, 0x01, 'a',
                                    0x7f, 0x81, 0x7c}; /* 127 + 1 + 124 * 128 = 16,000 */
    memcpy(literal, start, sizeof(start));
    greet(&p);
    put(&p, HEADERS, END_STREAM, literal, 3);
    put(&p, CONTINUATION, 0, literal + 3, 2);
    put(&p, CONTINUATION, END_HEADERS, literal + 5, 1 + 16000);
    assert_null(look(&p));
    assert_int_equal(p.frames.block.fields, 1);
    assert_false(p.frames.in_block);
}

static void long_blocks_end(void **state)
{
    static uint8_t value[16384];
    static peer p;
    static const uint8_t start[] = {0x00, 0x01, 'a', 0x7f, 0xff, 0xff, 0xff, 0x0f};

    MYL_UNUSED(state);
    memcpy(value, start, sizeof(start));
    greet(&p);
    put(&p, HEADERS, END_STREAM, value, sizeof(value));
    assert_null(look(&p));
    put(&p, CONTINUATION, 0, value, sizeof(value));
    assert_null(look(&p));
    put(&p, CONTINUATION, 0, value, 1);
    assert_non_null(look(&p));
}

static void padding_and_priority_are_skipped(void **state)
{
    static const uint8_t padded[] = {2, 0, 0, 0, 0, 9, 0x82, 0x84, 0xff, 0xff};
    static peer p;

    MYL_UNUSED(state);
    greet(&p);
    put(&p, HEADERS, END_STREAM | END_HEADERS | PADDED | HAS_PRIORITY, padded, sizeof(padded));
    assert_null(look(&p));
    assert_int_equal(p.frames.block.fields, 2);
    put(&p, HEADERS, END_STREAM | END_HEADERS | PADDED, padded, 1);
    assert_null(look(&p)); /* h2o refuses it */
}

static void unknown_frames_are_cut_out(void **state)
{
    static peer p;

    MYL_UNUSED(state);
    greet(&p);
    put(&p, 16, 0, "abc", 3);
    ask(&p);
    put(&p, 77, 0, NULL, 0);
    http_frames_input input = {p.bytes, p.len, 0, 0};
    assert_null(myl_http_frames_look(&p.frames, &input));
    assert_int_equal(input.len, 24 + 9 + sizeof(get));
    assert_memory_equal(p.bytes + 24 + 9, get, sizeof(get));
}

static void parts_wait(void **state)
{
    static peer p;
    static const uint8_t body[1000];

    MYL_UNUSED(state);
    greet(&p);
    put(&p, HEADERS, END_HEADERS, get, sizeof(get));
    put(&p, DATA, END_STREAM, body, sizeof(body));
    for (size_t len = 0; len < 24 + 9; len++) {
        http_frames_input input = {p.bytes, len, 0, 0};
        assert_null(myl_http_frames_look(&p.frames, &input));
        if (len >= 24)
            break; /* the preface is consumed once */
    }
    assert_true(p.frames.greeted);
    http_frames_input rest = {p.bytes + 24, p.len - 24 - 1, 0, 0};
    assert_null(myl_http_frames_look(&p.frames, &rest));
    assert_int_equal(p.frames.streams.left, (MYL_LIMIT_H2_STREAMS - 1) * 1000);
    assert_true(p.frames.has_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_traffic_passes),
        cmocka_unit_test(resets_run_out),
        cmocka_unit_test(streams_come_back_with_time),
        cmocka_unit_test(floods_end),
        cmocka_unit_test(window_updates_are_paid_for),
        cmocka_unit_test(continuations_end),
        cmocka_unit_test(header_blocks_are_counted),
        cmocka_unit_test(long_blocks_end),
        cmocka_unit_test(padding_and_priority_are_skipped),
        cmocka_unit_test(unknown_frames_are_cut_out),
        cmocka_unit_test(parts_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
