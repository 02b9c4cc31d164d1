/* text.c: borrowed text, UTF-8, and a builder that grows in the job's arena.
 *
 * Callers: everything.
 * Holds:   no function here looks behind `len`; nothing needs an ending NUL.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base_own.h"

#include <stdio.h>

#define SMALLEST_ROOM 64

myl_str myl_str_of(const char *text)
{
    return text == NULL ? MYL_ABSENT : (myl_str){text, strlen(text)};
}

bool myl_str_equal(myl_str a, myl_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

int myl_str_compare(myl_str a, myl_str b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter == 0 ? 0 : memcmp(a.at, b.at, shorter);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

bool myl_str_starts(myl_str s, myl_str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.at, prefix.at, prefix.len) == 0);
}

bool myl_str_ends(myl_str s, myl_str suffix)
{
    if (s.len < suffix.len)
        return false;
    return suffix.len == 0 || memcmp(s.at + (s.len - suffix.len), suffix.at, suffix.len) == 0;
}

size_t myl_str_find(myl_str s, char byte, size_t from)
{
    if (from >= s.len)
        return SIZE_MAX;
    const char *found = memchr(s.at + from, byte, s.len - from);
    return found == NULL ? SIZE_MAX : (size_t)(found - s.at);
}

myl_str myl_str_slice(myl_str s, size_t from, size_t len)
{
    if (s.at == NULL)
        return s;
    if (from > s.len)
        from = s.len;
    if (len > s.len - from)
        len = s.len - from;
    return (myl_str){s.at + from, len};
}

/* Bytes of the well-formed sequence at `at`, or 0. The second byte's range depends on the first. */
static size_t sequence_length(const uint8_t *at, size_t left)
{
    uint8_t first = at[0];
    size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first < 0xc2 || first > 0xf4 || left < length)
        return 0;
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    return length;
}

size_t myl_str_utf8_length(myl_str s)
{
    const uint8_t *bytes = (const uint8_t *)s.at;
    size_t at = 0;
    while (at < s.len) {
        uint64_t eight;
        if (s.len - at >= sizeof(eight)) {
            memcpy(&eight, bytes + at, sizeof(eight));
            if ((eight & 0x8080808080808080u) == 0) {
                at += sizeof(eight);
                continue;
            }
        }
        if (bytes[at] < 0x80) {
            at++;
            continue;
        }
        size_t length = sequence_length(bytes + at, s.len - at);
        if (length == 0)
            return at;
        at += length;
    }
    return s.len;
}

bool myl_str_is_utf8(myl_str s)
{
    return myl_str_utf8_length(s) == s.len;
}

bool myl_str_to_int(myl_str s, int64_t *out)
{
    bool negative = s.len > 0 && s.at[0] == '-';
    size_t at = negative ? 1 : 0;
    if (at == s.len)
        return false;
    int64_t value = 0;
    for (; at < s.len; at++) {
        if (s.at[at] < '0' || s.at[at] > '9')
            return false;
        int64_t digit = s.at[at] - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    *out = value;
    return true;
}

/* --- the builder ------------------------------------------------------------------------------ */

myl_text myl_text_start(myl_ctx *cx, size_t room)
{
    myl_text text = {cx, NULL, 0, room};
    if (room > 0)
        text.at = myl_arena_take(cx, room);
    return text;
}

static void grow(myl_text *text, size_t len)
{
    size_t needed;
    MYL_ASSERT(!__builtin_add_overflow(text->len, len, &needed));
    size_t room = text->room < SMALLEST_ROOM ? SMALLEST_ROOM : text->room;
    while (room < needed)
        room = room > SIZE_MAX / 2 ? needed : 2 * room;
    text->at = myl_arena_grow(text->cx, text->at, text->room, room);
    text->room = room;
}

char *myl_text_reserve(myl_text *text, size_t len)
{
    if (len > text->room - text->len || text->at == NULL)
        grow(text, len);
    char *at = text->at + text->len;
    text->len += len;
    return at;
}

void myl_text_add(myl_text *text, myl_str s)
{
    if (s.len > 0)
        memcpy(myl_text_reserve(text, s.len), s.at, s.len);
}

void myl_text_add_byte(myl_text *text, char byte)
{
    *myl_text_reserve(text, 1) = byte;
}

void myl_text_add_int(myl_text *text, int64_t value)
{
    char digits[20];
    size_t first = sizeof(digits);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--first] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        digits[--first] = '-';
    myl_text_add(text, (myl_str){digits + first, sizeof(digits) - first});
}

void myl_text_addv(myl_text *text, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    size_t left = text->at == NULL ? 0 : text->room - text->len;
    int len = vsnprintf(left == 0 ? NULL : text->at + text->len, left, format, arguments);
    MYL_ASSERT(len >= 0);
    if ((size_t)len >= left) {
        grow(text, (size_t)len + 1);
        (void)vsnprintf(text->at + text->len, (size_t)len + 1, format, again);
    }
    text->len += (size_t)len;
    va_end(again);
}

void myl_text_addf(myl_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    myl_text_addv(text, format, arguments);
    va_end(arguments);
}

myl_str myl_text_str(const myl_text *text)
{
    return text->at == NULL ? MYL_S("") : (myl_str){text->at, text->len};
}
