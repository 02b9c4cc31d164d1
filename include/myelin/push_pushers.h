/* push_pushers.h: where a user's notifications are to be sent.
 *
 * A pusher belongs to the device that set it and goes with it. At most MYL_LIMIT_PUSHERS a user.
 * Spec: Client-Server API, Push Notifications. Inside cx->txn; what changes them, inside a change.
 * Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_PUSH_PUSHERS_H
#define MYELIN_PUSH_PUSHERS_H

#include <myelin/json_value.h>
#include <myelin/user_account.h>

typedef struct {
    uint64_t user, device;
    myl_str app_id, pushkey; /* together they name it */
    const myl_json *json;    /* the whole object, as GET /pushers shows it */
} myl_pusher;

/* New, or in place of the one of that name. alone: nobody else keeps one of that name. MYL_RESOURCE_LIMIT. */
myl_rc myl_pusher_put(myl_ctx *cx, const myl_pusher *pusher, bool alone);
/* One that is not there is no error. */
myl_rc myl_pusher_delete(myl_ctx *cx, const myl_pusher *pusher);
myl_rc myl_pushers_of(myl_ctx *cx, uint64_t user, const myl_pusher **out, size_t *count);

/* Once, before the engine runs: pushers go with their device, pushers and push rules with their user. */
void myl_push_start(void);

#endif
