/* base_ctx.h: the job: an arena, the first error, and who is asking.
 *
 * Every request, change and task runs with one myl_ctx. Its memory is freed in one go when it ends.
 * Memory has three lifetimes: job (here), shared (refcounted, immutable; base_table.h), process.
 * Threads: a ctx belongs to one thread at a time; it may move between threads with its job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_BASE_CTX_H
#define MYELIN_BASE_CTX_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <myelin/base_error.h>
#include <myelin/base_text.h>

typedef struct myl_arena myl_arena; /* opaque; lives in base/ */

typedef struct myl_ctx {
    myl_arena *arena;
    myl_error error;
    uint64_t request_id; /* for log lines; 0 outside requests */
    struct myl_txn *txn; /* the snapshot or write transaction it is in, or NULL (store_kv.h) */
    struct myl_policy_desk
        *policy; /* events that a policy server has signed, or NULL (room_policy.h) */
    struct myl_room_ahead *ahead; /* states resolved before the change, or NULL (room_admit.h) */
} myl_ctx;

/* Begin and end a job. myl_ctx_end frees every piece and runs nothing else. */
void myl_ctx_begin(myl_ctx *cx);
void myl_ctx_end(myl_ctx *cx);
/* Forget the error and free all memory, keeping the first block: for loops over many small jobs. */
void myl_ctx_reset(myl_ctx *cx);
/* Give memory back to a point: all made after the mark is freed but a recorded error. Marks nest. */
typedef struct {
    void *block;
    size_t used;
} myl_mark;
myl_mark myl_ctx_mark(const myl_ctx *cx);
void myl_ctx_release(myl_ctx *cx, myl_mark mark);

/* Zeroed memory aligned for any type; never NULL (true exhaustion ends the process).
 * Dev builds give each piece an own malloc, so that ASan sees every overrun. */
void *myl_alloc(myl_ctx *cx, size_t bytes);
#define myl_new(cx, type) ((type *)myl_alloc((cx), sizeof(type)))
#define myl_new_array(cx, type, count) ((type *)myl_alloc_array((cx), (count), sizeof(type)))
void *myl_alloc_array(myl_ctx *cx, size_t count, size_t size); /* overflow of the product asserts */
/* Bytes in use, for limits and tests. */
size_t myl_ctx_bytes(const myl_ctx *cx);

/* A copy of s in the job. Absent stays absent. NUL-ended as a courtesy (the NUL is not counted). */
myl_str myl_keep(myl_ctx *cx, myl_str s);
/* The same as a C string for foreign interfaces. */
char *myl_cstr(myl_ctx *cx, myl_str s);
myl_str myl_strf(myl_ctx *cx, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Record the first failure and return rc. Later failures keep the first one's detail.
 * The detail must never hold a token, password or message content. */
#define myl_fail(cx, rc, ...) myl_fail_at((cx), (rc), MYL_HERE, __VA_ARGS__)
typedef struct {
    const char *file;
    int line;
} myl_place;
#define MYL_HERE ((myl_place){__FILE__, __LINE__})
myl_rc myl_fail_at(myl_ctx *cx, myl_rc rc, myl_place place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Take the error back: for callers that handle the failure themselves. */
void myl_forgive(myl_ctx *cx);

#endif
