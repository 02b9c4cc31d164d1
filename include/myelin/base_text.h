/* base_text.h: borrowed text, and a builder that grows in a job's arena.
 *
 * Threads: values belong to whoever holds them; nothing here is shared.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_BASE_TEXT_H
#define MYELIN_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct myl_ctx;

/* Borrowed bytes, not NUL-ended, usually UTF-8. {NULL, 0} means "absent"; {"", 0} is the empty
 * text. */
typedef struct {
    const char *at;
    size_t len;
} myl_str;

#define MYL_ABSENT ((myl_str){NULL, 0})
/* A literal as myl_str. */
#define MYL_S(literal) ((myl_str){(literal), sizeof(literal) - 1})
/* The same for static initialisers. */
#define MYL_S_INIT(literal)                                                                        \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
/* For printf's "%.*s". */
#define MYL_FMT(s) (int)(s).len, (s).at

/* A secret: has no form for logs or error details on purpose. Unwrap `text` only where it is used.
 *  */
typedef struct {
    myl_str text;
} myl_secret;

static inline bool myl_str_present(myl_str s)
{
    return s.at != NULL;
}

/* From a NUL-ended string; NULL gives MYL_ABSENT. */
myl_str myl_str_of(const char *text);
/* Same bytes (not for secrets: see myl_crypto_equal). */
bool myl_str_equal(myl_str a, myl_str b);
/* Byte order, a shorter prefix first: <0, 0, >0. UTF-8 sorts by code point so. */
int myl_str_compare(myl_str a, myl_str b);
bool myl_str_starts(myl_str s, myl_str prefix);
bool myl_str_ends(myl_str s, myl_str suffix);
/* Offset of the first `byte` at or after `from`; SIZE_MAX when there is none. */
size_t myl_str_find(myl_str s, char byte, size_t from);
/* s[from, from+len), cut at the end of s. */
myl_str myl_str_slice(myl_str s, size_t from, size_t len);
/* Is it well-formed UTF-8 without surrogates and overlong forms? */
bool myl_str_is_utf8(myl_str s);
/* Bytes before the first that breaks the rule above; s.len when none does. */
size_t myl_str_utf8_length(myl_str s);
/* A decimal int64 that fills all of s ("-5", "17"): no sign '+', no blanks, no overflow. */
bool myl_str_to_int(myl_str s, int64_t *out);
/* SipHash-2-4 with the process's random key: for hash tables of foreign strings. */
uint64_t myl_str_hash(myl_str s);

/* A byte buffer that grows in a job's arena. Append never fails (true exhaustion ends the process).
 * The bytes in `at` move when it grows. Start with myl_text_start or MYL_TEXT(cx). */
typedef struct {
    struct myl_ctx *cx;
    char *at;
    size_t len;
    size_t room;
} myl_text;

#define MYL_TEXT(cx_) ((myl_text){(cx_), NULL, 0, 0})

/* An empty buffer with room for `room` bytes. */
myl_text myl_text_start(struct myl_ctx *cx, size_t room);
void myl_text_add(myl_text *text, myl_str s);
void myl_text_add_byte(myl_text *text, char byte);
void myl_text_add_int(myl_text *text, int64_t value);
/* Bytes for the caller to fill; counted at once. Valid until the next append. */
char *myl_text_reserve(myl_text *text, size_t len);
void myl_text_addf(myl_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What has been built; never MYL_ABSENT. Valid until the next append; lives in the arena. */
myl_str myl_text_str(const myl_text *text);

#endif
