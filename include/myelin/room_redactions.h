/* room_redactions.h: everything that one user wrote is redacted, for administrators.
 *
 * A stored task goes through the rooms, newest events first. How far it is, is kept for PURGES_KEPT_DAYS after its end.
 * Inside cx->txn; those that write, inside a change. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_REDACTIONS_H
#define MYELIN_ROOM_REDACTIONS_H

#include <myelin/room_state.h>
#include <myelin/tasks_lane.h>

typedef struct {
    uint64_t user;         /* whose messages and joins; of any server */
    uint64_t by;           /* who redacts where the user cannot do it themselves; 0: nobody */
    const uint64_t *rooms; /* at most REDACTION_ROOMS; NULL: all that the user was ever in */
    size_t room_count;
    myl_str reason; /* absent: none */
    int64_t limit;  /* events of one room */
} myl_user_redaction;
/* *id: under which its progress is found. */
myl_rc myl_room_redact_user(myl_ctx *cx, const myl_user_redaction *wanted, uint64_t *id);

typedef struct {
    uint64_t id; /* 0: there is none */
    bool complete;
    uint64_t redacted;
    int64_t ended_ms;
    const myl_json *failed; /* event ids to reasons; at most REDACTION_FAILURES */
} myl_redaction_info;
myl_rc myl_room_redaction_info(myl_ctx *cx, uint64_t id, myl_redaction_info *out);

/* Registered by the daemon before tasks start. */
extern const myl_task_kind myl_room_redact_user_task;

#endif
