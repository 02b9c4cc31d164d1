/* test_text.c: borrowed text, UTF-8, integers, the builder.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base_test.h"

static void comparing(void **state)
{
    MYL_UNUSED(state);
    assert_true(myl_str_equal(MYL_S("a"), MYL_S("a")));
    assert_false(myl_str_equal(MYL_S("a"), MYL_S("ab")));
    assert_true(myl_str_equal(MYL_S(""), MYL_ABSENT));
    assert_true(myl_str_compare(MYL_S("a"), MYL_S("b")) < 0);
    assert_true(myl_str_compare(MYL_S("ab"), MYL_S("a")) > 0);
    assert_true(myl_str_compare(MYL_S("\xc3\xa9"), MYL_S("z")) > 0);
    assert_int_equal(myl_str_compare(MYL_ABSENT, MYL_S("")), 0);
    assert_true(myl_str_starts(MYL_S("abc"), MYL_S("ab")));
    assert_false(myl_str_starts(MYL_S("a"), MYL_S("ab")));
    assert_true(myl_str_ends(MYL_S("abc"), MYL_S("bc")));
    assert_true(myl_str_ends(MYL_S("abc"), MYL_S("")));
    assert_false(myl_str_ends(MYL_S("c"), MYL_S("bc")));
}

static void cutting(void **state)
{
    MYL_UNUSED(state);
    assert_int_equal(myl_str_find(MYL_S("a:b:c"), ':', 0), 1);
    assert_int_equal(myl_str_find(MYL_S("a:b:c"), ':', 2), 3);
    assert_true(myl_str_find(MYL_S("abc"), ':', 0) == SIZE_MAX);
    assert_true(myl_str_find(MYL_S("abc"), 'a', 9) == SIZE_MAX);
    assert_true(myl_str_find(MYL_ABSENT, 'a', 0) == SIZE_MAX);
    assert_str("middle", myl_str_slice(MYL_S("abcd"), 1, 2), MYL_S("bc"));
    assert_str("cut", myl_str_slice(MYL_S("abcd"), 2, 9), MYL_S("cd"));
    assert_str("behind", myl_str_slice(MYL_S("abcd"), 9, 9), MYL_S(""));
    assert_false(myl_str_present(myl_str_slice(MYL_ABSENT, 0, 3)));
    assert_false(myl_str_present(myl_str_of(NULL)));
}

static void utf8(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *name;
        myl_str text;
        size_t good; /* bytes before the first bad one */
    } cases[] = {
        {"empty", MYL_S_INIT(""), 0},
        {"ascii of nine", MYL_S_INIT("123456789"), 9},
        {"nul", MYL_S_INIT("a\0b"), 3},
        {"two, three and four bytes", MYL_S_INIT("\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80"), 9},
        {"largest code point", MYL_S_INIT("\xf4\x8f\xbf\xbf"), 4},
        {"above it", MYL_S_INIT("\xf4\x90\x80\x80"), 0},
        {"five bytes", MYL_S_INIT("\xf8\x88\x80\x80\x80"), 0},
        {"overlong slash", MYL_S_INIT("ok\xc0\xaf"), 2},
        {"overlong in three", MYL_S_INIT("\xe0\x9f\xbf"), 0},
        {"overlong in four", MYL_S_INIT("\xf0\x8f\xbf\xbf"), 0},
        {"surrogate", MYL_S_INIT("\xed\xa0\x80"), 0},
        {"just below surrogates", MYL_S_INIT("\xed\x9f\xbf"), 3},
        {"cut off", MYL_S_INIT("12345678\xe6\x97"), 8},
        {"lone continuation", MYL_S_INIT("1234567890\x80"), 10},
        {"bad third byte", MYL_S_INIT("\xe6\x97z"), 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_number(cases[i].name, myl_str_utf8_length(cases[i].text), cases[i].good);
        assert_number(cases[i].name, myl_str_is_utf8(cases[i].text),
                      cases[i].good == cases[i].text.len);
    }
}

static void integers(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        myl_str text;
        bool good;
        int64_t value;
    } cases[] = {
        {MYL_S_INIT("0"), true, 0},
        {MYL_S_INIT("-5"), true, -5},
        {MYL_S_INIT("9223372036854775807"), true, INT64_MAX},
        {MYL_S_INIT("-9223372036854775808"), true, INT64_MIN},
        {MYL_S_INIT("9223372036854775808"), false, 0},
        {MYL_S_INIT("-9223372036854775809"), false, 0},
        {MYL_S_INIT("99999999999999999999999"), false, 0},
        {MYL_S_INIT(""), false, 0},
        {MYL_S_INIT("-"), false, 0},
        {MYL_S_INIT("+1"), false, 0},
        {MYL_S_INIT(" 1"), false, 0},
        {MYL_S_INIT("1 "), false, 0},
        {MYL_S_INIT("1a"), false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t value = 0;
        assert_number(cases[i].text.at, myl_str_to_int(cases[i].text, &value), cases[i].good);
        assert_number(cases[i].text.at, value, cases[i].value);
    }
}

static void hashing(void **state)
{
    MYL_UNUSED(state);
    assert_true(myl_str_hash(MYL_S("abc")) == myl_str_hash(MYL_S("abc")));
    assert_true(myl_str_hash(MYL_S("abc")) != myl_str_hash(MYL_S("abd")));
    assert_true(myl_str_hash(MYL_S("a")) != myl_str_hash(MYL_S("a\0")));
    assert_true(myl_str_hash(MYL_S("")) == myl_str_hash(MYL_ABSENT));
    assert_true(myl_str_hash(MYL_S("12345678")) != myl_str_hash(MYL_S("123456789")));
}

static void building(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_text text = MYL_TEXT(&cx);
    assert_true(myl_str_present(myl_text_str(&text)));
    assert_int_equal(myl_text_str(&text).len, 0);
    myl_text_add(&text, MYL_S("a"));
    myl_text_add(&text, MYL_ABSENT);
    myl_text_add_byte(&text, 'b');
    myl_text_add_int(&text, INT64_MIN);
    myl_text_add_int(&text, 0);
    myl_text_addf(&text, "<%d %s>", 42, "x");
    memcpy(myl_text_reserve(&text, 2), "yz", 2);
    assert_str("parts", myl_text_str(&text), MYL_S("ab-92233720368547758080<42 x>yz"));
    for (int i = 0; i < 10000; i++)
        myl_text_addf(&text, "%04d", i);
    assert_int_equal(text.len, 31 + 40000);
    assert_memory_equal(text.at + 31, "000000010002", 12);
    assert_memory_equal(text.at + text.len - 8, "99989999", 8);
    myl_ctx_end(&cx);
}

static void starting_with_room(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_text text = myl_text_start(&cx, 3);
    myl_text_addf(&text, "%s", "abc"); /* its NUL does not fit */
    assert_str("grown", myl_text_str(&text), MYL_S("abc"));
    myl_text other = myl_text_start(&cx, 0);
    myl_text_add_byte(&other, 'x');
    assert_str("from nothing", myl_text_str(&other), MYL_S("x"));
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing),          cmocka_unit_test(cutting), cmocka_unit_test(utf8),
        cmocka_unit_test(integers),           cmocka_unit_test(hashing), cmocka_unit_test(building),
        cmocka_unit_test(starting_with_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
