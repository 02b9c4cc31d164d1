/* auth_list.c: which events an event must name in auth_events, and the rules on the list that it names.
 *
 * Callers: room/ when it builds and admits events; `myelin rules`.
 * Threads: any.
 * Spec:    Server-Server API, Auth events selection; Room versions, rule 2 (version 12: 2 and 3).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/auth_own.h"

/* --- selection ---------------------------------------------------------------------------------- */

typedef struct {
    myl_auth_need *needs;
    size_t count;
} need_list;

static void add_need(need_list *list, const char *type, myl_str state_key)
{
    if (!myl_str_present(state_key))
        return;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->needs[i].type, type) == 0 &&
            myl_str_equal(list->needs[i].state_key, state_key))
            return;
    }
    MYL_ASSERT(list->count < MYL_AUTH_NEEDS);
    list->needs[list->count++] = (myl_auth_need){type, state_key};
}

static void add_member_needs(need_list *list, const myl_room_version *version, myl_str target,
                             const myl_json *content)
{
    myl_str membership = myl_json_text(content, MYL_S("membership"));
    bool joins = myl_str_equal(membership, MYL_S("join"));
    bool invites = myl_str_equal(membership, MYL_S("invite"));
    add_need(list, "m.room.member", target);
    if (joins || invites || myl_str_equal(membership, MYL_S("knock")))
        add_need(list, "m.room.join_rules", MYL_S(""));
    if (invites) {
        const myl_json *invite = myl_json_object(content, MYL_S("third_party_invite"));
        const myl_json *signed_part = myl_json_object(invite, MYL_S("signed"));
        add_need(list, "m.room.third_party_invite", myl_json_text(signed_part, MYL_S("token")));
    }
    if (joins && version->restricted)
        add_need(list, "m.room.member",
                 myl_json_text(content, MYL_S("join_authorised_via_users_server")));
}

size_t myl_rules_auth_needs(const myl_room_version *version, myl_str type, myl_str state_key,
                            myl_str sender, const myl_json *content,
                            myl_auth_need needs[MYL_AUTH_NEEDS])
{
    need_list list = {needs, 0};
    if (myl_str_equal(type, MYL_S("m.room.create")))
        return 0;
    if (!version->room_id_is_create)
        add_need(&list, "m.room.create", MYL_S(""));
    add_need(&list, "m.room.power_levels", MYL_S(""));
    add_need(&list, "m.room.member", sender);
    if (myl_str_equal(type, MYL_S("m.room.member")))
        add_member_needs(&list, version, state_key, content);
    return list.count;
}

/* --- the rules on the list ---------------------------------------------------------------------- */

typedef struct {
    const myl_event *const *events; /* NULL entries are not known */
    size_t count;
} auth_list;

static bool has_twice(const auth_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const myl_event *a = list->events[i];
        if (a == NULL || !myl_str_present(a->state_key))
            continue;
        for (size_t k = i + 1; k < list->count; k++) {
            const myl_event *b = list->events[k];
            if (b != NULL && myl_str_present(b->state_key) && myl_str_equal(a->type, b->type) &&
                myl_str_equal(a->state_key, b->state_key))
                return true;
        }
    }
    return false;
}

static bool has_unselected(const auth_list *list, const myl_event *event)
{
    myl_auth_need needs[MYL_AUTH_NEEDS];
    size_t count = myl_rules_auth_needs(event->version, event->type, event->state_key,
                                        event->sender, event->content, needs);
    for (size_t i = 0; i < list->count; i++) {
        bool selected = list->events[i] == NULL;
        for (size_t k = 0; k < count && !selected; k++)
            selected = myl_event_is(list->events[i], needs[k].type, needs[k].state_key);
        if (!selected)
            return true;
    }
    return false;
}

static bool has_rejected(const auth_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->events[i] == NULL || list->events[i]->rejected)
            return true;
    }
    return false;
}

static bool has_create(const auth_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->events[i] != NULL && myl_str_equal(list->events[i]->type, MYL_S("m.room.create")))
            return true;
    }
    return false;
}

static bool has_other_room(const auth_list *list, const myl_event *event)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->events[i] != NULL && !myl_str_equal(list->events[i]->room_id, event->room_id))
            return true;
    }
    return false;
}

myl_verdict myl_rules_auth_events(myl_ctx *cx, const myl_event *event,
                                  const myl_event *const *auth_events, size_t count,
                                  const myl_event *create)
{
    judgement j = {.cx = cx, .event = event, .create = create, .verdict = {true, "", ""}};
    auth_list list = {auth_events, count};
    if (myl_str_equal(event->type, MYL_S("m.room.create")))
        return j.verdict;
    if (myl_judge_room(&j) || myl_rule_refuse(&j, RULE_LIST_TWICE, has_twice(&list)) ||
        myl_rule_refuse(&j, RULE_LIST_UNSELECTED, has_unselected(&list, event)) ||
        myl_rule_refuse(&j, RULE_LIST_REJECTED, has_rejected(&list)) ||
        myl_rule_refuse(&j, RULE_LIST_NO_CREATE, !has_create(&list)) ||
        myl_rule_refuse(&j, RULE_LIST_OTHER_ROOM, has_other_room(&list, event)))
        return j.verdict;
    myl_rule_allow(&j, RULE_LIST_OTHER_ROOM, true);
    return j.verdict;
}
