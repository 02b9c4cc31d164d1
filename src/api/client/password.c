/* password.c: Argon2id for handlers: on its own lane, never on the engine.
 *
 * Why:     a hash takes some 15 ms of CPU; the engine takes 60 µs for a message.
 * Threads: the handler's; the work runs on the password lane.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

static myl_password_cost configured_cost(void)
{
    const myl_config *config = myl_api_config();

    return (myl_password_cost){.passes = (uint32_t)config->passwords_passes,
                               .memory_kib = (uint32_t)config->passwords_memory_kib};
}

static myl_rc run_hash(myl_req *req, void *state)
{
    myl_password_work *work = state;

    return myl_password_hash(&req->cx, work->password, configured_cost(), &work->encoded);
}

static myl_rc run_verify(myl_req *req, void *state)
{
    myl_password_work *work = state;

    MYL_UNUSED(req);
    work->right = myl_password_verify(&req->cx, work->encoded, work->password, configured_cost());
    return MYL_OK;
}

static myl_password_work *new_work(myl_req *req, myl_str password, myl_str encoded)
{
    myl_password_work *work = myl_new(&req->cx, myl_password_work);

    *work = (myl_password_work){.password = password, .encoded = myl_keep(&req->cx, encoded)};
    return work;
}

myl_rc myl_client_hash_password(myl_req *req, myl_str password, const myl_password_work **work)
{
    const myl_config *config = myl_api_config();

    *work = req->plan.state;
    if (*work != NULL)
        return MYL_OK;
    if (password.len < (size_t)config->passwords_min_length)
        return myl_fail(&req->cx, MYL_WEAK_PASSWORD, "password: shorter than %lld characters",
                        (long long)config->passwords_min_length);
    if (password.len > (size_t)config->passwords_max_length)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "password: longer than %lld bytes",
                        (long long)config->passwords_max_length);
    return myl_req_need(req, MYL_LANE_PASSWORD, run_hash, new_work(req, password, MYL_ABSENT));
}

myl_rc myl_client_verify_password(myl_req *req, myl_str password, myl_str encoded,
                                  const myl_password_work **work)
{
    *work = req->plan.state;
    if (*work != NULL)
        return MYL_OK;
    return myl_req_need(req, MYL_LANE_PASSWORD, run_verify, new_work(req, password, encoded));
}
