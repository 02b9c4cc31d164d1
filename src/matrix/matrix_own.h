/* matrix_own.h: what the files of matrix/ share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_MATRIX_OWN_H
#define MYELIN_MATRIX_OWN_H

#include <myelin/matrix_event.h>

/* An object of these members, which are sorted by key and live as long as the job. */
const myl_json *myl_matrix_object(myl_ctx *cx, const myl_json *members, size_t count);
/* `object` without the members of these names; the same object when it has none of them. */
const myl_json *myl_matrix_drop(myl_ctx *cx, const myl_json *object, const myl_str *names,
                                size_t count);

/* The content of an event of this type, redacted. */
const myl_json *myl_matrix_redact_content(myl_ctx *cx, const myl_room_version *version,
                                          myl_str type, const myl_json *content);

/* How this version writes events. */
myl_json_form myl_matrix_form(const myl_room_version *version);
/* "$" and the hash in the version's alphabet; not for versions whose ids are given. */
myl_str myl_matrix_hash_id(myl_ctx *cx, const myl_room_version *version, const myl_sha256 *hash);
/* "!" and what follows the sigil of the create event's id. */
myl_str myl_matrix_room_of(myl_ctx *cx, myl_str create_id);

#endif
