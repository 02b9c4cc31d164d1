/* user_change.c: accounts made, changed, closed and entered by administrators.
 *
 * Threads: the engine; passwords are hashed on their lane between two rounds.
 * Holds:   nobody takes their own administrator's rights away.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/admin/admin_own.h"

#include <myelin/room_deactivate.h>
#include <myelin/room_profile.h>

/* ---- create or modify ---- */

/* What this server has no place for. */
static myl_rc check_supported(myl_req *req, const myl_body_user *in)
{
    if (in->threepids_count > 0)
        return myl_fail(&req->cx, MYL_INVALID_PARAM,
                        "threepids: this server keeps no addresses of its users");
    if (in->external_ids_count > 0)
        return myl_fail(&req->cx, MYL_INVALID_PARAM,
                        "external_ids: this server knows no other providers of accounts");
    if (myl_str_present(in->user_type))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "user_type: there are no types of users");
    if (in->has_deactivated && in->deactivated && in->has_locked && in->locked)
        return myl_fail(&req->cx, MYL_INVALID_PARAM,
                        "locked: a deactivated account cannot be locked");
    return MYL_OK;
}

static myl_rc set_flag(myl_req *req, uint64_t user, myl_standing standing, bool has, bool value)
{
    if (!has)
        return MYL_OK;
    if (standing == MYL_STANDING_ADMIN && !value && user == req->caller.user)
        return myl_fail(&req->cx, MYL_BAD_REQUEST, "admin: you may not demote yourself");
    return myl_user_set_standing(&req->cx, user, standing, value);
}

static myl_rc set_field(myl_req *req, uint64_t user, const char *field, myl_str value)
{
    myl_caller of = {.user_id = req->path.user_id, .user = user};

    if (!myl_str_present(value))
        return MYL_OK;
    if (value.len > MYL_LIMIT_PROFILE_BYTES)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "%s: longer than %d bytes", field,
                        MYL_LIMIT_PROFILE_BYTES);
    return myl_room_profile_set(&req->cx, &of, myl_str_of(field),
                                value.len > 0 ? myl_json_of_str(&req->cx, value) : NULL);
}

static myl_rc end_sessions(myl_ctx *cx, uint64_t user)
{
    bool left;

    return myl_user_devices_delete(cx, user, 0, SIZE_MAX, &left);
}

static myl_rc set_password(myl_req *req, const myl_body_user *in, const myl_account *account,
                           myl_str encoded)
{
    bool reopens = account->deactivated && in->has_deactivated && !in->deactivated;

    if (reopens && !myl_str_present(encoded))
        return myl_fail(&req->cx, MYL_BAD_REQUEST,
                        "password: must be given to open a deactivated account again");
    if (reopens)
        return myl_user_reopen(&req->cx, account->user, encoded);
    if (!myl_str_present(encoded))
        return MYL_OK;
    MYL_TRY(myl_user_set_password(&req->cx, account->user, encoded));
    return in->logout_devices ? end_sessions(&req->cx, account->user) : MYL_OK;
}

static myl_rc modify(myl_req *req, const myl_body_user *in, myl_account *account, myl_str encoded)
{
    uint64_t user = account->user;

    if (in->has_deactivated && in->deactivated && user == req->caller.user)
        return myl_fail(&req->cx, MYL_BAD_REQUEST, "deactivated: you may not close your own");
    MYL_TRY(set_password(req, in, account, encoded));
    MYL_TRY(set_field(req, user, "displayname", in->displayname));
    MYL_TRY(set_field(req, user, "avatar_url", in->avatar_url));
    MYL_TRY(set_flag(req, user, MYL_STANDING_ADMIN, in->has_admin, in->admin));
    MYL_TRY(set_flag(req, user, MYL_STANDING_LOCKED, in->has_locked, in->locked));
    MYL_TRY(set_flag(req, user, MYL_STANDING_SUSPENDED, in->has_suspended, in->suspended));
    if (in->has_deactivated && in->deactivated && !account->deactivated)
        return myl_room_deactivate(&req->cx, user, false);
    return MYL_OK;
}

myl_rc myl_admin_put_user(myl_req *req, const myl_body_user *in)
{
    myl_ctx *cx = &req->cx;
    myl_str encoded = MYL_ABSENT;
    myl_account account;
    bool is_new;

    if (!myl_id_is_ours(req->path.user_id, myl_room_server()->server_name))
        return myl_fail(cx, MYL_INVALID_PARAM, "userId: not a user of this server");
    MYL_TRY(check_supported(req, in));
    MYL_TRY(myl_user_account(cx, req->path.user_id, &account));
    is_new = !account.exists;
    if (myl_str_present(in->password))
        MYL_TRY(myl_client_hash_password(req, in->password, &encoded));
    if (is_new) {
        myl_new_account made = {.user_id = req->path.user_id,
                                .password_hash = encoded,
                                .display_name = in->displayname};

        MYL_TRY(myl_user_create(cx, &made, &account.user));
        encoded = MYL_ABSENT;
    }
    MYL_TRY(modify(req, in, &account, encoded));
    return myl_admin_reply_user(req, is_new ? 201 : 200);
}

/* ---- one thing at a time ---- */

myl_rc myl_admin_reset_password(myl_req *req, const myl_body_user_reset_password *in)
{
    myl_account account;
    myl_str encoded;

    MYL_TRY(myl_admin_account(req, &account));
    if (account.deactivated)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "userId: the account is closed");
    MYL_TRY(myl_client_hash_password(req, in->new_password, &encoded));
    MYL_TRY(myl_user_set_password(&req->cx, account.user, encoded));
    if (in->logout_devices)
        MYL_TRY(end_sessions(&req->cx, account.user));
    return myl_reply_empty(req);
}

myl_rc myl_admin_deactivate(myl_req *req, const myl_body_user_deactivate *in)
{
    myl_writer w = myl_write_start(&req->cx, 64);
    myl_account account;

    MYL_TRY(myl_admin_account(req, &account));
    if (account.user == req->caller.user)
        return myl_fail(&req->cx, MYL_BAD_REQUEST, "userId: you may not close your own account");
    MYL_TRY(myl_room_deactivate(&req->cx, account.user, in->erase));
    myl_write_open(&w, '{');
    myl_write_str(&w, "id_server_unbind_result", MYL_S("success"));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_user_admin(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 32);
    myl_account account;

    MYL_UNUSED(in);
    MYL_TRY(myl_admin_account(req, &account));
    myl_write_open(&w, '{');
    myl_write_bool(&w, "admin", account.is_admin);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* An account that lives: of a closed one no right can be changed. */
static myl_rc open_account(myl_req *req, myl_account *account)
{
    MYL_TRY(myl_admin_account(req, account));
    if (account->deactivated)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "userId: the account is closed");
    return MYL_OK;
}

myl_rc myl_admin_put_user_admin(myl_req *req, const myl_body_user_admin *in)
{
    myl_account account;

    MYL_TRY(open_account(req, &account));
    MYL_TRY(set_flag(req, account.user, MYL_STANDING_ADMIN, true, in->admin));
    return myl_reply_empty(req);
}

myl_rc myl_admin_suspend(myl_req *req, const myl_body_user_suspend *in)
{
    myl_writer w = myl_write_start(&req->cx, 64);
    myl_account account;

    MYL_TRY(open_account(req, &account));
    MYL_TRY(set_flag(req, account.user, MYL_STANDING_SUSPENDED, true, in->suspend));
    myl_write_open(&w, '{');
    myl_write_bool(&w,
                   myl_cstr(&req->cx,
                            myl_strf(&req->cx, "user_%.*s_suspended", MYL_FMT(req->path.user_id))),
                   in->suspend);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* A session of somebody else's account, on a device of its own, for those who must look for themselves. */
myl_rc myl_admin_login(myl_req *req, const myl_body_user_login *in)
{
    myl_writer w = myl_write_start(&req->cx, 128);
    myl_new_session session = {.user_id = req->path.user_id,
                               .display_name = MYL_S("Administration"),
                               .address = req->address};
    myl_account account;
    myl_session opened;

    MYL_TRY(open_account(req, &account));
    if (account.user == req->caller.user)
        return myl_fail(&req->cx, MYL_BAD_REQUEST, "userId: you are logged in as yourself already");
    if (in->has_valid_until_ms) {
        session.access_lifetime_ms = in->valid_until_ms - myl_now_ms();
        if (session.access_lifetime_ms <= 0)
            return myl_fail(&req->cx, MYL_INVALID_PARAM, "valid_until_ms: lies in the past");
    }
    MYL_TRY(myl_user_open_session(&req->cx, &session, &opened));
    myl_write_open(&w, '{');
    myl_write_str(&w, "access_token", opened.access_token);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
