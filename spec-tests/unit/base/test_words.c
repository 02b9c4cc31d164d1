/* test_words.c: words of several languages, cut and folded.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base_test.h"

#include <myelin/base_words.h>

static const struct {
    const char *name, *text;
    const char *words[5];
} cases[] = {
    {"plain words", "Alice Wonder", {"alice", "wonder"}},
    {"marks between are no words", "alice_b--c  (d)", {"alice_b", "c", "d"}},
    {"case beyond ASCII", "ÄRGER Straße ΣΊΣΥΦΟΣ", {"ärger", "strasse", "σίσυφοσ"}},
    {"wide forms", "\xef\xbc\xa1\xef\xbc\xa2", {"ab"}},
    {"composed and not", "e\xcc\x81t\xc3\xa9", {"\xc3\xa9t\xc3\xa9"}},
    {"Japanese by dictionary",
     "\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd",
     {"\xe6\x9d\xb1\xe4\xba\xac", "\xe9\x83\xbd"}},
    {"numbers", "bob 42", {"bob", "42"}},
    {"nothing", "", {NULL}},
    {"not UTF-8",
     "a\xff"
     "b",
     {"a", "b"}},
};

static void test_cases(void **state)
{
    MYL_UNUSED(state);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const myl_str *words;
        myl_ctx cx;
        size_t want = 0;

        myl_ctx_begin(&cx);
        while (want < 5 && cases[i].words[want] != NULL)
            want++;
        size_t count = myl_words_of(&cx, myl_str_of(cases[i].text), 5, &words);
        if (count != want)
            fail_msg("%s: %zu words, %zu wanted", cases[i].name, count, want);
        for (size_t n = 0; n < count; n++)
            if (!myl_str_equal(words[n], myl_str_of(cases[i].words[n])))
                fail_msg("%s: word %zu is %.*s", cases[i].name, n, MYL_FMT(words[n]));
        myl_ctx_end(&cx);
    }
}

static void test_most(void **state)
{
    const myl_str *words;
    myl_ctx cx;

    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    assert_int_equal(myl_words_of(&cx, MYL_S("a b c d"), 3, &words), 3);
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_most)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
