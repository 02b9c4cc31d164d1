/* test_signing.c: hashes, ids and signatures: spec-tests/vectors/event_signing.json and what breaks them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "matrix/matrix_test.h"

/* The event with its content hash, signed over its redacted form, and the event taken apart. */
static const myl_json *sign_event(myl_ctx *cx, const myl_room_version *version,
                                  const myl_json *event, const myl_signing_key *key)
{
    myl_sha256 hash;
    const myl_json *signed_event;
    assert_number("hash", myl_event_content_hash(cx, version, event, &hash), MYL_OK);
    myl_str text = myl_crypto_base64(cx, MYL_BASE64_STANDARD, (myl_str){(char *)hash.bytes, 32});
    event = myl_json_with(cx, event, MYL_S("hashes"),
                          myl_json_with(cx, NULL, MYL_S("sha256"), myl_json_of_str(cx, text)));
    const myl_json *redacted = myl_event_redact(cx, version, event);
    assert_number("sign", myl_json_sign(cx, redacted, key, MYL_S("domain"), &signed_event), MYL_OK);
    return myl_json_with(cx, event, MYL_S("signatures"), MYL_JSON_AT(signed_event, "signatures"));
}

static void event_vectors(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_signing_key *key = matrix_test_key();
    const myl_json *file = matrix_test_vectors(&cx, "event_signing.json");
    const myl_json *all = MYL_JSON_AT(file, "cases");
    assert_number("cases", all->count, 2);
    for (size_t i = 0; i < all->count; i++) {
        const myl_json *c = &all->items[i];
        char *name = myl_cstr(&cx, myl_json_text(c, MYL_S("name")));
        const myl_room_version *version =
            myl_room_version_find(myl_json_text(c, MYL_S("room_version")));
        const myl_json *event = sign_event(&cx, version, MYL_JSON_AT(c, "event"), key);
        const myl_json *ours = myl_json_object(MYL_JSON_AT(event, "signatures"), MYL_S("domain"));
        assert_str(name, myl_json_text(MYL_JSON_AT(event, "hashes"), MYL_S("sha256")),
                   myl_json_text(c, MYL_S("content_hash")));
        assert_str(name, myl_json_text(ours, MYL_S("ed25519:1")),
                   myl_json_text(c, MYL_S("signature")));
        assert_true(myl_event_hash_matches(&cx, version, event));
    }
    myl_signing_key_end(key);
    myl_ctx_end(&cx);
}

static void json_signatures(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_signing_key *key = matrix_test_key();
    myl_str public = matrix_test_public(key);
    const myl_json *object = matrix_test_parse(
        &cx, MYL_S("{\"one\":1,\"signatures\":{\"domain\":{\"ed25519:0\":\"x\"},\"other\":{}},"
                   "\"two\":\"Two\",\"unsigned\":{\"a\":1.5}}"));
    const myl_json *out;
    assert_number("sign", myl_json_sign(&cx, object, key, MYL_S("domain"), &out), MYL_OK);
    /* the appendices' signature; what was there stays */
    assert_str("signed", matrix_test_text(&cx, out),
               MYL_S(
                   "{\"one\":1,\"signatures\":{\"domain\":{\"ed25519:0\":\"x\",\"ed25519:1\":"
                   "\"KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIM"
                   "JpvhJI+6Bw\"},\"other\":{}},\"two\":\"Two\",\"unsigned\":{\"a\":1.5}}"));
    assert_true(myl_json_verify(&cx, out, MYL_S("domain"), MYL_S("ed25519:1"), public));
    const myl_json *bare = myl_json_without(&cx, out, MYL_S("unsigned"));
    assert_true(myl_json_verify(&cx, bare, MYL_S("domain"), MYL_S("ed25519:1"), public));
    assert_false(myl_json_verify(&cx, out, MYL_S("domain"), MYL_S("ed25519:0"), public));
    assert_false(myl_json_verify(&cx, out, MYL_S("domain"), MYL_S("ed25519:2"), public));
    assert_false(myl_json_verify(&cx, out, MYL_S("other"), MYL_S("ed25519:1"), public));
    assert_false(myl_json_verify(&cx, NULL, MYL_S("other"), MYL_S("ed25519:1"), public));
    const myl_json *changed = myl_json_with(&cx, out, MYL_S("one"), myl_json_of_int(&cx, 2));
    assert_false(myl_json_verify(&cx, changed, MYL_S("domain"), MYL_S("ed25519:1"), public));
    myl_str short_key = myl_str_slice(public, 0, 31);
    assert_false(myl_json_verify(&cx, out, MYL_S("domain"), MYL_S("ed25519:1"), short_key));
    myl_signing_key_end(key);
    myl_ctx_end(&cx);
}

/* A signature in the URL-safe alphabet. */
static void url_safe_signature(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_signing_key *key = matrix_test_key();
    myl_signature signature = myl_crypto_sign(key, MYL_S("{\"one\":1,\"two\":\"Two\"}"));
    myl_str text = myl_crypto_base64(&cx, MYL_BASE64_URL, (myl_str){(char *)signature.bytes, 64});
    const myl_json *object = matrix_test_parse(
        &cx, myl_strf(&cx,
                      "{\"one\":1,\"signatures\":{\"domain\":{\"ed25519:1\":\"%.*s\"}},"
                      "\"two\":\"Two\"}",
                      MYL_FMT(text)));
    assert_true(
        myl_json_verify(&cx, object, MYL_S("domain"), MYL_S("ed25519:1"), matrix_test_public(key)));
    myl_signing_key_end(key);
    myl_ctx_end(&cx);
}

/* The signature of an event holds for its redacted form, in every version. */
static void event_signatures(void **state)
{
    MYL_UNUSED(state);
    myl_signing_key *key = matrix_test_key();
    for (size_t v = 0; v < myl_room_version_count(); v++) {
        myl_ctx cx;
        myl_event event;
        myl_ctx_begin(&cx);
        const myl_room_version *version = myl_room_version_at(v);
        const myl_json *json =
            sign_event(&cx, version, matrix_test_event(&cx, version->name, NULL, NULL), key);
        myl_str public = matrix_test_public(key);
        for (int redacted = 0; redacted < 2; redacted++) {
            assert_number(version->name, myl_event_decode(&cx, version, json, &event), MYL_OK);
            assert_true(myl_event_verify(&cx, &event, MYL_S("domain"), MYL_S("ed25519:1"), public));
            assert_number(version->name, myl_event_hash_matches(&cx, version, json), !redacted);
            json = myl_event_redact(&cx, version, json);
        }
        json = myl_json_with(&cx, json, MYL_S("depth"), myl_json_of_int(&cx, 6));
        assert_number(version->name, myl_event_decode(&cx, version, json, &event), MYL_OK);
        assert_false(myl_event_verify(&cx, &event, MYL_S("domain"), MYL_S("ed25519:1"), public));
        assert_false(myl_event_verify(&cx, &event, MYL_S("other"), MYL_S("ed25519:1"), public));
        myl_ctx_end(&cx);
    }
    myl_signing_key_end(key);
}

static void bad_hashes(void **state)
{
    MYL_UNUSED(state);
    static const char *const hashes[] = {"{\"hashes\":{}}",
                                         "{\"hashes\":5}",
                                         "{}",
                                         "{\"hashes\":{\"sha256\":5}}",
                                         "{\"hashes\":{\"sha256\":\"!\"}}",
                                         "{\"hashes\":{\"sha256\":\"Zm9v\"}}",
                                         "{\"a\":1.5,\"hashes\":{\"sha256\":\"Zm9v\"}}"};
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        const myl_json *json = matrix_test_parse(&cx, myl_str_of(hashes[i]));
        if (myl_event_hash_matches(&cx, matrix_test_version("11"), json))
            fail_msg("%s matches", hashes[i]);
        assert_number(hashes[i], cx.error.rc, MYL_OK);
        myl_ctx_end(&cx);
    }
}

/* A value that its version cannot write cannot be hashed or verified. */
static void not_canonical(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_sha256 hash;
    myl_str id;
    myl_ctx_begin(&cx);
    const myl_json *json = matrix_test_event(&cx, "11", "depth", "1.5");
    const myl_room_version *version = matrix_test_version("11");
    assert_number("content", myl_event_content_hash(&cx, version, json, &hash), MYL_BAD_JSON);
    myl_forgive(&cx);
    assert_number("reference", myl_event_reference_hash(&cx, version, json, &hash), MYL_BAD_JSON);
    myl_forgive(&cx);
    assert_number("id", myl_event_id(&cx, version, json, &id), MYL_BAD_JSON);
    assert_str("detail", cx.error.detail, MYL_S("depth: expected an integer"));
    myl_forgive(&cx);
    const myl_json *text = myl_json_of_str(&cx, MYL_S("Zm9v"));
    const myl_json *keys = myl_json_with(&cx, NULL, MYL_S("ed25519:1"), text);
    keys = myl_json_with(&cx, NULL, MYL_S("domain"), keys);
    myl_event event = {.version = version,
                       .json = myl_json_with(&cx, json, MYL_S("signatures"), keys)};
    assert_false(myl_event_verify(&cx, &event, MYL_S("domain"), MYL_S("ed25519:1"),
                                  MYL_S("01234567890123456789012345678901")));
    myl_ctx_end(&cx);
}

/* Version 3 writes the reference hash in the standard alphabet, later ones in the URL-safe one. */
static void id_forms(void **state)
{
    MYL_UNUSED(state);
    static const char *const versions[] = {"3", "4", "11", "12"};
    for (size_t i = 0; i < 4; i++) {
        myl_ctx cx;
        myl_sha256 hash;
        myl_str id;
        myl_ctx_begin(&cx);
        const myl_room_version *version = matrix_test_version(versions[i]);
        const myl_json *json = matrix_test_event(&cx, versions[i], NULL, NULL);
        assert_number("hash", myl_event_reference_hash(&cx, version, json, &hash), MYL_OK);
        assert_number("id", myl_event_id(&cx, version, json, &id), MYL_OK);
        myl_base64_form form = i == 0 ? MYL_BASE64_STANDARD : MYL_BASE64_URL;
        assert_str(versions[i], myl_str_slice(id, 1, 99),
                   myl_crypto_base64(&cx, form, (myl_str){(char *)hash.bytes, 32}));
        /* no part of the id: signatures, unsigned, content that is redacted */
        json = myl_json_with(&cx, json, MYL_S("signatures"), myl_json_empty_object());
        json = myl_json_with(&cx, json, MYL_S("unsigned"), myl_json_empty_object());
        json = myl_json_with(&cx, json, MYL_S("content"), myl_json_empty_object());
        myl_str same;
        assert_number("id", myl_event_id(&cx, version, json, &same), MYL_OK);
        assert_str(versions[i], same, id);
        myl_ctx_end(&cx);
    }
}

typedef struct {
    const char *name, *version, *type, *content, *want;
} signer_case;

static void signers(void **state)
{
    MYL_UNUSED(state);
    static const signer_case cases[] = {
        {"a message, 11", "11", "m.room.message", "{}", "one"},
        {"a message, 1", "1", "m.room.message", "{}", "one other"},
        {"restricted join", "8", "m.room.member",
         "{\"join_authorised_via_users_server\":\"@a:two\",\"membership\":\"join\"}", "one two"},
        {"restricted join of one's own server", "8", "m.room.member",
         "{\"join_authorised_via_users_server\":\"@a:one\",\"membership\":\"join\"}", "one"},
        {"the key in a ban", "12", "m.room.member",
         "{\"join_authorised_via_users_server\":\"@a:two\",\"membership\":\"ban\"}", "one two"},
        {"before restricted joins", "7", "m.room.member",
         "{\"join_authorised_via_users_server\":\"@a:two\",\"membership\":\"join\"}", "one"},
        {"the key in another type", "8", "m.room.name",
         "{\"join_authorised_via_users_server\":\"@a:two\"}", "one"},
        {"no user id", "8", "m.room.member", "{\"join_authorised_via_users_server\":\"two\"}",
         NULL},
        {"no text", "8", "m.room.member", "{\"join_authorised_via_users_server\":5}", NULL},
        {"third-party invite, 11", "11", "m.room.member",
         "{\"membership\":\"invite\",\"third_party_invite\":{}}", ""},
        {"third-party invite, 2", "2", "m.room.member",
         "{\"membership\":\"invite\",\"third_party_invite\":{}}", "other"},
        {"the key in a join", "11", "m.room.member",
         "{\"membership\":\"join\",\"third_party_invite\":{}}", "one"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const signer_case *c = &cases[i];
        myl_ctx cx;
        const myl_str *servers;
        size_t count;
        myl_ctx_begin(&cx);
        myl_event event = {.version = matrix_test_version(c->version),
                           .event_id = MYL_S("$e:other"),
                           .sender = MYL_S("@u:one"),
                           .type = myl_str_of(c->type),
                           .content = matrix_test_parse(&cx, myl_str_of(c->content))};
        myl_rc rc = myl_event_signers(&cx, &event, &servers, &count);
        assert_number(c->name, rc, c->want != NULL ? MYL_OK : MYL_BAD_SIGNATURE);
        myl_text text = MYL_TEXT(&cx);
        for (size_t k = 0; rc == MYL_OK && k < count; k++)
            myl_text_addf(&text, "%s%.*s", k > 0 ? " " : "", MYL_FMT(servers[k]));
        if (rc == MYL_OK)
            assert_str(c->name, myl_text_str(&text), myl_str_of(c->want));
        myl_ctx_end(&cx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_vectors),      cmocka_unit_test(json_signatures),
        cmocka_unit_test(url_safe_signature), cmocka_unit_test(event_signatures),
        cmocka_unit_test(bad_hashes),         cmocka_unit_test(not_canonical),
        cmocka_unit_test(id_forms),           cmocka_unit_test(signers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
