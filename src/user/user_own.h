/* user_own.h: declarations that only user/ needs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef USER_OWN_H
#define USER_OWN_H

#include <myelin/base_clock.h>
#include <myelin/base_limit.h>
#include <myelin/base_list.h>
#include <myelin/matrix_event.h>
#include <myelin/store_check.h>
#include <myelin/user_data.h>
#include <myelin/user_keys.h>
#include <myelin/user_to_device.h>

/* account.c: the whole row of an account. */
typedef struct {
    bool is_admin, is_guest, deactivated, locked, suspended, erased, shadow_banned;
    int64_t created_ms;
    uint64_t generation;
    myl_str password_hash; /* absent: none */
} user_row;
/* *exists tells whether there is one. */
myl_rc myl_user_row(myl_ctx *cx, uint64_t user, bool *exists, user_row *out);
myl_rc myl_user_row_put(myl_ctx *cx, uint64_t user, const user_row *row);
/* Tells the listener, after the commit, that tokens of this user have ended. */
void myl_user_tokens_ended(myl_ctx *cx, uint64_t user);

/* device.c: a device's row. Its tokens are kept as hashes, by slot; those that follow wait until one of them is used. */
typedef enum {
    SLOT_ACCESS,
    SLOT_REFRESH,
    SLOT_NEXT_ACCESS,
    SLOT_NEXT_REFRESH,
    SLOT_COUNT
} token_slot;
enum { TOKEN_HASH_BYTES = 32 };
typedef struct {
    uint64_t user;
    myl_device device;
    myl_str tokens[SLOT_COUNT]; /* TOKEN_HASH_BYTES each; absent: none */
} device_row;
/* *exists: is the device there? */
myl_rc myl_device_get(myl_ctx *cx, uint64_t user, uint64_t number, bool *exists, device_row *out);
myl_rc myl_device_put(myl_ctx *cx, const device_row *row);
/* By its id. */
myl_rc myl_device_find(myl_ctx *cx, uint64_t user, myl_str device_id, bool *exists,
                       device_row *out);
/* A row for a new device, findable by its id; not stored yet. */
myl_rc myl_device_new(myl_ctx *cx, uint64_t user, myl_str device_id, device_row *out);
/* The device, its tokens and all that hangs on it. */
myl_rc myl_device_delete(myl_ctx *cx, const device_row *row);
/* All rows of a user, as device_row. */
myl_rc myl_device_list(myl_ctx *cx, uint64_t user, myl_list *out);
/* session.c: forgets the token of a slot, if there is one. */
myl_rc myl_session_drop_token(myl_ctx *cx, device_row *row, token_slot slot);

/* account_data.c: account data that speaks of one device. */
myl_rc myl_user_data_of_device_drop(myl_ctx *cx, uint64_t user, myl_str device_id);

/* device_keys.c: everything stored for a device's encryption goes with it. */
myl_rc myl_user_keys_drop(myl_ctx *cx, uint64_t user, uint64_t device, myl_str device_id);
/* The device has another name: others are shown it with the keys. */
myl_rc myl_user_keys_renamed(myl_ctx *cx, uint64_t user, uint64_t device, myl_str device_id);
/* As uploaded; NULL: none. */
myl_rc myl_user_device_keys(myl_ctx *cx, uint64_t user, uint64_t device, const myl_json **out);
/* With signatures and name as `reader` is shown it; NULL: no keys. */
myl_rc myl_user_device_shown(myl_ctx *cx, uint64_t user, const myl_device *device, uint64_t reader,
                             const myl_json **out);

/* one_time_keys.c: nothing is left of them, as if there never had been any. */
myl_rc myl_user_one_time_keys_drop(myl_ctx *cx, uint64_t user, uint64_t device);

/* key_signatures.c */
typedef struct {
    uint64_t user;        /* whose key */
    myl_str key_id;       /* device id, or the public key of a cross-signing key */
    const myl_json *json; /* as stored; NULL where it does not matter */
} myl_signed_key;
typedef struct {
    myl_str key_id; /* "ed25519:…" */
    myl_str signature;
} myl_key_signature;
/* key->json with all signatures that `reader` (0: another server) may see. */
myl_rc myl_user_with_signatures(myl_ctx *cx, const myl_signed_key *key, uint64_t reader,
                                const myl_json **out);
/* Keeps a checked signature. One about another user shows in the signer's device lists. */
myl_rc myl_user_signature_put(myl_ctx *cx, const myl_signed_key *key, uint64_t signer,
                              const myl_key_signature *signature);
/* All that was said about a key. */
myl_rc myl_user_signatures_drop(myl_ctx *cx, uint64_t user, myl_str key_id);
myl_rc myl_user_signature_drop(myl_ctx *cx, const myl_signed_key *key, uint64_t signer,
                               myl_str signing_key_id);

/* cross_signing.c: the public part of a cross-signing key; absent when the object has another form. */
myl_str myl_user_public_part(const myl_json *key);
/* With the signatures that `reader` may see; NULL: none. */
myl_rc myl_user_cross_key_shown(myl_ctx *cx, uint64_t user, myl_cross_key kind, uint64_t reader,
                                const myl_json **out);

/* What a user whose account closes has said about other users' keys. */
myl_rc myl_user_signing_end(myl_ctx *cx, uint64_t user);

/* to_device.c: what waits for a device that is gone. */
myl_rc myl_user_to_device_drop(myl_ctx *cx, uint64_t user, uint64_t device);

/* check_keys.c: for check.c's list. */
myl_rc myl_user_check_keys(myl_ctx *cx, myl_check *check);
myl_rc myl_user_check_signatures(myl_ctx *cx, myl_check *check);
myl_rc myl_user_check_device_lists(myl_ctx *cx, myl_check *check);
myl_rc myl_user_check_to_device(myl_ctx *cx, myl_check *check);
myl_rc myl_user_check_backups(myl_ctx *cx, myl_check *check);
/* threads.c: for the same list. */
myl_rc myl_user_check_threads(myl_ctx *cx, myl_check *check);

#endif
