/* sync_device_lists.h: whose device list changed for a reader since a position, and whom the reader no longer meets.
 *
 * Spec: Client-Server API, Tracking the device list for a user; Extensions to /sync. Any room counts, encrypted or not:
 * clients leave out whom they do not track (docs/decisions/080-device-lists.md).
 * Pure over a snapshot. Threads: a read worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_SYNC_DEVICE_LISTS_H
#define MYELIN_SYNC_DEVICE_LISTS_H

#include <myelin/store_engine.h>

typedef struct {
    const uint64_t *changed, *left; /* users, each once, in no order */
    size_t changed_count, left_count;
} myl_device_lists;
/* changed: who shares a room with the reader now and changed devices or cross-signing keys since, or did not share one
 * all the time since; the reader too; and whom the reader has signed since. left: who shared one at `since` and shares
 * none now. */
myl_rc myl_sync_device_lists(myl_ctx *cx, uint64_t reader, uint64_t since, myl_device_lists *out);

#endif
