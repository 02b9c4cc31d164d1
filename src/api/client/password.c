/* password.c: Argon2id for handlers: on its own lane, never on the engine.
 *
 * Why:     a hash takes some 15 ms of CPU; the engine takes 60 µs for a message.
 * Threads: the handler's; the work runs on the password lane.
 * Holds:   a check costs one Argon2id whether the user exists or not; what is done is found again in each later round.
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

static myl_rc run(myl_req *req, void *state)
{
    myl_client_work *work = state;

    if (work->kind == MYL_WORK_HASH)
        return myl_password_hash(&req->cx, work->input, configured_cost(), &work->output);
    work->right = myl_password_verify(&req->cx, work->stored, work->input, configured_cost());
    return MYL_OK;
}

myl_rc myl_client_check_new_password(myl_req *req, myl_str password)
{
    const myl_config *config = myl_api_config();

    if (password.len < (size_t)config->passwords_min_length)
        return myl_fail(&req->cx, MYL_WEAK_PASSWORD, "password: shorter than %lld characters",
                        (long long)config->passwords_min_length);
    if (password.len > (size_t)config->passwords_max_length)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "password: longer than %lld bytes",
                        (long long)config->passwords_max_length);
    return MYL_OK;
}

myl_rc myl_client_hash_password(myl_req *req, myl_str password, myl_str *encoded)
{
    myl_client_work asked = {.kind = MYL_WORK_HASH, .input = password};
    const myl_client_work *work;

    MYL_TRY(myl_client_check_new_password(req, password));
    MYL_TRY(myl_client_work_done(req, &asked, MYL_LANE_PASSWORD, run, &work));
    *encoded = work->output;
    return MYL_OK;
}

/* The number under which wrong passwords of an account are counted. */
static uint64_t account_key(myl_str user_id)
{
    return myl_str_hash(user_id);
}

myl_rc myl_client_verify_password(myl_req *req, myl_str user_id, myl_str password, myl_str stored,
                                  bool *right)
{
    myl_client_work asked = {.kind = MYL_WORK_VERIFY, .input = password, .stored = stored};
    const myl_client_work *work;
    uint64_t address = myl_req_address_key(req);

    if (req->plan.rounds == 0) {
        MYL_TRY(myl_req_rate(req, MYL_RATE_LOGIN_FAILED, address, false));
        MYL_TRY(myl_req_rate(req, MYL_RATE_LOGIN_FAILED, account_key(user_id), false));
    }
    MYL_TRY(myl_client_work_done(req, &asked, MYL_LANE_PASSWORD, run, &work));
    *right = work->right && myl_str_present(stored);
    if (*right)
        return MYL_OK;
    /* what is taken here is not refused: this answer is the last that is free */
    if (myl_req_rate(req, MYL_RATE_LOGIN_FAILED, address, true) != MYL_OK ||
        myl_req_rate(req, MYL_RATE_LOGIN_FAILED, account_key(user_id), true) != MYL_OK)
        myl_forgive(&req->cx);
    return MYL_OK;
}
