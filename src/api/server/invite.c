/* invite.c: users of ours are invited by other servers.
 *
 * Spec:    Server-Server API, Inviting to a room.
 * Threads: the engine.
 * Holds:   an invite to a room that we are in comes into it by the inviter's transaction; here it is only signed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/server/server_own.h"

#include <myelin/room_invites.h>

typedef struct {
    const myl_room_version *version;
    const myl_json *event;
    const myl_json *stripped;
} invite;

static myl_rc check_target(myl_req *req, myl_str user_id)
{
    myl_account account;

    if (!myl_str_present(user_id) || !myl_id_is_ours(user_id, myl_room_server()->server_name))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "event.state_key: no user of this server");
    MYL_TRY(myl_user_account(&req->cx, user_id, &account));
    if (!account.exists || account.deactivated)
        return myl_fail(&req->cx, MYL_FORBIDDEN, "event.state_key: there is no such user");
    return MYL_OK;
}

static myl_rc check_invite(myl_req *req, const invite *in)
{
    const myl_json *content = myl_json_object(in->event, MYL_S("content"));
    myl_str sender = myl_json_text(in->event, MYL_S("sender"));
    myl_ctx *cx = &req->cx;
    myl_room_head head;
    bool allowed;

    if (!myl_str_equal(myl_json_text(in->event, MYL_S("type")), MYL_S("m.room.member")) ||
        !myl_str_equal(myl_json_text(content, MYL_S("membership")), MYL_S("invite")))
        return myl_fail(cx, MYL_INVALID_PARAM, "event: expected an invite");
    if (!myl_str_equal(myl_json_text(in->event, MYL_S("room_id")), req->path.room_id))
        return myl_fail(cx, MYL_INVALID_PARAM, "event.room_id: not the path's");
    if (!myl_str_present(sender))
        return myl_fail(cx, MYL_INVALID_PARAM, "event.sender: missing");
    MYL_TRY(myl_server_require_sender(req, sender));
    MYL_TRY(myl_room_head_get(cx, req->path.room_id, &head));
    MYL_TRY(myl_room_acl_allows(cx, head.state, req->origin, &allowed));
    if (!allowed)
        return myl_fail(cx, MYL_FORBIDDEN, "the room's server ACL shuts %.*s out",
                        MYL_FMT(req->origin));
    return check_target(req, myl_json_text(in->event, MYL_S("state_key")));
}

static myl_rc take_invite(myl_req *req, const invite *in, const myl_taken **taken)
{
    const myl_fed_stripped stripped = {.room_id = req->path.room_id,
                                       .version = in->version,
                                       .events = in->stripped};
    const myl_take_ask ask = {.version = in->version,
                              .pdu = in->event,
                              .sign = true,
                              .stripped = myl_fed_stripped_is_held(in->version) ? &stripped : NULL};
    myl_room_head head;
    bool here;

    MYL_TRY(check_invite(req, in));
    MYL_TRY(myl_server_take(req, &ask, taken));
    MYL_TRY(myl_room_check_invite(&req->cx, &(*taken)->incoming.event));
    MYL_TRY(myl_room_head_get(&req->cx, req->path.room_id, &head));
    MYL_TRY(myl_room_is_here(&req->cx, &head, &here));
    if (here)
        return MYL_OK;
    return myl_room_outside_put(&req->cx, &(myl_room_outside){.room_id = req->path.room_id,
                                                              .version = in->version,
                                                              .member = &(*taken)->incoming,
                                                              .stripped = in->stripped});
}

myl_rc myl_server_invite(myl_req *req, const myl_body_fed_invite *in)
{
    invite whole = {.version = myl_room_version_find(in->room_version),
                    .event = in->event,
                    .stripped = in->invite_room_state};
    const myl_taken *taken;

    if (whole.version == NULL) {
        (void)myl_fail(&req->cx, MYL_INCOMPATIBLE_ROOM_VERSION,
                       "room_version: this server does not know it");
        return MYL_INCOMPATIBLE_ROOM_VERSION;
    }
    MYL_TRY(take_invite(req, &whole, &taken));
    return myl_reply_json(req, 200,
                          myl_strf(&req->cx, "{\"event\":%.*s}", MYL_FMT(taken->incoming.bytes)));
}

myl_rc myl_server_invite_old(myl_req *req, const myl_body_fed_event *in)
{
    const myl_json *extra = myl_json_object(in->json, MYL_S("unsigned"));
    invite whole = {.version = myl_room_version_find(MYL_S("1")),
                    .event = in->json,
                    .stripped = myl_json_array(extra, MYL_S("invite_room_state"))};
    const myl_taken *taken;
    myl_room_head head;

    MYL_TRY(myl_room_head_get(&req->cx, req->path.room_id, &head));
    if (head.room != 0)
        whole.version = head.version;
    MYL_TRY(take_invite(req, &whole, &taken));
    return myl_reply_json(req, 200,
                          myl_strf(&req->cx, "[200,{\"event\":%.*s}]",
                                   MYL_FMT(taken->incoming.bytes)));
}
