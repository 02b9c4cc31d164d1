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
#include <myelin/user_data.h>

/* account.c: the whole row of an account. */
typedef struct {
    bool is_admin, is_guest, deactivated, locked;
    int64_t created_ms;
    uint64_t generation;
    myl_str password_hash; /* absent: none */
} user_row;
/* *exists tells whether there is one. */
myl_rc myl_user_row(myl_ctx *cx, uint64_t user, bool *exists, user_row *out);
myl_rc myl_user_row_put(myl_ctx *cx, uint64_t user, const user_row *row);
/* Tells the listener, after the commit, that tokens of this user have ended. */
void myl_user_tokens_ended(myl_ctx *cx, uint64_t user);

/* keys.c: everything stored for a device's encryption goes with it. */
myl_rc myl_user_keys_drop(myl_ctx *cx, uint64_t user, uint64_t device);

#endif
