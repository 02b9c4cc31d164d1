/* federation.c: the servers that this one sends to, and the rooms that come from others.
 *
 * Threads: a read worker; the list of joins a loop.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/admin/admin_own.h"

#include <myelin/fed_joins.h>
#include <myelin/outbox_send.h>
#include <myelin/room_servers.h>

static void write_destination(myl_writer *w, const myl_outbox_destination *one)
{
    bool fails = one->failures > 0;
    int64_t interval = fails ? one->next_try - one->failing_since : 0;

    myl_write_open(w, '{');
    myl_write_str(w, "destination", one->server);
    if (fails)
        myl_write_int(w, "failure_ts", one->failing_since);
    else
        myl_write_null(w, "failure_ts");
    if (fails)
        myl_write_int(w, "last_successful_stream_ordering", (int64_t)one->upto);
    else
        myl_write_null(w, "last_successful_stream_ordering");
    myl_write_int(w, "retry_interval", interval > 0 ? interval : 0);
    myl_write_int(w, "retry_last_ts", fails ? one->next_try - (interval > 0 ? interval : 0) : 0);
    myl_write_close(w, '}');
}

static int by_name(const void *a, const void *b)
{
    const myl_outbox_destination *one = a, *two = b;

    return myl_str_compare(one->server, two->server);
}

/* Sorted by name; ?destination: only names that hold it. */
static myl_rc find_all(myl_req *req, myl_list *out)
{
    myl_str part = myl_req_query(req, "destination");
    const myl_outbox_destination *all;
    size_t count;

    MYL_TRY(myl_outbox_known(&req->cx, &all, &count));
    for (size_t i = 0; i < count; i++) {
        if (!myl_str_present(part) || myl_admin_holds(all[i].server, part))
            myl_list_push(out, myl_outbox_destination, all[i]);
    }
    myl_list_sort(out, by_name);
    return MYL_OK;
}

static void write_end(myl_req *req, myl_writer *w, size_t end, size_t count)
{
    myl_write_close(w, ']');
    if (end < count)
        myl_write_str(w, "next_token", myl_strf(&req->cx, "%zu", end));
    myl_write_int(w, "total", (int64_t)count);
    myl_write_close(w, '}');
}

myl_rc myl_admin_destinations(myl_req *req, const myl_body_none *in)
{
    myl_list all = MYL_LIST(&req->cx, myl_outbox_destination);
    myl_writer w = myl_write_start(&req->cx, 1024);
    myl_admin_page page;
    size_t first, end;

    MYL_UNUSED(in);
    MYL_TRY(myl_admin_read_page(req, &page));
    if (myl_str_present(page.order_by) && !myl_str_equal(page.order_by, MYL_S("destination")))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "order_by: expected destination");
    MYL_TRY(find_all(req, &all));
    myl_admin_cut_page(&page, all.count, &first, &end);
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "destinations", '[');
    for (size_t i = first; i < end; i++)
        write_destination(&w, myl_list_at(&all, myl_admin_page_index(&page, all.count, i)));
    write_end(req, &w, end, all.count);
    return myl_reply_written(req, &w);
}

/* The one of the path. */
static myl_rc find_one(myl_req *req, myl_outbox_destination *out)
{
    const myl_outbox_destination *all;
    size_t count;

    MYL_TRY(myl_outbox_known(&req->cx, &all, &count));
    for (size_t i = 0; i < count; i++) {
        if (myl_str_equal(all[i].server, req->path.destination)) {
            *out = all[i];
            return MYL_OK;
        }
    }
    return myl_fail(&req->cx, MYL_NOT_FOUND, "destination: nothing is sent to this server");
}

myl_rc myl_admin_destination(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 256);
    myl_outbox_destination one;

    MYL_UNUSED(in);
    MYL_TRY(find_one(req, &one));
    write_destination(&w, &one);
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_destination_rooms(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 1024);
    myl_outbox_destination one;
    myl_admin_page page;
    const uint64_t *rooms;
    size_t count, first, end;

    MYL_UNUSED(in);
    MYL_TRY(myl_admin_read_page(req, &page));
    MYL_TRY(find_one(req, &one));
    MYL_TRY(myl_server_rooms(&req->cx, one.number, &rooms, &count));
    myl_admin_cut_page(&page, count, &first, &end);
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "rooms", '[');
    for (size_t i = first; i < end; i++) {
        myl_room_head head;
        MYL_TRY(myl_room_head_of(&req->cx, rooms[myl_admin_page_index(&page, count, i)], &head));
        myl_write_open(&w, '{');
        myl_write_str(&w, "room_id", head.room_id);
        myl_write_int(&w, "stream_ordering", (int64_t)head.newest);
        myl_write_close(&w, '}');
    }
    write_end(req, &w, end, count);
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_reset_destination(myl_req *req, const myl_body_none *in)
{
    myl_outbox_destination one;

    MYL_UNUSED(in);
    MYL_TRY(find_one(req, &one));
    if (one.failures == 0)
        return myl_fail(&req->cx, MYL_BAD_REQUEST, "destination: there is nothing to reset");
    myl_outbox_retry(one.server);
    return myl_reply_empty(req);
}

/* ---- rooms that are coming ---- */

static const char *stage_name(myl_joining_stage stage)
{
    switch (stage) {
    case MYL_JOINING_WAITING: return "waiting";
    case MYL_JOINING_ASKING: return "asking";
    case MYL_JOINING_RECEIVING: return "receiving";
    case MYL_JOINING_STORING: return "storing";
    case MYL_JOINING_STATE: return "state";
    }
    return "waiting";
}

static void write_joining(myl_writer *w, const myl_joining *one)
{
    myl_write_open(w, '{');
    myl_write_str(w, "room_id", one->room_id);
    myl_write_str(w, "user_id", one->user_id);
    if (one->server.len > 0)
        myl_write_str(w, "server", one->server);
    myl_write_str(w, "stage", myl_str_of(stage_name(one->stage)));
    myl_write_bool(w, "resumed", one->resumed);
    myl_write_int(w, "started_ts", one->started_ms);
    myl_write_int(w, "bytes_received", (int64_t)one->bytes);
    myl_write_int(w, "events_received", (int64_t)one->received);
    myl_write_int(w, "events_stored", (int64_t)one->stored);
    myl_write_close(w, '}');
}

myl_rc myl_admin_joins(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 1024);
    const myl_joining *all;
    size_t count;

    MYL_UNUSED(in);
    myl_fed_joins_under_way(&req->cx, &all, &count);
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "joins", '[');
    for (size_t i = 0; i < count; i++)
        write_joining(&w, &all[i]);
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
