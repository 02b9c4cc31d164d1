/* reports.c: events, rooms and users that somebody reports to the administrators.
 *
 * Spec:    Client-Server API, Reporting Content.
 * Threads: the engine.
 * Holds:   whoever cannot see an event learns nothing of it by a report.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/room_report.h>

static myl_rc keep(myl_req *req, myl_report *report)
{
    uint64_t id;

    report->reporter = req->caller.user_id;
    MYL_TRY(myl_room_report_put(&req->cx, report, &id));
    return myl_reply_empty(req);
}

myl_rc myl_client_report_event(myl_req *req, const myl_body_report_event *in)
{
    myl_report report = {.kind = MYL_REPORT_EVENT,
                         .room_id = req->path.room_id,
                         .target = req->path.event_id,
                         .reason = in->reason,
                         .has_score = in->has_score,
                         .score = in->score};
    myl_sight sight = {.user = req->caller.user};
    myl_room_head head;
    myl_stored event;
    myl_member member;
    bool visible;

    MYL_TRY(myl_room_head_get(&req->cx, req->path.room_id, &head));
    MYL_TRY(myl_room_member(&req->cx, head.room, req->caller.user, &member));
    if (member.membership != MYL_MEMBER_JOIN)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such event in a room of yours");
    MYL_TRY(myl_room_event_of(&req->cx, head.room, req->path.event_id, &event));
    MYL_TRY(myl_room_may_see(&req->cx, &sight, &event, &visible));
    if (!visible)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such event in a room of yours");
    MYL_TRY(myl_store_text_of(&req->cx, MYL_INTERN_NAME, event.sender, &report.sender));
    return keep(req, &report);
}

myl_rc myl_client_report_room(myl_req *req, const myl_body_report *in)
{
    myl_report report = {.kind = MYL_REPORT_ROOM,
                         .room_id = req->path.room_id,
                         .reason = in->reason};
    myl_room_head head;

    MYL_TRY(myl_room_head_get(&req->cx, req->path.room_id, &head));
    if (head.room == 0)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such room");
    return keep(req, &report);
}

/* Users of other servers are reported too, where they are known. */
myl_rc myl_client_report_user(myl_req *req, const myl_body_report *in)
{
    myl_report report = {.kind = MYL_REPORT_USER,
                         .target = req->path.user_id,
                         .reason = in->reason};
    uint64_t user;
    bool exists;

    MYL_TRY(myl_user_exists(&req->cx, req->path.user_id, &exists));
    MYL_TRY(myl_store_interned(&req->cx, MYL_INTERN_NAME, req->path.user_id, &user));
    if (!exists && (user == 0 || myl_id_is_ours(req->path.user_id, myl_api_config()->server_name)))
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such user");
    return keep(req, &report);
}
