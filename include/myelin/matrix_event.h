/* matrix_event.h: events: decoded PDUs, their ids, hashes, redacted form and signatures.
 *
 * An event is decoded once, at the border; the store keeps the canonical bytes. Spec: Server-Server API, PDUs,
 * Signing events; Room versions. Values, no I/O. Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_MATRIX_EVENT_H
#define MYELIN_MATRIX_EVENT_H

#include <myelin/crypto_sign.h>
#include <myelin/matrix_version.h>

typedef struct {
    const myl_room_version *version;
    myl_str event_id;
    myl_str room_id; /* in version 12 also for the create event: '!' + its hash */
    myl_str sender;
    myl_str type;
    myl_str state_key; /* absent: not a state event */
    int64_t origin_server_ts;
    int64_t depth;
    const myl_str *prev_events;
    size_t prev_event_count;
    const myl_str *auth_events;
    size_t auth_event_count;
    myl_str redacts;         /* where this version keeps it; absent when there is none */
    const myl_json *content; /* an object */
    const myl_json *json;    /* the whole, as it came */
    bool rejected;           /* a verdict that came with it */
} myl_event;

/* Checks the format of its version (field types, sizes, id grammar, canonical-JSON rules, counts) and
 * decodes. Borrows from `json`. MYL_BAD_EVENT naming the field; MYL_EVENT_TOO_LARGE.
 * The event id is computed (3+) or read (1, 2). Signatures and content hash are not checked here: both members
 * may be missing, which their checks refuse. A version-12 create event with a room_id passes (rule 1.2). */
myl_rc myl_event_decode(myl_ctx *cx, const myl_room_version *version, const myl_json *json,
                        myl_event *out);
/* Decodes an event of our own store: bytes are trusted, `event_id` is known, nothing is hashed. */
myl_rc myl_event_reopen(myl_ctx *cx, const myl_room_version *version, myl_str event_id,
                        myl_str bytes, myl_event *out);

bool myl_event_is(const myl_event *event, const char *type, myl_str state_key);
/* "membership" of a member event's content; absent otherwise. */
myl_str myl_event_membership(const myl_event *event);

/* SHA-256 over the canonical form without unsigned, signatures, hashes (spec: Calculating the content hash). */
myl_rc myl_event_content_hash(myl_ctx *cx, const myl_room_version *version, const myl_json *json,
                              myl_sha256 *out);
/* SHA-256 over the redacted form without signatures, unsigned, (age_ts) (spec: Calculating the reference hash). */
myl_rc myl_event_reference_hash(myl_ctx *cx, const myl_room_version *version, const myl_json *json,
                                myl_sha256 *out);
/* The id in the version's form; versions 1 and 2: the event_id field. */
myl_rc myl_event_id(myl_ctx *cx, const myl_room_version *version, const myl_json *json,
                    myl_str *out);
/* The redacted form (spec: Redactions of the version). Shares parts with `json`. */
const myl_json *myl_event_redact(myl_ctx *cx, const myl_room_version *version,
                                 const myl_json *json);

/* Does hashes.sha256 hold the content hash? Missing or malformed: false. */
bool myl_event_hash_matches(myl_ctx *cx, const myl_room_version *version, const myl_json *json);
/* Servers whose signature the version asks for: the sender's (not of an invite that came of a third-party
 * invite), the event id's in 1-2, the authorising user's. MYL_BAD_SIGNATURE when that is no user id: no server
 * can have signed (auth rule 4.2.1, version 12: 5.2.1). */
myl_rc myl_event_signers(myl_ctx *cx, const myl_event *event, const myl_str **servers,
                         size_t *count);
/* Is there a valid signature of `server` by this key? Over the redacted form. */
bool myl_event_verify(myl_ctx *cx, const myl_event *event, myl_str server, myl_str key_id,
                      myl_str public_key);

/* An event of ours before it has hash, signature and id. */
typedef struct {
    const myl_room_version *version;
    myl_str room_id; /* absent: a version-12 create event */
    myl_str sender;
    myl_str type;
    myl_str state_key; /* absent: no state event */
    const myl_json *content;
    myl_str redacts; /* versions that keep it at the top */
    int64_t origin_server_ts;
    int64_t depth;
    const myl_str *prev_events;
    size_t prev_event_count;
    const myl_str *auth_events;
    size_t auth_event_count;
    /* Versions 1 and 2: the references' reference hashes, in the same order; NULL: left out. */
    const myl_sha256 *prev_hashes;
    const myl_sha256 *auth_hashes;
} myl_event_draft;
/* Hashes, signs, computes the id (versions 1 and 2: makes one); `event` is decoded and `bytes` its canonical
 * form with hashes and signatures (what the store keeps). The event borrows from the draft's values. A depth
 * over the version's limit becomes the limit. MYL_BAD_JSON naming the content's offender; MYL_EVENT_TOO_LARGE
 * for the whole, the type or the state key. */
myl_rc myl_event_finish(myl_ctx *cx, const myl_event_draft *draft, const myl_signing_key *key,
                        myl_str server_name, myl_event *event, myl_str *bytes);

/* Signing of any JSON object (appendices, Signing JSON): the object with our signature added. */
myl_rc myl_json_sign(myl_ctx *cx, const myl_json *object, const myl_signing_key *key,
                     myl_str server_name, const myl_json **out);
/* Is there a valid signature by `name` with this key over the object? Numbers count as they came. */
bool myl_json_verify(myl_ctx *cx, const myl_json *object, myl_str name, myl_str key_id,
                     myl_str public_key);

#endif
