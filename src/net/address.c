/* address.c: inside addresses, which calls that a stranger steers may not reach.
 *
 * Why:     a server name, a push gateway or a link is whatever somebody wrote; it must not become a way to the
 *          machine itself or to the network that it stands in.
 * Callers: lookup results and every socket that libcurl opens (call.c).
 * Threads: set at start; reading from any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "net/net_own.h"

#include <myelin/base_table.h>

/* The special-purpose registries of IANA: what is not reachable from everywhere. */
static const char *const inside_texts[] = {
    "0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",
    "::/96",         "64:ff9b::/96",    "64:ff9b:1::/48", "100::/64",       "2001::/23",
    "2001:db8::/32", "2002::/16",       "fc00::/7",       "fe80::/10",      "fec0::/10",
    "ff00::/8",
};
static const char *const loopback_texts[] = {"127.0.0.0/8", "::1/128"};

enum {
    INSIDE = sizeof(inside_texts) / sizeof(inside_texts[0]),
    LOOPBACK = sizeof(loopback_texts) / sizeof(loopback_texts[0])
};

static struct {
    myl_network inside[INSIDE];
    myl_network *allowed;
    size_t allowed_count;
} ranges;

static myl_network network(const char *text)
{
    myl_network out;

    MYL_ASSERT(myl_network_of(myl_str_of(text), &out));
    return out;
}

void myl_net_addresses_open(const myl_net_setup *setup)
{
    size_t count = setup->allow_count;

    for (size_t i = 0; i < INSIDE; i++)
        ranges.inside[i] = network(inside_texts[i]);
    ranges.allowed = myl_process_alloc((count + LOOPBACK) * sizeof(ranges.allowed[0]));
    if (count > 0)
        memcpy(ranges.allowed, setup->allow_networks, count * sizeof(ranges.allowed[0]));
    for (size_t i = 0; setup->allow_loopback && i < LOOPBACK; i++)
        ranges.allowed[count++] = network(loopback_texts[i]);
    ranges.allowed_count = count;
}

void myl_net_addresses_close(void)
{
    myl_process_free(ranges.allowed);
    ranges.allowed = NULL;
    ranges.allowed_count = 0;
}

static bool among(const myl_network *networks, size_t count, const myl_address *address)
{
    for (size_t i = 0; i < count; i++) {
        if (myl_network_has(&networks[i], address))
            return true;
    }
    return false;
}

bool myl_net_address_allowed(const myl_address *address)
{
    return among(ranges.allowed, ranges.allowed_count, address) ||
           !among(ranges.inside, INSIDE, address);
}
