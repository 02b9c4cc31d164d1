/* room_policy.h: rooms whose events a policy server signs.
 *
 * A room uses one when its state names it with a key (m.room.policy) and one of its users is joined. Then every event but that one
 * needs its signature: what comes without is soft-failed, what we send is handed to it before it is stored. The engine does not
 * wait: myl_room_build answers MYL_UNSIGNED, with the event kept in the job; a lane asks (fed_policy.h), and the change runs
 * again from the top. What the server refuses fails then with MYL_FORBIDDEN, and with MYL_REMOTE_DOWN when it did not answer.
 * Spec: Server-Server API, Policy Servers. Inside cx->txn. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_POLICY_H
#define MYELIN_ROOM_POLICY_H

#include <myelin/base_list.h>
#include <myelin/room_admit.h>

#define MYL_POLICY_KEY_ID MYL_S("ed25519:policy_server")

typedef struct {
    myl_str server; /* absent: the room uses none */
    uint8_t key[32];
} myl_room_policy;
/* By the current state. The name lives in the job. */
myl_rc myl_room_policy_of(myl_ctx *cx, const myl_room_head *head, myl_room_policy *out);
/* Is it an event that the policy server signs? Not the one that names it. */
bool myl_room_policy_covers(const myl_event *event);
/* Does its signature hold? No transaction is needed. */
bool myl_room_policy_holds(myl_ctx *cx, const myl_room_policy *policy, const myl_event *event);

/* ---- our own events ---- */
typedef enum { MYL_POLICY_SIGNED, MYL_POLICY_REFUSED, MYL_POLICY_DOWN } myl_policy_said;
typedef struct {
    myl_incoming event; /* signed: with the signature */
    myl_policy_said said;
    myl_str server;
} myl_policy_answer;

/* What a job has been told of its events, in the order in which it sends; cx->policy, in the job, through the rounds. */
struct myl_policy_desk {
    myl_list done; /* myl_policy_answer */
    size_t at;     /* how many of them this round has used: to be set to 0 before each round */
    myl_incoming waiting;
    myl_room_policy policy; /* of the room that it is for */
    /* what the server said in place of the last signature; status 0: nothing */
    int refusal_status;
    myl_str refusal; /* JSON */
    /* policy.c's: what is chosen once and is the same in each round */
    int64_t first_ms;
    myl_str new_room_id;
};

#endif
