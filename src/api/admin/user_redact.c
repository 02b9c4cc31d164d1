/* user_redact.c: what a user wrote is redacted, in the background.
 *
 * Threads: the engine; a read worker tells how far it is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/admin/admin_own.h"

#include <myelin/room_redactions.h>

enum { USUAL_LIMIT = 1000 };

static myl_rc find_rooms(myl_req *req, const myl_body_user_redact *in, myl_list *out)
{
    if (in->rooms_count > MYL_LIMIT_REDACTION_ROOMS)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "rooms: more than %d",
                        MYL_LIMIT_REDACTION_ROOMS);
    for (size_t i = 0; i < in->rooms_count; i++) {
        myl_room_head head;

        MYL_TRY(myl_room_head_get(&req->cx, in->rooms[i], &head));
        if (head.room == 0)
            return myl_fail(&req->cx, MYL_NOT_FOUND, "rooms[%zu]: this room is not known here", i);
        myl_list_push(out, uint64_t, head.room);
    }
    return MYL_OK;
}

myl_rc myl_admin_redact_user(myl_req *req, const myl_body_user_redact *in)
{
    myl_list rooms = MYL_LIST(&req->cx, uint64_t);
    myl_user_redaction wanted = {.by = req->caller.user,
                                 .reason = in->reason,
                                 .limit = in->has_limit ? in->limit : USUAL_LIMIT};
    myl_writer w = myl_write_start(&req->cx, 64);
    uint64_t id;

    MYL_TRY(myl_store_interned(&req->cx, MYL_INTERN_NAME, req->path.user_id, &wanted.user));
    if (wanted.user == 0)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "userId: nobody here has heard of this user");
    if (in->reason.len > MYL_LIMIT_REPORT_REASON)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "reason: longer than %d bytes",
                        MYL_LIMIT_REPORT_REASON);
    MYL_TRY(find_rooms(req, in, &rooms));
    wanted.rooms = rooms.count > 0 ? rooms.at : NULL;
    wanted.room_count = rooms.count;
    MYL_TRY(myl_room_redact_user(&req->cx, &wanted, &id));
    myl_write_open(&w, '{');
    myl_write_str(&w, "redact_id", myl_strf(&req->cx, "%llu", (unsigned long long)id));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_redact_status(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 256);
    myl_redaction_info info = {.id = 0};
    int64_t id;

    MYL_UNUSED(in);
    if (myl_str_to_int(req->path.redact_id, &id) && id > 0)
        MYL_TRY(myl_room_redaction_info(&req->cx, (uint64_t)id, &info));
    if (info.id == 0)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "redactId: there is no such redaction");
    myl_write_open(&w, '{');
    myl_write_str(&w, "status", info.complete ? MYL_S("complete") : MYL_S("active"));
    myl_write_json(&w, "failed_redactions", info.failed);
    myl_write_int(&w, "redacted", (int64_t)info.redacted);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
