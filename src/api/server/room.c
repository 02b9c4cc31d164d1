/* room.c: may this server ask about this room?
 *
 * Spec:    Server-Server API, Server Access Control Lists; Joining Rooms.
 * Threads: the transaction's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/server/server_own.h"

#include <myelin/base_clock.h>

myl_rc myl_server_open_room(myl_req *req, myl_str room_id, myl_room_head *head)
{
    myl_ctx *cx = &req->cx;
    bool here, allowed;

    MYL_TRY(myl_room_head_get(cx, room_id, head));
    MYL_TRY(myl_room_is_here(cx, head, &here));
    if (!here)
        return myl_fail(cx, MYL_NOT_FOUND, "this server is not in the room");
    MYL_TRY(myl_room_acl_allows(cx, head->state, req->origin, &allowed));
    if (!allowed)
        return myl_fail(cx, MYL_FORBIDDEN, "the room's server ACL shuts %.*s out",
                        MYL_FMT(req->origin));
    return MYL_OK;
}

myl_rc myl_server_open_joined(myl_req *req, myl_str room_id, myl_room_head *head)
{
    bool joined;

    MYL_TRY(myl_server_open_room(req, room_id, head));
    MYL_TRY(myl_room_has_server(&req->cx, head->room, req->origin, &joined));
    if (!joined)
        return myl_fail(&req->cx, MYL_FORBIDDEN, "%.*s is not in the room", MYL_FMT(req->origin));
    return MYL_OK;
}

myl_rc myl_server_require_own(myl_req *req, myl_str user_id)
{
    if (!myl_id_is_ours(user_id, req->origin))
        return myl_fail(&req->cx, MYL_FORBIDDEN, "%.*s is no user of %.*s", MYL_FMT(user_id),
                        MYL_FMT(req->origin));
    return MYL_OK;
}

myl_rc myl_server_require_sender(myl_req *req, myl_str sender)
{
    if (!myl_id_is_ours(sender, req->origin))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "sender: no user of %.*s",
                        MYL_FMT(req->origin));
    return MYL_OK;
}

myl_rc myl_server_require_version(myl_req *req, const myl_room_version *version)
{
    const myl_str *names, first = MYL_S("1");
    size_t count = myl_req_query_all(req, "ver", &names);

    if (count == 0) {
        names = &first;
        count = 1;
    }
    for (size_t i = 0; i < count; i++)
        if (myl_str_equal(names[i], myl_str_of(version->name)))
            return MYL_OK;
    (void)myl_fail(&req->cx, MYL_INCOMPATIBLE_ROOM_VERSION, "ver: the room has version %s",
                   version->name);
    req->cx.error.members = myl_strf(&req->cx, "\"room_version\":\"%s\"", version->name);
    return MYL_INCOMPATIBLE_ROOM_VERSION;
}

void myl_server_write_origin(myl_writer *w)
{
    myl_write_str(w, "origin", myl_room_server()->server_name);
    myl_write_int(w, "origin_server_ts", myl_now_ms());
}
