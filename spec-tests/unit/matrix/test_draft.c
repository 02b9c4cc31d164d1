/* test_draft.c: our own events, finished: bytes, tree, hash, signature and id agree, in every version.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "matrix/matrix_test.h"

#include <myelin/base_limit.h>

static const myl_str ids[] = {MYL_S_INIT("$a:one"), MYL_S_INIT("$b:one")};

/* A draft of this type that every version takes. */
static myl_event_draft draft_of(const myl_room_version *version, const char *type,
                                const myl_json *content)
{
    return (myl_event_draft){.version = version,
                             .room_id = MYL_S("!r:one"),
                             .sender = MYL_S("@u\xc3\xa9\":one"),
                             .type = myl_str_of(type),
                             .content = content,
                             .origin_server_ts = 1234567890123,
                             .depth = 7,
                             .prev_events = ids,
                             .prev_event_count = 2,
                             .auth_events = ids,
                             .auth_event_count = 1};
}

/* Everything that must agree about a finished event. */
static void check(myl_ctx *cx, const char *name, const myl_event *event, myl_str bytes,
                  const myl_signing_key *key)
{
    myl_event again;
    const myl_json *tree = matrix_test_parse(cx, bytes);
    assert_str(name, matrix_test_text(cx, event->json), bytes);
    assert_true(myl_json_equal(tree, event->json));
    assert_number(name, myl_event_decode(cx, event->version, tree, &again), MYL_OK);
    assert_str(name, event->event_id, again.event_id);
    assert_str(name, event->room_id, again.room_id);
    assert_str(name, event->sender, again.sender);
    assert_str(name, event->type, again.type);
    assert_str(name, event->redacts, again.redacts);
    assert_number(name, myl_str_present(event->state_key), myl_str_present(again.state_key));
    assert_number(name, event->depth, again.depth);
    assert_number(name, event->origin_server_ts, again.origin_server_ts);
    assert_number(name, event->prev_event_count, again.prev_event_count);
    assert_number(name, event->auth_event_count, again.auth_event_count);
    for (size_t i = 0; i < again.prev_event_count; i++)
        assert_str(name, event->prev_events[i], again.prev_events[i]);
    assert_true(myl_json_equal(event->content, again.content));
    assert_true(myl_event_hash_matches(cx, event->version, event->json));
    assert_true(
        myl_event_verify(cx, event, MYL_S("one"), MYL_S("ed25519:1"), matrix_test_public(key)));
}

static const struct {
    const char *type, *state_key, *content;
} kinds[] = {
    {"m.room.message", NULL, "{\"body\":\"x\\u0001\\\\\\u00e9\",\"n\":{\"a\":[1,-2,null,true]}}"},
    {"m.room.member", "@v:one", "{\"displayname\":\"V\",\"membership\":\"join\"}"},
    {"m.room.create", "", "{\"creator\":\"@u:one\",\"room_version\":\"x\"}"},
    {"m.room.power_levels", "", "{\"invite\":1,\"users\":{\"@u:one\":100}}"},
    {"m.room.redaction", NULL, "{\"reason\":\"x\",\"redacts\":\"$b:one\"}"},
    {"x", "", "{}"},
};

static void every_version(void **state)
{
    MYL_UNUSED(state);
    myl_signing_key *key = matrix_test_key();
    for (size_t v = 0; v < myl_room_version_count(); v++) {
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            myl_ctx cx;
            myl_event event;
            myl_str bytes;
            myl_ctx_begin(&cx);
            const myl_room_version *version = myl_room_version_at(v);
            const myl_json *content = matrix_test_parse(&cx, myl_str_of(kinds[i].content));
            myl_event_draft draft = draft_of(version, kinds[i].type, content);
            draft.state_key = myl_str_of(kinds[i].state_key);
            if (strcmp(kinds[i].type, "m.room.redaction") == 0 && !version->redacts_in_content)
                draft.redacts = MYL_S("$x:one");
            if (strcmp(kinds[i].type, "m.room.create") == 0 && version->room_id_is_create)
                draft.room_id = MYL_ABSENT;
            assert_number(kinds[i].type,
                          myl_event_finish(&cx, &draft, key, MYL_S("one"), &event, &bytes), MYL_OK);
            check(&cx, kinds[i].type, &event, bytes, key);
            myl_ctx_end(&cx);
        }
    }
    myl_signing_key_end(key);
}

/* The content is no object of the draft's own when it is redacted: create events of version 11 keep all. */
static void known_bytes(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_event event;
    myl_str bytes;
    myl_ctx_begin(&cx);
    myl_signing_key *key = matrix_test_key();
    const myl_json *content = matrix_test_parse(&cx, MYL_S("{\"b\":1,\"a\":\"x\"}"));
    myl_event_draft draft = draft_of(matrix_test_version("11"), "m.room.message", content);
    draft.sender = MYL_S("@u:one");
    assert_number("finish", myl_event_finish(&cx, &draft, key, MYL_S("one"), &event, &bytes),
                  MYL_OK);
    myl_str start =
        MYL_S("{\"auth_events\":[\"$a:one\"],\"content\":{\"a\":\"x\",\"b\":1},\"depth\":7,"
              "\"hashes\":{\"sha256\":\"");
    myl_str end = MYL_S("\"}},\"type\":\"m.room.message\"}");
    myl_str middle = MYL_S(
        "\"},\"origin_server_ts\":1234567890123,\"prev_events\":[\"$a:one\",\"$b:one\"],"
        "\"room_id\":\"!r:one\",\"sender\":\"@u:one\",\"signatures\":{\"one\":{\"ed25519:1\":\"");
    assert_str("start", myl_str_slice(bytes, 0, start.len), start);
    assert_str("middle", myl_str_slice(bytes, start.len + 43, middle.len), middle);
    assert_str("end", myl_str_slice(bytes, start.len + 43 + middle.len + 86, 99), end);
    myl_signing_key_end(key);
    myl_ctx_end(&cx);
}

/* Versions 1 and 2: references with their hashes, when these are known. */
static void reference_hashes(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_event event;
    myl_str bytes;
    myl_ctx_begin(&cx);
    myl_signing_key *key = matrix_test_key();
    myl_sha256 hashes[2] = {myl_crypto_sha256(MYL_S("a")), myl_crypto_sha256(MYL_S("b"))};
    myl_event_draft draft = draft_of(matrix_test_version("1"), "x", myl_json_empty_object());
    draft.prev_hashes = hashes;
    assert_number("finish", myl_event_finish(&cx, &draft, key, MYL_S("one"), &event, &bytes),
                  MYL_OK);
    check(&cx, "hashes", &event, bytes, key);
    const myl_json *prev = MYL_JSON_AT(event.json, "prev_events");
    assert_str("b", myl_json_text(&prev->items[1].items[1], MYL_S("sha256")),
               myl_crypto_base64(&cx, MYL_BASE64_STANDARD, (myl_str){(char *)hashes[1].bytes, 32}));
    const myl_json *auth = MYL_JSON_AT(event.json, "auth_events");
    assert_str("none", matrix_test_text(&cx, auth), MYL_S("[[\"$a:one\",{}]]"));
    assert_true(myl_str_ends(event.event_id, MYL_S(":one")));
    myl_signing_key_end(key);
    myl_ctx_end(&cx);
}

static void depth_limit(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *version;
        int64_t depth, want;
    } depths[] = {{"5", INT64_MAX, INT64_MAX},
                  {"6", INT64_MAX, INT64_C(9007199254740991)},
                  {"12", INT64_C(9007199254740991), INT64_C(9007199254740991)},
                  {"12", 8, 8}};
    myl_signing_key *key = matrix_test_key();
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        myl_ctx cx;
        myl_event event;
        myl_str bytes;
        myl_ctx_begin(&cx);
        myl_event_draft draft =
            draft_of(matrix_test_version(depths[i].version), "x", myl_json_empty_object());
        draft.depth = depths[i].depth;
        assert_number("finish", myl_event_finish(&cx, &draft, key, MYL_S("one"), &event, &bytes),
                      MYL_OK);
        assert_number(depths[i].version, event.depth, depths[i].want);
        check(&cx, "depth", &event, bytes, key);
        myl_ctx_end(&cx);
    }
    myl_signing_key_end(key);
}

static myl_rc finish(myl_ctx *cx, const myl_event_draft *draft)
{
    myl_event event;
    myl_str bytes;
    myl_signing_key *key = matrix_test_key();
    myl_rc rc = myl_event_finish(cx, draft, key, MYL_S("one"), &event, &bytes);
    myl_signing_key_end(key);
    return rc;
}

static void refused(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    char long_text[256];
    memset(long_text, 'x', sizeof long_text);
    const myl_room_version *version = matrix_test_version("11");
    const myl_event_draft good = draft_of(version, "x", myl_json_empty_object());
    myl_event_draft draft = good;
    draft.type = (myl_str){long_text, 256};
    assert_number("type", finish(&cx, &draft), MYL_EVENT_TOO_LARGE);
    myl_ctx_reset(&cx);
    draft = good;
    draft.state_key = (myl_str){long_text, 256};
    assert_number("state key", finish(&cx, &draft), MYL_EVENT_TOO_LARGE);
    assert_str("detail", cx.error.detail, MYL_S("state_key: more than 255 bytes"));
    myl_ctx_reset(&cx);
    draft = good;
    draft.prev_event_count = 21;
    assert_number("prev events", finish(&cx, &draft), MYL_BAD_EVENT);
    myl_ctx_reset(&cx);
    draft = good;
    draft.auth_event_count = 11;
    assert_number("auth events", finish(&cx, &draft), MYL_BAD_EVENT);
    myl_ctx_reset(&cx);
    draft = good;
    draft.content = matrix_test_parse(&cx, MYL_S("{\"a\":{\"b\":1.5}}"));
    assert_number("float", finish(&cx, &draft), MYL_BAD_JSON);
    assert_str("detail", cx.error.detail, MYL_S("a.b: expected an integer"));
    myl_forgive(&cx);
    draft.version = matrix_test_version("5");
    assert_number("float, 5", finish(&cx, &draft), MYL_OK);
    myl_ctx_end(&cx);
}

/* The largest event there may be, and one byte more. */
static void largest(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_event event;
    myl_str bytes;
    myl_ctx_begin(&cx);
    myl_signing_key *key = matrix_test_key();
    const myl_json *content = matrix_test_parse(&cx, MYL_S("{\"body\":\"\"}"));
    myl_event_draft draft = draft_of(matrix_test_version("11"), "m.room.message", content);
    assert_number("empty", myl_event_finish(&cx, &draft, key, MYL_S("one"), &event, &bytes),
                  MYL_OK);
    size_t room = MYL_LIMIT_EVENT_BYTES - bytes.len;
    char *pad = myl_alloc(&cx, room + 1);
    memset(pad, 'x', room + 1);
    for (size_t more = 0; more < 2; more++) {
        draft.content = myl_json_with(&cx, NULL, MYL_S("body"),
                                      myl_json_of_str(&cx, (myl_str){pad, room + more}));
        myl_rc rc = myl_event_finish(&cx, &draft, key, MYL_S("one"), &event, &bytes);
        assert_number("largest", rc, more == 0 ? MYL_OK : MYL_EVENT_TOO_LARGE);
    }
    myl_signing_key_end(key);
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version),    cmocka_unit_test(known_bytes),
        cmocka_unit_test(reference_hashes), cmocka_unit_test(depth_limit),
        cmocka_unit_test(refused),          cmocka_unit_test(largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
