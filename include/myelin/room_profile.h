/* room_profile.h: a changed profile is shown in every room that its user is in.
 *
 * Spec: Client-Server API, Profiles, Events on change of profile information. The rooms are a stored task's work, some a step, so
 * that a user in thousands of rooms holds up nobody. Threads: the engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_PROFILE_H
#define MYELIN_ROOM_PROFILE_H

#include <myelin/room_state.h>
#include <myelin/tasks_lane.h>

/* Sets or (NULL) removes a field; "displayname" and "avatar_url" begin the task that tells the rooms. Inside a change. */
myl_rc myl_room_profile_set(myl_ctx *cx, const myl_caller *caller, myl_str field,
                            const myl_json *value);

/* Registered by the daemon before tasks start. */
extern const myl_task_kind myl_room_profile_task, myl_room_profile_late_task;

#endif
