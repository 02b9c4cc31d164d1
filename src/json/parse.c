/* parse.c: JSON text to an immutable tree in the job's arena.
 *
 * Why:     docs/decisions/002-json-parser.md.
 * Callers: the borders: request bodies, PDUs, stored JSON, answers of other servers.
 * Memory:  values wait on a stack until their container closes, then move to the arena as one array
 *          of the right size. The stack is on the C stack first and in process memory when it
 *          grows.
 * Holds:   no recursion; JSON_DEPTH open containers and JSON_MEMBERS values at most.
 *          UTF-8 is checked for the whole text first, so strings need no second look.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "json_own.h"

#include <myelin/base_table.h>

#define FIRST_ROOM 96

/* An open container. */
typedef struct {
    size_t first; /* of its values on the stack */
    myl_str key;  /* its own, when it is a member */
    bool object;
} frame;

typedef struct {
    myl_ctx *cx;
    const char *start;
    const char *at;
    const char *end;
    myl_str key; /* of the value that comes next */
    myl_json *stack;
    size_t count, room;
    size_t values; /* in the whole text */
    size_t depth;
    frame frames[MYL_LIMIT_JSON_DEPTH];
    myl_json first_stack[FIRST_ROOM];
} parser;

static myl_rc refuse(const parser *p, const char *at, const char *why)
{
    return myl_fail(p->cx, MYL_NOT_JSON, "%s at byte %zu", why, (size_t)(at - p->start));
}

static void skip_blanks(parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
        p->at++;
}

static void grow_stack(parser *p)
{
    size_t bytes = p->room * sizeof(myl_json);
    if (p->stack != p->first_stack) {
        p->stack = myl_process_grow(p->stack, bytes, 2 * bytes);
    } else {
        p->stack = myl_process_alloc(2 * bytes);
        memcpy(p->stack, p->first_stack, bytes);
    }
    p->room *= 2;
}

static myl_json *push(parser *p, myl_json_kind kind)
{
    if (p->count == p->room)
        grow_stack(p);
    myl_json *value = &p->stack[p->count++];
    value->kind = kind;
    value->count = 0;
    value->text = MYL_ABSENT;
    value->key = p->key;
    return value;
}

/* --- strings ---------------------------------------------------------------------------------- */

/* Has a byte of the word that ends a plain run: a quote, a backslash or a control? */
static bool word_has_special(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    uint64_t quote = word ^ ones * '"', slash = word ^ ones * '\\';
    uint64_t found = (word - ones * 0x20) & ~word;
    found |= (quote - ones) & ~quote;
    found |= (slash - ones) & ~slash;
    return (found & highs) != 0;
}

/* The first byte at or after `at` that ends a plain run; `end` when none does. */
static const char *plain_end(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        if (word_has_special(word))
            break;
        at += 8;
    }
    while (at < end && *at != '"' && *at != '\\' && (uint8_t)*at >= 0x20)
        at++;
    return at;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The unit behind "\u" at `at`, or -1. */
static int hex_unit(const parser *p, const char *at)
{
    int unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = at + i < p->end ? hex_digit(at[i]) : -1;
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static char *put_character(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (code & 0x3f));
    return to;
}

/* "\uXXXX" at p->at, or a pair of them. */
static myl_rc take_unicode_escape(parser *p, char **to)
{
    const char *from = p->at;
    int unit = hex_unit(p, from + 2);
    if (unit < 0)
        return refuse(p, from, "expected four hexadecimal digits");
    p->at += 6;
    if (unit >= 0xdc00 && unit <= 0xdfff)
        return refuse(p, from, "lone surrogate");
    if (unit < 0xd800 || unit > 0xdbff) {
        *to = put_character(*to, (uint32_t)unit);
        return MYL_OK;
    }
    int low = -1;
    if (p->end - p->at >= 6 && p->at[0] == '\\' && p->at[1] == 'u')
        low = hex_unit(p, p->at + 2);
    if (low < 0xdc00 || low > 0xdfff)
        return refuse(p, from, "lone surrogate");
    p->at += 6;
    uint32_t code = 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
    *to = put_character(*to, code);
    return MYL_OK;
}

static myl_rc take_escape(parser *p, char **to)
{
    static const char codes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (p->end - p->at < 2)
        return refuse(p, p->end, "the string does not end");
    char code = p->at[1];
    if (code == 'u')
        return take_unicode_escape(p, to);
    const char *known = code == '\0' ? NULL : strchr(codes, code);
    if (known == NULL)
        return refuse(p, p->at, "unknown escape");
    *(*to)++ = meanings[known - codes];
    p->at += 2;
    return MYL_OK;
}

/* The end of the string whose inside begins at `at`: its closing quote or the end of the text. */
static const char *string_end(const parser *p, const char *at)
{
    while (at < p->end && *at != '"') {
        ptrdiff_t taken = *at == '\\' ? 2 : 1;
        if (p->end - at <= taken)
            return p->end;
        at = plain_end(at + taken, p->end);
    }
    return at;
}

static myl_rc take_escaped_string(parser *p, const char *inside, myl_str *out)
{
    size_t most = (size_t)(string_end(p, p->at) - inside);
    char *decoded = myl_alloc(p->cx, most == 0 ? 1 : most);
    char *to = decoded;
    p->at = inside;
    for (;;) {
        const char *run = p->at;
        p->at = plain_end(run, p->end);
        memcpy(to, run, (size_t)(p->at - run));
        to += p->at - run;
        if (p->at == p->end)
            return refuse(p, p->at, "the string does not end");
        if (*p->at == '"')
            break;
        if (*p->at != '\\')
            return refuse(p, p->at, "control character in a string");
        MYL_TRY(take_escape(p, &to));
    }
    p->at++;
    *out = (myl_str){decoded, (size_t)(to - decoded)};
    return MYL_OK;
}

/* The string whose opening quote is at p->at. */
static myl_rc take_string(parser *p, myl_str *out)
{
    const char *inside = ++p->at;
    p->at = plain_end(inside, p->end);
    if (p->at < p->end && *p->at == '"') {
        *out = (myl_str){inside, (size_t)(p->at - inside)};
        p->at++;
        return MYL_OK;
    }
    return take_escaped_string(p, inside, out);
}

/* --- numbers and words ------------------------------------------------------------------------ */

static bool skip_digits(parser *p)
{
    const char *from = p->at;
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
        p->at++;
    return p->at > from;
}

/* A fraction and an exponent, each when there. */
static myl_rc take_number_rest(parser *p)
{
    if (p->at < p->end && *p->at == '.') {
        p->at++;
        if (!skip_digits(p))
            return refuse(p, p->at, "expected a digit");
    }
    if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
        p->at++;
        if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
            p->at++;
        if (!skip_digits(p))
            return refuse(p, p->at, "expected a digit");
    }
    return MYL_OK;
}

static myl_rc take_number(parser *p)
{
    const char *from = p->at;
    p->at += *from == '-';
    const char *digits = p->at;
    if (!skip_digits(p))
        return refuse(p, p->at, "expected a digit");
    if (*digits == '0' && p->at - digits > 1)
        return refuse(p, digits, "a number begins with 0");
    const char *integer_end = p->at;
    MYL_TRY(take_number_rest(p));
    myl_str text = {from, (size_t)(p->at - from)};
    int64_t integer;
    if (p->at == integer_end && myl_str_to_int(text, &integer))
        push(p, MYL_JSON_INT)->integer = integer;
    else
        push(p, MYL_JSON_NUMBER)->text = text;
    return MYL_OK;
}

static bool skip_word(parser *p, myl_str word)
{
    if (!myl_str_starts((myl_str){p->at, (size_t)(p->end - p->at)}, word))
        return false;
    p->at += word.len;
    return true;
}

static myl_rc take_word(parser *p)
{
    if (skip_word(p, MYL_S("true")))
        push(p, MYL_JSON_BOOL)->truth = true;
    else if (skip_word(p, MYL_S("false")))
        push(p, MYL_JSON_BOOL)->truth = false;
    else if (skip_word(p, MYL_S("null")))
        push(p, MYL_JSON_NULL);
    else
        return refuse(p, p->at, "expected a value");
    return MYL_OK;
}

/* --- containers ------------------------------------------------------------------------------- */

static myl_rc open_container(parser *p, bool object)
{
    if (p->depth == MYL_LIMIT_JSON_DEPTH)
        return refuse(p, p->at, "nested too deeply");
    p->frames[p->depth++] = (frame){p->count, p->key, object};
    p->key = MYL_ABSENT;
    p->at++;
    return MYL_OK;
}

static myl_rc close_container(parser *p)
{
    const frame *top = &p->frames[--p->depth];
    size_t count = p->count - top->first;
    myl_json *items = NULL;
    if (count > 0) {
        items = myl_new_array(p->cx, myl_json, count);
        memcpy(items, p->stack + top->first, count * sizeof(myl_json));
    }
    myl_str duplicate;
    if (top->object && !myl_json_sort(p->cx, &items, count, &duplicate))
        return refuse(p, p->at, "an object names a member twice; it ends");
    p->at++;
    p->count = top->first;
    p->key = top->key;
    myl_json *value = push(p, top->object ? MYL_JSON_OBJECT : MYL_JSON_ARRAY);
    value->items = items;
    value->count = (uint32_t)count;
    return MYL_OK;
}

/* `"key" :` */
static myl_rc take_key(parser *p)
{
    skip_blanks(p);
    if (p->at == p->end || *p->at != '"')
        return refuse(p, p->at, "expected a member's name");
    MYL_TRY(take_string(p, &p->key));
    skip_blanks(p);
    if (p->at == p->end || *p->at != ':')
        return refuse(p, p->at, "expected a colon");
    p->at++;
    return MYL_OK;
}

/* A scalar, an empty container, or the beginning of a filled one: then *whole is false. */
static myl_rc take_value(parser *p, bool *whole)
{
    skip_blanks(p);
    if (++p->values > MYL_LIMIT_JSON_MEMBERS)
        return refuse(p, p->at, "too many values");
    char first = p->at < p->end ? *p->at : '\0';
    *whole = true;
    if (first == '"') {
        myl_str text;
        MYL_TRY(take_string(p, &text));
        push(p, MYL_JSON_STRING)->text = text;
        return MYL_OK;
    }
    if (first == '-' || (first >= '0' && first <= '9'))
        return take_number(p);
    if (first != '{' && first != '[')
        return take_word(p);
    MYL_TRY(open_container(p, first == '{'));
    skip_blanks(p);
    if (p->at < p->end && *p->at == (first == '{' ? '}' : ']'))
        return close_container(p);
    *whole = false;
    return first == '{' ? take_key(p) : MYL_OK;
}

/* Behind a whole value: closes what closes, until another value must come or all is done. */
static myl_rc take_separators(parser *p)
{
    while (p->depth > 0) {
        bool object = p->frames[p->depth - 1].object;
        skip_blanks(p);
        char next = p->at < p->end ? *p->at : '\0';
        if (next == ',') {
            p->at++;
            return object ? take_key(p) : MYL_OK;
        }
        if (next != (object ? '}' : ']'))
            return refuse(p, p->at, object ? "expected , or }" : "expected , or ]");
        MYL_TRY(close_container(p));
    }
    return MYL_OK;
}

static myl_rc take_text(parser *p)
{
    size_t valid = myl_str_utf8_length((myl_str){p->start, (size_t)(p->end - p->start)});
    if (p->start + valid != p->end)
        return refuse(p, p->start + valid, "not UTF-8");
    do {
        bool whole = false;
        MYL_TRY(take_value(p, &whole));
        if (whole) {
            p->key = MYL_ABSENT;
            MYL_TRY(take_separators(p));
        }
    } while (p->depth > 0);
    skip_blanks(p);
    return p->at == p->end ? MYL_OK : refuse(p, p->at, "expected the end");
}

myl_rc myl_json_parse(myl_ctx *cx, myl_str text, const myl_json **out)
{
    parser p; /* 8 KiB: only its head is set here */
    p.cx = cx;
    p.start = p.at = text.at == NULL ? "" : text.at;
    p.end = p.start + text.len;
    p.key = MYL_ABSENT;
    p.stack = p.first_stack;
    p.count = p.values = p.depth = 0;
    p.room = FIRST_ROOM;
    myl_rc rc = take_text(&p);
    if (rc == MYL_OK) {
        myl_json *root = myl_new(cx, myl_json);
        *root = p.stack[0];
        *out = root;
    }
    if (p.stack != p.first_stack)
        myl_process_free(p.stack);
    return rc;
}
