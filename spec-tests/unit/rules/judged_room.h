/* judged_room.h: one event held against one state, written in few words, for the tests of the auth rules.
 *
 * Users are names: "bob" is @bob:one, names with 'c' first are of server two (@carol:two). The create event is
 * alice's. A state is entries with '|' between: "join bob", "ban carol", "rule public", "rules {…}",
 * "levels {…}", "third TOKEN SENDER {…}", "create {…}" (content instead of the ordinary one), "nocreate".
 * Alice is joined unless an entry says otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TEST_RULES_JUDGED_ROOM_H
#define TEST_RULES_JUDGED_ROOM_H

#include "base/base_test.h"

#include <myelin/rules_auth.h>

typedef struct {
    const char *name;
    const char *state;
    const char *type;    /* "member" is m.room.member; with a '.' as it is */
    const char *sender;  /* "bob" */
    const char *key;     /* NULL: no state event; "" empty; of members the user */
    const char *content; /* JSON */
    bool allowed;
    const char *rules; /* "VERSION:NUMBER …": it is judged in each of these versions */
} judged_case;

/* Judges the case in all its versions; fails with its name where the verdict is another. */
void judged_run(const judged_case *cases, size_t count);
#define JUDGED(cases) judged_run(cases, sizeof(cases) / sizeof *(cases))

/* Parts for other tests. `judged_find` looks in a NULL-ended array of events. */
const myl_event *judged_find(void *arg, const char *type, myl_str state_key);
myl_str judged_user(myl_ctx *cx, const char *name);
/* An event with this id; absent key: no state event. Its prev event is "prev". */
myl_event *judged_event(myl_ctx *cx, const myl_room_version *version, const char *type, myl_str key,
                        const char *sender);
const myl_json *judged_json(myl_ctx *cx, const char *text);
/* "$x" in the form of the version: with a domain, or as a hash. */
myl_str judged_id(myl_ctx *cx, const myl_room_version *version, const char *name);

#endif
