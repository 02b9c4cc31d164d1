/* fed_keys.h: signing keys of servers: finding them, and checking with them.
 *
 * A key is looked for in memory, in SERVER_KEYS, at its server, and at the configured notaries (federation.key_servers);
 * how long one is good is each room version's matter. Keys of our own server are known.
 * Spec: Server-Server API, Retrieving server keys; Validating hashes and signatures on received events.
 * Threads: lanes and commands, without a transaction, unless a function says more.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_FED_KEYS_H
#define MYELIN_FED_KEYS_H

#include <myelin/base_list.h>
#include <myelin/fed_call.h>
#include <myelin/matrix_event.h>

/* good[i]: every signature that event i's version asks for is there and right. All missing keys are fetched first,
 * many servers at once; large lists are checked by several threads. An event without its servers' keys is not good.
 * Fails only by MYL_STOPPING or a fault of ours. */
myl_rc myl_fed_verify_events(myl_ctx *cx, const myl_event *const *events, size_t count, bool *good);
/* Has `server` signed the object with a key that was good at `ts`? A room version's rules on validity apply when
 * `version` is given; NULL: keys must be good at that time. */
typedef struct {
    const myl_json *object;
    myl_str server;
    const myl_room_version *version;
    int64_t ts;
} myl_fed_signed_json;
myl_rc myl_fed_verify_json(myl_ctx *cx, const myl_fed_signed_json *signed_json, bool *good);

/* One key as it is known. */
typedef struct {
    uint8_t bytes[32];
    int64_t valid_until_ms; /* of a key in use: at most seven days after it was seen */
    int64_t expired_ms;     /* of a former key; 0: in use */
} myl_fed_key;
/* From memory and the store alone; any thread, within a transaction or not. *found false: not known. */
myl_rc myl_fed_key_known(myl_ctx *cx, myl_str server, myl_str key_id, myl_fed_key *out,
                         bool *found);
/* Asks these servers, then the notaries, for their keys, and keeps what they say. A server that has failed lately is
 * not asked again at once. */
myl_rc myl_fed_keys_fetch(myl_ctx *cx, const myl_str *servers, size_t count);
/* Good for an event of this version and time? */
bool myl_fed_key_fits(const myl_fed_key *key, const myl_room_version *version, int64_t ts);

/* Our own list, signed: GET /_matrix/key/v2/server. Any thread. */
myl_rc myl_fed_own_keys(myl_ctx *cx, const myl_json **out);
typedef struct {
    myl_str server;
    int64_t wanted_until_ms;  /* its keys are wanted to last that long */
    const myl_json *criteria; /* object: by key id; NULL or empty: any key */
} myl_fed_notary_ask;
/* What a notary of us gives out about a server: its lists with the wanted keys (const myl_json *), the newest first, signed by us
 * too; none: nothing is known. From the store, in a transaction. *stale: the newest does not last long enough, or a wanted key is in none. */
myl_rc myl_fed_notary_keys(myl_ctx *cx, const myl_fed_notary_ask *ask, myl_list *out, bool *stale);

#endif
