/* room_retention.h: how long messages live (m.room.retention, MSC1763), and the erasure of redacted content.
 *
 * State events never expire. What has expired is not shown from that moment, and leaves the disk with the next sweep. The
 * content of a redacted event stays on the disk for the configured time, so that a mistake can be looked into; then the
 * redacted form replaces it.
 * Threads: as each function says; set up at start.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_RETENTION_H
#define MYELIN_ROOM_RETENTION_H

#include <myelin/room_state.h>
#include <myelin/tasks_lane.h>

typedef struct {
    bool enabled;
    int64_t default_lifetime_ms; /* of rooms that say nothing; 0: for ever */
    int64_t default_min_ms;      /* the same: for so long nothing goes */
    int64_t least_ms, most_ms;   /* bounds of what rooms may say; most 0: none */
    int64_t sweep_every_ms;
    int64_t erase_after_ms; /* redacted content */
} myl_retention_policy;
/* Once at start, before tasks start: also registers what comes again. */
void myl_room_retention_start(const myl_retention_policy *policy);
const myl_retention_policy *myl_room_retention(void);

/* Messages of the room older than so many milliseconds are gone; 0: they live for ever. */
myl_rc myl_room_lifetime(myl_ctx *cx, myl_tree_root state, int64_t *out);

extern const myl_task_kind myl_room_retention_task, myl_room_erase_task;

#endif
