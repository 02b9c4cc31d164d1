/* writer.c: replies written front to back; the writer keeps commas and nesting.
 *
 * Callers: handlers. Threads: belongs to its job. Memory: the text grows in the job's arena.
 * Holds:   `comma` says whether the next value follows another in the same container.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/json_writer.h>

myl_writer myl_write_start(myl_ctx *cx, size_t room)
{
    return (myl_writer){myl_text_start(cx, room), 0, false};
}

static void put_comma(myl_writer *w)
{
    if (w->comma)
        myl_text_add_byte(&w->text, ',');
    w->comma = true;
}

static void put_foreign_key(myl_writer *w, myl_str key)
{
    put_comma(w);
    myl_json_write_str(&w->text, key);
    myl_text_add_byte(&w->text, ':');
}

/* Keys in the code need no escaping. */
static void put_key(myl_writer *w, const char *key)
{
    put_comma(w);
    if (key == NULL)
        return;
    myl_text_add_byte(&w->text, '"');
    myl_text_add(&w->text, myl_str_of(key));
    myl_text_add(&w->text, MYL_S("\":"));
}

static void put_bracket(myl_writer *w, char bracket)
{
    MYL_ASSERT(bracket == '{' || bracket == '[');
    myl_text_add_byte(&w->text, bracket);
    w->depth++;
    w->comma = false;
}

void myl_write_open(myl_writer *w, char bracket)
{
    put_comma(w);
    put_bracket(w, bracket);
}

void myl_write_open_key(myl_writer *w, const char *key, char bracket)
{
    put_key(w, key);
    put_bracket(w, bracket);
}

void myl_write_open_str(myl_writer *w, myl_str key, char bracket)
{
    put_foreign_key(w, key);
    put_bracket(w, bracket);
}

void myl_write_close(myl_writer *w, char bracket)
{
    MYL_ASSERT(w->depth > 0 && (bracket == '}' || bracket == ']'));
    myl_text_add_byte(&w->text, bracket);
    w->depth--;
    w->comma = true;
}

void myl_write_str(myl_writer *w, const char *key, myl_str value)
{
    if (!myl_str_present(value))
        return;
    put_key(w, key);
    myl_json_write_str(&w->text, value);
}

void myl_write_int(myl_writer *w, const char *key, int64_t value)
{
    put_key(w, key);
    myl_text_add_int(&w->text, value);
}

void myl_write_bool(myl_writer *w, const char *key, bool value)
{
    put_key(w, key);
    myl_text_add(&w->text, value ? MYL_S("true") : MYL_S("false"));
}

void myl_write_null(myl_writer *w, const char *key)
{
    put_key(w, key);
    myl_text_add(&w->text, MYL_S("null"));
}

void myl_write_json(myl_writer *w, const char *key, const myl_json *value)
{
    put_key(w, key);
    myl_json_write(&w->text, value);
}

void myl_write_raw(myl_writer *w, const char *key, myl_str json)
{
    put_key(w, key);
    myl_text_add(&w->text, json);
}

void myl_write_member(myl_writer *w, myl_str key, myl_str json)
{
    put_foreign_key(w, key);
    myl_text_add(&w->text, json);
}

void myl_write_member_int(myl_writer *w, myl_str key, int64_t value)
{
    put_foreign_key(w, key);
    myl_text_add_int(&w->text, value);
}

myl_str myl_write_done(myl_writer *w)
{
    MYL_ASSERT(w->depth == 0);
    return myl_text_str(&w->text);
}
