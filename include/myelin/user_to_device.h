/* user_to_device.h: messages to devices: kept in order until the device has said that it has them.
 *
 * Spec: Client-Server API, Send-to-Device messaging. Messages lie under (user, device, position). A device's queue is
 * bounded (TO_DEVICE_WAITING, TO_DEVICE_WAITING_BYTES): what does not fit is refused before anything is written, so that
 * nothing that was acknowledged to its sender is lost (docs/decisions/081-to-device-queue.md).
 * Inside cx->txn; what writes, inside a change. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_USER_TO_DEVICE_H
#define MYELIN_USER_TO_DEVICE_H

#include <myelin/json_value.h>
#include <myelin/user_account.h>

typedef struct {
    myl_str sender; /* user id */
    myl_str type;
    myl_str own_server; /* this server's name */
    bool
        received; /* from another server: only users of ours get theirs, and a full queue drops the message */
} myl_to_device_sender;

/* messages: {user id: {device id or "*": content}}. Users of this server get theirs; for each other server one EDU waits
 * in TO_DEVICE_OUT. Unknown users and devices are left out (spec). MYL_LIMIT_EXCEEDED when a queue is full, MYL_TOO_LARGE
 * naming what is too large: the change must fail then. */
myl_rc myl_user_to_device_send(myl_ctx *cx, const myl_to_device_sender *from,
                               const myl_json *messages);

typedef struct {
    uint64_t position;
    myl_str sender, type, json; /* content, canonical; in the job */
} myl_to_device;
/* What waits for a device with after < position <= upto, oldest first, at most `limit`; *more: there is more. */
typedef struct {
    uint64_t user, device;
    uint64_t after, upto;
    size_t limit;
} myl_to_device_range;
myl_rc myl_user_to_device_get(myl_ctx *cx, const myl_to_device_range *range,
                              const myl_to_device **messages, size_t *count, bool *more);
/* Does anything wait with a position <= upto? */
myl_rc myl_user_to_device_waits(myl_ctx *cx, uint64_t user, uint64_t device, uint64_t upto,
                                bool *out);
/* The device has them: what lies up to `upto` is deleted, in as many calls as a change's limits ask for. */
myl_rc myl_user_to_device_acknowledge(myl_ctx *cx, uint64_t user, uint64_t device, uint64_t upto);

/* A device is gone, and its queue is too long for one change: called in it, so that a task calls
 * myl_user_to_device_sweep until nothing is left. Set at start. */
void myl_user_on_queue_left(myl_rc (*fn)(myl_ctx *cx, uint64_t user, uint64_t device));
myl_rc myl_user_to_device_sweep(myl_ctx *cx, uint64_t user, uint64_t device, bool *finished);

/* ---- to other servers: read by the outbox ---- */
typedef struct {
    uint64_t position;
    myl_str json; /* content of an m.direct_to_device EDU */
} myl_to_device_out;
/* EDUs for a server (interned MYL_INTERN_SERVER) after a position, ascending, at most TO_DEVICE_SYNC. A row wakes MYL_NOTE_DESTINATION. */
myl_rc myl_user_to_device_out(myl_ctx *cx, uint64_t server, uint64_t after,
                              const myl_to_device_out **edus, size_t *count);
/* The server has taken all up to `upto`: they are deleted. */
myl_rc myl_user_to_device_out_sent(myl_ctx *cx, uint64_t server, uint64_t upto);

#endif
