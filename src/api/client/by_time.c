/* by_time.c: the event nearest to a time.
 *
 * Spec:    Client-Server API, GET timestamp_to_event.
 * Why:     where history is missing beside what was found, another server may know a nearer event; it is fetched, and the search
 *          runs again.
 * Threads: a read worker; a lane asks others.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/fed_rooms.h>
#include <myelin/room_admit.h>

static myl_rc ask_others(myl_req *req, void *state)
{
    return myl_fed_event_by_time(&req->cx, state);
}

/* The event after a place in the reading order; number 0: none. */
static myl_rc next_event(myl_req *req, const myl_room_head *head, myl_point place, myl_stored *out)
{
    myl_walk *walk;

    MYL_TRY(myl_walk_reading(&req->cx, head->room, place, MYL_FORWARD, &walk));
    MYL_TRY(myl_walk_next(walk, out));
    myl_walk_end(walk);
    return MYL_OK;
}

/* *led_to: the event before which history is missing, between what was found and the time; 0: nothing is missing there. */
static myl_rc find_hole(myl_req *req, const myl_room_head *head, const myl_time_ask *ask,
                        const myl_stored *found, uint64_t *led_to)
{
    myl_point start = {INT64_MIN, 0};
    myl_stored beside = *found;
    bool gap = false;

    *led_to = 0;
    if (ask->backward)
        MYL_TRY(
            next_event(req, head, found->number != 0 ? myl_point_after(found) : start, &beside));
    if (beside.number != 0)
        MYL_TRY(myl_room_is_gap(&req->cx, &beside, &gap));
    if (gap)
        *led_to = beside.number;
    return MYL_OK;
}

static myl_rc need_others(myl_req *req, const myl_room_head *head, const myl_time_ask *ask,
                          const myl_stored *found, uint64_t led_to)
{
    myl_fed_time_ask *far = myl_new(&req->cx, myl_fed_time_ask);

    *far = (myl_fed_time_ask){.room_id = head->room_id,
                              .ts = ask->ts,
                              .backward = ask->backward,
                              .has_known = found->number != 0,
                              .known_ts = found->origin_server_ts,
                              .led_to = led_to};
    return myl_req_need(req, MYL_LANE_REMOTE, ask_others, far);
}

static myl_rc read_ask(myl_req *req, myl_time_ask *ask)
{
    myl_str dir = myl_req_query(req, "dir"), ts = myl_req_query(req, "ts");

    if (!myl_str_present(ts) || !myl_str_present(dir))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "%s: missing",
                        myl_str_present(ts) ? "dir" : "ts");
    ask->backward = myl_str_equal(dir, MYL_S("b"));
    if (!ask->backward && !myl_str_equal(dir, MYL_S("f")))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "dir: expected f or b");
    return myl_req_query_int(req, "ts", 0, INT64_MAX, 0, &ask->ts);
}

myl_rc myl_client_event_by_time(myl_req *req, const myl_body_none *in)
{
    myl_time_ask ask = {.user = req->caller.user, .all = req->endpoint->auth == MYL_AUTH_ADMIN};
    myl_writer w = myl_write_start(&req->cx, 128);
    uint64_t led_to = 0;
    myl_room_head head;
    myl_tree_root root;
    myl_stored stored;

    MYL_UNUSED(in);
    MYL_TRY(read_ask(req, &ask));
    MYL_TRY(myl_client_open_room(req, &head, &root));
    MYL_TRY(myl_room_event_by_time(&req->cx, &head, &ask, &stored));
    if (req->plan.state == NULL)
        MYL_TRY(find_hole(req, &head, &ask, &stored, &led_to));
    if (led_to != 0)
        return need_others(req, &head, &ask, &stored, led_to);
    if (stored.number == 0)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no event on that side of the time");
    myl_write_open(&w, '{');
    myl_write_str(&w, "event_id", stored.event_id);
    myl_write_int(&w, "origin_server_ts", stored.origin_server_ts);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
