/* error.c: the rows of errors.def, and the end of the process by a broken invariant.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/base_error.h>

#include <stdlib.h>

#include <myelin/base_log.h>

#include "base_own.h"

static const myl_error_row rows[MYL_ERROR_COUNT] = {
#define ERROR(name, kind, status, errcode) [MYL_##name] = {#name, MYL_KIND_##kind, status, errcode},
#include "base/errors.def"
#undef ERROR
};

const myl_error_row *myl_error_of(myl_rc rc)
{
    MYL_ASSERT(rc > MYL_OK && rc < MYL_ERROR_COUNT);
    return &rows[rc];
}

_Noreturn void myl_assert_failed(const char *condition, const char *file, int line)
{
    myl_log_write(NULL, MYL_LOG_ERROR, "base", "assertion failed",
                  (myl_log_value[]){MYL_LOG_STR("condition", myl_str_of(condition)),
                                    MYL_LOG_STR("file", myl_log_file(file)),
                                    MYL_LOG_INT("line", line),
                                    {NULL, MYL_ABSENT, 0}});
    abort();
}
