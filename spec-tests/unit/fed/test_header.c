/* test_header.c: the X-Matrix header, by cases.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/base_test.h"

#include "fed/fed_own.h"

typedef struct {
    const char *name, *header;
    const char *origin, *destination, *key, *signature; /* origin NULL: refused */
} header_case;

static const header_case cases[] = {
    {"quoted", "X-Matrix origin=\"a.org\",destination=\"b.org\",key=\"ed25519:1\",sig=\"AB+/\"",
     "a.org", "b.org", "ed25519:1", "AB+/"},
    {"bare, colons too", "X-Matrix origin=a.org:80,key=ed25519:1,sig=AB/=", "a.org:80", NULL,
     "ed25519:1", "AB/="},
    {"blanks", "x-matrix \t origin = \"a\" ,\t key=k , sig=\ts ,", "a", NULL, "k", "s"},
    {"empty elements", "X-Matrix ,,origin=a,,key=k,sig=s,,", "a", NULL, "k", "s"},
    {"names in any case, the long name", "X-Matrix ORIGIN=a,Key=k,Signature=s", "a", NULL, "k",
     "s"},
    {"escapes", "X-Matrix origin=\"a\\\"\\\\b\\c\",key=k,sig=s", "a\"\\bc", NULL, "k", "s"},
    {"a comma in quotes", "X-Matrix origin=\"a,key=x\",key=k,sig=s", "a,key=x", NULL, "k", "s"},
    {"unknown parameters", "X-Matrix x=1,origin=a,y=\"2\",key=k,sig=s", "a", NULL, "k", "s"},
    {"a literal", "X-Matrix origin=[::1]:1,key=k,sig=s", "[::1]:1", NULL, "k", "s"},
    {"another scheme", "Bearer abc", NULL, NULL, NULL, NULL},
    {"a longer scheme", "X-Matrixx origin=a,key=k,sig=s", NULL, NULL, NULL, NULL},
    {"nothing", "X-Matrix", NULL, NULL, NULL, NULL},
    {"no origin", "X-Matrix key=k,sig=s", NULL, NULL, NULL, NULL},
    {"no key", "X-Matrix origin=a,sig=s", NULL, NULL, NULL, NULL},
    {"no signature", "X-Matrix origin=a,key=k", NULL, NULL, NULL, NULL},
    {"twice", "X-Matrix origin=a,origin=b,key=k,sig=s", NULL, NULL, NULL, NULL},
    {"both names of one", "X-Matrix origin=a,key=k,sig=s,signature=t", NULL, NULL, NULL, NULL},
    {"an open quote", "X-Matrix origin=\"a,key=k,sig=s", NULL, NULL, NULL, NULL},
    {"an open escape", "X-Matrix origin=\"a\\", NULL, NULL, NULL, NULL},
    {"no comma", "X-Matrix origin=a key=k,sig=s", NULL, NULL, NULL, NULL},
    {"no value", "X-Matrix origin=,key=k,sig=s", NULL, NULL, NULL, NULL},
    {"no equals", "X-Matrix origin,key=k,sig=s", NULL, NULL, NULL, NULL},
    {"something behind a quote", "X-Matrix origin=\"a\"b,key=k,sig=s", NULL, NULL, NULL, NULL},
};

static void reading(void **state)
{
    myl_ctx cx;

    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const header_case *one = &cases[i];
        myl_fed_credentials got;
        bool reads = myl_fed_header_read(&cx, myl_str_of(one->header), &got);
        assert_number(one->name, reads, one->origin != NULL);
        if (!reads)
            continue;
        assert_str(one->name, got.origin, myl_str_of(one->origin));
        assert_str(one->name, got.destination, myl_str_of(one->destination));
        assert_str(one->name, got.key, myl_str_of(one->key));
        assert_str(one->name, got.signature, myl_str_of(one->signature));
    }
    myl_ctx_end(&cx);
}

static void too_long(void **state)
{
    myl_ctx cx;
    myl_fed_credentials got;

    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    myl_text header = MYL_TEXT(&cx);
    myl_text_add(&header, MYL_S("X-Matrix origin=a,key=k,sig="));
    while (header.len < MYL_LIMIT_FED_HEADER_BYTES)
        myl_text_add_byte(&header, 'A');
    assert_number("at the limit", myl_fed_header_read(&cx, myl_text_str(&header), &got), true);
    myl_text_add_byte(&header, 'A');
    assert_number("over it", myl_fed_header_read(&cx, myl_text_str(&header), &got), false);
    myl_ctx_end(&cx);
}

static void what_is_signed(void **state)
{
    fed_signed_parts parts = {.method = "PUT", .origin = MYL_S("a"), .uri = MYL_S("/x?y=\"")};
    myl_ctx cx;

    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    assert_str("least", myl_fed_signed_text(&cx, &parts),
               MYL_S("{\"method\":\"PUT\",\"origin\":\"a\",\"uri\":\"/x?y=\\\"\"}"));
    parts.destination = MYL_S("b");
    parts.content = MYL_S("{}");
    assert_str(
        "all", myl_fed_signed_text(&cx, &parts),
        MYL_S("{\"content\":{},\"destination\":\"b\",\"method\":\"PUT\",\"origin\":\"a\",\"uri\":"
              "\"/x?y=\\\"\"}"));
    myl_ctx_end(&cx);
}

static void paths(void **state)
{
    const myl_str parts[] = {MYL_S("!a/b:c d"), MYL_S("$\xc3\xa9~")};
    myl_ctx cx;

    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    assert_str("encoded", myl_fed_path(&cx, "/x/{}/y?z={}&{", parts, 2),
               MYL_S("/x/%21a%2Fb%3Ac%20d/y?z=%24%C3%A9~&{"));
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),
        cmocka_unit_test(too_long),
        cmocka_unit_test(what_is_signed),
        cmocka_unit_test(paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
