/* test_rooms_of_user.c: the walks that leap agree with a plain search.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_test.h"

#include <myelin/base_list.h>
#include <myelin/room_share.h>

enum { ROOMS = 60, ROUNDS = 200 };

typedef struct {
    myl_caller alice, bob;
    myl_str rooms[ROOMS];
    uint64_t random;
} two;

static uint64_t roll(two *t, uint64_t sides)
{
    t->random = t->random * 6364136223846793005u + 1442695040888963407u;
    return (t->random >> 33) % sides;
}

/* Numbers of the test's rooms and between them, ascending, each with the given chance in 16. */
static myl_list some_numbers(myl_ctx *cx, two *t, uint64_t last, uint64_t chance)
{
    myl_list numbers = MYL_LIST(cx, uint64_t);

    for (uint64_t number = 1; number <= last + 3; number++)
        if (roll(t, 16) < chance)
            myl_list_push(&numbers, uint64_t, number);
    return numbers;
}

static bool holds(const myl_list *numbers, uint64_t number)
{
    for (size_t i = 0; i < numbers->count; i++)
        if (myl_list_get(numbers, uint64_t, i) == number)
            return true;
    return false;
}

static void check_among(myl_ctx *cx, uint64_t user, const myl_member *all, size_t count,
                        const myl_list *numbers)
{
    const myl_member *found;
    size_t found_count, at = 0;

    assert_int_equal(myl_room_of_user_among(cx, user, numbers, &found, &found_count), MYL_OK);
    for (size_t i = 0; i < count; i++) {
        if (!holds(numbers, all[i].room))
            continue;
        assert_true(at < found_count);
        assert_int_equal(found[at].room, all[i].room);
        assert_int_equal(found[at].membership, all[i].membership);
        assert_int_equal(found[at++].position, all[i].position);
    }
    assert_int_equal(at, found_count);
}

static myl_rc look_among(myl_ctx *cx, void *arg)
{
    two *t = arg;
    const myl_member *all;
    size_t count;

    MYL_TRY(myl_room_of_user(cx, t->bob.user, ~0u, &all, &count));
    assert_true(count > 10 && count < ROOMS);
    for (size_t round = 0; round < ROUNDS; round++) {
        myl_list numbers = some_numbers(cx, t, all[count - 1].room, roll(t, 17));
        bool more;

        check_among(cx, t->bob.user, all, count, &numbers);
        MYL_TRY(myl_room_of_user_more_than(cx, t->bob.user, round, &more));
        assert_int_equal(more, count > round);
    }
    return MYL_OK;
}

static myl_rc look_shared(myl_ctx *cx, void *arg)
{
    two *t = arg;
    const uint64_t *of_alice, *of_bob;
    size_t alice_count, bob_count, at = 0;
    myl_shared_rooms *shared;
    myl_shared_room room;
    myl_list bobs = MYL_LIST(cx, uint64_t);

    MYL_TRY(myl_room_joined_by(cx, t->alice.user, &of_alice, &alice_count));
    MYL_TRY(myl_room_joined_by(cx, t->bob.user, &of_bob, &bob_count));
    for (size_t i = 0; i < bob_count; i++)
        myl_list_push(&bobs, uint64_t, of_bob[i]);
    MYL_TRY(myl_room_shared_start(cx, t->alice.user, t->bob.user, &shared));
    for (; at < alice_count; at++) {
        if (!holds(&bobs, of_alice[at]))
            continue;
        MYL_TRY(myl_room_shared_next(shared, &room));
        assert_int_equal(room.room, of_alice[at]);
    }
    MYL_TRY(myl_room_shared_next(shared, &room));
    assert_int_equal(room.room, 0);
    myl_room_shared_end(shared);
    return MYL_OK;
}

/* Alice is in every room but those she left; bob is invited to some, joined to others, has left others. */
static void walks_agree_with_a_plain_search(void **state)
{
    room_test *test = room_test_start();
    two t = {.alice = room_test_user(test, "alice"),
             .bob = room_test_user(test, "bob"),
             .random = 7};

    MYL_UNUSED(state);
    for (size_t i = 0; i < ROOMS; i++) {
        uint64_t dice = i < 20 ? roll(&t, 4) : i < 40 ? 3 : roll(&t, 2);

        t.rooms[i] = room_test_room(test, &t.alice, "public_chat", "11");
        if (dice == 3)
            continue;
        room_test_member(test, t.rooms[i], &t.alice, &t.bob, MYL_MEMBER_INVITE);
        if (dice > 0)
            room_test_member(test, t.rooms[i], &t.bob, &t.bob, MYL_MEMBER_JOIN);
        if (dice > 1)
            room_test_member(test, t.rooms[i], &t.bob, &t.bob, MYL_MEMBER_LEAVE);
        if (roll(&t, 8) == 0)
            room_test_member(test, t.rooms[i], &t.alice, &t.alice, MYL_MEMBER_LEAVE);
    }
    assert_int_equal(room_test_read(test, look_among, &t), MYL_OK);
    assert_int_equal(room_test_read(test, look_shared, &t), MYL_OK);
    room_test_end(test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_agree_with_a_plain_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
