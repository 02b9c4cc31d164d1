/* carry_rules.c: push rules for a room go along into the room that replaces it.
 *
 * Spec:    Client-Server API, Room upgrades, Server behaviour.
 * Callers: joins, upgrades.
 * Threads: the engine.
 * Holds:   a rule that the user has made for the new room already stays as it is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/base_list.h>
#include <myelin/push_rules.h>
#include <myelin/room_upgrade.h>

/* Conditions on the old room's id become ones on the new. */
static const myl_json *moved(myl_ctx *cx, const myl_json *conditions, myl_str from, myl_str to)
{
    myl_list items = MYL_LIST(cx, myl_json);

    if (conditions == NULL)
        return NULL;
    for (uint32_t i = 0; i < conditions->count; i++) {
        const myl_json *one = &conditions->items[i];

        if (myl_str_equal(myl_json_text(one, MYL_S("pattern")), from))
            one = myl_json_with(cx, one, MYL_S("pattern"), myl_json_of_str(cx, to));
        myl_list_push(&items, myl_json, *one);
    }
    return myl_json_of_items(cx, items.at, items.count);
}

static myl_rc carry(myl_req *req, const myl_push_rule *rule, myl_str room_id)
{
    myl_push_put put = {.user = req->caller.user,
                        .kind = rule->kind,
                        .id = room_id,
                        .conditions = moved(&req->cx, rule->conditions, rule->id, room_id),
                        .actions = rule->actions};
    myl_push_name name = {req->caller.user, req->caller.user_id, rule->kind, room_id};

    if (rule->kind == MYL_PUSH_ROOM)
        put.conditions = NULL; /* the id is the condition */
    MYL_TRY(myl_push_rule_put(&req->cx, &put));
    return rule->enabled ? MYL_OK : myl_push_rule_enable(&req->cx, &name, false);
}

/* Clients quieten a room by a rule of its kind, or by one that overrides all others and has the room's id as its own. */
myl_rc myl_client_carry_push_rules(myl_req *req, myl_str room_id)
{
    static const myl_push_kind kinds[] = {MYL_PUSH_ROOM, MYL_PUSH_OVERRIDE};
    myl_push_ruleset set;
    myl_room_head head;
    myl_str from;

    MYL_TRY(myl_room_head_get(&req->cx, room_id, &head));
    MYL_TRY(myl_room_predecessor(&req->cx, &head, &from));
    if (!myl_str_present(from))
        return MYL_OK;
    MYL_TRY(myl_push_rules_get(&req->cx, req->caller.user, req->caller.user_id, &set));
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const myl_push_rule *rule = myl_push_rule_find(&set, kinds[i], from);

        if (rule != NULL && !rule->predefined &&
            myl_push_rule_find(&set, kinds[i], room_id) == NULL)
            MYL_TRY(carry(req, rule, room_id));
    }
    return MYL_OK;
}
