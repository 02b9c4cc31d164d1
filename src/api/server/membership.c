/* membership.c: users of other servers come and go: make and send join, leave and knock.
 *
 * Spec:    Server-Server API, Joining Rooms; Knocking upon a room; Leaving Rooms (Rejecting Invites); Restricted rooms.
 * Threads: the engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/server/server_own.h"

/* ---- templates ---- */

static const myl_json *content_of(myl_ctx *cx, myl_membership membership, myl_str authoriser)
{
    const myl_json *content = myl_json_with(cx, NULL, MYL_S("membership"),
                                            myl_json_of_str(cx, myl_membership_name(membership)));

    if (!myl_str_present(authoriser))
        return content;
    return myl_json_with(cx, content, MYL_S("join_authorised_via_users_server"),
                         myl_json_of_str(cx, authoriser));
}

static myl_rc reply_template(myl_req *req, const myl_room_head *head, const myl_json *event)
{
    myl_writer w = myl_write_start(&req->cx, 1024);

    myl_write_open(&w, '{');
    myl_write_json(&w, "event", event);
    myl_write_str(&w, "room_version", myl_str_of(head->version->name));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

static myl_rc make_member(myl_req *req, myl_membership membership)
{
    myl_outgoing outgoing = {.room_id = req->path.room_id,
                             .sender = req->path.user_id,
                             .type = MYL_S("m.room.member"),
                             .state_key = req->path.user_id};
    myl_str authoriser = MYL_ABSENT;
    const myl_json *event;
    myl_room_head head;

    MYL_TRY(myl_server_require_own(req, req->path.user_id));
    MYL_TRY(myl_server_open_room(req, req->path.room_id, &head));
    if (membership != MYL_MEMBER_LEAVE)
        MYL_TRY(myl_server_require_version(req, head.version));
    if (membership == MYL_MEMBER_JOIN)
        MYL_TRY(myl_room_join_authoriser(&req->cx, &head, req->path.user_id, &authoriser));
    if (membership == MYL_MEMBER_KNOCK && !head.version->knock)
        return myl_fail(&req->cx, MYL_FORBIDDEN, "rooms of version %s know no knocking",
                        head.version->name);
    outgoing.content = content_of(&req->cx, membership, authoriser);
    MYL_TRY(myl_room_template(&req->cx, &head, &outgoing, &event));
    return reply_template(req, &head, event);
}

myl_rc myl_server_make_join(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return make_member(req, MYL_MEMBER_JOIN);
}

myl_rc myl_server_make_leave(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return make_member(req, MYL_MEMBER_LEAVE);
}

myl_rc myl_server_make_knock(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return make_member(req, MYL_MEMBER_KNOCK);
}

/* ---- what comes back ---- */

/* Before anything is asked of others: is it what this endpoint takes? (spec: MYL_INVALID_PARAM where it is not) */
static myl_rc check_member(myl_req *req, const myl_json *pdu, myl_membership membership)
{
    const myl_json *content = myl_json_object(pdu, MYL_S("content"));
    myl_str sender = myl_json_text(pdu, MYL_S("sender"));
    myl_ctx *cx = &req->cx;

    if (!myl_str_equal(myl_json_text(pdu, MYL_S("type")), MYL_S("m.room.member")))
        return myl_fail(cx, MYL_INVALID_PARAM, "type: expected m.room.member");
    if (!myl_str_equal(myl_json_text(content, MYL_S("membership")),
                       myl_membership_name(membership)))
        return myl_fail(cx, MYL_INVALID_PARAM, "content.membership: expected %.*s",
                        MYL_FMT(myl_membership_name(membership)));
    if (!myl_str_present(sender) || !myl_str_equal(sender, myl_json_text(pdu, MYL_S("state_key"))))
        return myl_fail(cx, MYL_INVALID_PARAM, "state_key: expected the sender");
    if (!myl_str_equal(myl_json_text(pdu, MYL_S("room_id")), req->path.room_id))
        return myl_fail(cx, MYL_INVALID_PARAM, "room_id: not the path's");
    return myl_server_require_sender(req, sender);
}

/* A restricted join names one of our users; then we vouch for it, after asking ourselves again. */
static myl_rc must_authorise(myl_req *req, const myl_room_head *head, const myl_json *pdu,
                             bool *out)
{
    myl_str named = myl_json_text(myl_json_object(pdu, MYL_S("content")),
                                  MYL_S("join_authorised_via_users_server"));
    myl_str authoriser;

    *out = myl_str_present(named) && myl_id_is_ours(named, myl_room_server()->server_name);
    if (!*out || req->plan.state != NULL)
        return MYL_OK;
    return myl_room_join_authoriser(&req->cx, head, myl_json_text(pdu, MYL_S("sender")),
                                    &authoriser);
}

static myl_rc admit(myl_req *req, myl_room_head *head, const myl_taken *taken,
                    myl_admitted *admitted)
{
    myl_admission admission = {.incoming = &taken->incoming,
                               .coming = MYL_COMES_NEW,
                               .flags = MYL_EVENT_OUTGOING};

    if (req->cx.ahead == NULL)
        myl_room_ahead_start(&req->cx);
    MYL_TRY(myl_room_admit(&req->cx, head, &admission, admitted));
    if (admitted->kind == MYL_ADMIT_MISSING)
        return myl_fail(&req->cx, MYL_BAD_STATE, "the event stands on events that are not here");
    if (admitted->kind == MYL_ADMIT_REJECTED || admitted->kind == MYL_ADMIT_SOFT_FAILED)
        return myl_fail(&req->cx, MYL_FORBIDDEN, "%s (auth rule %s)", admitted->verdict.reason,
                        admitted->verdict.rule);
    return MYL_OK;
}

/* From the request's event to the stored one. */
static myl_rc take_member(myl_req *req, const myl_json *pdu, myl_membership membership,
                          myl_admitted *admitted)
{
    const myl_taken *taken;
    myl_room_head head;
    bool authorises;

    MYL_TRY(check_member(req, pdu, membership));
    MYL_TRY(myl_server_open_room(req, req->path.room_id, &head));
    MYL_TRY(must_authorise(req, &head, pdu, &authorises));
    MYL_TRY(myl_server_take(
        req, &(myl_take_ask){.version = head.version, .pdu = pdu, .sign = authorises}, &taken));
    return admit(req, &head, taken, admitted);
}

/* ---- joins ---- */

static void write_servers(myl_writer *w, myl_ctx *cx, const uint64_t *servers, size_t count)
{
    myl_str name;

    myl_write_open_key(w, "servers_in_room", '[');
    for (size_t i = 0; i < count; i++)
        if (myl_store_text_of(cx, MYL_INTERN_SERVER, servers[i], &name) == MYL_OK)
            myl_write_str(w, NULL, name);
    myl_write_close(w, ']');
}

typedef struct {
    const uint64_t *ids;
    size_t count;
} server_set;

/* The servers of before the join, told to whom takes a part of the state. */
static myl_rc read_servers(myl_req *req, bool omit, server_set *out)
{
    myl_room_head head;

    *out = (server_set){NULL, 0};
    if (!omit)
        return MYL_OK;
    MYL_TRY(myl_server_open_room(req, req->path.room_id, &head));
    return myl_room_servers(&req->cx, head.room, &out->ids, &out->count);
}

/* What stands behind the two lists: `,"event":…,"origin":…}`. */
static myl_rc join_tail(myl_req *req, const myl_admitted *admitted, const server_set *servers,
                        bool omit, myl_str *out)
{
    myl_writer w = myl_write_start(&req->cx, 1024);
    myl_str pdu, text;

    MYL_TRY(myl_room_pdu(&req->cx, &admitted->stored, &pdu));
    myl_write_open(&w, '{');
    myl_write_raw(&w, "event", pdu);
    myl_write_bool(&w, "members_omitted", omit);
    myl_write_str(&w, "origin", myl_room_server()->server_name);
    if (omit)
        write_servers(&w, &req->cx, servers->ids, servers->count);
    myl_write_close(&w, '}');
    text = myl_write_done(&w);
    *out = myl_strf(&req->cx, ",%.*s", MYL_FMT(myl_str_slice(text, 1, SIZE_MAX)));
    return MYL_OK;
}

static myl_rc send_join(myl_req *req, const myl_json *pdu, bool old)
{
    myl_state_pages pages = {.chain_key = "auth_chain", .state_key = "state"};
    myl_admitted admitted;
    server_set servers;

    if (!old)
        MYL_TRY(myl_req_query_bool(req, "omit_members", false, &pages.omit_members));
    MYL_TRY(read_servers(req, pages.omit_members, &servers));
    MYL_TRY(take_member(req, pdu, MYL_MEMBER_JOIN, &admitted));
    pages.root = admitted.stored.before;
    pages.event = admitted.stored.number;
    pages.before = old ? MYL_S("[200,{") : MYL_S("{");
    MYL_TRY(join_tail(req, &admitted, &servers, pages.omit_members, &pages.after));
    if (old)
        pages.after = myl_strf(&req->cx, "%.*s]", MYL_FMT(pages.after));
    return myl_server_reply_state(req, &pages);
}

myl_rc myl_server_send_join(myl_req *req, const myl_body_fed_event *in)
{
    return send_join(req, in->json, false);
}

myl_rc myl_server_send_join_old(myl_req *req, const myl_body_fed_event *in)
{
    return send_join(req, in->json, true);
}

/* ---- leaves and knocks ---- */

myl_rc myl_server_send_leave(myl_req *req, const myl_body_fed_event *in)
{
    myl_admitted admitted;

    MYL_TRY(take_member(req, in->json, MYL_MEMBER_LEAVE, &admitted));
    return myl_reply_empty(req);
}

myl_rc myl_server_send_leave_old(myl_req *req, const myl_body_fed_event *in)
{
    myl_admitted admitted;

    MYL_TRY(take_member(req, in->json, MYL_MEMBER_LEAVE, &admitted));
    return myl_reply_json(req, 200, MYL_S("[200,{}]"));
}

myl_rc myl_server_send_knock(myl_req *req, const myl_body_fed_event *in)
{
    myl_writer w = myl_write_start(&req->cx, 4096);
    myl_admitted admitted;
    myl_room_head head;

    MYL_TRY(take_member(req, in->json, MYL_MEMBER_KNOCK, &admitted));
    MYL_TRY(myl_room_head_get(&req->cx, req->path.room_id, &head));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "knock_room_state", '[');
    MYL_TRY(myl_room_write_outline(&req->cx, &w, &head, MYL_ABSENT));
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
