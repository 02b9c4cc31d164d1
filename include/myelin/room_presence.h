/* room_presence.h: who is there: volatile, in memory, never stored.
 *
 * A user is online or unavailable while something says so: a client that syncs, or a word of theirs, both with an end; behind it
 * they are offline. Who is to be woken for a state that time has ended is the caller's to ask, now and then (is_untold). Changes take numbers of the volatile counter, as typing does, so "what changed since this token" is a walk over
 * the newest ones. Spec: Client-Server API, Presence. Who may see whom is the caller's to ask (room_share.h).
 * Threads: any; one lock (PRESENCE).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_PRESENCE_H
#define MYELIN_ROOM_PRESENCE_H

#include <myelin/base_ctx.h>

typedef enum {
    MYL_PRESENCE_OFFLINE,
    MYL_PRESENCE_UNAVAILABLE,
    MYL_PRESENCE_ONLINE
} myl_presence_state;
/* "online"; and back: false for other words. */
myl_str myl_presence_name(myl_presence_state state);
bool myl_presence_of(myl_str name, myl_presence_state *out);

typedef struct {
    uint64_t user; /* interned */
    myl_presence_state state;
    myl_str status_msg;      /* in the job; absent: none */
    int64_t last_active_ago; /* ms; -1: never since the start */
    bool currently_active;
} myl_presence;

/* What a user of ours says, good for PRESENCE_SAID_MS. status_msg absent: none. True when others see a change. */
bool myl_room_presence_set(uint64_t user, myl_presence_state state, myl_str status_msg);
/* What another server says of a user of its own, good for PRESENCE_TOLD_MS; it says when they are idle. True when others see a
 * change. */
bool myl_room_presence_told(const myl_presence *told);
/* A client of theirs syncs, until this tick and PRESENCE_SYNC_MS more. `state` counts when they were offline, and when
 * `explicitly` said. True when others see a change. */
bool myl_room_presence_syncing(uint64_t user, myl_presence_state state, bool explicitly,
                               int64_t until_tick);
/* They did something just now. True when others see a change: they were unavailable for idleness. */
bool myl_room_presence_active(uint64_t user);

/* OFFLINE for a user who was never seen. */
void myl_room_presence_get(myl_ctx *cx, uint64_t user, myl_presence *out);
typedef struct {
    uint64_t user, counter;
    bool
        is_untold; /* it came by time, or with a message: whoever waits and other servers were not told */
} myl_presence_change;
typedef struct {
    const myl_presence_change *at;
    size_t count;
    bool more; /* behind the last one */
} myl_presence_changes;
/* Whose presence changed after this value of the volatile counter, the oldest change first, at most PRESENCE_WALK. */
void myl_room_presence_since(myl_ctx *cx, uint64_t counter, myl_presence_changes *out);
/* Users of ours who are there and of whom other servers have not been told for PRESENCE_AGAIN_MS: they count as told now. At most
 * PRESENCE_WALK; in the job. */
void myl_room_presence_again(myl_ctx *cx, const uint64_t **users, size_t *count);
/* Forgets all. */
void myl_room_presence_stop(void);

#endif
