/* json_writer.h: replies written front to back, commas and nesting kept by the writer.
 *
 *   myl_writer w = myl_write_start(cx, 256);
 *   myl_write_open(&w, '{');
 *   myl_write_str(&w, "user_id", user);      key NULL inside arrays
 *   myl_write_raw(&w, "event", bytes);   bytes that are JSON already are spliced, not parsed
 *   myl_write_close(&w, '}');
 *   myl_str body = myl_write_done(&w);       asserts that all is closed
 * Threads: belongs to its job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_JSON_WRITER_H
#define MYELIN_JSON_WRITER_H

#include <myelin/json_value.h>

typedef struct {
    myl_text text;
    uint32_t depth;
    bool comma; /* the next value needs one */
} myl_writer;

myl_writer myl_write_start(myl_ctx *cx, size_t room);
/* bracket '{' or '['; key NULL at the top and in arrays. */
void myl_write_open(myl_writer *w, char bracket);
void myl_write_open_key(myl_writer *w, const char *key, char bracket);
void myl_write_open_str(myl_writer *w, myl_str key, char bracket); /* foreign key, escaped */
void myl_write_close(myl_writer *w, char bracket);
/* Of an absent value it writes nothing. */
void myl_write_str(myl_writer *w, const char *key, myl_str value);
void myl_write_int(myl_writer *w, const char *key, int64_t value);
void myl_write_bool(myl_writer *w, const char *key, bool value);
void myl_write_null(myl_writer *w, const char *key);
void myl_write_json(myl_writer *w, const char *key, const myl_json *value);
void myl_write_raw(myl_writer *w, const char *key, myl_str json);
/* Member with a foreign key and ready JSON. */
void myl_write_member(myl_writer *w, myl_str key, myl_str json);
void myl_write_member_int(myl_writer *w, myl_str key, int64_t value);
myl_str myl_write_done(myl_writer *w);

#endif
