/* Every table that speaks of rooms or events says how its rows go when their room does.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "room/purge_own.h"

typedef struct {
    const char *name, *key, *value;
} table_row;

static const table_row tables[] = {
#define TABLE(name, form, key, value, owner) {#name, key, value},
#include "store/tables.def"
#undef TABLE
};

static const char *const named[] = {
#define GOES(table, how) #table,
#define STAYS GOES
#include "room/purge.def"
#undef STAYS
#undef GOES
};

static bool is_named(const char *table)
{
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
        if (strcmp(named[i], table) == 0)
            return true;
    return false;
}

static bool speaks(const char *text)
{
    return strstr(text, "room") != NULL || strstr(text, "event") != NULL;
}

static void test_every_table_has_a_way_out(void **state)
{
    (void)state;
    for (int i = 0; i < MYL_TABLE_COUNT; i++) {
        const table_row *row = &tables[i];
        bool by_key =
            myl_room_table_is_keyed((myl_table_id)i) || myl_room_table_is_by_user((myl_table_id)i);

        if (!speaks(row->key) && !speaks(row->value))
            continue;
        if (!by_key && !is_named(row->name))
            fail_msg("%s speaks of rooms or events: name it in src/room/purge.def", row->name);
    }
}

static void test_named_tables_are_there(void **state)
{
    myl_table_id table;

    (void)state;
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
        if (!myl_table_of(myl_str_of(named[i]), &table))
            fail_msg("src/room/purge.def names %s, which is no table", named[i]);
}

static void test_which_keys_lead(void **state)
{
    (void)state;
    assert_true(myl_room_table_is_keyed(MYL_TABLE_RECEIPTS));
    assert_true(myl_room_table_is_keyed(MYL_TABLE_ROOM_HEADS));
    assert_true(myl_room_table_is_by_user(MYL_TABLE_ACCOUNT_DATA));
    assert_false(myl_room_table_is_keyed(MYL_TABLE_ROOM_PURGES));
    assert_false(myl_room_table_is_keyed(MYL_TABLE_EVENTS));
    assert_false(myl_room_table_is_by_user(MYL_TABLE_DEVICES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_table_has_a_way_out),
        cmocka_unit_test(test_named_tables_are_there),
        cmocka_unit_test(test_which_keys_lead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
