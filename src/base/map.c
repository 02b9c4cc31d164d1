/* map.c: hash table text -> pointer in a job's arena, walked in order of insertion.
 *
 * Callers: everything. Threads: a map belongs to its job.
 * Memory:  keys are borrowed. `places` holds 1 + the entry's index, 0 when free (open addressing).
 * Holds:   at most 3/4 of the places are taken; entries are never removed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/base_list.h>

typedef struct {
    uint64_t hash;
    myl_str key;
    void *value;
} entry;

struct myl_map {
    myl_list entries;
    uint32_t *places;
    size_t place_count; /* a power of two */
};

static size_t places_for(size_t expected)
{
    size_t places = 16;
    while (places / 4 * 3 < expected)
        places *= 2;
    return places;
}

myl_map *myl_map_start(myl_ctx *cx, size_t expected)
{
    myl_map *map = myl_new(cx, myl_map);
    map->entries = MYL_LIST(cx, entry);
    map->place_count = places_for(expected);
    map->places = myl_new_array(cx, uint32_t, map->place_count);
    return map;
}

static entry *entry_at(const myl_map *map, size_t index)
{
    return (entry *)map->entries.at + index;
}

/* The place of key, or the free one where it would go. */
static size_t place_of(const myl_map *map, uint64_t hash, myl_str key)
{
    size_t mask = map->place_count - 1;
    size_t place = (size_t)hash & mask;
    while (map->places[place] != 0) {
        const entry *there = entry_at(map, map->places[place] - 1);
        if (there->hash == hash && myl_str_equal(there->key, key))
            break;
        place = (place + 1) & mask;
    }
    return place;
}

static void add_places(myl_map *map)
{
    map->place_count *= 2;
    map->places = myl_new_array(map->entries.cx, uint32_t, map->place_count);
    size_t mask = map->place_count - 1;
    for (size_t i = 0; i < map->entries.count; i++) {
        size_t place = (size_t)entry_at(map, i)->hash & mask;
        while (map->places[place] != 0)
            place = (place + 1) & mask;
        map->places[place] = (uint32_t)(i + 1);
    }
}

void **myl_map_slot(myl_map *map, myl_str key)
{
    uint64_t hash = myl_str_hash(key);
    size_t place = place_of(map, hash, key);
    if (map->places[place] != 0)
        return &entry_at(map, map->places[place] - 1)->value;
    if (map->entries.count + 1 > map->place_count / 4 * 3) {
        add_places(map);
        place = place_of(map, hash, key);
    }
    entry *made = myl_list_add(&map->entries);
    MYL_ASSERT(map->entries.count <= UINT32_MAX);
    made->hash = hash;
    made->key = key;
    map->places[place] = (uint32_t)map->entries.count;
    return &made->value;
}

void *myl_map_get(const myl_map *map, myl_str key)
{
    size_t place = place_of(map, myl_str_hash(key), key);
    return map->places[place] == 0 ? NULL : entry_at(map, map->places[place] - 1)->value;
}

bool myl_map_has(const myl_map *map, myl_str key)
{
    return map->places[place_of(map, myl_str_hash(key), key)] != 0;
}

size_t myl_map_count(const myl_map *map)
{
    return map->entries.count;
}

bool myl_map_next(const myl_map *map, size_t *at, myl_str *key, void **value)
{
    if (*at >= map->entries.count)
        return false;
    const entry *next = entry_at(map, (*at)++);
    if (key != NULL)
        *key = next->key;
    if (value != NULL)
        *value = next->value;
    return true;
}
