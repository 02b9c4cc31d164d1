/* membership.c: who comes and who goes: join, invite, leave, kick, ban, unban.
 *
 * Spec:    Client-Server API, Room membership. What is allowed is judged by the auth rules alone.
 * Threads: the engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_serve.h>
#include <myelin/room_upgrade.h>

#include "room/room_own.h"

#include <myelin/matrix_id.h>
#include <myelin/room_admin.h>

static void push_text(myl_ctx *cx, myl_list *members, const char *key, myl_str value)
{
    myl_json member;

    if (!myl_str_present(value))
        return;
    member = *myl_json_of_str(cx, value);
    member.key = myl_str_of(key);
    myl_list_push(members, myl_json, member);
}

/* What the user gave beside that; the server's own members win. */
static const myl_json *with_given(myl_ctx *cx, const myl_json *given, const myl_json *content)
{
    const myl_json *merged = given;

    if (given == NULL || given->count == 0)
        return content;
    merged = myl_json_without(cx, merged, MYL_S("third_party_signed"));
    merged = myl_json_without(cx, merged, MYL_S("join_authorised_via_users_server"));
    for (uint32_t i = 0; i < content->count; i++)
        merged = myl_json_with(cx, merged, content->items[i].key, &content->items[i]);
    return merged;
}

myl_rc myl_room_member_content(myl_ctx *cx, const myl_member_change *change, const myl_json **out)
{
    myl_list members = MYL_LIST(cx, myl_json);
    myl_profile profile = {0};

    push_text(cx, &members, "membership", myl_membership_name(change->membership));
    push_text(cx, &members, "reason", change->reason);
    if (myl_membership_is_live(change->membership) &&
        myl_id_is_ours(change->target, myl_room_server()->server_name)) {
        MYL_TRY(myl_user_profile(cx, change->target, &profile));
        push_text(cx, &members, "displayname", profile.display_name);
        push_text(cx, &members, "avatar_url", profile.avatar_url);
    }
    if (change->is_direct && change->membership == MYL_MEMBER_INVITE) {
        myl_json direct = *myl_json_of_bool(cx, true);
        direct.key = MYL_S("is_direct");
        myl_list_push(&members, myl_json, direct);
    }
    *out = with_given(cx, change->content, myl_json_of_members(cx, members.at, members.count));
    return MYL_OK;
}

/* Refusals that a client should be told in plain words, before the rules are asked. */
static myl_rc check_sense(myl_ctx *cx, const myl_member_change *change, const myl_member *target)
{
    if (change->membership == MYL_MEMBER_LEAVE && target->membership == MYL_MEMBER_NONE)
        return myl_fail(cx, MYL_FORBIDDEN, "%.*s is not in the room", MYL_FMT(change->target));
    return MYL_OK;
}

/* Joining, inviting and leaving twice is no new event (spec: idempotent for clients). */
static bool already_so(const myl_member_change *change, const myl_member *target)
{
    return target->membership == change->membership &&
           myl_str_equal(change->sender, change->target) &&
           (change->membership == MYL_MEMBER_JOIN || change->membership == MYL_MEMBER_LEAVE);
}

myl_rc myl_room_vouch(myl_ctx *cx, const myl_room_head *head, myl_str user_id,
                      const myl_json **content)
{
    myl_str authoriser;
    myl_rc rc = myl_room_join_authoriser(cx, head, user_id, &authoriser);

    if (rc == MYL_UNABLE_TO_GRANT_JOIN || rc == MYL_UNABLE_TO_AUTHORISE_JOIN) {
        myl_str why = cx->error.detail;

        /* to a client it is a refusal like any other */
        myl_forgive(cx);
        return myl_fail(cx, MYL_FORBIDDEN, "%.*s", MYL_FMT(why));
    }
    MYL_TRY(rc);
    if (myl_str_present(authoriser))
        *content = myl_json_with(cx, *content, MYL_S("join_authorised_via_users_server"),
                                 myl_json_of_str(cx, authoriser));
    return MYL_OK;
}

myl_rc myl_room_change_member(myl_ctx *cx, const myl_member_change *change, myl_str *event_id)
{
    myl_outgoing outgoing = {.room_id = change->room_id,
                             .sender = change->sender,
                             .type = MYL_S("m.room.member"),
                             .state_key = change->target};
    myl_member target;
    myl_room_head head;
    myl_stored stored;
    uint64_t user;

    *event_id = MYL_ABSENT;
    MYL_TRY(myl_room_require(cx, change->room_id, &head));
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, change->target, &user));
    MYL_TRY(myl_room_member(cx, head.room, user, &target));
    if (already_so(change, &target))
        return MYL_OK;
    if (myl_membership_is_live(change->membership)) /* somebody comes in */
        MYL_TRY(myl_room_require_unblocked(cx, change->room_id));
    MYL_TRY(check_sense(cx, change, &target));
    MYL_TRY(myl_room_member_content(cx, change, &outgoing.content));
    if (change->membership == MYL_MEMBER_JOIN)
        MYL_TRY(myl_room_vouch(cx, &head, change->target, &outgoing.content));
    MYL_TRY(myl_room_build(cx, &head, &outgoing, &stored));
    *event_id = stored.event_id;
    MYL_TRY(myl_room_head_put(cx, &head));
    if (change->membership != MYL_MEMBER_JOIN)
        return MYL_OK;
    return myl_room_carry_settings(cx, &head, stored.state_key);
}
