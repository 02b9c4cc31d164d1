/* test_auth_third_party.c: the auth rules on invites that came of a third-party invite.
 *
 * The signatures are made here with the key of the appendices' vectors.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/judged_room.h"

#include <stdio.h>

#include <myelin/base_limit.h>

/* Numbers on the pages of versions 1, 3, 6, 7, 8, 10, 11, 12. */
#define THIRD(i)                                                                                   \
    "1:5.3.1." i " 2:5.3.1." i " 3:5.3.1." i " 6:4.3.1." i " 7:4.3.1." i " 8:4.4.1." i             \
    " 10:4.4.1." i " 11:4.4.1." i " 12:5.4.1." i

#define WITH(third) "{\"membership\":\"invite\",\"third_party_invite\":" third "}"
#define KEYS "{\"public_key\":\"%k\"}"
#define OPEN "third tok alice "
#define TOKEN "\"mxid\":\"@bob:one\",\"token\":\"tok\""

/* %k: the public key, %u in the URL-safe alphabet, %s: a signature over {TOKEN}. */
static const judged_case cases[] = {
    {"of one banned", "ban bob|" OPEN KEYS, "member", "alice", "bob", WITH("{}"), false,
     THIRD("1")},
    {"null", "", "member", "alice", "bob", WITH("null"), false, THIRD("2")},
    {"no signed", OPEN KEYS, "member", "alice", "bob", WITH("{}"), false, THIRD("2")},
    {"signed a text", OPEN KEYS, "member", "alice", "bob", WITH("{\"signed\":\"x\"}"), false,
     THIRD("3")},
    {"no mxid", OPEN KEYS, "member", "alice", "bob", WITH("{\"signed\":{\"token\":\"tok\"}}"),
     false, THIRD("3")},
    {"no token", OPEN KEYS, "member", "alice", "bob", WITH("{\"signed\":{\"mxid\":\"@bob:one\"}}"),
     false, THIRD("3")},
    {"another user", OPEN KEYS, "member", "alice", "dave", WITH("{\"signed\":{" TOKEN "}}"), false,
     THIRD("4")},
    {"mxid no text", OPEN KEYS, "member", "alice", "bob",
     WITH("{\"signed\":{\"mxid\":5,\"token\":\"tok\"}}"), false, THIRD("4")},
    {"no such token", "", "member", "alice", "bob", WITH("{\"signed\":{" TOKEN "}}"), false,
     THIRD("5")},
    {"token no text", OPEN KEYS, "member", "alice", "bob",
     WITH("{\"signed\":{\"mxid\":\"@bob:one\",\"token\":5}}"), false, THIRD("5")},
    {"another sender", "join dave|" OPEN KEYS, "member", "dave", "bob",
     WITH("{\"signed\":{" TOKEN "}}"), false, THIRD("6")},
    {"signed", OPEN KEYS, "member", "alice", "bob",
     WITH("{\"signed\":{" TOKEN ",\"signatures\":{\"id.x\":{\"ed25519:0\":\"%s\"}}}}"), true,
     THIRD("7")},
    {"signed, of nobody in the room", "leave alice|" OPEN KEYS, "member", "alice", "bob",
     WITH("{\"signed\":{" TOKEN ",\"signatures\":{\"id.x\":{\"ed25519:0\":\"%s\"}}}}"), true,
     THIRD("7")},
    {"signed, of a member", "join bob|" OPEN KEYS, "member", "alice", "bob",
     WITH("{\"signed\":{" TOKEN ",\"signatures\":{\"id.x\":{\"ed25519:0\":\"%s\"}}}}"), true,
     THIRD("7")},
    {"the second signature", OPEN KEYS, "member", "alice", "bob",
     WITH("{\"signed\":{" TOKEN ",\"signatures\":{\"a\":5,\"b\":{},\"id.x\":{\"ed25519:0\":\"x\","
          "\"ed25519:1\":\"%s\"}}}}"),
     true, THIRD("7")},
    {"a key of the list",
     OPEN
     "{\"public_keys\":[5,{},{\"public_key\":5},{\"public_key\":\"!\"},{\"public_key\":\"Zm9v\"},"
     "{\"public_key\":\"%u\"}]}",
     "member", "alice", "bob",
     WITH("{\"signed\":{" TOKEN ",\"signatures\":{\"id.x\":{\"ed25519:0\":\"%s\"}}}}"), true,
     THIRD("7")},
    {"unsigned is not signed", OPEN KEYS, "member", "alice", "bob",
     WITH("{\"signed\":{" TOKEN ",\"signatures\":{\"id.x\":{\"ed25519:0\":\"%s\"}},"
          "\"unsigned\":{\"a\":1}}}"),
     true, THIRD("7")},
    {"no signatures", OPEN KEYS, "member", "alice", "bob", WITH("{\"signed\":{" TOKEN "}}"), false,
     THIRD("8")},
    {"signatures a text", OPEN KEYS, "member", "alice", "bob",
     WITH("{\"signed\":{" TOKEN ",\"signatures\":\"x\"}}"), false, THIRD("8")},
    {"another algorithm", OPEN KEYS, "member", "alice", "bob",
     WITH("{\"signed\":{" TOKEN ",\"signatures\":{\"id.x\":{\"rsa:0\":\"%s\"}}}}"), false,
     THIRD("8")},
    {"signature of something else", OPEN KEYS, "member", "alice", "bob",
     WITH("{\"signed\":{\"a\":1," TOKEN ",\"signatures\":{\"id.x\":{\"ed25519:0\":\"%s\"}}}}"),
     false, THIRD("8")},
    {"no keys", OPEN "{}", "member", "alice", "bob",
     WITH("{\"signed\":{" TOKEN ",\"signatures\":{\"id.x\":{\"ed25519:0\":\"%s\"}}}}"), false,
     THIRD("8")},
    {"another key", OPEN "{\"public_key\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
     "member", "alice", "bob",
     WITH("{\"signed\":{" TOKEN ",\"signatures\":{\"id.x\":{\"ed25519:0\":\"%s\"}}}}"), false,
     THIRD("8")},
};

typedef struct {
    myl_str key, url_key, signature;
} made_keys;

static made_keys make_keys(myl_ctx *cx)
{
    myl_str seed;
    assert_true(myl_crypto_unbase64(cx, MYL_BASE64_STANDARD,
                                    MYL_S("YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"), &seed));
    myl_signing_key *key = myl_signing_key_of_seed((const uint8_t *)seed.at, "1");
    myl_str public = {(const char *)myl_signing_key_public(key), 32};
    myl_signature signature = myl_crypto_sign(key, MYL_S("{" TOKEN "}"));
    made_keys made = {myl_crypto_base64(cx, MYL_BASE64_STANDARD, public),
                      myl_crypto_base64(cx, MYL_BASE64_URL, public),
                      myl_crypto_base64(cx, MYL_BASE64_STANDARD,
                                        (myl_str){(const char *)signature.bytes, 64})};
    myl_signing_key_end(key);
    return made;
}

static const char *fill(myl_ctx *cx, const char *text, const made_keys *made)
{
    myl_text out = MYL_TEXT(cx);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at != '%') {
            myl_text_add_byte(&out, *at);
            continue;
        }
        at++;
        myl_text_add(&out, *at == 'k' ? made->key : *at == 'u' ? made->url_key : made->signature);
    }
    return myl_cstr(cx, myl_text_str(&out));
}

static void every_rule(void **state)
{
    MYL_UNUSED(state);
    myl_crypto_start();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        made_keys made = make_keys(&cx);
        judged_case filled = cases[i];
        filled.state = fill(&cx, filled.state, &made);
        filled.content = fill(&cx, filled.content, &made);
        judged_run(&filled, 1);
        myl_ctx_end(&cx);
    }
}

/* Only so many signatures and keys are tried. */
static void limits(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_crypto_start();
    made_keys made = make_keys(&cx);
    for (int over = 0; over < 2; over++) {
        myl_text keys = MYL_TEXT(&cx), signatures = MYL_TEXT(&cx);
        myl_text_addf(&keys, "join alice|" OPEN "{\"public_keys\":[");
        for (int i = 0; i < MYL_LIMIT_THIRD_PARTY_KEYS - 1 + over; i++)
            myl_text_addf(&keys,
                          "{\"public_key\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"},");
        myl_text_addf(&keys, "{\"public_key\":\"%.*s\"}]}", MYL_FMT(made.key));
        judged_case c = {"keys",
                         myl_cstr(&cx, myl_text_str(&keys)),
                         "member",
                         "alice",
                         "bob",
                         fill(&cx,
                              WITH("{\"signed\":{" TOKEN
                                   ",\"signatures\":{\"id.x\":{\"ed25519:0\":\"%s\"}}}}"),
                              &made),
                         over == 0,
                         over == 0 ? "12:5.4.1.7" : "12:5.4.1.8"};
        judged_run(&c, 1);
        for (int i = 0; i < MYL_LIMIT_SIGNATURES - 1 + over; i++)
            myl_text_addf(&signatures, "\"a%d\":{\"ed25519:0\":\"x\"},", i);
        c.name = "signatures";
        c.state = fill(&cx, OPEN KEYS, &made);
        c.content =
            myl_cstr(&cx, myl_strf(&cx,
                                   WITH("{\"signed\":{" TOKEN ",\"signatures\":{%.*s"
                                        "\"id.x\":{\"ed25519:0\":\"%.*s\"}}}}"),
                                   MYL_FMT(myl_text_str(&signatures)), MYL_FMT(made.signature)));
        judged_run(&c, 1);
    }
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_rule), cmocka_unit_test(limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
