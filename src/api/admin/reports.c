/* reports.c: what users have reported: events and users, listed, shown, deleted.
 *
 * Threads: a read worker; deletions the engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/admin/admin_own.h"

#include <myelin/room_report.h>

/* The number in the path. */
static myl_rc find(myl_req *req, myl_report_kind kind, myl_report *out)
{
    int64_t id;

    if (!myl_str_to_int(req->path.report_id, &id) || id < 0)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "reportId: expected a whole number");
    MYL_TRY(myl_room_report_get(&req->cx, kind, (uint64_t)id, out));
    return out->id != 0 ? MYL_OK : myl_fail(&req->cx, MYL_NOT_FOUND, "reportId: no such report");
}

static myl_rc delete (myl_req *req, myl_report_kind kind)
{
    myl_report report;
    bool there;

    MYL_TRY(find(req, kind, &report));
    MYL_TRY(myl_room_report_delete(&req->cx, kind, report.id, &there));
    return myl_reply_empty(req);
}

static myl_rc read_query(myl_req *req, myl_report_query *query)
{
    myl_str dir = myl_req_query(req, "dir");
    myl_admin_page page;

    MYL_TRY(myl_admin_read_page(req, &page));
    query->reporter = myl_req_query(req, "user_id");
    query->oldest_first = myl_str_equal(dir, MYL_S("f"));
    query->from = (uint64_t)page.from;
    query->limit = (size_t)page.limit;
    return MYL_OK;
}

/* The members of one report, inside its object. */
typedef myl_rc (*write_report)(myl_ctx *cx, myl_writer *w, const myl_report *report);

static myl_rc reply_page(myl_req *req, myl_report_query *query, const char *name,
                         write_report write)
{
    myl_writer w = myl_write_start(&req->cx, 1024);
    myl_report_page page;

    MYL_TRY(read_query(req, query));
    MYL_TRY(myl_room_reports(&req->cx, query, &page));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, name, '[');
    for (size_t i = 0; i < page.count; i++) {
        myl_write_open(&w, '{');
        MYL_TRY(write(&req->cx, &w, &page.reports[i]));
        myl_write_close(&w, '}');
    }
    myl_write_close(&w, ']');
    myl_write_int(&w, "total", (int64_t)page.total);
    if (query->from + page.count < page.total)
        myl_write_int(&w, "next_token", (int64_t)(query->from + page.count));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- events ---- */

/* Names of a room that may be gone by now. */
static myl_rc write_room(myl_ctx *cx, myl_writer *w, myl_str room_id)
{
    myl_admin_room room = {0};
    myl_room_head head;

    MYL_TRY(myl_room_head_get(cx, room_id, &head));
    if (head.room != 0)
        MYL_TRY(myl_admin_describe(cx, &head, &room));
    myl_admin_write_text(w, "name", room.name);
    myl_admin_write_text(w, "canonical_alias", room.canonical_alias);
    return MYL_OK;
}

static myl_rc write_event_report(myl_ctx *cx, myl_writer *w, const myl_report *report)
{
    myl_write_int(w, "id", (int64_t)report->id);
    myl_write_int(w, "received_ts", report->received_ms);
    myl_write_str(w, "room_id", report->room_id);
    myl_write_str(w, "event_id", report->target);
    myl_write_str(w, "user_id", report->reporter);
    myl_write_str(w, "sender", report->sender);
    myl_admin_write_text(w, "reason", report->reason);
    if (report->has_score)
        myl_write_int(w, "score", report->score);
    else
        myl_write_null(w, "score");
    return write_room(cx, w, report->room_id);
}

myl_rc myl_admin_event_reports(myl_req *req, const myl_body_none *in)
{
    myl_report_query query = {.kind = MYL_REPORT_EVENT,
                              .room_id = myl_req_query(req, "room_id"),
                              .sender = myl_req_query(req, "event_sender_user_id")};

    MYL_UNUSED(in);
    return reply_page(req, &query, "event_reports", write_event_report);
}

/* With the event, unless it is gone. */
myl_rc myl_admin_event_report(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 1024);
    myl_event_form form = {.now_ms = myl_now_ms()};
    myl_report report;
    myl_stored stored;
    uint64_t number;

    MYL_UNUSED(in);
    MYL_TRY(find(req, MYL_REPORT_EVENT, &report));
    myl_write_open(&w, '{');
    MYL_TRY(write_event_report(&req->cx, &w, &report));
    MYL_TRY(myl_room_event_number(&req->cx, report.target, &number));
    if (number != 0) {
        MYL_TRY(myl_room_event(&req->cx, number, &stored));
        MYL_TRY(myl_room_write_event(&req->cx, &w, "event_json", &stored, &form));
    }
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_delete_event_report(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return delete (req, MYL_REPORT_EVENT);
}

/* ---- users ---- */

static myl_rc write_user_report(myl_ctx *cx, myl_writer *w, const myl_report *report)
{
    MYL_UNUSED(cx);
    myl_write_int(w, "id", (int64_t)report->id);
    myl_write_int(w, "received_ts", report->received_ms);
    myl_write_str(w, "target_user_id", report->target);
    myl_write_str(w, "user_id", report->reporter);
    myl_admin_write_text(w, "reason", report->reason);
    return MYL_OK;
}

myl_rc myl_admin_user_reports(myl_req *req, const myl_body_none *in)
{
    myl_report_query query = {.kind = MYL_REPORT_USER,
                              .target = myl_req_query(req, "target_user_id")};

    MYL_UNUSED(in);
    return reply_page(req, &query, "user_reports", write_user_report);
}

myl_rc myl_admin_user_report(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 256);
    myl_report report;

    MYL_UNUSED(in);
    MYL_TRY(find(req, MYL_REPORT_USER, &report));
    myl_write_open(&w, '{');
    MYL_TRY(write_user_report(&req->cx, &w, &report));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_delete_user_report(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return delete (req, MYL_REPORT_USER);
}
