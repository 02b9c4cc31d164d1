/* base_error.h: one list of everything that can go wrong.
 *
 * Codes are the rows of src/base/errors.def: name, kind, HTTP status, Matrix errcode.
 *   CLIENT  the asker is wrong; goes out as a Matrix error with that errcode.
 *   AGAIN   not now (waiting, missing, busy); handled by the caller, or goes out with its status.
 *   FAULT   ours; logged with file and line, 500 M_UNKNOWN to the asker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_BASE_ERROR_H
#define MYELIN_BASE_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#include <myelin/base_text.h>

typedef enum {
    MYL_OK = 0,
#define ERROR(name, kind, status, errcode) MYL_##name,
#include "base/errors.def"
#undef ERROR
    MYL_ERROR_COUNT
} myl_rc;

typedef enum { MYL_KIND_CLIENT, MYL_KIND_AGAIN, MYL_KIND_FAULT } myl_error_kind;

/* One row, read-only, process lifetime. */
typedef struct {
    const char *name; /* "NOT_JOINED" */
    myl_error_kind kind;
    int status;          /* HTTP */
    const char *errcode; /* "M_FORBIDDEN" */
} myl_error_row;

/* rc must not be MYL_OK. */
const myl_error_row *myl_error_of(myl_rc rc);

/* What went wrong first in a job. Kept in myl_ctx; text lives in the job's arena. */
typedef struct {
    myl_rc rc;        /* MYL_OK: nothing failed */
    myl_str detail;   /* human words, may be empty; names the field for bad input */
    const char *file; /* where it failed */
    int line;
    int64_t retry_after_ms; /* for LIMIT_EXCEEDED, else 0 */
    myl_str members;        /* more members of the error body, `"k":v,…` without braces */
    myl_str errcode;        /* what another server said, in place of the row's; absent: nothing */
} myl_error;

#define MYL_TRY(expression)                                                                        \
    do {                                                                                           \
        myl_rc rc_ = (expression);                                                                 \
        if (rc_ != MYL_OK)                                                                         \
            return rc_;                                                                            \
    } while (0)

#define MYL_UNUSED(x) ((void)(x))

/* A broken invariant of ours: logs file, line and condition, then aborts. Nothing foreign may reach
 * it. */
#define MYL_ASSERT(condition)                                                                      \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            myl_assert_failed(#condition, __FILE__, __LINE__);                                     \
    } while (0)
_Noreturn void myl_assert_failed(const char *condition, const char *file, int line);

#endif
