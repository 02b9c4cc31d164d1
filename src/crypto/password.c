/* password.c: Argon2id password hashes, token hashes, HMAC-SHA1 for shared secrets.
 *
 * Callers: the password lane; login; shared-secret registration and TURN.
 * Threads: any; a password hash costs milliseconds and its memory, so never on loops or the engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/crypto_password.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include <myelin/base_log.h>

#include "crypto_own.h"

static size_t memory_of(myl_password_cost cost)
{
    return (size_t)cost.memory_kib * 1024;
}

myl_rc myl_password_hash(myl_ctx *cx, myl_str password, myl_password_cost cost, myl_str *out)
{
    char *encoded = myl_alloc(cx, crypto_pwhash_STRBYTES);
    myl_metric_add(MYL_METRIC_PASSWORD_HASHES, 1);
    if (crypto_pwhash_str_alg(encoded, (const char *)myl_crypto_bytes(password), password.len,
                              cost.passes, memory_of(cost), crypto_pwhash_ALG_ARGON2ID13) != 0)
        return myl_fail(cx, MYL_INTERNAL, "hashing a password: memory is short");
    *out = myl_str_of(encoded);
    return MYL_OK;
}

/* The same work as a verification, for nobody's password. */
static void work_for_nobody(myl_str password, myl_password_cost cost)
{
    static const unsigned char salt[crypto_pwhash_SALTBYTES];
    unsigned char hash[32];
    (void)!crypto_pwhash(hash, sizeof(hash), (const char *)myl_crypto_bytes(password), password.len,
                         salt, cost.passes, memory_of(cost), crypto_pwhash_ALG_ARGON2ID13);
}

bool myl_password_verify(myl_ctx *cx, myl_str encoded, myl_str password, myl_password_cost cost)
{
    MYL_UNUSED(cx);
    myl_metric_add(MYL_METRIC_PASSWORD_HASHES, 1);
    if (!myl_str_present(encoded)) {
        work_for_nobody(password, cost);
        return false;
    }
    char text[crypto_pwhash_STRBYTES] = {0};
    if (encoded.len >= sizeof(text) || !myl_str_starts(encoded, MYL_S("$argon2id$")))
        return false;
    memcpy(text, encoded.at, encoded.len);
    return crypto_pwhash_str_verify(text, (const char *)myl_crypto_bytes(password), password.len) ==
           0;
}

myl_sha256 myl_token_hash(myl_str token)
{
    return myl_crypto_sha256(token);
}

/* The length of the mac, at most EVP_MAX_MD_SIZE. */
static size_t hmac_sha1(myl_str key, myl_str message, unsigned char mac[EVP_MAX_MD_SIZE])
{
    unsigned len = 0;

    MYL_ASSERT(key.len <= INT32_MAX);
    MYL_ASSERT(HMAC(EVP_sha1(), myl_crypto_bytes(key), (int)key.len, myl_crypto_bytes(message),
                    message.len, mac, &len) != NULL);
    return len;
}

myl_str myl_crypto_hmac_sha1_hex(myl_ctx *cx, myl_str key, myl_str message)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    size_t len = hmac_sha1(key, message, mac);
    char *hex = myl_alloc(cx, 2 * len + 1);

    sodium_bin2hex(hex, 2 * len + 1, mac, len);
    return (myl_str){hex, 2 * len};
}

myl_str myl_crypto_hmac_sha1_base64(myl_ctx *cx, myl_str key, myl_str message)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    size_t len = hmac_sha1(key, message, mac);
    size_t room = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
    char *text = myl_alloc(cx, room);

    sodium_bin2base64(text, room, mac, len, sodium_base64_VARIANT_ORIGINAL);
    return myl_str_of(text);
}
