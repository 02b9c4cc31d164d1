/* room_upgrade.h: a room is replaced by a new one of another version.
 *
 * Spec: Client-Server API, Room upgrades. What is more than a change may hold (children of large spaces, many bans) is copied by
 * a stored task after the reply. Threads: the engine, inside a change.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_UPGRADE_H
#define MYELIN_ROOM_UPGRADE_H

#include <myelin/room_send.h>
#include <myelin/tasks_lane.h>

typedef struct {
    const myl_caller *caller;
    myl_str room_id;
    myl_str version;                    /* of the new room */
    const myl_str *additional_creators; /* ignored where the new version has none */
    size_t creator_count;
} myl_room_upgrade;
/* MYL_UNSUPPORTED_ROOM_VERSION, MYL_NOT_JOINED, MYL_FORBIDDEN without the level of m.room.tombstone. */
myl_rc myl_room_upgrade_do(myl_ctx *cx, const myl_room_upgrade *upgrade, myl_str *new_room_id);

/* The room that its create event says it replaces; absent: none. */
myl_rc myl_room_predecessor(myl_ctx *cx, const myl_room_head *head, myl_str *room_id);
/* A user of ours has joined `head`: when it replaces a room that they were in, their tags and direct-chat marks of the old one
 * are taken over. */
myl_rc myl_room_carry_settings(myl_ctx *cx, const myl_room_head *head, uint64_t user);

/* Registered by the daemon before tasks start. */
extern const myl_task_kind myl_room_upgrade_task;

#endif
