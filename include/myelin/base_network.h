/* base_network.h: IP addresses and networks as values.
 *
 * IPv4 addresses are kept in their IPv6 form (::ffff:a.b.c.d), so that one comparison serves both.
 * Threads: values.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_BASE_NETWORK_H
#define MYELIN_BASE_NETWORK_H

#include <myelin/base_text.h>

struct sockaddr;

typedef struct {
    uint8_t bytes[16];
} myl_address;

typedef struct {
    myl_address address;
    uint8_t bits; /* 0..128; of an IPv4 network 96 more than written */
} myl_network;

/* A literal, without brackets or zone: "192.0.2.7", "2001:db8::1". */
bool myl_address_of(myl_str text, myl_address *out);
/* False for families other than IP. */
bool myl_address_of_socket(const struct sockaddr *socket, myl_address *out);
/* "10.0.0.0/8", "fd00::/8", or an address alone; bits behind the prefix must be zero. */
bool myl_network_of(myl_str text, myl_network *out);
bool myl_network_has(const myl_network *network, const myl_address *address);

#endif
