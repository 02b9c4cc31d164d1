/* test_room.c: rooms on a real store: creating, talking, coming and going, what each sees by /sync.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_test.h"

#include "base/base_test.h"

static const char *const versions[] = {"10", "11", "12"};

static void create_in_every_version(void **state)
{
    room_test *test = room_test_start();
    myl_caller alice = room_test_user(test, "alice");
    myl_str next;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        myl_str room = room_test_room(test, &alice, "private_chat", versions[i]);
        const myl_json *sync;

        room_test_say(test, room, &alice, "hello");
        sync = room_test_sync(test, &alice, MYL_ABSENT, NULL, &next);
        assert_str(versions[i], room_test_said(test, sync, "join", room), MYL_S("hello"));
    }
    room_test_end(test);
}

static void strangers_stay_out(void **state)
{
    room_test *test = room_test_start();
    myl_caller alice = room_test_user(test, "alice"), bob = room_test_user(test, "bob");
    myl_str room = room_test_room(test, &alice, "private_chat", "12"), next;
    const myl_json *sync;

    (void)state;
    assert_int_equal(room_test_member(test, room, &bob, &bob, MYL_MEMBER_JOIN), MYL_FORBIDDEN);
    assert_int_equal(room_test_state(test, room, &bob, "m.room.name", "{\"name\":\"x\"}"),
                     MYL_FORBIDDEN);
    assert_int_equal(room_test_member(test, room, &alice, &bob, MYL_MEMBER_INVITE), MYL_OK);
    sync = room_test_sync(test, &bob, MYL_ABSENT, NULL, &next);
    assert_non_null(room_test_part(sync, "invite", room));
    assert_int_equal(room_test_member(test, room, &bob, &bob, MYL_MEMBER_JOIN), MYL_OK);
    room_test_say(test, room, &alice, "welcome");
    sync = room_test_sync(test, &bob, next, NULL, &next);
    assert_str("joined", room_test_said(test, sync, "join", room), MYL_S("welcome"));
    assert_null(room_test_part(sync, "invite", room));
    assert_int_equal(room_test_member(test, room, &alice, &bob, MYL_MEMBER_BAN), MYL_OK);
    room_test_say(test, room, &alice, "secret");
    sync = room_test_sync(test, &bob, next, NULL, &next);
    assert_non_null(room_test_part(sync, "leave", room));
    assert_str("after the ban", room_test_said(test, sync, "leave", room), MYL_S(""));
    assert_int_equal(room_test_member(test, room, &bob, &bob, MYL_MEMBER_JOIN), MYL_FORBIDDEN);
    room_test_end(test);
}

static void a_gap_is_marked_and_state_follows(void **state)
{
    room_test *test = room_test_start();
    myl_caller alice = room_test_user(test, "alice");
    myl_str room = room_test_room(test, &alice, "private_chat", "11"), next;
    const myl_json *sync, *part, *events;

    (void)state;
    room_test_sync(test, &alice, MYL_ABSENT, NULL, &next);
    assert_int_equal(room_test_state(test, room, &alice, "m.room.topic", "{\"topic\":\"t\"}"),
                     MYL_OK);
    for (int i = 0; i < 5; i++)
        room_test_say(test, room, &alice, "m");
    sync = room_test_sync(test, &alice, next, "{\"room\":{\"timeline\":{\"limit\":3}}}", &next);
    part = room_test_part(sync, "join", room);
    assert_str("three", room_test_said(test, sync, "join", room), MYL_S("m,m,m"));
    assert_true(myl_json_bool(myl_json_object(part, MYL_S("timeline")), MYL_S("limited"), false));
    events = myl_json_array(myl_json_object(part, MYL_S("state")), MYL_S("events"));
    assert_int_equal(events->count, 1);
    assert_str("state", myl_json_text(&events->items[0], MYL_S("type")), MYL_S("m.room.topic"));
    sync = room_test_sync(test, &alice, next, NULL, &next);
    assert_null(room_test_part(sync, "join", room));
    room_test_end(test);
}

static void a_restart_changes_nothing(void **state)
{
    room_test *test = room_test_start();
    myl_caller alice = room_test_user(test, "alice");
    myl_str room = room_test_room(test, &alice, "private_chat", "12"), next;
    const myl_json *sync;

    (void)state;
    room_test_say(test, room, &alice, "before");
    room_test_sync(test, &alice, MYL_ABSENT, NULL, &next);
    room_test_reopen(test);
    room_test_say(test, room, &alice, "after");
    sync = room_test_sync(test, &alice, next, NULL, &next);
    assert_str("since", room_test_said(test, sync, "join", room), MYL_S("after"));
    sync = room_test_sync(test, &alice, MYL_ABSENT, NULL, &next);
    assert_str("all", room_test_said(test, sync, "join", room), MYL_S("before,after"));
    room_test_end(test);
}

typedef struct {
    myl_str room_id, event_id;
    const myl_caller *caller;
    myl_str redaction;
} redact_arg;

static myl_rc redact(myl_ctx *cx, void *arg)
{
    redact_arg *r = arg;
    myl_outgoing outgoing = {.room_id = r->room_id,
                             .sender = r->caller->user_id,
                             .type = MYL_S("m.room.redaction"),
                             .redacts = r->event_id,
                             .content = myl_json_empty_object()};

    return myl_room_send(cx, &outgoing, &r->redaction);
}

static void a_redacted_event_is_shown_redacted(void **state)
{
    room_test *test = room_test_start();
    myl_caller alice = room_test_user(test, "alice");

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        myl_str room = room_test_room(test, &alice, "private_chat", versions[i]), next;
        redact_arg arg = {room, room_test_say(test, room, &alice, "oops"), &alice, MYL_ABSENT};
        const myl_json *sync, *events, *because;

        assert_int_equal(room_test_run(test, redact, &arg, NULL), MYL_OK);
        sync = room_test_sync(test, &alice, MYL_ABSENT, NULL, &next);
        events =
            myl_json_array(myl_json_object(room_test_part(sync, "join", room), MYL_S("timeline")),
                           MYL_S("events"));
        assert_str(versions[i], room_test_said(test, sync, "join", room), MYL_S(""));
        because =
            myl_json_object(myl_json_object(&events->items[events->count - 2], MYL_S("unsigned")),
                            MYL_S("redacted_because"));
        assert_non_null(because);
        assert_str("redacts", myl_json_text(because, MYL_S("redacts")), arg.event_id);
    }
    room_test_end(test);
}

static void levels_hold(void **state)
{
    room_test *test = room_test_start();
    myl_caller alice = room_test_user(test, "alice"), bob = room_test_user(test, "bob");
    myl_str room = room_test_room(test, &alice, "public_chat", "11");

    (void)state;
    assert_int_equal(room_test_member(test, room, &bob, &bob, MYL_MEMBER_JOIN), MYL_OK);
    assert_int_equal(room_test_state(test, room, &bob, "m.room.name", "{\"name\":\"x\"}"),
                     MYL_FORBIDDEN);
    assert_int_equal(room_test_state(test, room, &alice, "m.room.name", "{\"name\":\"x\"}"),
                     MYL_OK);
    assert_int_equal(room_test_member(test, room, &bob, &alice, MYL_MEMBER_LEAVE), MYL_FORBIDDEN);
    room_test_say(test, room, &bob, "still here");
    room_test_end(test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_in_every_version),
        cmocka_unit_test(strangers_stay_out),
        cmocka_unit_test(a_gap_is_marked_and_state_follows),
        cmocka_unit_test(a_restart_changes_nothing),
        cmocka_unit_test(a_redacted_event_is_shown_redacted),
        cmocka_unit_test(levels_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
