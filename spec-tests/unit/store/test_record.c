/* test_record.c: recorded batches, replayed onto an empty store, give the same rows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_test.h"

static store_test *leader;
static store_test *follower;
static myl_list batches;

static int setup(void **state)
{
    MYL_UNUSED(state);
    leader = store_test_start();
    follower = store_test_start();
    if (leader == NULL || follower == NULL)
        return -1;
    myl_engine_stop(follower->engine); /* a follower has no engine */
    follower->engine = NULL;
    batches = MYL_LIST(&leader->cx, myl_str);
    return 0;
}

static int teardown(void **state)
{
    MYL_UNUSED(state);
    store_test_end(leader);
    store_test_end(follower);
    return 0;
}

static myl_rc keep(void *arg, myl_str batch)
{
    MYL_UNUSED(arg);
    myl_list_push(&batches, myl_str, myl_keep(&leader->cx, batch));
    return MYL_OK;
}

static myl_str random_text(uint64_t *seed, char *room, size_t len)
{
    for (size_t i = 0; i < len; i++)
        room[i] = "abc"[store_test_random(seed) % 3];
    return (myl_str){room, len};
}

/* Some of everything that can be in a record; a third of the changes fails. */
static myl_rc some_rows(myl_ctx *cx, void *arg)
{
    uint64_t *seed = arg;
    char a[8];
    char b[8];
    uint64_t id;
    const myl_tree_nodes *nodes = myl_store_nodes(cx);
    for (uint64_t left = 1 + store_test_random(seed) % 12; left > 0; left--) {
        myl_str key = random_text(seed, a, 1 + store_test_random(seed) % 3);
        myl_str value = random_text(seed, b, 8);
        switch (store_test_random(seed) % 9) {
        case 0: MYL_TRY(myl_store_put(cx, MYL_TABLE_TASKS, key, value)); break;
        case 1: MYL_TRY(myl_store_delete(cx, MYL_TABLE_TASKS, key)); break;
        case 2: MYL_TRY(myl_store_add(cx, MYL_TABLE_EVENT_IDS, key, value)); break;
        case 3: MYL_TRY(myl_store_remove(cx, MYL_TABLE_EVENT_IDS, key, value)); break;
        case 4: MYL_TRY(myl_store_delete(cx, MYL_TABLE_EVENT_IDS, key)); break;
        case 5: MYL_TRY(myl_store_intern(cx, MYL_INTERN_NAME, value, &id)); break;
        case 6: MYL_TRY(nodes->append(nodes->arg, cx, value, &id)); break;
        default: (void)myl_engine_next_position(cx); break;
        }
    }
    if (store_test_random(seed) % 20 == 0)
        MYL_TRY(myl_store_clear(cx, MYL_TABLE_EVENT_IDS));
    return store_test_random(seed) % 3 == 0 ? MYL_FORBIDDEN : MYL_OK;
}

static void run_history(uint64_t *seed, size_t count)
{
    static store_change changes[8];
    for (size_t i = 0; i < count; i++) {
        size_t together = 1 + store_test_random(seed) % 8;
        for (size_t c = 0; c < together; c++)
            changes[c] = (store_change){.body = some_rows, .arg = seed};
        store_test_batch(leader, changes, together);
    }
}

static void replay_from(size_t first)
{
    for (size_t i = first; i < batches.count; i++)
        assert_int_equal(myl_store_replay(&follower->cx, follower->store,
                                          myl_list_get(&batches, myl_str, i)),
                         MYL_OK);
}

static void expect_same_rows(void)
{
    myl_str want = store_test_dump(&leader->cx, leader->store);
    myl_str got = store_test_dump(&follower->cx, follower->store);
    assert_true(want.len > 1000);
    assert_true(myl_str_equal(want, got));
    assert_memory_equal(leader->store->digest_key, follower->store->digest_key, 32);
}

static void a_replay_gives_the_same_rows(void **state)
{
    MYL_UNUSED(state);
    uint64_t seed = store_test_seed(99);
    myl_engine_record(leader->engine, keep, NULL);
    run_history(&seed, store_test_rounds(60));
    assert_true(batches.count > 40);
    replay_from(0);
    expect_same_rows();
    /* Once more, as after a crash of the follower between its commit and its note of it. */
    replay_from(batches.count - 1);
    expect_same_rows();
    size_t before = batches.count;
    myl_engine_record(leader->engine, NULL, NULL);
    run_history(&seed, 3);
    assert_int_equal(batches.count, before);
}

static void a_follower_can_lead(void **state)
{
    MYL_UNUSED(state);
    uint64_t seed = store_test_seed(7);
    myl_engine_record(leader->engine, keep, NULL);
    run_history(&seed, 20);
    replay_from(0);
    store_test_reopen(follower); /* with an engine */
    uint64_t saved = seed;
    store_change one = {.body = some_rows, .arg = &seed};
    store_test_batch(leader, &one, 1);
    seed = saved;
    store_change same = {.body = some_rows, .arg = &seed};
    store_test_batch(follower, &same, 1);
    assert_int_equal(one.rc, same.rc);
    expect_same_rows();
}

static void damaged_records_change_nothing(void **state)
{
    MYL_UNUSED(state);
    uint64_t seed = store_test_seed(3);
    myl_engine_record(leader->engine, keep, NULL);
    run_history(&seed, 4);
    myl_str first = myl_list_get(&batches, myl_str, 0);
    myl_str before = store_test_dump(&follower->cx, follower->store);
    char *bytes = myl_cstr(&leader->cx, first);
    size_t refused = 0;
    for (size_t len = 0; len < first.len; len++) {
        /* A cut between two rows is a shorter record: then the rows before it are there. */
        if (myl_store_replay(&follower->cx, follower->store, (myl_str){bytes, len}) != MYL_OK)
            refused++;
        myl_forgive(&follower->cx);
    }
    assert_true(refused > first.len / 2);
    bytes[0] = 9;
    assert_int_equal(myl_store_replay(&follower->cx, follower->store, (myl_str){bytes, first.len}),
                     MYL_CORRUPT);
    assert_int_equal(myl_store_replay(&follower->cx, follower->store, MYL_S("\1\0\1\4NONE")),
                     MYL_CORRUPT);
    assert_int_equal(myl_store_replay(&follower->cx, follower->store, MYL_S("\1\0\1\4META\7\1\0")),
                     MYL_CORRUPT);
    assert_true(before.len > 0);
    replay_from(0);
    expect_same_rows();
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_replay_gives_the_same_rows),
        CASE(a_follower_can_lead),
        CASE(damaged_records_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
