/* base_test.h: comparisons whose failures print the case, what was wanted and what came.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_BASE_TEST_H
#define MYELIN_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include <myelin/base_ctx.h>

#define assert_str(name, got, want)                                                                \
    do {                                                                                           \
        myl_str got_ = (got), want_ = (want);                                                      \
        if (!myl_str_equal(got_, want_))                                                           \
            fail_msg("%s: wanted \"%.*s\", got \"%.*s\"", (name), MYL_FMT(want_), MYL_FMT(got_));  \
    } while (0)

#define assert_number(name, got, want)                                                             \
    do {                                                                                           \
        long long got_ = (long long)(got), want_ = (long long)(want);                              \
        if (got_ != want_)                                                                         \
            fail_msg("%s: wanted %lld, got %lld", (name), want_, got_);                            \
    } while (0)

/* A store's folder after its store was closed: its files, and the folder. */
static inline void remove_store(const char *folder)
{
    static const char *const names[] = {"store.mdb", "store.mdb-lock", "lock"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        (void)remove(path);
    }
    (void)rmdir(folder);
}

#endif
