/* test_clock.c: the clocks, held and moved; fault points.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base_test.h"

#include <time.h>

#include <myelin/base_clock.h>

static void real_time(void **state)
{
    MYL_UNUSED(state);
    int64_t now = myl_now_ms(), outside = (int64_t)time(NULL) * 1000;
    assert_true(now > outside - 60000 && now < outside + 60000);
    int64_t before = myl_tick_ms(), before_ns = myl_tick_ns();
    assert_true(myl_tick_ms() >= before);
    assert_true(myl_tick_ns() >= before_ns);
}

static void held_and_moved(void **state)
{
    MYL_UNUSED(state);
    int64_t tick = myl_tick_ms(), tick_ns = myl_tick_ns();
    myl_clock_hold(1000000);
    assert_int_equal(myl_now_ms(), 1000000);
    assert_int_equal(myl_now_ms(), 1000000);
    myl_clock_advance(500);
    assert_int_equal(myl_now_ms(), 1000500);
    assert_true(myl_tick_ms() >= tick + 500);
    assert_true(myl_tick_ns() < tick_ns + 60000000000); /* never fake */
    myl_clock_release();
    assert_true(myl_now_ms() > 1600000000000);
    int64_t now = myl_now_ms();
    myl_clock_advance(3600000); /* moves also when not held */
    assert_true(myl_now_ms() >= now + 3600000);
    assert_true(myl_tick_ms() >= tick + 3600500);
    myl_clock_release();
    assert_true(myl_now_ms() < now + 600000);
    assert_true(myl_tick_ms() >= tick + 3600500); /* monotonic stays moved */
}

static void faults(void **state)
{
    MYL_UNUSED(state);
    assert_false(myl_fault_arm("NO_SUCH_POINT", 1));
    assert_int_equal(myl_fault_hits("NO_SUCH_POINT"), 0);
    assert_false(myl_fault_hit(MYL_FAULT_STORE_PUT));
    assert_int_equal(myl_fault_hits("STORE_PUT"), 1);
    assert_true(myl_fault_arm("STORE_PUT", 3));
    assert_false(myl_fault_hit(MYL_FAULT_STORE_PUT));
    assert_false(myl_fault_hit(MYL_FAULT_STORE_PUT));
    assert_false(myl_fault_hit(MYL_FAULT_STORE_COMMIT));
    assert_true(myl_fault_hit(MYL_FAULT_STORE_PUT));
    assert_false(myl_fault_hit(MYL_FAULT_STORE_PUT)); /* once only */
    assert_int_equal(myl_fault_hits("STORE_PUT"), 5);
    assert_true(myl_fault_arm("STORE_PUT", 1));
    assert_true(myl_fault_arm("STORE_PUT", 0));
    assert_false(myl_fault_hit(MYL_FAULT_STORE_PUT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_time),
        cmocka_unit_test(held_and_moved),
        cmocka_unit_test(faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
