/* room_change.c: administrators bring users into rooms and give rooms an administrator.
 *
 * Threads: the engine.
 * Holds:   every event is sent by a user of ours who may send it by the room's rules; there is no other power.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/admin/admin_own.h"

/* By id or alias of this server. */
myl_rc myl_admin_any_room(myl_req *req, myl_room_head *head)
{
    myl_str room_id = req->path.room_id_or_alias, maker;

    if (myl_id_is_alias(room_id))
        MYL_TRY(myl_room_alias_get(&req->cx, room_id, &room_id, &maker));
    if (!myl_str_present(room_id))
        return myl_fail(&req->cx, MYL_NOT_FOUND, "roomIdOrAlias: no room has this name");
    return myl_room_require(&req->cx, room_id, head);
}

/* An account that lives, named in the body. */
static myl_rc target_account(myl_req *req, myl_str user_id, myl_account *account)
{
    if (!myl_id_is_ours(user_id, myl_room_server()->server_name))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "user_id: not a user of this server");
    MYL_TRY(myl_user_account(&req->cx, user_id, account));
    if (!account->exists || account->deactivated)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "user_id: there is no such account");
    return MYL_OK;
}

static myl_rc invite(myl_req *req, myl_str room_id, myl_str sender, myl_str target)
{
    myl_member_change change = {.room_id = room_id,
                                .sender = sender,
                                .target = target,
                                .membership = MYL_MEMBER_INVITE};
    myl_str event_id;

    return myl_room_change_member(&req->cx, &change, &event_id);
}

static myl_rc is_public(myl_req *req, const myl_room_head *head, bool *out)
{
    const myl_json *rules;

    MYL_TRY(myl_room_state_content(&req->cx, head->state, "m.room.join_rules", MYL_S(""), &rules));
    *out = myl_str_equal(myl_json_text(rules, MYL_S("join_rule")), MYL_S("public"));
    return MYL_OK;
}

/* ---- join ---- */

/* Into a room that is not open the administrator who asks invites them, if they are in it and may. */
static myl_rc invite_first(myl_req *req, myl_str room_id, const myl_account *target,
                           myl_str user_id)
{
    myl_room_head head;
    myl_member member, asker;
    bool open;

    MYL_TRY(myl_room_head_get(&req->cx, room_id, &head));
    if (head.room == 0 || !myl_str_present(req->caller.user_id))
        return MYL_OK;
    MYL_TRY(myl_room_member(&req->cx, head.room, target->user, &member));
    MYL_TRY(myl_room_member(&req->cx, head.room, req->caller.user, &asker));
    MYL_TRY(is_public(req, &head, &open));
    if (open || asker.membership != MYL_MEMBER_JOIN || member.membership == MYL_MEMBER_JOIN ||
        member.membership == MYL_MEMBER_INVITE)
        return MYL_OK;
    return invite(req, head.room_id, req->caller.user_id, user_id);
}

myl_rc myl_admin_join(myl_req *req, const myl_body_room_join *in)
{
    myl_body_join join = {.json = myl_json_empty_object()};
    myl_str room_id = req->path.room_id_or_alias, maker;
    myl_caller asker = req->caller;
    myl_account account;

    MYL_TRY(target_account(req, in->user_id, &account));
    if (myl_id_is_alias(room_id))
        MYL_TRY(myl_room_alias_get(&req->cx, room_id, &room_id, &maker));
    if (myl_str_present(room_id))
        MYL_TRY(invite_first(req, room_id, &account, in->user_id));
    /* the client's own way, as the user: it may lead over other servers */
    req->caller = (myl_caller){.user_id = in->user_id, .user = account.user};
    myl_rc rc = myl_client_join(req, &join);
    req->caller = asker;
    return rc;
}

/* ---- an administrator for the room ---- */

typedef struct {
    myl_str user_id;
    int64_t level;
    bool found, is_creator;
} mighty;

/* The user of ours with the most power in the room, if that is enough to change levels. */
static myl_rc find_mighty(myl_ctx *cx, const myl_room_head *head, mighty *out)
{
    myl_str ours = myl_room_server()->server_name, user_id;
    const uint64_t *users;
    myl_power power;
    size_t count;

    *out = (mighty){.found = false};
    MYL_TRY(myl_room_power(cx, head, &power));
    MYL_TRY(myl_room_joined(cx, head->room, &users, &count));
    for (size_t i = 0; i < count; i++) {
        MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, users[i], &user_id));
        int64_t level = myl_power_user(&power, user_id);
        if (!myl_id_is_ours(user_id, ours) || (out->found && level <= out->level) ||
            level < myl_power_event(&power, MYL_S("m.room.power_levels"), true))
            continue;
        *out = (mighty){user_id, level, true,
                        head->version->creators_unlimited && myl_power_is_creator(&power, user_id)};
    }
    return out->found ? MYL_OK
                      : myl_fail(cx, MYL_BAD_REQUEST,
                                 "no user of this server in the room may change its power levels");
}

/* The greatest level that anything in the room needs or anybody has. */
static int64_t top_level(const myl_json *levels)
{
    const myl_json *users = myl_json_object(levels, MYL_S("users"));
    int64_t top = 100, level;

    for (uint32_t i = 0; users != NULL && i < users->count; i++)
        if (myl_json_int(users, users->items[i].key, &level) && level > top)
            top = level;
    return top;
}

static myl_rc raise(myl_req *req, const myl_room_head *head, const mighty *by, myl_str user_id)
{
    const myl_json *levels, *users;
    myl_outgoing outgoing = {.room_id = head->room_id,
                             .sender = by->user_id,
                             .type = MYL_S("m.room.power_levels"),
                             .state_key = MYL_S("")};
    myl_str event_id;

    MYL_TRY(
        myl_room_state_content(&req->cx, head->state, "m.room.power_levels", MYL_S(""), &levels));
    if (levels == NULL)
        levels = myl_json_empty_object();
    users = myl_json_object(levels, MYL_S("users"));
    if (users == NULL)
        users = myl_json_empty_object();
    if (users->count == 0 && !by->is_creator) /* the creator's power was not written down */
        users = myl_json_with(&req->cx, users, by->user_id, myl_json_of_int(&req->cx, by->level));
    users =
        myl_json_with(&req->cx, users, user_id,
                      myl_json_of_int(&req->cx, by->is_creator ? top_level(levels) : by->level));
    outgoing.content = myl_json_with(&req->cx, levels, MYL_S("users"), users);
    return myl_room_send(&req->cx, &outgoing, &event_id);
}

static myl_rc let_in(myl_req *req, const myl_room_head *head, const mighty *by,
                     const myl_account *account, myl_str user_id)
{
    myl_member member;
    bool open;

    MYL_TRY(myl_room_member(&req->cx, head->room, account->user, &member));
    MYL_TRY(is_public(req, head, &open));
    if (open || member.membership == MYL_MEMBER_JOIN || member.membership == MYL_MEMBER_INVITE)
        return MYL_OK;
    return invite(req, head->room_id, by->user_id, user_id);
}

myl_rc myl_admin_make_room_admin(myl_req *req, const myl_body_room_admin *in)
{
    myl_str user_id = myl_str_present(in->user_id) ? in->user_id : req->caller.user_id;
    myl_account account;
    myl_room_head head;
    myl_power power;
    mighty by;

    if (!myl_str_present(user_id))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "user_id: missing");
    MYL_TRY(target_account(req, user_id, &account));
    MYL_TRY(myl_admin_any_room(req, &head));
    MYL_TRY(find_mighty(&req->cx, &head, &by));
    MYL_TRY(myl_room_power(&req->cx, &head, &power));
    if (!myl_str_equal(by.user_id, user_id) && myl_power_user(&power, user_id) < by.level &&
        !(head.version->creators_unlimited && myl_power_is_creator(&power, user_id)))
        MYL_TRY(raise(req, &head, &by, user_id));
    MYL_TRY(let_in(req, &head, &by, &account, user_id));
    return myl_reply_empty(req);
}
