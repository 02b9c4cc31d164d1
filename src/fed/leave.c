/* leave.c: refusing an invite, taking back a knock, and knocking: in rooms that we are not in.
 *
 * Threads: lanes.
 * Holds:   a user of ours gets rid of an invite also when its server is gone: then the leave stays with us.
 * Spec:    Server-Server API, Leaving Rooms (Rejecting Invites); Knocking upon a room.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/rooms_own.h"

typedef struct {
    const fed_making *making;
    const myl_json *stripped;
} keep_arg;

static myl_rc keep(myl_ctx *cx, void *arg)
{
    const keep_arg *k = arg;

    return myl_room_outside_put(cx, &(myl_room_outside){.room_id = k->making->visit->room_id,
                                                        .version = k->making->version,
                                                        .member = &k->making->event,
                                                        .stripped = k->stripped});
}

static myl_rc send_event(myl_ctx *cx, myl_str server, const char *form, const fed_making *making,
                         myl_fed_reply *reply)
{
    const myl_str parts[] = {making->visit->room_id, making->event.event.event_id};
    myl_fed_request request = {.destination = server,
                               .method = "PUT",
                               .ready_body = making->event.bytes,
                               .path = myl_fed_path(cx, form, parts, 2)};

    MYL_TRY(myl_fed_call(cx, &request, reply));
    return myl_fed_pass_on(cx, &request, reply, false);
}

/* ---- knocking ---- */

static myl_rc knock_at(myl_ctx *cx, myl_str server, const myl_fed_visit *visit)
{
    fed_making making = {.visit = visit, .make = "make_knock", .membership = MYL_MEMBER_KNOCK};
    myl_fed_stripped stripped;
    myl_fed_reply reply;
    keep_arg arg = {&making, NULL};

    MYL_TRY(myl_fed_make(cx, server, &making));
    MYL_TRY(send_event(cx, server, "/_matrix/federation/v1/send_knock/{}/{}", &making, &reply));
    stripped = (myl_fed_stripped){.room_id = visit->room_id,
                                  .version = making.version,
                                  .events = myl_json_array(reply.json, MYL_S("knock_room_state"))};
    arg.stripped = stripped.events;
    if (myl_fed_stripped_is_held(making.version)) {
        MYL_TRY(myl_fed_stripped_check(cx, &stripped));
        arg.stripped = myl_fed_stripped_good(cx, &stripped);
    }
    return myl_fed_change(cx, "fed.knock", keep, &arg);
}

myl_rc myl_fed_knock(myl_ctx *cx, const myl_fed_visit *visit)
{
    myl_list servers = MYL_LIST(cx, myl_str);
    myl_rc rc = MYL_NOT_FOUND;
    myl_str why = MYL_S("no server could be asked about the room");

    myl_fed_candidates(cx, visit, &servers);
    for (size_t i = 0; i < servers.count; i++) {
        rc = knock_at(cx, myl_list_get(&servers, myl_str, i), visit);
        if (rc == MYL_OK || myl_error_of(rc)->kind == MYL_KIND_CLIENT)
            return rc;
        why = cx->error.detail;
        myl_forgive(cx);
    }
    return myl_fail(cx, rc, "%.*s", MYL_FMT(why));
}

/* ---- leaving ---- */

static myl_rc leave_by(myl_ctx *cx, myl_str server, const myl_fed_visit *visit)
{
    fed_making making = {.visit = visit, .make = "make_leave", .membership = MYL_MEMBER_LEAVE};
    myl_fed_reply reply;
    keep_arg arg = {&making, NULL};
    myl_rc rc;

    MYL_TRY(myl_fed_make(cx, server, &making));
    rc = send_event(cx, server, "/_matrix/federation/v2/send_leave/{}/{}", &making, &reply);
    if (myl_fed_is_unknown(&reply)) {
        myl_forgive(cx); /* an older server */
        rc = send_event(cx, server, "/_matrix/federation/v1/send_leave/{}/{}", &making, &reply);
    }
    MYL_TRY(rc);
    return myl_fed_change(cx, "fed.leave", keep, &arg);
}

/* A leave that stands on nothing but the invite, for ourselves. */
static myl_rc leave_alone(myl_ctx *cx, void *arg)
{
    const myl_fed_visit *visit = arg;
    const myl_room_setup *server = myl_room_server();
    fed_making making = {.visit = visit, .membership = MYL_MEMBER_LEAVE};
    myl_event_draft draft = {.room_id = visit->room_id,
                             .sender = visit->user_id,
                             .type = MYL_S("m.room.member"),
                             .state_key = visit->user_id,
                             .origin_server_ts = myl_now_ms(),
                             .depth = 1};
    keep_arg kept = {&making, NULL};
    myl_sha256 hash;
    myl_room_head head;
    myl_member member;
    myl_stored invite;
    myl_event event;
    uint64_t user;

    MYL_TRY(myl_room_require(cx, visit->room_id, &head));
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, visit->user_id, &user));
    MYL_TRY(myl_room_member(cx, head.room, user, &member));
    if (member.event == 0)
        return myl_fail(cx, MYL_FORBIDDEN, "%.*s is not in the room", MYL_FMT(visit->user_id));
    MYL_TRY(myl_room_event(cx, member.event, &invite));
    MYL_TRY(myl_room_event_open(cx, &invite, &event));
    MYL_TRY(myl_event_reference_hash(cx, head.version, event.json, &hash));
    draft.version = making.version = head.version;
    draft.content =
        myl_json_with(cx, visit->content, MYL_S("membership"), myl_json_of_str(cx, MYL_S("leave")));
    draft.prev_events = draft.auth_events = &invite.event_id;
    draft.prev_event_count = draft.auth_event_count = 1;
    if (head.version->pair_references)
        draft.prev_hashes = draft.auth_hashes = &hash;
    MYL_TRY(myl_event_finish(cx, &draft, server->key, server->server_name, &making.event.event,
                             &making.event.bytes));
    return keep(cx, &kept);
}

myl_rc myl_fed_leave(myl_ctx *cx, const myl_fed_visit *visit)
{
    myl_list servers = MYL_LIST(cx, myl_str);

    myl_fed_candidates(cx, visit, &servers);
    for (size_t i = 0; i < servers.count && i < 5; i++) {
        myl_rc rc = leave_by(cx, myl_list_get(&servers, myl_str, i), visit);

        if (rc == MYL_OK || rc == MYL_STOPPING)
            return rc;
        myl_log_failure(cx, "fed.leave");
        myl_forgive(cx);
    }
    return myl_fed_change(cx, "fed.leave", leave_alone, (void *)(uintptr_t)visit);
}
