/* network.c: IP addresses and networks: reading them and asking whether one holds the other.
 *
 * Callers: configuration, X-Forwarded-For trust, refused ranges of outgoing calls.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/base_network.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void set_mapped(myl_address *out, const void *four)
{
    memcpy(out->bytes, mapped, sizeof(mapped));
    memcpy(out->bytes + sizeof(mapped), four, 4);
}

/* 4, 6, or 0 when it is no address. */
static int family_of(myl_str text, myl_address *out)
{
    char literal[INET6_ADDRSTRLEN];
    struct in_addr four;
    struct in6_addr six;
    if (text.len == 0 || text.len >= sizeof(literal) || myl_str_find(text, '\0', 0) != SIZE_MAX)
        return 0;
    memcpy(literal, text.at, text.len);
    literal[text.len] = '\0';
    if (inet_pton(AF_INET, literal, &four) == 1) {
        set_mapped(out, &four);
        return 4;
    }
    if (inet_pton(AF_INET6, literal, &six) != 1)
        return 0;
    memcpy(out->bytes, &six, sizeof(out->bytes));
    return 6;
}

bool myl_address_of(myl_str text, myl_address *out)
{
    return family_of(text, out) != 0;
}

bool myl_address_of_socket(const struct sockaddr *socket, myl_address *out)
{
    if (socket->sa_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, socket, sizeof(four));
        set_mapped(out, &four.sin_addr);
        return true;
    }
    if (socket->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 six;
    memcpy(&six, socket, sizeof(six));
    memcpy(out->bytes, &six.sin6_addr, sizeof(out->bytes));
    return true;
}

/* The byte's bits that stand behind the first `bits` of the whole address. */
static uint8_t free_bits(size_t byte, size_t bits)
{
    if (bits >= 8 * (byte + 1))
        return 0;
    if (bits <= 8 * byte)
        return 0xff;
    return (uint8_t)(0xffu >> (bits - 8 * byte));
}

bool myl_network_of(myl_str text, myl_network *out)
{
    size_t slash = myl_str_find(text, '/', 0);
    int family = family_of(myl_str_slice(text, 0, slash), &out->address);
    int64_t most = family == 4 ? 32 : 128, bits = most;
    if (family == 0)
        return false;
    if (slash != SIZE_MAX && !myl_str_to_int(myl_str_slice(text, slash + 1, SIZE_MAX), &bits))
        return false;
    if (bits < 0 || bits > most)
        return false;
    out->bits = (uint8_t)(bits + 128 - most);
    for (size_t i = 0; i < sizeof(out->address.bytes); i++) {
        if ((out->address.bytes[i] & free_bits(i, out->bits)) != 0)
            return false;
    }
    return true;
}

bool myl_network_has(const myl_network *network, const myl_address *address)
{
    for (size_t i = 0; i < sizeof(address->bytes); i++) {
        uint8_t fixed = (uint8_t)~free_bits(i, network->bits);
        if (((network->address.bytes[i] ^ address->bytes[i]) & fixed) != 0)
            return false;
    }
    return true;
}
