/* default_rules.c: the predefined push rules as JSON.
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
#define QUIET ""
#define NOTIFY "\"notify\""
#define HIGHLIGHT "{\"set_tweak\":\"highlight\"}"
#define LOUD(sound) NOTIFY ",{\"set_tweak\":\"sound\",\"value\":\"" sound "\"}"
#define LIGHT NOTIFY "," HIGHLIGHT
#define BOTH LOUD("default") "," HIGHLIGHT

typedef enum { override, underride } rule_kind;

static const struct {
    rule_kind kind;
    const char *json;
} rules[] = {
#define RULE(kind, id, enabled, conditions, actions)                                               \
    {kind, "{\"actions\":[" actions "],\"conditions\":[" conditions                                \
           "],\"default\":true,\"enabled\":" #enabled ",\"rule_id\":\"" id "\"}"},
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

static void write_kind(myl_ctx *cx, myl_writer *w, rule_kind kind, myl_str user)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].kind == kind)
            myl_write_raw(w, NULL, with_user(cx, rules[i].json, user));
}

static void open_object(myl_writer *w, const char *key)
{
    if (key != NULL)
        myl_write_open_key(w, key, '{');
    else
        myl_write_open(w, '{');
}

void myl_push_write_global(myl_ctx *cx, myl_writer *w, const char *key, myl_str user_id)
{
    static const char *const empty[] = {"content", "room", "sender"};

    open_object(w, key);
    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
        myl_write_open_key(w, empty[i], '[');
        myl_write_close(w, ']');
    }
    myl_write_open_key(w, "override", '[');
    write_kind(cx, w, override, user_id);
    myl_write_close(w, ']');
    myl_write_open_key(w, "underride", '[');
    write_kind(cx, w, underride, user_id);
    myl_write_close(w, ']');
    myl_write_close(w, '}');
}

void myl_push_write_defaults(myl_ctx *cx, myl_writer *w, const char *key, myl_str user_id)
{
    open_object(w, key);
    myl_push_write_global(cx, w, "global", user_id);
    myl_write_close(w, '}');
}
