/* moderation.c: what server administrators do with accounts by the client-server API: look, lock, suspend.
 *
 * Spec:    Client-Server API, Server administration (whois; MSC4323).
 * Threads: the engine for changes, a read worker otherwise.
 * Holds:   who may not do it learns nothing about the account.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

/* ---- lock and suspend ---- */

/* The account that is meant, after the asker was found to be an administrator. */
static myl_rc open_account(myl_req *req, myl_account *account)
{
    myl_ctx *cx = &req->cx;

    if (!req->caller.is_admin)
        return myl_fail(cx, MYL_FORBIDDEN, "only server administrators may do this");
    if (!myl_id_is_ours(req->path.user_id, myl_room_server()->server_name))
        return myl_fail(cx, MYL_INVALID_PARAM, "userId: not a user of this server");
    MYL_TRY(myl_user_account(cx, req->path.user_id, account));
    if (!account->exists || account->deactivated)
        return myl_fail(cx, MYL_NOT_FOUND, "userId: there is no such account");
    if (account->is_admin)
        return myl_fail(cx, MYL_FORBIDDEN, "userId: an administrator's account");
    return MYL_OK;
}

static myl_rc reply_flag(myl_req *req, const char *name, bool value)
{
    myl_writer w = myl_write_start(&req->cx, 32);

    myl_write_open(&w, '{');
    myl_write_bool(&w, name, value);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_lock(myl_req *req, const myl_body_none *in)
{
    myl_account account;

    MYL_UNUSED(in);
    MYL_TRY(open_account(req, &account));
    return reply_flag(req, "locked", account.locked);
}

myl_rc myl_client_put_lock(myl_req *req, const myl_body_admin_lock *in)
{
    myl_account account;

    MYL_TRY(open_account(req, &account));
    MYL_TRY(myl_user_set_standing(&req->cx, account.user, MYL_STANDING_LOCKED, in->locked));
    return reply_flag(req, "locked", in->locked);
}

myl_rc myl_client_suspend(myl_req *req, const myl_body_none *in)
{
    myl_account account;

    MYL_UNUSED(in);
    MYL_TRY(open_account(req, &account));
    return reply_flag(req, "suspended", account.suspended);
}

myl_rc myl_client_put_suspend(myl_req *req, const myl_body_admin_suspend *in)
{
    myl_account account;

    MYL_TRY(open_account(req, &account));
    MYL_TRY(myl_user_set_standing(&req->cx, account.user, MYL_STANDING_SUSPENDED, in->suspended));
    return reply_flag(req, "suspended", in->suspended);
}

/* ---- whois ---- */

static void write_device(myl_writer *w, const myl_device *device)
{
    myl_write_open_str(w, device->device_id, '{');
    myl_write_open_key(w, "sessions", '[');
    myl_write_open(w, '{');
    myl_write_open_key(w, "connections", '[');
    myl_write_open(w, '{');
    myl_write_str(w, "ip", device->last_seen_ip);
    myl_write_int(w, "last_seen", device->last_seen_ms);
    myl_write_str(w, "user_agent", device->last_seen_agent);
    myl_write_close(w, '}');
    myl_write_close(w, ']');
    myl_write_close(w, '}');
    myl_write_close(w, ']');
    myl_write_close(w, '}');
}

myl_rc myl_client_whois(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 512);
    const myl_device *devices;
    myl_account account;
    size_t count;

    MYL_UNUSED(in);
    if (!req->caller.is_admin && !myl_str_equal(req->path.user_id, req->caller.user_id))
        return myl_fail(&req->cx, MYL_FORBIDDEN, "userId: not your own");
    MYL_TRY(myl_user_account(&req->cx, req->path.user_id, &account));
    if (!account.exists)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "userId: there is no such account");
    MYL_TRY(myl_user_devices(&req->cx, req->path.user_id, &devices, &count));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "devices", '{');
    for (size_t i = 0; i < count; i++)
        write_device(&w, &devices[i]);
    myl_write_close(&w, '}');
    myl_write_str(&w, "user_id", req->path.user_id);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
