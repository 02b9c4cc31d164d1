/* test_decoders.c: bodies good and bad through the decoders made from schemas/.
 *
 * Why: refusals must name the field, whatever its place; what is decoded must be what was sent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <myelin/body_decoders.h>

typedef struct {
    const char *name;
    const myl_body_form *form;
    const char *body; /* NULL: none was sent */
    myl_rc wanted;
    const char *detail;
} row;

static const row REFUSED[] = {
    /* the kind of the whole */
    {"a list as body", &myl_form_create_room, "[]", MYL_BAD_JSON, "expected an object"},
    {"null as body", &myl_form_typing, "null", MYL_BAD_JSON, "expected an object"},
    {"a number as content", &myl_form_content, "1", MYL_BAD_JSON, "expected an object"},
    {"no body where one is needed", &myl_form_login, NULL, MYL_NOT_JSON,
     "expected an object, but there is no body"},
    {"no content", &myl_form_content, NULL, MYL_NOT_JSON,
     "expected an object, but there is no body"},
    /* missing members */
    {"login without type", &myl_form_login, "{}", MYL_BAD_JSON, "type: missing"},
    {"typing without typing", &myl_form_typing, "{}", MYL_MISSING_PARAM, "typing: missing"},
    {"kick of nobody", &myl_form_member_target, "{\"reason\":\"r\"}", MYL_MISSING_PARAM,
     "user_id: missing"},
    {"initial state without content", &myl_form_create_room,
     "{\"initial_state\":[{\"type\":\"a\",\"content\":{}},{\"type\":\"b\"}]}", MYL_BAD_JSON,
     "initial_state[1].content: missing"},
    {"device keys without algorithms", &myl_form_keys_upload,
     "{\"device_keys\":{\"user_id\":\"@a:b\",\"device_id\":\"D\",\"keys\":{},\"signatures\":{}}}",
     MYL_BAD_JSON, "device_keys.algorithms: missing"},
    /* wrong kinds */
    {"room version as a number", &myl_form_create_room, "{\"room_version\":10}", MYL_BAD_JSON,
     "room_version: expected a string"},
    {"an invite that is no text", &myl_form_create_room, "{\"invite\":[\"@a:b\",\"@c:d\",7]}",
     MYL_BAD_JSON, "invite[2]: expected a string"},
    {"invite as text", &myl_form_create_room, "{\"invite\":\"@a:b\"}", MYL_BAD_JSON,
     "invite: expected a list"},
    {"is_direct as text", &myl_form_create_room, "{\"is_direct\":\"true\"}", MYL_BAD_JSON,
     "is_direct: expected true or false"},
    {"a fraction as timeout", &myl_form_typing, "{\"typing\":true,\"timeout\":1.5}", MYL_BAD_JSON,
     "timeout: expected an integer"},
    {"a timeout too large for 64 bits", &myl_form_typing,
     "{\"typing\":true,\"timeout\":99999999999999999999}", MYL_BAD_JSON,
     "timeout: expected an integer"},
    {"null where none may be", &myl_form_typing, "{\"typing\":null}", MYL_BAD_JSON,
     "typing: expected true or false"},
    {"a nullable of another kind", &myl_form_register, "{\"username\":1}", MYL_BAD_JSON,
     "username: expected a string or null"},
    {"inside a shared part", &myl_form_register, "{\"auth\":{\"identifier\":{\"type\":[]}}}",
     MYL_BAD_JSON, "auth.identifier.type: expected a string"},
    {"device ids as an object", &myl_form_keys_query, "{\"device_keys\":{\"@a:b\":{\"D\":true}}}",
     MYL_BAD_JSON, "device_keys.@a:b: expected a list"},
    {"a device id as a number", &myl_form_keys_query, "{\"device_keys\":{\"@a:b\":[\"D\",1]}}",
     MYL_BAD_JSON, "device_keys.@a:b[1]: expected a string"},
    {"deep in a filter", &myl_form_filter,
     "{\"room\":{\"timeline\":{\"limit\":5,\"types\":[\"a\",null]}}}", MYL_BAD_JSON,
     "room.timeline.types[1]: expected a string"},
    {"a union", &myl_form_push_rule, "{\"actions\":[\"notify\",1]}", MYL_BAD_JSON,
     "actions[1]: expected a string or an object"},
    /* wrong values */
    {"no user id", &myl_form_create_room, "{\"invite\":[\"@a:b\",\"bob\"]}", MYL_BAD_JSON,
     "invite[1]: expected a user id"},
    {"an unknown preset", &myl_form_create_room, "{\"preset\":\"p\"}", MYL_BAD_JSON,
     "preset: expected one of private_chat, public_chat, trusted_private_chat"},
    {"an empty room version", &myl_form_create_room, "{\"room_version\":\"\"}", MYL_BAD_JSON,
     "room_version: expected at least 1 characters"},
    {"a negative timeout", &myl_form_typing, "{\"typing\":true,\"timeout\":-1}", MYL_INVALID_PARAM,
     "timeout: expected at least 0"},
    {"an empty thread", &myl_form_receipt, "{\"thread_id\":\"\"}", MYL_INVALID_PARAM,
     "thread_id: expected at least 1 characters"},
    {"a thread that is no text", &myl_form_receipt, "{\"thread_id\":1}", MYL_INVALID_PARAM,
     "thread_id: expected a string"},
    {"a marker that is no event", &myl_form_read_markers, "{\"m.read\":\"x\"}", MYL_INVALID_PARAM,
     "m.read: expected an event id"},
    {"a name that is no user id", &myl_form_to_device, "{\"messages\":{\"bob\":{}}}",
     MYL_INVALID_PARAM, "messages.bob: expected a user id as the name"},
    {"two keys in one", &myl_form_keys_device_signing,
     "{\"master_key\":{\"user_id\":\"@a:b\",\"usage\":[],\"keys\":{\"a\":\"1\",\"b\":\"2\"}}}",
     MYL_BAD_JSON, "master_key.keys: expected at most 1 members"},
    {"too many PDUs", &myl_form_fed_transaction,
     "{\"origin\":\"a\",\"origin_server_ts\":1,\"pdus\":[{},{},{},{},{},{},{},{},{},{},{},{},{},"
     "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},"
     "{},{},{},{},{},{},{},{}]}",
     MYL_BAD_JSON, "pdus: expected at most 50 elements"},
};

static const row TAKEN[] = {
    {"all may be left out", &myl_form_create_room, "{}", MYL_OK, ""},
    {"no body at all", &myl_form_reason, NULL, MYL_OK, ""},
    {"null instead of an optional body", &myl_form_reason, "null", MYL_OK, ""},
    {"unknown members", &myl_form_typing, "{\"typing\":false,\"x\":[{}]}", MYL_OK, ""},
    {"nullables", &myl_form_register, "{\"auth\":null,\"username\":null}", MYL_OK, ""},
    {"nullable choices", &myl_form_create_room, "{\"preset\":null}", MYL_OK, ""},
    {"free content", &myl_form_content, "{\"a\":{\"b\":[1.5,null]}}", MYL_OK, ""},
    {"room ids of two forms", &myl_form_filter,
     "{\"room\":{\"rooms\":[\"!a:b\",\"!0123456789012345678901234567890123456789012\"]}}", MYL_OK,
     ""},
    {"a number of any kind", &myl_form_tag, "{\"order\":0.25}", MYL_OK, ""},
    {"keys of two kinds", &myl_form_keys_upload,
     "{\"one_time_keys\":{\"curve25519:A\":\"k\",\"signed_curve25519:B\":{\"key\":\"k\"}}}", MYL_OK,
     ""},
};

/* Strings of the tree borrow from `text`, so it must live as long as the job. */
static const myl_json *parsed(myl_ctx *cx, const char *text)
{
    const myl_json *json = NULL;
    if (text)
        assert_int_equal(myl_json_parse(cx, myl_str_of(text), &json), MYL_OK);
    return json;
}

static void check_row(const row *one)
{
    myl_ctx cx;
    myl_ctx_begin(&cx);
    void *out = myl_alloc(&cx, one->form->size);
    myl_rc rc = one->form->decode(&cx, parsed(&cx, one->body), out);
    myl_str detail = cx.error.detail;
    if (rc != one->wanted || !myl_str_equal(detail, myl_str_of(one->detail)))
        fail_msg("%s: wanted %d \"%s\", got %d \"%.*s\"", one->name, one->wanted, one->detail, rc,
                 MYL_FMT(detail));
    myl_ctx_end(&cx);
}

static void refusals_name_the_field(void **state)
{
    MYL_UNUSED(state);
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++)
        check_row(&REFUSED[i]);
}

static void good_bodies_pass(void **state)
{
    MYL_UNUSED(state);
    for (size_t i = 0; i < sizeof TAKEN / sizeof *TAKEN; i++)
        check_row(&TAKEN[i]);
}

static void assert_text(myl_str got, const char *wanted)
{
    assert_true(myl_str_present(got));
    if (!myl_str_equal(got, myl_str_of(wanted)))
        fail_msg("wanted \"%s\", got \"%.*s\"", wanted, MYL_FMT(got));
}

static void a_room_is_decoded(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    const char *text = "{\"name\":\"\",\"preset\":\"public_chat\",\"invite\":[\"@a:b\",\"@c:d\"],"
                       "\"initial_state\":[{\"type\":\"t\",\"content\":{\"k\":1}},"
                       "{\"type\":\"u\",\"state_key\":\"s\",\"content\":{}}],\"invite_3pid\":[],"
                       "\"creation_content\":{\"m.federate\":false}}";
    myl_body_create_room room;
    memset(&room, 0, sizeof room);
    assert_int_equal(myl_decode_create_room(&cx, parsed(&cx, text), &room), MYL_OK);
    assert_text(room.name, "");
    assert_text(room.preset, "public_chat");
    assert_false(myl_str_present(room.topic));
    assert_int_equal(room.invite_count, 2);
    assert_text(room.invite[1], "@c:d");
    assert_int_equal(room.initial_state_count, 2);
    assert_text(room.initial_state[0].state_key, "");
    assert_text(room.initial_state[1].state_key, "s");
    int64_t k = 0;
    assert_true(myl_json_int(room.initial_state[0].content, MYL_S("k"), &k));
    assert_int_equal(k, 1);
    assert_non_null(room.invite_3pid);
    assert_int_equal(room.invite_3pid_count, 0);
    assert_false(myl_json_bool(room.creation_content, MYL_S("m.federate"), true));
    assert_null(room.power_level_content_override);
    assert_false(room.is_direct);
    myl_ctx_end(&cx);
}

static void parts_and_kept_trees_are_decoded(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    const char *text = "{\"auth\":{\"type\":\"m.login.password\",\"session\":\"S\",\"more\":true,"
                       "\"identifier\":{\"type\":\"m.id.user\",\"user\":\"a\"}},\"erase\":true}";
    myl_body_deactivate body;
    memset(&body, 0, sizeof body);
    assert_int_equal(myl_decode_deactivate(&cx, parsed(&cx, text), &body), MYL_OK);
    assert_true(body.erase);
    assert_non_null(body.auth);
    assert_text(body.auth->session, "S");
    assert_text(body.auth->identifier->user, "a");
    assert_true(myl_json_bool(body.auth->json, MYL_S("more"), false));
    myl_ctx_end(&cx);
}

static void absent_numbers_have_flags_or_defaults(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_body_typing typing;
    memset(&typing, 0, sizeof typing);
    assert_int_equal(myl_decode_typing(&cx, parsed(&cx, "{\"typing\":true}"), &typing), MYL_OK);
    assert_true(typing.typing);
    assert_int_equal(typing.timeout, 30000);
    myl_body_filter filter;
    memset(&filter, 0, sizeof filter);
    const char *text = "{\"room\":{\"timeline\":{\"limit\":0},\"state\":{}}}";
    assert_int_equal(myl_decode_filter(&cx, parsed(&cx, text), &filter), MYL_OK);
    assert_true(filter.room->timeline->has_limit);
    assert_int_equal(filter.room->timeline->limit, 0);
    assert_false(filter.room->state->has_limit);
    assert_false(filter.room->state->has_contains_url);
    assert_null(filter.room->state->types);
    assert_null(filter.room->ephemeral);
    assert_text(filter.event_format, "client");
    assert_non_null(filter.json);
    myl_ctx_end(&cx);
}

static void a_long_foreign_name_is_cut(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    /* 62 ASCII letters, then characters of three bytes: the cut at 64 falls inside the first. */
    const char *text =
        "{\"one_time_keys\":{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaa\xe2\x82\xac\xe2\x82\xac\":7}}";
    myl_body_keys_upload body;
    memset(&body, 0, sizeof body);
    assert_int_equal(myl_decode_keys_upload(&cx, parsed(&cx, text), &body), MYL_BAD_JSON);
    assert_text(cx.error.detail,
                "one_time_keys.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                "aaaaaaaaaa: expected a string or an object");
    myl_ctx_end(&cx);
}

static void the_empty_form_reads_nothing(void **state)
{
    MYL_UNUSED(state);
    assert_int_equal(myl_form_none.size, 0);
    assert_null(myl_form_none.decode);
    assert_string_equal(myl_form_none.name, "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_name_the_field),
        cmocka_unit_test(good_bodies_pass),
        cmocka_unit_test(a_room_is_decoded),
        cmocka_unit_test(parts_and_kept_trees_are_decoded),
        cmocka_unit_test(absent_numbers_have_flags_or_defaults),
        cmocka_unit_test(a_long_foreign_name_is_cut),
        cmocka_unit_test(the_empty_form_reads_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
