/* test_redaction.c: what is left of an event, by version.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "matrix/matrix_test.h"

#define EVERY_KEY                                                                                  \
    "\"age_ts\":1,\"auth_events\":1,\"depth\":1,\"event_id\":\"x\",\"hashes\":1,\"membership\":1," \
    "\"origin\":1,\"origin_server_ts\":1,\"other\":1,\"prev_events\":1,\"prev_state\":1,"          \
    "\"redacts\":1,\"replaces_state\":1,\"room_id\":1,\"sender\":1,\"signatures\":1,"              \
    "\"state_key\":1,\"unsigned\":1"

typedef struct {
    const char *versions; /* blanks between and around */
    const char *type;
    const char *content, *left;
} content_case;

#define LEVELS                                                                                     \
    "\"ban\":1,\"events\":1,\"events_default\":1,\"invite\":1,\"kick\":1,\"notifications\":1,"     \
    "\"redact\":1,\"state_default\":1,\"users\":1,\"users_default\":1"
#define LEVELS_10                                                                                  \
    "\"ban\":1,\"events\":1,\"events_default\":1,\"kick\":1,\"redact\":1,\"state_default\":1,"     \
    "\"users\":1,\"users_default\":1"
#define LEVELS_11                                                                                  \
    "\"ban\":1,\"events\":1,\"events_default\":1,\"invite\":1,\"kick\":1,\"redact\":1,"            \
    "\"state_default\":1,\"users\":1,\"users_default\":1"
#define MEMBER                                                                                     \
    "{\"displayname\":1,\"join_authorised_via_users_server\":1,\"membership\":1,"                  \
    "\"third_party_invite\":{\"display_name\":1,\"signed\":{\"token\":1}}}"

static const content_case cases[] = {
    {" 1 2 3 4 5 6 7 8 9 10 11 12 ", "m.room.message", "{\"body\":1}", "{}"},
    {" 1 2 3 4 5 6 7 8 9 10 ", "m.room.create", "{\"creator\":1,\"room_version\":1}",
     "{\"creator\":1}"},
    {" 11 12 ", "m.room.create", "{\"additional_creators\":1,\"creator\":1,\"room_version\":1}",
     "{\"additional_creators\":1,\"creator\":1,\"room_version\":1}"},
    {" 1 2 3 4 5 6 7 8 ", "m.room.member", MEMBER, "{\"membership\":1}"},
    {" 9 10 ", "m.room.member", MEMBER,
     "{\"join_authorised_via_users_server\":1,\"membership\":1}"},
    {" 11 12 ", "m.room.member", MEMBER,
     "{\"join_authorised_via_users_server\":1,\"membership\":1,"
     "\"third_party_invite\":{\"signed\":{\"token\":1}}}"},
    {" 11 12 ", "m.room.member", "{\"third_party_invite\":{\"display_name\":1}}",
     "{\"third_party_invite\":{}}"},
    {" 11 12 ", "m.room.member", "{\"third_party_invite\":[{\"signed\":1}]}", "{}"},
    {" 1 2 3 4 5 6 7 ", "m.room.join_rules", "{\"allow\":1,\"join_rule\":1,\"x\":1}",
     "{\"join_rule\":1}"},
    {" 8 9 10 11 12 ", "m.room.join_rules", "{\"allow\":1,\"join_rule\":1,\"x\":1}",
     "{\"allow\":1,\"join_rule\":1}"},
    {" 1 2 3 4 5 6 7 8 9 10 ", "m.room.power_levels", "{" LEVELS "}", "{" LEVELS_10 "}"},
    {" 11 12 ", "m.room.power_levels", "{" LEVELS "}", "{" LEVELS_11 "}"},
    {" 1 2 3 4 5 ", "m.room.aliases", "{\"aliases\":1,\"x\":1}", "{\"aliases\":1}"},
    {" 6 7 8 9 10 11 12 ", "m.room.aliases", "{\"aliases\":1,\"x\":1}", "{}"},
    {" 1 2 3 4 5 6 7 8 9 10 11 12 ", "m.room.history_visibility",
     "{\"history_visibility\":1,\"x\":1}", "{\"history_visibility\":1}"},
    {" 1 2 3 4 5 6 7 8 9 10 ", "m.room.redaction", "{\"reason\":1,\"redacts\":1}", "{}"},
    {" 11 12 ", "m.room.redaction", "{\"reason\":1,\"redacts\":1}", "{\"redacts\":1}"},
    {" 1 12 ", "m.room.third_party_invite", "{\"public_key\":1}", "{}"},
};

static void contents(void **state)
{
    MYL_UNUSED(state);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t v = 0; v < myl_room_version_count(); v++) {
            const myl_room_version *version = myl_room_version_at(v);
            myl_ctx cx;
            myl_ctx_begin(&cx);
            myl_str word = myl_strf(&cx, " %s ", version->name);
            if (strstr(cases[i].versions, word.at) != NULL) {
                const myl_json *json =
                    matrix_test_parse(&cx, myl_strf(&cx, "{\"content\":%s,\"type\":\"%s\"}",
                                                    cases[i].content, cases[i].type));
                const myl_json *left = myl_event_redact(&cx, version, json);
                assert_str(version->name, matrix_test_text(&cx, MYL_JSON_AT(left, "content")),
                           myl_str_of(cases[i].left));
            }
            myl_ctx_end(&cx);
        }
    }
}

static void top_level(void **state)
{
    MYL_UNUSED(state);
    static const char *const kept_10 =
        "{\"auth_events\":1,\"content\":{},\"depth\":1,\"event_id\":\"x\",\"hashes\":1,"
        "\"membership\":1,\"origin\":1,\"origin_server_ts\":1,\"prev_events\":1,\"prev_state\":1,"
        "\"room_id\":1,\"sender\":1,\"signatures\":1,\"state_key\":1,\"type\":\"x\"}";
    static const char *const kept_11 =
        "{\"auth_events\":1,\"content\":{},\"depth\":1,\"event_id\":\"x\",\"hashes\":1,"
        "\"origin_server_ts\":1,\"prev_events\":1,\"room_id\":1,\"sender\":1,\"signatures\":1,"
        "\"state_key\":1,\"type\":\"x\"}";
    for (size_t v = 0; v < myl_room_version_count(); v++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        const myl_json *json =
            matrix_test_parse(&cx, MYL_S("{" EVERY_KEY ",\"content\":{\"a\":1},\"type\":\"x\"}"));
        const myl_json *left = myl_event_redact(&cx, myl_room_version_at(v), json);
        assert_str(myl_room_version_at(v)->name, matrix_test_text(&cx, left),
                   myl_str_of(myl_room_version_at(v)->redaction < MYL_REDACTION_V11 ? kept_10
                                                                                    : kept_11));
        assert_true(myl_json_equal(left, myl_event_redact(&cx, myl_room_version_at(v), left)));
        myl_ctx_end(&cx);
    }
}

/* What a lenient caller may hand over. */
static void odd_events(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *event, *left;
    } odd[] = {
        {"{}", "{}"},
        {"{\"type\":\"m.room.create\"}", "{\"type\":\"m.room.create\"}"},
        {"{\"content\":{\"a\":1}}", "{\"content\":{}}"},
        {"{\"content\":{\"a\":1},\"type\":5}", "{\"content\":{},\"type\":5}"},
        {"{\"content\":5,\"type\":\"m.room.member\"}",
         "{\"content\":{},\"type\":\"m.room.member\"}"},
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        const myl_json *json = matrix_test_parse(&cx, myl_str_of(odd[i].event));
        const myl_json *left = myl_event_redact(&cx, matrix_test_version("11"), json);
        assert_str(odd[i].event, matrix_test_text(&cx, left), myl_str_of(odd[i].left));
        myl_ctx_end(&cx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents),
        cmocka_unit_test(top_level),
        cmocka_unit_test(odd_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
