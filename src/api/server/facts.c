/* facts.c: small questions about a room: the event nearest to a time, its newest events, how large its state is; and reports
 * that users of other servers make.
 *
 * Spec:    Server-Server API, Retrieving events (timestamp_to_event); MSC4370, MSC3843; complexity: Synapse's own.
 * Threads: a read worker; the engine for a report.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/server/server_own.h"

#include <myelin/room_directory.h>
#include <myelin/room_report.h>
#include <myelin/room_timeline.h>

myl_rc myl_server_event_by_time(myl_req *req, const myl_body_none *in)
{
    myl_str dir = myl_req_query(req, "dir"), ts = myl_req_query(req, "ts");
    myl_time_ask ask = {.server = req->origin, .backward = myl_str_equal(dir, MYL_S("b"))};
    myl_writer w = myl_write_start(&req->cx, 128);
    myl_room_head head;
    myl_stored stored;

    MYL_UNUSED(in);
    if (!myl_str_present(ts) || !myl_str_present(dir))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "%s: missing",
                        myl_str_present(ts) ? "dir" : "ts");
    if (!ask.backward && !myl_str_equal(dir, MYL_S("f")))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "dir: expected f or b");
    MYL_TRY(myl_req_query_int(req, "ts", 0, INT64_MAX, 0, &ask.ts));
    MYL_TRY(myl_server_open_joined(req, req->path.room_id, &head));
    MYL_TRY(myl_room_event_by_time(&req->cx, &head, &ask, &stored));
    if (stored.number == 0)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no event on that side of the time");
    myl_write_open(&w, '{');
    myl_write_str(&w, "event_id", stored.event_id);
    myl_write_int(&w, "origin_server_ts", stored.origin_server_ts);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_server_extremities(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 512);
    myl_room_head head;

    MYL_UNUSED(in);
    MYL_TRY(myl_server_open_joined(req, req->path.room_id, &head));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "prev_events", '[');
    for (size_t i = 0; i < head.extremity_count; i++) {
        myl_stored stored;

        MYL_TRY(myl_room_event(&req->cx, head.extremities[i], &stored));
        myl_write_str(&w, NULL, stored.event_id);
    }
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* A point for every 500 state events, to whoever could look in. */
myl_rc myl_server_complexity(myl_req *req, const myl_body_none *in)
{
    myl_room_summary summary;
    myl_room_head head;
    myl_digest digest;
    uint64_t entries;
    bool open;

    MYL_UNUSED(in);
    MYL_TRY(myl_server_open_room(req, req->path.room_id, &head));
    MYL_TRY(myl_room_summary_read(&req->cx, &head, &summary));
    MYL_TRY(myl_room_summary_open_to_server(&req->cx, &summary, req->origin, &open));
    if (!open)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such room");
    MYL_TRY(myl_tree_digest(&req->cx, myl_store_nodes(&req->cx), head.state, &digest, &entries));
    return myl_reply_json(req, 200,
                          myl_strf(&req->cx, "{\"v1\":%llu.%02llu}",
                                   (unsigned long long)(entries / 500),
                                   (unsigned long long)(entries % 500 / 5)));
}

/* Who reports is told by the server alone. */
myl_rc myl_server_report(myl_req *req, const myl_body_report *in)
{
    myl_report report = {.kind = MYL_REPORT_EVENT,
                         .reporter = req->origin,
                         .room_id = req->path.room_id,
                         .target = req->path.event_id,
                         .reason = in->reason};
    myl_server_sight sight = {.server = req->origin};
    myl_room_head head;
    myl_stored stored;
    bool visible;
    uint64_t id;

    MYL_TRY(myl_server_open_joined(req, req->path.room_id, &head));
    MYL_TRY(myl_room_event_of(&req->cx, head.room, req->path.event_id, &stored));
    sight.room = head.room;
    MYL_TRY(myl_room_server_may_see(&req->cx, &sight, &stored, &visible));
    if (!visible)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such event in this room");
    MYL_TRY(myl_store_text_of(&req->cx, MYL_INTERN_NAME, stored.sender, &report.sender));
    MYL_TRY(myl_room_report_put(&req->cx, &report, &id));
    return myl_reply_empty(req);
}

/* This server is no policy server. (spec: Unsupported endpoints) */
myl_rc myl_server_policy_sign(myl_req *req, const myl_body_fed_event *in)
{
    MYL_UNUSED(in);
    return myl_fail(&req->cx, MYL_UNRECOGNIZED, "this server is no policy server");
}
