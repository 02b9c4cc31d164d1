/* test_table.c: process memory, shared values, the table by integer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base_test.h"

#include <stdlib.h>

#include <myelin/base_table.h>

static void process_memory(void **state)
{
    MYL_UNUSED(state);
    char *memory = myl_process_alloc(10);
    assert_int_equal(memory[9], 0);
    memory[9] = 'x';
    memory = myl_process_grow(memory, 10, 100);
    assert_int_equal(memory[9], 'x');
    for (int i = 10; i < 100; i++)
        assert_int_equal(memory[i], 0);
    myl_process_free(memory);
    myl_process_free(NULL);
    myl_str kept = myl_process_keep(MYL_S("text"));
    assert_string_equal(kept.at, "text");
    myl_process_free((void *)(uintptr_t)kept.at);
    assert_false(myl_str_present(myl_process_keep(MYL_ABSENT)));
}

typedef struct {
    myl_shared shared;
    int *freed;
} thing;

static void free_thing(void *whole)
{
    (*((thing *)whole)->freed)++;
    myl_process_free(whole);
}

static void shared_values(void **state)
{
    MYL_UNUSED(state);
    int freed = 0;
    thing *one = myl_process_alloc(sizeof(*one));
    myl_shared_start(&one->shared, free_thing);
    one->freed = &freed;
    myl_shared_ref(&one->shared);
    myl_shared_drop(&one->shared);
    assert_int_equal(freed, 0);
    myl_shared_drop(&one->shared);
    assert_int_equal(freed, 1);
}

#define KEYS 4096

/* Random puts and removals against a plain array. */
static void table_against_array(void **state)
{
    MYL_UNUSED(state);
    static int places[KEYS];
    void *model[KEYS] = {NULL};
    size_t count = 0;
    myl_table *table = myl_table_start();
    srand(7);
    for (int i = 0; i < 60000; i++) {
        uint64_t key = (uint64_t)(rand() % KEYS);
        void *value = rand() % 3 == 0 ? NULL : &places[rand() % KEYS];
        count += (size_t)(value != NULL) - (size_t)(model[key] != NULL);
        model[key] = value;
        myl_table_set(table, key << 40, value);
        assert_int_equal(myl_table_count(table), count);
    }
    for (uint64_t key = 0; key < KEYS; key++)
        assert_ptr_equal(myl_table_get(table, key << 40), model[key]);
    assert_null(myl_table_get(table, 1));
    myl_table_end(table);
}

static void walk_that_removes(void **state)
{
    MYL_UNUSED(state);
    myl_table *table = myl_table_start();
    size_t at = 0;
    uint64_t key;
    void *value;
    assert_false(myl_table_next(table, &at, &key, &value));
    for (uint64_t i = 0; i < 1000; i++)
        myl_table_set(table, i, table);
    uint64_t sum = 0, seen = 0;
    for (at = 0; myl_table_next(table, &at, &key, &value); seen++) {
        assert_ptr_equal(value, table);
        sum += key;
        myl_table_set(table, key, NULL);
    }
    assert_int_equal(seen, 1000);
    assert_int_equal(sum, 999 * 1000 / 2);
    assert_int_equal(myl_table_count(table), 0);
    myl_table_set(table, UINT64_MAX, &sum);
    assert_ptr_equal(myl_table_get(table, UINT64_MAX), &sum);
    myl_table_end(table);
    myl_table_end(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(process_memory),
        cmocka_unit_test(shared_values),
        cmocka_unit_test(table_against_array),
        cmocka_unit_test(walk_that_removes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
