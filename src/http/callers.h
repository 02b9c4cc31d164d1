/* callers.h: who stands behind an access token, remembered.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_HTTP_CALLERS_OWN_H
#define MYELIN_HTTP_CALLERS_OWN_H

#include <myelin/crypto_sign.h>
#include <myelin/sync_waiters.h>
#include <myelin/user_account.h>

typedef struct {
    myl_str text;
    myl_sha256 hash;
} http_token;

/* A request that a caller is about to send, and what it will wait for (next.c). */
typedef struct {
    uint64_t target; /* its hash; 0: none */
    int64_t timeout_ms;
    int64_t until_ms;    /* tick until when it may come */
    uint64_t kept_since; /* of the loop, when the reply before it was sent */
    myl_wait wait;       /* but for the deadline */
} http_next;

/* One loop's memory of HTTP_CALLERS tokens. */
typedef struct http_callers http_callers;

http_callers *myl_http_callers_start(void);
void myl_http_callers_end(http_callers *callers);

/* Fills `out` (texts in the job). MYL_UNKNOWN_TOKEN. Opens a snapshot when the token is new here or its user's tokens
 * have changed since. out->is_due: the store should be told that the device was seen (myl_user_seen). The loop's thread. */
myl_rc myl_http_caller_of(http_callers *callers, myl_ctx *cx, myl_store *store,
                          const http_token *token, myl_caller *out);

/* What the caller of that token is about to ask; forgotten when the token is. */
void myl_http_callers_foretell(http_callers *callers, const myl_sha256 *hash,
                               const http_next *next);
/* True once, when that is the target. */
bool myl_http_callers_foretold(http_callers *callers, const myl_sha256 *hash, uint64_t target,
                               http_next *out);

/* For myl_user_on_tokens_changed: from now on no loop trusts what it remembers of this user. Any
 * thread. */
void myl_http_callers_forget(uint64_t user);

#endif
