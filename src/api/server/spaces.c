/* spaces.c: what other servers are told of rooms that they may not be in: a space with its children, the room directory.
 *
 * Spec:    Server-Server API, Spaces; Published Room Directory.
 * Threads: a read worker.
 * Holds:   a room that the asking server could not enter is told by its id alone, and only below a space that it may see.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/server/server_own.h"

#include <myelin/base_limit.h>
#include <myelin/room_hierarchy.h>

/* ---- hierarchy ---- */

/* *here: we know it; *open: the asking server may look in. */
static myl_rc look(myl_req *req, myl_str room_id, myl_room_summary *summary, bool *here, bool *open)
{
    myl_room_head head;

    *open = false;
    MYL_TRY(myl_room_head_get(&req->cx, room_id, &head));
    MYL_TRY(myl_room_is_here(&req->cx, &head, here));
    if (!*here)
        return MYL_OK;
    MYL_TRY(myl_room_summary_read(&req->cx, &head, summary));
    return myl_room_summary_open_to_server(&req->cx, summary, req->origin, open);
}

static myl_rc write_children(myl_req *req, myl_writer *w, const myl_list *children,
                             myl_list *closed)
{
    myl_write_open_key(w, "children", '[');
    for (size_t i = 0; i < children->count && i < MYL_LIMIT_HIERARCHY_ROOMS; i++) {
        myl_str room_id = ((const myl_space_child *)myl_list_at(children, i))->room_id;
        myl_room_summary summary;
        bool here, open;

        MYL_TRY(look(req, room_id, &summary, &here, &open));
        if (here && !open)
            myl_list_push(closed, myl_str, room_id);
        if (!open)
            continue;
        myl_write_open(w, '{');
        myl_room_summary_write(w, &summary, true);
        myl_write_close(w, '}');
    }
    myl_write_close(w, ']');
    return MYL_OK;
}

myl_rc myl_server_hierarchy(myl_req *req, const myl_body_none *in)
{
    myl_ctx *cx = &req->cx;
    myl_writer w = myl_write_start(cx, 4096);
    myl_list children = MYL_LIST(cx, myl_space_child), closed = MYL_LIST(cx, myl_str);
    myl_room_summary summary;
    bool here, open, suggested_only;

    MYL_UNUSED(in);
    MYL_TRY(myl_req_query_bool(req, "suggested_only", false, &suggested_only));
    MYL_TRY(look(req, req->path.room_id, &summary, &here, &open));
    if (!open)
        return myl_fail(cx, MYL_NOT_FOUND, "no such room, or none that %.*s may look into",
                        MYL_FMT(req->origin));
    if (myl_str_equal(summary.room_type, MYL_S("m.space")))
        MYL_TRY(myl_room_children(cx, &summary.head, suggested_only, &children));
    myl_write_open(&w, '{');
    myl_room_write_space(&w, "room", &summary, &children);
    MYL_TRY(write_children(req, &w, &children, &closed));
    myl_write_open_key(&w, "inaccessible_children", '[');
    for (size_t i = 0; i < closed.count; i++)
        myl_write_str(&w, NULL, myl_list_get(&closed, myl_str, i));
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- the room directory ---- */

static myl_rc reply_page(myl_req *req, const myl_list_ask *ask)
{
    myl_writer w = myl_write_start(&req->cx, 4096);
    myl_list_page page;

    if (!myl_api_config()->public_rooms_over_federation)
        return myl_fail(&req->cx, MYL_FORBIDDEN,
                        "the room directory is not shown to other servers");
    MYL_TRY(myl_room_list_page(&req->cx, ask, &page));
    myl_room_list_write(&w, &page);
    return myl_reply_written(req, &w);
}

static size_t page_size(int64_t limit)
{
    return limit > MYL_LIMIT_LIST_PAGE ? MYL_LIMIT_LIST_PAGE : (size_t)limit;
}

static myl_rc choose_list(myl_req *req, bool all, myl_str instance, myl_list_ask *ask)
{
    if (all && instance.len > 0)
        return myl_fail(&req->cx, MYL_INVALID_PARAM,
                        "third_party_instance_id: not with include_all_networks");
    ask->list = instance.len > 0 ? instance : MYL_S("");
    if (all)
        ask->list = MYL_S("*");
    return MYL_OK;
}

myl_rc myl_server_public_rooms(myl_req *req, const myl_body_none *in)
{
    myl_list_ask ask = {.since = myl_req_query(req, "since")};
    int64_t limit;
    bool all;

    MYL_UNUSED(in);
    MYL_TRY(myl_req_query_int(req, "limit", 0, INT64_MAX, 0, &limit));
    MYL_TRY(myl_req_query_bool(req, "include_all_networks", false, &all));
    MYL_TRY(choose_list(req, all, myl_req_query(req, "third_party_instance_id"), &ask));
    ask.limit = page_size(limit);
    return reply_page(req, &ask);
}

myl_rc myl_server_search_public_rooms(myl_req *req, const myl_body_public_rooms *in)
{
    myl_list_ask ask = {.since = in->since};

    MYL_TRY(choose_list(req, in->include_all_networks, in->third_party_instance_id, &ask));
    if (in->has_limit)
        ask.limit = page_size(in->limit);
    if (in->filter != NULL) {
        ask.term = in->filter->generic_search_term;
        ask.room_types = in->filter->room_types;
    }
    return reply_page(req, &ask);
}
