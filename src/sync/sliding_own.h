/* sliding_own.h: what the files of sliding sync share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SLIDING_OWN_H
#define SLIDING_OWN_H

#include <myelin/base_table.h>
#include <myelin/sync_sliding.h>

#include "sync/sync_own.h"

/* ---- sliding_state.c: which state is required ---- */

/* Several sets; an event that matches any of them is required. */
typedef struct {
    const myl_required_state *sets;
    size_t count;
} myl_required_sets;
bool myl_sliding_requires(const myl_required_sets *sets, myl_str type, myl_str state_key);
/* Members come with the events that speak of them: a set asks for it, and no other asks for all members. */
bool myl_sliding_is_lazy(const myl_required_sets *sets);
/* Event numbers of the required state at a root, ascending. */
myl_rc myl_sliding_required(myl_ctx *cx, const myl_required_sets *sets, myl_tree_root root,
                            myl_list *numbers);
/* Bytes that stand for the sets, and back. The same sets in the same order give the same bytes. */
myl_str myl_sliding_sets_write(myl_ctx *cx, const myl_required_sets *sets);
bool myl_sliding_sets_read(myl_ctx *cx, myl_str bytes, myl_required_sets *out);

/* ---- sliding_conn.c: connections ---- */

enum { SLIDING_SEEN_ALL = UINT16_MAX };

/* What a connection has sent of a room. */
typedef struct {
    uint64_t room;
    uint64_t position;  /* everything up to it was sent */
    myl_tree_root root; /* the state that the client knows */
    uint32_t notifications, highlights;
    uint16_t config; /* number of the required sets, see myl_sliding_config_number */
    uint16_t
        seen; /* newest events that the client has without a gap; SLIDING_SEEN_ALL: down to the first */
    uint8_t membership;
    bool is_dm;
} sliding_sent;

/* A room of the user, as the lists see it. */
typedef struct {
    uint64_t room;
    uint64_t
        activity; /* position of the newest event, or of the membership where the user is not joined */
    uint64_t bump;      /* the same of events that count as activity for clients */
    uint64_t joined_at; /* position of the membership */
    uint64_t event;     /* number of the member event */
    myl_membership membership;
    bool is_kicked; /* left, by another's doing */
    bool has_facts; /* whether it is encrypted was looked up */
    bool is_encrypted;
    uint64_t type; /* interned name of the room's type; 0: none */
} sliding_room;

typedef struct myl_sliding_connection myl_sliding_connection;
struct myl_sliding_connection {
    /* the newest answer that the client has seen, and the one under way */
    uint64_t number;       /* of the connection, never reused */
    uint64_t acknowledged; /* sequence of the answer that the client holds */
    uint64_t given;        /* sequence of the newest answer */
    myl_sync_token before; /* up to where the acknowledged answer went */
    myl_sync_token after;  /* up to where the newest went */
    myl_table *sent;       /* room -> sliding_sent, as acknowledged */
    sliding_sent *pending; /* what the newest answer changes in `sent` */
    size_t pending_count;
    myl_table *members; /* lazily sent member events: number -> itself */
    uint64_t *pending_members;
    size_t pending_member_count;
    /* the user's rooms, newest activity first; a cache with a position of its own */
    sliding_room *rooms;
    size_t room_count, room_room;
    size_t ended_count; /* rooms among them that the user is not in, invited to or knocking at */
    uint64_t rooms_position;
    /* required sets by number */
    myl_str *configs;
    size_t config_count;
};

typedef struct {
    uint64_t user, device;
    myl_str conn_id;
} sliding_name;
/* Takes the connection for this thread, made when there is none; others wait. Dropped ones are made anew. */
myl_sliding_connection *myl_sliding_take(const sliding_name *name);
void myl_sliding_give_back(myl_sliding_connection *connection);
/* Forgets all that was sent: a new beginning. */
void myl_sliding_begin(myl_sliding_connection *connection);
/* The client holds the newest answer: what that changed is now so. */
void myl_sliding_acknowledge(myl_sliding_connection *connection);
/* NULL: nothing was sent of the room. */
const sliding_sent *myl_sliding_sent_of(const myl_sliding_connection *connection, uint64_t room);
/* What the answer under way changes; replaces what the last one would have changed. */
void myl_sliding_set_pending(myl_sliding_connection *connection, const myl_list *sent,
                             const myl_list *members);
/* The number of these bytes, given anew when unknown; UINT16_MAX when there are too many. */
uint16_t myl_sliding_config_number(myl_sliding_connection *connection, myl_str bytes);

/* ---- sliding_list.c: the user's rooms in order, filters, windows ---- */

/* Brings connection->rooms up to the snapshot. */
myl_rc myl_sliding_rooms_update(myl_syncing *s, myl_sliding_connection *connection);
/* NULL: not a room of the user. */
sliding_room *myl_sliding_room_of(const myl_sliding_connection *connection, uint64_t room);
/* The rooms of a list that the client looks at, by their place in connection->rooms. */
typedef struct {
    const uint32_t *rooms;
    const uint32_t *places; /* of each in the filtered list */
    size_t count;
    size_t total; /* rooms that pass the filters */
} sliding_window;
myl_rc myl_sliding_look(myl_syncing *s, myl_sliding_connection *connection,
                        const myl_sliding_list *list, sliding_window *out);

/* "ops": the form in use tells the rooms of each range. */
myl_rc myl_sliding_write_ops(myl_syncing *s, const myl_sliding_connection *connection,
                             const myl_sliding_list *list, const sliding_window *window);

/* A room that the client asks for, by lists or by a subscription. */
typedef struct {
    const sliding_room *room;
    const sliding_sent *sent; /* NULL: never on this connection */
    myl_list sets;            /* myl_required_state */
    uint32_t timeline_limit;
    myl_list lists; /* names (myl_str) of the lists that show it */
    bool is_subscribed;
    bool is_first;         /* is written as if never sent */
    bool is_written;       /* stands in this answer */
    myl_map *timeline_ids; /* event ids of its timeline there */
} sliding_wanted;

/* One answer in the making. */
typedef struct {
    myl_syncing *s;
    const myl_sliding_request *request;
    myl_sliding_connection *connection;
    myl_filter *filter; /* of s->request; its limit is set for each room */
    myl_list wanted;    /* sliding_wanted */
    myl_list pending;   /* sliding_sent */
    myl_list members;   /* numbers of member events that are sent */
    myl_map *direct;    /* room ids of m.direct */
} myl_sliding;

/* sliding_list.c: *listed: it has a place in the lists. */
myl_rc myl_sliding_describe(myl_syncing *s, const myl_sliding_connection *connection,
                            const myl_member *member, sliding_room *out, bool *listed);
/* sliding_room.c: the state that the user may see: the current one, or that of the end of the membership. */
myl_rc myl_sliding_root(myl_syncing *s, const sliding_room *room, myl_tree_root *out);
/* Its object as a member of the open "rooms", when there is something new. */
myl_rc myl_sliding_write_room(myl_sliding *t, sliding_wanted *wanted);
/* sliding_parts.c: state, name, avatar, heroes, counts. */
typedef struct {
    sliding_wanted *wanted;
    myl_required_sets sets;
    myl_str room_id;
    myl_tree_root root;  /* what the client shall know */
    myl_tree_root known; /* what it knows; 0 when is_first */
    uint16_t config;     /* number of `sets` */
    myl_slice slice;
    uint64_t upto;    /* position where its timeline ends */
    bool is_expanded; /* the timeline goes further back than before */
    bool name_changed, avatar_changed, members_changed;
    myl_list state;   /* numbers */
    myl_list removed; /* myl_state_selector */
} sliding_part;
myl_rc myl_sliding_collect_state(myl_sliding *t, sliding_part *part);
myl_rc myl_sliding_write_state(myl_sliding *t, const sliding_part *part);
myl_rc myl_sliding_write_names(myl_sliding *t, const sliding_part *part);
/* The room ids of m.direct. */
myl_rc myl_sliding_direct(myl_syncing *s, myl_map **out);
/* sliding_threads.c: the extension of thread subscriptions. */
myl_rc myl_sliding_thread_extension(myl_sliding *t, bool *something);
/* sliding.c: the token in a position; false for what is none. */
bool myl_sliding_token_of(myl_ctx *cx, myl_str pos, myl_sync_token *out);
/* sliding_extensions.c: "extensions": {…}; *something: more than what every answer holds. */
myl_rc myl_sliding_write_extensions(myl_sliding *t, bool *something);

#endif
