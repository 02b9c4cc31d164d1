/* push_own.h: declarations that only push/ needs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PUSH_OWN_H
#define PUSH_OWN_H

#include <myelin/push_pushers.h>
#include <myelin/store_check.h>

/* pushers.c: each pusher can be read, and is found by its name. */
myl_rc myl_pushers_check(myl_ctx *cx, myl_check *check);

#endif
