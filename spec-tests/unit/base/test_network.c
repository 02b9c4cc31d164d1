/* test_network.c: addresses and networks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <myelin/base_network.h>

static void membership(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *network, *address;
        bool inside;
    } cases[] = {
        {"10.0.0.0/8", "10.255.1.2", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"192.0.2.128/25", "192.0.2.200", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},
        {"0.0.0.0/0", "203.0.113.1", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"fd00::/8", "fdff::1", true},
        {"fd00::/8", "fe00::1", false},
        {"::/0", "10.0.0.1", true},
        {"::1", "::1", true},
        {"10.0.0.0/8", "::ffff:10.1.1.1", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        myl_network network;
        myl_address address;
        assert_true(myl_network_of(myl_str_of(cases[i].network), &network));
        assert_true(myl_address_of(myl_str_of(cases[i].address), &address));
        assert_number(cases[i].network, myl_network_has(&network, &address), cases[i].inside);
    }
}

static void refusals(void **state)
{
    MYL_UNUSED(state);
    static const char *const bad[] = {"",           "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.1/8",
                                      "::1/129",    "10.0.0",      "fd00::1/8",   "localhost",
                                      "10.0.0.0/",  "/8",          "[::1]",       "10.0.0.0/8/8",
                                      "fe80::1%lo", "10.0.0.0/ 8"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        myl_network network;
        assert_number(bad[i], myl_network_of(myl_str_of(bad[i]), &network), false);
    }
    myl_address address;
    assert_false(myl_address_of(MYL_S("1.2.3.4\0"), &address));
    assert_false(myl_address_of(MYL_ABSENT, &address));
}

static void sockets(void **state)
{
    MYL_UNUSED(state);
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    assert_int_equal(inet_pton(AF_INET, "192.0.2.7", &four.sin_addr), 1);
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::7", &six.sin6_addr), 1);
    myl_address got, want;
    assert_true(myl_address_of_socket((struct sockaddr *)&four, &got));
    assert_true(myl_address_of(MYL_S("192.0.2.7"), &want));
    assert_memory_equal(&got, &want, sizeof(got));
    assert_true(myl_address_of_socket((struct sockaddr *)&six, &got));
    assert_true(myl_address_of(MYL_S("2001:db8::7"), &want));
    assert_memory_equal(&got, &want, sizeof(got));
    assert_false(myl_address_of_socket((struct sockaddr *)&local, &got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(membership),
        cmocka_unit_test(refusals),
        cmocka_unit_test(sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
