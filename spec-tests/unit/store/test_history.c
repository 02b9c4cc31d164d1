/* test_history.c: random histories in batches against a model; a third of the changes fails half-way.
 *
 * Seeds are printed; STORE_TEST_SEED repeats one, STORE_TEST_ROUNDS makes the run longer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_test.h"

#include <stdio.h>

static const myl_table_id tables[] = {MYL_TABLE_TASKS, MYL_TABLE_INTERN_ID, MYL_TABLE_EVENT_IDS};

typedef struct {
    uint64_t random;
    bool
        crowded; /* two keys with hundreds of values each: LMDB keeps these in trees of their own */
    model *now;
    model *saved;
    int bad_line; /* where reading gave something else than the model */
} history;

typedef struct {
    history *all;
    bool fails;
    uint64_t positions;
} one_change;

#define MUST(cx_, condition)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            h->bad_line = __LINE__;                                                                \
            return myl_fail((cx_), MYL_INTERNAL, "line %d", __LINE__);                             \
        }                                                                                          \
    } while (0)

static myl_str random_key(history *h, char room[24])
{
    size_t len = h->crowded ? 1 : 1 + store_test_random(&h->random) % 5;
    for (size_t i = 0; i < len; i++)
        room[i] = "ab\xff"[store_test_random(&h->random) % 3];
    return (myl_str){room, len};
}

static myl_str random_value(history *h, myl_table_id table, char room[40])
{
    size_t len = table == MYL_TABLE_EVENT_IDS ? 8 : 1 + store_test_random(&h->random) % 32;
    if (h->crowded) {
        /* Few enough that values are met again. */
        uint64_t number = store_test_random(&h->random) % 400;
        len = table == MYL_TABLE_EVENT_IDS ? 8 : 8 + number % 32;
        memset(room, 'x', len);
        memcpy(room + len - sizeof(number), &number, sizeof(number));
        return (myl_str){room, len};
    }
    for (size_t i = 0; i < len; i++)
        room[i] = "xyz"[store_test_random(&h->random) % 3];
    return (myl_str){room, len};
}

enum { DELETE, REMOVE, READ, WRITE };

static int random_kind(history *h)
{
    uint64_t number = store_test_random(&h->random);
    if (h->crowded && number % 100 > 0)
        return number % 100 < 30 ? REMOVE : WRITE;
    number %= 8;
    return number < WRITE ? (int)number : WRITE;
}

static myl_rc read_back(history *h, myl_ctx *cx, myl_table_id table, myl_str key)
{
    myl_str value;
    MYL_TRY(myl_store_get(cx, table, key, &value));
    const model_row *row = model_get(h->now, table, key);
    MUST(cx, myl_str_present(value) == (row != NULL));
    if (row != NULL)
        MUST(cx, myl_str_equal(value, (myl_str){row->value, row->value_len}));
    return MYL_OK;
}

static myl_rc random_step(history *h, myl_ctx *cx)
{
    char key_room[24];
    char value_room[40];
    myl_table_id table = tables[store_test_random(&h->random) % 3];
    myl_str key = random_key(h, key_room);
    myl_str value = random_value(h, table, value_room);
    bool is_map = table == MYL_TABLE_TASKS;
    switch (random_kind(h)) {
    case DELETE: model_delete(h->now, table, key); return myl_store_delete(cx, table, key);
    case REMOVE:
        if (is_map)
            break;
        model_remove(h->now, table, key, value);
        return myl_store_remove(cx, table, key, value);
    case READ: return read_back(h, cx, table, key);
    default: break;
    }
    if (is_map) {
        model_put(h->now, table, key, value);
        return myl_store_put(cx, table, key, value);
    }
    model_add(h->now, table, key, value);
    return myl_store_add(cx, table, key, value);
}

static myl_rc random_change(myl_ctx *cx, void *arg)
{
    one_change *one = arg;
    history *h = one->all;
    size_t steps = store_test_random(&h->random) % (h->crowded ? 200 : 24);
    memcpy(h->saved, h->now, sizeof(*h->now));
    one->fails = store_test_random(&h->random) % 3 == 0;
    for (size_t i = 0; i < steps; i++)
        MYL_TRY(random_step(h, cx));
    if (store_test_random(&h->random) % 40 == 0) {
        MYL_TRY(myl_store_clear(cx, MYL_TABLE_INTERN_ID));
        model_clear(h->now, MYL_TABLE_INTERN_ID);
    }
    one->positions = store_test_random(&h->random) % 3;
    for (uint64_t i = 0; i < one->positions; i++)
        (void)myl_engine_next_position(cx);
    if (!one->fails)
        return MYL_OK;
    one->positions = 0;
    memcpy(h->now, h->saved, sizeof(*h->now));
    return myl_fail(cx, MYL_FORBIDDEN, "on purpose");
}

static uint64_t stored_position(store_test *test)
{
    uint64_t position;
    assert_int_equal(myl_store_position(&test->cx, &position), MYL_OK);
    return position;
}

static void run_round(store_test *test, history *h)
{
    static store_change changes[12];
    one_change ones[12];
    uint64_t expected;
    size_t count = 1 + store_test_random(&h->random) % 12;
    assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
    expected = stored_position(test);
    myl_snapshot_close(&test->cx);
    for (size_t i = 0; i < count; i++) {
        ones[i] = (one_change){.all = h};
        changes[i] = (store_change){.body = random_change, .arg = &ones[i]};
    }
    store_test_batch(test, changes, count);
    assert_int_equal(h->bad_line, 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(changes[i].rc, ones[i].fails ? MYL_FORBIDDEN : MYL_OK);
        expected += ones[i].positions;
    }
    assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
    for (size_t i = 0; i < 3; i++)
        model_equals(h->now, &test->cx, tables[i]);
    assert_true(stored_position(test) == expected);
    myl_snapshot_close(&test->cx);
    myl_ctx_reset(&test->cx);
}

static void histories_equal_the_model(void **state)
{
    MYL_UNUSED(state);
    store_test *test = store_test_start();
    assert_non_null(test);
    history h = {.random = store_test_seed(20261120)};
    h.now = myl_process_alloc(sizeof(model));
    h.saved = myl_process_alloc(sizeof(model));
    size_t rounds = store_test_rounds(150);
    for (size_t i = 0; i < rounds; i++) {
        h.crowded = i / 25 % 2 == 1;
        run_round(test, &h);
        if (i % 50 == 49)
            store_test_reopen(test);
    }
    myl_process_free(h.now);
    myl_process_free(h.saved);
    store_test_end(test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histories_equal_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
