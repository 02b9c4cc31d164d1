/* test_judge.c: conditions, kinds and actions of push rules, by cases.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <myelin/push_judge.h>

typedef struct {
    const char *name, *condition, *event;
    bool holds;
} condition_case;

static const myl_json *parsed(myl_ctx *cx, const char *text)
{
    const myl_json *json;

    assert_int_equal(myl_json_parse(cx, myl_str_of(text), &json), MYL_OK);
    return json;
}

static bool asks(myl_ctx *cx, const condition_case *one)
{
    myl_push_rule rule = {.kind = MYL_PUSH_OVERRIDE,
                          .id = MYL_S("r"),
                          .enabled = true,
                          .conditions = parsed(cx, one->condition),
                          .actions = parsed(cx, "[\"notify\"]")};
    myl_push_room room = {.display_name = MYL_S("Ann*")};
    myl_push_event event = {.event = parsed(cx, one->event),
                            .room_id = MYL_S("!r:a"),
                            .sender = MYL_S("@b:a"),
                            .members = 3,
                            .room = &room,
                            .thread = MYL_PUSH_FOLLOWED};

    return myl_push_judge(cx, &(myl_push_ruleset){&rule, 1, 0}, &event).notify;
}

static void conditions(void **state)
{
#define MATCH(key, pattern)                                                                        \
    "[{\"kind\":\"event_match\",\"key\":\"" key "\",\"pattern\":\"" pattern "\"}]"
#define COUNT(is) "[{\"kind\":\"room_member_count\",\"is\":\"" is "\"}]"
#define BODY(text) "{\"content\":{\"body\":\"" text "\"}}"
#define FOLLOWED(yes)                                                                              \
    "[{\"kind\":\"io.element.msc4306.thread_subscription\",\"subscribed\":" yes "}]"
#define IS(value)                                                                                  \
    "[{\"kind\":\"event_property_is\",\"key\":\"content.m\\\\.x\",\"value\":" value "}]"
#define HAS(value)                                                                                 \
    "[{\"kind\":\"event_property_contains\",\"key\":\"content.l\",\"value\":" value "}]"
    static const condition_case cases[] = {
        {"whole value", MATCH("type", "m.room.message"), "{\"type\":\"m.room.message\"}", true},
        {"any case", MATCH("type", "M.ROOM.*"), "{\"type\":\"m.room.message\"}", true},
        {"not a part", MATCH("type", "m.room"), "{\"type\":\"m.room.message\"}", false},
        {"question mark needs one", MATCH("type", "lunc?*"), "{\"type\":\"lunc\"}", false},
        {"question mark", MATCH("type", "lunc?*"), "{\"type\":\"LUNCH\"}", true},
        {"absent", MATCH("type", "*"), "{}", false},
        {"no string", MATCH("type", "*"), "{\"type\":1}", false},
        {"empty state key", MATCH("state_key", ""), "{\"state_key\":\"\"}", true},
        {"body word", MATCH("content.body", "cake"), BODY("a CAKE!"), true},
        {"body part of a word", MATCH("content.body", "cake"), BODY("cakes"), false},
        {"body over words", MATCH("content.body", "ex*ple"), BODY("An exciting triple-whammy"),
         true},
        {"body glob at the ends", MATCH("content.body", "ex*ple"), BODY("exple"), true},
        {"body glob inside a word", MATCH("content.body", "ex?mple"), BODY("anexample"), false},
        {"other letters, any case", MATCH("content.body", "\xc3\x84pfel"), BODY("\xc3\xa4PFEL da"),
         true},
        {"newlines", MATCH("content.body", "a*b"), BODY("a\\nb"), true},
        {"special characters", MATCH("content.body", "a.c*"), BODY("abcd"), false},
        {"escaped dot", IS("true"), "{\"content\":{\"m.x\":true}}", true},
        {"no cast", IS("true"), "{\"content\":{\"m.x\":\"true\"}}", false},
        {"null", IS("null"), "{\"content\":{\"m.x\":null}}", true},
        {"number", IS("3"), "{\"content\":{\"m.x\":3}}", true},
        {"absent property", IS("null"), "{\"content\":{}}", false},
        {"compound", IS("[]"), "{\"content\":{\"m.x\":[]}}", false},
        {"contained", HAS("\"a\""), "{\"content\":{\"l\":[1,\"a\"]}}", true},
        {"not contained", HAS("\"b\""), "{\"content\":{\"l\":[1,\"a\"]}}", false},
        {"no list", HAS("\"a\""), "{\"content\":{\"l\":\"a\"}}", false},
        {"count", COUNT("3"), "{}", true},
        {"count equal", COUNT("==3"), "{}", true},
        {"count less", COUNT("<3"), "{}", false},
        {"count at most", COUNT("<=3"), "{}", true},
        {"count more", COUNT(">2"), "{}", true},
        {"count at least", COUNT(">=4"), "{}", false},
        {"count nonsense", COUNT("=>3"), "{}", false},
        {"display name", "[{\"kind\":\"contains_display_name\"}]", BODY("hi ann* !"), true},
        {"display name is no pattern", "[{\"kind\":\"contains_display_name\"}]", BODY("hi Annabel"),
         false},
        {"followed", FOLLOWED("true"), "{}", true},
        {"not not followed", FOLLOWED("false"), "{}", false},
        {"followed, as text", FOLLOWED("\"true\""), "{}", false},
        {"unknown", "[{\"kind\":\"m.new\"}]", "{}", false},
        {"without a key", "[{\"kind\":\"event_match\",\"pattern\":\"*\"}]", "{\"type\":\"x\"}",
         false},
        {"none", "[]", "{}", true},
        {"one of two", "[{\"kind\":\"room_member_count\",\"is\":\"3\"},{\"kind\":\"m.new\"}]", "{}",
         false},
    };

    MYL_UNUSED(state);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        myl_ctx cx;

        myl_ctx_begin(&cx);
        if (asks(&cx, &cases[i]) != cases[i].holds)
            fail_msg("%s: wanted %s", cases[i].name, cases[i].holds ? "true" : "false");
        myl_ctx_end(&cx);
    }
}

static void a_hostile_pattern_ends(void **state)
{
    myl_ctx cx;
    myl_text body, pattern;

    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    body = MYL_TEXT(&cx);
    pattern = MYL_TEXT(&cx);
    for (int i = 0; i < 60000; i++)
        myl_text_add_byte(&body, 'a');
    for (int i = 0; i < 400; i++)
        myl_text_add(&pattern, MYL_S("a*"));
    myl_text_add_byte(&pattern, 'b');
    assert_false(myl_push_glob(&cx, myl_text_str(&pattern), myl_text_str(&body), true));
    myl_ctx_end(&cx);
}

static void kinds_and_actions(void **state)
{
    myl_ctx cx;
    myl_push_verdict verdict;

    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    const myl_json *loud = parsed(&cx, "[\"notify\",{\"set_tweak\":\"highlight\"}]");
    const myl_json *off = parsed(&cx, "[\"notify\",{\"set_tweak\":\"highlight\",\"value\":false}]");
    const myl_json *tweak_only = parsed(&cx, "[{\"set_tweak\":\"highlight\"}]");
    myl_push_rule rules[] = {
        {.kind = MYL_PUSH_OVERRIDE, .id = MYL_S("off"), .enabled = false, .actions = tweak_only},
        {.kind = MYL_PUSH_CONTENT,
         .id = MYL_S("c"),
         .enabled = true,
         .pattern = MYL_S("cake"),
         .actions = loud},
        {.kind = MYL_PUSH_ROOM, .id = MYL_S("!r:a"), .enabled = true, .actions = off},
        {.kind = MYL_PUSH_SENDER, .id = MYL_S("@b:a"), .enabled = true, .actions = tweak_only},
    };
    myl_push_ruleset set = {rules, 4, 0};
    myl_push_event event = {.event = parsed(&cx, BODY("cake")),
                            .room_id = MYL_S("!r:a"),
                            .sender = MYL_S("@b:a")};

    verdict = myl_push_judge(&cx, &set, &event);
    assert_true(verdict.rule == &rules[1] && verdict.notify && verdict.highlight);
    event.event = parsed(&cx, BODY("bread"));
    verdict = myl_push_judge(&cx, &set, &event);
    assert_true(verdict.rule == &rules[2] && verdict.notify && !verdict.highlight);
    event.room_id = MYL_S("!other:a");
    verdict = myl_push_judge(&cx, &set, &event);
    assert_true(verdict.rule == &rules[3] && !verdict.notify && !verdict.highlight);
    event.sender = MYL_S("@c:a");
    assert_null(myl_push_judge(&cx, &set, &event).rule);
    myl_ctx_end(&cx);
}

/* A rule that needs what is not read yet is no verdict; rules before it that fit are one. */
static void what_is_not_read_is_asked_for(void **state)
{
    myl_ctx cx;

    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    myl_push_rule rules[] = {
        {.kind = MYL_PUSH_CONTENT,
         .id = MYL_S("c"),
         .enabled = true,
         .pattern = MYL_S("cake"),
         .actions = parsed(&cx, "[\"notify\"]")},
        {.kind = MYL_PUSH_UNDERRIDE,
         .id = MYL_S("n"),
         .enabled = true,
         .conditions = parsed(&cx, "[{\"kind\":\"contains_display_name\"}]"),
         .actions = parsed(&cx, "[\"notify\"]")},
    };
    myl_push_ruleset set = {rules, 2, 0};
    myl_push_event event = {.event = parsed(&cx, BODY("cake for Ann"))};
    myl_push_room room = {.display_name = MYL_S("Ann")};

    assert_true(myl_push_judge(&cx, &set, &event).notify);
    event.event = parsed(&cx, BODY("bread for Ann"));
    assert_true(myl_push_judge(&cx, &set, &event).wants_room);
    assert_null(myl_push_judge(&cx, &set, &event).rule);
    event.room = &room;
    assert_true(myl_push_judge(&cx, &set, &event).rule == &rules[1]);
    event.event = parsed(&cx, "{\"content\":{}}");
    event.room = NULL;
    assert_false(myl_push_judge(&cx, &set, &event).wants_room);
    myl_ctx_end(&cx);
}

/* What a rule has answered about an event holds for all who ask of that event, and of no other. */
static void answers_are_kept_with_the_event(void **state)
{
    myl_ctx cx;

    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    myl_push_rule rule = {.kind = MYL_PUSH_UNDERRIDE,
                          .id = MYL_S("m"),
                          .enabled = true,
                          .memo = 4,
                          .conditions = parsed(&cx, MATCH("type", "m.room.message")),
                          .actions = parsed(&cx, "[\"notify\"]")};
    myl_push_ruleset set = {&rule, 1, 0};
    myl_push_memo first = {0, 0}, second = {0, 0};
    myl_push_event event = {.event = parsed(&cx, "{\"type\":\"m.room.message\"}"), .memo = &first};

    for (int i = 0; i < 2; i++) {
        assert_true(myl_push_judge(&cx, &set, &event).notify);
        assert_true(first.known == 4 && first.held == 4);
    }
    event.event = parsed(&cx, "{\"type\":\"m.sticker\"}");
    event.memo = &second;
    for (int i = 0; i < 2; i++) {
        assert_false(myl_push_judge(&cx, &set, &event).notify);
        assert_true(second.known == 4 && second.held == 0);
    }
    rule.enabled = false;
    event.memo = &first;
    assert_false(myl_push_judge(&cx, &set, &event).notify);
    myl_ctx_end(&cx);
}

static void predefined_rules_can_be_read(void **state)
{
    myl_ctx cx;

    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    for (size_t i = 0; i < myl_push_predefined_count(); i++) {
        myl_push_rule rule;

        myl_push_predefined(&cx, i, MYL_S("@a\"b:c"), &rule);
        assert_true(rule.id.at[0] == '.' && rule.predefined);
    }
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions),
        cmocka_unit_test(a_hostile_pattern_ends),
        cmocka_unit_test(kinds_and_actions),
        cmocka_unit_test(what_is_not_read_is_asked_for),
        cmocka_unit_test(answers_are_kept_with_the_event),
        cmocka_unit_test(predefined_rules_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
