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
    bool is_locked;        /* may only log out */
    bool is_suspended;     /* may read, but not speak */
    bool is_shadow_banned; /* speaks, and nobody hears it */
    bool has_rate;         /* limits of its own, by an administrator; per second 0: none */
    int64_t rate_per_second, rate_burst;
    bool is_fresh;        /* the token came by a refresh and is used for the first time */
    int64_t expires_ms;   /* when the token ends; 0: never */
    int64_t last_seen_ms; /* what the device's row says */
    bool is_due;          /* set by http/: the store should be told that the device was seen */
} myl_caller;

/* The caller that an access token names. MYL_UNKNOWN_TOKEN (also for a device that is gone); with soft_logout when the
 * token has expired but its device is there. */
myl_rc myl_user_of_token(myl_ctx *cx, myl_str token, myl_caller *out);
/* Runs in after_commit of every change that ends tokens: lets http/ drop its cache of token -> caller. Set at start. */
void myl_user_on_tokens_changed(void (*fn)(uint64_t user));

typedef struct {
    bool exists;
    bool is_admin;
    bool is_guest;
    bool deactivated;
    bool locked;
    bool suspended;
    bool shadow_banned;
    bool erased; /* wishes that what they wrote is not shown to those who came later */
    int64_t created_ms;
    uint64_t user;         /* 0: none */
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
/* The account with the smallest number above `after`; user 0 when there is no more. For lists: numbers rise with age. */
myl_rc myl_user_next(myl_ctx *cx, uint64_t after, myl_str *user_id, myl_account *out);
/* How many accounts there are (the first may become administrator). */
myl_rc myl_user_count(myl_ctx *cx, uint64_t *out);

/* Changes of an account, MYL_NOT_FOUND when there is none. Whoever holds one of its tokens is looked at anew. */
myl_rc myl_user_set_password(myl_ctx *cx, uint64_t user, myl_str password_hash); /* absent: none */
/* A guest becomes an ordinary user with a password. */
myl_rc myl_user_upgrade_guest(myl_ctx *cx, uint64_t user, myl_str password_hash);
typedef enum {
    MYL_STANDING_ADMIN,
    MYL_STANDING_LOCKED,
    MYL_STANDING_SUSPENDED,
    MYL_STANDING_ERASED,
    MYL_STANDING_SHADOW_BANNED
} myl_standing;
myl_rc myl_user_set_standing(myl_ctx *cx, uint64_t user, myl_standing standing, bool value);
/* Limits of requests of its own: so many messages a second, in bursts; 0: requests of the user are not limited. */
typedef struct {
    bool is_set;
    int64_t per_second, burst;
} myl_user_rate;
myl_rc myl_user_rate_get(myl_ctx *cx, uint64_t user, myl_user_rate *out);
myl_rc myl_user_rate_set(myl_ctx *cx, uint64_t user,
                         const myl_user_rate *rate); /* not is_set: as all */
/* Deactivates: no token works, no password; the name stays taken. What else there is to clean is a task's work
 * (room_deactivate.h). */
myl_rc myl_user_close(myl_ctx *cx, uint64_t user, bool erase);

/* Opens a closed account again, with a password (absent: none); what was cleaned stays away. */
myl_rc myl_user_reopen(myl_ctx *cx, uint64_t user, myl_str password_hash);

/* Does what this user wrote stay hidden from who came later? One look-up in a table that is mostly empty. */
myl_rc myl_user_is_erased(myl_ctx *cx, uint64_t user, bool *out);
/* Pieces of that task: the profile; up to `most` rows of what clients kept (*left: there is more). */
myl_rc myl_user_profile_drop(myl_ctx *cx, uint64_t user);
myl_rc myl_user_data_drop(myl_ctx *cx, uint64_t user, size_t most, bool *left);
/* Set at start by whoever keeps more by user (keys, pushers, …); runs in the last change of that task. At most eight. */
void myl_user_on_closed(myl_rc (*fn)(myl_ctx *cx, uint64_t user));

/* A new session: makes or takes over the device (an existing device loses its old tokens).
 * device_id absent: a random one. The tokens go out once; only their hashes are stored. */
typedef struct {
    myl_str user_id;
    myl_str device_id;
    myl_str display_name;
    myl_str address;             /* for last-seen */
    bool refreshable;            /* with a refresh token */
    int64_t access_lifetime_ms;  /* 0: for ever */
    int64_t refresh_lifetime_ms; /* 0: for ever */
} myl_new_session;
typedef struct {
    myl_str access_token;
    myl_str refresh_token; /* absent: none */
    myl_str device_id;
} myl_session;
myl_rc myl_user_open_session(myl_ctx *cx, const myl_new_session *session, myl_session *out);
/* New tokens for a refresh token (spec: Refreshing access tokens). The old ones are good until one of the new ones is
 * used. Of `session` the lifetimes count. MYL_UNKNOWN_TOKEN, with soft_logout when it has expired; MYL_USER_LOCKED. */
myl_rc myl_user_refresh(myl_ctx *cx, myl_str refresh_token, const myl_new_session *session,
                        myl_session *out);
/* The caller's token was used: the tokens before it end, and when and whence the device was last seen is kept. */
myl_rc myl_user_seen(myl_ctx *cx, const myl_caller *caller, myl_str address, myl_str user_agent);
/* Ends the caller's token and deletes its device; all of them with `everything`. */
myl_rc myl_user_logout(myl_ctx *cx, const myl_caller *caller, bool everything);

typedef struct {
    myl_str device_id;
    myl_str display_name;
    myl_str last_seen_ip;
    myl_str last_seen_agent;
    int64_t last_seen_ms;
    uint64_t number;
} myl_device;
myl_rc myl_user_devices(myl_ctx *cx, myl_str user_id, const myl_device **devices, size_t *count);

/* One device by its id; number 0 when there is none. */
myl_rc myl_user_device(myl_ctx *cx, uint64_t user, myl_str device_id, myl_device *out);
/* One without a session, unless it is there; MYL_INVALID_PARAM when a cross-signing key has this name. */
myl_rc myl_user_device_make(myl_ctx *cx, uint64_t user, myl_str device_id, myl_str display_name);
/* Its public name; absent: unchanged. MYL_NOT_FOUND. */
myl_rc myl_user_device_rename(myl_ctx *cx, uint64_t user, myl_str device_id, myl_str display_name);
/* Deletes one with its tokens and keys; one that is not there is no error. */
myl_rc myl_user_device_delete(myl_ctx *cx, uint64_t user, myl_str device_id);
/* Deletes up to `most` of them but `except` (a number, 0: none); *left: were there more? */
myl_rc myl_user_devices_delete(myl_ctx *cx, uint64_t user, uint64_t except, size_t most,
                               bool *left);
/* Set at start by whoever keeps things by device; runs in the change that deletes it. At most four. */
void myl_user_on_device_deleted(myl_rc (*fn)(myl_ctx *cx, uint64_t user, uint64_t device));

/* Registration tokens (spec: Token-authenticated registration). */
typedef struct {
    myl_str token;
    int64_t uses_allowed; /* -1: no limit */
    int64_t pending, completed;
    int64_t expiry_ms; /* -1: never */
} myl_registration_token;
myl_rc myl_user_put_registration_token(myl_ctx *cx, const myl_registration_token *token);
/* `token` absent in *out: there is none. All of them, by their texts. */
myl_rc myl_user_registration_token(myl_ctx *cx, myl_str token, myl_registration_token *out);
myl_rc myl_user_registration_tokens(myl_ctx *cx, const myl_registration_token **tokens,
                                    size_t *count);
myl_rc myl_user_drop_registration_token(myl_ctx *cx, myl_str token);
/* With uses left and not expired? */
bool myl_user_registration_token_is_good(const myl_registration_token *token, int64_t now_ms);
/* Does it exist, with uses left and not expired? */
myl_rc myl_user_registration_token_valid(myl_ctx *cx, myl_str token, int64_t now_ms, bool *out);
/* Counts one completed use; MYL_UNAUTHORIZED when it is not valid any more. */
myl_rc myl_user_use_registration_token(myl_ctx *cx, myl_str token, int64_t now_ms);

#endif
