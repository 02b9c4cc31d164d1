/* sign.c: hashes, constant-time compare, random bytes, Ed25519, set digests.
 *
 * Why:     libsodium signs twice as fast as OpenSSL here, OpenSSL hashes four times as fast; so
 *          each does what it does best, and nobody above sees which.
 * Threads: any, after myl_crypto_start.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crypto_own.h"

#include <openssl/evp.h>
#include <sodium.h>

static EVP_MD *sha256; /* looked up once: a look-up costs more than a hash */

void myl_crypto_start(void)
{
    MYL_ASSERT(sodium_init() >= 0);
    if (sha256 == NULL)
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

const unsigned char *myl_crypto_bytes(myl_str s)
{
    return (const unsigned char *)(s.at == NULL ? "" : s.at);
}

myl_sha256 myl_crypto_sha256(myl_str data)
{
    myl_sha256 hash;
    if (sha256 == NULL ||
        EVP_Digest(myl_crypto_bytes(data), data.len, hash.bytes, NULL, sha256, NULL) != 1)
        crypto_hash_sha256(hash.bytes, myl_crypto_bytes(data), data.len);
    return hash;
}

bool myl_crypto_equal(myl_str a, myl_str b)
{
    return a.len == b.len && sodium_memcmp(myl_crypto_bytes(a), myl_crypto_bytes(b), a.len) == 0;
}

/* --- random ----------------------------------------------------------------------------------- */

void myl_crypto_random(void *out, size_t len)
{
    randombytes_buf(out, len);
}

uint64_t myl_crypto_random_u64(void)
{
    uint64_t value;
    randombytes_buf(&value, sizeof(value));
    return value;
}

myl_str myl_crypto_random_text(myl_ctx *cx, size_t count)
{
    static const char signs[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const uint8_t fair = 248; /* 4 * 62: larger bytes would favour the first signs */
    char *text = myl_alloc(cx, count + 1);
    for (size_t at = 0; at < count;) {
        uint8_t bytes[64];
        randombytes_buf(bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(bytes) && at < count; i++) {
            if (bytes[i] < fair)
                text[at++] = signs[bytes[i] % 62];
        }
    }
    return (myl_str){text, count};
}

/* --- signatures ------------------------------------------------------------------------------- */

myl_signature myl_crypto_sign(const myl_signing_key *key, myl_str message)
{
    myl_signature signature;
    crypto_sign_detached(signature.bytes, NULL, myl_crypto_bytes(message), message.len,
                         key->secret);
    return signature;
}

bool myl_crypto_verify(myl_str public_key, myl_str message, myl_str signature)
{
    if (public_key.len != crypto_sign_PUBLICKEYBYTES || signature.len != crypto_sign_BYTES)
        return false;
    return crypto_sign_verify_detached(myl_crypto_bytes(signature), myl_crypto_bytes(message),
                                       message.len, myl_crypto_bytes(public_key)) == 0;
}

/* Keyed BLAKE2b: digests are added up, so an element's hash must not be steerable from outside. */
myl_digest myl_crypto_digest(const uint8_t key[32], myl_str data)
{
    myl_digest digest;
    _Static_assert(sizeof(digest) == 16, "two words");
    crypto_generichash((unsigned char *)&digest, sizeof(digest), myl_crypto_bytes(data), data.len,
                       key, 32);
    return digest;
}
