/* number.c: is a number with fraction or exponent an integer after all?
 *
 * Why:     1e10 and 1.0 in a client's content are integers to canonical JSON; a double would round
 *          what lies near 2^53, so this counts digits.
 * Callers: write.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "json_own.h"

#define LARGEST_DIGITS 16 /* of 2^53-1 */
#define EXPONENT_CAP 100000000

/* A number as JSON's grammar has it: sign, digits before and behind the point, exponent. */
typedef struct {
    bool negative;
    myl_str before, behind;
    int64_t exponent; /* held within +-EXPONENT_CAP */
} number_parts;

static size_t digits_end(myl_str text, size_t at)
{
    while (at < text.len && text.at[at] >= '0' && text.at[at] <= '9')
        at++;
    return at;
}

static int64_t exponent_of(myl_str text)
{
    bool negative = text.len > 0 && text.at[0] == '-';
    int64_t value = 0;
    for (size_t at = 0; at < text.len && value < EXPONENT_CAP; at++) {
        if (text.at[at] >= '0' && text.at[at] <= '9')
            value = 10 * value + (text.at[at] - '0');
    }
    if (value > EXPONENT_CAP)
        value = EXPONENT_CAP;
    return negative ? -value : value;
}

static number_parts parts_of(myl_str digits)
{
    number_parts parts = {.negative = myl_str_starts(digits, MYL_S("-")), .behind = MYL_S("")};
    size_t from = parts.negative ? 1 : 0;
    size_t at = digits_end(digits, from);
    parts.before = myl_str_slice(digits, from, at - from);
    if (at < digits.len && digits.at[at] == '.') {
        from = at + 1;
        at = digits_end(digits, from);
        parts.behind = myl_str_slice(digits, from, at - from);
    }
    if (at < digits.len)
        parts.exponent = exponent_of(myl_str_slice(digits, at + 1, SIZE_MAX));
    return parts;
}

static char digit_at(const number_parts *parts, size_t index)
{
    return index < parts->before.len ? parts->before.at[index]
                                     : parts->behind.at[index - parts->before.len];
}

bool myl_json_number_is_integer(myl_str digits, int64_t *out)
{
    number_parts parts = parts_of(digits);
    size_t first = 0, end = parts.before.len + parts.behind.len;
    int64_t zeros = parts.exponent - (int64_t)parts.behind.len; /* to append to the digits */
    while (first < end && digit_at(&parts, first) == '0')
        first++;
    for (; end > first && digit_at(&parts, end - 1) == '0'; end--)
        zeros++;
    *out = 0;
    if (first == end)
        return true;
    if (zeros < 0 || zeros + (int64_t)(end - first) > LARGEST_DIGITS)
        return false;
    int64_t value = 0;
    for (; first < end; first++)
        value = 10 * value + (digit_at(&parts, first) - '0');
    for (; zeros > 0; zeros--)
        value *= 10;
    *out = parts.negative ? -value : value;
    return value <= JSON_LARGEST_STRICT;
}
