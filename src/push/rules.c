/* rules.c: a user's push rules: stored, merged with the predefined ones, written.
 *
 * Spec:    Client-Server API, Push Rules: API; Predefined Rules.
 * Threads: the transaction's.
 * Holds:   stored is {"<kind>": [own rules in order], "predefined": {"<rule id>": {"enabled", "actions"}}}.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "push/push_own.h"

#include <myelin/push_rules.h>

#include <myelin/base_limit.h>
#include <myelin/base_list.h>
#include <myelin/matrix_id.h>
#include <myelin/store_engine.h>

static const char *const kinds[MYL_PUSH_KINDS] = {"override", "content", "postcontent",
                                                  "room",     "sender",  "underride"};
static bool thread_rules;

void myl_push_set_thread_rules(bool on)
{
    thread_rules = on;
}

bool myl_push_thread_rules(void)
{
    return thread_rules;
}

static bool is_served(myl_push_kind kind)
{
    return thread_rules || kind != MYL_PUSH_POSTCONTENT;
}

bool myl_push_kind_of(myl_str name, myl_push_kind *out)
{
    for (size_t i = 0; i < MYL_PUSH_KINDS; i++)
        if (myl_str_equal(name, myl_str_of(kinds[i]))) {
            *out = (myl_push_kind)i;
            return is_served(*out);
        }
    return false;
}

/* ---- the row ---- */

static myl_rc get_row(myl_ctx *cx, uint64_t user, uint64_t *position, const myl_json **out)
{
    myl_key key = myl_key_of_u64(user);
    myl_str row;

    *position = 0;
    *out = myl_json_empty_object();
    MYL_TRY(myl_store_get(cx, MYL_TABLE_PUSH_RULES, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        return MYL_OK;
    if (!myl_cut_u64(&row, position) || myl_json_parse(cx, myl_keep(cx, row), out) != MYL_OK)
        return myl_fail(cx, MYL_CORRUPT, "PUSH_RULES: bad row");
    return MYL_OK;
}

static myl_rc put_row(myl_ctx *cx, uint64_t user, const myl_json *stored)
{
    myl_key key = myl_key_of_u64(user);
    myl_text row = MYL_TEXT(cx);

    myl_row_u64(&row, myl_engine_next_position(cx));
    myl_json_write(&row, stored);
    if (row.len > MYL_LIMIT_PUSH_RULES_BYTES)
        return myl_fail(cx, MYL_RESOURCE_LIMIT, "push rules: more than %d bytes",
                        MYL_LIMIT_PUSH_RULES_BYTES);
    myl_engine_note(cx, MYL_NOTE_USER, user);
    return myl_store_put(cx, MYL_TABLE_PUSH_RULES, myl_key_str(&key), myl_text_str(&row));
}

myl_rc myl_push_rules_position(myl_ctx *cx, uint64_t user, uint64_t *out)
{
    myl_key key = myl_key_of_u64(user);
    myl_str row;

    *out = 0;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_PUSH_RULES, myl_key_str(&key), &row));
    if (myl_str_present(row) && !myl_cut_u64(&row, out))
        return myl_fail(cx, MYL_CORRUPT, "PUSH_RULES: bad row");
    return MYL_OK;
}

myl_rc myl_push_rules_drop(myl_ctx *cx, uint64_t user)
{
    myl_key key = myl_key_of_u64(user);

    return myl_store_delete(cx, MYL_TABLE_PUSH_RULES, myl_key_str(&key));
}

/* ---- merged ---- */

static void add_own(myl_list *rules, const myl_json *stored, myl_push_kind kind)
{
    const myl_json *own = myl_json_array(stored, myl_str_of(kinds[kind]));

    for (uint32_t i = 0; own != NULL && i < own->count; i++) {
        const myl_json *one = &own->items[i];

        myl_list_push(rules, myl_push_rule,
                      ((myl_push_rule){.kind = kind,
                                       .id = myl_json_text(one, MYL_S("rule_id")),
                                       .enabled = myl_json_bool(one, MYL_S("enabled"), true),
                                       .conditions = myl_json_array(one, MYL_S("conditions")),
                                       .pattern = myl_json_text(one, MYL_S("pattern")),
                                       .actions = myl_json_array(one, MYL_S("actions"))}));
    }
}

static void change_predefined(myl_push_rule *rule, const myl_json *changes)
{
    const myl_json *change = myl_json_object(changes, rule->id);
    const myl_json *actions = myl_json_array(change, MYL_S("actions"));

    rule->enabled = myl_json_bool(change, MYL_S("enabled"), rule->enabled);
    if (actions != NULL)
        rule->actions = actions;
}

/* A user's rules in the making. */
typedef struct {
    myl_ctx *cx;
    myl_str user_id;
    const myl_json *changes; /* of predefined rules */
    size_t next;             /* predefined rule */
    myl_list rules;
} merging;

static void add_predefined(merging *m)
{
    myl_push_rule *rule = myl_list_add(&m->rules);

    myl_push_predefined(m->cx, m->next++, m->user_id, rule);
    if (m->changes != NULL)
        change_predefined(rule, m->changes);
    if (!is_served(rule->kind))
        m->rules.count--;
}

myl_rc myl_push_rules_get(myl_ctx *cx, uint64_t user, myl_str user_id, myl_push_ruleset *out)
{
    merging m = {.cx = cx, .user_id = myl_keep(cx, user_id), .rules = MYL_LIST(cx, myl_push_rule)};
    const myl_json *stored;

    MYL_TRY(get_row(cx, user, &out->position, &stored));
    m.changes = myl_json_object(stored, MYL_S("predefined"));
    add_predefined(&m); /* the master rule stands before the user's own */
    for (int kind = 0; kind < MYL_PUSH_KINDS; kind++) {
        add_own(&m.rules, stored, (myl_push_kind)kind);
        while (myl_push_predefined_kind(m.next) == (myl_push_kind)kind)
            add_predefined(&m);
    }
    out->rules = m.rules.at;
    out->count = m.rules.count;
    return MYL_OK;
}

const myl_push_rule *myl_push_rule_find(const myl_push_ruleset *set, myl_push_kind kind, myl_str id)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->rules[i].kind == kind && myl_str_equal(set->rules[i].id, id))
            return &set->rules[i];
    return NULL;
}

/* ---- written ---- */

void myl_push_write_rule(myl_writer *w, const myl_push_rule *rule)
{
    bool has_conditions = rule->kind == MYL_PUSH_OVERRIDE || rule->kind == MYL_PUSH_UNDERRIDE ||
                          rule->kind == MYL_PUSH_POSTCONTENT;

    myl_write_open(w, '{');
    myl_write_json(w, "actions", rule->actions);
    if (rule->conditions != NULL && has_conditions)
        myl_write_json(w, "conditions", rule->conditions);
    myl_write_bool(w, "default", rule->predefined);
    myl_write_bool(w, "enabled", rule->enabled);
    myl_write_str(w, "pattern", rule->pattern);
    myl_write_str(w, "rule_id", rule->id);
    myl_write_close(w, '}');
}

void myl_push_write_kind(myl_writer *w, const char *key, const myl_push_ruleset *set,
                         myl_push_kind kind)
{
    if (key != NULL)
        myl_write_open_key(w, key, '[');
    else
        myl_write_open(w, '[');
    for (size_t i = 0; i < set->count; i++)
        if (set->rules[i].kind == kind)
            myl_push_write_rule(w, &set->rules[i]);
    myl_write_close(w, ']');
}

void myl_push_write_global(myl_writer *w, const char *key, const myl_push_ruleset *set)
{
    if (key != NULL)
        myl_write_open_key(w, key, '{');
    else
        myl_write_open(w, '{');
    for (int kind = 0; kind < MYL_PUSH_KINDS; kind++)
        if (is_served((myl_push_kind)kind))
            myl_push_write_kind(w, kinds[kind], set, (myl_push_kind)kind);
    myl_write_close(w, '}');
}

/* ---- changed ---- */

/* The place of a rule among the own ones; SIZE_MAX: none. */
static size_t place_of(const myl_list *rules, myl_str id)
{
    for (size_t i = 0; i < rules->count; i++)
        if (myl_str_equal(myl_json_text(myl_list_at(rules, i), MYL_S("rule_id")), id))
            return i;
    return SIZE_MAX;
}

static myl_list own_rules(myl_ctx *cx, const myl_json *stored, myl_push_kind kind)
{
    const myl_json *own = myl_json_array(stored, myl_str_of(kinds[kind]));
    myl_list rules = MYL_LIST(cx, myl_json);

    for (uint32_t i = 0; own != NULL && i < own->count; i++)
        myl_list_push(&rules, myl_json, own->items[i]);
    return rules;
}

static myl_rc keep_own(myl_ctx *cx, uint64_t user, const myl_json *stored, myl_push_kind kind,
                       const myl_list *rules)
{
    const myl_json *items = myl_json_of_items(cx, rules->at, rules->count);

    return put_row(cx, user, myl_json_with(cx, stored, myl_str_of(kinds[kind]), items));
}

static bool id_is_good(myl_str id)
{
    return id.len > 0 && id.len <= MYL_LIMIT_ID_BYTES && id.at[0] != '.' &&
           myl_str_find(id, '/', 0) == SIZE_MAX && myl_str_find(id, '\\', 0) == SIZE_MAX;
}

/* An action with parameters sets a tweak; words that are not known are ignored when the rule is judged. */
static myl_rc check_actions(myl_ctx *cx, const myl_json *actions)
{
    for (uint32_t i = 0; actions != NULL && i < actions->count; i++)
        if (actions->items[i].kind == MYL_JSON_OBJECT &&
            !myl_str_present(myl_json_text(&actions->items[i], MYL_S("set_tweak"))))
            return myl_fail(cx, MYL_BAD_JSON, "actions[%u].set_tweak: expected a string", i);
    return MYL_OK;
}

static myl_rc check_put(myl_ctx *cx, const myl_push_put *put)
{
    MYL_TRY(check_actions(cx, put->actions));
    if (put->kind == MYL_PUSH_POSTCONTENT)
        return myl_fail(cx, MYL_INVALID_PARAM, "kind: postcontent has no rules of one's own");
    if (!id_is_good(put->id))
        return myl_fail(cx, MYL_INVALID_PARAM,
                        "ruleId: may not begin with '.', nor hold '/' or '\\'");
    /* suites name rooms by their aliases: such a rule is never met, as one for a room that is not there */
    if (put->kind == MYL_PUSH_ROOM && !myl_id_is_room(put->id) && !myl_id_is_alias(put->id))
        return myl_fail(cx, MYL_INVALID_PARAM, "ruleId: expected a room id");
    if (put->kind == MYL_PUSH_SENDER && !myl_id_is_user(put->id))
        return myl_fail(cx, MYL_INVALID_PARAM, "ruleId: expected a user id");
    if (put->kind == MYL_PUSH_CONTENT && !myl_str_present(put->pattern))
        return myl_fail(cx, MYL_MISSING_PARAM, "pattern: missing");
    if ((put->kind == MYL_PUSH_OVERRIDE || put->kind == MYL_PUSH_UNDERRIDE) &&
        put->conditions == NULL)
        return myl_fail(cx, MYL_MISSING_PARAM, "conditions: missing");
    return MYL_OK;
}

static const myl_json *rule_json(myl_ctx *cx, const myl_push_put *put, bool enabled)
{
    const myl_json *rule = myl_json_with(cx, NULL, MYL_S("rule_id"), myl_json_of_str(cx, put->id));

    rule = myl_json_with(cx, rule, MYL_S("actions"), put->actions);
    if (put->kind == MYL_PUSH_OVERRIDE || put->kind == MYL_PUSH_UNDERRIDE)
        rule = myl_json_with(cx, rule, MYL_S("conditions"), put->conditions);
    if (put->kind == MYL_PUSH_CONTENT)
        rule = myl_json_with(cx, rule, MYL_S("pattern"), myl_json_of_str(cx, put->pattern));
    return myl_json_with(cx, rule, MYL_S("enabled"), myl_json_of_bool(cx, enabled));
}

static void insert_at(myl_list *rules, size_t at, const myl_json *rule)
{
    myl_json *items;

    myl_list_push(rules, myl_json, *rule);
    items = rules->at;
    memmove(&items[at + 1], &items[at], (rules->count - 1 - at) * sizeof(*items));
    items[at] = *rule;
}

static void remove_at(myl_list *rules, size_t at)
{
    myl_json *items = rules->at;

    memmove(&items[at], &items[at + 1], (rules->count - 1 - at) * sizeof(*items));
    rules->count--;
}

/* Where the rule goes: before or behind the named one, first otherwise. */
static myl_rc choose_place(myl_ctx *cx, const myl_push_put *put, const myl_list *rules, size_t *at)
{
    myl_str other = myl_str_present(put->before) ? put->before : put->after;

    *at = 0;
    if (!myl_str_present(other))
        return MYL_OK;
    if (other.len > 0 && other.at[0] == '.')
        return myl_fail(cx, MYL_INVALID_PARAM, "%s: a predefined rule",
                        myl_str_present(put->before) ? "before" : "after");
    *at = place_of(rules, other);
    if (*at == SIZE_MAX)
        return myl_fail(cx, MYL_NOT_FOUND, "%s: no such rule",
                        myl_str_present(put->before) ? "before" : "after");
    if (!myl_str_present(put->before))
        (*at)++;
    return MYL_OK;
}

myl_rc myl_push_rule_put(myl_ctx *cx, const myl_push_put *put)
{
    const myl_json *stored;
    uint64_t position;
    size_t old, at;
    bool enabled = true;
    myl_list rules;

    MYL_TRY(check_put(cx, put));
    MYL_TRY(get_row(cx, put->user, &position, &stored));
    rules = own_rules(cx, stored, put->kind);
    old = place_of(&rules, put->id);
    if (old != SIZE_MAX) {
        enabled = myl_json_bool(myl_list_at(&rules, old), MYL_S("enabled"), true);
        remove_at(&rules, old);
    } else if (rules.count >= MYL_LIMIT_PUSH_RULES) {
        return myl_fail(cx, MYL_RESOURCE_LIMIT, "too many push rules");
    }
    MYL_TRY(choose_place(cx, put, &rules, &at));
    if (old != SIZE_MAX && !myl_str_present(put->before) && !myl_str_present(put->after))
        at = old;
    insert_at(&rules, at, rule_json(cx, put, enabled));
    return keep_own(cx, put->user, stored, put->kind, &rules);
}

static bool is_predefined(const myl_push_name *name)
{
    return name->id.len > 0 && name->id.at[0] == '.';
}

static myl_rc no_such_rule(myl_ctx *cx)
{
    return myl_fail(cx, MYL_NOT_FOUND, "ruleId: no such rule");
}

myl_rc myl_push_rule_delete(myl_ctx *cx, const myl_push_name *name)
{
    const myl_json *stored;
    uint64_t position;
    myl_list rules;
    size_t at;

    if (is_predefined(name))
        return myl_fail(cx, MYL_NOT_FOUND, "ruleId: a predefined rule cannot be deleted");
    MYL_TRY(get_row(cx, name->user, &position, &stored));
    rules = own_rules(cx, stored, name->kind);
    at = place_of(&rules, name->id);
    if (at == SIZE_MAX)
        return no_such_rule(cx);
    remove_at(&rules, at);
    return keep_own(cx, name->user, stored, name->kind, &rules);
}

static myl_rc set_predefined(myl_ctx *cx, const myl_push_name *name, myl_str member,
                             const myl_json *value)
{
    const myl_json *stored, *changes, *change;
    myl_push_ruleset set;
    uint64_t position;

    MYL_TRY(myl_push_rules_get(cx, name->user, name->user_id, &set));
    if (myl_push_rule_find(&set, name->kind, name->id) == NULL)
        return no_such_rule(cx);
    MYL_TRY(get_row(cx, name->user, &position, &stored));
    changes = myl_json_object(stored, MYL_S("predefined"));
    change = myl_json_with(cx, myl_json_object(changes, name->id), member, value);
    changes = myl_json_with(cx, changes, name->id, change);
    return put_row(cx, name->user, myl_json_with(cx, stored, MYL_S("predefined"), changes));
}

static myl_rc set_member(myl_ctx *cx, const myl_push_name *name, myl_str member,
                         const myl_json *value)
{
    const myl_json *stored;
    uint64_t position;
    myl_list rules;
    size_t at;

    if (is_predefined(name))
        return set_predefined(cx, name, member, value);
    MYL_TRY(get_row(cx, name->user, &position, &stored));
    rules = own_rules(cx, stored, name->kind);
    at = place_of(&rules, name->id);
    if (at == SIZE_MAX)
        return no_such_rule(cx);
    *(myl_json *)myl_list_at(&rules, at) =
        *myl_json_with(cx, myl_list_at(&rules, at), member, value);
    return keep_own(cx, name->user, stored, name->kind, &rules);
}

myl_rc myl_push_rule_enable(myl_ctx *cx, const myl_push_name *name, bool enabled)
{
    return set_member(cx, name, MYL_S("enabled"), myl_json_of_bool(cx, enabled));
}

myl_rc myl_push_rule_act(myl_ctx *cx, const myl_push_name *name, const myl_json *actions)
{
    MYL_TRY(check_actions(cx, actions));
    return set_member(cx, name, MYL_S("actions"), actions);
}

/* ---- check ---- */

static myl_rc check_row(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    const myl_json *stored;
    uint64_t user, position;

    if (!myl_cut_u64(&key, &user) || !myl_cut_u64(&row, &position) ||
        myl_json_parse(cx, row, &stored) != MYL_OK || stored->kind != MYL_JSON_OBJECT)
        myl_check_wrong(check, "push rules of a user cannot be read");
    return MYL_OK;
}

static myl_rc check_rules(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_PUSH_RULES, check_row);
}

const myl_check_row myl_push_checks[] = {{"push rules", check_rules},
                                         {"pushers", myl_pushers_check},
                                         {NULL, NULL}};
