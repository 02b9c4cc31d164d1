/* fed_policy.h: asking policy servers for their signatures.
 *
 * Spec: Server-Server API, Policy Servers. Threads: lanes, without a transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_FED_POLICY_H
#define MYELIN_FED_POLICY_H

#include <myelin/room_policy.h>

/* Has the event of cx->policy that waits signed. MYL_OK also for a refusal, which is left there; MYL_REMOTE_DOWN. */
myl_rc myl_fed_policy_sign(myl_ctx *cx);

/* Events of one room that came, on their way in (NULL: passed over): those that its policy server has not signed are handed to it.
 * What it signs carries the signature afterwards; what it does not is for myl_room_admit to judge. */
myl_rc myl_fed_policy_check(myl_ctx *cx, myl_str room_id, myl_incoming *const *events,
                            size_t count);

#endif
