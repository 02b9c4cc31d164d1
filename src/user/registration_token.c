/* registration_token.c: tokens that let somebody register.
 *
 * Spec:    Client-Server API, Token-authenticated registration.
 * Threads: the transaction's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

static myl_key token_row_key(myl_str token)
{
    myl_key key = myl_key_start();

    myl_key_hash(&key, token);
    return key;
}

myl_rc myl_user_put_registration_token(myl_ctx *cx, const myl_registration_token *token)
{
    myl_key key = token_row_key(token->token);
    myl_text row = MYL_TEXT(cx);

    myl_row_u64(&row, (uint64_t)token->uses_allowed);
    myl_row_u64(&row, (uint64_t)token->pending);
    myl_row_u64(&row, (uint64_t)token->completed);
    myl_row_u64(&row, (uint64_t)token->expiry_ms);
    myl_row_str(&row, token->token);
    return myl_store_put(cx, MYL_TABLE_REGISTRATION_TOKENS, myl_key_str(&key), myl_text_str(&row));
}

static bool cut_token(myl_ctx *cx, myl_str row, myl_registration_token *out)
{
    uint64_t numbers[4];

    for (size_t i = 0; i < 4; i++)
        if (!myl_cut_u64(&row, &numbers[i]))
            return false;
    *out = (myl_registration_token){.uses_allowed = (int64_t)numbers[0],
                                    .pending = (int64_t)numbers[1],
                                    .completed = (int64_t)numbers[2],
                                    .expiry_ms = (int64_t)numbers[3]};
    if (!myl_cut_str(&row, &out->token))
        return false;
    out->token = myl_keep(cx, out->token);
    return true;
}

myl_rc myl_user_registration_token(myl_ctx *cx, myl_str token, myl_registration_token *out)
{
    myl_key key = token_row_key(token);
    myl_str row;

    memset(out, 0, sizeof(*out));
    MYL_TRY(myl_store_get(cx, MYL_TABLE_REGISTRATION_TOKENS, myl_key_str(&key), &row));
    if (myl_str_present(row) && !cut_token(cx, row, out))
        return myl_fail(cx, MYL_CORRUPT, "REGISTRATION_TOKENS: bad row");
    return MYL_OK;
}

bool myl_user_registration_token_is_good(const myl_registration_token *token, int64_t now_ms)
{
    bool left = token->uses_allowed < 0 || token->completed < token->uses_allowed;

    return myl_str_present(token->token) && left &&
           (token->expiry_ms < 0 || token->expiry_ms > now_ms);
}

myl_rc myl_user_registration_token_valid(myl_ctx *cx, myl_str token, int64_t now_ms, bool *out)
{
    myl_registration_token found;

    MYL_TRY(myl_user_registration_token(cx, token, &found));
    *out = myl_user_registration_token_is_good(&found, now_ms);
    return MYL_OK;
}

myl_rc myl_user_use_registration_token(myl_ctx *cx, myl_str token, int64_t now_ms)
{
    myl_registration_token found;

    MYL_TRY(myl_user_registration_token(cx, token, &found));
    if (!myl_user_registration_token_is_good(&found, now_ms))
        return myl_fail(cx, MYL_UNAUTHORIZED, "the registration token is not valid");
    found.completed++;
    return myl_user_put_registration_token(cx, &found);
}

/* ---- for those who look after them ---- */

static int compare_tokens(const void *a, const void *b)
{
    const myl_registration_token *one = a, *two = b;

    return myl_str_compare(one->token, two->token);
}

myl_rc myl_user_registration_tokens(myl_ctx *cx, const myl_registration_token **tokens,
                                    size_t *count)
{
    myl_list list = MYL_LIST(cx, myl_registration_token);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_REGISTRATION_TOKENS, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD,
                           &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        if (!cut_token(cx, row, myl_list_add(&list)))
            return myl_fail(cx, MYL_CORRUPT, "REGISTRATION_TOKENS: bad row");
    }
    myl_list_sort(&list, compare_tokens);
    *tokens = list.at;
    *count = list.count;
    return MYL_OK;
}

myl_rc myl_user_drop_registration_token(myl_ctx *cx, myl_str token)
{
    myl_key key = token_row_key(token);

    return myl_store_delete(cx, MYL_TABLE_REGISTRATION_TOKENS, myl_key_str(&key));
}
