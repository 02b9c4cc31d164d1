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

static myl_rc check_kind(myl_req *req, bool *is_guest)
{
    myl_str kind = myl_req_query(req, "kind");

    *is_guest = myl_str_equal(kind, MYL_S("guest"));
    if (!myl_str_present(kind) || *is_guest || myl_str_equal(kind, MYL_S("user")))
        return MYL_OK;
    return myl_fail(&req->cx, MYL_INVALID_PARAM, "kind: expected user or guest");
}

/* The user id that is asked for, or a random one. Refused early, before anybody types a password. */
static myl_rc choose_user_id(myl_req *req, const myl_body_register *in, myl_str *user_id)
{
    myl_str server = myl_room_server()->server_name, localpart = in->username;
    bool exists;

    if (!myl_str_present(localpart))
        localpart = myl_crypto_random_text(&req->cx, LOCALPART_LETTERS);
    localpart = myl_client_small(&req->cx, localpart);
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

/* All that this server asks, in one flow. */
static myl_rc authenticate(myl_req *req, const myl_body_register *in, myl_uia_session *session,
                           bool *passed)
{
    const myl_config *config = myl_api_config();
    unsigned flow = (config->registration_recaptcha_site_key.len > 0 ? MYL_UIA_RECAPTCHA : 0u) |
                    (config->registration_terms.count > 0 ? MYL_UIA_TERMS : 0u) |
                    (config->registration_open ? 0u : MYL_UIA_REGISTRATION_TOKEN);
    myl_uia_ask ask = {.flows = &flow,
                       .flow_count = 1,
                       .matters = in->guest_access_token,
                       .auth = in->auth};

    if (flow == 0)
        flow = MYL_UIA_DUMMY;
    return myl_client_uia(req, &ask, session, passed);
}

/* ---- making it ---- */

static myl_rc reply_without_session(myl_req *req, myl_str user_id)
{
    myl_writer w = myl_write_start(&req->cx, 128);

    myl_write_open(&w, '{');
    myl_write_str(&w, "home_server", myl_room_server()->server_name);
    myl_write_str(&w, "user_id", user_id);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* `guest`: the account is there already and becomes an ordinary one; 0: it is made. */
static myl_rc finish(myl_req *req, const myl_body_register *in, const myl_new_account *account,
                     uint64_t guest)
{
    myl_new_session session = {.user_id = account->user_id,
                               .device_id = account->is_guest ? MYL_ABSENT : in->device_id,
                               .display_name = in->initial_device_display_name,
                               .refreshable = in->refresh_token};
    uint64_t user;

    if (guest != 0)
        MYL_TRY(myl_user_upgrade_guest(&req->cx, guest, account->password_hash));
    else
        MYL_TRY(myl_user_create(&req->cx, account, &user));
    return in->inhibit_login && !account->is_guest ? reply_without_session(req, account->user_id)
                                                   : myl_client_open_session(req, session);
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

/* A guest has a number for a name, no password, and nothing to confirm. */
static myl_rc register_guest(myl_req *req, const myl_body_register *in)
{
    myl_new_account account = {.is_guest = true};

    if (!myl_api_config()->registration_guests)
        return myl_fail(&req->cx, MYL_GUEST_FORBIDDEN, "this server takes no guests");
    account.user_id =
        myl_strf(&req->cx, "@%llu:%.*s", (unsigned long long)(myl_crypto_random_u64() >> 12),
                 MYL_FMT(myl_room_server()->server_name));
    return finish(req, in, &account, 0);
}

/* The guest whose token is shown, who becomes an ordinary user under the same name; 0: none is shown. */
static myl_rc find_guest(myl_req *req, const myl_body_register *in, myl_str *user_id,
                         uint64_t *guest)
{
    myl_caller caller;

    *guest = 0;
    if (!myl_str_present(in->guest_access_token))
        return MYL_OK;
    MYL_TRY(myl_user_of_token(&req->cx, in->guest_access_token, &caller));
    if (!caller.is_guest)
        return myl_fail(&req->cx, MYL_FORBIDDEN, "guest_access_token: not a guest's");
    if (!myl_str_equal(in->username, myl_id_localpart(caller.user_id)))
        return myl_fail(&req->cx, MYL_INVALID_USERNAME,
                        "username: a guest keeps the name that it has");
    *user_id = caller.user_id;
    *guest = caller.user;
    return MYL_OK;
}

static myl_rc check_type(myl_req *req, const myl_body_register *in)
{
    if (myl_str_equal(in->type, MYL_S("m.login.application_service")))
        return myl_fail(&req->cx, MYL_FORBIDDEN,
                        "type: only a registered application service may register so");
    return MYL_OK;
}

myl_rc myl_client_register(myl_req *req, const myl_body_register *in)
{
    myl_new_account account = {0};
    myl_uia_session session;
    bool passed, is_guest;
    uint64_t guest;

    MYL_TRY(check_kind(req, &is_guest));
    if (is_guest)
        return register_guest(req, in);
    MYL_TRY(check_type(req, in));
    MYL_TRY(check_open(req));
    MYL_TRY(find_guest(req, in, &account.user_id, &guest));
    if (guest == 0)
        MYL_TRY(choose_user_id(req, in, &account.user_id));
    if (myl_str_present(in->password))
        MYL_TRY(myl_client_check_new_password(req, in->password));
    MYL_TRY(authenticate(req, in, &session, &passed));
    if (!passed)
        return MYL_OK;
    if (!myl_str_present(in->password))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "password: missing");
    MYL_TRY(myl_client_hash_password(req, in->password, &account.password_hash));
    if ((session.done & MYL_UIA_REGISTRATION_TOKEN) != 0 && !is_configured_token(session.note))
        MYL_TRY(myl_user_use_registration_token(&req->cx, session.note, myl_now_ms()));
    MYL_TRY(myl_uia_end(&req->cx, &session));
    return finish(req, in, &account, guest);
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
