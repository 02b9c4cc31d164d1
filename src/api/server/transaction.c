/* transaction.c: what other servers send: events of rooms, and what passes (EDUs).
 *
 * Why:     one slow room must not hold up a transaction, and the same transaction may come again.
 * Threads: a read worker, then a lane.
 * Holds:   a transaction id is answered once and remembered for a day; events are known by their ids anyway. Of a server that is in
 *          no room and has sent no message to a device nothing is remembered: strangers would have names without end.
 * Spec:    Server-Server API, Transactions; EDUs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/server/server_own.h"

#include <myelin/fed_rooms.h>

#include "api/server/edu.h"

/* Transaction ids of servers lie beside those of devices, whose numbers never grow so large. */
#define SERVER_SCOPE (UINT64_C(1) << 63)

typedef struct {
    myl_req *req;
    const myl_json *pdus, *edus;
    myl_fed_delivery delivery;
    myl_str answer; /* absent: not done */
} transaction;

static const myl_str scope = MYL_S_INIT("fed.send");

static myl_rc find_answer(myl_ctx *cx, transaction *t)
{
    myl_caller sender = {0};
    uint64_t server;

    t->answer = MYL_ABSENT;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_SERVER, t->req->origin, &server));
    if (server == 0)
        return MYL_OK;
    sender.device = SERVER_SCOPE | server;
    return myl_room_txn_find(cx, &sender, scope, t->req->path.txn_id, &t->answer);
}

static myl_str write_answer(myl_ctx *cx, const transaction *t)
{
    myl_writer w = myl_write_start(cx, 1024);

    myl_write_open(&w, '{');
    myl_write_open_key(&w, "pdus", '{');
    for (uint32_t i = 0; i < t->pdus->count; i++) {
        if (!myl_str_present(t->delivery.event_ids[i]))
            continue;
        myl_write_open_str(&w, t->delivery.event_ids[i], '{');
        if (t->delivery.errors[i] != NULL)
            myl_write_str(&w, "error", myl_str_of(t->delivery.errors[i]));
        myl_write_close(&w, '}');
    }
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    return myl_write_done(&w);
}

typedef struct {
    myl_change change; /* first member */
    transaction *t;
} closing;

static myl_rc close_transaction(myl_change *change)
{
    transaction *t = ((closing *)change)->t;
    myl_caller sender = {0};
    uint64_t server;

    MYL_TRY(myl_edus_take(change->cx, t->req->origin, t->edus));
    MYL_TRY(myl_store_interned(change->cx, MYL_INTERN_SERVER, t->req->origin, &server));
    if (server == 0)
        return MYL_OK; /* a stranger, of whom nothing is kept */
    sender.device = SERVER_SCOPE | server;
    return myl_room_txn_put(change->cx, &sender, scope, t->req->path.txn_id, t->answer);
}

static myl_rc take(myl_req *req, void *state)
{
    transaction *t = state;
    closing last = {.change = {.name = "fed.edus", .cx = &req->cx, .run = close_transaction},
                    .t = t};

    MYL_TRY(myl_fed_take_pdus(&req->cx, &t->delivery));
    t->answer = write_answer(&req->cx, t);
    return myl_engine_run(myl_req_engine(req), &last.change);
}

myl_rc myl_server_send(myl_req *req, const myl_body_fed_transaction *in)
{
    transaction *t = req->plan.state;

    if (t == NULL) {
        t = myl_new(&req->cx, transaction);
        t->req = req;
        t->pdus = in->pdus;
        t->edus = in->edus;
        t->delivery.origin = req->origin;
        t->delivery.pdus = in->pdus;
        t->delivery.errors = myl_new_array(&req->cx, const char *, in->pdus->count + 1);
        t->delivery.event_ids = myl_new_array(&req->cx, myl_str, in->pdus->count + 1);
        if (!myl_str_equal(in->origin, req->origin))
            return myl_fail(&req->cx, MYL_FORBIDDEN, "origin: not the server that signed");
        MYL_TRY(find_answer(&req->cx, t));
        if (!myl_str_present(t->answer))
            return myl_req_need(req, MYL_LANE_INBOX, take, t);
    }
    return myl_reply_json(req, 200, t->answer);
}
