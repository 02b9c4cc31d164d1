/* foreign.h: events that another server made, for tests of admission.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef FOREIGN_H
#define FOREIGN_H

#include <myelin/room_admit.h>

#include "room/room_test.h"

/* What another server writes. prev and auth: ids; auth NULL: chosen from the state after the first prev event. */
typedef struct {
    myl_str room_id;
    const char *sender, *type, *state_key; /* state_key NULL: none */
    const char *content;
    const myl_str *prev;
    size_t prev_count;
    const myl_str *auth;
    size_t auth_count;
    int64_t depth; /* 0: one more than the first prev event's */
    const char *redacts;
} foreign;
/* The PDU as JSON, in test->cx. */
const myl_json *foreign_make(room_test *test, const foreign *what, myl_str *event_id);

typedef struct {
    myl_admit_kind kind;
    myl_str event_id; /* of the PDU */
    const char *rule;
    const myl_str *missing_auth, *missing_prev;
    size_t missing_auth_count, missing_prev_count;
    myl_stored stored; /* numbers only */
} foreign_verdict;
/* While true, what is admitted has its states resolved on a snapshot before; and how often that was. */
extern bool foreign_ahead;
extern size_t foreign_resolved;
/* Admits a PDU as `options` say (NULL: as new). */
foreign_verdict foreign_admit(room_test *test, myl_str room_id, const myl_json *pdu,
                              const myl_admission *options);
/* Both. */
foreign_verdict foreign_send(room_test *test, const foreign *what);
/* The room's head now. */
myl_room_head foreign_head(room_test *test, myl_str room_id);
/* Id of the event of a key in the current state; absent: none. */
myl_str foreign_state(room_test *test, myl_str room_id, const char *type, const char *state_key);
/* The checks of `myelin check` find nothing. */
void foreign_check(room_test *test);

#endif
