/* test_rates.c: bursts, steady rates, and the size of the table.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/http_test.h"

#include <stdio.h>
#include <unistd.h>

#include <myelin/base_limit.h>

#include "http/rates.h"

static myl_config config;

/* Ten messages at once, then four a second; switched by `enabled`. */
static http_rates *rates_of(bool enabled)
{
    config.rate_enabled = enabled;
    config.rate_login_per_second = 1000;
    config.rate_login_burst = 1;
    config.rate_registration_per_second = 1000;
    config.rate_registration_burst = 1;
    config.rate_message_per_second = 4000;
    config.rate_message_burst = 10;
    config.rate_join_per_second = 1;
    config.rate_join_burst = 1;
    config.rate_invite_per_second = 1000000000;
    config.rate_invite_burst = 1000000;
    return myl_http_rates_start(&config);
}

static void burst_then_steady(void **state)
{
    http_rates *rates = rates_of(true);

    MYL_UNUSED(state);
    for (int i = 0; i < 10; i++)
        assert_int_equal(myl_http_rate_take(rates, MYL_RATE_MESSAGE, 7, 1000, true), 0);
    int64_t wait = myl_http_rate_take(rates, MYL_RATE_MESSAGE, 7, 1000, true);
    assert_in_range(wait, 250, 251);
    assert_int_equal(myl_http_rate_take(rates, MYL_RATE_MESSAGE, 8, 1000, true),
                     0); /* another user */
    assert_int_equal(myl_http_rate_take(rates, MYL_RATE_INVITE, 7, 1000, true),
                     0); /* another class */
    assert_int_equal(myl_http_rate_take(rates, MYL_RATE_MESSAGE, 7, 1000 + wait, true), 0);
    assert_int_not_equal(myl_http_rate_take(rates, MYL_RATE_MESSAGE, 7, 1000 + wait, true), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(myl_http_rate_take(rates, MYL_RATE_MESSAGE, 7, 1000000, true), 0);
    assert_int_not_equal(myl_http_rate_take(rates, MYL_RATE_MESSAGE, 7, 1000000, true), 0);
    myl_http_rates_end(rates);
}

/* Asking too often does not push the next turn away. */
static void waiting_helps(void **state)
{
    http_rates *rates = rates_of(true);
    int taken = 0;

    MYL_UNUSED(state);
    for (int64_t now = 0; now <= 10000; now += 10)
        taken += myl_http_rate_take(rates, MYL_RATE_MESSAGE, 7, now, true) == 0;
    assert_in_range(taken, 49, 51);
    myl_http_rates_end(rates);
}

static void very_slow_rates(void **state)
{
    http_rates *rates = rates_of(true);

    MYL_UNUSED(state);
    assert_int_equal(myl_http_rate_take(rates, MYL_RATE_JOIN, 7, 0, true), 0);
    int64_t wait = myl_http_rate_take(rates, MYL_RATE_JOIN, 7, 1, true);
    assert_in_range(wait, 999990, 1000001); /* one in a thousand seconds */
    assert_int_equal(myl_http_rate_take(rates, MYL_RATE_JOIN, 7, wait + 2, true), 0);
    myl_http_rates_end(rates);
}

static void switched_off(void **state)
{
    http_rates *rates = rates_of(false);

    MYL_UNUSED(state);
    for (int i = 0; i < 100; i++)
        assert_int_equal(myl_http_rate_take(rates, MYL_RATE_LOGIN, 7, 0, true), 0);
    myl_http_rates_end(rates);
}

/* A stranger with a million addresses neither grows the table nor frees one who was just
 * stopped. */
static void strangers_do_not_grow_it(void **state)
{
    http_rates *rates = rates_of(true);
    int freed = 0;

    MYL_UNUSED(state);
    for (uint64_t i = 0; i < 1000000; i++) {
        if (i % 100 == 0)
            freed += myl_http_rate_take(rates, MYL_RATE_JOIN, 7, (int64_t)i / 100, true) == 0;
        myl_http_rate_take(rates, MYL_RATE_LOGIN, 1000 + i, (int64_t)i / 100, true);
    }
    assert_int_equal(freed, 1 + 10000 / 1000000);
    myl_http_rates_end(rates);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(burst_then_steady),        cmocka_unit_test(waiting_helps),
        cmocka_unit_test(very_slow_rates),          cmocka_unit_test(switched_off),
        cmocka_unit_test(strangers_do_not_grow_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
