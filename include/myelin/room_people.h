/* room_people.h: users that somebody may find: by a search term, among those they may know of.
 *
 * Spec: Client-Server API, User Directory: whoever shares a room with the asker, or is in a room that is public or readable by
 * the world. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_PEOPLE_H
#define MYELIN_ROOM_PEOPLE_H

#include <myelin/room_state.h>
#include <myelin/tasks_lane.h>

typedef struct {
    myl_str user_id;
    myl_str display_name, avatar_url; /* absent: none */
} myl_person;

typedef struct {
    myl_str term;
    size_t limit;
    bool all_local; /* every user of this server may be found */
} myl_people_ask;
typedef struct {
    const myl_person *people; /* at most `limit`, best first */
    size_t count;
    bool limited; /* there were more */
} myl_people;
myl_rc myl_room_find_people(myl_ctx *cx, const myl_caller *asker, const myl_people_ask *ask,
                            myl_people *out);

/* Puts users of other servers into the directory, some a step. Registered by the daemon before tasks start. */
extern const myl_task_kind myl_room_people_task;

#endif
