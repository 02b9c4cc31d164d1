/* frames.h: HTTP/2 frames counted before h2o acts on them. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_HTTP_FRAMES_OWN_H
#define MYELIN_HTTP_FRAMES_OWN_H

#include <myelin/base_ctx.h>

/* A supply that runs low with each costly thing and fills again with time. */
typedef struct {
    int64_t left; /* thousandths */
    int64_t filled_ms;
} http_supply;

/* How far the reading of a header block has come: it goes on with the next frame. */
typedef struct {
    uint8_t state;
    uint8_t strings; /* still to come in this field */
    uint8_t shift;
    uint32_t length;
    uint32_t fields;
    uint32_t bytes;
} http_block;

/* One connection's; zero at first but for `streams` and `control` (myl_http_frames_start). */
typedef struct {
    bool greeted;  /* the preface has passed */
    bool in_block; /* HEADERS without END_HEADERS came last */
    bool has_body; /* set by a look that saw DATA, or HEADERS of a request with a body */
    http_block block;
    http_supply streams; /* streams opened and not answered */
    http_supply control; /* frames that carry nothing */
    uint64_t credited;   /* bytes written, as far as they have paid for window updates */
} http_frames;

void myl_http_frames_start(http_frames *frames, int64_t now_ms);
/* A stream was answered to its end: one more may be opened. */
void myl_http_frames_answered(http_frames *frames);

/* `bytes` is all input that h2o has not consumed; it begins where a frame (or the preface) does. */
typedef struct {
    uint8_t *bytes;
    size_t len; /* lowered when frames of unknown types were cut out */
    int64_t now_ms;
    uint64_t written; /* bytes sent on this connection so far */
} http_frames_input;

/* Counts the whole frames at the front, each of which h2o consumes right after. NULL, or why the
 * connection must end. */
const char *myl_http_frames_look(http_frames *frames, http_frames_input *input);

#endif
