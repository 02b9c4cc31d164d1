/* tags.c: tags of a user's rooms: one object of account data, changed a tag at a time.
 *
 * Spec:    Client-Server API, Room Tagging.
 * Threads: the engine for changes, a read worker otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/base_limit.h>

/* The room, and the tags of it; NULL: none. */
static myl_rc open_tags(myl_req *req, uint64_t *room, const myl_json **tags)
{
    const myl_json *content;
    myl_room_head head;
    myl_member member;
    myl_str json;

    MYL_TRY(myl_client_require_self(req));
    MYL_TRY(myl_room_head_get(&req->cx, req->path.room_id, &head));
    MYL_TRY(myl_room_member(&req->cx, head.room, req->caller.user, &member));
    if (member.membership == MYL_MEMBER_NONE)
        return myl_fail(&req->cx, MYL_FORBIDDEN, "you are not in the room");
    *room = head.room;
    *tags = NULL;
    MYL_TRY(myl_user_data_get(&req->cx, req->caller.user, head.room, MYL_S("m.tag"), &json));
    if (!myl_str_present(json))
        return MYL_OK;
    MYL_TRY(myl_json_parse(&req->cx, myl_keep(&req->cx, json), &content));
    *tags = myl_json_object(content, MYL_S("tags"));
    return MYL_OK;
}

static myl_rc put_tags(myl_req *req, uint64_t room, const myl_json *tags)
{
    MYL_TRY(myl_user_data_put(&req->cx, req->caller.user, room, MYL_S("m.tag"),
                              myl_json_with(&req->cx, NULL, MYL_S("tags"), tags)));
    return myl_reply_empty(req);
}

/* Account data that clients wrote themselves may hold anything: only objects are tags. */
myl_rc myl_client_tags(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 256);
    const myl_json *tags;
    uint64_t room;

    MYL_UNUSED(in);
    MYL_TRY(open_tags(req, &room, &tags));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "tags", '{');
    for (uint32_t i = 0; tags != NULL && i < tags->count; i++) {
        myl_text value = MYL_TEXT(&req->cx);

        if (tags->items[i].kind != MYL_JSON_OBJECT)
            continue;
        myl_json_write(&value, &tags->items[i]);
        myl_write_member(&w, tags->items[i].key, myl_text_str(&value));
    }
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_put_tag(myl_req *req, const myl_body_tag *in)
{
    const myl_json *tags;
    uint64_t room;

    if (req->path.tag.len > MYL_LIMIT_ID_BYTES)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "tag: longer than %d bytes",
                        MYL_LIMIT_ID_BYTES);
    MYL_TRY(open_tags(req, &room, &tags));
    return put_tags(req, room, myl_json_with(&req->cx, tags, req->path.tag, in->json));
}

myl_rc myl_client_delete_tag(myl_req *req, const myl_body_none *in)
{
    const myl_json *tags;
    uint64_t room;

    MYL_UNUSED(in);
    MYL_TRY(open_tags(req, &room, &tags));
    if (myl_json_get(tags, req->path.tag) == NULL)
        return myl_reply_empty(req);
    return put_tags(req, room, myl_json_without(&req->cx, tags, req->path.tag));
}
