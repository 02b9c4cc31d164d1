/* job.c: the way of a request through the threads, and back to its loop.
 *
 * Why:     where a handler runs is its row's matter; it asks for a lane or to be parked by its
 *          answer, and never knows which thread it is on.
 * Callers: exchange.c sends a job out; readers, lanes and the engine run it.
 * Threads: the one that has the job. Its last act elsewhere is the mail to its loop.
 * Memory:  the job lies in its own arena; myl_http_job_free ends both.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/http_own.h"

#include <myelin/fed_auth.h>

/* ---- back to the loop ---- */

static void mail_home(http_job *job, myl_rc rc)
{
    job->rc = rc;
    myl_http_mail_put(&job->loop->mailbox, &job->mail);
}

static void on_lane(myl_job *lane_job);
static void go_on_lane(http_job *job, myl_lane lane);

/* The handler has answered. */
static void settle(http_job *job, myl_rc rc)
{
    if (rc != MYL_NEED || atomic_load(&job->gone)) {
        mail_home(job, rc);
        return;
    }
    job->req.plan.rounds++;
    myl_forgive(&job->req.cx);
    job->stage = HTTP_STAGE_NEED;
    go_on_lane(job, job->need_lane);
}

/* ---- the handler ---- */

myl_rc myl_http_job_call(http_job *job)
{
    myl_req *req = &job->req;

    memset(&job->reply, 0, sizeof(job->reply));
    job->has_page = false;
    req->deadline_over = job->deadline_over || atomic_load(&job->http->stopping);
    req->rooms_wanted = job->rooms_wanted;
    myl_rc rc = req->endpoint->handler(req, job->body);
    if (rc == MYL_OK && job->reply.status == 0)
        rc = myl_fail(&req->cx, MYL_INTERNAL, "%s set no reply", req->endpoint->name);
    return rc;
}

void myl_http_job_begin_page(http_job *job)
{
    myl_ctx_end(&job->page);
    myl_ctx_begin(&job->page);
    job->page_text = MYL_TEXT(&job->page);
    job->page_last = false;
}

static myl_rc read_page(http_job *job)
{
    if (job->has_page) {
        job->has_page = false;
        return MYL_OK;
    }
    myl_http_job_begin_page(job);
    return job->reply.more(&job->req, job->reply.more_state, &job->page_text, &job->page_last);
}

/* In one snapshot; the first page of a long reply comes with the handler's answer. Which post is the newest is asked before
 * the snapshot is opened: a commit between the two is seen twice rather than never. */
static myl_rc read_in_snapshot(http_job *job)
{
    myl_rc rc = MYL_OK;

    job->sequence = atomic_load(&job->http->posts);
    MYL_TRY(myl_snapshot_open(&job->req.cx, job->http->store));
    if (job->stage == HTTP_STAGE_RUN)
        rc = myl_http_job_call(job);
    if (rc == MYL_OK && job->reply.more != NULL)
        rc = read_page(job);
    myl_snapshot_close(&job->req.cx);
    return rc;
}

myl_rc myl_http_job_decode(http_job *job)
{
    myl_req *req = &job->req;
    const myl_body_form *form = req->endpoint->body;

    if (req->body.len > 0 && req->json == NULL)
        MYL_TRY(myl_json_parse(&req->cx, req->body, &req->json));
    job->body = myl_alloc(&req->cx, form->size);
    return form->decode(&req->cx, req->json, job->body);
}

/* ---- the signatures of other servers ---- */

static myl_rc check_signature(http_job *job, bool may_fetch)
{
    myl_req *req = &job->req;
    const myl_body_form *form = req->endpoint->body;
    bool is_read = form != NULL && form->size > 0;

    if (req->body.len > 0 && req->json == NULL)
        MYL_TRY(myl_json_parse(&req->cx, req->body, &req->json));
    myl_fed_signed seen = {.method = myl_http_method_name(req->endpoint->method),
                           .target = req->raw_target,
                           .header = req->authorization,
                           .body = req->json};
    MYL_TRY(may_fetch ? myl_fed_auth_fetched(&req->cx, &seen, &req->origin)
                      : myl_fed_auth_known(&req->cx, &seen, &req->origin));
    job->stage = HTTP_STAGE_RUN;
    return is_read ? myl_http_job_decode(job) : MYL_OK;
}

/* On a read worker. True: the job has gone where it runs, or where the key is fetched. */
static bool passes_on(http_job *job, myl_rc rc)
{
    if (rc == MYL_MISSING && job->stage == HTTP_STAGE_AUTH)
        go_on_lane(job, MYL_LANE_KEYS);
    else if (rc == MYL_OK && job->req.endpoint->run != MYL_RUN_READ)
        myl_http_job_go(job);
    else
        return false;
    return true;
}

/* ---- read workers ---- */

void myl_http_job_read(myl_queue_item *item)
{
    http_job *job = MYL_OF(item, http_job, item);
    myl_rc rc = MYL_OK;

    if (atomic_load(&job->gone)) {
        settle(job, MYL_GONE);
        return;
    }
    if (job->stage == HTTP_STAGE_AUTH) {
        rc = check_signature(job, false);
        if (passes_on(job, rc))
            return;
    } else if (job->stage == HTTP_STAGE_DECODE) {
        rc = myl_http_job_decode(job);
        job->stage = HTTP_STAGE_RUN;
        if (passes_on(job, rc))
            return;
    }
    settle(job, rc != MYL_OK ? rc : read_in_snapshot(job));
}

/* ---- the engine ---- */

static myl_rc run_change(myl_change *change)
{
    return myl_http_job_call(MYL_OF(change, http_job, change));
}

/* A long reply to a change: its first page is read in a snapshot of its commit. */
static void change_done(myl_change *change, myl_rc rc)
{
    http_job *job = MYL_OF(change, http_job, change);

    if (rc != MYL_OK || job->reply.more == NULL) {
        settle(job, rc);
        return;
    }
    job->stage = HTTP_STAGE_PAGE;
    rc = myl_http_readers_put(job->http->readers, &job->item);
    if (rc != MYL_OK)
        settle(job, rc);
}

static myl_rc go_to_engine(http_job *job)
{
    job->change = (myl_change){.name = job->req.endpoint->name,
                               .cx = &job->req.cx,
                               .run = run_change,
                               .done = change_done,
                               .gone = &job->gone};
    return myl_engine_submit(job->http->engine, &job->change);
}

/* ---- lanes ---- */

static void on_lane(myl_job *lane_job)
{
    http_job *job = MYL_OF(lane_job, http_job, lane_job);

    if (atomic_load(&job->gone)) {
        settle(job, MYL_GONE);
    } else if (job->stage == HTTP_STAGE_AUTH) {
        myl_rc rc = check_signature(job, true);
        if (rc == MYL_OK)
            myl_http_job_go(job);
        else
            settle(job, rc);
    } else if (job->stage != HTTP_STAGE_NEED) {
        settle(job, myl_http_job_call(job));
    } else {
        job->req.plan.state = job->need_state;
        myl_rc rc = job->need_run(&job->req, job->need_state);
        job->stage = HTTP_STAGE_RUN;
        if (rc == MYL_OK)
            myl_http_job_go(job);
        else
            settle(job, rc);
    }
}

static void go_on_lane(http_job *job, myl_lane lane)
{
    job->lane_job.run = on_lane;
    myl_rc rc = myl_lane_submit(lane, &job->lane_job);
    if (rc != MYL_OK)
        mail_home(job, rc);
}

/* ---- ways ---- */

void myl_http_job_go(http_job *job)
{
    bool reads = job->stage != HTTP_STAGE_RUN || job->req.endpoint->run == MYL_RUN_READ;
    myl_rc rc = MYL_OK;

    if (reads)
        rc = myl_http_readers_put(job->http->readers, &job->item);
    else if (job->req.endpoint->run == MYL_RUN_WRITE)
        rc = go_to_engine(job);
    else
        go_on_lane(job, MYL_LANE_REMOTE);
    if (rc != MYL_OK)
        settle(job, rc);
}

void myl_http_job_free(http_job *job)
{
    myl_ctx cx = job->req.cx; /* the job lies in its own arena */

    myl_ctx_end(&job->page);
    myl_ctx_end(&cx);
}
