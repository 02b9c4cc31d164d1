/* sync_sliding.h: sliding sync: the rooms a client looks at, and what is new in them since it last looked.
 *
 * Spec: MSC4186, in two forms with one core: the one in use (unstable path, positions in the query) and the merged one
 * (/v4/sync, positions in the body). What differs is told by `merged`; api/ decodes both into the request below.
 * A connection (user, device, conn_id) remembers what it has sent of each room. It lives in memory: after a restart, or when
 * it was dropped for room, its position is unknown (MYL_UNKNOWN_POS) and the client begins anew.
 * The state of a connection moves on only when a client comes back with the position of an answer; until then the same
 * position asked again is answered from the same place.
 * Threads: read workers; a connection is used by one at a time (lock SLIDING_CONNECTION).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_SYNC_SLIDING_H
#define MYELIN_SYNC_SLIDING_H

#include <myelin/sync_build.h>
#include <myelin/user_threads.h>

/* Which state events: absent type or state key matches all. */
typedef struct {
    myl_str type, state_key;
} myl_state_selector;
typedef struct {
    const myl_state_selector *include, *exclude;
    size_t include_count, exclude_count;
    bool
        narrowed; /* an all-including selector leaves types to the others that name them (form in use) */
    bool lazy_members;
} myl_required_state;

/* What is wanted of a room. */
typedef struct {
    myl_required_state state;
    uint32_t timeline_limit;
} myl_sliding_config;

/* Conditions on rooms; all must hold. Lists absent (NULL): no condition. */
typedef struct {
    int is_dm, is_encrypted, is_invited;         /* -1: any, 0: no, 1: yes */
    const myl_json *room_types, *not_room_types; /* arrays of strings and nulls */
    const myl_str *spaces, *tags, *not_tags;
    size_t space_count, tag_count, not_tag_count;
    myl_str name_like; /* absent: any */
} myl_sliding_filters;

typedef struct {
    int64_t from, to; /* both inclusive */
} myl_sliding_range;
typedef struct {
    myl_str name;
    myl_sliding_config config;
    myl_sliding_filters filters;
    const myl_sliding_range *ranges; /* NULL: all rooms */
    size_t range_count;
} myl_sliding_list;
typedef struct {
    myl_str room_id;
    myl_sliding_config config;
} myl_sliding_subscription;

/* For which rooms an extension speaks: those of the named lists and the named subscriptions. */
typedef struct {
    bool enabled, all_lists, all_rooms;
    const myl_str *lists, *rooms;
    size_t list_count, room_count;
} myl_sliding_scope;
typedef struct {
    bool to_device, e2ee;
    myl_str to_device_since; /* absent: from the oldest */
    int64_t to_device_limit;
    myl_sliding_scope account_data, receipts, typing;
    const char *threads; /* the name by which thread subscriptions are asked for; NULL: not */
    int64_t threads_limit;
} myl_sliding_extensions;

typedef struct {
    const myl_caller *caller;
    bool merged;
    bool may_wait;   /* an empty answer is not wanted: none is written */
    myl_str conn_id; /* absent: the unnamed connection */
    myl_str pos;     /* absent: a new connection, whatever there was before */
    myl_str txn_id;  /* echoed when present */
    const myl_sliding_list *lists;
    size_t list_count;
    const myl_sliding_subscription *subscriptions;
    size_t subscription_count;
    myl_sliding_extensions extensions;
} myl_sliding_request;

/* Writes the whole answer. `result` as that of myl_sync_write: what to wait for, and whether anything is new.
 * MYL_UNKNOWN_POS for a position that is not this connection's newest or the one before. */
myl_rc myl_sliding_write(myl_ctx *cx, const myl_sliding_request *request, myl_writer *w,
                         myl_sync_result *result);

/* ---- thread subscriptions (MSC4308) ---- */
/* "subscribed" and "unsubscribed", by room, as members of the open object. */
myl_rc myl_sliding_write_threads(myl_ctx *cx, myl_writer *w, const myl_threads *threads);
/* A place in the changes of threads: what came before it is still to be told. A position of a connection is one too: what
 * came by it was told. *out 0 where that was before a restore. MYL_INVALID_PARAM naming `parameter`. */
myl_str myl_sliding_thread_place(myl_ctx *cx, uint64_t position);
myl_rc myl_sliding_thread_place_read(myl_ctx *cx, myl_str text, const char *parameter,
                                     uint64_t *out);

/* Registered at start: after the commit the connections of the device are forgotten. */
myl_rc myl_sliding_device_deleted(myl_ctx *cx, uint64_t user, uint64_t device);
/* Ends what is kept in memory; no request runs any more. */
void myl_sliding_stop(void);

#endif
