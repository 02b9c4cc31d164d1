/* test_base64.c: both alphabets, with and without padding, and what is no base64.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/base_test.h"

#include <myelin/crypto_sign.h>

static void both_ways(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        myl_str bytes;
        const char *standard, *url, *padded;
    } cases[] = {
        {MYL_S_INIT(""), "", "", ""},
        {MYL_S_INIT("f"), "Zg", "Zg", "Zg=="},
        {MYL_S_INIT("fo"), "Zm8", "Zm8", "Zm8="},
        {MYL_S_INIT("foo"), "Zm9v", "Zm9v", "Zm9v"},
        {MYL_S_INIT("foob"), "Zm9vYg", "Zm9vYg", "Zm9vYg=="},
        {MYL_S_INIT("\xfb\xef\xbe"), "++++", "----", "++++"},
        {MYL_S_INIT("\xff\xff"), "//8", "__8", "//8="},
        {MYL_S_INIT("\0\0"), "AAA", "AAA", "AAA="},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        const char *name = cases[i].standard;
        myl_str standard = myl_str_of(cases[i].standard), url = myl_str_of(cases[i].url), out;
        assert_str(name, myl_crypto_base64(&cx, MYL_BASE64_STANDARD, cases[i].bytes), standard);
        assert_str(name, myl_crypto_base64(&cx, MYL_BASE64_URL, cases[i].bytes), url);
        assert_true(myl_crypto_unbase64(&cx, MYL_BASE64_STANDARD, standard, &out));
        assert_str(name, out, cases[i].bytes);
        assert_true(myl_crypto_unbase64(&cx, MYL_BASE64_URL, url, &out));
        assert_str(name, out, cases[i].bytes);
        assert_true(
            myl_crypto_unbase64(&cx, MYL_BASE64_STANDARD, myl_str_of(cases[i].padded), &out));
        assert_str(name, out, cases[i].bytes);
        myl_ctx_end(&cx);
    }
}

static void refusals(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        myl_str text;
        myl_base64_form form;
    } cases[] = {
        {MYL_S_INIT("A"), MYL_BASE64_STANDARD},        {MYL_S_INIT("AAAAA"), MYL_BASE64_STANDARD},
        {MYL_S_INIT("Zg="), MYL_BASE64_STANDARD}, /* half a padding */
        {MYL_S_INIT("Zg==="), MYL_BASE64_STANDARD},    {MYL_S_INIT("===="), MYL_BASE64_STANDARD},
        {MYL_S_INIT("Zg==Zg=="), MYL_BASE64_STANDARD}, {MYL_S_INIT("Zm9v\n"), MYL_BASE64_STANDARD},
        {MYL_S_INIT("Zm 9v"), MYL_BASE64_STANDARD},    {MYL_S_INIT("Zm\0v"), MYL_BASE64_STANDARD},
        {MYL_S_INIT("----"), MYL_BASE64_STANDARD},     {MYL_S_INIT("++++"), MYL_BASE64_URL},
        {MYL_S_INIT("\xc3\xa9"), MYL_BASE64_STANDARD},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        myl_str out;
        assert_number(cases[i].text.at,
                      myl_crypto_unbase64(&cx, cases[i].form, cases[i].text, &out), false);
        myl_ctx_end(&cx);
    }
}

static void bits_behind_the_last_byte(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_str out;
    assert_true(myl_crypto_unbase64(&cx, MYL_BASE64_STANDARD, MYL_S("Zh"), &out));
    assert_str("one byte", out, MYL_S("f"));
    assert_true(myl_crypto_unbase64(&cx, MYL_BASE64_STANDARD, MYL_S("Zm9="), &out));
    assert_str("two bytes", out, MYL_S("fo"));
    myl_ctx_end(&cx);
}

/* All lengths up to a few words, there and back. */
static void lengths(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    char bytes[200];
    myl_crypto_start();
    myl_crypto_random(bytes, sizeof(bytes));
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        myl_str out, text = myl_crypto_base64(&cx, MYL_BASE64_URL, (myl_str){bytes, len});
        assert_int_equal(text.len, (len * 8 + 5) / 6);
        assert_true(myl_crypto_unbase64(&cx, MYL_BASE64_URL, text, &out));
        assert_str("there and back", out, ((myl_str){bytes, len}));
    }
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),
        cmocka_unit_test(refusals),
        cmocka_unit_test(bits_behind_the_last_byte),
        cmocka_unit_test(lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
