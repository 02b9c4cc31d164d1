/* next.c: what a caller is about to ask, known with the answer before: it sleeps at once.
 *
 * Why:     each answer of a long poll is followed by the next poll, which nearly always finds nothing and parks. The handler
 *          of the answer knows that already; so the poll need not go to a read worker and back only to be told so.
 * Callers: exchange.c. Threads: the loop.
 * Holds:   the request is the one that the handler foretold to the letter, of the same caller, and comes soon; no post since
 *          that handler's snapshot was left out (the loop has kept something all the time), and those that came are asked
 *          by myl_waiters_add as for any other sleeper.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/http_own.h"

#include "http/target.h"

/* The target with another value of one parameter; absent when it has not that parameter. */
static myl_str target_with(myl_req *req, const myl_next *next)
{
    myl_text out = myl_text_start(&req->cx, req->raw_target.len + next->value.len);
    myl_str name, value;
    size_t at = 0, from;

    while (myl_http_query_next(req->query, &at, &name, &value)) {
        if (!myl_str_equal(name, next->name))
            continue;
        from = (size_t)(value.at - req->raw_target.at);
        myl_text_add(&out, myl_str_slice(req->raw_target, 0, from));
        myl_text_add(&out, next->value);
        myl_text_add(&out, myl_str_slice(req->raw_target, from + value.len, SIZE_MAX));
        return myl_text_str(&out);
    }
    return MYL_ABSENT;
}

void myl_reply_next(myl_req *req, const myl_next *next)
{
    http_job *job = req->http;
    myl_str target = target_with(req, next);

    MYL_ASSERT(req->endpoint->run == MYL_RUN_READ && next->park.room_count == 0);
    if (!myl_str_present(target))
        return;
    job->next = (http_next){.target = myl_str_hash(target),
                            .timeout_ms = next->timeout_ms,
                            .wait = {.position = next->park.position,
                                     .sequence = job->sequence,
                                     .user = next->park.user,
                                     .of_user = next->park.of_user,
                                     .only_devices = next->park.only_devices}};
}

void myl_http_next_note(http_job *job)
{
    if (job->next.target == 0 || !job->loop->keeps)
        return;
    job->next.kept_since = job->loop->kept_since;
    job->next.until_ms = myl_tick_ms() + MYL_LIMIT_HTTP_NEXT_MS;
    myl_http_callers_foretell(job->loop->callers, &job->token.hash, &job->next);
}

bool myl_http_next_sleeps(http_job *job)
{
    const http_loop *loop = job->loop;
    uint64_t target = myl_str_hash(job->req.raw_target);
    int64_t now = myl_tick_ms();
    http_next next;

    if (job->req.endpoint->run != MYL_RUN_READ || !myl_str_present(job->req.token) ||
        !myl_http_callers_foretold(loop->callers, &job->token.hash, target, &next))
        return false;
    if (now > next.until_ms || !loop->keeps || loop->kept_since != next.kept_since)
        return false;
    job->wait = next.wait;
    job->wait.deadline_tick_ms = now + next.timeout_ms;
    job->rc = MYL_WAIT;
    myl_metric_add(MYL_METRIC_HTTP_FORETOLD, 1);
    return true;
}
