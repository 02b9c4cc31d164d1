/* crypto_password.h: Argon2id password hashes and the hashes under which tokens are stored.
 *
 * Threads: any; a password hash takes some 15 ms of CPU and its memory: only on the password lane.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_CRYPTO_PASSWORD_H
#define MYELIN_CRYPTO_PASSWORD_H

#include <myelin/crypto_sign.h>

/* Costs: passes >= 1, memory in KiB >= 8. Production default 19456 KiB, 2 passes. */
typedef struct {
    uint32_t passes;
    uint32_t memory_kib;
} myl_password_cost;

/* The encoded form "$argon2id$…", at most 128 bytes. MYL_INTERNAL when memory is short. Counted by
 * the metric PASSWORD_HASHES, like verify. */
myl_rc myl_password_hash(myl_ctx *cx, myl_str password, myl_password_cost cost, myl_str *out);
/* False also for an unreadable hash. With `encoded` absent it runs the same work against a fixed
 * hash of the same cost and is false: a login then does not tell whether the user exists. */
bool myl_password_verify(myl_ctx *cx, myl_str encoded, myl_str password, myl_password_cost cost);

/* What is stored in place of a token: SHA-256 of it, 32 bytes. Tokens have 256 random bits. */
myl_sha256 myl_token_hash(myl_str token);
/* HMAC-SHA1, lower-case hex: shared-secret registration (Synapse's admin API). */
myl_str myl_crypto_hmac_sha1_hex(myl_ctx *cx, myl_str key, myl_str message);
/* The same in padded base64: passwords of TURN servers. */
myl_str myl_crypto_hmac_sha1_base64(myl_ctx *cx, myl_str key, myl_str message);

#endif
