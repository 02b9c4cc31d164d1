/* test_waiters.c: who is woken by what, in which order, and that nothing is missed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <myelin/base_clock.h>
#include <myelin/base_limit.h>
#include <myelin/sync_waiters.h>

enum { SLEEPERS = 200, ROOMS = 20, USERS = 30 };

static void free_post(void *whole)
{
    myl_process_free(whole);
}

static myl_post *new_post(uint64_t sequence, uint64_t position, const myl_note *notes, size_t count)
{
    myl_post *post = myl_process_alloc(sizeof(*post));
    myl_shared_start(&post->shared, free_post);
    post->sequence = sequence;
    post->position = position;
    post->notes = notes;
    post->count = count;
    return post;
}

static size_t chain_length(const myl_waiter *chain)
{
    size_t count = 0;
    for (; chain != NULL; chain = chain->next)
        count++;
    return count;
}

static myl_waiter *post_one(myl_waiters *waiters, uint64_t sequence, uint64_t position,
                            myl_note note)
{
    static myl_note kept[4096];
    kept[sequence % 4096] = note;
    myl_post *post = new_post(sequence, position, &kept[sequence % 4096], 1);
    myl_waiter *woken = myl_waiters_post(waiters, post);
    myl_shared_drop(&post->shared);
    return woken;
}

static void wakes_by_room_and_user(void **state)
{
    static const uint64_t rooms[] = {5, 7};
    myl_waiters *waiters = myl_waiters_start();
    myl_waiter one = {.next = NULL}, two = {.next = NULL};
    myl_wait wait = {.deadline_tick_ms = 100, .user = 1, .rooms = rooms, .room_count = 2};

    MYL_UNUSED(state);
    assert_int_equal(MYL_WAITERS_SLEEPS, myl_waiters_add(waiters, &one, &wait));
    wait.user = 2;
    wait.room_count = 0;
    assert_int_equal(MYL_WAITERS_SLEEPS, myl_waiters_add(waiters, &two, &wait));
    assert_null(post_one(waiters, 1, 1, (myl_note){MYL_NOTE_ROOM, 6}));
    assert_null(post_one(waiters, 2, 2, (myl_note){MYL_NOTE_ROOM, 1})); /* a room is no user */
    assert_null(post_one(waiters, 3, 3, (myl_note){MYL_NOTE_DESTINATION, 5}));
    assert_ptr_equal(post_one(waiters, 4, 4, (myl_note){MYL_NOTE_USER, 2}), &two);
    assert_ptr_equal(post_one(waiters, 5, 5, (myl_note){MYL_NOTE_ROOM, 5}), &one);
    assert_int_equal(myl_waiters_count(waiters), 0);
    myl_waiters_end(waiters);
}

/* One that waits for news of devices alone sleeps on through what else happens in its rooms. */
static void wakes_by_devices_alone(void **state)
{
    static const uint64_t rooms[] = {5, 7};
    myl_waiters *waiters = myl_waiters_start();
    myl_waiter one = {.next = NULL}, two = {.next = NULL};
    myl_wait wait = {.deadline_tick_ms = 100,
                     .user = 1,
                     .of_user = true,
                     .has_rooms = true,
                     .rooms = rooms,
                     .room_count = 2};

    MYL_UNUSED(state);
    assert_int_equal(MYL_WAITERS_SLEEPS, myl_waiters_add(waiters, &one, &wait));
    wait.only_devices = true;
    assert_int_equal(MYL_WAITERS_SLEEPS, myl_waiters_add(waiters, &two, &wait));
    assert_ptr_equal(post_one(waiters, 1, 1, (myl_note){MYL_NOTE_ROOM, 7}), &one);
    assert_null(post_one(waiters, 2, 2, (myl_note){MYL_NOTE_ROOM, 7}));
    assert_null(post_one(waiters, 3, 3, (myl_note){MYL_NOTE_DEVICES, 6}));
    wait.only_devices = false;
    wait.sequence = 3;
    assert_int_equal(MYL_WAITERS_SLEEPS, myl_waiters_add(waiters, &one, &wait));
    assert_int_equal(chain_length(post_one(waiters, 4, 4, (myl_note){MYL_NOTE_DEVICES, 5})), 2);
    wait.only_devices = true;
    assert_int_equal(MYL_WAITERS_MISSED, myl_waiters_add(waiters, &two, &wait));
    wait.sequence = 4;
    assert_int_equal(MYL_WAITERS_SLEEPS, myl_waiters_add(waiters, &two, &wait));
    assert_ptr_equal(post_one(waiters, 5, 5, (myl_note){MYL_NOTE_USER, 1}), &two);
    assert_int_equal(myl_waiters_count(waiters), 0);
    myl_waiters_end(waiters);
}

/* One that can follow only a part of its rooms wakes for those, and looks at all of them before long. */
static void a_part_looks_again(void **state)
{
    static const uint64_t rooms[] = {5, 7};
    myl_waiters *waiters = myl_waiters_start();
    myl_waiter one = {.next = NULL}, two = {.next = NULL};
    myl_wait wait = {.deadline_tick_ms = INT64_MAX,
                     .user = 1,
                     .of_user = true,
                     .has_rooms = true,
                     .is_part = true,
                     .rooms = rooms,
                     .room_count = 2};
    int64_t now = myl_tick_ms();

    MYL_UNUSED(state);
    assert_int_equal(MYL_WAITERS_SLEEPS, myl_waiters_add(waiters, &one, &wait));
    assert_true(one.deadline_tick_ms >= now + MYL_LIMIT_PARKED_PART_MS &&
                one.deadline_tick_ms <= myl_tick_ms() + MYL_LIMIT_PARKED_PART_MS);
    assert_ptr_equal(post_one(waiters, 1, 1, (myl_note){MYL_NOTE_ROOM, 7}), &one);
    /* its rooms are kept, and that they are a part */
    wait = (myl_wait){.deadline_tick_ms = INT64_MAX, .user = 1, .of_user = true, .sequence = 1};
    assert_int_equal(MYL_WAITERS_SLEEPS, myl_waiters_add(waiters, &one, &wait));
    assert_true(one.deadline_tick_ms <= myl_tick_ms() + MYL_LIMIT_PARKED_PART_MS);
    /* whoever wants an answer before that gets it then */
    wait.deadline_tick_ms = now + 1;
    assert_int_equal(MYL_WAITERS_SLEEPS, myl_waiters_add(waiters, &two, &wait));
    assert_ptr_equal(myl_waiters_due(waiters, now + 1), &two);
    assert_int_equal(chain_length(myl_waiters_all(waiters)), 1);
    myl_waiters_end(waiters);
}

/* A batch that concerns a waiter in several ways wakes it once. */
static void wakes_once(void **state)
{
    static const uint64_t rooms[] = {1, 2};
    static const myl_note notes[] = {{MYL_NOTE_ROOM, 1}, {MYL_NOTE_ROOM, 2}, {MYL_NOTE_USER, 9}};
    myl_waiters *waiters = myl_waiters_start();
    myl_waiter all[3] = {{.next = NULL}};

    MYL_UNUSED(state);
    for (uint64_t i = 0; i < 3; i++) {
        myl_wait wait = {.deadline_tick_ms = 100, .user = 9 + i, .rooms = rooms, .room_count = 2};
        assert_int_equal(MYL_WAITERS_SLEEPS, myl_waiters_add(waiters, &all[i], &wait));
    }
    myl_post *post = new_post(1, 1, notes, 3);
    assert_int_equal(chain_length(myl_waiters_post(waiters, post)), 3);
    myl_shared_drop(&post->shared);
    myl_waiters_end(waiters);
}

static void deadlines_come_in_order(void **state)
{
    static myl_waiter all[SLEEPERS];
    myl_waiters *waiters = myl_waiters_start();
    uint64_t random = 42;

    MYL_UNUSED(state);
    memset(all, 0, sizeof(all));
    assert_int_equal(myl_waiters_next_deadline(waiters), INT64_MAX);
    for (size_t i = 0; i < SLEEPERS; i++) {
        random = random * 6364136223846793005u + 1;
        myl_wait wait = {.deadline_tick_ms = (int64_t)(random >> 40) % 1000, .user = 1};
        assert_int_equal(MYL_WAITERS_SLEEPS, myl_waiters_add(waiters, &all[i], &wait));
    }
    for (size_t i = 0; i < SLEEPERS; i += 3)
        myl_waiters_remove(waiters, &all[i]);
    int64_t last = 0;
    while (myl_waiters_count(waiters) > 0) {
        int64_t next = myl_waiters_next_deadline(waiters);
        assert_true(next >= last);
        assert_null(myl_waiters_due(waiters, next - 1));
        assert_non_null(myl_waiters_due(waiters, next));
        last = next;
    }
    myl_waiters_end(waiters);
}

typedef struct {
    const char *name;
    uint64_t sequence, position; /* what the sleeper had seen */
    bool sleeps;
} missed_case;

static const missed_case missed[] = {
    {"saw nothing of it", 0, 0, false},
    {"began before the last post", 9, 0, false},
    {"began after it", 10, 0, true},
    {"its snapshot had it already", 0, 110, true},
    {"its snapshot had all but the last", 0, 109, false},
};

/* Posts 1 to 10, positions 101 to 110, all about room 5. */
static void nothing_is_missed(void **state)
{
    static const uint64_t rooms[] = {5};

    MYL_UNUSED(state);
    for (size_t i = 0; i < sizeof(missed) / sizeof(missed[0]); i++) {
        myl_waiters *waiters = myl_waiters_start();
        myl_waiter one = {.next = NULL};
        for (uint64_t n = 1; n <= 10; n++)
            post_one(waiters, n, 100 + n, (myl_note){MYL_NOTE_ROOM, 5});
        myl_wait wait = {.deadline_tick_ms = 1,
                         .sequence = missed[i].sequence,
                         .position = missed[i].position,
                         .rooms = rooms,
                         .room_count = 1};
        if ((myl_waiters_add(waiters, &one, &wait) == MYL_WAITERS_SLEEPS) != missed[i].sleeps)
            fail_msg("%s", missed[i].name);
        wait.rooms = NULL;
        wait.room_count = 0;
        wait.sequence = 0;
        myl_waiter other = {.next = NULL};
        assert_int_equal(MYL_WAITERS_SLEEPS,
                         myl_waiters_add(waiters, &other,
                                         &wait)); /* another room's posts are not his */
        assert_non_null(myl_waiters_all(waiters));
        myl_waiters_end(waiters);
    }
}

static void forgotten_posts_count_as_missed(void **state)
{
    myl_waiters *waiters = myl_waiters_start();
    myl_waiter one = {.next = NULL};
    myl_wait wait = {.deadline_tick_ms = 1, .user = 1, .sequence = 1};

    MYL_UNUSED(state);
    for (uint64_t n = 2; n <= MYL_LIMIT_HTTP_NOTED_POSTS + 1; n++)
        post_one(waiters, n, n, (myl_note){MYL_NOTE_ROOM, 5});
    assert_int_equal(MYL_WAITERS_SLEEPS, myl_waiters_add(waiters, &one, &wait));
    myl_waiters_remove(waiters, &one);
    post_one(waiters, MYL_LIMIT_HTTP_NOTED_POSTS + 2, 99, (myl_note){MYL_NOTE_ROOM, 5});
    assert_int_equal(MYL_WAITERS_MISSED,
                     myl_waiters_add(waiters, &one, &wait)); /* post 2 may have been his */
    myl_waiters_end(waiters);
}

/* Volatile news (position 0) wakes whatever position a sleeper has seen. */
static void volatile_news_has_no_position(void **state)
{
    static const uint64_t rooms[] = {5};
    myl_waiters *waiters = myl_waiters_start();
    myl_waiter one = {.next = NULL};
    myl_wait wait = {.deadline_tick_ms = 1, .position = 1000, .rooms = rooms, .room_count = 1};

    MYL_UNUSED(state);
    post_one(waiters, 1, 0, (myl_note){MYL_NOTE_ROOM, 5});
    assert_int_equal(MYL_WAITERS_MISSED, myl_waiters_add(waiters, &one, &wait));
    wait.sequence = 1;
    assert_int_equal(MYL_WAITERS_SLEEPS, myl_waiters_add(waiters, &one, &wait));
    assert_ptr_equal(post_one(waiters, 2, 0, (myl_note){MYL_NOTE_ROOM, 5}), &one);
    myl_waiters_end(waiters);
}

/* The rooms of a user are named once; what they follow outlives the sleep until their memberships change. */
static void a_users_rooms_are_kept(void **state)
{
    static const uint64_t rooms[] = {5, 7};
    myl_waiters *waiters = myl_waiters_start();
    myl_waiter one = {.next = NULL}, two = {.next = NULL}, narrow = {.next = NULL};
    myl_wait wait = {.deadline_tick_ms = INT64_MAX, .user = 3, .of_user = true};

    MYL_UNUSED(state);
    assert_int_equal(myl_waiters_add(waiters, &one, &wait), MYL_WAITERS_ASK_ROOMS);
    assert_false(myl_waiters_keeps(waiters));
    wait.has_rooms = true;
    wait.rooms = rooms;
    wait.room_count = 2;
    assert_int_equal(myl_waiters_add(waiters, &one, &wait), MYL_WAITERS_SLEEPS);
    assert_ptr_equal(post_one(waiters, 1, 1, (myl_note){MYL_NOTE_ROOM, 7}), &one);
    assert_true(myl_waiters_keeps(waiters));
    wait = (myl_wait){.deadline_tick_ms = INT64_MAX, .user = 3, .of_user = true, .sequence = 0};
    assert_int_equal(myl_waiters_add(waiters, &one, &wait), MYL_WAITERS_MISSED);
    wait.sequence = 1;
    assert_int_equal(myl_waiters_add(waiters, &one, &wait), MYL_WAITERS_SLEEPS);
    assert_int_equal(myl_waiters_add(waiters, &two, &wait), MYL_WAITERS_SLEEPS);
    wait.of_user = false;
    assert_int_equal(myl_waiters_add(waiters, &narrow, &wait), MYL_WAITERS_SLEEPS);
    assert_null(post_one(waiters, 2, 2, (myl_note){MYL_NOTE_ROOM, 6}));
    assert_int_equal(chain_length(post_one(waiters, 3, 3, (myl_note){MYL_NOTE_ROOM, 5})), 2);
    assert_ptr_equal(post_one(waiters, 4, 4, (myl_note){MYL_NOTE_USER, 3}), &narrow);
    assert_null(post_one(waiters, 5, 5, (myl_note){MYL_NOTE_MEMBERSHIP, 3}));
    assert_false(myl_waiters_keeps(waiters));
    wait = (myl_wait){.deadline_tick_ms = INT64_MAX, .user = 3, .of_user = true, .sequence = 5};
    assert_int_equal(myl_waiters_add(waiters, &one, &wait), MYL_WAITERS_ASK_ROOMS);
    myl_waiters_end(waiters);
}

/* Who stays away is forgotten. */
static void what_is_idle_goes(void **state)
{
    static const uint64_t rooms[] = {5};
    myl_waiters *waiters = myl_waiters_start();
    myl_waiter one = {.next = NULL};
    myl_wait wait = {.deadline_tick_ms = INT64_MAX,
                     .user = 3,
                     .of_user = true,
                     .has_rooms = true,
                     .rooms = rooms,
                     .room_count = 1};
    int64_t now = myl_tick_ms();

    MYL_UNUSED(state);
    assert_int_equal(myl_waiters_add(waiters, &one, &wait), MYL_WAITERS_SLEEPS);
    myl_waiters_remove(waiters, &one);
    assert_true(myl_waiters_next_deadline(waiters) >= now + MYL_LIMIT_IDLE_WATCH_MS);
    assert_null(myl_waiters_due(waiters, now));
    assert_true(myl_waiters_keeps(waiters));
    assert_null(myl_waiters_due(waiters, myl_waiters_next_deadline(waiters)));
    assert_false(myl_waiters_keeps(waiters));
    assert_int_equal(myl_waiters_next_deadline(waiters), INT64_MAX);
    myl_waiters_end(waiters);
}

typedef struct {
    myl_waiter waiter;
    uint64_t rooms[3];
    uint64_t user;
    bool of_user, sleeps;
} sleeper;

/* Those that a user's own sleepers follow are always the same. */
static void choose_rooms(sleeper *one, uint64_t random)
{
    uint64_t seed = one->of_user ? one->user * 31 : random;

    one->rooms[0] = seed % (ROOMS / 2);
    one->rooms[1] = one->rooms[0] + 1 + seed / 16 % 4;
    one->rooms[2] = one->rooms[1] + 1 + seed / 64 % 4;
}

static bool add(myl_waiters *waiters, sleeper *one, uint64_t sequence)
{
    myl_wait wait = {.deadline_tick_ms = (int64_t)sequence,
                     .sequence = sequence,
                     .user = one->user,
                     .of_user = one->of_user};
    myl_waiters_answer answer;

    if (!one->of_user) {
        wait.rooms = one->rooms;
        wait.room_count = 3;
    }
    answer = myl_waiters_add(waiters, &one->waiter, &wait);
    if (answer != MYL_WAITERS_ASK_ROOMS)
        return answer == MYL_WAITERS_SLEEPS;
    wait.has_rooms = true;
    wait.rooms = one->rooms;
    wait.room_count = 3;
    return myl_waiters_add(waiters, &one->waiter, &wait) == MYL_WAITERS_SLEEPS;
}

static bool waits_for(const sleeper *one, myl_note note)
{
    if (note.kind != MYL_NOTE_ROOM)
        return one->user == note.id;
    return one->rooms[0] == note.id || one->rooms[1] == note.id || one->rooms[2] == note.id;
}

/* Random sleepers, removals and posts against a plain search. */
static void agrees_with_a_plain_search(void **state)
{
    static sleeper all[SLEEPERS];
    myl_waiters *waiters = myl_waiters_start();
    uint64_t random = 7;

    MYL_UNUSED(state);
    memset(all, 0, sizeof(all));
    for (uint64_t round = 1; round < 20000; round++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        sleeper *one = &all[(random >> 33) % SLEEPERS];
        uint64_t dice = random >> 60;
        if (dice < 10 && !one->sleeps) {
            one->user = 1 + (random >> 25) % USERS;
            one->of_user = (random >> 40) % 2 == 0;
            choose_rooms(one, random >> 20);
            one->sleeps = add(waiters, one, round);
            assert_true(one->sleeps);
        } else if (dice < 12) {
            myl_waiters_remove(waiters, &one->waiter);
            one->sleeps = false;
        } else {
            static const myl_note_kind kinds[] = {MYL_NOTE_ROOM, MYL_NOTE_ROOM, MYL_NOTE_USER,
                                                  MYL_NOTE_MEMBERSHIP};
            myl_note note = {kinds[dice - 12], (random >> 30) % ROOMS};
            size_t expected = 0;
            for (size_t i = 0; i < SLEEPERS; i++)
                expected += all[i].sleeps && waits_for(&all[i], note);
            myl_waiter *chain = post_one(waiters, round, round, note);
            assert_int_equal(chain_length(chain), expected);
            for (; chain != NULL; chain = chain->next)
                MYL_OF(chain, sleeper, waiter)->sleeps = false;
        }
    }
    myl_waiters_all(waiters);
    myl_waiters_end(waiters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wakes_by_room_and_user),
        cmocka_unit_test(wakes_by_devices_alone),
        cmocka_unit_test(a_part_looks_again),
        cmocka_unit_test(wakes_once),
        cmocka_unit_test(deadlines_come_in_order),
        cmocka_unit_test(nothing_is_missed),
        cmocka_unit_test(forgotten_posts_count_as_missed),
        cmocka_unit_test(volatile_news_has_no_position),
        cmocka_unit_test(a_users_rooms_are_kept),
        cmocka_unit_test(what_is_idle_goes),
        cmocka_unit_test(agrees_with_a_plain_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
