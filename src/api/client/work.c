/* work.c: pieces of work that lanes do for one request, found again in each later round.
 *
 * Threads: the handler's. Memory: the request's job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

myl_rc myl_client_work_done(myl_req *req, const myl_client_work *asked, myl_lane lane,
                            myl_rc (*run)(myl_req *req, void *state), const myl_client_work **out)
{
    myl_client_work *work;

    for (work = req->plan.state; work != NULL; work = work->before) {
        *out = work;
        if (work->kind == asked->kind && myl_crypto_equal(work->input, asked->input) &&
            myl_crypto_equal(work->stored, asked->stored))
            return MYL_OK;
    }
    work = myl_new(&req->cx, myl_client_work);
    *work = *asked;
    work->stored = myl_keep(&req->cx, asked->stored);
    work->before = req->plan.state;
    return myl_req_need(req, lane, run, work);
}
