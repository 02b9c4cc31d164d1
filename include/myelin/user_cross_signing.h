/* user_cross_signing.h: a user's cross-signing keys set and reset, and signatures uploaded.
 *
 * Spec: Client-Server API, Cross-signing. Inside a change. Threads: the engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_USER_CROSS_SIGNING_H
#define MYELIN_USER_CROSS_SIGNING_H

#include <myelin/user_keys.h>

/* Objects as uploaded; NULL: not given. */
typedef struct {
    const myl_json *master, *self_signing, *user_signing;
} myl_cross_keys;
/* *fresh: the user has no master key yet, or the request holds only keys that are there already: no authentication is
 * needed (MSC3967). */
myl_rc myl_user_cross_keys_fresh(myl_ctx *cx, uint64_t user, const myl_cross_keys *keys,
                                 bool *fresh);
/* MYL_INVALID_PARAM naming the field for a key that is none or another user's, MYL_INVALID_SIGNATURE, MYL_MISSING_PARAM
 * without a master key, MYL_FORBIDDEN for a public key that is the id of one of the user's devices. Changes nothing. */
myl_rc myl_user_cross_keys_check(myl_ctx *cx, const myl_caller *caller, const myl_cross_keys *keys);
/* Keeps checked keys. A new key ends what the old one has signed. */
myl_rc myl_user_cross_keys_put(myl_ctx *cx, const myl_caller *caller, const myl_cross_keys *keys);
/* Is this the public part of one of the user's cross-signing keys? A device must not be called so. */
myl_rc myl_user_cross_key_named(myl_ctx *cx, uint64_t user, myl_str public_key, bool *out);

/* Checks and keeps the signatures that an object about the key `key_id` of `user_id` carries. What is wrong with it is
 * no failure: *errcode is set and *reason says why (NULL: it went well). *own: it changed the caller's device list. */
typedef struct {
    myl_str user_id, key_id;
    const myl_json *object;
} myl_signed_upload;
typedef struct {
    const char *errcode;
    const char *reason;
    uint64_t own_device; /* number of the own device whose keys were signed */
    bool own_master;
} myl_signed_result;
myl_rc myl_user_signed_put(myl_ctx *cx, const myl_caller *caller, const myl_signed_upload *upload,
                           myl_signed_result *out);

#endif
