/* test_value.c: reading trees, comparing them, making new ones.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "json/json_test.h"

static void reading(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    const myl_json *tree = json_test_parse(
        &cx, MYL_S("{\"text\":\"x\",\"int\":-7,\"big\":1e3,\"yes\":true,\"no\":false,\"null\":null,"
                   "\"list\":[1],\"object\":{\"deep\":1},\"empty\":\"\"}"));
    int64_t integer = 99;
    assert_str("text", myl_json_text(tree, MYL_S("text")), MYL_S("x"));
    assert_true(myl_str_present(myl_json_text(tree, MYL_S("empty"))));
    assert_false(myl_str_present(myl_json_text(tree, MYL_S("int"))));
    assert_false(myl_str_present(myl_json_text(tree, MYL_S("none"))));
    assert_false(myl_str_present(myl_json_text(NULL, MYL_S("text"))));
    assert_false(myl_json_int(tree, MYL_S("big"), &integer));
    assert_false(myl_json_int(tree, MYL_S("text"), &integer));
    assert_int_equal(integer, 99);
    assert_true(myl_json_int(tree, MYL_S("int"), &integer));
    assert_int_equal(integer, -7);
    assert_true(myl_json_bool(tree, MYL_S("yes"), false));
    assert_false(myl_json_bool(tree, MYL_S("no"), true));
    assert_true(myl_json_bool(tree, MYL_S("null"), true));
    assert_int_equal(myl_json_array(tree, MYL_S("list"))->count, 1);
    assert_null(myl_json_array(tree, MYL_S("object")));
    assert_null(myl_json_object(tree, MYL_S("list")));
    assert_non_null(MYL_JSON_AT(myl_json_object(tree, MYL_S("object")), "deep"));
    assert_null(MYL_JSON_AT(MYL_JSON_AT(tree, "list"), "deep"));
    assert_true(myl_json_is(MYL_JSON_AT(tree, "null"), MYL_JSON_NULL));
    assert_false(myl_json_is(NULL, MYL_JSON_NULL));
    myl_ctx_end(&cx);
}

static void equality(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"{\"a\":1,\"b\":[true,null]}", "{\"b\":[true,null],\"a\":1}", true},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"{\"a\":1}", "{\"a\":2}", false},
        {"{\"a\":1}", "{\"a\":1,\"b\":1}", false},
        {"[1,2]", "[2,1]", false},
        {"[[],[]]", "[[],{}]", false},
        {"[[[1]],2]", "[[[1]],2]", true},
        {"1.0", "1.0", true},
        {"1.0", "1.00", false},
        {"1", "1.0", false},
        {"\"1\"", "1", false},
        {"true", "false", false},
        {"\"a\\u0000b\"", "\"a\\u0000c\"", false},
        {"{}", "{}", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        const myl_json *a = json_test_parse(&cx, myl_str_of(cases[i].a));
        const myl_json *b = json_test_parse(&cx, myl_str_of(cases[i].b));
        assert_number(cases[i].a, myl_json_equal(a, b), cases[i].same);
        assert_number(cases[i].b, myl_json_equal(b, a), cases[i].same);
        myl_ctx_end(&cx);
    }
}

static void making(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_json members[3] = {*myl_json_of_int(&cx, 5), *myl_json_of_str(&cx, MYL_S("x")),
                           *myl_json_of_bool(&cx, true)};
    members[0].key = MYL_S("c");
    members[1].key = MYL_S("a");
    members[2].key = MYL_S("b");
    const myl_json *object = myl_json_of_members(&cx, members, 3);
    assert_str("sorted", json_test_text(&cx, object), MYL_S("{\"a\":\"x\",\"b\":true,\"c\":5}"));
    const myl_json *list = myl_json_of_items(&cx, members, 2);
    assert_str("list", json_test_text(&cx, list), MYL_S("[5,\"x\"]"));
    assert_str("nothing", json_test_text(&cx, myl_json_of_items(&cx, NULL, 0)), MYL_S("[]"));
    assert_str("empty", json_test_text(&cx, myl_json_empty_object()), MYL_S("{}"));
    assert_str("absent", json_test_text(&cx, myl_json_of_str(&cx, MYL_ABSENT)), MYL_S("\"\""));
    myl_ctx_end(&cx);
}

static void changing(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_str text = MYL_S("{\"b\":1,\"d\":{\"x\":2}}");
    const myl_json *old = json_test_parse(&cx, text);
    const myl_json *three = myl_json_of_int(&cx, 3);
    static const struct {
        const char *key, *with, *without;
    } cases[] = {
        {"a", "{\"a\":3,\"b\":1,\"d\":{\"x\":2}}", "{\"b\":1,\"d\":{\"x\":2}}"},
        {"b", "{\"b\":3,\"d\":{\"x\":2}}", "{\"d\":{\"x\":2}}"},
        {"c", "{\"b\":1,\"c\":3,\"d\":{\"x\":2}}", "{\"b\":1,\"d\":{\"x\":2}}"},
        {"d", "{\"b\":1,\"d\":3}", "{\"b\":1}"},
        {"e", "{\"b\":1,\"d\":{\"x\":2},\"e\":3}", "{\"b\":1,\"d\":{\"x\":2}}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        myl_str key = myl_str_of(cases[i].key);
        assert_str(cases[i].key, json_test_text(&cx, myl_json_with(&cx, old, key, three)),
                   myl_str_of(cases[i].with));
        assert_str(cases[i].key, json_test_text(&cx, myl_json_without(&cx, old, key)),
                   myl_str_of(cases[i].without));
    }
    assert_str("old one unchanged", json_test_text(&cx, old), text);
    const myl_json *from_nothing = myl_json_with(&cx, NULL, MYL_S("k"), old);
    assert_str("from nothing", json_test_text(&cx, from_nothing),
               MYL_S("{\"k\":{\"b\":1,\"d\":{\"x\":2}}}"));
    assert_str("without, of nothing", json_test_text(&cx, myl_json_without(&cx, NULL, MYL_S("k"))),
               MYL_S("{}"));
    assert_str("last one", json_test_text(&cx, myl_json_without(&cx, from_nothing, MYL_S("k"))),
               MYL_S("{}"));
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),
        cmocka_unit_test(equality),
        cmocka_unit_test(making),
        cmocka_unit_test(changing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
