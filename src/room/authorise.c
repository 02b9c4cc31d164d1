/* authorise.c: joins by a restricted join rule.
 *
 * Callers: local joins, make_join and send_join of other servers.
 * Threads: the transaction's.
 * Spec:    Client-Server API, Restricted rooms; Server-Server API, Restricted rooms.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_serve.h>

#include "room/room_own.h"

#include <myelin/matrix_id.h>

static myl_rc read_member(myl_ctx *cx, const myl_room_head *head, myl_str user_id,
                          myl_membership *out)
{
    myl_member member;
    uint64_t user;

    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, user_id, &user));
    MYL_TRY(myl_room_member(cx, head->room, user, &member));
    *out = member.membership;
    return MYL_OK;
}

/* One entry of `allow`. *known: the room is here, so the answer is one. */
static myl_rc condition_holds(myl_ctx *cx, const myl_json *condition, myl_str user_id, bool *known,
                              bool *holds)
{
    myl_str room_id = myl_json_text(condition, MYL_S("room_id"));
    myl_membership membership;
    myl_room_head head;
    bool here;

    *holds = false;
    if (!myl_str_equal(myl_json_text(condition, MYL_S("type")), MYL_S("m.room_membership")) ||
        !myl_str_present(room_id))
        return MYL_OK;
    MYL_TRY(myl_room_head_get(cx, room_id, &head));
    MYL_TRY(myl_room_is_here(cx, &head, &here));
    if (!here)
        return MYL_OK;
    *known = true;
    MYL_TRY(read_member(cx, &head, user_id, &membership));
    *holds = membership == MYL_MEMBER_JOIN;
    return MYL_OK;
}

/* A joined user of ours with the level to invite. */
static myl_rc find_authoriser(myl_ctx *cx, const myl_room_head *head, myl_str *out)
{
    myl_str ours = myl_room_server()->server_name;
    const uint64_t *users;
    myl_power power;
    int64_t level;
    size_t count;

    *out = MYL_ABSENT;
    MYL_TRY(myl_room_power(cx, head, &power));
    level = myl_power_action(&power, "invite");
    MYL_TRY(myl_room_joined(cx, head->room, &users, &count));
    for (size_t i = 0; i < count; i++) {
        myl_str name;

        MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, users[i], &name));
        if (myl_id_is_ours(name, ours) && myl_power_user(&power, name) >= level) {
            *out = name;
            return MYL_OK;
        }
    }
    return myl_fail(cx, MYL_UNABLE_TO_GRANT_JOIN, "nobody of this server may invite to the room");
}

static bool is_restricted(const myl_room_version *version, const myl_json *rules)
{
    myl_str rule = myl_json_text(rules, MYL_S("join_rule"));

    return (version->restricted && myl_str_equal(rule, MYL_S("restricted"))) ||
           (version->knock_restricted && myl_str_equal(rule, MYL_S("knock_restricted")));
}

myl_rc myl_room_join_authoriser(myl_ctx *cx, const myl_room_head *head, myl_str user_id,
                                myl_str *authoriser)
{
    const myl_json *rules, *allow;
    myl_membership membership;
    bool holds, known = false;

    *authoriser = MYL_ABSENT;
    MYL_TRY(myl_room_state_content(cx, head->state, "m.room.join_rules", MYL_S(""), &rules));
    if (!is_restricted(head->version, rules))
        return MYL_OK;
    MYL_TRY(read_member(cx, head, user_id, &membership));
    if (membership == MYL_MEMBER_JOIN || membership == MYL_MEMBER_INVITE)
        return MYL_OK;
    allow = myl_json_array(rules, MYL_S("allow"));
    for (uint32_t i = 0; allow != NULL && i < allow->count; i++) {
        MYL_TRY(condition_holds(cx, &allow->items[i], user_id, &known, &holds));
        if (holds)
            return find_authoriser(cx, head, authoriser);
    }
    if (!known && allow != NULL && allow->count > 0)
        return myl_fail(cx, MYL_UNABLE_TO_AUTHORISE_JOIN,
                        "this server is in none of the rooms that would let the user in");
    return myl_fail(cx, MYL_FORBIDDEN, "the user is in none of the rooms that let one in");
}
