/* user_account.h: local accounts, their devices and access tokens.
 *
 * Spec: Client-Server API, Client Authentication; Account registration; Login; Device management.
 * All functions run inside cx->txn; those that write, inside a change. Tokens are stored hashed.
 * Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_USER_ACCOUNT_H
#define MYELIN_USER_ACCOUNT_H

#include <myelin/crypto_password.h>
#include <myelin/store_engine.h>

/* Who asks. user_id absent: nobody. Text lives in the job. */
typedef struct {
    myl_str user_id;
    myl_str device_id;
    uint64_t user;   /* interned name */
    uint64_t device; /* number of the device, never reused */
    uint64_t
        token_generation; /* rises with each change of token, lock or deactivation of the account */
    bool is_guest;
    bool is_admin;
} myl_caller;

/* The caller that a token names. MYL_UNKNOWN_TOKEN (also for a device that is gone), MYL_USER_LOCKED. */
myl_rc myl_user_of_token(myl_ctx *cx, myl_str token, myl_caller *out);
/* Runs in after_commit of every change that ends tokens: lets http/ drop its cache of token -> caller. Set at start. */
void myl_user_on_tokens_changed(void (*fn)(uint64_t user));

typedef struct {
    bool exists;
    bool is_admin;
    bool is_guest;
    bool deactivated;
    bool locked;
    int64_t created_ms;
    myl_str password_hash; /* absent: cannot log in by password */
} myl_account;

/* By full user id; exists = false when there is none. */
myl_rc myl_user_account(myl_ctx *cx, myl_str user_id, myl_account *out);
myl_rc myl_user_exists(myl_ctx *cx, myl_str user_id, bool *out);

/* New account. MYL_USER_IN_USE, MYL_INVALID_USERNAME. password_hash absent for guests and appservice users. */
typedef struct {
    myl_str user_id;
    myl_str password_hash;
    myl_str display_name; /* absent: the localpart */
    bool is_admin;
    bool is_guest;
} myl_new_account;
myl_rc myl_user_create(myl_ctx *cx, const myl_new_account *account, uint64_t *user);
/* How many accounts there are (the first may become administrator). */
myl_rc myl_user_count(myl_ctx *cx, uint64_t *out);

/* A new session: makes or takes over the device (an existing device loses its old tokens).
 * device_id absent: a random one. The token goes out once; only its hash is stored. */
typedef struct {
    myl_str user_id;
    myl_str device_id;
    myl_str display_name;
    myl_str address; /* for last-seen */
} myl_new_session;
typedef struct {
    myl_str access_token;
    myl_str device_id;
} myl_session;
myl_rc myl_user_open_session(myl_ctx *cx, const myl_new_session *session, myl_session *out);
/* Ends the caller's token and deletes its device; all of them with `everything`. */
myl_rc myl_user_logout(myl_ctx *cx, const myl_caller *caller, bool everything);

typedef struct {
    myl_str device_id;
    myl_str display_name;
    myl_str last_seen_ip;
    int64_t last_seen_ms;
    uint64_t number;
} myl_device;
myl_rc myl_user_devices(myl_ctx *cx, myl_str user_id, const myl_device **devices, size_t *count);

/* One device by its id; number 0 when there is none. */
myl_rc myl_user_device(myl_ctx *cx, uint64_t user, myl_str device_id, myl_device *out);
/* Its public name; absent: unchanged. MYL_NOT_FOUND. */
myl_rc myl_user_device_rename(myl_ctx *cx, uint64_t user, myl_str device_id, myl_str display_name);

/* Registration tokens (spec: Token-authenticated registration). */
typedef struct {
    myl_str token;
    int64_t uses_allowed; /* -1: no limit */
    int64_t pending, completed;
    int64_t expiry_ms; /* -1: never */
} myl_registration_token;
myl_rc myl_user_put_registration_token(myl_ctx *cx, const myl_registration_token *token);
/* Does it exist, with uses left and not expired? */
myl_rc myl_user_registration_token_valid(myl_ctx *cx, myl_str token, int64_t now_ms, bool *out);
/* Counts one completed use; MYL_UNAUTHORIZED when it is not valid any more. */
myl_rc myl_user_use_registration_token(myl_ctx *cx, myl_str token, int64_t now_ms);

#endif
