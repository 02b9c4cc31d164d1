/* room_guest.h: guests of this server leave rooms that close to guests.
 *
 * Spec: Client-Server API, Guest Access. Threads: the engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_GUEST_H
#define MYELIN_ROOM_GUEST_H

#include <myelin/room_state.h>
#include <myelin/tasks_lane.h>

/* Registered by the daemon before tasks start. */
extern const myl_task_kind myl_room_guests_task;

#endif
