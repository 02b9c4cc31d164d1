/* login.c: sessions: login, logout, whoami.
 *
 * Spec:    Client-Server API, Login; Current account information.
 * Threads: the engine; the password is verified on its lane between two rounds.
 * Holds:   whether a user exists cannot be told: both ways run one Argon2id and give one answer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

/* ---- names ---- */

myl_str myl_client_user_id(myl_ctx *cx, myl_str name)
{
    myl_str server = myl_room_server()->server_name;

    if (name.len > 0 && name.at[0] == '@')
        return myl_id_is_user(name) && myl_id_is_ours(name, server) ? name : MYL_ABSENT;
    return myl_strf(cx, "@%.*s:%.*s", MYL_FMT(name), MYL_FMT(server));
}

myl_rc myl_client_require_self(myl_req *req)
{
    if (!myl_str_equal(req->path.user_id, req->caller.user_id))
        return myl_fail(&req->cx, MYL_FORBIDDEN, "userId: not your own");
    return MYL_OK;
}

/* ---- sessions ---- */

myl_rc myl_client_open_session(myl_req *req, const myl_new_session *session)
{
    myl_writer w = myl_write_start(&req->cx, 256);
    myl_session opened;

    MYL_TRY(myl_user_open_session(&req->cx, session, &opened));
    myl_write_open(&w, '{');
    myl_write_str(&w, "access_token", opened.access_token);
    myl_write_str(&w, "device_id", opened.device_id);
    myl_write_str(&w, "home_server", myl_room_server()->server_name);
    myl_write_str(&w, "user_id", session->user_id);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_login_flows(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return myl_reply_json(req, 200, MYL_S("{\"flows\":[{\"type\":\"m.login.password\"}]}"));
}

/* The user of `identifier`, or of the older `user`. */
static myl_rc named_user(myl_req *req, const myl_body_login *in, myl_str *user_id)
{
    myl_str name = in->user;

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

static myl_rc check_account(myl_req *req, const myl_account *account, const myl_password_work *work)
{
    bool unchanged = myl_crypto_equal(account->password_hash, work->encoded);

    if (!work->right || !account->exists || !unchanged)
        return myl_fail(&req->cx, MYL_BAD_CREDENTIALS, "wrong user name or password");
    if (account->deactivated)
        return myl_fail(&req->cx, MYL_USER_DEACTIVATED, "this account was deactivated");
    return account->locked ? myl_fail(&req->cx, MYL_USER_LOCKED, "this account is locked") : MYL_OK;
}

myl_rc myl_client_login(myl_req *req, const myl_body_login *in)
{
    const myl_password_work *work;
    myl_account account = {0};
    myl_new_session session = {.device_id = in->device_id,
                               .display_name = in->initial_device_display_name,
                               .address = req->address};

    if (!myl_str_equal(in->type, MYL_S("m.login.password")))
        return myl_fail(&req->cx, MYL_BAD_REQUEST, "type: only m.login.password is supported");
    if (!myl_str_present(in->password))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "password: missing");
    MYL_TRY(named_user(req, in, &session.user_id));
    if (myl_str_present(session.user_id))
        MYL_TRY(myl_user_account(&req->cx, session.user_id, &account));
    MYL_TRY(myl_client_verify_password(req, in->password, account.password_hash, &work));
    MYL_TRY(check_account(req, &account, work));
    return myl_client_open_session(req, &session);
}

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
