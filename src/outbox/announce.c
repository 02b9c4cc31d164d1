/* announce.c: the devices of a user of ours are told to servers that meet them by a join.
 *
 * Why:     a server follows a list from change to change; one that has never heard of it must be told that there is one.
 * Spec:    Server-Server API, Device Management: also when the user joins a room with servers that did not get its changes.
 * Callers: follow.c, load.c. Threads: the sender, in a snapshot.
 * Holds:   what is written is how the device is now; one that is gone by then gives nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "outbox/outbox_own.h"

#include <stdlib.h>

#include <myelin/room_servers.h>
#include <myelin/room_share.h>
#include <myelin/user_keys.h>

static int compare(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, two = *(const uint64_t *)b;

    return one < two ? -1 : one > two;
}

/* Servers of the user's other rooms, ascending. */
static myl_rc known_servers(myl_ctx *cx, uint64_t user, uint64_t room, myl_list *out)
{
    const uint64_t *rooms, *servers;
    size_t room_count, count;

    *out = MYL_LIST(cx, uint64_t);
    MYL_TRY(myl_room_joined_by(cx, user, &rooms, &room_count));
    for (size_t i = 0; i < room_count; i++) {
        if (rooms[i] == room)
            continue;
        MYL_TRY(myl_room_servers(cx, rooms[i], &servers, &count));
        for (size_t s = 0; s < count; s++)
            myl_list_push(out, uint64_t, servers[s]);
    }
    myl_list_sort(out, compare);
    return MYL_OK;
}

static myl_rc new_servers(myl_ctx *cx, uint64_t room, outbox_announcement *out)
{
    const uint64_t *servers;
    uint64_t *fresh;
    myl_list known;
    size_t count;

    MYL_TRY(myl_room_servers(cx, room, &servers, &count));
    if (count == 0)
        return MYL_OK;
    MYL_TRY(known_servers(cx, out->user, room, &known));
    fresh = myl_new_array(cx, uint64_t, count);
    for (size_t i = 0; i < count; i++)
        if (known.count == 0 ||
            bsearch(&servers[i], known.at, known.count, sizeof(uint64_t), compare) == NULL)
            fresh[out->server_count++] = servers[i];
    out->servers = fresh;
    return MYL_OK;
}

myl_rc myl_outbox_announcement(myl_ctx *cx, uint64_t room, uint64_t position,
                               outbox_announcement *out)
{
    bool is_ours;
    myl_str name;

    *out = (outbox_announcement){.position = position};
    MYL_TRY(myl_room_joined_at(cx, room, position, &out->user, &is_ours));
    out->joined = out->user;
    if (!is_ours)
        out->user = 0;
    if (out->user == 0)
        return MYL_OK;
    MYL_TRY(new_servers(cx, room, out));
    if (out->server_count == 0)
        return MYL_OK;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, out->user, &name));
    return myl_user_devices(cx, name, &out->devices, &out->device_count);
}

outbox_item myl_outbox_announced(const outbox_announcement *announcement, size_t device)
{
    return (outbox_item){.position = announcement->position,
                         .id = announcement->user,
                         .device = announcement->devices[device].number,
                         .kind = OUTBOX_ANNOUNCE};
}
