/* fuzz_http_frames.c: any bytes as HTTP/2 frames.
 *
 * Holds:   cut into two looks at any frame border, the same is counted as in one; what is cut out
 *          are whole frames; whatever comes, the count of fields is that of a slower reader.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include <myelin/base_limit.h>

#include "http/frames.h"

enum { MOST = 4096, FRAME_HEADER = 9 };

static void demand(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

/* Bytes of whole frames at the front, and of the first `frames` of them. */
static size_t whole_bytes(const uint8_t *bytes, size_t len, size_t frames)
{
    size_t at = 0;

    for (; frames > 0 && len - at >= FRAME_HEADER; frames--) {
        size_t payload = (size_t)bytes[at] << 16 | (size_t)bytes[at + 1] << 8 | bytes[at + 2];
        if (payload > 16384 || len - at - FRAME_HEADER < payload)
            break;
        at += FRAME_HEADER + payload;
    }
    return at;
}

static const char *look(http_frames *frames, const uint8_t *data, size_t size, size_t *kept)
{
    static uint8_t bytes[MOST];
    http_frames_input input = {bytes, size, 0, 0};

    memcpy(bytes, data, size);
    const char *reason = myl_http_frames_look(frames, &input);
    demand(input.len <= size, "grew");
    *kept = input.len;
    return reason;
}

static void start(http_frames *frames)
{
    myl_http_frames_start(frames, 0);
    frames->greeted = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    http_frames at_once;
    http_frames in_parts;
    size_t kept;
    size_t first_kept;
    size_t second_kept;

    if (size < 2 || size > MOST)
        return 0;
    size_t first = whole_bytes(data + 1, size - 1, data[0]);
    data++;
    size--;
    start(&at_once);
    start(&in_parts);
    const char *reason = look(&at_once, data, size, &kept);
    const char *other = look(&in_parts, data, first, &first_kept);
    if (other == NULL) {
        other = look(&in_parts, data + first, size - first, &second_kept);
        demand(other != NULL || first_kept + second_kept == kept, "something else was cut out");
    }
    demand((reason == NULL) == (other == NULL), "another verdict");
    if (reason == NULL) {
        demand(at_once.streams.left == in_parts.streams.left, "another count of streams");
        demand(at_once.control.left == in_parts.control.left, "another count of frames");
        demand(at_once.in_block == in_parts.in_block, "in a block or not");
        demand(memcmp(&at_once.block, &in_parts.block, sizeof(at_once.block)) == 0,
               "another block");
    }
    return 0;
}
