/* registration.c: new accounts.
 *
 * Spec:    Client-Server API, Account registration.
 * Threads: the engine; the password is hashed on its lane between two rounds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/base_clock.h>

enum { LOCALPART_LETTERS = 12 };

/* ---- what is asked ---- */

static myl_rc check_kind(myl_req *req)
{
    myl_str kind = myl_req_query(req, "kind");

    if (!myl_str_present(kind) || myl_str_equal(kind, MYL_S("user")))
        return MYL_OK;
    if (myl_str_equal(kind, MYL_S("guest")))
        return myl_fail(&req->cx, MYL_GUEST_FORBIDDEN, "this server takes no guests");
    return myl_fail(&req->cx, MYL_INVALID_PARAM, "kind: expected user or guest");
}

/* The user id that is asked for, or a random one. Refused early, before anybody types a password. */
static myl_rc choose_user_id(myl_req *req, const myl_body_register *in, myl_str *user_id)
{
    myl_str server = myl_room_server()->server_name, localpart = in->username;
    bool exists;

    if (!myl_str_present(localpart)) {
        char *low = myl_cstr(&req->cx, myl_crypto_random_text(&req->cx, LOCALPART_LETTERS));

        for (char *at = low; *at != '\0'; at++)
            *at = (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
        localpart = myl_str_of(low);
    }
    if (!myl_id_is_new_localpart(localpart, server))
        return myl_fail(&req->cx, MYL_INVALID_USERNAME,
                        "username: only a-z, 0-9 and ._=-/+ may be in it, 255 bytes in all");
    *user_id = myl_strf(&req->cx, "@%.*s:%.*s", MYL_FMT(localpart), MYL_FMT(server));
    MYL_TRY(myl_user_exists(&req->cx, *user_id, &exists));
    return exists ? myl_fail(&req->cx, MYL_USER_IN_USE, "username: taken") : MYL_OK;
}

static myl_rc check_open(myl_req *req)
{
    const myl_config *config = myl_api_config();

    if (!config->registration_enabled)
        return myl_fail(&req->cx, MYL_FORBIDDEN, "registration is closed on this server");
    return MYL_OK;
}

static bool is_configured_token(myl_str token)
{
    myl_str configured = myl_api_config()->registration_token.text;

    return configured.len > 0 && myl_crypto_equal(token, configured);
}

myl_rc myl_client_registration_token_valid(myl_req *req, myl_str token, bool *out)
{
    *out = is_configured_token(token);
    return *out ? MYL_OK : myl_user_registration_token_valid(&req->cx, token, myl_now_ms(), out);
}

static myl_rc authenticate(myl_req *req, const myl_body_register *in, myl_uia_session *session,
                           bool *passed)
{
    static const unsigned open_flow[] = {MYL_UIA_DUMMY},
                          token_flow[] = {MYL_UIA_REGISTRATION_TOKEN};
    bool is_open = myl_api_config()->registration_open;
    myl_uia_ask ask = {.flows = is_open ? open_flow : token_flow,
                       .flow_count = 1,
                       .binding = MYL_S("POST register"),
                       .auth = in->auth};

    return myl_client_uia(req, &ask, session, passed);
}

/* ---- making it ---- */

static myl_rc finish(myl_req *req, const myl_body_register *in, myl_str user_id,
                     myl_str password_hash)
{
    myl_new_account account = {.user_id = user_id, .password_hash = password_hash};
    myl_new_session session = {.user_id = user_id,
                               .device_id = in->device_id,
                               .display_name = in->initial_device_display_name,
                               .address = req->address};
    uint64_t user;
    myl_writer w;

    MYL_TRY(myl_user_create(&req->cx, &account, &user));
    if (!in->inhibit_login)
        return myl_client_open_session(req, &session);
    w = myl_write_start(&req->cx, 128);
    myl_write_open(&w, '{');
    myl_write_str(&w, "home_server", myl_room_server()->server_name);
    myl_write_str(&w, "user_id", user_id);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_register_available(myl_req *req, const myl_body_none *in)
{
    myl_body_register asked = {.username = myl_req_query(req, "username")};
    myl_str user_id;

    MYL_UNUSED(in);
    if (!myl_str_present(asked.username))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "username: missing");
    MYL_TRY(check_open(req));
    MYL_TRY(choose_user_id(req, &asked, &user_id));
    return myl_reply_json(req, 200, MYL_S("{\"available\":true}"));
}

myl_rc myl_client_register(myl_req *req, const myl_body_register *in)
{
    const myl_password_work *work;
    myl_uia_session session;
    myl_str user_id;
    bool passed;

    MYL_TRY(check_kind(req));
    MYL_TRY(check_open(req));
    MYL_TRY(choose_user_id(req, in, &user_id));
    MYL_TRY(authenticate(req, in, &session, &passed));
    if (!passed)
        return MYL_OK;
    if (!myl_str_present(in->password))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "password: missing");
    MYL_TRY(myl_client_hash_password(req, in->password, &work));
    if ((session.done & MYL_UIA_REGISTRATION_TOKEN) != 0 && !is_configured_token(session.note))
        MYL_TRY(myl_user_use_registration_token(&req->cx, session.note, myl_now_ms()));
    MYL_TRY(myl_uia_end(&req->cx, &session));
    return finish(req, in, user_id, work->encoded);
}

myl_rc myl_client_registration_token_validity(myl_req *req, const myl_body_none *in)
{
    myl_str token = myl_req_query(req, "token");
    myl_writer w = myl_write_start(&req->cx, 32);
    bool valid;

    MYL_UNUSED(in);
    if (!myl_str_present(token))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "token: missing");
    MYL_TRY(check_open(req));
    MYL_TRY(myl_client_registration_token_valid(req, token, &valid));
    myl_write_open(&w, '{');
    myl_write_bool(&w, "valid", valid);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
