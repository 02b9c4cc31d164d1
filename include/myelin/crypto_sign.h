/* crypto_sign.h: hashes, base64, Ed25519, random bytes, constant-time compare.
 *
 * The only users of libsodium are in crypto/. Threads: any (call myl_crypto_start once first).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_CRYPTO_SIGN_H
#define MYELIN_CRYPTO_SIGN_H

#include <myelin/base_ctx.h>

/* Once at start, before threads. Ends the process when the library cannot start. */
void myl_crypto_start(void);

typedef struct {
    uint8_t bytes[32];
} myl_sha256;
myl_sha256 myl_crypto_sha256(myl_str data);

/* Unpadded base64 (appendices, Unpadded Base64). Decoding takes padding too, and either alphabet
 * only as asked; false for anything else. Bits behind the last byte may be anything, as other
 * servers take them. */
typedef enum { MYL_BASE64_STANDARD, MYL_BASE64_URL } myl_base64_form;
myl_str myl_crypto_base64(myl_ctx *cx, myl_base64_form form, myl_str data);
bool myl_crypto_unbase64(myl_ctx *cx, myl_base64_form form, myl_str text, myl_str *out);

/* Same bytes, in time that does not depend on them. Lengths may leak. */
bool myl_crypto_equal(myl_str a, myl_str b);

void myl_crypto_random(void *out, size_t len);
uint64_t myl_crypto_random_u64(void);
/* `count` letters and digits from the random source: tokens, device ids, opaque ids. */
myl_str myl_crypto_random_text(myl_ctx *cx, size_t count);

/* A signing key: process lifetime, memory locked where possible. Key id like "ed25519:a_Bc1". */
typedef struct myl_signing_key myl_signing_key;
/* A file of one line "ed25519 <version> <unpadded base64 of the 32-byte seed>", mode 0600.
 * MYL_BAD_CONFIG naming the file when it is not so (mode included), MYL_IO_FAILED when it cannot be
 * read. */
myl_rc myl_signing_key_load(myl_ctx *cx, const char *path, myl_signing_key **out);
/* Writes a new one; never over an existing file. */
myl_rc myl_signing_key_create(myl_ctx *cx, const char *path);
myl_signing_key *myl_signing_key_of_seed(const uint8_t seed[32], const char *version);
void myl_signing_key_end(myl_signing_key *key); /* wipes it */
myl_str myl_signing_key_id(const myl_signing_key *key);
const uint8_t *myl_signing_key_public(const myl_signing_key *key); /* 32 bytes */

typedef struct {
    uint8_t bytes[64];
} myl_signature;
myl_signature myl_crypto_sign(const myl_signing_key *key, myl_str message);
/* public_key: 32 bytes; signature: 64 bytes; any other length is false. */
bool myl_crypto_verify(myl_str public_key, myl_str message, myl_str signature);

/* A set digest's element: 128-bit keyed hash of fixed data (state digests). Keyed per database. */
typedef struct {
    uint64_t low, high;
} myl_digest;
myl_digest myl_crypto_digest(const uint8_t key[32], myl_str data);

#endif
