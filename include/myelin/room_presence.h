/* room_presence.h: who is there: volatile, in memory, never stored.
 *
 * A user is online or unavailable while something says so: a client that syncs, or a word of theirs, both with an end; behind it
 * they are offline. Changes take numbers of the volatile counter, as typing does, so "what changed since this token" is a walk over
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

/* What the user or another server says, good for PRESENCE_SAID_MS. status_msg absent: none. True when others see a change. */
bool myl_room_presence_set(uint64_t user, myl_presence_state state, myl_str status_msg);
/* A client of theirs syncs, until this tick and PRESENCE_SYNC_MS more. `state` counts when they were offline, and when
 * `explicitly` said. True when others see a change. */
bool myl_room_presence_syncing(uint64_t user, myl_presence_state state, bool explicitly,
                               int64_t until_tick);
/* They did something just now. True when others see a change: they were unavailable for idleness. */
bool myl_room_presence_active(uint64_t user);

/* OFFLINE for a user who was never seen. */
void myl_room_presence_get(myl_ctx *cx, uint64_t user, myl_presence *out);
/* Users whose presence changed after this value of the volatile counter, the newest first, at most PRESENCE_WALK. */
void myl_room_presence_since(myl_ctx *cx, uint64_t counter, const uint64_t **users, size_t *count);
/* Forgets all. */
void myl_room_presence_stop(void);

#endif
