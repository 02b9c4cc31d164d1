/* key.c: keys and small values, built and cut in big-endian so that bytes sort as the numbers do.
 *
 * Callers: every folder that stores rows.
 * Memory:  a key is a value on the caller's stack.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_own.h"

#include <endian.h>

#include <myelin/crypto_sign.h>

#define SIGN_BIT (UINT64_C(1) << 63)

myl_key myl_key_start(void)
{
    return (myl_key){.len = 0};
}

void myl_key_bytes(myl_key *key, const void *bytes, size_t len)
{
    MYL_ASSERT(len <= sizeof(key->bytes) - key->len);
    if (len > 0)
        memcpy(key->bytes + key->len, bytes, len);
    key->len += len;
}

void myl_key_u8(myl_key *key, uint8_t value)
{
    myl_key_bytes(key, &value, sizeof(value));
}

void myl_key_u32(myl_key *key, uint32_t value)
{
    uint32_t big = htobe32(value);
    myl_key_bytes(key, &big, sizeof(big));
}

void myl_key_u64(myl_key *key, uint64_t value)
{
    uint64_t big = htobe64(value);
    myl_key_bytes(key, &big, sizeof(big));
}

void myl_key_i64(myl_key *key, int64_t value)
{
    myl_key_u64(key, (uint64_t)value ^ SIGN_BIT);
}

void myl_key_hash(myl_key *key, myl_str text)
{
    myl_sha256 hash = myl_crypto_sha256(text);
    myl_key_bytes(key, hash.bytes, 16);
}

myl_str myl_key_str(const myl_key *key)
{
    return (myl_str){(const char *)key->bytes, key->len};
}

myl_key myl_key_of_u64(uint64_t a)
{
    myl_key key = myl_key_start();
    myl_key_u64(&key, a);
    return key;
}

myl_key myl_key_of_u64s(uint64_t a, uint64_t b)
{
    myl_key key = myl_key_of_u64(a);
    myl_key_u64(&key, b);
    return key;
}

myl_key myl_key_of_u64s3(uint64_t a, uint64_t b, uint64_t c)
{
    myl_key key = myl_key_of_u64s(a, b);
    myl_key_u64(&key, c);
    return key;
}

bool myl_cut_bytes(myl_str *bytes, size_t len, myl_str *out)
{
    if (bytes->len < len)
        return false;
    *out = (myl_str){bytes->at, len};
    bytes->at += len;
    bytes->len -= len;
    return true;
}

bool myl_cut_u8(myl_str *bytes, uint8_t *out)
{
    myl_str cut;
    if (!myl_cut_bytes(bytes, sizeof(*out), &cut))
        return false;
    memcpy(out, cut.at, sizeof(*out));
    return true;
}

bool myl_cut_u32(myl_str *bytes, uint32_t *out)
{
    myl_str cut;
    uint32_t big;
    if (!myl_cut_bytes(bytes, sizeof(big), &cut))
        return false;
    memcpy(&big, cut.at, sizeof(big));
    *out = be32toh(big);
    return true;
}

bool myl_cut_u64(myl_str *bytes, uint64_t *out)
{
    myl_str cut;
    uint64_t big;
    if (!myl_cut_bytes(bytes, sizeof(big), &cut))
        return false;
    memcpy(&big, cut.at, sizeof(big));
    *out = be64toh(big);
    return true;
}

bool myl_cut_i64(myl_str *bytes, int64_t *out)
{
    uint64_t flipped;
    if (!myl_cut_u64(bytes, &flipped))
        return false;
    *out = (int64_t)(flipped ^ SIGN_BIT);
    return true;
}
