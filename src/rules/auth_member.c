/* auth_member.c: the auth rules on m.room.member.
 *
 * Callers: auth.c. Threads: any.
 * Spec:    Room versions, rule 5 (versions 6-11: 4). Comments give version 12's numbers.
 * Holds:   5.2.1, the signature of the authorising user's server, was checked before.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/auth_own.h"

static bool is(myl_str text, const char *word)
{
    return myl_str_equal(text, myl_str_of(word));
}

/* The room's join rule; "invite" where nothing is said; absent when it is no string. */
static myl_str join_rule(const judgement *j)
{
    const myl_event *event = myl_judged_state(j, "m.room.join_rules", MYL_S(""));
    if (event == NULL || MYL_JSON_AT(event->content, "join_rule") == NULL)
        return MYL_S("invite");
    return myl_json_text(event->content, MYL_S("join_rule"));
}

static bool reaches(const judgement *j, const myl_level *level, const char *action)
{
    myl_level needed = myl_level_action(&j->power, action);
    return myl_level_compare(level, &needed) >= 0;
}

/* Is the sender's power greater than the target's? */
static bool is_above_target(const judgement *j)
{
    myl_level target = myl_level_user(&j->power, j->event->state_key);
    return myl_level_compare(&target, &j->sender) < 0;
}

/* --- join: 5.3 ---------------------------------------------------------------------------------- */

/* 5.3.1: the create event is the only previous event, and the user made the room (with version 12's
 * additional creators left out). */
static bool is_first_join(const judgement *j)
{
    const myl_event *event = j->event;
    if (j->create == NULL || event->prev_event_count != 1 ||
        !myl_str_equal(event->prev_events[0], j->create->event_id))
        return false;
    myl_str creator = event->version->creator_in_content
                          ? myl_json_text(j->create->content, MYL_S("creator"))
                          : j->create->sender;
    return myl_str_present(creator) && myl_str_equal(creator, event->state_key);
}

/* 5.3.5.2 */
static bool is_authorised(const judgement *j)
{
    myl_str user = myl_json_text(j->event->content, MYL_S("join_authorised_via_users_server"));
    if (!myl_str_present(user) || !is(myl_judged_membership(j, user), "join"))
        return false;
    myl_level level = myl_level_user(&j->power, user);
    return reaches(j, &level, "invite");
}

static bool judge_restricted(judgement *j, bool is_member)
{
    return myl_rule_allow(j, RULE_JOIN_RESTRICTED_MEMBER, is_member) ||
           myl_rule_refuse(j, RULE_JOIN_RESTRICTED_AUTHORISER, !is_authorised(j)) ||
           myl_rule_allow(j, RULE_JOIN_RESTRICTED_OTHERWISE, true);
}

static bool judge_join(judgement *j)
{
    const myl_room_version *version = j->event->version;
    myl_str rule = join_rule(j);
    myl_str membership = myl_judged_membership(j, j->event->sender);
    bool is_member = is(membership, "invite") || is(membership, "join");
    bool by_invite = is(rule, "invite") || (version->knock && is(rule, "knock"));
    bool restricted = (version->restricted && is(rule, "restricted")) ||
                      (version->knock_restricted && is(rule, "knock_restricted"));
    return myl_rule_allow(j, RULE_JOIN_FIRST, is_first_join(j)) ||
           myl_rule_refuse(j, RULE_JOIN_SENDER,
                           !myl_str_equal(j->event->sender, j->event->state_key)) ||
           myl_rule_refuse(j, RULE_JOIN_BANNED, is(membership, "ban")) ||
           myl_rule_allow(j, RULE_JOIN_INVITED, by_invite && is_member) ||
           (restricted && judge_restricted(j, is_member)) ||
           myl_rule_allow(j, RULE_JOIN_PUBLIC, is(rule, "public")) ||
           myl_rule_refuse(j, RULE_JOIN_OTHERWISE, true);
}

/* --- invite: 5.4 -------------------------------------------------------------------------------- */

static bool judge_invite(judgement *j)
{
    if (MYL_JSON_AT(j->event->content, "third_party_invite") != NULL &&
        myl_judge_third_party_invite(j))
        return true;
    myl_str target = myl_judged_membership(j, j->event->state_key);
    return myl_rule_refuse(j, RULE_INVITE_SENDER,
                           !is(myl_judged_membership(j, j->event->sender), "join")) ||
           myl_rule_refuse(j, RULE_INVITE_TARGET, is(target, "join") || is(target, "ban")) ||
           myl_rule_allow(j, RULE_INVITE_LEVEL, reaches(j, &j->sender, "invite")) ||
           myl_rule_refuse(j, RULE_INVITE_OTHERWISE, true);
}

/* --- leave: 5.5 --------------------------------------------------------------------------------- */

static bool judge_leave(judgement *j)
{
    myl_str sender = myl_judged_membership(j, j->event->sender);
    myl_str target = myl_judged_membership(j, j->event->state_key);
    bool can_leave = is(sender, "invite") || is(sender, "join") ||
                     (j->event->version->knock && is(sender, "knock"));
    bool is_self = myl_str_equal(j->event->sender, j->event->state_key);
    return (is_self && myl_rule_decide(j, RULE_LEAVE_SELF, can_leave)) ||
           myl_rule_refuse(j, RULE_LEAVE_SENDER, !is(sender, "join")) ||
           myl_rule_refuse(j, RULE_LEAVE_BANNED,
                           is(target, "ban") && !reaches(j, &j->sender, "ban")) ||
           myl_rule_allow(j, RULE_LEAVE_LEVEL,
                          reaches(j, &j->sender, "kick") && is_above_target(j)) ||
           myl_rule_refuse(j, RULE_LEAVE_OTHERWISE, true);
}

/* --- ban: 5.6; knock: 5.7 ----------------------------------------------------------------------- */

static bool judge_ban(judgement *j)
{
    return myl_rule_refuse(j, RULE_BAN_SENDER,
                           !is(myl_judged_membership(j, j->event->sender), "join")) ||
           myl_rule_allow(j, RULE_BAN_LEVEL, reaches(j, &j->sender, "ban") && is_above_target(j)) ||
           myl_rule_refuse(j, RULE_BAN_OTHERWISE, true);
}

static bool judge_knock(judgement *j)
{
    myl_str rule = join_rule(j);
    myl_str sender = myl_judged_membership(j, j->event->sender);
    bool takes_knocks =
        is(rule, "knock") || (j->event->version->knock_restricted && is(rule, "knock_restricted"));
    return myl_rule_refuse(j, RULE_KNOCK_RULE, !takes_knocks) ||
           myl_rule_refuse(j, RULE_KNOCK_SENDER,
                           !myl_str_equal(j->event->sender, j->event->state_key)) ||
           myl_rule_allow(j, RULE_KNOCK_MEMBERSHIP,
                          !is(sender, "ban") && !is(sender, "invite") && !is(sender, "join")) ||
           myl_rule_refuse(j, RULE_KNOCK_OTHERWISE, true);
}

/* --- the whole ---------------------------------------------------------------------------------- */

static bool judge_membership(judgement *j)
{
    myl_str membership = myl_event_membership(j->event);
    return (is(membership, "join") && judge_join(j)) ||
           (is(membership, "invite") && judge_invite(j)) ||
           (is(membership, "leave") && judge_leave(j)) || (is(membership, "ban") && judge_ban(j)) ||
           (j->event->version->knock && is(membership, "knock") && judge_knock(j)) ||
           myl_rule_refuse(j, RULE_MEMBER_OTHERWISE, true);
}

bool myl_judge_member(judgement *j)
{
    const myl_event *event = j->event;
    return myl_rule_refuse(j, RULE_MEMBER_FORM,
                           !myl_str_present(event->state_key) ||
                               MYL_JSON_AT(event->content, "membership") == NULL) ||
           judge_membership(j);
}
