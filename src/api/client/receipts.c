/* receipts.c: receipts, read markers, typing.
 *
 * Spec:    Client-Server API, Receipts; Fully read markers; Typing notifications.
 * Threads: the engine for receipts; a read worker for typing, which is never stored.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/base_clock.h>
#include <myelin/http_server.h>
#include <myelin/outbox_send.h>
#include <myelin/room_relation.h>

enum { LONGEST_TYPING_MS = 120000 };

static bool is_receipt_type(myl_str type)
{
    return myl_str_equal(type, MYL_S("m.read")) || myl_str_equal(type, MYL_S("m.read.private"));
}

/* Does the event belong to the thread that the receipt names, or to the main timeline? A thread's root and what relates to it
 * belong to both. */
static myl_rc check_place(myl_req *req, const myl_stored *stored, myl_str thread_id)
{
    bool main = myl_str_equal(thread_id, MYL_S("main"));
    const myl_json *content;
    myl_thread_place place;
    uint64_t root = 0;

    if (!myl_str_present(thread_id))
        return MYL_OK;
    MYL_TRY(myl_room_event_content(&req->cx, stored, &content));
    MYL_TRY(myl_room_thread_of(&req->cx, stored->room, content, &place));
    if (!main)
        MYL_TRY(myl_room_event_number(&req->cx, thread_id, &root));
    if (main ? place.thread == 0
             : root != 0 && (root == stored->number || root == place.thread || root == place.top))
        return MYL_OK;
    return myl_fail(&req->cx, MYL_INVALID_PARAM, "thread_id: the event is not related to it");
}

static myl_rc put_receipt(myl_req *req, const myl_room_head *head, myl_receipt receipt)
{
    myl_stored stored;

    MYL_TRY(myl_room_event_of(&req->cx, head->room, receipt.event_id, &stored));
    MYL_TRY(check_place(req, &stored, receipt.thread_id));
    receipt.user = req->caller.user;
    receipt.ts = myl_now_ms();
    return myl_room_receipt_put(&req->cx, head->room, &receipt);
}

/* m.fully_read is account data of the room, and names an event of it. */
static myl_rc put_fully_read(myl_req *req, const myl_room_head *head, myl_str event_id)
{
    const myl_json *content =
        myl_json_with(&req->cx, NULL, MYL_S("event_id"), myl_json_of_str(&req->cx, event_id));
    myl_stored stored;

    MYL_TRY(myl_room_event_of(&req->cx, head->room, event_id, &stored));
    return myl_user_data_put(&req->cx, req->caller.user, head->room, MYL_S("m.fully_read"),
                             content);
}

/* "main" or an event id; spec: Threaded read receipts. */
static myl_rc check_thread(myl_req *req, myl_str thread_id)
{
    if (!myl_str_present(thread_id) || myl_str_equal(thread_id, MYL_S("main")) ||
        myl_id_is_event(thread_id))
        return MYL_OK;
    return myl_fail(&req->cx, MYL_INVALID_PARAM, "thread_id: expected main or an event id");
}

myl_rc myl_client_receipt(myl_req *req, const myl_body_receipt *in)
{
    myl_str type = req->path.receipt_type;
    myl_room_head head;

    MYL_TRY(check_thread(req, in->thread_id));
    MYL_TRY(myl_room_require_joined(&req->cx, req->path.room_id, &req->caller, &head));
    if (myl_str_equal(type, MYL_S("m.fully_read"))) {
        if (myl_str_present(in->thread_id))
            return myl_fail(&req->cx, MYL_INVALID_PARAM, "thread_id: m.fully_read has no threads");
        MYL_TRY(put_fully_read(req, &head, req->path.event_id));
        return myl_reply_empty(req);
    }
    if (!is_receipt_type(type))
        return myl_fail(&req->cx, MYL_INVALID_PARAM,
                        "receiptType: expected m.read, m.read.private or m.fully_read");
    MYL_TRY(put_receipt(
        req, &head,
        (myl_receipt){.type = type, .thread_id = in->thread_id, .event_id = req->path.event_id}));
    return myl_reply_empty(req);
}

myl_rc myl_client_read_markers(myl_req *req, const myl_body_read_markers *in)
{
    myl_room_head head;

    MYL_TRY(myl_room_require_joined(&req->cx, req->path.room_id, &req->caller, &head));
    if (myl_str_present(in->m_fully_read))
        MYL_TRY(put_fully_read(req, &head, in->m_fully_read));
    if (myl_str_present(in->m_read))
        MYL_TRY(put_receipt(req, &head,
                            (myl_receipt){.type = MYL_S("m.read"), .event_id = in->m_read}));
    if (myl_str_present(in->m_read_private))
        MYL_TRY(put_receipt(req, &head,
                            (myl_receipt){.type = MYL_S("m.read.private"),
                                          .event_id = in->m_read_private}));
    return myl_reply_empty(req);
}

myl_rc myl_client_typing(myl_req *req, const myl_body_typing *in)
{
    int64_t timeout = in->timeout;
    myl_room_head head;

    MYL_TRY(myl_client_require_self(req));
    MYL_TRY(myl_room_require_joined(&req->cx, req->path.room_id, &req->caller, &head));
    if (timeout > LONGEST_TYPING_MS)
        timeout = LONGEST_TYPING_MS;
    if (!req->caller.is_shadow_banned &&
        myl_room_typing_set(head.room, req->caller.user, in->typing ? timeout : 0)) {
        myl_http_wake(MYL_NOTE_ROOM, head.room);
        myl_outbox_typing(head.room, head.room_id, req->caller.user_id, in->typing);
    }
    return myl_reply_empty(req);
}
