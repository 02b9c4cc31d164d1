/* default_rules.c: the predefined push rules.
 *
 * Why:     each row of default_rules.def is made into JSON by the compiler and read once, for every reader of a room asks
 *          for all rules; only the user's id is put in for each.
 * Threads: any; the first one reads.
 * Memory:  what was read lives as long as the process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/push_rules.h>

#include <pthread.h>

/* Stands for the user's id. It cannot occur in a rule otherwise. */
#define USER_MARK "\"\\u0001\""

#define IS(key, pattern)                                                                           \
    "{\"key\":\"" key "\",\"kind\":\"event_match\",\"pattern\":\"" pattern "\"}"
#define ME(key) "{\"key\":\"" key "\",\"kind\":\"event_match\",\"pattern\":" USER_MARK "}"
#define MENTIONS_ME                                                                                \
    "{\"key\":\"content.m\\\\.mentions.user_ids\",\"kind\":\"event_property_contains\","           \
    "\"value\":" USER_MARK "}"
#define PROPERTY(key, value)                                                                       \
    "{\"key\":\"" key "\",\"kind\":\"event_property_is\",\"value\":" value "}"
#define ROOM_LEVEL "{\"key\":\"room\",\"kind\":\"sender_notification_permission\"}"
#define TWO "{\"is\":\"2\",\"kind\":\"room_member_count\"}"
#define FOLLOWED(yes) "{\"kind\":\"io.element.msc4306.thread_subscription\",\"subscribed\":" yes "}"
#define QUIET ""
#define NOTIFY "\"notify\""
#define HIGHLIGHT "{\"set_tweak\":\"highlight\"}"
#define LOUD(sound) NOTIFY ",{\"set_tweak\":\"sound\",\"value\":\"" sound "\"}"
#define LIGHT NOTIFY "," HIGHLIGHT
#define BOTH LOUD("default") "," HIGHLIGHT

enum {
    override = MYL_PUSH_OVERRIDE,
    postcontent = MYL_PUSH_POSTCONTENT,
    underride = MYL_PUSH_UNDERRIDE
};

static const struct {
    myl_push_kind kind;
    const char *id;
    bool enabled;
    const char *conditions, *actions;
} rules[] = {
#define RULE(kind, id, enabled, conditions, actions)                                               \
    {(myl_push_kind)kind, id, enabled, "[" conditions "]", "[" actions "]"},
#include "push/default_rules.def"
#undef RULE
};

size_t myl_push_predefined_count(void)
{
    return sizeof(rules) / sizeof(rules[0]);
}

myl_push_kind myl_push_predefined_kind(size_t index)
{
    return index < myl_push_predefined_count() ? rules[index].kind : MYL_PUSH_KINDS;
}

/* ---- what is the same for all ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct {
    myl_ctx cx;
    const myl_json *conditions[sizeof(rules) / sizeof(rules[0])];
    bool is_marked[sizeof(rules) / sizeof(rules[0])]; /* the user's id stands in its conditions */
    uint32_t memos[sizeof(rules) / sizeof(rules[0])];
    const myl_json *actions[sizeof(rules) / sizeof(rules[0])];
} shared;

_Static_assert(sizeof(rules) / sizeof(rules[0]) <= 32, "a bit for each predefined rule");

static bool asks_event_alone(const myl_json *conditions)
{
    for (uint32_t i = 0; i < conditions->count; i++) {
        myl_str kind = myl_json_text(&conditions->items[i], MYL_S("kind"));

        if (!myl_str_equal(kind, MYL_S("event_match")) &&
            !myl_str_equal(kind, MYL_S("event_property_is")))
            return false;
    }
    return true;
}

static void read_shared(void)
{
    myl_ctx_begin(&shared.cx);
    for (size_t i = 0; i < myl_push_predefined_count(); i++) {
        myl_str conditions = myl_str_of(rules[i].conditions),
                actions = myl_str_of(rules[i].actions);

        MYL_ASSERT(myl_json_parse(&shared.cx, actions, &shared.actions[i]) == MYL_OK);
        MYL_ASSERT(myl_json_parse(&shared.cx, conditions, &shared.conditions[i]) == MYL_OK);
        shared.is_marked[i] = strstr(rules[i].conditions, USER_MARK) != NULL;
        if (!shared.is_marked[i] && asks_event_alone(shared.conditions[i]))
            shared.memos[i] = 1u << i;
    }
}

/* ---- what is the user's ---- */

static myl_json *copied(myl_ctx *cx, const myl_json *parts)
{
    myl_json *copy = myl_new_array(cx, myl_json, parts->count);

    memcpy(copy, parts->items, parts->count * sizeof(*copy));
    return copy;
}

static const myl_json *with_user(myl_ctx *cx, const myl_json *conditions, myl_str user)
{
    myl_json *whole = myl_new(cx, myl_json), *items = copied(cx, conditions);

    for (uint32_t i = 0; i < conditions->count; i++) {
        myl_json *members = copied(cx, &items[i]);

        for (uint32_t m = 0; m < items[i].count; m++)
            if (members[m].kind == MYL_JSON_STRING && myl_str_equal(members[m].text, MYL_S("\x01")))
                members[m].text = user;
        items[i].items = members;
    }
    *whole = *conditions;
    whole->items = items;
    return whole;
}

void myl_push_predefined(myl_ctx *cx, size_t index, myl_str user_id, myl_push_rule *out)
{
    MYL_ASSERT(index < myl_push_predefined_count());
    pthread_once(&once, read_shared);
    *out = (myl_push_rule){.kind = rules[index].kind,
                           .id = myl_str_of(rules[index].id),
                           .enabled = rules[index].enabled,
                           .predefined = true,
                           .memo = shared.memos[index],
                           .conditions = shared.conditions[index],
                           .actions = shared.actions[index]};
    if (shared.is_marked[index])
        out->conditions = with_user(cx, out->conditions, user_id);
}
