/* test_waiters.c: who is woken by what, in which order, and that nothing is missed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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
    static const uint64_t rooms[] = {5, 7, 5};
    myl_waiters *waiters = myl_waiters_start();
    myl_waiter one = {.next = NULL}, two = {.next = NULL};
    myl_wait wait = {.deadline_tick_ms = 100, .user = 1, .rooms = rooms, .room_count = 3};

    MYL_UNUSED(state);
    assert_true(myl_waiters_add(waiters, &one, &wait));
    wait.user = 2;
    wait.room_count = 0;
    assert_true(myl_waiters_add(waiters, &two, &wait));
    assert_null(post_one(waiters, 1, 1, (myl_note){MYL_NOTE_ROOM, 6}));
    assert_null(post_one(waiters, 2, 2, (myl_note){MYL_NOTE_ROOM, 1})); /* a room is no user */
    assert_null(post_one(waiters, 3, 3, (myl_note){MYL_NOTE_DESTINATION, 5}));
    assert_ptr_equal(post_one(waiters, 4, 4, (myl_note){MYL_NOTE_USER, 2}), &two);
    assert_ptr_equal(post_one(waiters, 5, 5, (myl_note){MYL_NOTE_ROOM, 5}), &one);
    assert_int_equal(myl_waiters_count(waiters), 0);
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
        assert_true(myl_waiters_add(waiters, &all[i], &wait));
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
        assert_true(myl_waiters_add(waiters, &all[i], &wait));
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
        if (myl_waiters_add(waiters, &one, &wait) != missed[i].sleeps)
            fail_msg("%s", missed[i].name);
        wait.rooms = NULL;
        wait.room_count = 0;
        wait.sequence = 0;
        myl_waiter other = {.next = NULL};
        assert_true(myl_waiters_add(waiters, &other, &wait)); /* another room's posts are not his */
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
    assert_true(myl_waiters_add(waiters, &one, &wait));
    myl_waiters_remove(waiters, &one);
    post_one(waiters, MYL_LIMIT_HTTP_NOTED_POSTS + 2, 99, (myl_note){MYL_NOTE_ROOM, 5});
    assert_false(myl_waiters_add(waiters, &one, &wait)); /* post 2 may have been his */
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
    assert_false(myl_waiters_add(waiters, &one, &wait));
    wait.sequence = 1;
    assert_true(myl_waiters_add(waiters, &one, &wait));
    assert_ptr_equal(post_one(waiters, 2, 0, (myl_note){MYL_NOTE_ROOM, 5}), &one);
    myl_waiters_end(waiters);
}

typedef struct {
    myl_waiter waiter;
    uint64_t rooms[3];
    uint64_t user;
    bool sleeps;
} sleeper;

static bool waits_for(const sleeper *one, myl_note note)
{
    if (note.kind == MYL_NOTE_USER)
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
            for (size_t i = 0; i < 3; i++)
                one->rooms[i] = (random >> (20 + 4 * i)) % ROOMS;
            one->user = 1 + (random >> 25) % USERS;
            myl_wait wait = {.deadline_tick_ms = (int64_t)round,
                             .sequence = round,
                             .user = one->user,
                             .rooms = one->rooms,
                             .room_count = 3};
            one->sleeps = myl_waiters_add(waiters, &one->waiter, &wait);
            assert_true(one->sleeps);
        } else if (dice < 12) {
            myl_waiters_remove(waiters, &one->waiter);
            one->sleeps = false;
        } else {
            myl_note note = {dice < 15 ? MYL_NOTE_ROOM : MYL_NOTE_USER, (random >> 30) % ROOMS};
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
        cmocka_unit_test(wakes_once),
        cmocka_unit_test(deadlines_come_in_order),
        cmocka_unit_test(nothing_is_missed),
        cmocka_unit_test(forgotten_posts_count_as_missed),
        cmocka_unit_test(volatile_news_has_no_position),
        cmocka_unit_test(agrees_with_a_plain_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
