/* room_event.h: stored events: the fixed header, the canonical bytes, and the client form.
 *
 * An event is stored once, as the canonical bytes that were signed and hashed, behind a header that answers most
 * questions without parsing. Its number is the position that it took when it was stored; numbers never change.
 * The client form is spliced from the bytes (the header keeps where its pieces lie); only `unsigned` is per reader.
 * All functions run inside cx->txn. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_EVENT_H
#define MYELIN_ROOM_EVENT_H

#include <myelin/base_limit.h>
#include <myelin/json_writer.h>
#include <myelin/matrix_event.h>
#include <myelin/store_engine.h>
#include <myelin/user_account.h>
#include <myelin/user_ignore.h>

enum {
    MYL_EVENT_STATE = 1,   /* has a state key */
    MYL_EVENT_OUTLIER = 2, /* known, but not placed in the room's DAG */
    MYL_EVENT_REJECTED = 4,
    MYL_EVENT_SOFT_FAILED = 8,
    MYL_EVENT_REDACTED = 16, /* redacted_by is set */
    MYL_EVENT_HASH_FAILED =
        64,                  /* came with another content hash: its bytes are the redacted form */
    MYL_EVENT_OUTGOING = 32, /* ours to send to the other servers of the room */
    MYL_EVENT_HELD = 128     /* a redaction of what is not here, or not for it: no client sees it */
};

/* A span of the bytes. */
typedef struct {
    uint32_t at, len;
} myl_span;

typedef struct {
    uint64_t number;
    uint64_t room;      /* interned */
    uint64_t sender;    /* interned name */
    uint64_t state_key; /* interned name, 0: none */
    uint32_t type;      /* interned */
    uint32_t flags;
    const myl_room_version *version;
    int64_t origin_server_ts;
    int64_t depth;        /* the stored depth: see design.md, Two orders */
    uint64_t position;    /* arrival; 0: back-filled, held or outlier */
    myl_tree_root before; /* state before it */
    myl_tree_root after;  /* state after it */
    uint64_t redacted_by; /* number, 0: none */
    uint64_t device;      /* sending device of ours, 0: none */
    myl_str txn_id;       /* its transaction id; absent: none */
    myl_span content;     /* the object */
    myl_span middle; /* `"redacts":…,"room_id":…,"sender":…` as they stand, without outer commas */
    myl_span tail;    /* `"state_key":…,"type":…` */
    myl_str event_id; /* in the job */
    myl_str bytes;    /* canonical; borrowed from the transaction */
} myl_stored;

/* By number: MYL_CORRUPT when there is none. By id: number 0 when unknown. */
myl_rc myl_room_event(myl_ctx *cx, uint64_t number, myl_stored *out);
myl_rc myl_room_event_number(myl_ctx *cx, myl_str event_id, uint64_t *number);
/* By a number that was kept: out->number is 0 when the event has been purged since. */
myl_rc myl_room_event_kept(myl_ctx *cx, uint64_t number, myl_stored *out);
/* By id, and it must be in this room, placed, and not rejected: MYL_NOT_FOUND otherwise. */
myl_rc myl_room_event_of(myl_ctx *cx, uint64_t room, myl_str event_id, myl_stored *out);
/* Decoded (the redacted form once it is redacted). */
myl_rc myl_room_event_open(myl_ctx *cx, const myl_stored *stored, myl_event *out);
/* Decoded content only; redacted content once it is redacted. */
myl_rc myl_room_event_content(myl_ctx *cx, const myl_stored *stored, const myl_json **out);

/* Events within unsigned.m.relations of another one: the latest of a thread shows its own edits, an edit shows nothing. */
typedef enum { MYL_NESTED_NOT, MYL_NESTED_LATEST, MYL_NESTED_EDIT } myl_nesting;
/* Who reads, and in which form. With a reader, events carry unsigned.m.relations (room_relation.h). */
typedef struct {
    const myl_caller *reader; /* transaction_id for the sending device; NULL: nobody */
    bool omit_room_id;        /* /sync */
    bool federation_format;   /* event_format "federation" of filters */
    int64_t now_ms;           /* for unsigned.age; 0: no age */
    myl_str membership;       /* unsigned.membership of the reader at the event; absent: left out */
    const myl_ignored *ignored; /* whose children are left out of aggregations; NULL: nobody's */
    myl_nesting nesting;
} myl_event_form;
/* One event object into the writer (an array element, or the value of `key`). Redacted events appear redacted, with
 * unsigned.redacted_because. State events carry unsigned.prev_content, prev_sender,
 * replaces_state where there was one. */
myl_rc myl_room_write_event(myl_ctx *cx, myl_writer *w, const char *key, const myl_stored *stored,
                            const myl_event_form *form);
/* The stripped form (type, state_key, sender, content): invites and knocks. */
myl_rc myl_room_write_stripped(myl_ctx *cx, myl_writer *w, const myl_stored *stored);

/* Stores an event and its index rows (used by room_admit; not by handlers). Fills stored->number. */
typedef struct {
    const myl_event *event;
    myl_str bytes;
    uint64_t room;
    uint32_t flags;
    int64_t depth;
    myl_tree_root before, after;
    bool arrives; /* takes a place in the arrival order */
    uint64_t device;
    myl_str txn_id;
} myl_event_place;
myl_rc myl_room_event_put(myl_ctx *cx, const myl_event_place *place, myl_stored *stored);

#endif
