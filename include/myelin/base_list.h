/* base_list.h: a growing array and a hash table of texts, both in a job's arena.
 *
 * For process-lifetime tables (caches, parked requests) see base_table.h.
 * Threads: belong to their job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_BASE_LIST_H
#define MYELIN_BASE_LIST_H

#include <myelin/base_ctx.h>

/* Array of `size`-byte elements. Elements move when it grows. */
typedef struct {
    myl_ctx *cx;
    void *at;
    size_t count;
    size_t room;
    size_t size;
} myl_list;

myl_list myl_list_start(myl_ctx *cx, size_t element_size);
#define MYL_LIST(cx, type) myl_list_start((cx), sizeof(type))
/* A new zeroed element at the end. */
void *myl_list_add(myl_list *list);
void *myl_list_at(const myl_list *list, size_t index); /* index < count, asserted */
#define myl_list_push(list, type, value) (*(type *)myl_list_add(list) = (value))
#define myl_list_get(list, type, index) (*(type *)myl_list_at((list), (index)))
/* Sorts by compare (qsort rules; stable). */
void myl_list_sort(myl_list *list, int (*compare)(const void *a, const void *b));

/* Hash table text -> pointer. Keys are borrowed: they must live as long as the job. */
typedef struct myl_map myl_map;
myl_map *myl_map_start(myl_ctx *cx, size_t expected);
/* The place of key's value, made (NULL value) when absent. Valid until the next myl_map_slot. */
void **myl_map_slot(myl_map *map, myl_str key);
/* The value or NULL. */
void *myl_map_get(const myl_map *map, myl_str key);
bool myl_map_has(const myl_map *map, myl_str key);
size_t myl_map_count(const myl_map *map);
/* Walks in order of first insertion: start with *at = 0; false at the end. */
bool myl_map_next(const myl_map *map, size_t *at, myl_str *key, void **value);

#endif
