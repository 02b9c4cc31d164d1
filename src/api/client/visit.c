/* visit.c: joins, knocks, leaves and invites that reach other servers; their aliases and profiles.
 *
 * Why:     a handler runs on the engine or in a snapshot and must not wait; so it looks whether others are needed, and has a lane
 *          ask them.
 * Threads: the handler's; the plans on the lane REMOTE.
 * Memory:  the request's job, through the rounds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/visit.h"

#include <myelin/base_log.h>
#include <myelin/fed_policy.h>
#include <myelin/room_guest.h>
#include <myelin/room_serve.h>

typedef struct {
    myl_client_place place; /* first member */
    myl_str alias;
    myl_fed_visit visit;
    myl_membership membership;
    bool found;
} plan;

/* ---- where ---- */

static myl_rc ask_alias(myl_req *req, void *state)
{
    plan *p = state;

    MYL_TRY(myl_fed_alias(&req->cx, p->alias, &p->place.room_id, &p->place.servers,
                          &p->place.server_count));
    p->found = true;
    return MYL_OK;
}

static void read_via(myl_req *req, plan *p)
{
    const myl_str *via, *old;
    size_t count = myl_req_query_all(req, "via", &via);
    size_t old_count = myl_req_query_all(req, "server_name", &old);

    p->place.servers = count > 0 ? via : old;
    p->place.server_count = count > 0 ? count : old_count;
}

myl_rc myl_client_find_place(myl_req *req, myl_str room_id_or_alias, myl_client_place **out)
{
    plan *p = req->plan.state;
    myl_str creator;

    if (p == NULL) {
        p = myl_new(&req->cx, plan);
        read_via(req, p);
        p->place.room_id = room_id_or_alias;
        p->found = room_id_or_alias.at[0] != '#';
    }
    *out = &p->place;
    if (p->found)
        return MYL_OK;
    p->alias = room_id_or_alias;
    MYL_TRY(myl_room_alias_get(&req->cx, p->alias, &p->place.room_id, &creator));
    p->found = myl_str_present(p->place.room_id);
    if (p->found)
        return MYL_OK;
    if (myl_id_is_ours(p->alias, myl_room_server()->server_name))
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no room has this alias");
    return myl_req_need(req, MYL_LANE_REMOTE, ask_alias, p);
}

/* ---- coming and going ---- */

typedef struct {
    myl_change change; /* first member */
    const myl_fed_visit *visit;
    bool left;
} guest_visit;

static myl_rc guest_came(myl_change *change)
{
    guest_visit *g = (guest_visit *)change;

    return myl_room_guest_came(change->cx, g->visit->room_id, g->visit->user_id, &g->left);
}

/* Whether guests are let in is known only when the room is here. */
static myl_rc check_guest(myl_req *req, const plan *p)
{
    guest_visit g = {.change = {.name = "client_guest_came", .cx = &req->cx, .run = guest_came},
                     .visit = &p->visit};

    if (!req->caller.is_guest)
        return MYL_OK;
    MYL_TRY(myl_fed_policy_run(&req->cx, &g.change));
    return g.left ? myl_fail(&req->cx, MYL_GUEST_FORBIDDEN, "guests may not join this room")
                  : MYL_OK;
}

static myl_rc visit(myl_req *req, void *state)
{
    plan *p = state;

    p->place.visited = true;
    if (p->membership == MYL_MEMBER_KNOCK)
        return myl_fed_knock(&req->cx, &p->visit);
    if (p->membership == MYL_MEMBER_LEAVE)
        return myl_fed_leave(&req->cx, &p->visit);
    MYL_TRY(myl_fed_join(&req->cx, &p->visit));
    return check_guest(req, p);
}

static const myl_json *with_text(myl_ctx *cx, const myl_json *content, myl_str key, myl_str value)
{
    if (!myl_str_present(value))
        return content;
    return myl_json_with(cx, content, key, myl_json_of_str(cx, value));
}

static myl_rc content_of(myl_req *req, const myl_client_wish *wish, const myl_json **out)
{
    myl_profile profile = {0};

    if (wish->membership != MYL_MEMBER_LEAVE)
        MYL_TRY(myl_user_profile(&req->cx, req->caller.user_id, &profile));
    *out = myl_json_empty_object();
    *out = with_text(&req->cx, *out, MYL_S("reason"), wish->reason);
    *out = with_text(&req->cx, *out, MYL_S("displayname"), profile.display_name);
    *out = with_text(&req->cx, *out, MYL_S("avatar_url"), profile.avatar_url);
    return MYL_OK;
}

/* Must another server let the user into a room that is here? */
static myl_rc needs_other(myl_req *req, const myl_room_head *head, bool *out)
{
    myl_str authoriser;
    myl_rc rc = myl_room_join_authoriser(&req->cx, head, req->caller.user_id, &authoriser);

    *out = rc == MYL_UNABLE_TO_AUTHORISE_JOIN || rc == MYL_UNABLE_TO_GRANT_JOIN;
    if (rc == MYL_OK || *out || rc == MYL_FORBIDDEN) {
        myl_forgive(&req->cx);
        return MYL_OK; /* a refusal is told by the rules */
    }
    return rc;
}

/* Is it for others to do? */
static myl_rc is_elsewhere(myl_req *req, plan *p, const myl_room_head *head, bool *out)
{
    myl_member member;
    bool here;

    MYL_TRY(myl_room_is_here(&req->cx, head, &here));
    *out = !here;
    if (p->membership == MYL_MEMBER_LEAVE && !here) {
        /* who was never in a room cannot leave it */
        MYL_TRY(myl_room_member(&req->cx, head->room, req->caller.user, &member));
        *out = member.membership == MYL_MEMBER_INVITE || member.membership == MYL_MEMBER_KNOCK;
    }
    if (p->membership == MYL_MEMBER_JOIN && here) {
        MYL_TRY(needs_other(req, head, out));
        p->visit.although_here = *out;
    }
    return MYL_OK;
}

myl_rc myl_client_visit(myl_req *req, myl_client_place *place, const myl_client_wish *wish,
                        bool *elsewhere)
{
    plan *p = (plan *)place;
    myl_room_head head;

    *elsewhere = place->visited;
    if (place->visited)
        return MYL_OK;
    MYL_TRY(myl_room_head_get(&req->cx, place->room_id, &head));
    p->membership = wish->membership;
    MYL_TRY(is_elsewhere(req, p, &head, elsewhere));
    if (!*elsewhere)
        return MYL_OK;
    p->visit.room_id = place->room_id;
    p->visit.user_id = req->caller.user_id;
    p->visit.servers = place->servers;
    p->visit.server_count = place->server_count;
    MYL_TRY(content_of(req, wish, &p->visit.content));
    return myl_req_need(req, MYL_LANE_REMOTE, visit, p);
}

/* ---- invites ---- */

static myl_rc invite(myl_req *req, void *state)
{
    myl_rc rc = myl_fed_invite(&req->cx, state);

    if (rc != MYL_FORBIDDEN || req->cx.policy == NULL)
        return rc;
    myl_forgive(&req->cx); /* the policy server has refused: its words are the answer */
    return MYL_OK;
}

myl_rc myl_client_invite_elsewhere(myl_req *req, const myl_member_change *change)
{
    myl_member_change *kept;

    if (req->plan.state != NULL)
        return MYL_OK;
    kept = myl_new(&req->cx, myl_member_change);
    *kept = *change;
    return myl_req_need(req, MYL_LANE_REMOTE, invite, kept);
}

/* A room with guests from elsewhere: it is made, then their servers are asked, then the client is told. */
typedef struct {
    myl_change change; /* first member */
    const myl_room_request *request;
    myl_str room_id;
} creation;

static myl_rc create(myl_change *change)
{
    creation *c = (creation *)change;

    return myl_room_create(change->cx, c->request, &c->room_id);
}

static void invite_guests(myl_ctx *cx, const creation *c)
{
    for (size_t i = 0; i < c->request->invite_count; i++) {
        myl_member_change guest = {.room_id = c->room_id,
                                   .sender = c->request->creator->user_id,
                                   .target = c->request->invite[i],
                                   .membership = MYL_MEMBER_INVITE,
                                   .is_direct = c->request->is_direct};

        if (myl_id_is_ours(guest.target, myl_room_server()->server_name))
            continue;
        if (myl_fed_invite(cx, &guest) != MYL_OK)
            myl_log_failure(cx, "fed.invite");
        cx->policy = NULL; /* a refusal is of this guest alone */
        myl_forgive(cx);
    }
}

static myl_rc create_and_invite(myl_req *req, void *state)
{
    creation *c = state;

    c->change.name = "client_create_room";
    c->change.cx = &req->cx;
    c->change.run = create;
    MYL_TRY(myl_engine_run(myl_req_engine(req), &c->change));
    invite_guests(&req->cx, c);
    return MYL_OK;
}

static bool has_guests(const myl_room_request *request)
{
    for (size_t i = 0; i < request->invite_count; i++)
        if (!myl_id_is_ours(request->invite[i], myl_room_server()->server_name))
            return true;
    return false;
}

myl_rc myl_client_make_room(myl_req *req, const myl_room_request *request, myl_str *room_id)
{
    creation *c = req->plan.state;
    myl_room_request *kept;

    if (c != NULL) {
        *room_id = c->room_id;
        return MYL_OK;
    }
    if (!has_guests(request))
        return myl_room_create(&req->cx, request, room_id);
    c = myl_new(&req->cx, creation);
    kept = myl_new(&req->cx, myl_room_request);
    *kept = *request;
    c->request = kept;
    return myl_req_need(req, MYL_LANE_REMOTE, create_and_invite, c);
}

/* ---- profiles ---- */

typedef struct {
    myl_str user_id;
    const myl_json *profile;
} profile_plan;

static myl_rc ask_profile(myl_req *req, void *state)
{
    profile_plan *p = state;

    return myl_fed_profile(&req->cx, p->user_id, MYL_ABSENT, &p->profile);
}

myl_rc myl_client_profile_elsewhere(myl_req *req, myl_str user_id, const myl_json **out)
{
    profile_plan *p = req->plan.state;

    if (p == NULL) {
        p = myl_new(&req->cx, profile_plan);
        p->user_id = user_id;
        return myl_req_need(req, MYL_LANE_REMOTE, ask_profile, p);
    }
    *out = p->profile;
    return MYL_OK;
}
