/* room_deactivate.h: an account is closed: at once for whoever asks, then step by step in all that it leaves behind.
 *
 * Spec: Client-Server API, Account deactivation. The account's row says so in the change itself: no token and no password
 * work any more. A stored task then leaves its rooms, some a step, deletes its devices, and what clients kept with it.
 * Threads: the engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_DEACTIVATE_H
#define MYELIN_ROOM_DEACTIVATE_H

#include <myelin/room_state.h>
#include <myelin/tasks_lane.h>

/* `erase`: the profile goes too, and what the user wrote is shown redacted to whoever was not in the room then.
 * MYL_NOT_FOUND when there is no such account; again: the task runs again. Inside a change. */
myl_rc myl_room_deactivate(myl_ctx *cx, uint64_t user, bool erase);

/* Registered by the daemon before tasks start. */
extern const myl_task_kind myl_room_deactivate_task, myl_room_leave_late_task;

#endif
