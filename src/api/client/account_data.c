/* account_data.c: what clients keep with their account: account data, filters, push rules.
 *
 * Spec:    Client-Server API, Client Config; Filtering; Push Rules.
 * Threads: the engine for changes, read workers otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/push_rules.h>
#include <myelin/sync_build.h>

/* ---- account data ---- */

/* Types that the server keeps itself (spec: Client Config, Server behaviour). */
static myl_rc check_type(myl_req *req)
{
    myl_str type = req->path.type;

    if (myl_str_equal(type, MYL_S("m.fully_read")) || myl_str_equal(type, MYL_S("m.push_rules")))
        return myl_fail(&req->cx, MYL_SERVER_TYPE, "type: %.*s has an endpoint of its own",
                        MYL_FMT(type));
    return MYL_OK;
}

/* Room data may be kept for any room that is known here and that the user has to do with. */
static myl_rc room_number(myl_req *req, uint64_t *room)
{
    myl_room_head head;
    myl_member member;

    MYL_TRY(myl_room_head_get(&req->cx, req->path.room_id, &head));
    MYL_TRY(myl_room_member(&req->cx, head.room, req->caller.user, &member));
    if (member.membership == MYL_MEMBER_NONE)
        return myl_fail(&req->cx, MYL_FORBIDDEN, "you are not in the room");
    *room = head.room;
    return MYL_OK;
}

static myl_rc put_data(myl_req *req, uint64_t room, const myl_json *content)
{
    MYL_TRY(check_type(req));
    MYL_TRY(myl_user_data_put(&req->cx, req->caller.user, room, req->path.type, content));
    return myl_reply_empty(req);
}

static myl_rc get_data(myl_req *req, uint64_t room)
{
    myl_str json;

    MYL_TRY(myl_user_data_get(&req->cx, req->caller.user, room, req->path.type, &json));
    if (!myl_str_present(json))
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no account data of this type");
    return myl_reply_json(req, 200, json);
}

myl_rc myl_client_put_account_data(myl_req *req, const myl_body_content *in)
{
    MYL_TRY(myl_client_require_self(req));
    return put_data(req, 0, in->json);
}

/* They are kept elsewhere, and shown where clients look for account data, as in /sync. */
static myl_rc reply_push_rules(myl_req *req)
{
    myl_writer w = myl_write_start(&req->cx, 8192);
    myl_push_ruleset set;

    MYL_TRY(myl_push_rules_get(&req->cx, req->caller.user, req->caller.user_id, &set));
    myl_write_open(&w, '{');
    myl_push_write_global(&w, "global", &set);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_account_data(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    MYL_TRY(myl_client_require_self(req));
    if (myl_str_equal(req->path.type, MYL_S("m.push_rules")))
        return reply_push_rules(req);
    return get_data(req, 0);
}

myl_rc myl_client_put_room_account_data(myl_req *req, const myl_body_content *in)
{
    uint64_t room;

    MYL_TRY(myl_client_require_self(req));
    MYL_TRY(room_number(req, &room));
    return put_data(req, room, in->json);
}

myl_rc myl_client_room_account_data(myl_req *req, const myl_body_none *in)
{
    uint64_t room;

    MYL_UNUSED(in);
    MYL_TRY(myl_client_require_self(req));
    MYL_TRY(room_number(req, &room));
    return get_data(req, room);
}

/* ---- deletion (MSC3391) ---- */

static myl_rc delete_data(myl_req *req, uint64_t room)
{
    MYL_TRY(check_type(req));
    MYL_TRY(myl_user_data_delete(&req->cx, req->caller.user, room, req->path.type));
    return myl_reply_empty(req);
}

myl_rc myl_client_delete_account_data(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    MYL_TRY(myl_client_require_self(req));
    return delete_data(req, 0);
}

myl_rc myl_client_delete_room_account_data(myl_req *req, const myl_body_none *in)
{
    uint64_t room;

    MYL_UNUSED(in);
    MYL_TRY(myl_client_require_self(req));
    MYL_TRY(room_number(req, &room));
    return delete_data(req, room);
}

/* ---- filters ---- */

myl_rc myl_client_put_filter(myl_req *req, const myl_body_filter *in)
{
    myl_writer w = myl_write_start(&req->cx, 64);
    myl_filter decoded;
    myl_str filter_id;

    MYL_TRY(myl_client_require_self(req));
    MYL_TRY(myl_filter_decode(&req->cx, in->json, &decoded));
    MYL_TRY(myl_user_filter_put(&req->cx, req->caller.user, in->json, &filter_id));
    myl_write_open(&w, '{');
    myl_write_str(&w, "filter_id", filter_id);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_filter(myl_req *req, const myl_body_none *in)
{
    myl_text text = MYL_TEXT(&req->cx);
    const myl_json *filter;

    MYL_UNUSED(in);
    MYL_TRY(myl_client_require_self(req));
    MYL_TRY(myl_user_filter_get(&req->cx, req->caller.user, req->path.filter_id, &filter));
    if (filter == NULL)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such filter");
    myl_json_write(&text, filter);
    return myl_reply_json(req, 200, myl_text_str(&text));
}
