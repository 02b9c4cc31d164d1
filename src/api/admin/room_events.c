/* room_events.c: a room's events as administrators read them, whoever may see them; its forward extremities.
 *
 * Threads: a read worker.
 * Holds:   the pages are those of the client API (client/history.c), which asks a reading of an administrator for no
 *          membership. What has expired or was redacted is shown to nobody.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/admin/admin_own.h"

myl_rc myl_admin_messages(myl_req *req, const myl_body_none *in)
{
    return myl_client_messages(req, in);
}

myl_rc myl_admin_context(myl_req *req, const myl_body_none *in)
{
    return myl_client_context(req, in);
}

myl_rc myl_admin_hierarchy(myl_req *req, const myl_body_none *in)
{
    myl_room_head head;

    MYL_TRY(myl_room_head_get(&req->cx, req->path.room_id, &head));
    if (head.room == 0)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "roomId: this room is not known here");
    return myl_client_hierarchy(req, in);
}

myl_rc myl_admin_event_by_time(myl_req *req, const myl_body_none *in)
{
    return myl_client_event_by_time(req, in);
}

myl_rc myl_admin_fetch_event(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 1024);
    myl_event_form form = {.now_ms = myl_now_ms()};
    myl_stored stored;
    uint64_t number;

    MYL_UNUSED(in);
    MYL_TRY(myl_room_event_number(&req->cx, req->path.event_id, &number));
    if (number == 0)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "eventId: no such event");
    MYL_TRY(myl_room_event(&req->cx, number, &stored));
    myl_write_open(&w, '{');
    MYL_TRY(myl_room_write_event(&req->cx, &w, "event", &stored, &form));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_extremities(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 512);
    myl_room_head head;

    MYL_UNUSED(in);
    MYL_TRY(myl_admin_any_room(req, &head));
    myl_write_open(&w, '{');
    myl_write_int(&w, "count", head.extremity_count);
    myl_write_open_key(&w, "results", '[');
    for (uint32_t i = 0; i < head.extremity_count; i++) {
        myl_stored stored;

        MYL_TRY(myl_room_event(&req->cx, head.extremities[i], &stored));
        myl_write_open(&w, '{');
        myl_write_str(&w, "event_id", stored.event_id);
        myl_write_int(&w, "depth", stored.depth);
        myl_write_int(&w, "state_group", (int64_t)stored.after);
        myl_write_int(&w, "received_ts", stored.origin_server_ts);
        myl_write_close(&w, '}');
    }
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
