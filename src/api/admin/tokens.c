/* tokens.c: registration tokens.
 *
 * Threads: the engine for changes, a read worker otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/admin/admin_own.h"

enum { MOST_LETTERS = 64 };

static void write_count(myl_writer *w, const char *key, int64_t value)
{
    if (value < 0)
        myl_write_null(w, key);
    else
        myl_write_int(w, key, value);
}

static void write_token(myl_writer *w, const myl_registration_token *token)
{
    myl_write_open(w, '{');
    myl_write_str(w, "token", token->token);
    write_count(w, "uses_allowed", token->uses_allowed);
    myl_write_int(w, "pending", token->pending);
    myl_write_int(w, "completed", token->completed);
    write_count(w, "expiry_time", token->expiry_ms);
    myl_write_close(w, '}');
}

static myl_rc reply_token(myl_req *req, const myl_registration_token *token)
{
    myl_writer w = myl_write_start(&req->cx, 128);

    write_token(&w, token);
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_tokens(myl_req *req, const myl_body_none *in)
{
    bool chosen = myl_str_present(myl_req_query(req, "valid")), valid;
    myl_writer w = myl_write_start(&req->cx, 512);
    const myl_registration_token *tokens;
    size_t count;

    MYL_UNUSED(in);
    MYL_TRY(myl_req_query_bool(req, "valid", true, &valid));
    MYL_TRY(myl_user_registration_tokens(&req->cx, &tokens, &count));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "registration_tokens", '[');
    for (size_t i = 0; i < count; i++)
        if (!chosen || myl_user_registration_token_is_good(&tokens[i], myl_now_ms()) == valid)
            write_token(&w, &tokens[i]);
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* The token of the path. */
static myl_rc find_token(myl_req *req, myl_registration_token *out)
{
    MYL_TRY(myl_user_registration_token(&req->cx, req->path.token, out));
    if (!myl_str_present(out->token))
        return myl_fail(&req->cx, MYL_NOT_FOUND, "token: there is no such token");
    return MYL_OK;
}

myl_rc myl_admin_token(myl_req *req, const myl_body_none *in)
{
    myl_registration_token token;

    MYL_UNUSED(in);
    MYL_TRY(find_token(req, &token));
    return reply_token(req, &token);
}

static bool is_token(myl_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '.' || c == '_' || c == '~' || c == '-'))
            return false;
    }
    return text.len > 0 && text.len <= MOST_LETTERS;
}

static myl_rc check_expiry(myl_req *req, int64_t expiry_ms)
{
    if (expiry_ms < myl_now_ms())
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "expiry_time: lies in the past");
    return MYL_OK;
}

myl_rc myl_admin_new_token(myl_req *req, const myl_body_registration_token_new *in)
{
    myl_registration_token token = {.token = in->token, .uses_allowed = -1, .expiry_ms = -1},
                           present;

    if (!myl_str_present(token.token))
        token.token = myl_crypto_random_text(&req->cx, (size_t)in->length);
    if (!is_token(token.token))
        return myl_fail(&req->cx, MYL_INVALID_PARAM,
                        "token: only letters, digits and ._~- may be in it");
    MYL_TRY(myl_user_registration_token(&req->cx, token.token, &present));
    if (myl_str_present(present.token))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "token: there is one of this name already");
    if (in->has_uses_allowed)
        token.uses_allowed = in->uses_allowed;
    if (in->has_expiry_time) {
        MYL_TRY(check_expiry(req, in->expiry_time));
        token.expiry_ms = in->expiry_time;
    }
    MYL_TRY(myl_user_put_registration_token(&req->cx, &token));
    return reply_token(req, &token);
}

/* null lifts a bound; what is not named stays. */
myl_rc myl_admin_put_token(myl_req *req, const myl_body_registration_token_update *in)
{
    myl_registration_token token;

    MYL_TRY(find_token(req, &token));
    if (MYL_JSON_AT(in->json, "uses_allowed") != NULL)
        token.uses_allowed = in->has_uses_allowed ? in->uses_allowed : -1;
    if (in->has_expiry_time)
        MYL_TRY(check_expiry(req, in->expiry_time));
    if (MYL_JSON_AT(in->json, "expiry_time") != NULL)
        token.expiry_ms = in->has_expiry_time ? in->expiry_time : -1;
    MYL_TRY(myl_user_put_registration_token(&req->cx, &token));
    return reply_token(req, &token);
}

myl_rc myl_admin_delete_token(myl_req *req, const myl_body_none *in)
{
    myl_registration_token token;

    MYL_UNUSED(in);
    MYL_TRY(find_token(req, &token));
    MYL_TRY(myl_user_drop_registration_token(&req->cx, token.token));
    return myl_reply_empty(req);
}
