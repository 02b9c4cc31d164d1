/* json_test.h: comparisons and parsing for the tests of json/.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_JSON_TEST_H
#define MYELIN_JSON_TEST_H

#include "base/base_test.h"

#include <myelin/json_value.h>

/* The tree of a text that must parse. */
const myl_json *json_test_parse(myl_ctx *cx, myl_str text);
/* The tree as text. */
myl_str json_test_text(myl_ctx *cx, const myl_json *tree);
/* A file below spec-tests/vectors/, parsed. */
const myl_json *json_test_vectors(myl_ctx *cx, const char *name);

#endif
