/* login.c: sessions: login, refresh, logout, whoami.
 *
 * Spec:    Client-Server API, Login; Refreshing access tokens; Current account information.
 * Threads: the engine; the password is verified on its lane between two rounds.
 * Holds:   whether a user exists cannot be told: both ways run one Argon2id and give one answer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/user_ticket.h>

/* ---- names ---- */

myl_str myl_client_user_id(myl_ctx *cx, myl_str name)
{
    myl_str server = myl_room_server()->server_name;

    if (name.len > 0 && name.at[0] == '@')
        return myl_id_is_user(name) && myl_id_is_ours(name, server) ? name : MYL_ABSENT;
    return myl_strf(cx, "@%.*s:%.*s", MYL_FMT(name), MYL_FMT(server));
}

myl_str myl_client_small(myl_ctx *cx, myl_str name)
{
    char *small = myl_cstr(cx, name);

    for (size_t i = 0; i < name.len; i++)
        if (small[i] >= 'A' && small[i] <= 'Z')
            small[i] = (char)(small[i] - 'A' + 'a');
    return (myl_str){small, name.len};
}

myl_rc myl_client_require_self(myl_req *req)
{
    if (!myl_str_equal(req->path.user_id, req->caller.user_id))
        return myl_fail(&req->cx, MYL_FORBIDDEN, "userId: not your own");
    return MYL_OK;
}

/* ---- sessions ---- */

void myl_client_lifetimes(myl_new_session *session)
{
    const myl_config *config = myl_api_config();

    session->access_lifetime_ms = session->refreshable ? config->sessions_access_token_lifetime
                                                       : config->sessions_plain_lifetime;
    session->refresh_lifetime_ms = config->sessions_refresh_token_lifetime;
}

static void write_tokens(myl_writer *w, const myl_new_session *session, const myl_session *opened)
{
    myl_write_str(w, "access_token", opened->access_token);
    if (session->access_lifetime_ms != 0)
        myl_write_int(w, "expires_in_ms", session->access_lifetime_ms);
    myl_write_str(w, "refresh_token", opened->refresh_token);
}

myl_rc myl_client_open_session(myl_req *req, myl_new_session session)
{
    myl_str base_url = myl_api_config()->well_known_client_base_url;
    myl_writer w = myl_write_start(&req->cx, 256);
    myl_session opened;

    myl_client_lifetimes(&session);
    session.address = req->address;
    MYL_TRY(myl_user_open_session(&req->cx, &session, &opened));
    myl_write_open(&w, '{');
    write_tokens(&w, &session, &opened);
    myl_write_str(&w, "device_id", opened.device_id);
    myl_write_str(&w, "home_server", myl_room_server()->server_name);
    myl_write_str(&w, "user_id", session.user_id);
    if (base_url.len > 0) {
        myl_write_open_key(&w, "well_known", '{');
        myl_write_open_key(&w, "m.homeserver", '{');
        myl_write_str(&w, "base_url", base_url);
        myl_write_close(&w, '}');
        myl_write_close(&w, '}');
    }
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_refresh(myl_req *req, const myl_body_refresh *in)
{
    myl_writer w = myl_write_start(&req->cx, 256);
    myl_new_session session = {.refreshable = true};
    myl_session opened;

    myl_client_lifetimes(&session);
    MYL_TRY(myl_user_refresh(&req->cx, in->refresh_token, &session, &opened));
    myl_write_open(&w, '{');
    write_tokens(&w, &session, &opened);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- ways to log in ---- */

myl_rc myl_client_login_flows(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 128);

    MYL_UNUSED(in);
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "flows", '[');
    myl_write_open(&w, '{');
    myl_write_str(&w, "type", MYL_S("m.login.password"));
    myl_write_close(&w, '}');
    if (myl_api_config()->sessions_login_tokens) {
        myl_write_open(&w, '{');
        myl_write_bool(&w, "get_login_token", true);
        myl_write_str(&w, "type", MYL_S("m.login.token"));
        myl_write_close(&w, '}');
    }
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* Nobody here has an address or a phone number. */
bool myl_client_is_third_party(myl_str identifier_type)
{
    return myl_str_equal(identifier_type, MYL_S("m.id.thirdparty")) ||
           myl_str_equal(identifier_type, MYL_S("m.id.phone"));
}

/* The user of `identifier`, or of the older `user`; absent when it cannot be one of ours. */
static myl_rc named_user(myl_req *req, const myl_body_login *in, myl_str *user_id)
{
    myl_str name = in->user;
    bool third_party = in->identifier != NULL
                           ? myl_client_is_third_party(in->identifier->type)
                           : !myl_str_present(name) && myl_str_present(in->address);

    if (third_party)
        return myl_fail(&req->cx, MYL_FORBIDDEN, "wrong user name or password");
    if (in->identifier != NULL) {
        if (!myl_str_equal(in->identifier->type, MYL_S("m.id.user")))
            return myl_fail(&req->cx, MYL_BAD_REQUEST,
                            "identifier.type: only m.id.user is supported");
        name = in->identifier->user;
    }
    if (!myl_str_present(name))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "identifier.user: missing");
    *user_id = myl_client_user_id(&req->cx, name);
    return MYL_OK;
}

/* Told only to who has proven to be the user. */
static myl_rc check_standing(myl_req *req, const myl_account *account)
{
    if (account->deactivated)
        return myl_fail(&req->cx, MYL_USER_DEACTIVATED, "this account was deactivated");
    if (account->locked) {
        myl_fail(&req->cx, MYL_USER_LOCKED, "this account is locked");
        req->cx.error.members = MYL_S("\"soft_logout\":true");
        return MYL_USER_LOCKED;
    }
    return MYL_OK;
}

static myl_rc by_password(myl_req *req, const myl_body_login *in, myl_str *user_id)
{
    myl_account account = {0};
    bool right;

    if (!myl_str_present(in->password))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "password: missing");
    MYL_TRY(named_user(req, in, user_id));
    if (myl_str_present(*user_id))
        MYL_TRY(myl_user_account(&req->cx, *user_id, &account));
    if (myl_str_present(*user_id) && !account.exists) {
        *user_id = myl_client_small(&req->cx, *user_id); /* people write their names as they like */
        MYL_TRY(myl_user_account(&req->cx, *user_id, &account));
    }
    MYL_TRY(myl_client_verify_password(req, *user_id, in->password, account.password_hash, &right));
    if (!right)
        return myl_fail(&req->cx, MYL_BAD_CREDENTIALS, "wrong user name or password");
    return check_standing(req, &account);
}

/* It serves once, also when it is refused for the account's standing. */
static myl_rc by_token(myl_req *req, const myl_body_login *in, myl_str *user_id)
{
    myl_account account;

    if (!myl_str_present(in->token))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "token: missing");
    MYL_TRY(myl_user_ticket_find(&req->cx, MYL_TICKET_LOGIN, in->token, user_id));
    if (!myl_str_present(*user_id))
        return myl_fail(&req->cx, MYL_BAD_CREDENTIALS, "the login token is not valid");
    MYL_TRY(myl_user_ticket_end(&req->cx, in->token));
    MYL_TRY(myl_user_account(&req->cx, *user_id, &account));
    return check_standing(req, &account);
}

static myl_rc prove(myl_req *req, const myl_body_login *in, myl_str *user_id)
{
    if (myl_str_equal(in->type, MYL_S("m.login.password")))
        return by_password(req, in, user_id);
    if (myl_str_equal(in->type, MYL_S("m.login.token")))
        return by_token(req, in, user_id);
    if (myl_str_equal(in->type, MYL_S("m.login.application_service")))
        return myl_fail(&req->cx, MYL_FORBIDDEN,
                        "type: only a registered application service may log in so");
    return myl_fail(&req->cx, MYL_BAD_REQUEST,
                    "type: only m.login.password and m.login.token are supported");
}

myl_rc myl_client_login(myl_req *req, const myl_body_login *in)
{
    myl_new_session session = {.device_id = in->device_id,
                               .display_name = in->initial_device_display_name,
                               .refreshable = in->refresh_token};

    MYL_TRY(prove(req, in, &session.user_id));
    return myl_client_open_session(req, session);
}

myl_rc myl_client_login_token(myl_req *req, const myl_body_auth_only *in)
{
    int64_t lifetime_ms = myl_api_config()->sessions_login_token_lifetime;
    myl_writer w = myl_write_start(&req->cx, 128);
    myl_str ticket;
    bool passed;

    if (!myl_api_config()->sessions_login_tokens)
        return myl_fail(&req->cx, MYL_UNRECOGNIZED, "login tokens are off on this server");
    MYL_TRY(myl_client_confirm(req, in->auth, MYL_ABSENT, &passed));
    if (!passed)
        return MYL_OK;
    MYL_TRY(
        myl_user_ticket_new(&req->cx, MYL_TICKET_LOGIN, req->caller.user, lifetime_ms, &ticket));
    myl_write_open(&w, '{');
    myl_write_int(&w, "expires_in", lifetime_ms / 1000); /* older clients */
    myl_write_int(&w, "expires_in_ms", lifetime_ms);
    myl_write_str(&w, "login_token", ticket);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- their end ---- */

myl_rc myl_client_logout(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    MYL_TRY(myl_user_logout(&req->cx, &req->caller, false));
    return myl_reply_empty(req);
}

myl_rc myl_client_logout_all(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    MYL_TRY(myl_user_logout(&req->cx, &req->caller, true));
    return myl_reply_empty(req);
}

myl_rc myl_client_whoami(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 128);

    MYL_UNUSED(in);
    myl_write_open(&w, '{');
    myl_write_str(&w, "device_id", req->caller.device_id);
    myl_write_bool(&w, "is_guest", req->caller.is_guest);
    myl_write_str(&w, "user_id", req->caller.user_id);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
