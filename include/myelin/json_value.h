/* json_value.h: JSON texts as immutable trees in a job's arena.
 *
 * Why ours: events of room versions 1-5 keep numbers as the digits they came in, trees must live in
 * the arena, and canonical order is wanted anyway (docs/decisions/002). Object members are sorted
 * by key (code point order), so writing a tree is always canonical and look-up is a binary search.
 * Accepted: exactly RFC 8259 with UTF-8; refused with the byte offset: duplicate keys, lone
 * surrogates, bytes that are not UTF-8, nesting over JSON_DEPTH, more than JSON_MEMBERS values.
 * Strings may hold U+0000 (escaped); callers that cannot take it check.
 * Threads: trees belong to their job; reading is safe from any thread that the job is on.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_JSON_VALUE_H
#define MYELIN_JSON_VALUE_H

#include <myelin/base_ctx.h>

typedef enum {
    MYL_JSON_NULL,
    MYL_JSON_BOOL,
    MYL_JSON_INT,    /* written as an integer and within int64; -0 is 0 */
    MYL_JSON_NUMBER, /* any other number: fraction, exponent, or too large; kept as its digits */
    MYL_JSON_STRING,
    MYL_JSON_ARRAY,
    MYL_JSON_OBJECT
} myl_json_kind;

typedef struct myl_json myl_json;
struct myl_json {
    myl_json_kind kind;
    uint32_t count; /* elements or members */
    union {
        bool truth;
        int64_t integer;
        myl_str text;          /* STRING: decoded; NUMBER: the digits */
        const myl_json *items; /* ARRAY: in order; OBJECT: sorted by key */
    };
    myl_str key; /* the member's key, when it stands in an object */
};

/* Parses the whole of `text`. MYL_NOT_JSON with the byte offset in the detail.
 * Strings without escapes borrow from `text`, which must live as long as the tree. */
myl_rc myl_json_parse(myl_ctx *cx, myl_str text, const myl_json **out);

/* The member, or NULL when `object` is NULL, no object, or has no such key. */
const myl_json *myl_json_get(const myl_json *object, myl_str key);
#define MYL_JSON_AT(object, literal) myl_json_get((object), MYL_S(literal))
/* The same with a type: absent/NULL/0 when missing or of another kind. */
myl_str myl_json_text(const myl_json *object, myl_str key);
const myl_json *myl_json_object(const myl_json *object, myl_str key);
const myl_json *myl_json_array(const myl_json *object, myl_str key);
bool myl_json_int(const myl_json *object, myl_str key, int64_t *out);
bool myl_json_bool(const myl_json *object, myl_str key, bool missing);
bool myl_json_is(const myl_json *value, myl_json_kind kind); /* false for NULL */
/* Deep equality (numbers by their digits). */
bool myl_json_equal(const myl_json *a, const myl_json *b);

/* New trees that share their parts with the old. */
const myl_json *myl_json_of_str(myl_ctx *cx, myl_str text);
const myl_json *myl_json_of_int(myl_ctx *cx, int64_t value);
const myl_json *myl_json_of_bool(myl_ctx *cx, bool value);
/* members[i].key set; sorted here; duplicate keys assert. */
const myl_json *myl_json_of_members(myl_ctx *cx, const myl_json *members, size_t count);
const myl_json *myl_json_of_items(myl_ctx *cx, const myl_json *items, size_t count);
const myl_json *myl_json_empty_object(void);
/* `object` (NULL = empty) with the member set, or without it. */
const myl_json *myl_json_with(myl_ctx *cx, const myl_json *object, myl_str key,
                              const myl_json *value);
const myl_json *myl_json_without(myl_ctx *cx, const myl_json *object, myl_str key);

/* The canonical form as the appendices define it, appended to `out`. */
typedef enum {
    MYL_JSON_LOOSE,  /* numbers as they came (room versions 1-5, client content of them) */
    MYL_JSON_STRICT, /* integers within +-(2^53-1) only, no MYL_JSON_NUMBER (versions 6+) */
    MYL_JSON_NORMAL  /* as STRICT, but 1e10 and 1.0, which are such integers, are written so */
} myl_json_form;
/* MYL_BAD_JSON naming the path of the first offender ("content.a[3]"). On error `out` is cut back.
 *  */
myl_rc myl_json_canonical(myl_ctx *cx, const myl_json *value, myl_json_form form, myl_text *out);
/* MYL_OK when canonical would be; writes nothing. */
myl_rc myl_json_check(myl_ctx *cx, const myl_json *value, myl_json_form form);
/* Compact text, canonical in order and escapes, numbers as they came: for replies. */
void myl_json_write(myl_text *out, const myl_json *value);
/* A string with quotes and canonical escapes. Bytes that are not UTF-8 become U+FFFD. */
void myl_json_write_str(myl_text *out, myl_str text);

#endif
