/* process.c: memory that outlives a job: process memory and shared values.
 *
 * Callers: caches, queues, tables, configuration. Threads: any; may be freed on another thread.
 * Memory:  the owner frees; want of memory ends the process, so sizes a stranger decides have
 *          limits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include <myelin/base_log.h>
#include <myelin/base_table.h>

#include "base_own.h"

void *myl_process_alloc(size_t bytes)
{
    void *memory = calloc(1, bytes == 0 ? 1 : bytes);
    if (memory == NULL)
        myl_memory_exhausted(bytes);
    return memory;
}

void *myl_process_grow(void *old, size_t old_bytes, size_t new_bytes)
{
    MYL_ASSERT(new_bytes >= old_bytes);
    char *memory = realloc(old, new_bytes == 0 ? 1 : new_bytes);
    if (memory == NULL)
        myl_memory_exhausted(new_bytes);
    memset(memory + old_bytes, 0, new_bytes - old_bytes);
    return memory;
}

void myl_process_free(void *memory)
{
    free(memory);
}

myl_str myl_process_keep(myl_str s)
{
    if (s.at == NULL)
        return MYL_ABSENT;
    char *copy = myl_process_alloc(s.len + 1);
    if (s.len > 0)
        memcpy(copy, s.at, s.len);
    return (myl_str){copy, s.len};
}

void myl_shared_start(myl_shared *shared, void (*free_whole)(void *whole))
{
    atomic_init(&shared->count, 1);
    shared->free = free_whole;
}

void myl_shared_ref(myl_shared *shared)
{
    atomic_fetch_add_explicit(&shared->count, 1, memory_order_relaxed);
}

void myl_shared_drop(myl_shared *shared)
{
    size_t before = atomic_fetch_sub_explicit(&shared->count, 1, memory_order_acq_rel);
    MYL_ASSERT(before > 0);
    if (before == 1)
        shared->free(shared);
}

_Noreturn void myl_memory_exhausted(size_t bytes)
{
    myl_log(NULL, MYL_LOG_ERROR, "base", "out of memory", MYL_LOG_INT("bytes", bytes));
    abort();
}
