/* write.c: JSON trees to text, in the canonical form of the appendices (Canonical JSON).
 *
 * Callers: signing and hashing (myl_json_canonical), replies (myl_json_write, writer.c).
 * Threads: any. No recursion: open containers stand on an explicit stack of JSON_WALK_DEPTH.
 * Holds:   members come sorted in the tree, so order needs no work here. Only " \ and controls are
 *          escaped, five of them by a letter, the others as \u00xx in lower case.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "json_own.h"

#define PATH_BYTES 256 /* of a refusal's path; what is longer is cut */

/* An open container and the index of the value that comes next. */
typedef struct {
    const myl_json *container;
    uint32_t next;
} step;

typedef struct {
    step steps[JSON_WALK_DEPTH];
    size_t depth;
    myl_json_form form;
    myl_text *out; /* NULL: only check */
} walk;

/* --- strings ---------------------------------------------------------------------------------- */

/* 0: as it is; 'u': \u00xx; else the letter behind the backslash. */
static const char escapes[256] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b',         't',           'n', 'u',
    'f', 'r', 'u', 'u', 'u', 'u', 'u', 'u', 'u',         'u',           'u', 'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', ['"'] = '"', ['\\'] = '\\',
};

static void write_escape(myl_text *out, uint8_t byte)
{
    static const char hex[] = "0123456789abcdef";
    char code = escapes[byte];
    myl_text_add(out, (myl_str){(char[]){'\\', code}, 2});
    if (code == 'u')
        myl_text_add(out, (myl_str){(char[]){'0', '0', hex[byte >> 4], hex[byte & 15]}, 4});
}

static void write_valid(myl_text *out, myl_str text)
{
    size_t run = 0;
    for (size_t at = 0; at < text.len; at++) {
        uint8_t byte = (uint8_t)text.at[at];
        if (escapes[byte] == 0)
            continue;
        myl_text_add(out, (myl_str){text.at + run, at - run});
        write_escape(out, byte);
        run = at + 1;
    }
    myl_text_add(out, (myl_str){text.at + run, text.len - run});
}

void myl_json_write_str(myl_text *out, myl_str text)
{
    myl_text_add_byte(out, '"');
    while (text.len > 0) {
        size_t valid = myl_str_utf8_length(text);
        write_valid(out, myl_str_slice(text, 0, valid));
        if (valid == text.len)
            break;
        myl_text_add(out, MYL_S("\xef\xbf\xbd"));
        text = myl_str_slice(text, valid + 1, SIZE_MAX);
    }
    myl_text_add_byte(out, '"');
}

/* --- numbers ---------------------------------------------------------------------------------- */

static bool is_strict(int64_t integer)
{
    return integer >= -JSON_LARGEST_STRICT && integer <= JSON_LARGEST_STRICT;
}

/* What is wrong with the number in this form, or NULL and the integer to write instead of it. */
static const char *number_problem(const myl_json *value, myl_json_form form, int64_t *integer)
{
    bool whole = value->kind == MYL_JSON_INT;
    if (whole)
        *integer = value->integer;
    else if (form == MYL_JSON_NORMAL)
        whole = myl_json_number_is_integer(value->text, integer);
    if (whole && is_strict(*integer))
        return NULL;
    return whole ? "integer out of range" : "expected an integer";
}

static const char *write_number(const walk *w, const myl_json *value)
{
    int64_t integer = 0;
    if (w->form != MYL_JSON_LOOSE) {
        const char *problem = number_problem(value, w->form, &integer);
        if (problem != NULL)
            return problem;
    } else if (value->kind == MYL_JSON_INT) {
        integer = value->integer;
    }
    if (w->out == NULL)
        return NULL;
    if (w->form == MYL_JSON_LOOSE && value->kind == MYL_JSON_NUMBER)
        myl_text_add(w->out, value->text);
    else
        myl_text_add_int(w->out, integer);
    return NULL;
}

/* --- the tree --------------------------------------------------------------------------------- */

static void put(const walk *w, myl_str text)
{
    if (w->out != NULL)
        myl_text_add(w->out, text);
}

/* Writes a scalar or the opening bracket of a container, which then is on the stack. */
static const char *write_begin(walk *w, const myl_json *value)
{
    switch (value->kind) {
    case MYL_JSON_NULL: put(w, MYL_S("null")); return NULL;
    case MYL_JSON_BOOL: put(w, value->truth ? MYL_S("true") : MYL_S("false")); return NULL;
    case MYL_JSON_INT:
    case MYL_JSON_NUMBER: return write_number(w, value);
    case MYL_JSON_STRING:
        if (w->out != NULL)
            myl_json_write_str(w->out, value->text);
        return NULL;
    case MYL_JSON_ARRAY:
    case MYL_JSON_OBJECT: break;
    }
    if (w->depth == JSON_WALK_DEPTH)
        return "nested too deeply";
    put(w, value->kind == MYL_JSON_OBJECT ? MYL_S("{") : MYL_S("["));
    w->steps[w->depth++] = (step){value, 0};
    return NULL;
}

/* Closes what is complete; the next value, its comma and key written, or NULL at the end. */
static const myl_json *write_next(walk *w)
{
    while (w->depth > 0) {
        step *top = &w->steps[w->depth - 1];
        bool object = top->container->kind == MYL_JSON_OBJECT;
        if (top->next == top->container->count) {
            put(w, object ? MYL_S("}") : MYL_S("]"));
            w->depth--;
            continue;
        }
        if (top->next > 0)
            put(w, MYL_S(","));
        const myl_json *next = &top->container->items[top->next++];
        if (object && w->out != NULL) {
            myl_json_write_str(w->out, next->key);
            put(w, MYL_S(":"));
        }
        return next;
    }
    return NULL;
}

/* What is wrong, or NULL; then w->steps lead to the offender. */
static const char *write_tree(walk *w, const myl_json *value)
{
    w->depth = 0;
    while (value != NULL) {
        const char *problem = write_begin(w, value);
        if (problem != NULL)
            return problem;
        value = write_next(w);
    }
    return NULL;
}

/* "content.a[3]" of the value that the walk stands on. */
static myl_str path_of(myl_ctx *cx, const walk *w)
{
    myl_text path = myl_text_start(cx, PATH_BYTES);
    for (size_t i = 0; i < w->depth; i++) {
        const step *at = &w->steps[i];
        uint32_t index = at->next - 1;
        if (at->container->kind == MYL_JSON_ARRAY) {
            myl_text_addf(&path, "[%u]", index);
            continue;
        }
        if (path.len > 0)
            myl_text_add_byte(&path, '.');
        myl_text_add(&path, myl_str_slice(at->container->items[index].key, 0, PATH_BYTES));
    }
    myl_str whole = myl_text_str(&path);
    if (whole.len > PATH_BYTES)
        whole.len = PATH_BYTES;
    return myl_str_slice(whole, 0, myl_str_utf8_length(whole));
}

static myl_rc form_of(myl_ctx *cx, walk *w, const myl_json *value)
{
    const char *problem = write_tree(w, value);
    if (problem == NULL)
        return MYL_OK;
    if (w->depth == 0)
        return myl_fail(cx, MYL_BAD_JSON, "%s", problem);
    return myl_fail(cx, MYL_BAD_JSON, "%.*s: %s", MYL_FMT(path_of(cx, w)), problem);
}

myl_rc myl_json_canonical(myl_ctx *cx, const myl_json *value, myl_json_form form, myl_text *out)
{
    walk w;
    w.form = form;
    w.out = out;
    size_t len = out->len;
    myl_rc rc = form_of(cx, &w, value);
    if (rc != MYL_OK)
        out->len = len;
    return rc;
}

myl_rc myl_json_check(myl_ctx *cx, const myl_json *value, myl_json_form form)
{
    walk w;
    w.form = form;
    w.out = NULL;
    return form_of(cx, &w, value);
}

void myl_json_write(myl_text *out, const myl_json *value)
{
    walk w;
    w.form = MYL_JSON_LOOSE;
    w.out = out;
    MYL_ASSERT(write_tree(&w, value) == NULL);
}
