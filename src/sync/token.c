/* token.c: what a client holds between two /sync calls.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/sync_token.h>

#include <myelin/store_engine.h>

static const char marks[] = {'s', '_', '_', '.'};

myl_str myl_sync_token_write(myl_ctx *cx, myl_sync_token token)
{
    myl_str plain = myl_strf(cx, "s%llu_%llu_%llu.%llu", (unsigned long long)token.epoch,
                             (unsigned long long)token.durable, (unsigned long long)token.boot,
                             (unsigned long long)token.counter);

    if (token.to_device == token.durable)
        return plain;
    return myl_strf(cx, "%.*s_%llu", MYL_FMT(plain), (unsigned long long)token.to_device);
}

/* A decimal number at *at, which moves behind it. */
static bool cut_number(myl_str text, size_t *at, uint64_t *out)
{
    size_t start = *at;

    *out = 0;
    while (*at < text.len && text.at[*at] >= '0' && text.at[*at] <= '9') {
        uint64_t digit = (uint64_t)(text.at[*at] - '0');

        if (*out > (UINT64_MAX - digit) / 10)
            return false;
        *out = *out * 10 + digit;
        (*at)++;
    }
    return *at > start;
}

/* A position of sliding sync is such a token with "~" and what its connection needs behind it. */
static bool cut_token(myl_str text, myl_sync_token *out)
{
    uint64_t *parts[] = {&out->epoch, &out->durable, &out->boot, &out->counter};
    size_t at = 0;

    text = myl_str_slice(text, 0, myl_str_find(text, '~', 0));
    for (size_t i = 0; i < 4; i++)
        if (at >= text.len || text.at[at++] != marks[i] || !cut_number(text, &at, parts[i]))
            return false;
    out->to_device = out->durable;
    if (at < text.len && text.at[at] == '_') {
        at++;
        if (!cut_number(text, &at, &out->to_device))
            return false;
    }
    return at == text.len;
}

bool myl_sync_token_is(myl_str text)
{
    myl_sync_token token;

    return cut_token(text, &token);
}

myl_rc myl_sync_token_read(myl_ctx *cx, myl_str text, const char *parameter, myl_sync_token *out)
{
    if (!cut_token(text, out))
        return myl_fail(cx, MYL_INVALID_PARAM, "%s: not a token of this server", parameter);
    return MYL_OK;
}

/* ---- to-device messages ---- */

static myl_rc given_upto(myl_ctx *cx, uint64_t epoch, uint64_t position, uint64_t *out)
{
    uint64_t newest;
    bool known;

    MYL_TRY(myl_store_came_from(cx, epoch, &known));
    MYL_TRY(myl_store_position(cx, &newest));
    *out = known && position <= newest ? position : 0;
    return MYL_OK;
}

myl_str myl_to_device_token_write(myl_ctx *cx, uint64_t epoch, uint64_t position)
{
    return myl_strf(cx, "d%llu_%llu", (unsigned long long)epoch, (unsigned long long)position);
}

myl_rc myl_to_device_token_read(myl_ctx *cx, myl_str text, const char *parameter, uint64_t *out)
{
    uint64_t epoch, position;
    size_t at = 1;

    if (text.len == 0 || text.at[0] != 'd' || !cut_number(text, &at, &epoch) || at >= text.len ||
        text.at[at++] != '_' || !cut_number(text, &at, &position) || at != text.len)
        return myl_fail(cx, MYL_INVALID_PARAM, "%s: not a token of this server", parameter);
    return given_upto(cx, epoch, position, out);
}

myl_rc myl_sync_token_to_device(myl_ctx *cx, const myl_sync_token *token, uint64_t *out)
{
    return given_upto(cx, token->epoch, token->to_device, out);
}
