/* base_table.h: what lives longer than a job: process memory, shared values, hash table by integer.
 *
 * Threads: an allocation may be freed on any thread; a myl_table belongs to one thread, or to its
 *          lock.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_BASE_TABLE_H
#define MYELIN_BASE_TABLE_H

#include <stdatomic.h>

#include <myelin/base_ctx.h>

/* Zeroed process memory; never NULL. myl_process_free(NULL) is fine. */
void *myl_process_alloc(size_t bytes);
void *myl_process_grow(void *old, size_t old_bytes, size_t new_bytes); /* the new tail is zeroed */
void myl_process_free(void *memory);
/* A copy with process lifetime, NUL-ended; free `at` with myl_process_free. */
myl_str myl_process_keep(myl_str s);

/* Shared: refcounted, immutable once published. Embed as the first member. */
typedef struct {
    atomic_size_t count;
    void (*free)(void *whole); /* runs when the last reference is dropped */
} myl_shared;
void myl_shared_start(myl_shared *shared, void (*free)(void *whole)); /* count 1 */
void myl_shared_ref(myl_shared *shared);
void myl_shared_drop(myl_shared *shared);

/* Hash table uint64 -> void*. Value NULL means absent. */
typedef struct myl_table myl_table;
myl_table *myl_table_start(void);
void myl_table_end(myl_table *table); /* values are the caller's */
void *myl_table_get(const myl_table *table, uint64_t key);
void myl_table_set(myl_table *table, uint64_t key, void *value); /* NULL removes */
size_t myl_table_count(const myl_table *table);
/* Walk: start with *at = 0; false at the end. No change other than removing the entry just given.
 *  */
bool myl_table_next(const myl_table *table, size_t *at, uint64_t *key, void **value);

#endif
