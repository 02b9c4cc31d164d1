/* test_id.c: the grammar of identifiers, by cases.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "matrix/matrix_test.h"

#include <myelin/matrix_id.h>

#define HASH "AbcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123-_9"  /* 43 characters */
#define SLASH "Abcdefghijklmnopqrstuvwxyz+BCDEFGHIJ0123/49" /* standard alphabet */

typedef struct {
    const char *id;
    bool good;
} id_case;

static void run(const char *kind, bool (*is_id)(myl_str), const id_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_id(myl_str_of(cases[i].id)) != cases[i].good)
            fail_msg("%s \"%s\": wanted %s", kind, cases[i].id, cases[i].good ? "good" : "bad");
    }
}
#define RUN(is_id, cases) run(#is_id, is_id, cases, sizeof cases / sizeof *cases)

static void servers(void **state)
{
    MYL_UNUSED(state);
    static const id_case cases[] = {
        {"matrix.org", true},
        {"matrix.org:8888", true},
        {"1.2.3.4", true},
        {"1.2.3.4:1234", true},
        {"[1234:5678::abcd]", true},
        {"[1234:5678::abcd]:5678", true},
        {"MATRIX.org", true},
        {"a", true},
        {"", false},
        {"a:", false},
        {"a:123456", false},
        {"a:12x", false},
        {"a_b", false},
        {"a b", false},
        {"[", false},
        {"[]", false},
        {"[1]", false},
        {"[::1", false},
        {"[::g]", false},
        {"[::1]x", false},
        {"[::1]:", false},
        {":80", false},
        {"\xc3\xa9.example", false},
        {"a/b", false},
    };
    RUN(myl_id_is_server, cases);
    char longest[300];
    memset(longest, 'a', sizeof longest);
    assert_true(myl_id_is_server((myl_str){longest, 255}));
    assert_false(myl_id_is_server((myl_str){longest, 256}));
    char wide[50] = "[";
    memset(wide + 1, ':', 46);
    wide[46] = ']';
    assert_true(myl_id_is_server((myl_str){wide, 47}));
    wide[46] = ':';
    wide[47] = ']';
    assert_false(myl_id_is_server((myl_str){wide, 48}));
}

static void users(void **state)
{
    MYL_UNUSED(state);
    static const id_case cases[] = {
        {"@alice:example.org", true},
        {"@:example.org", true},
        {"@A b\x01\xc3\xa9:x", true},
        {"@a:b:80", true},
        {"alice:example.org", false},
        {"@alice", false},
        {"@alice:", false},
        {"@a:b_c", false},
        {"@a:b:c", false},
        {"", false},
        {"@", false},
        {"@\xff:x", false},
    };
    RUN(myl_id_is_user, cases);
    assert_false(myl_id_is_user((myl_str){"@a\0b:x", 6}));
    assert_false(myl_id_is_user(MYL_ABSENT));
    myl_ctx cx;
    myl_ctx_begin(&cx);
    /* 255 bytes, not characters */
    myl_str longest = myl_strf(&cx, "@%0250d:x.y", 0);
    assert_number("length", longest.len, 255);
    assert_true(myl_id_is_user(longest));
    assert_false(myl_id_is_user(myl_strf(&cx, "@%0248d\xc3\xa9z:x.y", 0)));
    myl_ctx_end(&cx);
}

static void new_localparts(void **state)
{
    MYL_UNUSED(state);
    static const id_case cases[] = {
        {"alice", true}, {"a.b_c=d-e/f+9", true}, {"", false},         {"Alice", false},
        {"a b", false},  {"a:b", false},          {"\xc3\xa9", false}, {"a!", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_number(cases[i].id,
                      myl_id_is_new_localpart(myl_str_of(cases[i].id), MYL_S("example.org")),
                      cases[i].good);
    assert_false(myl_id_is_new_localpart((myl_str){"a\0b", 3}, MYL_S("x")));
    char name[300];
    memset(name, 'a', sizeof name);
    assert_true(myl_id_is_new_localpart((myl_str){name, 250}, MYL_S("x.y")));
    assert_false(myl_id_is_new_localpart((myl_str){name, 251}, MYL_S("x.y")));
}

static void rooms(void **state)
{
    MYL_UNUSED(state);
    static const id_case cases[] = {
        {"!r:x", true},  {"!" HASH, true}, {"!" SLASH, false}, {"!" HASH "a", false},
        {"!:x", false},  {"!r", false},    {"r:x", false},     {"!r:", false},
        {"#r:x", false}, {"!", false},     {"", false},
    };
    RUN(myl_id_is_room, cases);
}

static void opaque(void **state)
{
    MYL_UNUSED(state);
    static const id_case cases[] = {
        {"a", true},    {"Az09-._~", true}, {"", false},
        {"a b", false}, {"a/b", false},     {"\xc3\xa9", false},
    };
    RUN(myl_id_is_opaque, cases);
}

static void aliases(void **state)
{
    MYL_UNUSED(state);
    static const id_case cases[] = {
        {"#r:x", true}, {"#\xc3\xa9 y:x", true}, {"#:x", false}, {"#r", false}, {"!r:x", false},
    };
    RUN(myl_id_is_alias, cases);
}

static void events(void **state)
{
    MYL_UNUSED(state);
    static const id_case cases[] = {
        {"$e:x", true}, {"$" HASH, true}, {"$" SLASH, true}, {"$" HASH "a", false}, {"$:x", false},
        {"$e", false},  {"e:x", false},   {"$", false},      {"", false},           {"$e:", false},
    };
    RUN(myl_id_is_event, cases);
}

static void parts(void **state)
{
    MYL_UNUSED(state);
    assert_str("domain", myl_id_domain(MYL_S("@a:b:80")), MYL_S("b:80"));
    assert_str("localpart", myl_id_localpart(MYL_S("@a:b:80")), MYL_S("a"));
    assert_str("empty localpart", myl_id_localpart(MYL_S("@:b")), MYL_S(""));
    assert_false(myl_str_present(myl_id_domain(MYL_S("$hash"))));
    assert_false(myl_str_present(myl_id_localpart(MYL_S("$hash"))));
    assert_false(myl_str_present(myl_id_localpart(MYL_S(":b"))));
    assert_true(myl_id_is_ours(MYL_S("@a:b"), MYL_S("b")));
    assert_false(myl_id_is_ours(MYL_S("@a:B"), MYL_S("b")));
    assert_false(myl_id_is_ours(MYL_S("$hash"), MYL_S("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers), cmocka_unit_test(users),  cmocka_unit_test(new_localparts),
        cmocka_unit_test(rooms),   cmocka_unit_test(opaque), cmocka_unit_test(aliases),
        cmocka_unit_test(events),  cmocka_unit_test(parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
