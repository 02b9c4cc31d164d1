/* policy.c: a request whose event a policy server must sign first, or for which states must be resolved first.
 *
 * Why:     any handler that sends may be told so by the room (MYL_UNSIGNED, MYL_UNRESOLVED); it is answered here, for all of them:
 *          the server is asked (the states are resolved) on a lane, then the handler runs again from the top, with the state of
 *          its own plan.
 * Threads: the handler's; a lane asks.
 * Spec:    Server-Server API, Policy Servers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/api_own.h"

#include <myelin/fed_policy.h>
#include <myelin/fed_rooms.h>
#include <myelin/http_request.h>

static myl_rc ask(myl_req *req, void *state)
{
    MYL_UNUSED(state);
    return myl_fed_policy_sign(&req->cx);
}

static myl_rc resolve(myl_req *req, void *state)
{
    MYL_UNUSED(state);
    MYL_TRY(myl_fed_resolve_ahead(&req->cx));
    return req->cx.ahead->given_up
               ? myl_fail(&req->cx, MYL_BUSY, "the room moves on faster than its state is resolved")
               : MYL_OK;
}

bool myl_api_policy_refused(myl_req *req)
{
    struct myl_policy_desk *desk = req->cx.policy;

    if (desk == NULL)
        return false;
    desk->at = 0;
    if (desk->refusal_status == 0)
        return false;
    (void)myl_reply_json(req, desk->refusal_status, desk->refusal);
    return true;
}

myl_rc myl_api_policy_answer(myl_req *req, myl_rc rc)
{
    if (rc == MYL_FORBIDDEN && req->cx.policy != NULL && req->cx.policy->refusal_status != 0) {
        myl_forgive(&req->cx); /* asked within the handler, on a lane */
        (void)myl_api_policy_refused(req);
        return MYL_OK;
    }
    if (rc != MYL_UNSIGNED && rc != MYL_UNRESOLVED)
        return rc;
    myl_forgive(&req->cx);
    if (rc == MYL_UNRESOLVED)
        return myl_req_need(req, MYL_LANE_HEAVY, resolve, req->plan.state);
    return myl_req_need(req, MYL_LANE_REMOTE, ask, req->plan.state);
}
