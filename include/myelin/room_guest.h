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

/* A user of ours has joined by another server's hand: a guest whom the room does not let in leaves at once (*left). Inside a change. */
myl_rc myl_room_guest_came(myl_ctx *cx, myl_str room_id, myl_str user_id, bool *left);

/* Registered by the daemon before tasks start. */
extern const myl_task_kind myl_room_guests_task;

#endif
