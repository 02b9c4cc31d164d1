/* state_res_sha1.c: SHA-1 of an event id, which orders events of equal depth in room version 1.
 *
 * Why:     nothing else of Matrix needs SHA-1, and here it guards nothing: it only breaks ties. So
 *          it stays out of crypto/, where someone might take it for a hash to trust.
 * Callers: state_res_v1.c.
 * Threads: any.
 * Spec:    Room Version 1, State resolution; FIPS 180-4.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/state_res_own.h"

#define BLOCK 64

static uint32_t turn(uint32_t word, unsigned by)
{
    return word << by | word >> (32 - by);
}

static uint32_t round_constant(unsigned i)
{
    static const uint32_t constants[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    return constants[i / 20];
}

static uint32_t round_mix(unsigned i, uint32_t b, uint32_t c, uint32_t d)
{
    if (i < 20)
        return (b & c) | (~b & d);
    if (i >= 40 && i < 60)
        return (b & c) | (b & d) | (c & d);
    return b ^ c ^ d;
}

static void add_block(uint32_t state[5], const uint8_t block[BLOCK])
{
    uint32_t words[80];
    for (unsigned i = 0; i < 16; i++)
        words[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
                   (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (unsigned i = 16; i < 80; i++)
        words[i] = turn(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);

    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (unsigned i = 0; i < 80; i++) {
        uint32_t next = turn(a, 5) + round_mix(i, b, c, d) + e + round_constant(i) + words[i];
        e = d;
        d = c;
        c = turn(b, 30);
        b = a;
        a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

sha1_hash myl_rules_sha1(myl_str text)
{
    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint64_t bits = (uint64_t)text.len * 8;
    uint8_t block[BLOCK];
    size_t at = 0;
    for (; text.len - at >= BLOCK; at += BLOCK)
        add_block(state, (const uint8_t *)text.at + at);

    size_t left = text.len - at;
    memset(block, 0, sizeof block);
    if (left > 0)
        memcpy(block, text.at + at, left);
    block[left] = 0x80;
    if (left >= BLOCK - 8) {
        add_block(state, block);
        memset(block, 0, sizeof block);
    }
    for (unsigned i = 0; i < 8; i++)
        block[BLOCK - 1 - i] = (uint8_t)(bits >> (8 * i));
    add_block(state, block);

    sha1_hash hash;
    for (unsigned i = 0; i < sizeof hash.bytes; i++)
        hash.bytes[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
    return hash;
}
