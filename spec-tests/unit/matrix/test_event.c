/* test_event.c: PDUs to the format and beside it, for every version.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "matrix/matrix_test.h"

#include <myelin/base_limit.h>

/* A change of the good event and what comes of it: detail NULL means that it decodes. */
typedef struct {
    const char *name;
    const char *version;
    const char *member, *value; /* value NULL: taken out */
    myl_rc rc;
    const char *detail;
} decode_case;

#define GOOD MYL_OK, NULL
#define BAD(detail) MYL_BAD_EVENT, detail
#define X251                                                                                       \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"  \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"  \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const decode_case cases[] = {
    {"as it is, 1", "1", NULL, NULL, GOOD},
    {"as it is, 11", "11", NULL, NULL, GOOD},
    {"no type", "11", "type", NULL, BAD("type: expected a string")},
    {"type a number", "11", "type", "5", BAD("type: expected a string")},
    {"type of 255 bytes", "11", "type", "\"\\u00e9xx" X251 "\"", GOOD},
    {"type of 256 bytes", "11", "type", "\"\\u00e9xxx" X251 "\"", MYL_EVENT_TOO_LARGE,
     "type: more than 255 bytes"},
    {"no room", "11", "room_id", NULL, BAD("room_id: expected a room id")},
    {"room a list", "11", "room_id", "[]", BAD("room_id: expected a string")},
    {"room without sigil", "11", "room_id", "\"r:one\"", BAD("room_id: expected a room id")},
    {"room too long", "12", "room_id", "\"!xxxx" X251 "\"", MYL_EVENT_TOO_LARGE,
     "room_id: more than 255 bytes"},
    {"no sender", "11", "sender", NULL, BAD("sender: expected a user id")},
    {"sender no user", "11", "sender", "\"u:one\"", BAD("sender: expected a user id")},
    {"historical sender", "11", "sender", "\"@A b\\u00e9:one\"", GOOD},
    {"sender too long", "11", "sender", "\"@xx" X251 ":y\"", MYL_EVENT_TOO_LARGE,
     "sender: more than 255 bytes"},
    {"state key", "11", "state_key", "\"\"", GOOD},
    {"state key null", "11", "state_key", "null", BAD("state_key: expected a string")},
    {"state key too long", "11", "state_key", "\"xxxxx" X251 "\"", MYL_EVENT_TOO_LARGE,
     "state_key: more than 255 bytes"},
    {"no content", "11", "content", NULL, BAD("content: expected an object")},
    {"content a string", "11", "content", "\"x\"", BAD("content: expected an object")},
    {"no depth", "11", "depth", NULL, BAD("depth: expected an integer")},
    {"depth a string", "11", "depth", "\"5\"", BAD("depth: expected an integer")},
    {"deepest, 6", "6", "depth", "9007199254740991", GOOD},
    {"too deep, 6", "6", "depth", "9007199254740992", BAD("depth: integer out of range")},
    {"deepest, 5", "5", "depth", "9223372036854775807", GOOD},
    {"too deep, 5", "5", "depth", "9223372036854775808", BAD("depth: expected an integer")},
    {"no time", "11", "origin_server_ts", NULL, BAD("origin_server_ts: expected an integer")},
    {"time a float", "5", "origin_server_ts", "1.5", BAD("origin_server_ts: expected an integer")},
    {"no prev_events", "11", "prev_events", NULL, BAD("prev_events: expected a list")},
    {"no auth_events", "11", "auth_events", NULL, BAD("auth_events: expected a list")},
    {"prev_events of ids", "11", "prev_events", "[\"$a\",\"$b\"]", GOOD},
    {"prev_events of pairs, 11", "11", "prev_events", "[[\"$a\",{}]]",
     BAD("prev_events[0]: expected an event id")},
    {"prev_events of ids, 2", "2", "prev_events", "[\"$a\"]",
     BAD("prev_events[0]: expected a pair of event id and hashes")},
    {"prev_events of pairs, 2", "2", "prev_events", "[[\"$a:x\",{}]]", GOOD},
    {"a pair of three, 2", "2", "prev_events", "[[\"$a:x\",{},{}]]",
     BAD("prev_events[0]: expected a pair of event id and hashes")},
    {"a pair without hashes, 2", "2", "prev_events", "[[\"$a:x\",\"y\"]]",
     BAD("prev_events[0]: expected a pair of event id and hashes")},
    {"a pair without id, 2", "2", "prev_events", "[[5,{}]]",
     BAD("prev_events[0]: expected a pair of event id and hashes")},
    {"reference without sigil", "11", "auth_events", "[\"$a\",\"b\"]",
     BAD("auth_events[1]: expected an event id")},
    {"reference too long", "11", "auth_events", "[\"$xxxx" X251 "\"]",
     BAD("auth_events[0]: expected an event id")},
    {"10 auth events", "11", "auth_events",
     "[\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\"]", GOOD},
    {"11 auth events", "11", "auth_events",
     "[\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\"]",
     BAD("auth_events: more than 10 entries")},
    {"21 prev events", "11", "prev_events",
     "[\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\","
     "\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\",\"$a\"]",
     BAD("prev_events: more than 20 entries")},
    {"hashes a string", "11", "hashes", "\"x\"", BAD("hashes: expected an object")},
    {"signatures a list", "11", "signatures", "[]", BAD("signatures: expected an object")},
    {"unsigned a number", "11", "unsigned", "5", BAD("unsigned: expected an object")},
    {"a float, 6", "6", "content", "{\"a\":[1.5]}", BAD("content.a[0]: expected an integer")},
    {"a float, 5", "5", "content", "{\"a\":[1.5]}", GOOD},
    {"a large number, 5", "5", "content", "{\"a\":123456789012345678901234567890}", GOOD},
    {"a large number, 6", "6", "content", "{\"a\":9007199254740992}",
     BAD("content.a: integer out of range")},
    {"a float in unsigned, 6", "6", "unsigned", "{\"age\":1e3}",
     BAD("unsigned.age: expected an integer")},
    {"no id, 1", "1", "event_id", NULL, BAD("event_id: expected an event id with a domain")},
    {"id without domain, 2", "2", "event_id", "\"$e\"",
     BAD("event_id: expected an event id with a domain")},
    {"id without sigil, 2", "2", "event_id", "\"e:one\"",
     BAD("event_id: expected an event id with a domain")},
};

static void decode(void **state)
{
    MYL_UNUSED(state);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const decode_case *c = &cases[i];
        myl_ctx cx;
        myl_event event;
        myl_ctx_begin(&cx);
        const myl_json *json = matrix_test_event(&cx, c->version, c->member, c->value);
        myl_rc rc = myl_event_decode(&cx, matrix_test_version(c->version), json, &event);
        assert_number(c->name, rc, c->rc);
        if (rc != MYL_OK)
            assert_str(c->name, cx.error.detail, myl_str_of(c->detail));
        myl_ctx_end(&cx);
    }
}

static void no_object(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_event event;
    myl_ctx_begin(&cx);
    assert_number("null", myl_event_decode(&cx, matrix_test_version("11"), NULL, &event),
                  MYL_BAD_EVENT);
    myl_forgive(&cx);
    const myl_json *list = matrix_test_parse(&cx, MYL_S("[]"));
    assert_number("list", myl_event_decode(&cx, matrix_test_version("11"), list, &event),
                  MYL_BAD_EVENT);
    myl_ctx_end(&cx);
}

/* The whole counts with signatures and unsigned, in canonical bytes: \u00e9 is two. */
static void size(void **state)
{
    MYL_UNUSED(state);
    static const char *const versions[] = {"1", "5", "6", "12"};
    for (size_t i = 0; i < 4; i++) {
        myl_ctx cx;
        myl_event event;
        myl_ctx_begin(&cx);
        const myl_room_version *version = matrix_test_version(versions[i]);
        const myl_json *json = matrix_test_event(&cx, versions[i], "content", "{\"body\":\"\"}");
        json = myl_json_with(&cx, json, MYL_S("room_id"), myl_json_of_str(&cx, MYL_S("!" X251)));
        size_t room = MYL_LIMIT_EVENT_BYTES - matrix_test_text(&cx, json).len;
        char *pad = myl_alloc(&cx, room + 1);
        memset(pad, 'x', room + 1);
        memcpy(pad, "\xc3\xa9", 2);
        for (size_t more = 0; more < 2; more++) {
            myl_str body = {pad, room + more};
            const myl_json *content =
                myl_json_with(&cx, NULL, MYL_S("body"), myl_json_of_str(&cx, body));
            myl_rc rc =
                myl_event_decode(&cx, version, myl_json_with(&cx, json, MYL_S("content"), content),
                                 &event);
            assert_number(versions[i], rc, more == 0 ? MYL_OK : MYL_EVENT_TOO_LARGE);
        }
        myl_ctx_end(&cx);
    }
}

static void fields(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_event event;
    myl_ctx_begin(&cx);
    const myl_json *json =
        matrix_test_event(&cx, "2", "prev_events", "[[\"$p:x\",{}],[\"$q:x\",{}]]");
    assert_number("decode", myl_event_decode(&cx, matrix_test_version("2"), json, &event), MYL_OK);
    assert_str("id", event.event_id, MYL_S("$e:one"));
    assert_str("room", event.room_id, MYL_S("!r:one"));
    assert_str("sender", event.sender, MYL_S("@u:one"));
    assert_str("type", event.type, MYL_S("m.room.message"));
    assert_false(myl_str_present(event.state_key));
    assert_number("depth", event.depth, 5);
    assert_number("time", event.origin_server_ts, 1000);
    assert_number("prev", event.prev_event_count, 2);
    assert_str("prev 1", event.prev_events[1], MYL_S("$q:x"));
    assert_number("auth", event.auth_event_count, 1);
    assert_str("auth 0", event.auth_events[0], MYL_S("$a:one"));
    assert_ptr_equal(event.json, json);
    assert_false(event.rejected);
    assert_false(myl_event_is(&event, "m.room.message", MYL_S("")));
    assert_false(myl_str_present(myl_event_membership(&event)));
    myl_ctx_end(&cx);
}

static void redacts(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *version, *member, *value, *want;
    } redactions[] = {
        {"10", "redacts", "\"$x\"", "$x"},
        {"10", "redacts", "null", NULL},
        {"11", "redacts", "\"$x\"", NULL},
        {"11", "content", "{\"redacts\":\"$y\"}", "$y"},
        {"10", "content", "{\"redacts\":\"$y\"}", NULL},
        {"11", "content", "{\"redacts\":5}", NULL},
    };
    for (size_t i = 0; i < sizeof redactions / sizeof *redactions; i++) {
        myl_ctx cx;
        myl_event event;
        myl_ctx_begin(&cx);
        const myl_json *json = matrix_test_event(&cx, redactions[i].version, redactions[i].member,
                                                 redactions[i].value);
        const myl_json *type = myl_json_of_str(&cx, MYL_S("m.room.redaction"));
        json = myl_json_with(&cx, json, MYL_S("type"), type);
        assert_number("decode",
                      myl_event_decode(&cx, matrix_test_version(redactions[i].version), json,
                                       &event),
                      MYL_OK);
        assert_number("there", myl_str_present(event.redacts), redactions[i].want != NULL);
        if (redactions[i].want != NULL)
            assert_str("redacts", event.redacts, myl_str_of(redactions[i].want));
        myl_ctx_end(&cx);
    }
}

/* Version 12: the room of a create event is its own hash; a room_id passes, the auth rules refuse it. */
static void create_event_12(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_event event;
    myl_ctx_begin(&cx);
    const myl_json *json = matrix_test_event(&cx, "12", "type", "\"m.room.create\"");
    const myl_room_version *version = matrix_test_version("12");
    assert_number("with room_id", myl_event_decode(&cx, version, json, &event), MYL_OK);
    const myl_json *number = myl_json_with(&cx, json, MYL_S("room_id"), myl_json_of_int(&cx, 5));
    assert_number("a number", myl_event_decode(&cx, version, number, &event), MYL_BAD_EVENT);
    myl_forgive(&cx);
    json = myl_json_without(&cx, json, MYL_S("room_id"));
    assert_number("without", myl_event_decode(&cx, version, json, &event), MYL_OK);
    assert_number("length", event.room_id.len, 44);
    assert_number("sigil", event.room_id.at[0], '!');
    assert_str("hash", myl_str_slice(event.room_id, 1, 43), myl_str_slice(event.event_id, 1, 43));
    assert_number("version 11", myl_event_decode(&cx, matrix_test_version("11"), json, &event),
                  MYL_BAD_EVENT);
    myl_ctx_end(&cx);
}

static void reopen(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_event event;
    myl_ctx_begin(&cx);
    const myl_room_version *version = matrix_test_version("12");
    const myl_json *json = matrix_test_event(&cx, "12", "type", "\"m.room.create\"");
    json = myl_json_without(&cx, json, MYL_S("room_id"));
    myl_str bytes = matrix_test_text(&cx, json);
    assert_number("stored", myl_event_reopen(&cx, version, MYL_S("$id"), bytes, &event), MYL_OK);
    assert_str("id", event.event_id, MYL_S("$id"));
    assert_str("room", event.room_id, MYL_S("!id"));
    assert_number("no JSON", myl_event_reopen(&cx, version, MYL_S("$id"), MYL_S("{"), &event),
                  MYL_CORRUPT);
    myl_forgive(&cx);
    assert_number("no event", myl_event_reopen(&cx, version, MYL_S("$id"), MYL_S("{}"), &event),
                  MYL_CORRUPT);
    assert_str("detail", cx.error.detail, MYL_S("stored event $id is not to the format"));
    myl_ctx_end(&cx);
}

static void member(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_event event;
    myl_ctx_begin(&cx);
    const myl_json *json = matrix_test_event(&cx, "11", "content", "{\"membership\":\"ban\"}");
    json = myl_json_with(&cx, json, MYL_S("state_key"), myl_json_of_str(&cx, MYL_S("@v:one")));
    json = myl_json_with(&cx, json, MYL_S("type"), myl_json_of_str(&cx, MYL_S("m.room.member")));
    assert_number("decode", myl_event_decode(&cx, matrix_test_version("11"), json, &event), MYL_OK);
    assert_str("membership", myl_event_membership(&event), MYL_S("ban"));
    assert_true(myl_event_is(&event, "m.room.member", MYL_S("@v:one")));
    assert_false(myl_event_is(&event, "m.room.member", MYL_S("@u:one")));
    assert_false(myl_event_is(&event, "m.room.name", MYL_S("@v:one")));
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode), cmocka_unit_test(no_object), cmocka_unit_test(size),
        cmocka_unit_test(fields), cmocka_unit_test(redacts),   cmocka_unit_test(create_event_12),
        cmocka_unit_test(reopen), cmocka_unit_test(member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
