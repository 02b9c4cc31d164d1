/* incoming.c: a PDU of another server is read.
 *
 * Callers: lanes that have it from a transaction or an answer, before the change that admits it.
 * Threads: any.
 * Holds:   what is stored is canonical, without `unsigned`, and in the redacted form when its hash does not match.
 * Spec:    Server-Server API, Checks performed on receipt of a PDU, 1 and 3; Signing events, Validating hashes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_admit.h>

#include "room/room_own.h"

myl_rc myl_incoming_read(myl_ctx *cx, const myl_room_version *version, const myl_json *pdu,
                         myl_incoming *out)
{
    const myl_json *json = pdu;
    myl_text bytes;

    memset(out, 0, sizeof(*out));
    if (myl_json_is(pdu, MYL_JSON_OBJECT))
        json = myl_json_without(cx, pdu, MYL_S("unsigned"));
    MYL_TRY(myl_event_decode(cx, version, json, &out->event));
    out->hash_failed = !myl_event_hash_matches(cx, version, json);
    if (out->hash_failed) {
        json = myl_event_redact(cx, version, json);
        MYL_TRY(myl_event_decode(cx, version, json, &out->event));
    }
    bytes = myl_text_start(cx, 1024);
    MYL_TRY(myl_json_canonical(cx, json, MYL_JSON_LOOSE, &bytes));
    out->bytes = myl_text_str(&bytes);
    return MYL_OK;
}
