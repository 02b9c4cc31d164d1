/* outbox_own.h: declarations that only outbox/ needs. All of it belongs to the sender thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OUTBOX_OWN_H
#define OUTBOX_OWN_H

#include <myelin/base_clock.h>
#include <myelin/base_limit.h>
#include <myelin/base_list.h>
#include <myelin/base_log.h>
#include <myelin/base_table.h>
#include <myelin/outbox_send.h>
#include <myelin/user_account.h>

enum { OUTBOX_PDUS = 50, OUTBOX_EDUS = 100 }; /* in one transaction (spec) */

typedef enum { OUTBOX_PDU, OUTBOX_RECEIPT, OUTBOX_DEVICE, OUTBOX_ANNOUNCE } outbox_kind;

/* Something stored that waits for a server. */
typedef struct {
    uint64_t position;
    uint64_t
        id; /* PDU: number of the event; RECEIPT: the room; DEVICE: nothing; ANNOUNCE: the user */
    uint64_t device; /* ANNOUNCE: its number */
    outbox_kind kind;
} outbox_item;

/* A queue of them in order; process memory. */
typedef struct {
    outbox_item *items;
    size_t first, count, room;
} outbox_queue;

typedef struct outbox_volatile {
    struct outbox_volatile *next;
    uint64_t key;
    myl_str json; /* the whole EDU; process memory */
    bool is_out;  /* in the transaction under way */
} outbox_volatile;

typedef struct outbox_destination {
    uint64_t server;
    myl_str name;
    bool is_refused; /* by configuration: nothing is kept for it */
    outbox_queue waiting;
    outbox_volatile *volatiles;
    size_t volatile_count;
    bool to_device;          /* rows of TO_DEVICE_OUT may wait */
    uint64_t to_device_sent; /* it has taken those up to this one */
    bool to_device_done;     /* … and they are to be deleted */
    /* back-off */
    unsigned failures;               /* in a row; 0: it answers */
    int64_t failing_since, next_try; /* wall ms */
    myl_net_timer retry;
    uint64_t upto;   /* failing: it has all up to this position */
    bool must_load;  /* failing: more waits than is kept here, find it in the store */
    bool overflowed; /* … as soon as the transaction under way has ended */
    uint64_t loaded; /* what was found there goes up to this position */
    bool has_row;    /* in OUTBOX */
    bool is_changed; /* its row is to be written, or removed */
    bool is_queued;  /* in the list of those to be written */
    struct outbox_destination *next_changed;
    bool is_touched; /* something new waits */
    struct outbox_destination *next_touched;
    size_t most_pdus;               /* in the next transaction; less after a refusal */
    struct outbox_sending *sending; /* the transaction under way */
    uint64_t sequence;              /* of its transactions */
} outbox_destination;

typedef struct {
    myl_store *store;
    myl_engine *engine;
    uint64_t ours;     /* our own server's number, 0: not interned yet */
    uint64_t followed; /* all logs are read up to this position */
    bool is_stopping;
} outbox_state;
extern outbox_state myl_outbox;

/* ---- queue.c ---- */
void myl_outbox_queue_add(outbox_queue *queue, const outbox_item *item);
const outbox_item *myl_outbox_queue_at(const outbox_queue *queue, size_t index);
/* Removes the first `count`. */
void myl_outbox_queue_drop(outbox_queue *queue, size_t count);
void myl_outbox_queue_end(outbox_queue *queue);

/* ---- destination.c ---- */
void myl_outbox_destinations_start(void);
void myl_outbox_destinations_stop(void);
/* Made when it is not known yet. NULL: our own server, or one whose name cannot be read. */
outbox_destination *myl_outbox_destination_of(myl_ctx *cx, uint64_t server);
/* NULL: not known yet. */
outbox_destination *myl_outbox_destination_known(uint64_t server);
outbox_destination *myl_outbox_destination_named(myl_str name);
/* Each in turn: start with *at = 0. */
outbox_destination *myl_outbox_destination_next(size_t *at);
void myl_outbox_destination_overflow(outbox_destination *to);
/* One that a former run left failing: its fields are set. */
void myl_outbox_destination_adopt(outbox_destination *to);
/* Tried again after this time. */
void myl_outbox_destination_wait(outbox_destination *to, int64_t wait_ms);
/* Any thread. False: certainly not. */
bool myl_outbox_may_be_failing(myl_str name);
/* It waits for the server from now on; the caller sends when no snapshot is open. */
void myl_outbox_destination_put(outbox_destination *to, const outbox_item *item);
/* The last transaction was taken, or not (wait_ms: as the server asks, 0: it does not). */
void myl_outbox_destination_answered(outbox_destination *to);
void myl_outbox_destination_failed(outbox_destination *to, int64_t wait_ms);
/* The server is there: the back-off is over. */
void myl_outbox_destination_heard(outbox_destination *to);
/* The least position that is not delivered to a server that answers; UINT64_MAX: none. */
uint64_t myl_outbox_destination_least(const outbox_destination *to);
bool myl_outbox_destination_waits(const outbox_destination *to);
/* Its row must be written. */
void myl_outbox_destination_changed(outbox_destination *to);

/* ---- send.c ---- */
/* Destinations that commits have named since the last time: myl_outbox_follow_to_device for each. */
void myl_outbox_take_notes(myl_ctx *cx);

/* An EDU that is not stored; one that waits with the same key is replaced, 0: none is. In no snapshot's need; sent by
 * myl_outbox_send. */
void myl_outbox_keep_volatile(outbox_destination *to, uint64_t key, myl_str edu);

/* ---- meet.c ---- */
/* A user has joined a room, which other servers see. */
void myl_outbox_met(uint64_t room, uint64_t user);
void myl_outbox_meet_stop(void);

/* ---- load.c: what a server has missed, from the store ---- */
/* In a snapshot. Fills `waiting`. */
myl_rc myl_outbox_load(myl_ctx *cx, outbox_destination *to);

/* ---- follow.c ---- */
/* Reads the logs on; posts itself again when there is more. */
void myl_outbox_follow(void);
/* A row of TO_DEVICE_OUT waits for this server. In a snapshot; sent at the end of the present step. */
void myl_outbox_follow_to_device(myl_ctx *cx, uint64_t server);
/* Servers of the rooms of a user; ours is not among them. In a transaction. */
myl_rc myl_outbox_servers_of_user(myl_ctx *cx, uint64_t user, const uint64_t **servers,
                                  size_t *count);

/* ---- announce.c: in a transaction ---- */
/* A user of ours joined a room by the event at `position`, and these servers meet them by that. user 0: nobody did. */
typedef struct {
    uint64_t user, position;
    uint64_t joined; /* who joined, ours or not */
    const uint64_t *servers;
    size_t server_count;
    const myl_device *devices;
    size_t device_count;
} outbox_announcement;
myl_rc myl_outbox_announcement(myl_ctx *cx, uint64_t room, uint64_t position,
                               outbox_announcement *out);
/* The item of one of its devices. */
outbox_item myl_outbox_announced(const outbox_announcement *announcement, size_t device);

/* ---- edu.c: in a transaction ---- */
/* The EDU of an item as canonical JSON; absent: it is out of date. */
myl_rc myl_outbox_write_edu(myl_ctx *cx, const outbox_item *item, myl_str *json);
myl_str myl_outbox_edu_text(myl_ctx *cx, myl_str type, myl_str content);
/* Is this receipt one of ours that others may see? */
myl_rc myl_outbox_is_own_receipt(myl_ctx *cx, uint64_t room, uint64_t position, bool *out);

/* ---- transaction.c ---- */
typedef struct outbox_sending {
    myl_fed_send send;
    myl_ctx cx;
    outbox_destination *to;
    size_t taken; /* items of the queue's front that are in it, or out of date */
    size_t pdus, edus;
    uint64_t to_device_upto; /* 0: none in it */
    bool more_to_device;
} outbox_sending;
/* Sends what waits, unless one is under way. */
void myl_outbox_send(outbox_destination *to);

/* ---- rows.c: what is written, by changes ---- */
/* Soon. */
void myl_outbox_write_later(void);
/* Called by destination.c. */
void myl_outbox_queue_row(outbox_destination *to);
myl_rc myl_outbox_read_rows(myl_ctx *cx);
/* At the stop: on the caller's thread, when the sender does nothing any more. */
void myl_outbox_write_now(void);

#endif
