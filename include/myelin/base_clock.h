/* base_clock.h: time, also a fake one, and the named fault points.
 *
 * Wall time is milliseconds since 1970 (origin_server_ts); monotonic time is milliseconds since
 * some point and never goes back. In dev and faults builds the clock can be held and moved by tests
 * (control socket, unit tests); then both move together. Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_BASE_CLOCK_H
#define MYELIN_BASE_CLOCK_H

#include <myelin/base_error.h>

int64_t myl_now_ms(void);  /* wall */
int64_t myl_tick_ms(void); /* monotonic */
int64_t myl_tick_ns(void); /* monotonic; never fake: for metrics */

/* Tests only (all builds, harmless): hold the wall clock at `wall_ms`; move both clocks by `ms`. */
void myl_clock_hold(int64_t wall_ms);
void myl_clock_advance(int64_t ms);
void myl_clock_release(void);

/* Fault points: the rows of src/base/faults.def, FAULT(NAME, "what fails"). In builds without
 * MYL_FAULTS the macro is false and costs nothing.
 *   if (MYL_FAULT(LMDB_COMMIT)) return myl_fail(cx, MYL_STORE_FAILED, "…"); */
typedef enum {
#define FAULT(name, what) MYL_FAULT_##name,
#include "base/faults.def"
#undef FAULT
    MYL_FAULT_COUNT
} myl_fault;

#ifdef MYL_FAULTS
#define MYL_FAULT(name) myl_fault_hit(MYL_FAULT_##name)
#else
#define MYL_FAULT(name) false
#endif
/* The same, and in dev builds too: for points that are passed seldom. */
#if defined(MYL_FAULTS) || defined(MYL_DEV)
#define MYL_POINT(name) myl_fault_hit(MYL_FAULT_##name)
#else
#define MYL_POINT(name) false
#endif
/* A point at which tests kill the process as kill -9 does. */
#define MYL_DIE_AT(name)                                                                           \
    do {                                                                                           \
        if (MYL_POINT(name))                                                                       \
            myl_fault_die();                                                                       \
    } while (0)
void myl_fault_die(void);
bool myl_fault_hit(myl_fault point); /* counts; true when this hit was asked to fail */
/* Fail the nth (1 = next) hit of the point named so; 0 clears. False: no such name. */
bool myl_fault_arm(const char *name, uint64_t nth);
uint64_t myl_fault_hits(const char *name);

#endif
