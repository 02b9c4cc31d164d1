/* test_power.c: power levels: what counts as one, how they compare, and which one holds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/judged_room.h"

#include "rules/rules_own.h"

/* --- reading ------------------------------------------------------------------------------------ */

enum { NONE = 0, LOOSE = 1, STRINGS = 2, INTEGERS = 4, ALL = 7, OLD = 3 };

typedef struct {
    const char *json;
    int forms; /* bits 1 << myl_levels_form in which it is a level */
    int64_t value;
} level_case;

static const level_case level_cases[] = {
    {"0", ALL, 0},
    {"-5", ALL, -5},
    {"9223372036854775807", ALL, INT64_MAX},
    {"true", NONE, 0},
    {"null", NONE, 0},
    {"[1]", NONE, 0},
    {"{}", NONE, 0},
    {"\"50\"", OLD, 50},
    {"\"+50\"", OLD, 50},
    {"\"-050\"", OLD, -50},
    {"\" \\t\\n\\u000b\\f\\r50\\u00a0\\u2003\\u3000 \"", OLD, 50},
    {"\"\\u00a0-7\\u0085\"", OLD, -7},
    {"\"000000000000000000000000000000050\"", OLD, 50},
    {"\"0\"", OLD, 0},
    {"\"-0\"", OLD, 0},
    {"\"9223372036854775807\"", OLD, INT64_MAX},
    {"\"9223372036854775808\"", OLD, INT64_MAX},
    {"\"-9223372036854775808\"", OLD, INT64_MIN},
    {"\"-9223372036854775809\"", OLD, INT64_MIN},
    {"\"\"", NONE, 0},
    {"\" \"", NONE, 0},
    {"\"+\"", NONE, 0},
    {"\"+ 5\"", NONE, 0},
    {"\"+-5\"", NONE, 0},
    {"\"5 5\"", NONE, 0},
    {"\"5.0\"", NONE, 0},
    {"\"5e1\"", NONE, 0},
    {"\"0x5\"", NONE, 0},
    {"\"\\u0665\"", NONE, 0},
    {"\"\\u200b5\"", NONE, 0},
    {"50.57", LOOSE, 50},
    {"-50.57", LOOSE, -50},
    {"5.114698E4", LOOSE, 51146},
    {"5.114698e+04", LOOSE, 51146},
    {"0.005e4", LOOSE, 50},
    {"1234e-2", LOOSE, 12},
    {"1234e-4", LOOSE, 0},
    {"-0.9", LOOSE, 0},
    {"0.0e999999999999", LOOSE, 0},
    {"1e-999999999999", LOOSE, 0},
    {"12345678901234567890", LOOSE, INT64_MAX},
    {"1e19", LOOSE, INT64_MAX},
    {"-1.5e300", LOOSE, INT64_MIN},
    {"1.7976931348623157e308", LOOSE, INT64_MAX},
    {"1.7976931348623159e308", NONE, 0},
    {"1e309", NONE, 0},
    {"-1e999999999999", NONE, 0},
};

static void reading(void **state)
{
    MYL_UNUSED(state);
    for (size_t i = 0; i < sizeof level_cases / sizeof *level_cases; i++) {
        const level_case *c = &level_cases[i];
        for (int form = MYL_LEVELS_LOOSE; form <= MYL_LEVELS_INTEGERS; form++) {
            myl_ctx cx;
            myl_level level;
            myl_ctx_begin(&cx);
            bool is = myl_level_read((myl_levels_form)form, judged_json(&cx, c->json), &level);
            if (is != ((c->forms & 1 << form) != 0))
                fail_msg("%s in form %d: %s", c->json, form, is ? "a level" : "none");
            if (is)
                assert_number(c->json, level.value, c->value);
            myl_ctx_end(&cx);
        }
    }
    myl_level level;
    assert_false(myl_level_read(MYL_LEVELS_LOOSE, NULL, &level));
}

/* Far more digits than any number type holds, and none of them lost. */
static void many_digits(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_level a, b;
    myl_ctx_begin(&cx);
    char digits[1001];
    memset(digits, '7', 1000);
    digits[1000] = '\0';
    const myl_json *one = judged_json(&cx, myl_strf(&cx, "%s1", digits).at);
    const myl_json *two = judged_json(&cx, myl_strf(&cx, "%s2", digits).at);
    assert_true(myl_level_read(MYL_LEVELS_LOOSE, one, &a));
    assert_true(myl_level_read(MYL_LEVELS_LOOSE, two, &b));
    assert_number("length", a.length, 1001);
    assert_true(myl_level_compare(&a, &b) < 0);
    /* a float of many digits is held against a double's range */
    one = judged_json(&cx, myl_strf(&cx, "%s.5e-800", digits).at);
    assert_true(myl_level_read(MYL_LEVELS_LOOSE, one, &a));
    assert_number("length", a.length, 200);
    one = judged_json(&cx, myl_strf(&cx, "%s.5", digits).at);
    assert_false(myl_level_read(MYL_LEVELS_LOOSE, one, &a));
    myl_ctx_end(&cx);
}

/* --- comparing ---------------------------------------------------------------------------------- */

static void comparing(void **state)
{
    MYL_UNUSED(state);
    /* from the least to the greatest; those with '=' before are equal to the one before */
    static const char *const order[] = {"-1e30",
                                        "-10000000000000000000.5e1",
                                        "-99999999999999999999",
                                        "-9223372036854775809",
                                        "-9223372036854775808",
                                        "-1",
                                        "0",
                                        "=-0.5",
                                        "1",
                                        "9223372036854775807",
                                        "9223372036854775808",
                                        "=9223372036854775808.7",
                                        "=9.223372036854775808e18",
                                        "10000000000000000000",
                                        "=1e19",
                                        "=\" 0010000000000000000000\"",
                                        "10000000000000000001",
                                        "1e20",
                                        "=1.00e20",
                                        "=100000000000000000000",
                                        "1.01e20",
                                        "1e300"};
    myl_ctx cx;
    myl_level last = {0};
    myl_ctx_begin(&cx);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        bool equal = order[i][0] == '=';
        myl_level next;
        assert_true(
            myl_level_read(MYL_LEVELS_LOOSE, judged_json(&cx, order[i] + (equal ? 1 : 0)), &next));
        if (i > 0 && equal && (myl_level_compare(&last, &next) != 0))
            fail_msg("%s is not equal", order[i]);
        if (i > 0 && !equal &&
            (myl_level_compare(&last, &next) >= 0 || myl_level_compare(&next, &last) <= 0))
            fail_msg("%s is not greater", order[i]);
        last = next;
    }
    myl_level unlimited = {.value = MYL_POWER_UNLIMITED, .unlimited = true};
    assert_true(myl_level_compare(&last, &unlimited) < 0);
    assert_true(myl_level_compare(&unlimited, &last) > 0);
    assert_number("unlimited", myl_level_compare(&unlimited, &unlimited), 0);
    myl_ctx_end(&cx);
}

/* --- which one holds ---------------------------------------------------------------------------- */

typedef struct {
    myl_ctx cx;
    myl_power power;
} room;

/* levels NULL: no such event. */
static void start(room *r, const char *version, const char *create, const char *levels)
{
    myl_ctx_begin(&r->cx);
    const myl_room_version *row = myl_room_version_find(myl_str_of(version));
    myl_event *made = judged_event(&r->cx, row, "create", MYL_S(""), "alice");
    made->content = judged_json(&r->cx, create);
    myl_event *event = judged_event(&r->cx, row, "power_levels", MYL_S(""), "alice");
    if (levels != NULL)
        event->content = judged_json(&r->cx, levels);
    r->power = (myl_power){row, made, levels != NULL ? event : NULL};
}

static void defaults(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *action;
        int64_t level;
    } actions[] = {{"ban", 50},           {"kick", 50},         {"redact", 50},
                   {"invite", 0},         {"users_default", 0}, {"events_default", 0},
                   {"state_default", 50}, {"other", 0}};
    static const char *const levels[] = {NULL, "{}", "{\"ban\":\"x\",\"events\":5,\"users\":[]}"};
    for (size_t i = 0; i < 3; i++) {
        room r;
        start(&r, "1", "{\"creator\":\"@bob:one\"}", levels[i]);
        for (size_t k = 0; k < sizeof actions / sizeof *actions; k++)
            assert_number(actions[k].action, myl_power_action(&r.power, actions[k].action),
                          actions[k].level);
        assert_number("message", myl_power_event(&r.power, MYL_S("x"), false), 0);
        assert_number("state", myl_power_event(&r.power, MYL_S("x"), true), 50);
        assert_number("notification", myl_power_notification(&r.power, MYL_S("room")), 50);
        assert_number("creator", myl_power_user(&r.power, MYL_S("@bob:one")), i == 0 ? 100 : 0);
        assert_number("sender of create", myl_power_user(&r.power, MYL_S("@alice:one")), 0);
        myl_ctx_end(&r.cx);
    }
}

static void given(void **state)
{
    MYL_UNUSED(state);
    room r;
    start(
        &r, "11", "{}",
        "{\"ban\":1,\"events\":{\"a.b\":2},\"events_default\":3,\"notifications\":{\"room\":4},"
        "\"state_default\":5,\"users\":{\"@bob:one\":6,\"@dave:one\":\"7\"},\"users_default\":8}");
    assert_number("ban", myl_power_action(&r.power, "ban"), 1);
    assert_number("event", myl_power_event(&r.power, MYL_S("a.b"), true), 2);
    assert_number("message", myl_power_event(&r.power, MYL_S("c"), false), 3);
    assert_number("state", myl_power_event(&r.power, MYL_S("c"), true), 5);
    assert_number("room", myl_power_notification(&r.power, MYL_S("room")), 4);
    assert_number("other", myl_power_notification(&r.power, MYL_S("x")), 50);
    assert_number("bob", myl_power_user(&r.power, MYL_S("@bob:one")), 6);
    assert_number("dave: no integer", myl_power_user(&r.power, MYL_S("@dave:one")), 8);
    assert_number("carol", myl_power_user(&r.power, MYL_S("@carol:two")), 8);
    assert_number("creator", myl_power_user(&r.power, MYL_S("@alice:one")), 8);
    myl_ctx_end(&r.cx);
}

/* Beyond int64 the ends, but never what creators have. */
static void cut_to_int64(void **state)
{
    MYL_UNUSED(state);
    room r;
    start(&r, "3", "{}", "{\"ban\":1e30,\"kick\":-1e30,\"redact\":9223372036854775807}");
    assert_number("ban", myl_power_action(&r.power, "ban"), INT64_MAX - 1);
    assert_number("kick", myl_power_action(&r.power, "kick"), INT64_MIN);
    assert_number("redact", myl_power_action(&r.power, "redact"), INT64_MAX - 1);
    myl_ctx_end(&r.cx);
}

static void creators(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *version;
        const char *user;
        bool is_creator;
        int64_t level; /* without a power_levels event */
    } cases[] = {
        {"1", "@dave:one", true, 100},
        {"1", "@alice:one", false, 0},
        {"10", "@dave:one", true, 100},
        {"10", "@bob:one", false, 0},
        {"11", "@alice:one", true, 100},
        {"11", "@dave:one", false, 0},
        {"11", "@bob:one", false, 0},
        {"12", "@alice:one", true, MYL_POWER_UNLIMITED},
        {"12", "@bob:one", true, MYL_POWER_UNLIMITED},
        {"12", "@dave:one", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        room r;
        start(&r, cases[i].version,
              "{\"additional_creators\":[5,\"@bob:one\"],\"creator\":\"@dave:one\"}", NULL);
        assert_number(cases[i].user, myl_power_is_creator(&r.power, myl_str_of(cases[i].user)),
                      cases[i].is_creator);
        assert_number(cases[i].user, myl_power_user(&r.power, myl_str_of(cases[i].user)),
                      cases[i].level);
        r.power.create = NULL;
        assert_false(myl_power_is_creator(&r.power, myl_str_of(cases[i].user)));
        myl_ctx_end(&r.cx);
    }
    room r;
    start(&r, "12", "{}", "{\"users\":{\"@alice:one\":0}}");
    assert_number("whatever is said", myl_power_user(&r.power, MYL_S("@alice:one")),
                  MYL_POWER_UNLIMITED);
    myl_ctx_end(&r.cx);
}

static void redacting(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *name, *version, *sender, *target_sender, *id, *target_id;
        bool may;
    } cases[] = {
        {"power", "11", "alice", "carol", "$a", "$b", true},
        {"own event", "11", "bob", "bob", "$a", "$b", true},
        {"of the same server", "11", "bob", "dave", "$a", "$b", true},
        {"of another server", "11", "bob", "carol", "$a", "$b", false},
        {"ids of one server, 2", "2", "bob", "carol", "$a:x", "$b:x", true},
        {"ids of two servers, 2", "2", "bob", "bob", "$a:x", "$b:y", false},
        {"ids without server, 2", "2", "bob", "bob", "$a", "$b", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        room r;
        start(&r, cases[i].version, "{\"creator\":\"@alice:one\"}", NULL);
        myl_event *redaction =
            judged_event(&r.cx, r.power.version, "redaction", MYL_ABSENT, cases[i].sender);
        myl_event *target =
            judged_event(&r.cx, r.power.version, "message", MYL_ABSENT, cases[i].target_sender);
        redaction->event_id = myl_str_of(cases[i].id);
        target->event_id = myl_str_of(cases[i].target_id);
        assert_number(cases[i].name, myl_rules_may_redact(redaction, target, &r.power),
                      cases[i].may);
        myl_ctx_end(&r.cx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),  cmocka_unit_test(many_digits), cmocka_unit_test(comparing),
        cmocka_unit_test(defaults), cmocka_unit_test(given),       cmocka_unit_test(cut_to_int64),
        cmocka_unit_test(creators), cmocka_unit_test(redacting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
