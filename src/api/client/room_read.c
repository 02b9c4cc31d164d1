/* room_read.c: rooms as a reader sees them: events, state, members.
 *
 * Spec:    Client-Server API, Getting events for a room.
 * Threads: a read worker.
 * Holds:   nothing is shown that the history visibility hides from this reader.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/base_clock.h>
#include <myelin/base_list.h>
#include <myelin/sync_build.h>

myl_event_form myl_client_form(const myl_req *req)
{
    return (myl_event_form){.reader = &req->caller, .now_ms = myl_now_ms()};
}

myl_rc myl_client_open_reading(myl_req *req, myl_client_reading *out)
{
    myl_ignored *ignored = myl_new(&req->cx, myl_ignored);

    *out = (myl_client_reading){.form = myl_client_form(req), .sight = {.user = req->caller.user}};
    out->form.ignored = ignored;
    out->sight.all = req->endpoint->auth == MYL_AUTH_ADMIN;
    if (out->sight.all) {
        *ignored = (myl_ignored){0};
        return MYL_OK;
    }
    return myl_user_ignored(&req->cx, req->caller.user, ignored);
}

myl_rc myl_client_write_event(myl_req *req, myl_writer *w, const char *key,
                              const myl_stored *stored, myl_client_reading *reading)
{
    MYL_TRY(myl_room_membership_then(&req->cx, &reading->sight, stored, &reading->form.membership));
    return myl_room_write_event(&req->cx, w, key, stored, &reading->form);
}

myl_rc myl_client_may_show(myl_req *req, myl_client_reading *reading, const myl_stored *stored,
                           bool *out)
{
    *out = false;
    if ((stored->flags & MYL_EVENT_STATE) == 0 &&
        myl_ignores(reading->form.ignored, stored->sender))
        return MYL_OK;
    return myl_room_may_see(&req->cx, &reading->sight, stored, out);
}

myl_rc myl_client_open_room(myl_req *req, myl_room_head *head, myl_tree_root *root)
{
    MYL_TRY(myl_room_head_get(&req->cx, req->path.room_id, head));
    if (head->room == 0 && req->endpoint->auth == MYL_AUTH_ADMIN)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "roomId: this room is not known here");
    if (head->room == 0)
        return myl_fail(&req->cx, MYL_FORBIDDEN, "you are not in the room");
    *root = head->state;
    if (req->endpoint->auth == MYL_AUTH_ADMIN)
        return MYL_OK;
    return myl_room_readable_state(&req->cx, head, req->caller.user, root);
}

myl_rc myl_client_event(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 512);
    myl_client_reading reading;
    myl_room_head head;
    myl_stored stored;
    bool visible;

    MYL_UNUSED(in);
    MYL_TRY(myl_room_head_get(&req->cx, req->path.room_id, &head));
    MYL_TRY(myl_room_event_of(&req->cx, head.room, req->path.event_id, &stored));
    MYL_TRY(myl_client_open_reading(req, &reading));
    MYL_TRY(myl_client_may_show(req, &reading, &stored, &visible));
    if (!visible)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such event in this room");
    MYL_TRY(myl_client_write_event(req, &w, NULL, &stored, &reading));
    return myl_reply_written(req, &w);
}

/* ---- state ---- */

static myl_rc reply_state_event(myl_req *req, const myl_stored *stored)
{
    myl_writer w = myl_write_start(&req->cx, 512);
    myl_event_form form = myl_client_form(req);

    MYL_TRY(myl_room_write_event(&req->cx, &w, NULL, stored, &form));
    return myl_reply_written(req, &w);
}

myl_rc myl_client_state_content(myl_req *req, const myl_body_none *in)
{
    myl_str key = myl_str_present(req->path.state_key) ? req->path.state_key : MYL_S(""),
            format = myl_req_query(req, "format");
    myl_text text = MYL_TEXT(&req->cx);
    const myl_json *content;
    myl_room_head head;
    myl_tree_root root;
    myl_stored stored;
    bool whole = myl_str_equal(format, MYL_S("event"));

    MYL_UNUSED(in);
    if (myl_str_present(format) && !whole && !myl_str_equal(format, MYL_S("content")))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "format: expected content or event");
    MYL_TRY(myl_client_open_room(req, &head, &root));
    MYL_TRY(myl_room_state_event(&req->cx, root, myl_cstr(&req->cx, req->path.event_type), key,
                                 &stored));
    if (stored.number == 0)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such state in this room");
    if (whole)
        return reply_state_event(req, &stored);
    MYL_TRY(myl_room_event_content(&req->cx, &stored, &content));
    myl_json_write(&text, content);
    return myl_reply_json(req, 200, myl_text_str(&text));
}
