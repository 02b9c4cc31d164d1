/* auth_own.h: one judgement by the auth rules, as its files share it.
 *
 * The files read like the specification's pages: a list of rules is a chain of refuse() and allow(), which are
 * true when the rule decides. A rule that the version's page does not have decides nothing, so that one chain
 * serves all versions; its row in auth_rules.def says where it stands.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_RULES_AUTH_OWN_H
#define MYELIN_RULES_AUTH_OWN_H

#include "rules/rules_own.h"

typedef enum {
#define RULE(name, ...) RULE_##name,
#include "rules/auth_rules.def"
#undef RULE
    RULE_COUNT
} rule_name;

typedef struct {
    myl_ctx *cx;
    const myl_event *event;
    const myl_auth_state *state; /* NULL: only the event's own list is judged */
    const myl_event *create;     /* NULL: none */
    myl_power power;
    myl_level sender; /* the sender's power */
    myl_verdict verdict;
} judgement;

/* True when the rule is on the version's page, stands, and `condition` holds: then the verdict is made. */
bool myl_rule_refuse(judgement *j, rule_name rule, bool condition);
bool myl_rule_allow(judgement *j, rule_name rule, bool condition);
/* "Allow if and only if": decides both ways. */
bool myl_rule_decide(judgement *j, rule_name rule, bool condition);

/* The state event or NULL; the membership of a user, absent when there is none. */
const myl_event *myl_judged_state(const judgement *j, const char *type, myl_str state_key);
myl_str myl_judged_membership(const judgement *j, myl_str user_id);

/* Parts of the list of rules; true when one of them decided. */
bool myl_judge_create(judgement *j);
bool myl_judge_room(judgement *j); /* version 12, rule 2 */
bool myl_judge_member(judgement *j);
bool myl_judge_third_party_invite(judgement *j); /* rule 5.4.1 and its like */
bool myl_judge_levels(judgement *j);

#endif
