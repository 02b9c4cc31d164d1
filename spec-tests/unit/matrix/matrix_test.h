/* matrix_test.h: events and keys for the tests of matrix/. They run in the project's folder.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_MATRIX_TEST_H
#define MYELIN_MATRIX_TEST_H

#include "base/base_test.h"

#include <myelin/matrix_event.h>

/* The tree of a text that must parse; the tree as text. */
const myl_json *matrix_test_parse(myl_ctx *cx, myl_str text);
myl_str matrix_test_text(myl_ctx *cx, const myl_json *tree);
/* A file below spec-tests/vectors/, parsed. */
const myl_json *matrix_test_vectors(myl_ctx *cx, const char *name);
const myl_room_version *matrix_test_version(const char *name);
/* The key of the appendices' vectors. */
myl_signing_key *matrix_test_key(void);
myl_str matrix_test_public(const myl_signing_key *key);
/* A message of this version that decodes; with a member replaced by `value` (JSON; NULL: taken out). */
const myl_json *matrix_test_event(myl_ctx *cx, const char *version, const char *member,
                                  const char *value);

#endif
