/* auth_levels.c: the auth rules on m.room.power_levels.
 *
 * Callers: auth.c. Threads: any.
 * Spec:    Room versions, rule 10 (versions 6-11: 9). Comments give version 12's numbers.
 * Holds:   values are compared as levels: "50" and 50 are no change. What is no level counts as not there, where
 *          the page has no rule against it (versions 1-9).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/auth_own.h"

#include <myelin/matrix_id.h>

static const char *const single_levels[] = {"users_default", "events_default", "state_default",
                                            "ban",           "redact",         "kick",
                                            "invite"};
#define SINGLE_LEVELS (sizeof single_levels / sizeof *single_levels)

/* --- form: 10.1 to 10.4 ------------------------------------------------------------------------- */

/* 10.1: a single level that is there and no level. */
static bool has_bad_single(const judgement *j)
{
    for (size_t i = 0; i < SINGLE_LEVELS; i++) {
        const myl_json *value = myl_json_get(j->event->content, myl_str_of(single_levels[i]));
        myl_level level;
        if (value != NULL && !myl_level_read(j->event->version->levels, value, &level))
            return true;
    }
    return false;
}

/* Is `map` there and not an object of levels? */
static bool is_bad_map(const judgement *j, const char *name)
{
    const myl_json *map = myl_json_get(j->event->content, myl_str_of(name));
    if (map == NULL)
        return false;
    if (map->kind != MYL_JSON_OBJECT)
        return true;
    for (size_t i = 0; i < map->count; i++) {
        myl_level level;
        if (!myl_level_read(j->event->version->levels, &map->items[i], &level))
            return true;
    }
    return false;
}

/* Versions 1-5: a float beyond a double's range, anywhere, has the event rejected. */
static bool has_endless_float(const judgement *j)
{
    static const char *const maps[] = {"events", "notifications"};
    myl_level level;
    for (size_t i = 0; i < SINGLE_LEVELS; i++) {
        const myl_json *value = myl_json_get(j->event->content, myl_str_of(single_levels[i]));
        if (myl_json_is(value, MYL_JSON_NUMBER) && !myl_level_read(MYL_LEVELS_LOOSE, value, &level))
            return true;
    }
    for (size_t i = 0; i < 2; i++) {
        const myl_json *map = myl_json_object(j->event->content, myl_str_of(maps[i]));
        for (size_t k = 0; map != NULL && k < map->count; k++) {
            if (map->items[k].kind == MYL_JSON_NUMBER &&
                !myl_level_read(MYL_LEVELS_LOOSE, &map->items[k], &level))
                return true;
        }
    }
    return false;
}

/* 10.3 */
static bool has_bad_users(const judgement *j)
{
    const myl_json *users = MYL_JSON_AT(j->event->content, "users");
    if (is_bad_map(j, "users") ||
        (j->event->version->levels == MYL_LEVELS_LOOSE && has_endless_float(j)))
        return true;
    for (size_t i = 0; users != NULL && i < users->count; i++) {
        if (!myl_id_is_user(users->items[i].key))
            return true;
    }
    return false;
}

/* 10.4 */
static bool names_creator(const judgement *j)
{
    const myl_json *users = myl_json_object(j->event->content, MYL_S("users"));
    if (users == NULL || j->create == NULL)
        return false;
    if (myl_json_get(users, j->create->sender) != NULL)
        return true;
    const myl_json *more = myl_json_array(j->create->content, MYL_S("additional_creators"));
    for (size_t i = 0; more != NULL && i < more->count; i++) {
        if (more->items[i].kind == MYL_JSON_STRING &&
            myl_json_get(users, more->items[i].text) != NULL)
            return true;
    }
    return false;
}

/* --- changes of single levels: 10.6 ------------------------------------------------------------- */

/* A level before and after; `had` and `has` say where it is there. */
typedef struct {
    bool had, has;
    myl_level before, after;
} change;

static bool read_change(const judgement *j, const myl_json *before, const myl_json *after,
                        change *out)
{
    myl_levels_form form = j->event->version->levels;
    out->had = myl_level_read(form, before, &out->before);
    out->has = myl_level_read(form, after, &out->after);
    if (out->had != out->has)
        return true;
    return out->had && myl_level_compare(&out->before, &out->after) != 0;
}

static bool judge_single(judgement *j, myl_str key)
{
    change c;
    if (!read_change(j, myl_json_get(j->power.levels->content, key),
                     myl_json_get(j->event->content, key), &c))
        return false;
    return myl_rule_refuse(j, RULE_LEVELS_CURRENT,
                           c.had && myl_level_compare(&c.before, &j->sender) > 0) ||
           myl_rule_refuse(j, RULE_LEVELS_NEW,
                           c.has && myl_level_compare(&c.after, &j->sender) > 0);
}

static bool judge_singles(judgement *j)
{
    for (size_t i = 0; i < SINGLE_LEVELS; i++) {
        if (judge_single(j, myl_str_of(single_levels[i])))
            return true;
    }
    return false;
}

/* --- changes of maps: 10.7 to 10.10 ------------------------------------------------------------- */

typedef enum { EVENTS_CURRENT, EVENTS_NEW, USERS_CURRENT, USERS_NEW } map_rule;

/* Walks two objects side by side, by key. */
typedef struct {
    const myl_json *before, *after; /* objects or NULL */
    size_t in_before, in_after;
} pair_walk;

static const myl_json *entry_at(const myl_json *object, size_t index)
{
    return object != NULL && index < object->count ? &object->items[index] : NULL;
}

/* The next key's entries, NULL where a side has none. False at the end. */
static bool next_pair(pair_walk *walk, const myl_json **before, const myl_json **after)
{
    *before = entry_at(walk->before, walk->in_before);
    *after = entry_at(walk->after, walk->in_after);
    if (*before != NULL && *after != NULL) {
        int order = myl_str_compare((*before)->key, (*after)->key);
        if (order < 0)
            *after = NULL;
        else if (order > 0)
            *before = NULL;
    }
    walk->in_before += *before != NULL;
    walk->in_after += *after != NULL;
    return *before != NULL || *after != NULL;
}

static bool breaks(const judgement *j, map_rule rule, myl_str key, const change *c)
{
    switch (rule) {
    case EVENTS_CURRENT: return c->had && myl_level_compare(&c->before, &j->sender) > 0;
    case USERS_CURRENT:
        return c->had && myl_level_compare(&c->before, &j->sender) >= 0 &&
               !myl_str_equal(key, j->event->sender);
    case EVENTS_NEW:
    case USERS_NEW: return c->has && myl_level_compare(&c->after, &j->sender) > 0;
    }
    return true;
}

/* Does a changed entry of the map break the rule? */
static bool map_breaks(const judgement *j, const char *map, map_rule rule)
{
    pair_walk walk = {.before = myl_json_object(j->power.levels->content, myl_str_of(map)),
                      .after = myl_json_object(j->event->content, myl_str_of(map))};
    const myl_json *before, *after;
    while (next_pair(&walk, &before, &after)) {
        change c;
        if (read_change(j, before, after, &c) &&
            breaks(j, rule, before != NULL ? before->key : after->key, &c))
            return true;
    }
    return false;
}

static bool events_break(const judgement *j, map_rule rule)
{
    return map_breaks(j, "events", rule) ||
           (j->event->version->notifications_rule && map_breaks(j, "notifications", rule));
}

static bool judge_changes(judgement *j)
{
    return judge_singles(j) ||
           myl_rule_refuse(j, RULE_LEVELS_EVENTS_CURRENT, events_break(j, EVENTS_CURRENT)) ||
           myl_rule_refuse(j, RULE_LEVELS_EVENTS_NEW, events_break(j, EVENTS_NEW)) ||
           myl_rule_refuse(j, RULE_LEVELS_USERS_CURRENT, map_breaks(j, "users", USERS_CURRENT)) ||
           myl_rule_refuse(j, RULE_LEVELS_USERS_NEW, map_breaks(j, "users", USERS_NEW));
}

bool myl_judge_levels(judgement *j)
{
    return myl_rule_refuse(j, RULE_LEVELS_INTEGERS, has_bad_single(j)) ||
           myl_rule_refuse(j, RULE_LEVELS_MAPS,
                           is_bad_map(j, "events") || is_bad_map(j, "notifications")) ||
           myl_rule_refuse(j, RULE_LEVELS_USERS, has_bad_users(j)) ||
           myl_rule_refuse(j, RULE_LEVELS_CREATORS, names_creator(j)) ||
           myl_rule_allow(j, RULE_LEVELS_FIRST, j->power.levels == NULL) ||
           (j->power.levels != NULL && judge_changes(j)) ||
           myl_rule_allow(j, RULE_LEVELS_OTHERWISE, true);
}
