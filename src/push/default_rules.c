/* default_rules.c: the predefined push rules.
 *
 * Why:     each row of default_rules.def is made into JSON by the compiler; only the user's id is put in here.
 * Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/push_rules.h>

/* Stands for the user's id, as a JSON string. It cannot occur in a rule otherwise. */
#define USER_MARK "\x01"

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

static myl_str with_user(myl_ctx *cx, const char *json, myl_str user)
{
    myl_text text = MYL_TEXT(cx);

    for (const char *at = json; *at != '\0'; at++) {
        if (*at == USER_MARK[0])
            myl_json_write_str(&text, user);
        else
            myl_text_add_byte(&text, *at);
    }
    return myl_text_str(&text);
}

size_t myl_push_predefined_count(void)
{
    return sizeof(rules) / sizeof(rules[0]);
}

myl_rc myl_push_predefined(myl_ctx *cx, size_t index, myl_str user_id, myl_push_rule *out)
{
    MYL_ASSERT(index < myl_push_predefined_count());
    *out = (myl_push_rule){.kind = rules[index].kind,
                           .id = myl_str_of(rules[index].id),
                           .enabled = rules[index].enabled,
                           .predefined = true};
    MYL_TRY(myl_json_parse(cx, with_user(cx, rules[index].conditions, user_id), &out->conditions));
    return myl_json_parse(cx, myl_str_of(rules[index].actions), &out->actions);
}
