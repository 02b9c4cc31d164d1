/* directory.c: aliases of rooms, and forgetting rooms.
 *
 * Spec:    Client-Server API, Room aliases; Leaving rooms.
 * Threads: the engine for changes, a read worker otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

myl_rc myl_client_alias(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 128);
    myl_str room_id, creator;

    MYL_UNUSED(in);
    MYL_TRY(myl_room_alias_get(&req->cx, req->path.room_alias, &room_id, &creator));
    if (!myl_str_present(room_id))
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no room has this alias");
    myl_write_open(&w, '{');
    myl_write_str(&w, "room_id", room_id);
    myl_write_open_key(&w, "servers", '[');
    myl_write_str(&w, NULL, myl_room_server()->server_name);
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_put_alias(myl_req *req, const myl_body_room_alias *in)
{
    myl_room_head head;

    if (!myl_id_is_ours(req->path.room_alias, myl_room_server()->server_name))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "roomAlias: belongs to another server");
    MYL_TRY(myl_room_require_joined(&req->cx, in->room_id, &req->caller, &head));
    MYL_TRY(myl_room_alias_put(&req->cx, req->path.room_alias, in->room_id, req->caller.user_id));
    return myl_reply_empty(req);
}

/* Its maker may remove an alias, and who may set the canonical one. */
static myl_rc require_may_remove(myl_req *req, myl_str room_id, myl_str creator)
{
    myl_room_head head;
    myl_power power;
    myl_member member;

    if (myl_str_equal(creator, req->caller.user_id) || req->caller.is_admin)
        return MYL_OK;
    MYL_TRY(myl_room_head_get(&req->cx, room_id, &head));
    MYL_TRY(myl_room_member(&req->cx, head.room, req->caller.user, &member));
    MYL_TRY(myl_room_power(&req->cx, &head, &power));
    if (member.membership != MYL_MEMBER_JOIN ||
        myl_power_user(&power, req->caller.user_id) <
            myl_power_event(&power, MYL_S("m.room.canonical_alias"), true))
        return myl_fail(&req->cx, MYL_FORBIDDEN,
                        "removing others' aliases takes the level of m.room.canonical_alias");
    return MYL_OK;
}

myl_rc myl_client_delete_alias(myl_req *req, const myl_body_none *in)
{
    myl_str room_id, creator;

    MYL_UNUSED(in);
    MYL_TRY(myl_room_alias_get(&req->cx, req->path.room_alias, &room_id, &creator));
    if (!myl_str_present(room_id))
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no room has this alias");
    MYL_TRY(require_may_remove(req, room_id, creator));
    MYL_TRY(myl_room_alias_remove(&req->cx, req->path.room_alias));
    return myl_reply_empty(req);
}

myl_rc myl_client_forget(myl_req *req, const myl_body_empty *in)
{
    myl_room_head head;

    MYL_UNUSED(in);
    MYL_TRY(myl_room_head_get(&req->cx, req->path.room_id, &head));
    MYL_TRY(myl_room_forget(&req->cx, head.room, req->caller.user));
    return myl_reply_empty(req);
}
