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
    bool is_admin, is_guest, deactivated, locked, suspended, erased;
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

/* keys.c: everything stored for a device's encryption goes with it. */
myl_rc myl_user_keys_drop(myl_ctx *cx, uint64_t user, uint64_t device);

#endif
