/* told.c: rooms that are not here: which are to be asked for, and what was told, through the rounds of one request.
 *
 * Why:     a walk through spaces finds rooms one below the other; each round asks for all that the last one met, side by side.
 * Threads: the handler's; the questions on the lane REMOTE.
 * Memory:  the request's job. HIERARCHY_ASKED rooms at most are asked for.
 * Holds:   what a server says that we cannot enter is not asked of others.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/told.h"

#include <myelin/base_limit.h>
#include <myelin/base_list.h>
#include <myelin/fed_rooms.h>

typedef struct {
    const myl_json *room; /* NULL: nothing is known */
    bool asked;           /* no more is to be had */
} told_room;

struct myl_client_told {
    myl_req *req;
    myl_map *rooms;  /* id -> told_room */
    myl_list wanted; /* myl_fed_space: this round's */
    size_t asked;
};

static told_room *room_of(myl_client_told *told, myl_str room_id)
{
    void **slot = myl_map_slot(told->rooms, room_id);

    if (*slot == NULL)
        *slot = myl_new(&told->req->cx, told_room);
    return *slot;
}

myl_client_told *myl_client_told_of(myl_req *req)
{
    myl_client_told *told = req->plan.state;

    if (told == NULL) {
        told = myl_new(&req->cx, myl_client_told);
        told->req = req;
        told->rooms = myl_map_start(&req->cx, 64);
        told->wanted = MYL_LIST(&req->cx, myl_fed_space);
    }
    return told;
}

/* ---- what is to be asked ---- */

static void copy_servers(myl_client_told *told, const myl_json *via, myl_fed_space *out)
{
    myl_list servers = MYL_LIST(&told->req->cx, myl_str);
    const myl_str *given;

    if (via == NULL) {
        out->server_count = myl_req_query_all(told->req, "via", &given);
        out->servers = given;
        return;
    }
    for (uint32_t i = 0; i < via->count && servers.count < MYL_LIMIT_JOIN_SERVERS; i++)
        if (via->items[i].kind == MYL_JSON_STRING && myl_id_is_server(via->items[i].text))
            myl_list_push(&servers, myl_str, myl_keep(&told->req->cx, via->items[i].text));
    out->servers = servers.at;
    out->server_count = servers.count;
}

static void want(myl_client_told *told, myl_str room_id, const myl_json *via)
{
    myl_fed_space *space = myl_list_add(&told->wanted);

    *space = (myl_fed_space){.room_id = myl_keep(&told->req->cx, room_id),
                             .user_id = told->req->caller.user_id};
    copy_servers(told, via, space);
    told->asked++;
}

myl_rc myl_client_told_room(void *arg, myl_str room_id, const myl_json *via, const myl_json **out)
{
    myl_client_told *told = arg;
    told_room *room = room_of(told, myl_keep(&told->req->cx, room_id));
    bool is_space = myl_str_equal(myl_json_text(room->room, MYL_S("room_type")), MYL_S("m.space"));

    *out = room->room;
    if (room->asked || (room->room != NULL && !is_space) ||
        told->asked >= MYL_LIMIT_HIERARCHY_ASKED)
        return MYL_OK;
    room->asked = true;
    want(told, room_id, via);
    return MYL_OK;
}

/* ---- what was told ---- */

static void take_children(myl_client_told *told, const myl_json *answer)
{
    const myl_json *children = myl_json_array(answer, MYL_S("children"));
    const myl_json *closed = myl_json_array(answer, MYL_S("inaccessible_children"));

    for (uint32_t i = 0; children != NULL && i < children->count; i++) {
        myl_str room_id = myl_json_text(&children->items[i], MYL_S("room_id"));
        told_room *room = myl_id_is_room(room_id) ? room_of(told, room_id) : NULL;

        if (room != NULL && room->room == NULL)
            room->room = &children->items[i];
    }
    for (uint32_t i = 0; closed != NULL && i < closed->count; i++)
        if (closed->items[i].kind == MYL_JSON_STRING && myl_id_is_room(closed->items[i].text))
            room_of(told, closed->items[i].text)->asked = true;
}

static myl_rc ask(myl_req *req, void *state)
{
    myl_client_told *told = state;
    myl_fed_space *spaces = told->wanted.at;

    myl_fed_spaces(&req->cx, spaces, told->wanted.count);
    for (size_t i = 0; i < told->wanted.count; i++) {
        if (spaces[i].told == NULL)
            continue;
        room_of(told, spaces[i].room_id)->room = myl_json_object(spaces[i].told, MYL_S("room"));
        take_children(told, spaces[i].told);
    }
    told->wanted = MYL_LIST(&req->cx, myl_fed_space);
    return MYL_OK;
}

myl_rc myl_client_told_ask(myl_req *req, myl_client_told *told)
{
    if (told->wanted.count == 0 || req->plan.rounds + 1 >= MYL_LIMIT_NEED_ROUNDS)
        return MYL_OK;
    return myl_req_need(req, MYL_LANE_REMOTE, ask, told);
}
