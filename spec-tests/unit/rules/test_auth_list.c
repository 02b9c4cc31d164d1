/* test_auth_list.c: which events an event must name, and the rules on the list that it names.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/judged_room.h"

/* --- selection ---------------------------------------------------------------------------------- */

typedef struct {
    const char *name, *version, *type, *key, *content;
    const char *want; /* "type/key" with blanks between; m.room. left out */
} need_case;

#define TOKEN "{\"signed\":{\"token\":\"tok\"}}"

static const need_case need_cases[] = {
    {"create", "11", "m.room.create", "", "{}", ""},
    {"message", "11", "m.room.message", NULL, "{}", "create/ power_levels/ member/@u:x"},
    {"message, 12", "12", "m.room.message", NULL, "{}", "power_levels/ member/@u:x"},
    {"join", "11", "m.room.member", "@u:x", "{\"membership\":\"join\"}",
     "create/ power_levels/ member/@u:x join_rules/"},
    {"invite", "11", "m.room.member", "@v:x", "{\"membership\":\"invite\"}",
     "create/ power_levels/ member/@u:x member/@v:x join_rules/"},
    {"invite by third party", "12", "m.room.member", "@v:x",
     "{\"membership\":\"invite\",\"third_party_invite\":" TOKEN "}",
     "power_levels/ member/@u:x member/@v:x join_rules/ third_party_invite/tok"},
    {"invite by third party without token", "12", "m.room.member", "@v:x",
     "{\"membership\":\"invite\",\"third_party_invite\":5}",
     "power_levels/ member/@u:x member/@v:x join_rules/"},
    {"a join names no third party", "12", "m.room.member", "@v:x",
     "{\"membership\":\"join\",\"third_party_invite\":" TOKEN "}",
     "power_levels/ member/@u:x member/@v:x join_rules/"},
    {"knock", "11", "m.room.member", "@u:x", "{\"membership\":\"knock\"}",
     "create/ power_levels/ member/@u:x join_rules/"},
    {"leave", "11", "m.room.member", "@v:x", "{\"membership\":\"leave\"}",
     "create/ power_levels/ member/@u:x member/@v:x"},
    {"no membership", "11", "m.room.member", "@v:x", "{}",
     "create/ power_levels/ member/@u:x member/@v:x"},
    {"no state key", "11", "m.room.member", NULL, "{\"membership\":\"join\"}",
     "create/ power_levels/ member/@u:x join_rules/"},
    {"restricted", "8", "m.room.member", "@u:x",
     "{\"join_authorised_via_users_server\":\"@w:x\",\"membership\":\"join\"}",
     "create/ power_levels/ member/@u:x join_rules/ member/@w:x"},
    {"restricted before 8", "7", "m.room.member", "@u:x",
     "{\"join_authorised_via_users_server\":\"@w:x\",\"membership\":\"join\"}",
     "create/ power_levels/ member/@u:x join_rules/"},
    {"authorised by oneself", "8", "m.room.member", "@u:x",
     "{\"join_authorised_via_users_server\":\"@u:x\",\"membership\":\"join\"}",
     "create/ power_levels/ member/@u:x join_rules/"},
    {"authoriser no text", "8", "m.room.member", "@u:x",
     "{\"join_authorised_via_users_server\":5,\"membership\":\"join\"}",
     "create/ power_levels/ member/@u:x join_rules/"},
    {"an invite takes no authoriser", "8", "m.room.member", "@v:x",
     "{\"join_authorised_via_users_server\":\"@w:x\",\"membership\":\"invite\"}",
     "create/ power_levels/ member/@u:x member/@v:x join_rules/"},
};

static void needs(void **state)
{
    MYL_UNUSED(state);
    for (size_t i = 0; i < sizeof need_cases / sizeof *need_cases; i++) {
        const need_case *c = &need_cases[i];
        myl_auth_need found[MYL_AUTH_NEEDS];
        myl_ctx cx;
        myl_ctx_begin(&cx);
        size_t count = myl_rules_auth_needs(myl_room_version_find(myl_str_of(c->version)),
                                            myl_str_of(c->type), myl_str_of(c->key), MYL_S("@u:x"),
                                            judged_json(&cx, c->content), found);
        myl_text text = MYL_TEXT(&cx);
        for (size_t k = 0; k < count; k++)
            myl_text_addf(&text, "%s%s/%.*s", k > 0 ? " " : "", found[k].type + strlen("m.room."),
                          MYL_FMT(found[k].state_key));
        assert_str(c->name, myl_text_str(&text), myl_str_of(c->want));
        myl_ctx_end(&cx);
    }
}

/* --- the rules on the list ---------------------------------------------------------------------- */

/* What stands in the list of a message that alice sends. */
enum { CREATE, LEVELS, MEMBER, NAME, MESSAGE, REJECTED, ELSEWHERE, UNKNOWN, LEVELS_KEY, END };

typedef struct {
    const char *name;
    int list[8]; /* up to END */
    bool allowed;
    const char *rule_11, *rule_12; /* NULL: not judged */
} list_case;

static const list_case list_cases[] = {
    {"in order", {CREATE, LEVELS, MEMBER, END}, true, "2.5", NULL},
    {"in order, 12", {LEVELS, MEMBER, END}, true, NULL, "3.4"},
    {"nothing, 12", {END}, true, NULL, "3.4"},
    {"an event twice", {CREATE, LEVELS, LEVELS, END}, false, "2.1", NULL},
    {"an event twice, 12", {MEMBER, MEMBER, END}, false, NULL, "3.1"},
    {"a key twice", {CREATE, LEVELS, REJECTED, END}, false, "2.1", NULL},
    {"twice counts first", {NAME, NAME, END}, false, "2.1", "3.1"},
    {"not needed", {CREATE, NAME, END}, false, "2.2", NULL},
    {"not needed, 12", {NAME, END}, false, NULL, "3.2"},
    {"no state event", {CREATE, MESSAGE, MESSAGE, END}, false, "2.2", NULL},
    {"another state key", {CREATE, LEVELS_KEY, END}, false, "2.2", NULL},
    {"create, 12", {CREATE, END}, false, NULL, "3.2"},
    {"rejected", {CREATE, REJECTED, END}, false, "2.3", NULL},
    {"rejected, 12", {REJECTED, END}, false, NULL, "3.3"},
    {"unknown", {CREATE, UNKNOWN, END}, false, "2.3", NULL},
    {"unknown, 12", {UNKNOWN, UNKNOWN, END}, false, NULL, "3.3"},
    {"no create", {LEVELS, MEMBER, END}, false, "2.4", NULL},
    {"nothing", {END}, false, "2.4", NULL},
    {"another room", {CREATE, ELSEWHERE, END}, false, "2.5", NULL},
    {"another room, 12", {ELSEWHERE, END}, false, NULL, "3.4"},
};

static const myl_event *make(myl_ctx *cx, const myl_room_version *version, int what)
{
    static const struct {
        const char *type, *key;
    } kinds[] = {{"create", ""},       {"power_levels", ""}, {"member", "@alice:one"},
                 {"name", ""},         {"message", NULL},    {"power_levels", ""},
                 {"power_levels", ""}, {NULL, NULL},         {"power_levels", "x"}};
    if (what == UNKNOWN)
        return NULL;
    myl_event *event =
        judged_event(cx, version, kinds[what].type, myl_str_of(kinds[what].key), "alice");
    event->event_id = judged_id(cx, version, what == CREATE ? "create" : kinds[what].type);
    event->rejected = what == REJECTED;
    if (what == ELSEWHERE)
        event->room_id = MYL_S("!elsewhere:one");
    return event;
}

static void run_list(const list_case *c, const char *version_name, const char *rule)
{
    myl_ctx cx;
    const myl_event *list[8];
    size_t count = 0;
    myl_ctx_begin(&cx);
    const myl_room_version *version = myl_room_version_find(myl_str_of(version_name));
    for (; c->list[count] != END; count++)
        list[count] = make(&cx, version, c->list[count]);
    myl_event *event = judged_event(&cx, version, "message", MYL_ABSENT, "alice");
    myl_verdict got = myl_rules_auth_events(&cx, event, list, count, make(&cx, version, CREATE));
    if (got.allowed != c->allowed || strcmp(got.rule, rule) != 0)
        fail_msg("%s: got %d by %s", c->name, got.allowed, got.rule);
    myl_ctx_end(&cx);
}

static void lists(void **state)
{
    MYL_UNUSED(state);
    for (size_t i = 0; i < sizeof list_cases / sizeof *list_cases; i++) {
        if (list_cases[i].rule_11 != NULL) {
            run_list(&list_cases[i], "1", list_cases[i].rule_11);
            run_list(&list_cases[i], "11", list_cases[i].rule_11);
        }
        if (list_cases[i].rule_12 != NULL)
            run_list(&list_cases[i], "12", list_cases[i].rule_12);
    }
}

static void no_rules(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    const myl_room_version *version = myl_room_version_find(MYL_S("12"));
    const myl_event *create = make(&cx, version, CREATE);
    myl_verdict got = myl_rules_auth_events(&cx, create, &create, 1, NULL);
    assert_true(got.allowed);
    assert_string_equal(got.rule, "");
    const myl_event *event = make(&cx, version, MESSAGE);
    got = myl_rules_auth_events(&cx, event, NULL, 0, NULL);
    assert_false(got.allowed);
    assert_string_equal(got.rule, "2");
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(needs),
        cmocka_unit_test(lists),
        cmocka_unit_test(no_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
