/* auth_index_map.c: maps of numbers and heaps in a job's arena.
 *
 * Why:     the walks over the auth index and the orderings of state resolution speak of events and
 *          chains by number.
 * Callers: auth_index*.c, state_res*.c.
 * Threads: a value belongs to its job.
 * Memory:  grows by doubling; what is outgrown stays in the arena until the job ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/auth_index_own.h"

#define FIRST_ROOM 16

number_map myl_numbers_start(myl_ctx *cx)
{
    return (number_map){.cx = cx};
}

/* Where the key is, or the empty place where it belongs. */
static size_t find_place(const number_map *map, uint64_t key)
{
    size_t mask = 2 * map->room - 1;
    uint64_t mix = key * 0x9e3779b97f4a7c15u;
    size_t at = (size_t)(mix ^ mix >> 32) & mask;
    while (map->places[at] != 0 && map->keys[map->places[at] - 1] != key)
        at = (at + 1) & mask;
    return at;
}

static void grow(number_map *map)
{
    size_t room = map->room == 0 ? FIRST_ROOM : 2 * map->room;
    MYL_ASSERT(room < UINT32_MAX);
    uint64_t *keys = myl_new_array(map->cx, uint64_t, room);
    uint64_t *values = myl_new_array(map->cx, uint64_t, room);
    if (map->count > 0) {
        memcpy(keys, map->keys, map->count * sizeof *keys);
        memcpy(values, map->values, map->count * sizeof *values);
    }
    map->keys = keys;
    map->values = values;
    map->places = myl_new_array(map->cx, uint32_t, 2 * room);
    map->room = room;
    for (size_t i = 0; i < map->count; i++)
        map->places[find_place(map, keys[i])] = (uint32_t)(i + 1);
}

uint64_t *myl_numbers_slot(number_map *map, uint64_t key)
{
    if (map->count == map->room)
        grow(map);
    size_t at = find_place(map, key);
    if (map->places[at] == 0) {
        map->keys[map->count] = key;
        map->values[map->count] = 0;
        map->places[at] = (uint32_t)++map->count;
    }
    return &map->values[map->places[at] - 1];
}

uint64_t myl_numbers_get(const number_map *map, uint64_t key)
{
    if (map->count == 0)
        return 0;
    size_t at = find_place(map, key);
    return map->places[at] == 0 ? 0 : map->values[map->places[at] - 1];
}

/* --- heaps ------------------------------------------------------------------------------------ */

static char *heap_at(const myl_list *heap, size_t index)
{
    return (char *)heap->at + index * heap->size;
}

void myl_heap_push(myl_list *heap, const void *item, heap_before before, const void *arg)
{
    myl_list_add(heap);
    size_t at = heap->count - 1;
    while (at > 0 && before(arg, item, heap_at(heap, (at - 1) / 2))) {
        memcpy(heap_at(heap, at), heap_at(heap, (at - 1) / 2), heap->size);
        at = (at - 1) / 2;
    }
    memcpy(heap_at(heap, at), item, heap->size);
}

bool myl_heap_pop(myl_list *heap, void *out, heap_before before, const void *arg)
{
    if (heap->count == 0)
        return false;
    memcpy(out, heap_at(heap, 0), heap->size);
    size_t end = --heap->count, at = 0;
    const char *last = heap_at(heap, end);
    for (size_t next = 1; next < end; next = 2 * at + 1) {
        if (next + 1 < end && before(arg, heap_at(heap, next + 1), heap_at(heap, next)))
            next++;
        if (!before(arg, heap_at(heap, next), last))
            break;
        memcpy(heap_at(heap, at), heap_at(heap, next), heap->size);
        at = next;
    }
    if (at != end)
        memcpy(heap_at(heap, at), last, heap->size);
    return true;
}
