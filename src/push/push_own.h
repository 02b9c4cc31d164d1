/* push_own.h: declarations that only push/ needs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PUSH_OWN_H
#define PUSH_OWN_H

#include <myelin/base_table.h>
#include <myelin/push_judge.h>
#include <myelin/push_pushers.h>
#include <myelin/room_event.h>
#include <myelin/store_check.h>

/* pushers.c: each pusher can be read, and is found by its name. */
myl_rc myl_pushers_check(myl_ctx *cx, myl_check *check);

/* opened.c: a stored event that is not redacted, parsed; shared with whoever else judges it. Give it back with
 * myl_shared_drop(&(*out)->shared). */
typedef struct {
    myl_shared shared; /* first member */
    uint64_t number;
    myl_ctx cx; /* what the event lies in */
    myl_event event;
    myl_push_memo memo; /* of what is not immutable, all that there is */
} myl_push_opened;
myl_rc myl_push_open(myl_ctx *cx, const myl_stored *stored, myl_push_opened **out);
void myl_push_opened_stop(void);

#endif
