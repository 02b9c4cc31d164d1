/* list.c: a growing array in a job's arena.
 *
 * Callers: everything. Threads: a list belongs to its job.
 * Holds:   `room` elements fit at `at`; elements from `count` on are not zeroed until added.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/base_list.h>

#include "base_own.h"

#define FIRST_ROOM 8

myl_list myl_list_start(myl_ctx *cx, size_t element_size)
{
    MYL_ASSERT(element_size > 0);
    return (myl_list){cx, NULL, 0, 0, element_size};
}

void *myl_list_add(myl_list *list)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? FIRST_ROOM : 2 * list->room;
        size_t bytes;
        MYL_ASSERT(!__builtin_mul_overflow(room, list->size, &bytes));
        list->at = myl_arena_grow(list->cx, list->at, list->room * list->size, bytes);
        list->room = room;
    }
    return memset((char *)list->at + list->count++ * list->size, 0, list->size);
}

void *myl_list_at(const myl_list *list, size_t index)
{
    MYL_ASSERT(index < list->count);
    return (char *)list->at + index * list->size;
}

typedef int (*comparison)(const void *a, const void *b);

/* Merges the sorted runs [from, middle) and [middle, end) of `in` into `out`. Equal ones keep
 * order. */
typedef struct {
    const char *in;
    char *out;
    size_t size;
    comparison compare;
} merge;

static void merge_runs(const merge *m, size_t from, size_t middle, size_t end)
{
    size_t left = from, right = middle;
    for (size_t to = from; to < end; to++) {
        bool take_left =
            right == end ||
            (left < middle && m->compare(m->in + left * m->size, m->in + right * m->size) <= 0);
        size_t taken = take_left ? left++ : right++;
        memcpy(m->out + to * m->size, m->in + taken * m->size, m->size);
    }
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

void myl_list_sort(myl_list *list, comparison compare)
{
    size_t count = list->count;
    if (count < 2)
        return;
    char *spare = myl_arena_take(list->cx, list->room * list->size);
    merge m = {list->at, spare, list->size, compare};
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t from = 0; from < count; from += 2 * run)
            merge_runs(&m, from, smaller(from + run, count), smaller(from + 2 * run, count));
        const char *sorted = m.out;
        m.out = (char *)(uintptr_t)m.in;
        m.in = sorted;
    }
    list->at = (void *)(uintptr_t)m.in;
}
