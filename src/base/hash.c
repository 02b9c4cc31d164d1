/* hash.c: SipHash-2-4 under the process's random key, for hash tables of foreign strings.
 *
 * Why:     with a known hash, a stranger picks keys that all fall into one chain.
 * Threads: any; the key is set before main and never changes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base_own.h"

#include <sys/random.h>

static uint64_t key_low, key_high;

__attribute__((constructor)) static void choose_key(void)
{
    uint64_t key[2];
    MYL_ASSERT(getrandom(key, sizeof(key), 0) == (ssize_t)sizeof(key));
    key_low = key[0];
    key_high = key[1];
}

typedef struct {
    uint64_t a, b, c, d;
} sip_state;

static uint64_t rotated(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void sip_round(sip_state *s)
{
    s->a += s->b;
    s->b = rotated(s->b, 13) ^ s->a;
    s->a = rotated(s->a, 32);
    s->c += s->d;
    s->d = rotated(s->d, 16) ^ s->c;
    s->a += s->d;
    s->d = rotated(s->d, 21) ^ s->a;
    s->c += s->b;
    s->b = rotated(s->b, 17) ^ s->c;
    s->c = rotated(s->c, 32);
}

static inline void take_word(sip_state *s, uint64_t word)
{
    s->d ^= word;
    sip_round(s);
    sip_round(s);
    s->a ^= word;
}

uint64_t myl_str_hash(myl_str s)
{
    sip_state state = {
        key_low ^ 0x736f6d6570736575u,
        key_high ^ 0x646f72616e646f6du,
        key_low ^ 0x6c7967656e657261u,
        key_high ^ 0x7465646279746573u,
    };
    size_t whole = s.len / 8 * 8;
    uint64_t word;
    for (size_t at = 0; at < whole; at += 8) {
        memcpy(&word, s.at + at, 8);
        take_word(&state, word);
    }
    word = 0;
    if (s.len > whole)
        memcpy(&word, s.at + whole, s.len - whole);
    take_word(&state, word | (uint64_t)s.len << 56);
    state.c ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(&state);
    return state.a ^ state.b ^ state.c ^ state.d;
}
