/* to_device.c: messages to devices sent, and deleted once the device has them.
 *
 * Spec:    Client-Server API, Send-to-Device messaging.
 * Threads: the engine; acknowledging begins on a read worker.
 * Holds:   the same transaction id from the same device sends once, also after a restart.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/base_table.h>
#include <myelin/user_to_device.h>

myl_rc myl_client_send_to_device(myl_req *req, const myl_body_to_device *in)
{
    myl_str scope = myl_strf(&req->cx, "sendToDevice %.*s", MYL_FMT(req->path.event_type)), sent;
    myl_to_device_sender from = {.sender = req->caller.user_id,
                                 .type = req->path.event_type,
                                 .own_server = myl_room_server()->server_name};

    MYL_TRY(myl_room_txn_find(&req->cx, &req->caller, scope, req->path.txn_id, &sent));
    if (myl_str_present(sent))
        return myl_reply_empty(req);
    MYL_TRY(myl_user_to_device_send(&req->cx, &from, in->messages));
    MYL_TRY(myl_room_txn_put(&req->cx, &req->caller, scope, req->path.txn_id, MYL_S("sent")));
    return myl_reply_empty(req);
}

/* ---- acknowledging: a change of its own, for which nobody waits ---- */

typedef struct {
    myl_change change;
    myl_ctx cx;
    uint64_t user, device, upto;
} acknowledging;

static myl_rc run_acknowledge(myl_change *change)
{
    acknowledging *a = MYL_OF(change, acknowledging, change);

    return myl_user_to_device_acknowledge(&a->cx, a->user, a->device, a->upto);
}

/* What failed is tried again with the next /sync. */
static void acknowledged(myl_change *change, myl_rc rc)
{
    acknowledging *a = MYL_OF(change, acknowledging, change);

    MYL_UNUSED(rc);
    myl_ctx_end(&a->cx);
    myl_process_free(a);
}

myl_rc myl_client_acknowledge(myl_req *req, uint64_t upto)
{
    acknowledging *a;
    bool waits;

    MYL_TRY(myl_user_to_device_waits(&req->cx, req->caller.user, req->caller.device, upto, &waits));
    if (!waits)
        return MYL_OK;
    a = myl_process_alloc(sizeof(*a));
    *a = (acknowledging){.user = req->caller.user, .device = req->caller.device, .upto = upto};
    myl_ctx_begin(&a->cx);
    a->change = (myl_change){.name = "client_acknowledge",
                             .cx = &a->cx,
                             .run = run_acknowledge,
                             .done = acknowledged};
    if (myl_engine_submit(myl_req_engine(req), &a->change) != MYL_OK)
        acknowledged(&a->change, MYL_BUSY);
    return MYL_OK;
}

/* ---- what waits for a device that is gone ---- */

static myl_rc sweep(myl_ctx *cx, myl_str state, myl_str *next_state, bool *finished)
{
    uint64_t user, device;

    *next_state = state;
    if (!myl_cut_u64(&state, &user) || !myl_cut_u64(&state, &device))
        return myl_fail(cx, MYL_CORRUPT, "a task's state cannot be read");
    return myl_user_to_device_sweep(cx, user, device, finished);
}

static const myl_task_kind sweep_task = {"sweep to-device messages", sweep};

static myl_rc sweep_later(myl_ctx *cx, uint64_t user, uint64_t device)
{
    myl_key state = myl_key_of_u64s(user, device);
    uint64_t task;

    return myl_task_add(cx, sweep_task.kind, myl_key_str(&state), &task);
}

void myl_client_to_device_start(void)
{
    myl_tasks_register(&sweep_task);
    myl_user_on_queue_left(sweep_later);
}
