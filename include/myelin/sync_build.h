/* sync_build.h: what changed for this user since a token: the answer of /sync, and filters.
 *
 * Spec: Client-Server API, Syncing; Filtering. Pure over a snapshot (cx->txn); the upper end is the position stored in
 * that snapshot. Cost follows what changed, not how many rooms or members there are.
 * Threads: a read worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_SYNC_BUILD_H
#define MYELIN_SYNC_BUILD_H

#include <myelin/room_presence.h>
#include <myelin/room_timeline.h>
#include <myelin/sync_token.h>
#include <myelin/user_data.h>

/* An event filter of the spec, decoded; absent lists allow all. "*" works in types. */
typedef struct {
    size_t limit;
    const myl_str *types, *not_types, *senders, *not_senders, *rooms, *not_rooms;
    size_t type_count, not_type_count, sender_count, not_sender_count, room_count, not_room_count;
    bool has_types, has_senders, has_rooms;
    /* events that have a child of one of these kinds, by one of these senders; has_related: one of both was given */
    const myl_str *related_senders, *related_rel_types;
    size_t related_sender_count, related_rel_type_count;
    bool has_related;
    /* the event's own rel_type (MSC3874) */
    const myl_str *rel_types, *not_rel_types;
    size_t rel_type_count, not_rel_type_count;
    int contains_url; /* -1: any, 0: without, 1: with */
    bool lazy_load_members, include_redundant_members, unread_thread_notifications;
} myl_event_filter;
typedef struct {
    myl_event_filter presence, account_data, room_account_data, timeline, state, ephemeral;
    myl_event_filter room; /* rooms and not_rooms only */
    bool include_leave;
    bool federation_format;
    const myl_str *fields; /* event_fields: of events of rooms only these go out; none: all */
    size_t field_count;
} myl_filter;
/* The defaults when json is NULL. MYL_BAD_JSON naming the field. */
myl_rc myl_filter_decode(myl_ctx *cx, const myl_json *json, myl_filter *out);
/* A filter as a parameter; the error names it. */
myl_rc myl_filter_parse(myl_ctx *cx, myl_str text, const myl_json **out);
/* For RoomEventFilters alone (/messages, /context). */
myl_rc myl_event_filter_decode(myl_ctx *cx, const myl_json *json, myl_event_filter *out);
bool myl_event_filter_allows(const myl_event_filter *filter, myl_str room_id, myl_str sender,
                             myl_str type, bool has_url);
/* The same for a stored event of that room; names and content are read only when the filter asks for them. */
myl_rc myl_event_filter_admits(myl_ctx *cx, const myl_event_filter *filter, myl_str room_id,
                               const myl_stored *stored, bool *out);

typedef struct {
    const myl_caller *caller;
    const myl_filter *filter;
    myl_sync_token since;
    bool initial; /* no token given */
    bool full_state;
    bool presence;               /* is shown at all on this server */
    bool state_after;            /* the state behind the timeline, not before it (MSC4222) */
    const char *state_after_key; /* its name in the answer */
    bool may_wait;               /* an empty answer is not wanted: none is written */
} myl_sync_request;
typedef struct {
    myl_sync_token next;
    bool empty; /* nothing but next_batch is to be told; a request that may wait parks then */
    bool follows_rooms; /* what happens in the caller's rooms may change the answer */
    bool only_devices;  /* of that, whose devices the caller may know, and these devices */
    bool
        is_settled; /* asked with `next`, the same snapshot would give nothing, and there is nothing to acknowledge */
} myl_sync_result;
/* An answer in the making, in the job, as the request has to be. Looks what there is to tell; nothing is written when it is
 * empty and the request may wait. */
typedef struct myl_syncing myl_syncing;
myl_rc myl_sync_begin(myl_ctx *cx, const myl_sync_request *request, myl_syncing **out,
                      myl_sync_result *result);
/* The next piece of the answer object, some `bytes` long (a room's object but for its state is never cut), or its end:
 * then *last. The first in the snapshot of myl_sync_begin, each further one in any later one. `out` lies in memory that is
 * not cx's. After the first piece result->empty and is_settled hold for an answer that it ends. */
typedef struct {
    size_t bytes;
    myl_text *out;
    bool *last;
} myl_sync_page;
myl_rc myl_sync_write(myl_syncing *s, const myl_sync_page *page, myl_sync_result *result);

/* The members of an m.presence content, into an open object. */
void myl_sync_write_presence_content(myl_writer *w, const myl_presence *presence);

/* Forgets what is kept in memory; no request runs any more. */
void myl_sync_stop(void);

#endif
