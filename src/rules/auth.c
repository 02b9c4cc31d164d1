/* auth.c: the list of auth rules from its first to its last.
 *
 * Why:     one list serves all room versions: auth_rules.def says which page has which rule, the version's row
 *          says what differs inside a rule.
 * Callers: room/ and state resolution; `myelin rules`.
 * Threads: any; nothing is kept.
 * Holds:   the first rule that decides ends the judgement; rules stand in the order of the pages.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/auth_own.h"

#include <myelin/matrix_id.h>

const myl_event *myl_judged_state(const judgement *j, const char *type, myl_str state_key)
{
    return j->state->find(j->state->arg, type, state_key);
}

myl_str myl_judged_membership(const judgement *j, myl_str user_id)
{
    const myl_event *member = myl_judged_state(j, "m.room.member", user_id);
    return member == NULL ? MYL_ABSENT : myl_event_membership(member);
}

static bool has_type(const judgement *j, const char *type)
{
    return myl_str_equal(j->event->type, myl_str_of(type));
}

/* Both have a domain, and it is the same. */
static bool same_domain(myl_str a, myl_str b)
{
    myl_str domain = myl_id_domain(a);
    return myl_str_present(domain) && myl_str_equal(domain, myl_id_domain(b));
}

/* --- rule 1: m.room.create ---------------------------------------------------------------------- */

static bool is_known_version(const myl_json *version)
{
    return version->kind == MYL_JSON_STRING && myl_room_version_find(version->text) != NULL;
}

static bool are_user_ids(const myl_json *list)
{
    if (list->kind != MYL_JSON_ARRAY)
        return false;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].kind != MYL_JSON_STRING || !myl_id_is_user(list->items[i].text))
            return false;
    }
    return true;
}

bool myl_judge_create(judgement *j)
{
    const myl_event *event = j->event;
    const myl_json *version = MYL_JSON_AT(event->content, "room_version");
    const myl_json *creators = MYL_JSON_AT(event->content, "additional_creators");
    return myl_rule_refuse(j, RULE_CREATE_PREV_EVENTS, event->prev_event_count > 0) ||
           myl_rule_refuse(j, RULE_CREATE_ROOM_DOMAIN,
                           !same_domain(event->room_id, event->sender)) ||
           myl_rule_refuse(j, RULE_CREATE_ROOM_ID, MYL_JSON_AT(event->json, "room_id") != NULL) ||
           myl_rule_refuse(j, RULE_CREATE_VERSION, version != NULL && !is_known_version(version)) ||
           myl_rule_refuse(j, RULE_CREATE_CREATOR,
                           MYL_JSON_AT(event->content, "creator") == NULL) ||
           myl_rule_refuse(j, RULE_CREATE_CREATORS, creators != NULL && !are_user_ids(creators)) ||
           myl_rule_allow(j, RULE_CREATE_OTHERWISE, true);
}

/* --- the room ----------------------------------------------------------------------------------- */

static bool is_room_of(myl_str room_id, const myl_event *create)
{
    if (create == NULL || create->rejected || room_id.len < 1 || create->event_id.len < 1)
        return false;
    return myl_str_equal(myl_str_slice(room_id, 1, room_id.len),
                         myl_str_slice(create->event_id, 1, create->event_id.len));
}

bool myl_judge_room(judgement *j)
{
    return myl_rule_refuse(j, RULE_ROOM_CREATED, !is_room_of(j->event->room_id, j->create));
}

static bool is_shut_out(const judgement *j)
{
    const myl_json *federate =
        j->create == NULL ? NULL : MYL_JSON_AT(j->create->content, "m.federate");
    return myl_json_is(federate, MYL_JSON_BOOL) && !federate->truth &&
           !same_domain(j->event->sender, j->create->sender);
}

/* --- rules of single types ---------------------------------------------------------------------- */

static bool judge_aliases(judgement *j)
{
    myl_str key = j->event->state_key;
    return myl_rule_refuse(j, RULE_ALIASES_STATE_KEY, !myl_str_present(key)) ||
           myl_rule_refuse(j, RULE_ALIASES_DOMAIN,
                           !myl_str_equal(myl_id_domain(j->event->sender), key)) ||
           myl_rule_allow(j, RULE_ALIASES_OTHERWISE, true);
}

/* Versions 1 and 2. */
static bool judge_redaction(judgement *j)
{
    myl_level needed = myl_level_action(&j->power, "redact");
    return myl_rule_allow(j, RULE_REDACTION_LEVEL, myl_level_compare(&j->sender, &needed) >= 0) ||
           myl_rule_allow(j, RULE_REDACTION_DOMAIN,
                          same_domain(j->event->redacts, j->event->event_id)) ||
           myl_rule_refuse(j, RULE_REDACTION_OTHERWISE, true);
}

static bool may_invite(const judgement *j)
{
    myl_level needed = myl_level_action(&j->power, "invite");
    return myl_level_compare(&j->sender, &needed) >= 0;
}

static bool may_send(const judgement *j)
{
    myl_level needed =
        myl_level_event(&j->power, j->event->type, myl_str_present(j->event->state_key));
    return myl_level_compare(&j->sender, &needed) >= 0;
}

/* Owned state (MSC3757) is also written by who stands above its owner. */
static bool is_of_another_user(const judgement *j)
{
    bool owned = j->event->version->owned_state;
    myl_str owner = myl_id_state_owner(j->event->state_key, owned);
    myl_level level;

    if (!myl_str_present(owner) || myl_str_equal(owner, j->event->sender))
        return false;
    if (!owned || !myl_id_is_user(owner))
        return true;
    level = myl_level_user(&j->power, owner);
    return myl_level_compare(&j->sender, &level) <= 0;
}

static bool is_joined(const judgement *j)
{
    return myl_str_equal(myl_judged_membership(j, j->event->sender), MYL_S("join"));
}

/* The rules behind that on m.room.member. */
static bool judge_other(judgement *j)
{
    return myl_rule_refuse(j, RULE_SENDER_JOINED, !is_joined(j)) ||
           (has_type(j, "m.room.third_party_invite") &&
            myl_rule_decide(j, RULE_THIRD_PARTY_LEVEL, may_invite(j))) ||
           myl_rule_refuse(j, RULE_EVENT_LEVEL, !may_send(j)) ||
           myl_rule_refuse(j, RULE_STATE_KEY_USER, is_of_another_user(j)) ||
           (has_type(j, "m.room.power_levels") && myl_judge_levels(j)) ||
           (has_type(j, "m.room.redaction") && judge_redaction(j)) ||
           myl_rule_allow(j, RULE_OTHERWISE, true);
}

/* --- the whole ---------------------------------------------------------------------------------- */

static bool judge(judgement *j)
{
    if (has_type(j, "m.room.create") && myl_judge_create(j))
        return true;
    return myl_judge_room(j) || myl_rule_refuse(j, RULE_LIST_NO_CREATE, j->create == NULL) ||
           myl_rule_refuse(j, RULE_FEDERATE, is_shut_out(j)) ||
           (has_type(j, "m.room.aliases") && judge_aliases(j)) ||
           (has_type(j, "m.room.member") && myl_judge_member(j)) || judge_other(j);
}

myl_verdict myl_rules_auth(myl_ctx *cx, const myl_event *event, const myl_auth_state *state)
{
    judgement j = {.cx = cx, .event = event, .state = state};
    j.create = myl_judged_state(&j, "m.room.create", MYL_S(""));
    j.power = (myl_power){event->version, j.create,
                          myl_judged_state(&j, "m.room.power_levels", MYL_S(""))};
    j.sender = myl_level_user(&j.power, event->sender);
    if (!judge(&j))
        return (myl_verdict){false, "", "no rule allows it"};
    return j.verdict;
}
