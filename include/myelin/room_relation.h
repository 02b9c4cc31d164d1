/* room_relation.h: events that name another one by m.relates_to: edits, annotations, references, threads.
 *
 * An index by the parent's id, kept in the change that stores the child, and emptied of it when the child is redacted;
 * rejected, soft-failed and unplaced events are never in it. The parent may be unknown. A question costs a look-up
 * and what it shows, never a room. All functions run inside cx->txn. Threads: as the transaction.
 * Spec: Client-Server API, Forming relationships between events; Aggregations of child events; Threading.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_RELATION_H
#define MYELIN_ROOM_RELATION_H

#include <myelin/room_send.h>
#include <myelin/room_timeline.h>
#include <myelin/user_ignore.h>

/* What a content says: both present, or both absent. Borrowed from it. */
typedef struct {
    myl_str rel_type;
    myl_str parent;
} myl_relation;
myl_relation myl_relation_of(const myl_json *content);

/* Who asks: children that they may not see, or whose sender they ignore, are left out. */
typedef struct {
    myl_sight sight;
    const myl_ignored *ignored; /* NULL: nobody */
} myl_relation_reader;

/* A page of children, in the reading order. */
typedef struct {
    uint64_t room;
    myl_str parent;
    myl_str rel_type;   /* absent: any */
    myl_str event_type; /* absent: any */
    bool recurse;       /* children of children too, RELATION_RECURSION levels down */
    myl_point from, to; /* from beginning to end in `direction`; `to` counts when has_to */
    bool has_to;
    myl_direction direction;
    size_t limit;
} myl_relation_page;
typedef struct {
    const myl_stored *events;
    size_t count;
    bool more;     /* go on at `end` */
    myl_point end; /* the place after the last one, in the direction of the walk */
    size_t depth;  /* levels that were followed */
} myl_relation_found;
myl_rc myl_room_relations(myl_ctx *cx, const myl_relation_page *page, myl_relation_reader *reader,
                          myl_relation_found *out);

/* Has this event a child of one of these kinds by one of these senders? An empty list allows any. */
typedef struct {
    const myl_str *rel_types, *senders;
    size_t rel_type_count, sender_count;
} myl_relation_wish;
myl_rc myl_room_has_related(myl_ctx *cx, const myl_stored *stored, const myl_relation_wish *wish,
                            bool *out);

/* ---- threads ---- */
/* What the reader sees of the thread below an event; count 0: none. */
typedef struct {
    int64_t count;
    bool participated;
    myl_stored latest; /* number 0: none that they may see */
} myl_thread_summary;
myl_rc myl_room_thread(myl_ctx *cx, const myl_stored *root, myl_relation_reader *reader,
                       myl_thread_summary *out);
/* Roots of threads, those with the newest event first. */
typedef struct {
    uint64_t room;
    myl_point from; /* the newest event of the first thread stands before it */
    bool participated;
    size_t limit;
} myl_thread_page;
/* out->end is for the next page's `from`. */
myl_rc myl_room_threads(myl_ctx *cx, const myl_thread_page *page, myl_relation_reader *reader,
                        myl_relation_found *out);

/* Where an event stands by what its content relates to, and that in turn, RELATION_RECURSION levels up: what relates to an
 * event of a thread belongs to the thread too, what relates to its root does not (Threading, Server behaviour). */
typedef struct {
    uint64_t
        thread;   /* number of the thread's root; 0: the main timeline, or a root that is unknown */
    myl_str root; /* absent: the main timeline */
    uint64_t top; /* what it relates to in the end, that is in the room; 0: nothing */
} myl_thread_place;
myl_rc myl_room_thread_of(myl_ctx *cx, uint64_t room, const myl_json *content,
                          myl_thread_place *out);

/* ---- sending ---- */
/* May a user of ours send this? MYL_DUPLICATE_ANNOTATION; MYL_BAD_REQUEST for a thread below an event that is itself
 * related, and for a parent that is unknown or in another room. */
myl_rc myl_room_check_relation(myl_ctx *cx, const myl_room_head *head,
                               const myl_outgoing *outgoing);

#endif
