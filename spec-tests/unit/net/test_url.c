/* test_url.c: URLs cut into pieces, test ports, and addresses that are refused, by cases.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/base_test.h"

#include "net/net_own.h"

typedef struct {
    const char *url;
    bool https;
    const char *host; /* NULL: refused */
    bool literal;
    int port;
    const char *target;
} url_case;

static const url_case urls[] = {
    {"https://a.org", true, "a.org", false, 443, "/"},
    {"https://a.org/", true, "a.org", false, 443, "/"},
    {"http://a.org/x?y=//z", false, "a.org", false, 80, "/x?y=//z"},
    {"https://a.org:8448/x", true, "a.org", false, 8448, "/x"},
    {"https://1.2.3.4:1/", true, "1.2.3.4", true, 1, "/"},
    {"https://[::1]:1/", true, "::1", true, 1, "/"},
    {"https://[::1]", true, "::1", true, 443, "/"},
    {"https://a_b.org/", true, "a_b.org", false, 443, "/"},
    {"ftp://a.org/", false, NULL, false, 0, NULL},
    {"HTTPS://a.org/", false, NULL, false, 0, NULL},
    {"https:///x", false, NULL, false, 0, NULL},
    {"https://a.org:0/", false, NULL, false, 0, NULL},
    {"https://a.org:65536/", false, NULL, false, 0, NULL},
    {"https://a.org:/", false, NULL, false, 0, NULL},
    {"https://u@a.org/", false, NULL, false, 0, NULL},
    {"https://u:p@a.org/", false, NULL, false, 0, NULL},
    {"https://a.org/#x", false, NULL, false, 0, NULL},
    {"https://a.org/ x", false, NULL, false, 0, NULL},
    {"https://a.org/\r\nX: y", false, NULL, false, 0, NULL},
    {"https://a.org?x", false, NULL, false, 0, NULL},
    {"https://a.org\\@b.org/", false, NULL, false, 0, NULL},
    {"https://[::1/", false, NULL, false, 0, NULL},
    {"https://[a.org]/", false, NULL, false, 0, NULL},
    {"https://::1/", false, NULL, false, 0, NULL},
    {"", false, NULL, false, 0, NULL},
};

static void reading(void **state)
{
    MYL_UNUSED(state);
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        const url_case *one = &urls[i];
        net_url got;
        bool reads = myl_net_url_read(myl_str_of(one->url), &got);
        assert_number(one->url, reads, one->host != NULL);
        if (!reads)
            continue;
        assert_number(one->url, got.https, one->https);
        assert_str(one->url, got.host, myl_str_of(one->host));
        assert_number(one->url, got.literal, one->literal);
        assert_number(one->url, got.port, one->port);
        assert_str(one->url, got.target, myl_str_of(one->target));
    }
}

static void ports(void **state)
{
    MYL_UNUSED(state);
    myl_net_ports_open("443=20443,8448=20448,x=1,7=");
    assert_number("443", myl_net_port(443), 20443);
    assert_number("8448", myl_net_port(8448), 20448);
    assert_number("another", myl_net_port(7), 7);
    myl_net_ports_open(NULL);
    assert_number("none", myl_net_port(443), 443);
}

typedef struct {
    const char *address;
    bool outside, with_loopback, with_network;
} address_case;

static const address_case addresses[] = {
    {"8.8.8.8", true, true, true},
    {"2600::1", true, true, true},
    {"127.0.0.1", false, true, false},
    {"127.255.0.1", false, true, false},
    {"::1", false, true, false},
    {"::ffff:127.0.0.1", false, true, false},
    {"0.0.0.0", false, false, false},
    {"::", false, false, false},
    {"10.1.2.3", false, false, true},
    {"10.0.0.0", false, false, true},
    {"172.16.0.1", false, false, false},
    {"172.32.0.1", true, true, true},
    {"192.168.1.1", false, false, false},
    {"169.254.169.254", false, false, false},
    {"100.64.0.1", false, false, false},
    {"224.0.0.1", false, false, false},
    {"255.255.255.255", false, false, false},
    {"fe80::1", false, false, false},
    {"fd00::1", false, false, false},
    {"ff02::1", false, false, false},
    {"64:ff9b::7f00:1", false, false, false},
    {"2002:7f00:1::", false, false, false},
    {"::127.0.0.1", false, false, false},
};

static void allowed(const char *what, const myl_net_setup *setup, size_t offset)
{
    myl_net_addresses_open(setup);
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        myl_address address;
        assert_true(myl_address_of(myl_str_of(addresses[i].address), &address));
        bool wanted = (&addresses[i].outside)[offset];
        if (myl_net_address_allowed(&address) != wanted)
            fail_msg("%s, %s: wanted %d", addresses[i].address, what, wanted);
    }
    myl_net_addresses_close();
}

static void refused_addresses(void **state)
{
    myl_network ten;

    MYL_UNUSED(state);
    assert_true(myl_network_of(MYL_S("10.0.0.0/8"), &ten));
    allowed("by default", &(myl_net_setup){.allow_loopback = false}, 0);
    allowed("with loopback", &(myl_net_setup){.allow_loopback = true}, 1);
    allowed("with a network", &(myl_net_setup){.allow_networks = &ten, .allow_count = 1}, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),
        cmocka_unit_test(ports),
        cmocka_unit_test(refused_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
