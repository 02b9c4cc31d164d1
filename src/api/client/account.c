/* account.c: a user's own account: password, deactivation.
 *
 * Spec:    Client-Server API, Password management; Account deactivation.
 * Threads: the engine; passwords are hashed and verified on their lane between two rounds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/room_deactivate.h>

/* Without a token these endpoints could only be asked by somebody whom an e-mail or a phone proves: there is no such way. */
static myl_rc require_token(myl_req *req)
{
    if (req->caller.user == 0)
        return myl_fail(&req->cx, MYL_MISSING_TOKEN, "an access token is needed");
    if (req->caller.is_guest)
        return myl_fail(&req->cx, MYL_GUEST_FORBIDDEN, "guests may not do this");
    return MYL_OK;
}

myl_rc myl_client_change_password(myl_req *req, const myl_body_password_change *in)
{
    myl_str encoded;
    bool passed, left;

    MYL_TRY(require_token(req));
    if (!myl_str_present(in->new_password))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "new_password: missing");
    MYL_TRY(myl_client_check_new_password(req, in->new_password));
    MYL_TRY(myl_client_confirm(req, in->auth,
                               in->logout_devices ? MYL_S("all devices") : MYL_S("this device"),
                               &passed));
    if (!passed)
        return MYL_OK;
    MYL_TRY(myl_client_hash_password(req, in->new_password, &encoded));
    MYL_TRY(myl_user_set_password(&req->cx, req->caller.user, encoded));
    if (in->logout_devices)
        MYL_TRY(myl_user_devices_delete(&req->cx, req->caller.user, req->caller.device, SIZE_MAX,
                                        &left));
    return myl_reply_empty(req);
}

myl_rc myl_client_deactivate(myl_req *req, const myl_body_deactivate *in)
{
    bool passed;

    MYL_TRY(require_token(req));
    MYL_TRY(myl_client_confirm(req, in->auth, in->erase ? MYL_S("erase") : MYL_S("keep"), &passed));
    if (!passed)
        return MYL_OK;
    MYL_TRY(myl_room_deactivate(&req->cx, req->caller.user, in->erase));
    return myl_reply_json(req, 200, MYL_S("{\"id_server_unbind_result\":\"success\"}"));
}

/* ---- accounts of others (MSC3720) ---- */

static myl_rc write_status(myl_req *req, myl_writer *w, myl_str user_id)
{
    myl_account account;

    MYL_TRY(myl_user_account(&req->cx, user_id, &account));
    myl_write_open_str(w, user_id, '{');
    if (account.exists)
        myl_write_bool(w, "deactivated", account.deactivated);
    myl_write_bool(w, "exists", account.exists);
    myl_write_close(w, '}');
    return MYL_OK;
}

static bool named_before(const myl_body_account_status *in, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (myl_str_equal(in->user_ids[i], in->user_ids[index]))
            return true;
    return false;
}

/* Other servers are not asked: their users are among the failures. */
myl_rc myl_client_account_status(myl_req *req, const myl_body_account_status *in)
{
    myl_str server = myl_room_server()->server_name;
    myl_writer w = myl_write_start(&req->cx, 512);

    if (in->user_ids_count > MYL_LIMIT_STATUS_USERS)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "user_ids: more than %d",
                        MYL_LIMIT_STATUS_USERS);
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "account_statuses", '{');
    for (size_t i = 0; i < in->user_ids_count; i++)
        if (myl_id_is_ours(in->user_ids[i], server) && !named_before(in, i))
            MYL_TRY(write_status(req, &w, in->user_ids[i]));
    myl_write_close(&w, '}');
    myl_write_open_key(&w, "failures", '[');
    for (size_t i = 0; i < in->user_ids_count; i++)
        if (!myl_id_is_ours(in->user_ids[i], server))
            myl_write_str(&w, NULL, in->user_ids[i]);
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
