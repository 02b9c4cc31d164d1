/* test_target.c: percent-decoding and query strings.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/http_test.h"

#include "http/target.h"

typedef struct {
    const char *name, *raw, *want; /* want NULL: refused */
    bool plus;
} decode_case;

static const decode_case decodes[] = {
    {"plain", "abc", "abc", false},
    {"empty", "", "", false},
    {"slash", "%23a%2Fb%3Ax", "#a/b:x", false},
    {"lower-case digits", "%e2%82%ac", "\xe2\x82\xac", false},
    {"plus stays in paths", "a+b", "a+b", false},
    {"plus is a blank in queries", "a+b%2Bc", "a b+c", true},
    {"percent alone", "100%", NULL, false},
    {"one digit", "%4", NULL, false},
    {"no digits", "%zz", NULL, false},
    {"sign is no digit", "%+1", NULL, false},
    {"NUL", "a%00b", NULL, false},
    {"not UTF-8, encoded", "%ff", NULL, false},
    {"not UTF-8, raw", "\xc3", NULL, false},
    {"surrogate", "%ED%A0%80", NULL, false},
    {"decoded once only", "%2525", "%25", false},
};

static void decodes_parts(void **state)
{
    myl_ctx cx;

    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    for (size_t i = 0; i < sizeof(decodes) / sizeof(decodes[0]); i++) {
        const decode_case *one = &decodes[i];
        myl_str got;
        bool good = myl_http_decode(&cx, myl_str_of(one->raw), one->plus, &got);
        if (good != (one->want != NULL))
            fail_msg("%s: got %d", one->name, good);
        if (good)
            assert_text_equal(got, one->want);
    }
    myl_ctx_end(&cx);
}

static void splits_targets(void **state)
{
    myl_str path;
    myl_str query;

    MYL_UNUSED(state);
    myl_http_target_split(MYL_S("/a/b?c=d?e"), &path, &query);
    assert_text_equal(path, "/a/b");
    assert_text_equal(query, "c=d?e");
    myl_http_target_split(MYL_S("/a"), &path, &query);
    assert_text_equal(path, "/a");
    assert_false(myl_str_present(query));
    myl_http_target_split(MYL_S("/a?"), &path, &query);
    assert_true(myl_str_present(query));
    assert_int_equal(query.len, 0);
}

static void walks_queries(void **state)
{
    static const char *const want[][2] = {
        {"a", "1"}, {"b", ""}, {"c", ""}, {"", "x"}, {"a", "2=3"}};
    size_t at = 0;
    size_t count = 0;
    myl_str name;
    myl_str value;

    MYL_UNUSED(state);
    while (myl_http_query_next(MYL_S("a=1&&b&c=&=x&a=2=3&"), &at, &name, &value)) {
        assert_true(count < 5);
        assert_text_equal(name, want[count][0]);
        assert_text_equal(value, want[count][1]);
        count++;
    }
    assert_int_equal(count, 5);
}

static void compares_decoded(void **state)
{
    MYL_UNUSED(state);
    assert_true(myl_http_decodes_to(MYL_S("rooms"), MYL_S("rooms")));
    assert_true(myl_http_decodes_to(MYL_S("%72oom%73"), MYL_S("rooms")));
    assert_false(myl_http_decodes_to(MYL_S("%72oom"), MYL_S("rooms")));
    assert_false(myl_http_decodes_to(MYL_S("rooms%20"), MYL_S("rooms")));
    assert_false(myl_http_decodes_to(MYL_S("room%7"), MYL_S("rooms")));
    assert_false(myl_http_decodes_to(MYL_S("ro"), MYL_S("rooms")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_parts),
        cmocka_unit_test(splits_targets),
        cmocka_unit_test(walks_queries),
        cmocka_unit_test(compares_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
