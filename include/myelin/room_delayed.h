/* room_delayed.h: events that are sent later: when their time has come, unless they are restarted, sent or cancelled before.
 *
 * Spec: MSC4140. Stored with a task each that wakes at the time; so they survive a restart. Inside cx->txn; those that
 * write, inside a change. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_DELAYED_H
#define MYELIN_ROOM_DELAYED_H

#include <myelin/room_send.h>
#include <myelin/tasks_lane.h>

typedef struct {
    myl_str delay_id; /* a secret: whoever knows it may act on the event */
    uint64_t user;    /* the sender */
    int64_t delay_ms;
    int64_t running_since_ms; /* the last restart */
    uint64_t position;        /* when it was asked for */
    myl_str room_id, type;
    myl_str state_key; /* absent: a message event */
    myl_str content;   /* JSON */
} myl_delayed;

/* Keeps one; outgoing->room_id, type, state_key, content and caller count. MYL_LIMIT_EXCEEDED when the user has
 * DELAYED_EVENTS of them. */
myl_rc myl_room_delay(myl_ctx *cx, const myl_outgoing *outgoing, int64_t delay_ms,
                      myl_str *delay_id);
/* A user's, the oldest first. */
myl_rc myl_room_delayed_of(myl_ctx *cx, uint64_t user, const myl_delayed **events, size_t *count);
/* "send", "restart", "cancel": MYL_NOT_FOUND when there is no such event, MYL_UNRECOGNIZED for other actions. What the
 * room refuses to a send comes back, and the event stays. */
myl_rc myl_room_delayed_act(myl_ctx *cx, myl_str delay_id, myl_str action);

/* Registered by the daemon before tasks start; and what a closed account leaves is dropped. */
extern const myl_task_kind myl_room_delayed_task;
void myl_room_delayed_start(void);

#endif
