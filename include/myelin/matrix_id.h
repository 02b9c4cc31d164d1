/* matrix_id.h: the grammar of identifiers (spec: Appendices, Common identifier format).
 *
 * Ids are compared byte by byte and are at most ID_BYTES bytes. Values, no I/O. Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_MATRIX_ID_H
#define MYELIN_MATRIX_ID_H

#include <myelin/base_ctx.h>

/* "@localpart:domain". Historical ids (any localpart without ':' and NUL, also an empty one) pass, as events of
 * other servers carry them. */
bool myl_id_is_user(myl_str id);
/* What a new local user may be called: a-z 0-9 . _ = - / + only, not empty, whole id <= 255 bytes. */
bool myl_id_is_new_localpart(myl_str localpart, myl_str server_name);
/* "!opaque:domain", or "!" + 43 URL-safe base64 characters (version 12 form). */
bool myl_id_is_room(myl_str id);
bool myl_id_is_alias(myl_str id); /* "#name:domain" */
/* "$…": any of the three forms. */
bool myl_id_is_event(myl_str id);
/* Host (name, IPv4, [IPv6]) with optional port. */
/* The Common Namespaced Identifier Grammar with at least one dot: "org.example.key". */
bool myl_id_is_namespaced(myl_str id);
/* The Opaque Identifier Grammar: 1 to 255 unreserved characters. */
bool myl_id_is_opaque(myl_str id);
bool myl_id_is_server(myl_str name);
/* The part after the first ':' of a user id, alias, or room/event id with a domain; absent when none. */
myl_str myl_id_domain(myl_str id);
/* The part between sigil and the first ':'. */
myl_str myl_id_localpart(myl_str id);
/* Whose state the key names: all of a key that begins with '@', without what follows a '_' behind the colon when
 * `suffixes` (MSC3757); absent when it begins otherwise. It need not be a user id. */
myl_str myl_id_state_owner(myl_str state_key, bool suffixes);
/* Does it belong to this server? */
bool myl_id_is_ours(myl_str id, myl_str server_name);

#endif
