/* crypto_own.h: what the files of crypto/ share with each other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_CRYPTO_OWN_H
#define MYELIN_CRYPTO_OWN_H

#include <myelin/crypto_sign.h>

#define KEY_VERSION_BYTES 64

/* In guarded memory that is not swapped out (sodium_malloc). */
struct myl_signing_key {
    uint8_t secret[64]; /* seed and public key */
    uint8_t public[32];
    char id[sizeof("ed25519:") + KEY_VERSION_BYTES];
};

/* For libraries that take unsigned bytes; never NULL. */
const unsigned char *myl_crypto_bytes(myl_str s);

/* Into `out`, which has room for text.len / 4 * 3 + 3 bytes; rules as myl_crypto_unbase64. */
bool myl_crypto_base64_decode(myl_base64_form form, myl_str text, uint8_t *out, size_t *len);

#endif
