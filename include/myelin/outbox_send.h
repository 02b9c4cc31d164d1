/* outbox_send.h: what goes to other servers: a queue for each, in order, kept over a crash, with back-off.
 *
 * The outbox follows stored positions: after commits it reads ROOM_LOG, RECEIPT_LOG, DEVICE_LIST_LOG and TO_DEVICE_OUT, so
 * nobody who stores has to call it. One stored position says up to where every server that answers has all; a server that
 * does not answer has a row of its own (OUTBOX) with the position up to where it has all.
 * Spec: Server-Server API, Transactions; EDUs.
 * Threads: as each function says. Everything else happens on the sender.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_OUTBOX_SEND_H
#define MYELIN_OUTBOX_SEND_H

#include <myelin/fed_call.h>
#include <myelin/store_check.h>

/* From main, after myl_fed_start and myl_net_start. Reads what a former run left. */
myl_rc myl_outbox_start(myl_ctx *cx, myl_store *store, myl_engine *engine);
/* From main, after myl_net_stop while the engine runs: what is known of each server is written. Fine when it was not
 * started. */
void myl_outbox_stop(void);
/* Whether or not it was started; from the engine's listener. */
void myl_outbox_committed(const myl_batch *batch);

/* ---- EDUs that are never stored: typing, presence; any thread ---- */
typedef enum { MYL_OUTBOX_TO_ROOM, MYL_OUTBOX_TO_ROOMS_OF_USER } myl_outbox_audience;
typedef struct {
    myl_outbox_audience audience;
    uint64_t id;  /* interned room or user */
    myl_str type; /* "m.typing" */
    myl_str json; /* its content */
    uint64_t key; /* one that waits with the same type and key is replaced; 0: none is */
} myl_outbox_edu;
/* Servers that do not answer at present never get it. Copies everything. */
void myl_outbox_say(const myl_outbox_edu *edu);
/* How a user of ours is there, to the servers of their rooms. In a transaction. */
void myl_outbox_presence(myl_ctx *cx, uint64_t user, myl_str user_id);
/* {room_id, user_id, typing} to the room's servers. */
void myl_outbox_typing(uint64_t room, myl_str room_id, myl_str user_id, bool typing);

/* ---- for administrators; in a transaction, as of the newest write (some seconds) ---- */
typedef struct {
    myl_str server;
    uint64_t number;       /* interned */
    uint64_t upto;         /* it has all up to this position */
    uint32_t failures;     /* in a row; 0: it answers, and the fields around this say nothing */
    int64_t failing_since; /* wall ms */
    int64_t next_try;      /* wall ms */
} myl_outbox_destination;
/* Servers that we share rooms with and those that do not answer, by number of the server; ours is not among them. */
myl_rc myl_outbox_known(myl_ctx *cx, const myl_outbox_destination **out, size_t *count);
/* Try at once: it is known to be there again. Any thread. */
void myl_outbox_retry(myl_str server_name);

/* For `myelin check`. */
extern const myl_check_row myl_outbox_checks[];

#endif
