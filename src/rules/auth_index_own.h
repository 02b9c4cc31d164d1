/* auth_index_own.h: number -> number maps, heaps and auth sets, for the auth index and state
 * resolution.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_RULES_AUTH_INDEX_OWN_H
#define MYELIN_RULES_AUTH_INDEX_OWN_H

#include <myelin/rules_auth_index.h>

/* A map from numbers to numbers in the job. Keys are our own numbers, so a fixed mix is enough.
 * Entries stay in the order of their first use: keys[i], values[i], i < count. */
typedef struct {
    myl_ctx *cx;
    uint64_t *keys;
    uint64_t *values;
    uint32_t *places; /* 1 + index of an entry, or 0 */
    size_t count;
    size_t room; /* entries; there are twice as many places */
} number_map;

number_map myl_numbers_start(myl_ctx *cx);
/* The value of a key, made with 0 when absent. Valid until the next such call. */
uint64_t *myl_numbers_slot(number_map *map, uint64_t key);
/* The value, or 0. */
uint64_t myl_numbers_get(const number_map *map, uint64_t key);

/* A heap in a list: `before` says whether a leaves earlier than b. */
typedef bool (*heap_before)(const void *arg, const void *a, const void *b);
void myl_heap_push(myl_list *heap, const void *item, heap_before before, const void *arg);
/* Takes the first into `out`; false when the heap is empty. */
bool myl_heap_pop(myl_list *heap, void *out, heap_before before, const void *arg);

struct myl_auth_set {
    number_map places; /* chain -> greatest place */
};

const myl_auth_rows *myl_auth_search_rows(const myl_auth_search *search);

/* A point and its event, which orders points. */
typedef struct {
    uint64_t event;
    myl_auth_point point;
} dated_point;

#endif
