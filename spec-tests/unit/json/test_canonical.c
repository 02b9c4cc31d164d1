/* test_canonical.c: the canonical form: spec-tests/vectors/canonical_json.json and its edges.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "json/json_test.h"

static myl_json_form form_of(myl_str name)
{
    if (myl_str_equal(name, MYL_S("loose")))
        return MYL_JSON_LOOSE;
    return myl_str_equal(name, MYL_S("normal")) ? MYL_JSON_NORMAL : MYL_JSON_STRICT;
}

static void run_vector(const myl_json *vector)
{
    myl_ctx cx;
    myl_ctx_begin(&cx);
    char *name = myl_cstr(&cx, myl_json_text(vector, MYL_S("name")));
    myl_json_form form = form_of(myl_json_text(vector, MYL_S("form")));
    myl_str refused = myl_json_text(vector, MYL_S("refused"));
    const myl_json *tree = json_test_parse(&cx, myl_json_text(vector, MYL_S("input")));
    myl_text out = MYL_TEXT(&cx);
    myl_text_add(&out, MYL_S("before"));
    myl_rc rc = myl_json_canonical(&cx, tree, form, &out);
    assert_number(name, rc, myl_str_present(refused) ? MYL_BAD_JSON : MYL_OK);
    if (rc != MYL_OK) {
        assert_str(name, cx.error.detail, refused);
        assert_str(name, myl_text_str(&out), MYL_S("before")); /* cut back */
    } else {
        myl_str canonical = myl_json_text(vector, MYL_S("canonical"));
        assert_str(name, myl_str_slice(myl_text_str(&out), 6, SIZE_MAX), canonical);
    }
    myl_forgive(&cx);
    assert_number(name, myl_json_check(&cx, tree, form), rc);
    myl_ctx_end(&cx);
}

static void vectors(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    const myl_json *all = json_test_vectors(&cx, "canonical_json.json");
    assert_true(all->count > 20);
    for (size_t i = 0; i < all->count; i++)
        run_vector(&all->items[i]);
    myl_ctx_end(&cx);
}

static void strings_that_are_not_utf8(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        myl_str text, written;
    } cases[] = {
        {MYL_S_INIT("a\xff"
                    "b"),
         MYL_S_INIT("\"a\xef\xbf\xbd"
                    "b\"")},
        {MYL_S_INIT("\xe6\x97"), MYL_S_INIT("\"\xef\xbf\xbd\xef\xbf\xbd\"")},
        {MYL_S_INIT("\n\x80\n"), MYL_S_INIT("\"\\n\xef\xbf\xbd\\n\"")},
        {MYL_S_INIT(""), MYL_S_INIT("\"\"")},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        myl_text out = MYL_TEXT(&cx);
        myl_json_write_str(&out, cases[i].text);
        assert_str(cases[i].text.at, myl_text_str(&out), cases[i].written);
        myl_ctx_end(&cx);
    }
}

/* The path of a refusal is cut to a bounded length at a character's end. */
static void long_paths(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_text text = MYL_TEXT(&cx);
    myl_text_add(&text, MYL_S("{\""));
    for (int i = 0; i < 500; i++)
        myl_text_add(&text, MYL_S("\xe6\x97\xa5"));
    myl_text_add(&text, MYL_S("\":{\"b\":0.5}}"));
    const myl_json *tree = json_test_parse(&cx, myl_text_str(&text));
    assert_int_equal(myl_json_check(&cx, tree, MYL_JSON_STRICT), MYL_BAD_JSON);
    assert_true(cx.error.detail.len < 300);
    assert_true(myl_str_is_utf8(cx.error.detail));
    assert_true(myl_str_ends(cx.error.detail, MYL_S(": expected an integer")));
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(strings_that_are_not_utf8),
        cmocka_unit_test(long_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
