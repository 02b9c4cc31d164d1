/* test_password.c: password hashes, token hashes, shared-secret codes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/base_test.h"

#include <myelin/base_log.h>
#include <myelin/crypto_password.h>

static const myl_password_cost cheap = {1, 8};

static void there_and_back(void **state)
{
    MYL_UNUSED(state);
    static const myl_str passwords[] = {MYL_S_INIT("correct horse"), MYL_S_INIT(""),
                                        MYL_S_INIT("with\0nul"), MYL_S_INIT("\xc3\xa9\xff")};
    for (size_t i = 0; i < sizeof(passwords) / sizeof(passwords[0]); i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        int64_t before = myl_metric_value(MYL_METRIC_PASSWORD_HASHES);
        myl_str encoded, other;
        assert_int_equal(myl_password_hash(&cx, passwords[i], cheap, &encoded), MYL_OK);
        assert_true(myl_str_starts(encoded, MYL_S("$argon2id$v=19$m=8,t=1,p=1$")));
        assert_true(encoded.len <= 128);
        assert_int_equal(myl_password_hash(&cx, passwords[i], cheap, &other), MYL_OK);
        assert_false(myl_str_equal(encoded, other)); /* another salt */
        assert_true(myl_password_verify(&cx, encoded, passwords[i], cheap));
        assert_false(myl_password_verify(&cx, encoded, MYL_S("wrong"), cheap));
        assert_int_equal(myl_metric_value(MYL_METRIC_PASSWORD_HASHES), before + 4);
        myl_ctx_end(&cx);
    }
}

static void unreadable_hashes(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    static const char *const bad[] = {
        "",
        "x",
        "$argon2id$",
        "$argon2id$v=19$m=8,t=1,p=1$AAAA",
        "$2b$12$abcdefghijklmnopqrstuv",
        "$argon2i$v=19$m=8,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAA"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_number(bad[i], myl_password_verify(&cx, myl_str_of(bad[i]), MYL_S("x"), cheap),
                      false);
    assert_false(myl_password_verify(&cx, myl_strf(&cx, "%0300d", 0), MYL_S("x"), cheap));
    myl_ctx_end(&cx);
}

/* A login of nobody costs a hash as well. */
static void nobody(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    int64_t before = myl_metric_value(MYL_METRIC_PASSWORD_HASHES);
    assert_false(myl_password_verify(&cx, MYL_ABSENT, MYL_S("x"), cheap));
    assert_int_equal(myl_metric_value(MYL_METRIC_PASSWORD_HASHES), before + 1);
    myl_ctx_end(&cx);
}

static void tokens_and_codes(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_sha256 hash = myl_token_hash(MYL_S("abc"));
    assert_int_equal(hash.bytes[0], 0xba);
    assert_int_equal(hash.bytes[31], 0xad);
    /* RFC 2202, cases 2 and 6 */
    assert_str("short key",
               myl_crypto_hmac_sha1_hex(&cx, MYL_S("Jefe"), MYL_S("what do ya want for nothing?")),
               MYL_S("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"));
    char key[80];
    memset(key, 0xaa, sizeof(key));
    assert_str(
        "long key",
        myl_crypto_hmac_sha1_hex(&cx, (myl_str){key, sizeof(key)},
                                 MYL_S("Test Using Larger Than Block-Size Key - Hash Key First")),
        MYL_S("aa4ae5e15272d00e95705637ce8a3b55ed402112"));
    assert_int_equal(myl_crypto_hmac_sha1_hex(&cx, MYL_S(""), MYL_S("")).len, 40);
    myl_ctx_end(&cx);
}

static int start(void **state)
{
    MYL_UNUSED(state);
    myl_crypto_start();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(unreadable_hashes),
        cmocka_unit_test(nobody),
        cmocka_unit_test(tokens_and_codes),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
