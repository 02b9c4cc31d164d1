/* test_parse.c: what the JSON parser takes and refuses, beside jansson.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "json/json_test.h"

#include <jansson.h>

#include <myelin/base_limit.h>

typedef enum { BOTH, ONLY_OURS, ONLY_JANSSON } judge;

static bool jansson_takes(myl_str text)
{
    json_error_t error;
    json_t *tree = json_loadb(text.at, text.len,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    json_decref(tree);
    return tree != NULL;
}

static void accepted(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *name;
        myl_str text;
        myl_str written;
        judge judge;
    } cases[] = {
        {"null", MYL_S_INIT("null"), MYL_S_INIT("null"), BOTH},
        {"words", MYL_S_INIT("[true,false,null]"), MYL_S_INIT("[true,false,null]"), BOTH},
        {"blanks", MYL_S_INIT(" \t\r\n[ 1 ,\n2 ] "), MYL_S_INIT("[1,2]"), BOTH},
        {"empty containers", MYL_S_INIT("[{},[],\"\",{\"\":[]}]"),
         MYL_S_INIT("[{},[],\"\",{\"\":[]}]"), BOTH},
        {"blanks in empty ones", MYL_S_INIT("[ [ ] , { } ]"), MYL_S_INIT("[[],{}]"), BOTH},
        {"sorted", MYL_S_INIT("{\"b\":{\"d\":1,\"c\":2},\"a\":3}"),
         MYL_S_INIT("{\"a\":3,\"b\":{\"c\":2,\"d\":1}}"), BOTH},
        {"int64", MYL_S_INIT("[9223372036854775807,-9223372036854775808]"),
         MYL_S_INIT("[9223372036854775807,-9223372036854775808]"), BOTH},
        {"minus zero", MYL_S_INIT("-0"), MYL_S_INIT("0"), BOTH},
        {"numbers as they came", MYL_S_INIT("[0.50,1e5,1E+05,-0.0,2e-3]"),
         MYL_S_INIT("[0.50,1e5,1E+05,-0.0,2e-3]"), BOTH},
        {"above int64", MYL_S_INIT("9223372036854775808"), MYL_S_INIT("9223372036854775808"),
         ONLY_OURS},
        {"above double", MYL_S_INIT("1e999"), MYL_S_INIT("1e999"), ONLY_OURS},
        {"nul in a string", MYL_S_INIT("\"a\\u0000b\""), MYL_S_INIT("\"a\\u0000b\""), BOTH},
        {"nul in a key", MYL_S_INIT("{\"\\u0000\":1,\"\":2}"), MYL_S_INIT("{\"\":2,\"\\u0000\":1}"),
         ONLY_OURS},
        {"all escapes", MYL_S_INIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\""),
         MYL_S_INIT("\"\\\"\\\\/\\b\\f\\n\\r\\t\xc3\xa9\xf0\x9f\x98\x80\""), BOTH},
        {"escapes at word borders", MYL_S_INIT("\"1234567\\n12345678\\n123456789\\n\""),
         MYL_S_INIT("\"1234567\\n12345678\\n123456789\\n\""), BOTH},
        {"delete", MYL_S_INIT("\"\x7f\""), MYL_S_INIT("\"\x7f\""), BOTH},
        {"largest code point", MYL_S_INIT("\"\\udbff\\udfff\""), MYL_S_INIT("\"\xf4\x8f\xbf\xbf\""),
         BOTH},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        const myl_json *tree = json_test_parse(&cx, cases[i].text);
        assert_str(cases[i].name, json_test_text(&cx, tree), cases[i].written);
        assert_number(cases[i].name, jansson_takes(cases[i].text), cases[i].judge == BOTH);
        myl_ctx_end(&cx);
    }
}

static void refused(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        myl_str text;
        const char *detail;
    } cases[] = {
        {MYL_S_INIT(""), "expected a value at byte 0"},
        {MYL_S_INIT("  "), "expected a value at byte 2"},
        {MYL_S_INIT("nul"), "expected a value at byte 0"},
        {MYL_S_INIT("nulll"), "expected the end at byte 4"},
        {MYL_S_INIT("True"), "expected a value at byte 0"},
        {MYL_S_INIT("[1] x"), "expected the end at byte 4"},
        {MYL_S_INIT("[1]\0"), "expected the end at byte 3"},
        {MYL_S_INIT("[1,]"), "expected a value at byte 3"},
        {MYL_S_INIT("[1 2]"), "expected , or ] at byte 3"},
        {MYL_S_INIT("[1"), "expected , or ] at byte 2"},
        {MYL_S_INIT("[1}"), "expected , or ] at byte 2"},
        {MYL_S_INIT("["), "expected a value at byte 1"},
        {MYL_S_INIT("]"), "expected a value at byte 0"},
        {MYL_S_INIT("{\"a\":1"), "expected , or } at byte 6"},
        {MYL_S_INIT("{\"a\":1]"), "expected , or } at byte 6"},
        {MYL_S_INIT("{\"a\":1,}"), "expected a member's name at byte 7"},
        {MYL_S_INIT("{a:1}"), "expected a member's name at byte 1"},
        {MYL_S_INIT("{"), "expected a member's name at byte 1"},
        {MYL_S_INIT("{\"a\" 1}"), "expected a colon at byte 5"},
        {MYL_S_INIT("{\"a\""), "expected a colon at byte 4"},
        {MYL_S_INIT("{\"a\":}"), "expected a value at byte 5"},
        {MYL_S_INIT("{\"a\":1,\"b\":2,\"a\":3}"),
         "an object names a member twice; it ends at byte 18"},
        {MYL_S_INIT("{\"a\":1,\"\\u0061\":3}"),
         "an object names a member twice; it ends at byte 17"},
        {MYL_S_INIT("\"abc"), "the string does not end at byte 4"},
        {MYL_S_INIT("\"abc\\"), "the string does not end at byte 5"},
        {MYL_S_INIT("\"abc\\\""), "the string does not end at byte 6"},
        {MYL_S_INIT("\"\\x\""), "unknown escape at byte 1"},
        {MYL_S_INIT("\"\\\0\""), "unknown escape at byte 1"},
        {MYL_S_INIT("\"\\u12g4\""), "expected four hexadecimal digits at byte 1"},
        {MYL_S_INIT("\"\\u12"), "expected four hexadecimal digits at byte 1"},
        {MYL_S_INIT("\"\\ud800\""), "lone surrogate at byte 1"},
        {MYL_S_INIT("\"\\ud800\\n\""), "lone surrogate at byte 1"},
        {MYL_S_INIT("\"\\ud800\\u0041\""), "lone surrogate at byte 1"},
        {MYL_S_INIT("\"\\ud800\\ud800\""), "lone surrogate at byte 1"},
        {MYL_S_INIT("\"ab\\udc00\""), "lone surrogate at byte 3"},
        {MYL_S_INIT("\"a\nb\""), "control character in a string at byte 2"},
        {MYL_S_INIT("\"a\0b\""), "control character in a string at byte 2"},
        {MYL_S_INIT("\"ok\xff\""), "not UTF-8 at byte 3"},
        {MYL_S_INIT("\"\xed\xa0\x80\""), "not UTF-8 at byte 1"},
        {MYL_S_INIT("\xef\xbb\xbf{}"), "expected a value at byte 0"},
        {MYL_S_INIT("01"), "a number begins with 0 at byte 0"},
        {MYL_S_INIT("[-01]"), "a number begins with 0 at byte 2"},
        {MYL_S_INIT("-"), "expected a digit at byte 1"},
        {MYL_S_INIT("+1"), "expected a value at byte 0"},
        {MYL_S_INIT(".5"), "expected a value at byte 0"},
        {MYL_S_INIT("5."), "expected a digit at byte 2"},
        {MYL_S_INIT("5.e1"), "expected a digit at byte 2"},
        {MYL_S_INIT("5e"), "expected a digit at byte 2"},
        {MYL_S_INIT("5e+"), "expected a digit at byte 3"},
        {MYL_S_INIT("1a"), "expected the end at byte 1"},
        {MYL_S_INIT("NaN"), "expected a value at byte 0"},
        {MYL_S_INIT("[1,/**/2]"), "expected a value at byte 3"},
        {MYL_S_INIT("'a'"), "expected a value at byte 0"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        const myl_json *tree = NULL;
        char *exact = myl_alloc(&cx, cases[i].text.len); /* so that a look behind the end is seen */
        memcpy(exact, cases[i].text.at, cases[i].text.len);
        assert_number(cases[i].text.at,
                      myl_json_parse(&cx, (myl_str){exact, cases[i].text.len}, &tree),
                      MYL_NOT_JSON);
        assert_str(cases[i].text.at, cx.error.detail, myl_str_of(cases[i].detail));
        assert_number(cases[i].text.at, jansson_takes(cases[i].text), false);
        assert_null(tree);
        myl_ctx_end(&cx);
    }
}

/* `count` times `part`, then `middle`, then `count` times `end`. */
static myl_str repeated(myl_ctx *cx, size_t count, const char *part, const char *middle,
                        const char *end)
{
    myl_text text = MYL_TEXT(cx);
    for (size_t i = 0; i < count; i++)
        myl_text_add(&text, myl_str_of(part));
    myl_text_add(&text, myl_str_of(middle));
    for (size_t i = 0; i < count; i++)
        myl_text_add(&text, myl_str_of(end));
    return myl_text_str(&text);
}

static void depth(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *part, *middle, *end;
    } cases[] = {{"[", "", "]"}, {"{\"a\":", "1", "}"}, {"[1,[{},{\"b\":", "[]", "}]]"}};
    static const size_t levels[] = {1, 1, 3};
    static const size_t inner[] = {0, 0, 1}; /* levels of the middle */
    for (size_t i = 0; i < 3; i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        size_t most = (MYL_LIMIT_JSON_DEPTH - inner[i]) / levels[i];
        myl_str good = repeated(&cx, most, cases[i].part, cases[i].middle, cases[i].end);
        const myl_json *tree = json_test_parse(&cx, good);
        assert_str("deepest", json_test_text(&cx, tree), good);
        assert_true(myl_json_equal(tree, json_test_parse(&cx, good)));
        myl_str bad = repeated(&cx, most + 1, cases[i].part, cases[i].middle, cases[i].end);
        assert_int_equal(myl_json_parse(&cx, bad, &tree), MYL_NOT_JSON);
        assert_true(myl_str_starts(cx.error.detail, MYL_S("nested too deeply at byte ")));
        myl_forgive(&cx);
        assert_int_equal(myl_json_parse(&cx, repeated(&cx, 100000, "[", "", ""), &tree),
                         MYL_NOT_JSON);
        myl_ctx_end(&cx);
    }
}

static void value_count(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_text text = MYL_TEXT(&cx);
    myl_text_add_byte(&text, '[');
    for (size_t i = 2; i < MYL_LIMIT_JSON_MEMBERS; i++) /* the array is one of them */
        myl_text_add(&text, MYL_S("1,"));
    myl_text_add(&text, MYL_S("1]"));
    const myl_json *tree = json_test_parse(&cx, myl_text_str(&text));
    assert_int_equal(tree->count, MYL_LIMIT_JSON_MEMBERS - 1);
    text.len--;
    myl_text_add(&text, MYL_S(",1]"));
    assert_int_equal(myl_json_parse(&cx, myl_text_str(&text), &tree), MYL_NOT_JSON);
    assert_true(myl_str_starts(cx.error.detail, MYL_S("too many values at byte ")));
    myl_ctx_end(&cx);
}

/* Objects around the border between the two ways of sorting, in several orders. */
static void many_members(void **state)
{
    MYL_UNUSED(state);
    static const size_t counts[] = {1, 2, 23, 24, 25, 26, 100, 5000};
    static const size_t strides[] = {1, 7919, 104729};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]) * 3; i++) {
        size_t count = counts[i / 3], stride = strides[i % 3];
        myl_ctx cx;
        myl_ctx_begin(&cx);
        myl_text text = MYL_TEXT(&cx);
        for (size_t k = 0; k < count; k++)
            myl_text_addf(&text, "%s\"k%06zu\":%zu", k == 0 ? "{" : ",", k * stride % count, k);
        myl_text duplicate = MYL_TEXT(&cx);
        myl_text_add(&duplicate, myl_text_str(&text));
        myl_text_add(&duplicate, MYL_S(",\"k000000\":0}"));
        myl_text_add_byte(&text, '}');
        const myl_json *tree = json_test_parse(&cx, myl_text_str(&text));
        assert_int_equal(tree->count, count);
        for (size_t k = 0; k < count; k++)
            assert_str("sorted", tree->items[k].key, myl_strf(&cx, "k%06zu", k));
        assert_int_equal(myl_json_parse(&cx, myl_text_str(&duplicate), &tree), MYL_NOT_JSON);
        myl_ctx_end(&cx);
    }
}

static void borrowing(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_str text = MYL_S("{\"plain\":\"as it is\",\"escaped\":\"a\\nb\"}");
    const myl_json *tree = json_test_parse(&cx, text);
    myl_str plain = myl_json_text(tree, MYL_S("plain"));
    assert_true(plain.at > text.at && plain.at < text.at + text.len);
    assert_str("decoded", myl_json_text(tree, MYL_S("escaped")), MYL_S("a\nb"));
    assert_int_equal(myl_json_parse(&cx, MYL_ABSENT, &tree), MYL_NOT_JSON);
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),    cmocka_unit_test(refused),      cmocka_unit_test(depth),
        cmocka_unit_test(value_count), cmocka_unit_test(many_members), cmocka_unit_test(borrowing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
