/* edu.h: what passes between servers and is in no room's history.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SERVER_EDU_H
#define SERVER_EDU_H

#include <myelin/json_value.h>
#include <myelin/store_engine.h>

/* Takes the EDUs of a transaction (NULL: none), inside a change. What is malformed or concerns somebody else's users is passed
 * over: a bad EDU never fails a transaction. */
myl_rc myl_edus_take(myl_ctx *cx, myl_str origin, const myl_json *edus);

#endif
