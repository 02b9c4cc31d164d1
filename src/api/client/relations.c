/* relations.c: what is related to an event, and the threads of a room.
 *
 * Spec:    Client-Server API, Aggregations of child events; Threading.
 * Threads: a read worker.
 * Holds:   nothing is shown that the history visibility hides from this reader, or whose sender they ignore.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/room_relation.h>

enum { DEFAULT_RELATIONS = 5, DEFAULT_THREADS = 20, MAX_EVENTS = 100 };

/* Who reads a room, and how they are shown it. */
typedef struct {
    myl_room_head head;
    myl_client_reading own;
    myl_relation_reader reader;
} reading;

static myl_rc start_reading(myl_req *req, reading *r)
{
    myl_tree_root root;

    *r = (reading){.reader = {.sight = {.user = req->caller.user}}};
    MYL_TRY(myl_client_open_room(req, &r->head, &root));
    MYL_TRY(myl_client_open_reading(req, &r->own));
    r->reader.ignored = r->own.form.ignored;
    return MYL_OK;
}

static myl_rc read_limit(myl_req *req, int64_t missing, size_t *out)
{
    int64_t limit;

    MYL_TRY(myl_req_query_int(req, "limit", 1, INT64_MAX, missing, &limit));
    *out = (size_t)(limit > MAX_EVENTS ? MAX_EVENTS : limit);
    return MYL_OK;
}

static myl_rc write_chunk(myl_req *req, reading *r, const myl_relation_found *found, myl_writer *w)
{
    myl_write_open_key(w, "chunk", '[');
    for (size_t i = 0; i < found->count; i++)
        MYL_TRY(myl_client_write_event(req, w, NULL, &found->events[i], &r->own));
    myl_write_close(w, ']');
    if (found->more)
        myl_write_str(w, "next_batch", myl_point_write(&req->cx, found->end));
    return MYL_OK;
}

/* ---- relations ---- */

static myl_rc read_page(myl_req *req, const reading *r, myl_relation_page *page)
{
    myl_str dir = myl_req_query(req, "dir");
    bool forward = myl_str_equal(dir, MYL_S("f"));

    if (myl_str_present(dir) && !forward && !myl_str_equal(dir, MYL_S("b")))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "dir: expected b or f");
    *page = (myl_relation_page){
        .room = r->head.room,
        .parent = req->path.event_id,
        .rel_type = req->path.rel_type,
        .event_type = req->path.event_type,
        .direction = forward ? MYL_FORWARD : MYL_BACKWARD,
        .from = forward ? (myl_point){INT64_MIN, 0} : (myl_point){INT64_MAX, UINT64_MAX},
    };
    MYL_TRY(myl_req_query_bool(req, "recurse", false, &page->recurse));
    MYL_TRY(read_limit(req, DEFAULT_RELATIONS, &page->limit));
    if (myl_req_query(req, "from").len > 0)
        MYL_TRY(myl_client_read_point(req, r->head.room, "from", &page->from));
    page->has_to = myl_req_query(req, "to").len > 0;
    return page->has_to ? myl_client_read_point(req, r->head.room, "to", &page->to) : MYL_OK;
}

static myl_rc require_parent(myl_req *req, reading *r)
{
    myl_stored parent;
    bool visible;

    MYL_TRY(myl_room_event_of(&req->cx, r->head.room, req->path.event_id, &parent));
    MYL_TRY(myl_room_may_see(&req->cx, &r->reader.sight, &parent, &visible));
    return visible ? MYL_OK : myl_fail(&req->cx, MYL_NOT_FOUND, "no such event in this room");
}

myl_rc myl_client_relations(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 4096);
    myl_relation_found found;
    myl_relation_page page;
    reading r;

    MYL_UNUSED(in);
    MYL_TRY(start_reading(req, &r));
    MYL_TRY(require_parent(req, &r));
    MYL_TRY(read_page(req, &r, &page));
    MYL_TRY(myl_room_relations(&req->cx, &page, &r.reader, &found));
    myl_write_open(&w, '{');
    MYL_TRY(write_chunk(req, &r, &found, &w));
    if (myl_req_query(req, "from").len > 0)
        myl_write_str(&w, "prev_batch", myl_point_write(&req->cx, page.from));
    if (page.recurse)
        myl_write_int(&w, "recursion_depth", (int64_t)found.depth);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- threads ---- */

static myl_rc read_include(myl_req *req, bool *participated)
{
    myl_str include = myl_req_query(req, "include");

    *participated = myl_str_equal(include, MYL_S("participated"));
    if (*participated || include.len == 0 || myl_str_equal(include, MYL_S("all")))
        return MYL_OK;
    return myl_fail(&req->cx, MYL_INVALID_PARAM, "include: expected all or participated");
}

myl_rc myl_client_threads(myl_req *req, const myl_body_none *in)
{
    myl_thread_page page = {.from = {INT64_MAX, UINT64_MAX}};
    myl_writer w = myl_write_start(&req->cx, 4096);
    myl_relation_found found;
    reading r;

    MYL_UNUSED(in);
    MYL_TRY(start_reading(req, &r));
    MYL_TRY(read_include(req, &page.participated));
    MYL_TRY(read_limit(req, DEFAULT_THREADS, &page.limit));
    if (myl_req_query(req, "from").len > 0)
        MYL_TRY(myl_client_read_point(req, r.head.room, "from", &page.from));
    page.room = r.head.room;
    MYL_TRY(myl_room_threads(&req->cx, &page, &r.reader, &found));
    myl_write_open(&w, '{');
    MYL_TRY(write_chunk(req, &r, &found, &w));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
