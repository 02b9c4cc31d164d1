/* test_presence.c: who is there: ends in their order, changes in pages, a full table.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/base_test.h"

#include <myelin/base_clock.h>
#include <myelin/base_limit.h>
#include <myelin/room_presence.h>
#include <myelin/room_timeline.h>

static myl_ctx cx;

static int begin(void **state)
{
    (void)state;
    myl_clock_hold(1000000);
    myl_ctx_begin(&cx);
    return 0;
}

static int end(void **state)
{
    (void)state;
    myl_ctx_end(&cx);
    myl_room_presence_stop();
    myl_clock_release();
    return 0;
}

static void say(uint64_t user, myl_presence_state state)
{
    (void)myl_room_presence_set(user, state, MYL_ABSENT);
}

static myl_presence_state state_of(uint64_t user)
{
    myl_presence presence;

    myl_room_presence_get(&cx, user, &presence);
    return presence.state;
}

static void ends_come_in_their_order(void **state)
{
    myl_presence_changes changes;
    uint64_t before;

    (void)state;
    for (uint64_t user = 1; user <= 50; user++) {
        say(user * 7 % 51, MYL_PRESENCE_UNAVAILABLE);
        myl_clock_advance(1000);
    }
    before = myl_room_volatile_now();
    myl_clock_advance(MYL_LIMIT_PRESENCE_SAID_MS - 40000);
    myl_room_presence_since(&cx, before, &changes);
    assert_number("ended", changes.count, 11);
    for (size_t i = 0; i < changes.count; i++) {
        assert_number("who", changes.at[i].user, (i + 1) * 7 % 51);
        assert_true(changes.at[i].is_untold);
        assert_number("offline", state_of(changes.at[i].user), MYL_PRESENCE_OFFLINE);
    }
    assert_number("still there", state_of(12 * 7 % 51), MYL_PRESENCE_UNAVAILABLE);
    say(7, MYL_PRESENCE_ONLINE);
    myl_room_presence_since(&cx, myl_room_volatile_now() - 1, &changes);
    assert_number("said", changes.count, 1);
    assert_false(changes.at[0].is_untold);
}

static void all_changes_come_in_pages(void **state)
{
    enum { USERS = MYL_LIMIT_PRESENCE_WALK * 2 + 5 };
    uint64_t counter = myl_room_volatile_now(), next = 1;
    myl_presence_changes changes;

    (void)state;
    for (uint64_t user = 1; user <= USERS; user++)
        say(user, MYL_PRESENCE_ONLINE);
    say(USERS + 1, MYL_PRESENCE_OFFLINE); /* no change: hides nobody */
    do {
        myl_room_presence_since(&cx, counter, &changes);
        assert_true(changes.count > 0 && changes.count <= MYL_LIMIT_PRESENCE_WALK);
        for (size_t i = 0; i < changes.count; i++)
            assert_number("who", changes.at[i].user, next++);
        counter = changes.at[changes.count - 1].counter;
    } while (changes.more);
    assert_number("all", next, USERS + 1);
}

static void who_is_offline_makes_room(void **state)
{
    (void)state;
    say(1, MYL_PRESENCE_ONLINE);
    for (uint64_t user = 2; user <= MYL_LIMIT_PRESENCE_USERS; user++) {
        say(user, MYL_PRESENCE_ONLINE);
        if (user < 100)
            say(user, MYL_PRESENCE_OFFLINE);
    }
    for (uint64_t user = 1; user <= 98; user++)
        say(MYL_LIMIT_PRESENCE_USERS + user, MYL_PRESENCE_ONLINE);
    assert_number("there", state_of(1), MYL_PRESENCE_ONLINE);
    assert_number("new", state_of(MYL_LIMIT_PRESENCE_USERS + 98), MYL_PRESENCE_ONLINE);
    myl_clock_advance(1000);
    say(1, MYL_PRESENCE_ONLINE);
    say(MYL_LIMIT_PRESENCE_USERS + 99, MYL_PRESENCE_ONLINE);
    assert_number("longer to go than others", state_of(1), MYL_PRESENCE_ONLINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ends_come_in_their_order, begin, end),
        cmocka_unit_test_setup_teardown(all_changes_come_in_pages, begin, end),
        cmocka_unit_test_setup_teardown(who_is_offline_makes_room, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
