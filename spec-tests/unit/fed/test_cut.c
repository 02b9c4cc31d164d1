/* test_cut.c: pieces of JSON texts that a stranger wrote.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/base_test.h"

#include "fed/rooms_own.h"

static void members_are_found(void **state)
{
    static const struct {
        const char *name, *json, *key, *want; /* want NULL: absent */
    } rows[] = {
        {"first", "{\"a\":1,\"b\":2}", "a", "1"},
        {"last", "{\"a\":1,\"b\":[1,{\"c\":\"]}\"}]}", "b", "[1,{\"c\":\"]}\"}]"},
        {"blanks", " { \"a\" : { } , \"b\" :\t\"x\\\"y\" } ", "b", "\"x\\\"y\""},
        {"not deeper", "{\"a\":{\"b\":1}}", "b", NULL},
        {"broken before", "{\"a\":\"x, \"b\":1}", "b", NULL},
        {"no object", "[1]", "a", NULL},
        {"empty", "", "a", NULL},
        {"cut", "{\"a\":[1,2", "a", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_str(rows[i].name,
                   myl_fed_cut_member(myl_str_of(rows[i].json), myl_str_of(rows[i].key)),
                   myl_str_of(rows[i].want));
}

static void items_are_cut(void **state)
{
    static const struct {
        const char *name, *json;
        bool good;
        size_t count;
        const char *last;
    } rows[] = {
        {"none", "[]", true, 0, ""},
        {"three", "[1, {\"a\":[\"]\"]} ,\"x\"]", true, 3, "\"x\""},
        {"not ended", "[1,2", false, 2, "2"},
        {"no list", "{}", false, 0, ""},
        {"string not ended", "[\"a", false, 0, ""},
        {"comma missing", "[{} {}]", false, 1, "{}"},
    };
    myl_ctx cx;

    (void)state;
    myl_ctx_begin(&cx);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        myl_list items = MYL_LIST(&cx, myl_str);

        assert_number(rows[i].name, myl_fed_cut_items(myl_str_of(rows[i].json), &items),
                      rows[i].good);
        assert_number(rows[i].name, items.count, rows[i].count);
        if (items.count > 0)
            assert_str(rows[i].name, myl_list_get(&items, myl_str, items.count - 1),
                       myl_str_of(rows[i].last));
    }
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found),
        cmocka_unit_test(items_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
