/* clock.c: wall and monotonic time; tests may hold the one and move both.
 *
 * Callers: everything that needs the time asks here, so that tests decide it.
 * Threads: any; moving is for one test thread, its parts are single atomics.
 * Holds:   monotonic time never goes back, since advance takes no negative amount.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/base_clock.h>

#include <stdatomic.h>
#include <time.h>

#define NOT_HELD INT64_MIN

static _Atomic int64_t held_wall_ms = NOT_HELD;
static _Atomic int64_t wall_shift_ms, tick_shift_ms;

static int64_t read_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t myl_now_ms(void)
{
    int64_t held = atomic_load_explicit(&held_wall_ms, memory_order_relaxed);
    if (held != NOT_HELD)
        return held;
    int64_t shift = atomic_load_explicit(&wall_shift_ms, memory_order_relaxed);
    return read_ns(CLOCK_REALTIME) / 1000000 + shift;
}

int64_t myl_tick_ms(void)
{
    int64_t shift = atomic_load_explicit(&tick_shift_ms, memory_order_relaxed);
    return read_ns(CLOCK_MONOTONIC) / 1000000 + shift;
}

int64_t myl_tick_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

void myl_clock_hold(int64_t wall_ms)
{
    MYL_ASSERT(wall_ms != NOT_HELD);
    atomic_store(&held_wall_ms, wall_ms);
}

void myl_clock_advance(int64_t ms)
{
    MYL_ASSERT(ms >= 0);
    atomic_fetch_add(&tick_shift_ms, ms);
    int64_t held = atomic_load(&held_wall_ms);
    if (held != NOT_HELD)
        atomic_store(&held_wall_ms, held + ms);
    else
        atomic_fetch_add(&wall_shift_ms, ms);
}

void myl_clock_release(void)
{
    atomic_store(&held_wall_ms, NOT_HELD);
    atomic_store(&wall_shift_ms, 0);
}
