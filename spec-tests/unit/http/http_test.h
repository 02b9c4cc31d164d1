/* http_test.h: what the tests of http/ begin with.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_TEST_H
#define HTTP_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <myelin/base_ctx.h>

#define assert_text_equal(got, want)                                                               \
    do {                                                                                           \
        myl_str got_ = (got);                                                                      \
        myl_str want_ = myl_str_of(want);                                                          \
        if (!myl_str_equal(got_, want_))                                                           \
            fail_msg("got %.*s, want %.*s", MYL_FMT(got_), MYL_FMT(want_));                        \
    } while (0)

#endif
