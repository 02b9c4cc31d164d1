/* fed_policy.h: asking policy servers for their signatures.
 *
 * Spec: Server-Server API, Policy Servers. Threads: lanes, without a transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_FED_POLICY_H
#define MYELIN_FED_POLICY_H

#include <myelin/room_policy.h>
#include <myelin/tasks_lane.h>

/* Has the event of cx->policy that waits signed. MYL_OK also for a refusal, which is left there; MYL_REMOTE_DOWN. */
myl_rc myl_fed_policy_sign(myl_ctx *cx);
/* The same for steps of tasks, which wait for it: a server that does not answer, or has no time, is left there too, and is left alone
 * for a while. */
extern const myl_task_wait myl_fed_policy_wait;
/* One event that was made outside a change, on its way out. MYL_FORBIDDEN: refused, and the server's words lie in cx->policy. */
myl_rc myl_fed_policy_ask(myl_ctx *cx, myl_str room_id, myl_incoming *event);
/* A change of straight-line code on a lane: run as often as it takes to have all its events signed. */
myl_rc myl_fed_policy_run(myl_ctx *cx, myl_change *change);

/* Events of one room that came, on their way in (NULL: passed over): those that its policy server has not signed are handed to it.
 * What it signs carries the signature afterwards; what it does not is for myl_room_admit to judge. */
myl_rc myl_fed_policy_check(myl_ctx *cx, myl_str room_id, myl_incoming *const *events,
                            size_t count);

#endif
