/* reply.c: what a handler answers, noted in its job; send.c gives it to h2o later, on the loop.
 *
 * Callers: handlers. Threads: the request's. Memory: all of it lives in the job, which ends after
 *          the reply.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/http_own.h"

static http_job *job_of(const myl_req *req)
{
    return req->http;
}

myl_store *myl_req_store(const myl_req *req)
{
    return job_of(req)->http->store;
}

myl_engine *myl_req_engine(const myl_req *req)
{
    return job_of(req)->http->engine;
}

myl_rc myl_reply_bytes(myl_req *req, int status, const char *content_type, myl_str body)
{
    http_reply *reply = &job_of(req)->reply;

    reply->status = status;
    reply->content_type = content_type;
    reply->body = body;
    reply->more = NULL;
    return MYL_OK;
}

myl_rc myl_reply_json(myl_req *req, int status, myl_str body)
{
    return myl_reply_bytes(req, status, "application/json", body);
}

myl_rc myl_reply_written(myl_req *req, myl_writer *w)
{
    return myl_reply_json(req, 200, myl_write_done(w));
}

myl_rc myl_reply_empty(myl_req *req)
{
    return myl_reply_json(req, 200, MYL_S("{}"));
}

myl_rc myl_reply_redirect(myl_req *req, myl_str location)
{
    myl_reply_header(req, "location", location);
    return myl_reply_json(req, 302, MYL_S("{}"));
}

void myl_reply_header(myl_req *req, const char *name, myl_str value)
{
    http_reply *reply = &job_of(req)->reply;

    MYL_ASSERT(reply->header_count < HTTP_REPLY_HEADERS);
    reply->headers[reply->header_count].name = name;
    reply->headers[reply->header_count].value = myl_keep(&req->cx, value);
    reply->header_count++;
}

myl_rc myl_reply_pages(myl_req *req, int status, const char *content_type, myl_reply_more more,
                       void *state)
{
    http_reply *reply = &job_of(req)->reply;

    MYL_ASSERT(more != NULL);
    reply->status = status;
    reply->content_type = content_type;
    reply->more = more;
    reply->more_state = state;
    return MYL_OK;
}

myl_text *myl_reply_first_page(myl_req *req, bool **last)
{
    http_job *job = job_of(req);

    myl_http_job_begin_page(job);
    job->has_page = true;
    *last = &job->page_last;
    return &job->page_text;
}

myl_rc myl_req_park(myl_req *req, const myl_park *park)
{
    http_job *job = job_of(req);

    MYL_ASSERT(req->endpoint->run == MYL_RUN_READ);
    size_t unwatched =
        park->room_count > MYL_LIMIT_PARKED_ROOMS ? park->room_count - MYL_LIMIT_PARKED_ROOMS : 0;

    job->wait = (myl_wait){.deadline_tick_ms = park->deadline_tick_ms,
                           .position = park->position,
                           .sequence = job->sequence,
                           .user = park->user,
                           .of_user = park->of_user,
                           .only_devices = park->only_devices,
                           .has_rooms = req->rooms_wanted,
                           .is_part = unwatched > 0,
                           .rooms = NULL,
                           .room_count = park->room_count - unwatched};
    if (job->wait.room_count > 0) {
        uint64_t *rooms = myl_new_array(&req->cx, uint64_t, job->wait.room_count);
        memcpy(rooms, park->rooms + unwatched, job->wait.room_count * sizeof(*rooms));
        job->wait.rooms = rooms;
    }
    return MYL_WAIT;
}

myl_rc myl_req_need(myl_req *req, myl_lane lane, myl_rc (*run)(myl_req *req, void *state),
                    void *state)
{
    http_job *job = job_of(req);

    if (req->plan.rounds >= MYL_LIMIT_NEED_ROUNDS)
        return myl_fail(&req->cx, MYL_BUSY, "this took too many rounds");
    job->need_lane = lane;
    job->need_run = run;
    job->need_state = state;
    return MYL_NEED;
}

/* ---- rates that handlers count ---- */

uint64_t myl_req_address_key(const myl_req *req)
{
    myl_address address;

    return myl_address_of(req->address, &address) ? myl_http_address_key(&address) : 0;
}

static myl_rc refuse_rate(myl_req *req, int64_t wait_ms)
{
    myl_metric_add(MYL_METRIC_HTTP_RATE_LIMITED, 1);
    myl_fail(&req->cx, MYL_LIMIT_EXCEEDED, "too many requests");
    req->cx.error.retry_after_ms = wait_ms;
    return MYL_LIMIT_EXCEEDED;
}

myl_rc myl_req_rate(myl_req *req, myl_rate rate, uint64_t who, bool take)
{
    int64_t wait_ms = myl_http_rate_take(job_of(req)->http->rates, rate, who, myl_tick_ms(), take);

    return wait_ms == 0 ? MYL_OK : refuse_rate(req, wait_ms);
}

myl_rc myl_http_take_own_rate(myl_req *req)
{
    http_own_rate own = {req->caller.rate_per_second, req->caller.rate_burst};
    int64_t wait_ms;

    if (own.per_second == 0)
        return MYL_OK; /* not limited at all */
    wait_ms =
        myl_http_rate_take_own(job_of(req)->http->rates, &own, req->caller.user, myl_tick_ms());
    return wait_ms == 0 ? MYL_OK : refuse_rate(req, wait_ms);
}
