/* invite_permission.c: who may invite a user of ours, as that user has set it.
 *
 * Spec:    Client-Server API, Invite permission (MSC4380); MSC4155 for lists of users and servers.
 * Callers: build.c for invites from here, api/server for those from elsewhere, /sync.
 * Threads: the transaction's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_invites.h>

#include "room/room_own.h"

#include <myelin/matrix_id.h>

static myl_rc read_data(myl_ctx *cx, uint64_t user, const char *type, const myl_json **out)
{
    myl_str json;

    *out = NULL;
    MYL_TRY(myl_user_data_get(cx, user, 0, myl_str_of(type), &json));
    return myl_str_present(json) ? myl_json_parse(cx, myl_keep(cx, json), out) : MYL_OK;
}

/* All invites, whoever sends them. */
static myl_rc blocks_all(myl_ctx *cx, uint64_t user, bool *out)
{
    static const char *const types[] = {"m.invite_permission_config",
                                        "org.matrix.msc4380.invite_permission_config"};
    const myl_json *content;

    *out = false;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]) && !*out; i++) {
        MYL_TRY(read_data(cx, user, types[i], &content));
        *out = myl_str_equal(myl_json_text(content, MYL_S("default_action")), MYL_S("block"));
    }
    return MYL_OK;
}

/* The first list that names the inviter decides. */
static myl_invite_permission by_lists(const myl_json *content, myl_str inviter)
{
    const struct {
        const char *list;
        bool servers;
        myl_invite_permission is;
    } rows[] = {
        {"allowed_users", false, MYL_INVITE_ALLOWED},
        {"ignored_users", false, MYL_INVITE_IGNORED},
        {"blocked_users", false, MYL_INVITE_REFUSED},
        {"allowed_servers", true, MYL_INVITE_ALLOWED},
        {"ignored_servers", true, MYL_INVITE_IGNORED},
        {"blocked_servers", true, MYL_INVITE_REFUSED},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (myl_room_any_glob(myl_json_array(content, myl_str_of(rows[i].list)),
                              rows[i].servers ? myl_id_domain(inviter) : inviter))
            return rows[i].is;
    return MYL_INVITE_ALLOWED;
}

myl_rc myl_room_invite_permission(myl_ctx *cx, uint64_t user, myl_str inviter,
                                  myl_invite_permission *out)
{
    const myl_json *content;
    bool all = false;

    *out = MYL_INVITE_ALLOWED;
    if (user == 0)
        return MYL_OK;
    MYL_TRY(blocks_all(cx, user, &all));
    if (all) {
        *out = MYL_INVITE_REFUSED;
        return MYL_OK;
    }
    MYL_TRY(read_data(cx, user, "org.matrix.msc4155.invite_permission_config", &content));
    if (content != NULL && myl_json_bool(content, MYL_S("enabled"), true))
        *out = by_lists(content, inviter);
    return MYL_OK;
}

myl_rc myl_room_check_invite(myl_ctx *cx, const myl_event *event)
{
    myl_invite_permission permission;
    uint64_t user;

    if (!myl_str_equal(event->type, MYL_S("m.room.member")) ||
        !myl_str_equal(myl_event_membership(event), MYL_S("invite")) ||
        !myl_id_is_ours(event->state_key, myl_room_server()->server_name))
        return MYL_OK;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, event->state_key, &user));
    MYL_TRY(myl_room_invite_permission(cx, user, event->sender, &permission));
    if (permission == MYL_INVITE_REFUSED)
        return myl_fail(cx, MYL_INVITE_BLOCKED, "%.*s does not want to be invited",
                        MYL_FMT(event->state_key));
    return MYL_OK;
}
