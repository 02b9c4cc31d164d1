/* fed_devices.h: what other servers tell of their users' devices and keys, and messages from them to ours.
 *
 * Spec: Server-Server API, Device Management (m.device_list_update), End-to-End Encryption (m.signing_key_update),
 * Send-to-device messaging (m.direct_to_device). What is malformed or speaks of other servers' users is dropped.
 * Inside a change. Threads: the engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_FED_DEVICES_H
#define MYELIN_FED_DEVICES_H

#include <myelin/user_remote_keys.h>

/* Contents of EDUs from `origin`. */
myl_rc myl_fed_take_device_list(myl_ctx *cx, myl_str origin, const myl_json *content);
myl_rc myl_fed_take_signing_keys(myl_ctx *cx, myl_str origin, const myl_json *content);
/* Once for a message_id of a server, as long as transaction ids are kept. */
myl_rc myl_fed_take_to_device(myl_ctx *cx, myl_str origin, const myl_json *content);

/* An answer of /user/devices: all but user_id, reader and asked. */
void myl_fed_read_devices(myl_ctx *cx, const myl_json *json, myl_remote_keys *out);
/* In a change: after it, the user's list is fetched anew from their server, once, if it is stale then. */
void myl_fed_refresh_devices(myl_ctx *cx, uint64_t user);

#endif
