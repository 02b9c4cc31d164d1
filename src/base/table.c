/* table.c: hash table uint64 -> pointer, with process lifetime.
 *
 * Callers: caches and registers of parked work. Threads: one, or under the owner's lock.
 * Memory:  open addressing; a removed slot keeps a mark until the next rebuild, so that a walk may
 *          remove what it stands on. The values are the caller's.
 * Holds:   taken and marked slots together fill at most 3/4.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/base_table.h>

typedef struct {
    uint64_t key;
    void *value; /* NULL: free */
} slot;

struct myl_table {
    slot *slots;
    size_t room;   /* a power of two, or 0 */
    size_t count;  /* values */
    size_t filled; /* values and marks of removed ones */
};

static char removed; /* its address marks a removed slot */

myl_table *myl_table_start(void)
{
    return myl_process_alloc(sizeof(myl_table));
}

void myl_table_end(myl_table *table)
{
    if (table == NULL)
        return;
    myl_process_free(table->slots);
    myl_process_free(table);
}

static size_t mixed(uint64_t key)
{
    key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9u;
    key = (key ^ key >> 27) * 0x94d049bb133111ebu;
    return (size_t)(key ^ key >> 31);
}

/* The slot of key, or NULL. */
static slot *slot_of(const myl_table *table, uint64_t key)
{
    if (table->room == 0)
        return NULL;
    size_t mask = table->room - 1;
    for (size_t at = mixed(key) & mask;; at = (at + 1) & mask) {
        slot *there = &table->slots[at];
        if (there->value == NULL)
            return NULL;
        if (there->key == key && there->value != &removed)
            return there;
    }
}

/* A free slot for a key that is not there. */
static slot *free_slot(const myl_table *table, uint64_t key)
{
    size_t mask = table->room - 1;
    size_t at = mixed(key) & mask;
    while (table->slots[at].value != NULL)
        at = (at + 1) & mask;
    return &table->slots[at];
}

static void rebuild(myl_table *table)
{
    slot *old = table->slots;
    size_t old_room = table->room;
    table->room = 16;
    while (table->room / 2 < table->count + 1)
        table->room *= 2;
    table->slots = myl_process_alloc(table->room * sizeof(slot));
    for (size_t at = 0; at < old_room; at++) {
        if (old[at].value != NULL && old[at].value != &removed)
            *free_slot(table, old[at].key) = old[at];
    }
    table->filled = table->count;
    myl_process_free(old);
}

void *myl_table_get(const myl_table *table, uint64_t key)
{
    const slot *there = slot_of(table, key);
    return there == NULL ? NULL : there->value;
}

void myl_table_set(myl_table *table, uint64_t key, void *value)
{
    slot *there = slot_of(table, key);
    if (there != NULL) {
        there->value = value == NULL ? &removed : value;
        table->count -= value == NULL;
        return;
    }
    if (value == NULL)
        return;
    if (table->filled + 1 > table->room / 4 * 3)
        rebuild(table);
    *free_slot(table, key) = (slot){key, value};
    table->count++;
    table->filled++;
}

size_t myl_table_count(const myl_table *table)
{
    return table->count;
}

bool myl_table_next(const myl_table *table, size_t *at, uint64_t *key, void **value)
{
    for (; *at < table->room; (*at)++) {
        const slot *there = &table->slots[*at];
        if (there->value == NULL || there->value == &removed)
            continue;
        if (key != NULL)
            *key = there->key;
        if (value != NULL)
            *value = there->value;
        (*at)++;
        return true;
    }
    return false;
}
