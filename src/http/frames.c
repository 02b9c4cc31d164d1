/* frames.c: HTTP/2 frames counted before h2o acts on them.
 *
 * Why:     h2o 2.2.5 has no answer to streams that are opened and reset at once, to endless empty
 *          CONTINUATION, SETTINGS, PING or PRIORITY frames, and to header blocks of many tiny
 *          fields. It also prints a line for each frame type that it does not know; such frames are
 *          cut out.
 * Callers: the read hook of conn.c, with everything that h2o is about to parse. Threads: any; pure.
 * Holds:   h2o consumes exactly the whole frames, so every frame is seen here once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/frames.h"

#include <myelin/base_limit.h>

enum { FRAME_HEADER = 9, PREFACE = 24, LARGEST_FRAME = 16384, TINY_DATA = 64 };
enum {
    DATA = 0,
    HEADERS = 1,
    CONTINUATION = 9
}; /* the types that are looked into; the last one known */
enum { END_STREAM = 0x1, END_HEADERS = 0x4, PADDED = 0x8, HAS_PRIORITY = 0x20 };

typedef struct {
    uint8_t type;
    uint8_t flags;
    const uint8_t *payload;
    size_t len;
} frame;

/* ---- supplies ---- */

static void fill(http_supply *supply, int64_t now_ms, int64_t per_second, int64_t most)
{
    if (now_ms > supply->filled_ms) {
        supply->left += (now_ms - supply->filled_ms) * per_second;
        supply->filled_ms = now_ms;
    }
    if (supply->left > most * 1000)
        supply->left = most * 1000;
}

static bool take(http_supply *supply)
{
    supply->left -= 1000;
    return supply->left >= 0;
}

void myl_http_frames_start(http_frames *frames, int64_t now_ms)
{
    memset(frames, 0, sizeof(*frames));
    frames->streams = (http_supply){MYL_LIMIT_H2_STREAMS * 1000, now_ms};
    frames->control = (http_supply){MYL_LIMIT_H2_CONTROL * 1000, now_ms};
}

void myl_http_frames_answered(http_frames *frames)
{
    frames->streams.left += 1000;
    if (frames->streams.left > MYL_LIMIT_H2_STREAMS * 1000)
        frames->streams.left = MYL_LIMIT_H2_STREAMS * 1000;
}

/* ---- header blocks: fields are counted without decoding them (RFC 7541, section 6) ---- */

enum { AT_FIELD, IN_INDEX, AT_STRING, IN_LENGTH, IN_STRING };

static void after_index(http_block *block)
{
    block->state = block->strings > 0 ? AT_STRING : AT_FIELD;
}

static void at_field(http_block *block, uint8_t byte)
{
    uint8_t mask;

    block->fields++;
    if ((byte & 0x80) != 0) {
        mask = 0x7f;
        block->strings = 0;
    } else if ((byte & 0xe0) == 0x20) {
        mask = 0x1f;
        block->strings = 0;
    } else {
        mask = (byte & 0x40) != 0 ? 0x3f : 0x0f;
        block->strings = (byte & mask) == 0 ? 2 : 1;
    }
    if ((byte & mask) == mask)
        block->state = IN_INDEX;
    else
        after_index(block);
}

static void after_length(http_block *block)
{
    block->strings--;
    if (block->length > 0)
        block->state = IN_STRING;
    else
        after_index(block);
}

static void at_string(http_block *block, uint8_t byte)
{
    block->length = byte & 0x7f;
    block->shift = 0;
    if (block->length == 0x7f)
        block->state = IN_LENGTH;
    else
        after_length(block);
}

static bool in_length(http_block *block, uint8_t byte)
{
    if (block->shift > 21)
        return false;
    block->length += (uint32_t)(byte & 0x7f) << block->shift;
    block->shift = (uint8_t)(block->shift + 7);
    if ((byte & 0x80) == 0)
        after_length(block);
    return true;
}

static const char *read_block(http_block *block, const uint8_t *bytes, size_t len)
{
    block->bytes += (uint32_t)len;
    if (block->bytes > MYL_LIMIT_HTTP_HEADER_BYTES)
        return "the header is too large";
    for (size_t i = 0; i < len; i++) {
        switch (block->state) {
        case AT_FIELD: at_field(block, bytes[i]); break;
        case IN_INDEX:
            if ((bytes[i] & 0x80) == 0)
                after_index(block);
            break;
        case AT_STRING: at_string(block, bytes[i]); break;
        case IN_LENGTH:
            if (!in_length(block, bytes[i]))
                return "a header field is too long";
            break;
        case IN_STRING:
            if (--block->length == 0)
                after_index(block);
            break;
        }
        if (block->fields > MYL_LIMIT_HTTP_HEADER_FIELDS)
            return "too many header fields";
    }
    return NULL;
}

/* ---- frames ---- */

static const char *look_at_headers(http_frames *frames, const frame *one)
{
    size_t skip =
        ((one->flags & PADDED) != 0 ? 1u : 0u) + ((one->flags & HAS_PRIORITY) != 0 ? 5u : 0u);
    size_t padding = (one->flags & PADDED) != 0 && one->len > 0 ? one->payload[0] : 0;

    if (!take(&frames->streams))
        return "too many streams without an answer";
    if ((one->flags & END_STREAM) == 0)
        frames->has_body = true;
    frames->block = (http_block){.state = AT_FIELD};
    frames->in_block = (one->flags & END_HEADERS) == 0;
    if (one->len < skip + padding)
        return NULL; /* h2o refuses it */
    return read_block(&frames->block, one->payload + skip, one->len - skip - padding);
}

static const char *look_at_continuation(http_frames *frames, const frame *one)
{
    if (!frames->in_block)
        return "CONTINUATION without HEADERS";
    if (one->len == 0 && !take(&frames->control))
        return "a flood of empty CONTINUATION frames";
    frames->in_block = (one->flags & END_HEADERS) == 0;
    return read_block(&frames->block, one->payload, one->len);
}

static const char *look_at_data(http_frames *frames, const frame *one)
{
    frames->has_body = true;
    if (one->len < TINY_DATA && (one->flags & END_STREAM) == 0 && !take(&frames->control))
        return "a flood of tiny DATA frames";
    return NULL;
}

static const char *look_at(http_frames *frames, const frame *one)
{
    switch (one->type) {
    case DATA: return look_at_data(frames, one);
    case HEADERS: return look_at_headers(frames, one);
    case CONTINUATION: return look_at_continuation(frames, one);
    default: return take(&frames->control) ? NULL : "a flood of control frames";
    }
}

/* A reader of large replies sends many window updates: they are paid for by what it was sent. */
static void credit_writes(http_frames *frames, uint64_t written)
{
    uint64_t units = (written - frames->credited) / MYL_LIMIT_H2_WINDOW_BYTES;

    frames->credited += units * MYL_LIMIT_H2_WINDOW_BYTES;
    if (units > MYL_LIMIT_H2_CONTROL)
        units = MYL_LIMIT_H2_CONTROL;
    frames->control.left += (int64_t)units * 1000;
}

/* The frame at `from`; false when it is not there as a whole. */
static bool frame_at(const http_frames_input *input, size_t from, frame *out)
{
    const uint8_t *head = input->bytes + from;

    if (input->len - from < FRAME_HEADER)
        return false;
    out->len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
    out->type = head[3];
    out->flags = head[4];
    out->payload = head + FRAME_HEADER;
    return out->len <= LARGEST_FRAME && input->len - from - FRAME_HEADER >= out->len;
}

const char *myl_http_frames_look(http_frames *frames, http_frames_input *input)
{
    const char *reason = NULL;
    size_t from = 0;
    frame one;

    if (!frames->greeted) {
        if (input->len < PREFACE)
            return NULL;
        frames->greeted = true;
        from = PREFACE;
    }
    fill(&frames->streams, input->now_ms, MYL_LIMIT_H2_STREAMS_REFILL, MYL_LIMIT_H2_STREAMS);
    fill(&frames->control, input->now_ms, MYL_LIMIT_H2_CONTROL_REFILL, MYL_LIMIT_H2_CONTROL);
    credit_writes(frames, input->written);
    while (reason == NULL && frame_at(input, from, &one)) {
        size_t whole = FRAME_HEADER + one.len;
        reason = look_at(frames, &one);
        if (one.type > CONTINUATION && !frames->in_block) {
            input->len -= whole;
            memmove(input->bytes + from, input->bytes + from + whole, input->len - from);
        } else {
            from += whole;
        }
    }
    return reason;
}
