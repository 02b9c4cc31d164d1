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
