/* spaces.c: what is told of rooms that one is not in: hierarchies of spaces, summaries; rooms shared with another user.
 *
 * Spec:    Client-Server API, Spaces; Room summary; Mutual rooms.
 * Threads: a read worker; a lane asks others.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/told.h"

#include <myelin/base_list.h>
#include <myelin/fed_rooms.h>
#include <myelin/room_hierarchy.h>
#include <myelin/room_serve.h>

enum { PAGE = 50, MOST_ROOMS = 1000, MUTUAL_PAGE = 100 };

/* What is not here is asked of others; the walk runs again with what they told, until there is nothing more to ask. */
myl_rc myl_client_hierarchy(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 4096);
    myl_client_told *told = myl_client_told_of(req);
    myl_hierarchy_ask ask = {.root = req->path.room_id,
                             .user = req->caller.user,
                             .all = req->endpoint->auth == MYL_AUTH_ADMIN,
                             .from = myl_req_query(req, "from"),
                             .elsewhere = myl_client_told_room,
                             .arg = told};
    int64_t limit;
    myl_rc rc;

    MYL_UNUSED(in);
    MYL_TRY(myl_req_query_bool(req, "suggested_only", false, &ask.suggested_only));
    MYL_TRY(myl_req_query_int(req, "max_depth", 0, INT64_MAX, -1, &ask.max_depth));
    MYL_TRY(myl_req_query_int(req, "limit", 1, INT64_MAX, PAGE, &limit));
    ask.limit = limit > MOST_ROOMS ? MOST_ROOMS : (size_t)limit;
    if (ask.all)
        ask.elsewhere = NULL; /* others would say what the administrator may see there */
    rc = myl_room_hierarchy(&req->cx, &ask, &w);
    if (rc != MYL_OK && rc != MYL_FORBIDDEN)
        return rc;
    MYL_TRY(myl_client_told_ask(req, told));
    return rc == MYL_OK ? myl_reply_written(req, &w) : rc;
}

/* ---- one room ---- */

static myl_rc reply_summary(myl_req *req, const myl_room_summary *summary)
{
    myl_writer w = myl_write_start(&req->cx, 1024);
    myl_member member;

    MYL_TRY(myl_room_member(&req->cx, summary->head.room, req->caller.user, &member));
    myl_write_open(&w, '{');
    myl_room_summary_write(&w, summary, true);
    if (req->caller.user != 0)
        myl_write_str(&w, "membership", myl_membership_name(member.membership));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* A room that is not here: its alias is asked for, then what it is. */
typedef struct {
    myl_fed_space space; /* room_id absent: not known yet */
    myl_str alias;
    bool asked;
} far_room;

static myl_rc ask_far(myl_req *req, void *state)
{
    far_room *far = state;
    myl_fed_space *space = &far->space;

    if (!myl_str_present(space->room_id))
        return myl_fed_alias(&req->cx, far->alias, &space->room_id, &space->servers,
                             &space->server_count);
    far->asked = true;
    myl_fed_spaces(&req->cx, space, 1);
    return MYL_OK;
}

/* The id of the path's room; MYL_NEED while another server's alias is asked for. Nobody unknown has others asked. */
static myl_rc find_id(myl_req *req, far_room *far)
{
    myl_str given = req->path.room_id_or_alias, creator;

    if (myl_str_present(far->space.room_id))
        return MYL_OK;
    far->space.user_id = req->caller.user_id;
    far->space.server_count = myl_req_query_all(req, "via", &far->space.servers);
    far->space.room_id = given;
    if (given.at[0] != '#')
        return MYL_OK;
    far->alias = given;
    MYL_TRY(myl_room_alias_get(&req->cx, given, &far->space.room_id, &creator));
    if (myl_str_present(far->space.room_id) || req->caller.user == 0 ||
        myl_id_is_ours(given, myl_room_server()->server_name))
        return MYL_OK;
    return myl_req_need(req, MYL_LANE_REMOTE, ask_far, far);
}

/* *known: something is shown of it. */
static myl_rc find_summary(myl_req *req, far_room *far, myl_room_summary *summary, bool *known)
{
    const myl_json *room;
    myl_room_head head;

    MYL_TRY(myl_room_head_get(&req->cx, far->space.room_id, &head));
    MYL_TRY(myl_room_is_here(&req->cx, &head, known));
    if (*known)
        return myl_room_summary_read(&req->cx, &head, summary);
    if (!far->asked && req->caller.user != 0)
        return myl_req_need(req, MYL_LANE_REMOTE, ask_far, far);
    room = myl_json_object(far->space.told, MYL_S("room"));
    *known = room != NULL;
    return *known ? myl_room_summary_told(&req->cx, room, summary) : MYL_OK;
}

myl_rc myl_client_room_summary(myl_req *req, const myl_body_none *in)
{
    far_room *far = req->plan.state != NULL ? req->plan.state : myl_new(&req->cx, far_room);
    myl_room_summary summary;
    bool open = false;

    MYL_UNUSED(in);
    MYL_TRY(find_id(req, far));
    if (myl_str_present(far->space.room_id))
        MYL_TRY(find_summary(req, far, &summary, &open));
    if (open)
        MYL_TRY(myl_room_summary_open(&req->cx, &summary, req->caller.user, &open));
    if (!open)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such room, or not one that you may look into");
    return reply_summary(req, &summary);
}

/* ---- rooms shared with somebody ---- */

/* Both lists are ascending. */
static myl_rc shared_rooms(myl_req *req, myl_str other, myl_list *out)
{
    const myl_member *mine, *theirs;
    size_t my_count, their_count, j = 0;
    uint64_t user;

    *out = MYL_LIST(&req->cx, uint64_t);
    MYL_TRY(myl_store_interned(&req->cx, MYL_INTERN_NAME, other, &user));
    if (user == 0)
        return MYL_OK;
    MYL_TRY(myl_room_of_user(&req->cx, req->caller.user, 1u << MYL_MEMBER_JOIN, &mine, &my_count));
    MYL_TRY(myl_room_of_user(&req->cx, user, 1u << MYL_MEMBER_JOIN, &theirs, &their_count));
    for (size_t i = 0; i < my_count; i++) {
        while (j < their_count && theirs[j].room < mine[i].room)
            j++;
        if (j < their_count && theirs[j].room == mine[i].room)
            myl_list_push(out, uint64_t, mine[i].room);
    }
    return MYL_OK;
}

/* The token is the number of the last room shown, so that what changes between pages is neither doubled nor left out. */
static myl_rc read_from(myl_req *req, uint64_t *after)
{
    myl_str from = myl_req_query(req, "from");
    int64_t number = 0;

    if (!myl_str_present(from))
        from = myl_req_query(req, "batch_token"); /* as the unstable form had it */
    if (myl_str_present(from) &&
        (from.len < 2 || from.at[0] != 'm' ||
         !myl_str_to_int(myl_str_slice(from, 1, SIZE_MAX), &number) || number < 0))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "from: not a token of this endpoint");
    *after = (uint64_t)number;
    return MYL_OK;
}

static myl_rc write_shared(myl_req *req, myl_writer *w, const myl_list *rooms, uint64_t after)
{
    size_t shown = 0, i;

    myl_write_open_key(w, "joined", '[');
    for (i = 0; i < rooms->count && shown < MUTUAL_PAGE; i++) {
        uint64_t room = myl_list_get(rooms, uint64_t, i);
        myl_str room_id;

        if (room <= after)
            continue;
        MYL_TRY(myl_store_text_of(&req->cx, MYL_INTERN_ROOM, room, &room_id));
        myl_write_str(w, NULL, room_id);
        after = room;
        shown++;
    }
    myl_write_close(w, ']');
    myl_write_int(w, "count", (int64_t)rooms->count);
    if (i < rooms->count) {
        myl_str next = myl_strf(&req->cx, "m%llu", (unsigned long long)after);

        myl_write_str(w, "next_batch", next);
        myl_write_str(w, "next_batch_token", next); /* as the unstable form had it */
    }
    return MYL_OK;
}

myl_rc myl_client_mutual_rooms(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 512);
    myl_str other = myl_req_query(req, "user_id");
    uint64_t after;
    myl_list rooms;

    MYL_UNUSED(in);
    if (!myl_str_present(other))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "user_id: missing");
    if (!myl_id_is_user(other))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "user_id: expected a user id");
    if (myl_str_equal(other, req->caller.user_id))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "user_id: that is yourself");
    MYL_TRY(read_from(req, &after));
    MYL_TRY(shared_rooms(req, other, &rooms));
    myl_write_open(&w, '{');
    MYL_TRY(write_shared(req, &w, &rooms, after));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
