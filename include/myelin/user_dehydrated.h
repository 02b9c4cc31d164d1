/* user_dehydrated.h: a device that waits, asleep, for messages while nobody of its user is there.
 *
 * Spec: MSC3814. A user has at most one; it is an ordinary device without tokens, whose keys others can ask for and claim.
 * Inside cx->txn; what writes, inside a change. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_USER_DEHYDRATED_H
#define MYELIN_USER_DEHYDRATED_H

#include <myelin/json_value.h>
#include <myelin/user_account.h>

typedef struct {
    uint64_t device; /* number; 0: there is none */
    myl_str device_id;
    myl_str data; /* device_data, JSON; in the job */
} myl_dehydrated;
myl_rc myl_user_dehydrated(myl_ctx *cx, uint64_t user, myl_dehydrated *out);

typedef struct {
    myl_str device_id;
    myl_str display_name; /* absent: none */
    const myl_json *data, *device_keys, *one_time_keys,
        *fallback_keys; /* the last two: NULL when not given */
} myl_new_dehydrated;
/* In place of the former one, which is deleted. MYL_INVALID_PARAM for the id of another device of the user, or of one of
 * their cross-signing keys; and as the uploads of keys do. */
myl_rc myl_user_dehydrated_put(myl_ctx *cx, const myl_caller *caller,
                               const myl_new_dehydrated *given);
/* Deletes it with its keys and messages; device_id absent in `out` when there was none. */
myl_rc myl_user_dehydrated_delete(myl_ctx *cx, uint64_t user, myl_dehydrated *out);

#endif
