/* threads.c: which threads a user follows.
 *
 * Spec:    MSC4306, New Endpoints; MSC4308, Companion endpoint.
 * Threads: the engine for changes, read workers otherwise.
 * Holds:   a thread that the user may not see is answered as one that is not there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/room_relation.h>
#include <myelin/sync_sliding.h>
#include <myelin/user_threads.h>

enum { DEFAULT_PAGE = 100 };

/* The event of the path, which may be the root of a thread that has no other events yet. */
static myl_rc require_root(myl_req *req, myl_stored *root)
{
    myl_sight sight = {.user = req->caller.user};
    myl_room_head head;
    bool visible;

    MYL_TRY(myl_room_head_get(&req->cx, req->path.room_id, &head));
    MYL_TRY(myl_room_event_of(&req->cx, head.room, req->path.thread_root_id, root));
    MYL_TRY(myl_room_may_see(&req->cx, &sight, root, &visible));
    return visible ? MYL_OK : myl_fail(&req->cx, MYL_NOT_FOUND, "no such thread in this room");
}

myl_rc myl_client_thread(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 32);
    myl_thread_subscription found;
    myl_stored root;

    MYL_UNUSED(in);
    MYL_TRY(require_root(req, &root));
    MYL_TRY(myl_user_thread(&req->cx, req->caller.user, root.room, root.event_id, &found));
    if (found.how == MYL_THREAD_NONE)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "not subscribed to this thread");
    myl_write_open(&w, '{');
    myl_write_bool(&w, "automatic", found.how == MYL_THREAD_AUTOMATIC);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* The number of the event for which a client subscribes; 0: the user wants it. */
static myl_rc read_cause(myl_req *req, const myl_stored *root, myl_str event_id, uint64_t *out)
{
    const myl_json *content;
    myl_relation relation;
    myl_stored cause;

    *out = 0;
    if (!myl_str_present(event_id))
        return MYL_OK;
    MYL_TRY(myl_room_event_number(&req->cx, event_id, out));
    if (*out != 0) {
        MYL_TRY(myl_room_event(&req->cx, *out, &cause));
        MYL_TRY(myl_room_event_content(&req->cx, &cause, &content));
        relation = myl_relation_of(content);
        if (cause.room == root->room && myl_str_equal(relation.rel_type, MYL_S("m.thread")) &&
            myl_str_equal(relation.parent, root->event_id))
            return MYL_OK;
    }
    return myl_fail(&req->cx, MYL_NOT_IN_THREAD, "automatic: not an event of this thread");
}

myl_rc myl_client_put_thread(myl_req *req, const myl_body_thread_subscription *in)
{
    myl_stored root;
    uint64_t cause;

    MYL_TRY(require_root(req, &root));
    MYL_TRY(read_cause(req, &root, in->automatic, &cause));
    MYL_TRY(myl_user_thread_follow(&req->cx, req->caller.user, root.room, root.event_id, cause));
    return myl_reply_empty(req);
}

myl_rc myl_client_delete_thread(myl_req *req, const myl_body_none *in)
{
    myl_stored root;

    MYL_UNUSED(in);
    MYL_TRY(require_root(req, &root));
    MYL_TRY(myl_user_thread_leave(&req->cx, req->caller.user, root.room, root.event_id));
    return myl_reply_empty(req);
}

/* ---- by the page ---- */

static myl_rc read_range(myl_req *req, myl_thread_range *out)
{
    myl_str from = myl_req_query(req, "from"), to = myl_req_query(req, "to");
    int64_t limit;

    if (!myl_str_equal(myl_req_query(req, "dir"), MYL_S("b")))
        return myl_fail(&req->cx,
                        myl_str_present(myl_req_query(req, "dir")) ? MYL_INVALID_PARAM
                                                                   : MYL_MISSING_PARAM,
                        "dir: expected b");
    *out = (myl_thread_range){.before = UINT64_MAX};
    MYL_TRY(myl_req_query_int(req, "limit", 1, INT64_MAX, DEFAULT_PAGE, &limit));
    out->limit = (size_t)(limit > MYL_LIMIT_THREAD_PAGE ? MYL_LIMIT_THREAD_PAGE : limit);
    if (from.len > 0)
        MYL_TRY(myl_sliding_thread_place_read(&req->cx, from, "from", &out->before));
    return to.len > 0 ? myl_sliding_thread_place_read(&req->cx, to, "to", &out->after) : MYL_OK;
}

myl_rc myl_client_thread_changes(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 1024);
    myl_thread_range range;
    myl_threads found;

    MYL_UNUSED(in);
    MYL_TRY(read_range(req, &range));
    MYL_TRY(myl_user_threads(&req->cx, req->caller.user, &range, &found));
    myl_write_open(&w, '{');
    MYL_TRY(myl_sliding_write_threads(&req->cx, &w, &found));
    if (found.more)
        myl_write_str(&w, "end",
                      myl_sliding_thread_place(&req->cx, found.list[found.count - 1].position));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
