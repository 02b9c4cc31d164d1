/* directory.c: what other servers may ask about our aliases.
 *
 * Spec:    Server-Server API, Querying for information.
 * Threads: a read worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/server/server_own.h"

#include <myelin/room_directory.h>

static myl_rc write_servers(myl_req *req, myl_writer *w, myl_str room_id)
{
    const uint64_t *servers = NULL;
    myl_room_head head;
    size_t count = 0;
    myl_str name;

    MYL_TRY(myl_room_head_get(&req->cx, room_id, &head));
    if (head.room != 0)
        MYL_TRY(myl_room_servers(&req->cx, head.room, &servers, &count));
    myl_write_open_key(w, "servers", '[');
    if (count == 0)
        myl_write_str(w, NULL, myl_room_server()->server_name);
    for (size_t i = 0; i < count; i++) {
        MYL_TRY(myl_store_text_of(&req->cx, MYL_INTERN_SERVER, servers[i], &name));
        myl_write_str(w, NULL, name);
    }
    myl_write_close(w, ']');
    return MYL_OK;
}

myl_rc myl_server_query_directory(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 512);
    myl_str alias = myl_req_query(req, "room_alias"), room_id, creator;

    MYL_UNUSED(in);
    if (!myl_str_present(alias))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "room_alias: missing");
    if (!myl_id_is_alias(alias))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "room_alias: no room alias");
    MYL_TRY(myl_room_alias_get(&req->cx, alias, &room_id, &creator));
    if (!myl_str_present(room_id))
        return myl_fail(&req->cx, MYL_NOT_FOUND, "room_alias: there is no such alias");
    myl_write_open(&w, '{');
    myl_write_str(&w, "room_id", room_id);
    MYL_TRY(write_servers(req, &w, room_id));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_server_query_other(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return myl_fail(&req->cx, MYL_UNRECOGNIZED, "queryType: no such query");
}
