/* faults.c: named points at which tests make the program fail.
 *
 * Why:     the answer to a failed commit or read must be tested, and such failures do not come by
 *          themselves.
 * Callers: MYL_FAULT(NAME) in builds with fault points; tests arm them by name.
 * Threads: any; counters are atomic.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/base_clock.h>

#include <signal.h>

#include <stdatomic.h>
#include <string.h>

static const char *const names[] = {
#define FAULT(name, what) #name,
#include "base/faults.def"
#undef FAULT
};

static _Atomic uint64_t hits[MYL_FAULT_COUNT];
static _Atomic uint64_t left[MYL_FAULT_COUNT]; /* hits until the one that fails; 0: none will */

bool myl_fault_hit(myl_fault point)
{
    atomic_fetch_add_explicit(&hits[point], 1, memory_order_relaxed);
    uint64_t before = atomic_load_explicit(&left[point], memory_order_relaxed);
    while (before > 0) {
        if (atomic_compare_exchange_weak(&left[point], &before, before - 1))
            return before == 1;
    }
    return false;
}

static size_t index_of(const char *name)
{
    size_t index = 0;
    while (index < MYL_FAULT_COUNT && strcmp(names[index], name) != 0)
        index++;
    return index;
}

void myl_fault_die(void)
{
    raise(SIGKILL);
}

bool myl_fault_arm(const char *name, uint64_t nth)
{
    size_t index = index_of(name);
    if (index == MYL_FAULT_COUNT)
        return false;
    atomic_store(&left[index], nth);
    return true;
}

uint64_t myl_fault_hits(const char *name)
{
    size_t index = index_of(name);
    return index == MYL_FAULT_COUNT ? 0 : atomic_load(&hits[index]);
}
