/* compaction.c: free pages of the database are given back while the server runs.
 *
 * Threads: a read worker begins it, a lane of its own does it, a loop tells how far it is.
 * Memory:  the job is its own, freed at its end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/admin/admin_own.h"

#include <myelin/base_log.h>
#include <myelin/base_table.h>
#include <myelin/store_copy.h>

typedef struct {
    myl_job job; /* first member */
    myl_store *store;
    myl_engine *engine;
} compaction;

static void compact(myl_job *job)
{
    compaction *work = (compaction *)job;
    myl_ctx cx;

    myl_ctx_begin(&cx);
    if (myl_lanes_stopping())
        myl_store_exchange_drop(work->store);
    else if (myl_store_exchange_run(&cx, work->store, work->engine) == MYL_OK)
        myl_log(&cx, MYL_LOG_INFO, "store", "the database has been compacted");
    else
        myl_log(&cx, MYL_LOG_ERROR, "store", "the database could not be compacted",
                MYL_LOG_STR("reason", cx.error.detail));
    myl_ctx_end(&cx);
    myl_process_free(work);
}

static const char *stage_name(myl_exchange_stage stage)
{
    switch (stage) {
    case MYL_EXCHANGE_NONE: return "none";
    case MYL_EXCHANGE_COPYING: return "copying";
    case MYL_EXCHANGE_CATCHING_UP: return "catching_up";
    case MYL_EXCHANGE_DONE: return "complete";
    case MYL_EXCHANGE_FAILED: return "failed";
    }
    return "none";
}

static void write_times(myl_writer *w, const myl_exchange_progress *progress)
{
    myl_write_int(w, "started_ts", progress->started_ms);
    if (progress->ended_ms != 0)
        myl_write_int(w, "ended_ts", progress->ended_ms);
    if (progress->stage == MYL_EXCHANGE_DONE) {
        myl_write_int(w, "bytes_after", (int64_t)progress->after);
        myl_write_int(w, "pause_microseconds", progress->pause_us);
    }
}

static myl_rc reply_progress(myl_req *req)
{
    myl_writer w = myl_write_start(&req->cx, 256);
    myl_exchange_progress progress;

    myl_store_exchange_progress(myl_req_store(req), &progress);
    myl_write_open(&w, '{');
    myl_write_str(&w, "status", myl_str_of(stage_name(progress.stage)));
    if (progress.stage != MYL_EXCHANGE_NONE) {
        myl_write_int(&w, "bytes_before", (int64_t)progress.before);
        myl_write_int(&w, "bytes_expected", (int64_t)progress.expected);
        myl_write_int(&w, "bytes_copied", (int64_t)progress.copied);
        myl_write_int(&w, "bytes_carried", (int64_t)progress.carried);
        write_times(&w, &progress);
    }
    if (progress.error[0] != '\0')
        myl_write_str(&w, "error", myl_str_of(progress.error));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_compact(myl_req *req, const myl_body_empty *in)
{
    myl_store *store = myl_req_store(req);

    MYL_UNUSED(in);
    MYL_TRY(myl_store_exchange_begin(&req->cx, store));
    compaction *work = myl_process_alloc(sizeof(*work));
    *work = (compaction){.job = {.run = compact}, .store = store, .engine = myl_req_engine(req)};
    myl_rc rc = myl_lane_submit(MYL_LANE_COPY, &work->job);
    if (rc != MYL_OK) {
        myl_store_exchange_drop(store);
        myl_process_free(work);
        return myl_fail(&req->cx, rc, "the server stops");
    }
    return reply_progress(req);
}

myl_rc myl_admin_compact_status(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return reply_progress(req);
}
