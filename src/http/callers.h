/* callers.h: who stands behind an access token, remembered.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_HTTP_CALLERS_OWN_H
#define MYELIN_HTTP_CALLERS_OWN_H

#include <myelin/user_account.h>

/* One loop's memory of HTTP_CALLERS tokens. */
typedef struct http_callers http_callers;

http_callers *myl_http_callers_start(void);
void myl_http_callers_end(http_callers *callers);

/* Fills `out` (texts in the job). MYL_UNKNOWN_TOKEN. Opens a snapshot when the token is new here or its user's tokens
 * have changed since. out->is_due: the store should be told that the device was seen (myl_user_seen). The loop's thread. */
myl_rc myl_http_caller_of(http_callers *callers, myl_ctx *cx, myl_store *store, myl_str token,
                          myl_caller *out);

/* For myl_user_on_tokens_changed: from now on no loop trusts what it remembers of this user. Any
 * thread. */
void myl_http_callers_forget(uint64_t user);

#endif
