/* test_auth_table.c: the rules that test builds can leave out: every name works, and each changes a verdict.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/judged_room.h"

#include <myelin/base_list.h>
#include <myelin/rules_mutate.h>

#include "rules/rules_own.h"

#ifdef MYL_MUTATIONS
static void names(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_map *seen = myl_map_start(&cx, 256);
    size_t steps = 0, count = 0;
    for (;; count++) {
        myl_str name = myl_rules_mutation_at(&cx, count);
        if (!myl_str_present(name))
            break;
        assert_false(myl_map_has(seen, name));
        *myl_map_slot(seen, name) = &cx;
        assert_true(myl_rules_mutate(&cx, name));
        steps += myl_str_starts(name, MYL_S("RESOLVE_"));
    }
    assert_true(count > 80);
    assert_number("steps", steps, MYL_RESOLVE_STEPS);
    assert_false(myl_str_present(myl_rules_mutation_at(&cx, count + 1)));
    assert_true(myl_map_has(seen, MYL_S("JOIN_BANNED")));
    assert_true(myl_map_has(seen, MYL_S("JOIN_INVITED@7")));
    assert_false(myl_map_has(seen, MYL_S("JOIN_INVITED")));
    assert_false(myl_rules_mutate(&cx, MYL_S("JOIN_INVITED@2")));
    assert_false(myl_rules_mutate(&cx, MYL_S("x")));
    assert_true(myl_rules_mutate(&cx, MYL_ABSENT));
    myl_ctx_end(&cx);
}

/* A rejecting rule passes on, an allowing one is skipped, and only on the pages of the group. */
static void left_out(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *mutation;
        judged_case c;
    } mutants[] = {
        {NULL,
         {"banned", "rule public|ban bob", "member", "bob", "bob", "{\"membership\":\"join\"}",
          false, "11:4.3.3"}},
        {"JOIN_BANNED",
         {"banned", "rule public|ban bob", "member", "bob", "bob", "{\"membership\":\"join\"}",
          true, "11:4.3.6 1:5.2.5"}},
        {"JOIN_INVITED@7",
         {"invited", "invite bob", "member", "bob", "bob", "{\"membership\":\"join\"}", false,
          "7:4.2.6 11:4.3.7"}},
        {"JOIN_INVITED@7",
         {"invited", "invite bob", "member", "bob", "bob", "{\"membership\":\"join\"}", true,
          "1:5.2.4 6:4.2.4"}},
        {"JOIN_INVITED@1",
         {"invited", "invite bob", "member", "bob", "bob", "{\"membership\":\"join\"}", false,
          "1:5.2.6 6:4.2.6"}},
        {"LEAVE_SELF@7",
         {"leave", "invite bob", "member", "bob", "bob", "{\"membership\":\"leave\"}", false,
          "7:4.4.2"}},
        {"OTHERWISE", {"message", "", "m.room.message", "alice", NULL, "{}", false, "11: 12:"}},
        {"CREATE_OTHERWISE",
         {"lonely create", "", "create", "alice", "", "{\"creator\":\"@alice:one\"}", true,
          "11:10"}},
        {"ROOM_CREATED",
         {"no create", "nocreate", "m.room.message", "alice", NULL, "{}", true, "12:11"}},
        {"LIST_NO_CREATE",
         {"no create", "nocreate", "m.room.message", "alice", NULL, "{}", true, "11:10"}},
    };
    myl_ctx cx;
    myl_ctx_begin(&cx);
    for (size_t i = 0; i < sizeof mutants / sizeof *mutants; i++) {
        assert_true(myl_rules_mutate(&cx, myl_str_of(mutants[i].mutation)));
        judged_run(&mutants[i].c, 1);
    }
    assert_true(myl_rules_mutate(&cx, MYL_ABSENT));
    myl_ctx_end(&cx);
}

static void steps(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    assert_false(MYL_STEP_LEFT_OUT(MAINLINE));
    assert_true(myl_rules_mutate(&cx, MYL_S("RESOLVE_MAINLINE")));
    assert_true(MYL_STEP_LEFT_OUT(MAINLINE));
    assert_false(MYL_STEP_LEFT_OUT(OVERLAY));
    assert_true(myl_rules_mutate(&cx, MYL_ABSENT));
    assert_false(MYL_STEP_LEFT_OUT(MAINLINE));
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(left_out),
        cmocka_unit_test(steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
/* Builds without mutations carry none of it. */
static void nothing_left_out(void **state)
{
    MYL_UNUSED(state);
    assert_false(MYL_STEP_LEFT_OUT(MAINLINE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_left_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
