/* room_test.h: a store with an engine, accounts and rooms, for tests of room/, user/ and sync/.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ROOM_TEST_H
#define ROOM_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <myelin/base_clock.h>
#include <myelin/room_send.h>
#include <myelin/room_timeline.h>
#include <myelin/sync_build.h>
#include <myelin/user_data.h>

typedef struct {
    char folder[64];
    myl_ctx cx; /* for whole tests */
    myl_store *store;
    myl_engine *engine;
    myl_signing_key *key;
} room_test;

room_test *room_test_start(void);
void room_test_end(room_test *test);
/* Closes and opens again what is there. */
void room_test_reopen(room_test *test);

/* Runs a body as one change and gives its answer; `why` gets the detail (in test->cx). */
typedef myl_rc (*room_body)(myl_ctx *cx, void *arg);
myl_rc room_test_run_in(room_test *test, myl_ctx *cx, room_body body, void *arg);
myl_rc room_test_run(room_test *test, room_body body, void *arg, myl_str *why);
/* Runs a body on a snapshot. */
myl_rc room_test_read(room_test *test, room_body body, void *arg);

/* "alice" -> a caller with account and device. */
myl_caller room_test_user(room_test *test, const char *localpart);
/* createRoom with this preset and version; the room id lives in test->cx. */
myl_str room_test_room(room_test *test, const myl_caller *creator, const char *preset,
                       const char *version);
myl_rc room_test_member(room_test *test, myl_str room_id, const myl_caller *sender,
                        const myl_caller *target, myl_membership membership);
/* One text message; its event id. */
myl_str room_test_say(room_test *test, myl_str room_id, const myl_caller *sender,
                      const char *words);
/* One state event; MYL_OK or why not. */
myl_rc room_test_state(room_test *test, myl_str room_id, const myl_caller *sender, const char *type,
                       const char *json);
/* /sync since a token (absent: initial) with a filter (NULL: none): the parsed answer, and the next token. */
const myl_json *room_test_sync(room_test *test, const myl_caller *caller, myl_str since,
                               const char *filter, myl_str *next);
/* Bodies of the m.room.message events in rooms.<section>.<room>.timeline, joined by ','. */
myl_str room_test_said(room_test *test, const myl_json *sync, const char *section, myl_str room_id);
/* The object at rooms.<section>.<room>, or NULL. */
const myl_json *room_test_part(const myl_json *sync, const char *section, myl_str room_id);

#endif
