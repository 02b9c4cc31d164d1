/* target.c: request targets: percent-decoding and query strings.
 *
 * Why:     h2o's normalised path decodes %2F and collapses dots; room aliases hold both, so the raw
 *          target is cut first and decoded afterwards, part by part.
 * Callers: the router, the handlers' query functions. Threads: any; pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/target.h"

void myl_http_target_split(myl_str target, myl_str *path, myl_str *query)
{
    size_t mark = myl_str_find(target, '?', 0);

    *query = MYL_ABSENT;
    *path = target;
    if (mark == SIZE_MAX)
        return;
    *path = myl_str_slice(target, 0, mark);
    *query = (myl_str){target.at + mark + 1, target.len - mark - 1};
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte at *at, which moves on; -1 for a broken escape. */
static int next_byte(myl_str raw, size_t *at, bool plus)
{
    char c = raw.at[(*at)++];

    if (c == '+' && plus)
        return ' ';
    if (c != '%')
        return (unsigned char)c;
    if (raw.len - *at < 2)
        return -1;
    int high = digit_of(raw.at[*at]);
    int low = digit_of(raw.at[*at + 1]);
    if (high < 0 || low < 0)
        return -1;
    *at += 2;
    return high * 16 + low;
}

static bool is_encoded(myl_str raw, bool plus)
{
    return memchr(raw.at, '%', raw.len) != NULL || (plus && memchr(raw.at, '+', raw.len) != NULL);
}

bool myl_http_decode(myl_ctx *cx, myl_str raw, bool plus, myl_str *out)
{
    *out = MYL_S("");
    if (raw.len == 0)
        return true;
    if (!is_encoded(raw, plus)) {
        *out = raw;
        return memchr(raw.at, 0, raw.len) == NULL && myl_str_is_utf8(raw);
    }
    char *bytes = myl_alloc(cx, raw.len);
    size_t len = 0;
    for (size_t at = 0; at < raw.len;) {
        int byte = next_byte(raw, &at, plus);
        if (byte <= 0)
            return false;
        bytes[len++] = (char)byte;
    }
    *out = (myl_str){bytes, len};
    return myl_str_is_utf8(*out);
}

bool myl_http_query_next(myl_str query, size_t *at, myl_str *name, myl_str *value)
{
    while (*at < query.len) {
        size_t end = myl_str_find(query, '&', *at);
        if (end == SIZE_MAX)
            end = query.len;
        myl_str pair = {query.at + *at, end - *at};
        *at = end + 1;
        if (pair.len == 0)
            continue;
        size_t mark = myl_str_find(pair, '=', 0);
        *name = mark == SIZE_MAX ? pair : myl_str_slice(pair, 0, mark);
        *value = mark == SIZE_MAX ? MYL_S("") : (myl_str){pair.at + mark + 1, pair.len - mark - 1};
        return true;
    }
    return false;
}

bool myl_http_decodes_to(myl_str raw, myl_str plain)
{
    size_t at = 0;

    if (raw.len == plain.len)
        return memcmp(raw.at, plain.at, raw.len) == 0;
    for (size_t i = 0; i < plain.len; i++) {
        if (at >= raw.len || next_byte(raw, &at, false) != (unsigned char)plain.at[i])
            return false;
    }
    return at == raw.len;
}
