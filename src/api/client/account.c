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
