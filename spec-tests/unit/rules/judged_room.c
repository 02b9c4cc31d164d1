/* judged_room.c: one event held against one state, written in few words.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/judged_room.h"

#include <stdio.h>

#include <myelin/base_list.h>

typedef struct {
    myl_ctx *cx;
    const myl_room_version *version;
    myl_list events; /* myl_event* */
} judged_state;

const myl_json *judged_json(myl_ctx *cx, const char *text)
{
    const myl_json *tree = NULL;
    if (myl_json_parse(cx, myl_str_of(text), &tree) != MYL_OK)
        fail_msg("%s: %.*s", text, MYL_FMT(cx->error.detail));
    return tree;
}

myl_str judged_user(myl_ctx *cx, const char *name)
{
    return myl_strf(cx, "@%s:%s", name, name[0] == 'c' ? "two" : "one");
}

myl_str judged_id(myl_ctx *cx, const myl_room_version *version, const char *name)
{
    if (version->event_id == MYL_EVENT_ID_GIVEN)
        return myl_strf(cx, "$%s:one", name);
    return myl_strf(cx, "$%s%0*d", name, 43 - (int)strlen(name), 0);
}

myl_event *judged_event(myl_ctx *cx, const myl_room_version *version, const char *type, myl_str key,
                        const char *sender)
{
    myl_event *event = myl_new(cx, myl_event);
    myl_str *prev = myl_new(cx, myl_str);
    *prev = judged_id(cx, version, "prev");
    event->version = version;
    event->type = strchr(type, '.') != NULL ? myl_str_of(type) : myl_strf(cx, "m.room.%s", type);
    event->state_key = key;
    event->sender = judged_user(cx, sender);
    event->event_id = judged_id(cx, version, "event");
    event->content = myl_json_empty_object();
    event->json = myl_json_empty_object();
    event->prev_events = prev;
    event->prev_event_count = 1;
    myl_str create_id = judged_id(cx, version, "create");
    event->room_id =
        version->room_id_is_create ? myl_strf(cx, "!%s", create_id.at + 1) : MYL_S("!room:one");
    return event;
}

static const myl_event *find(void *arg, const char *type, myl_str state_key)
{
    const judged_state *state = arg;
    for (size_t i = 0; i < state->events.count; i++) {
        const myl_event *event = myl_list_get(&state->events, myl_event *, i);
        if (myl_event_is(event, type, state_key))
            return event;
    }
    return NULL;
}

const myl_event *judged_find(void *arg, const char *type, myl_str state_key)
{
    for (const myl_event **event = arg; *event != NULL; event++) {
        if (myl_event_is(*event, type, state_key))
            return *event;
    }
    return NULL;
}

static myl_event *add(judged_state *state, const char *type, myl_str key, const char *sender)
{
    myl_event *event = judged_event(state->cx, state->version, type, key, sender);
    myl_list_push(&state->events, myl_event *, event);
    return event;
}

static void add_member(judged_state *state, const char *membership, const char *name)
{
    if (find(state, "m.room.member", judged_user(state->cx, name)) != NULL)
        return;
    myl_event *event = add(state, "member", judged_user(state->cx, name), name);
    event->content =
        judged_json(state->cx, myl_strf(state->cx, "{\"membership\":\"%s\"}", membership).at);
}

static void add_create(judged_state *state, const char *content)
{
    myl_event *event = add(state, "create", MYL_S(""), "alice");
    event->event_id = judged_id(state->cx, state->version, "create");
    event->prev_event_count = 0;
    event->content = judged_json(state->cx, content);
}

/* "third TOKEN SENDER {…}" */
static void add_third(judged_state *state, char *words)
{
    char *sender = strchr(words, ' ');
    char *content = strchr(sender + 1, ' ');
    *sender++ = *content++ = '\0';
    myl_event *event = add(state, "third_party_invite", myl_str_of(words), sender);
    event->content = judged_json(state->cx, content);
}

static void add_entry(judged_state *state, char *entry)
{
    myl_ctx *cx = state->cx;
    char *rest = strchr(entry, ' ');
    if (rest == NULL) {
        assert_string_equal(entry, "nocreate");
        return;
    }
    *rest++ = '\0';
    if (strcmp(entry, "rule") == 0)
        add(state, "join_rules", MYL_S(""), "alice")->content =
            judged_json(cx, myl_strf(cx, "{\"join_rule\":\"%s\"}", rest).at);
    else if (strcmp(entry, "rules") == 0)
        add(state, "join_rules", MYL_S(""), "alice")->content = judged_json(cx, rest);
    else if (strcmp(entry, "levels") == 0)
        add(state, "power_levels", MYL_S(""), "alice")->content = judged_json(cx, rest);
    else if (strcmp(entry, "third") == 0)
        add_third(state, rest);
    else if (strcmp(entry, "create") == 0)
        add_create(state, rest);
    else
        add_member(state, entry, rest);
}

static judged_state read_state(myl_ctx *cx, const myl_room_version *version, const char *text)
{
    judged_state state = {cx, version, MYL_LIST(cx, myl_event *)};
    char *rest = myl_cstr(cx, myl_str_of(text));
    for (char *entry; (entry = strsep(&rest, "|")) != NULL;) {
        if (entry[0] != '\0')
            add_entry(&state, entry);
    }
    if (strstr(text, "create") == NULL)
        add_create(&state, "{\"creator\":\"@alice:one\"}");
    add_member(&state, "join", "alice");
    return state;
}

static myl_event *read_event(myl_ctx *cx, const judged_case *c, const myl_room_version *version)
{
    myl_str key = myl_str_of(c->key);
    if (c->key != NULL && c->key[0] != '\0' && strcmp(c->type, "member") == 0)
        key = judged_user(cx, c->key);
    myl_event *event = judged_event(cx, version, c->type, key, c->sender);
    event->content = judged_json(cx, c->content);
    /* "first": right after the create event; "lonely": without prev events */
    if (strstr(c->name, "first") != NULL)
        *(myl_str *)(uintptr_t)event->prev_events = judged_id(cx, version, "create");
    if (strstr(c->name, "lonely") != NULL)
        event->prev_event_count = 0;
    return event;
}

static void run_one(const judged_case *c, const char *version_name, const char *number)
{
    myl_ctx cx;
    myl_ctx_begin(&cx);
    const myl_room_version *version = myl_room_version_find(myl_str_of(version_name));
    assert_non_null(version);
    judged_state room = read_state(&cx, version, c->state);
    myl_auth_state state = {find, &room};
    myl_verdict got = myl_rules_auth(&cx, read_event(&cx, c, version), &state);
    if (got.allowed != c->allowed || strcmp(got.rule, number) != 0)
        fail_msg("%s, version %s: wanted %s by %s, got %s by %s (%s)", c->name, version_name,
                 c->allowed ? "allowed" : "refused", number, got.allowed ? "allowed" : "refused",
                 got.rule, got.reason);
    assert_true(strlen(got.reason) > 0);
    myl_ctx_end(&cx);
}

void judged_run(const judged_case *cases, size_t count)
{
    myl_crypto_start();
    for (size_t i = 0; i < count; i++) {
        char words[512];
        snprintf(words, sizeof words, "%s", cases[i].rules);
        char *rest = words;
        int versions = 0;
        for (char *word; (word = strsep(&rest, " ")) != NULL;) {
            char *colon = strchr(word, ':');
            if (colon == NULL)
                continue;
            *colon = '\0';
            run_one(&cases[i], word, colon + 1);
            versions++;
        }
        if (versions == 0)
            fail_msg("%s: no version", cases[i].name);
    }
}
