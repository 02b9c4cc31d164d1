/* test_token.c: tokens of /sync: what is written is read back, and nothing else is taken.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <myelin/sync_token.h>

static const struct {
    const char *name;
    const char *text;
    myl_sync_token token;
} good[] = {
    {"all given", "s1_50_7.3", {1, 50, 7, 3, 50}},
    {"messages to the device are left", "s1_50_7.3_41", {1, 50, 7, 3, 41}},
    {"nothing given yet", "s1_50_7.3_0", {1, 50, 7, 3, 0}},
    {"the largest", "s18446744073709551615_1_2.3", {UINT64_MAX, 1, 2, 3, 1}},
};

static const char *const bad[] = {
    "",
    "s",
    "s1",
    "s1_2_3",
    "s1_2_3.",
    "s1_2_3.4_",
    "s1_2_3.4.",
    "s1_2_3.4_5_",
    "x1_2_3.4",
    "s1_2_3.4_5x",
    "s-1_2_3.4",
    "s1_2_3.4 ",
    "s1__3.4",
    "s1_2_3,4",
    "s1_2_3.4_x",
    "p5_6",
    "s1_2_3.4_-1",
    "s18446744073709551616_1_2.3",
};

static void what_is_written_is_read(void **state)
{
    myl_ctx cx;

    (void)state;
    myl_ctx_begin(&cx);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        myl_sync_token read;

        assert_int_equal(myl_sync_token_read(&cx, myl_str_of(good[i].text), "since", &read),
                         MYL_OK);
        assert_memory_equal(&read, &good[i].token, sizeof(read));
        assert_true(myl_str_equal(myl_sync_token_write(&cx, read), myl_str_of(good[i].text)));
    }
    myl_ctx_end(&cx);
}

static void nothing_else_is_taken(void **state)
{
    myl_ctx cx;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        myl_sync_token read;

        myl_ctx_begin(&cx);
        if (myl_sync_token_read(&cx, myl_str_of(bad[i]), "since", &read) != MYL_INVALID_PARAM)
            fail_msg("%s was taken", bad[i]);
        assert_false(myl_sync_token_is(myl_str_of(bad[i])));
        myl_ctx_end(&cx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(nothing_else_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
