/* push_rules.h: push rules of a user: the predefined ones, changed by what the user has stored.
 *
 * Stored are only the user's own rules and what differs from the predefined ones, so that a newer server's predefined rules
 * reach everybody. Spec: Client-Server API, Push Notifications, Push Rules.
 * Inside cx->txn; what changes them, inside a change. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_PUSH_RULES_H
#define MYELIN_PUSH_RULES_H

#include <myelin/json_writer.h>
#include <myelin/store_check.h>

/* In the order in which they are tried. */
typedef enum {
    MYL_PUSH_OVERRIDE,
    MYL_PUSH_CONTENT,
    MYL_PUSH_POSTCONTENT, /* MSC4306: predefined rules only */
    MYL_PUSH_ROOM,
    MYL_PUSH_SENDER,
    MYL_PUSH_UNDERRIDE,
    MYL_PUSH_KINDS
} myl_push_kind;
/* "override"; false: no such kind. */
bool myl_push_kind_of(myl_str name, myl_push_kind *out);
/* Are there rules about subscribed threads? From the configuration, once, before anybody asks. */
void myl_push_set_thread_rules(bool on);
bool myl_push_thread_rules(void);

typedef struct {
    myl_push_kind kind;
    myl_str id;
    bool enabled, predefined;
    uint32_t
        memo; /* a bit for a rule that asks of the event alone, the same for all users; 0: another */
    const myl_json *conditions; /* array; NULL: none */
    myl_str pattern;            /* of content rules; absent otherwise */
    const myl_json *actions;    /* array */
} myl_push_rule;

/* All rules of a user, the first that fits wins. Lives in the job. */
typedef struct {
    const myl_push_rule *rules;
    size_t count;
    uint64_t position; /* of the last change; 0: never changed */
} myl_push_ruleset;
myl_rc myl_push_rules_get(myl_ctx *cx, uint64_t user, myl_str user_id, myl_push_ruleset *out);
/* Position of the user's last change; 0: none. */
myl_rc myl_push_rules_position(myl_ctx *cx, uint64_t user, uint64_t *out);
/* NULL: none. */
const myl_push_rule *myl_push_rule_find(const myl_push_ruleset *set, myl_push_kind kind,
                                        myl_str id);

/* One rule as an array element; those of a kind as an array; all as {"override": [...], ...}. key NULL: at the top. */
void myl_push_write_rule(myl_writer *w, const myl_push_rule *rule);
void myl_push_write_kind(myl_writer *w, const char *key, const myl_push_ruleset *set,
                         myl_push_kind kind);
void myl_push_write_global(myl_writer *w, const char *key, const myl_push_ruleset *set);

/* A rule of the user's own, new or in another's place. before, after: ids of own rules of the kind, absent: first.
 * MYL_INVALID_PARAM naming the field, MYL_NOT_FOUND for before and after, MYL_RESOURCE_LIMIT. */
typedef struct {
    uint64_t user;
    myl_push_kind kind;
    myl_str id;
    const myl_json *conditions, *actions;
    myl_str pattern;
    myl_str before, after;
} myl_push_put;
myl_rc myl_push_rule_put(myl_ctx *cx, const myl_push_put *put);
/* Which rule; MYL_NOT_FOUND when there is none. */
typedef struct {
    uint64_t user;
    myl_str user_id;
    myl_push_kind kind;
    myl_str id;
} myl_push_name;
myl_rc myl_push_rule_delete(myl_ctx *cx, const myl_push_name *name);
myl_rc myl_push_rule_enable(myl_ctx *cx, const myl_push_name *name, bool enabled);
myl_rc myl_push_rule_act(myl_ctx *cx, const myl_push_name *name, const myl_json *actions);
/* The user is gone. */
myl_rc myl_push_rules_drop(myl_ctx *cx, uint64_t user);

/* The predefined rules: the master rule, then the others by kind. What is in `out` borrows user_id. */
size_t myl_push_predefined_count(void);
/* Of the rule; MYL_PUSH_KINDS behind the last one. */
myl_push_kind myl_push_predefined_kind(size_t index);
void myl_push_predefined(myl_ctx *cx, size_t index, myl_str user_id, myl_push_rule *out);

/* For `myelin check`: the stored rules can be read. */
extern const myl_check_row myl_push_checks[];

#endif
