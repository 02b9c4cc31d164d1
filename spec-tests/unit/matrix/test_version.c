/* test_version.c: the table of room versions against what the specification says of each.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "matrix/matrix_test.h"

/* The first version that has a property: 13 for none; `until` the last. */
typedef struct {
    const char *name;
    size_t offset;
    int first, last;
} property;

#define PROPERTY(name, first, last)                                                                \
    {                                                                                              \
#name, offsetof(myl_room_version, name), first, last                                       \
    }

static void flags(void **state)
{
    MYL_UNUSED(state);
    static const property properties[] = {
        PROPERTY(strict_json, 6, 12),
        PROPERTY(pair_references, 1, 2),
        PROPERTY(aliases_rule, 1, 5),
        PROPERTY(redaction_rule, 1, 2),
        PROPERTY(redacts_in_content, 11, 12),
        PROPERTY(creator_in_content, 1, 10),
        PROPERTY(knock, 7, 12),
        PROPERTY(restricted, 8, 12),
        PROPERTY(knock_restricted, 10, 12),
        PROPERTY(notifications_rule, 6, 12),
        PROPERTY(room_id_is_create, 12, 12),
        PROPERTY(creators_unlimited, 12, 12),
        PROPERTY(key_validity, 5, 12),
        PROPERTY(byte_limits, 11, 12),
        PROPERTY(owned_state, 13, 13),
        PROPERTY(unstable, 13, 13),
    };
    for (int version = 1; version <= 12; version++) {
        const myl_room_version *row = myl_room_version_at((size_t)version - 1);
        for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) {
            const property *p = &properties[i];
            bool has = *(const bool *)((const char *)row + p->offset);
            if (has != (version >= p->first && version <= p->last))
                fail_msg("version %d: %s is %d", version, p->name, has);
        }
    }
}

static void forms(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *name;
        int id, state_res, redaction, levels, page;
    } rows[] = {
        {"1", MYL_EVENT_ID_GIVEN, MYL_STATE_RES_V1, MYL_REDACTION_V1, MYL_LEVELS_LOOSE,
         MYL_RULES_V1},
        {"2", MYL_EVENT_ID_GIVEN, MYL_STATE_RES_V2, MYL_REDACTION_V1, MYL_LEVELS_LOOSE,
         MYL_RULES_V1},
        {"3", MYL_EVENT_ID_HASH_STANDARD, MYL_STATE_RES_V2, MYL_REDACTION_V1, MYL_LEVELS_LOOSE,
         MYL_RULES_V3},
        {"4", MYL_EVENT_ID_HASH_URL, MYL_STATE_RES_V2, MYL_REDACTION_V1, MYL_LEVELS_LOOSE,
         MYL_RULES_V3},
        {"5", MYL_EVENT_ID_HASH_URL, MYL_STATE_RES_V2, MYL_REDACTION_V1, MYL_LEVELS_LOOSE,
         MYL_RULES_V3},
        {"6", MYL_EVENT_ID_HASH_URL, MYL_STATE_RES_V2, MYL_REDACTION_V6, MYL_LEVELS_STRINGS,
         MYL_RULES_V6},
        {"7", MYL_EVENT_ID_HASH_URL, MYL_STATE_RES_V2, MYL_REDACTION_V6, MYL_LEVELS_STRINGS,
         MYL_RULES_V7},
        {"8", MYL_EVENT_ID_HASH_URL, MYL_STATE_RES_V2, MYL_REDACTION_V8, MYL_LEVELS_STRINGS,
         MYL_RULES_V8},
        {"9", MYL_EVENT_ID_HASH_URL, MYL_STATE_RES_V2, MYL_REDACTION_V9, MYL_LEVELS_STRINGS,
         MYL_RULES_V8},
        {"10", MYL_EVENT_ID_HASH_URL, MYL_STATE_RES_V2, MYL_REDACTION_V9, MYL_LEVELS_INTEGERS,
         MYL_RULES_V10},
        {"11", MYL_EVENT_ID_HASH_URL, MYL_STATE_RES_V2, MYL_REDACTION_V11, MYL_LEVELS_INTEGERS,
         MYL_RULES_V11},
        {"12", MYL_EVENT_ID_HASH_URL, MYL_STATE_RES_V21, MYL_REDACTION_V11, MYL_LEVELS_INTEGERS,
         MYL_RULES_V12},
    };
    assert_number("versions", myl_room_version_count(), 13);
    for (size_t i = 0; i < 12; i++) {
        const myl_room_version *row = myl_room_version_find(myl_str_of(rows[i].name));
        assert_ptr_equal(row, myl_room_version_at(i));
        assert_number(rows[i].name, row->event_id, rows[i].id);
        assert_number(rows[i].name, row->state_res, rows[i].state_res);
        assert_number(rows[i].name, row->redaction, rows[i].redaction);
        assert_number(rows[i].name, row->levels, rows[i].levels);
        assert_number(rows[i].name, row->page, rows[i].page);
    }
}

/* Version 10 but for owned state. */
static void owned_state(void **state)
{
    MYL_UNUSED(state);
    const myl_room_version *row = myl_room_version_find(MYL_S("org.matrix.msc3757.10"));
    myl_room_version expected = *myl_room_version_find(MYL_S("10"));
    expected.name = row->name;
    expected.owned_state = expected.unstable = true;
    assert_ptr_equal(row, myl_room_version_at(12));
    assert_memory_equal(row, &expected, sizeof expected);
}

static void unknown(void **state)
{
    MYL_UNUSED(state);
    assert_null(myl_room_version_find(MYL_S("13")));
    assert_null(myl_room_version_find(MYL_S("01")));
    assert_null(myl_room_version_find(MYL_S("")));
    assert_null(myl_room_version_find(MYL_ABSENT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags),
        cmocka_unit_test(forms),
        cmocka_unit_test(owned_state),
        cmocka_unit_test(unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
