/* ctx.c: the job: its memory and its first error.
 *
 * Why:     one free at the end instead of hundreds, and an error that travels with the job, since
 *          jobs change threads.
 * Callers: everything that handles a request, a change or a task.
 * Memory:  the arena is made at the first piece, so an unused job costs nothing.
 * Holds:   a recorded error outlives a mark that is released over it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base_own.h"

#include <stdio.h>

#include <myelin/base_table.h>

void myl_ctx_begin(myl_ctx *cx)
{
    memset(cx, 0, sizeof(*cx));
}

void myl_ctx_end(myl_ctx *cx)
{
    myl_arena_end(cx->arena);
    cx->arena = NULL;
    cx->policy = NULL; /* they lay there */
    cx->ahead = NULL;
    myl_forgive(cx);
}

void myl_ctx_reset(myl_ctx *cx)
{
    myl_forgive(cx);
    cx->policy = NULL;
    cx->ahead = NULL;
    myl_arena_release(cx->arena, (myl_mark){NULL, 0});
}

void myl_ctx_release(myl_ctx *cx, myl_mark mark)
{
    if (cx->error.rc == MYL_OK) {
        myl_arena_release(cx->arena, mark);
        return;
    }
    myl_str detail = myl_process_keep(cx->error.detail);
    myl_str members = myl_process_keep(cx->error.members);
    myl_str errcode = myl_process_keep(cx->error.errcode);
    myl_arena_release(cx->arena, mark);
    cx->error.detail = myl_keep(cx, detail);
    cx->error.members = myl_keep(cx, members);
    cx->error.errcode = myl_keep(cx, errcode);
    myl_process_free((void *)(uintptr_t)detail.at);
    myl_process_free((void *)(uintptr_t)members.at);
    myl_process_free((void *)(uintptr_t)errcode.at);
}

void *myl_alloc(myl_ctx *cx, size_t bytes)
{
    return memset(myl_arena_take(cx, bytes), 0, bytes);
}

void *myl_alloc_array(myl_ctx *cx, size_t count, size_t size)
{
    size_t bytes;
    MYL_ASSERT(!__builtin_mul_overflow(count, size, &bytes));
    return myl_alloc(cx, bytes);
}

char *myl_cstr(myl_ctx *cx, myl_str s)
{
    if (s.at == NULL)
        return NULL;
    char *copy = myl_arena_take(cx, s.len + 1);
    if (s.len > 0)
        memcpy(copy, s.at, s.len);
    copy[s.len] = '\0';
    return copy;
}

myl_str myl_keep(myl_ctx *cx, myl_str s)
{
    return (myl_str){myl_cstr(cx, s), s.len};
}

static myl_str __attribute__((format(printf, 2, 0)))
formatted(myl_ctx *cx, const char *format, va_list arguments)
{
    myl_text text = myl_text_start(cx, 128);
    myl_text_addv(&text, format, arguments);
    return myl_text_str(&text);
}

myl_str myl_strf(myl_ctx *cx, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    myl_str made = formatted(cx, format, arguments);
    va_end(arguments);
    return made;
}

myl_rc myl_fail_at(myl_ctx *cx, myl_rc rc, myl_place place, const char *format, ...)
{
    MYL_ASSERT(rc != MYL_OK);
    if (cx->error.rc != MYL_OK)
        return rc;
    cx->error.rc = rc;
    cx->error.file = place.file;
    cx->error.line = place.line;
    va_list arguments;
    va_start(arguments, format);
    cx->error.detail = formatted(cx, format, arguments);
    va_end(arguments);
    return rc;
}

void myl_forgive(myl_ctx *cx)
{
    memset(&cx->error, 0, sizeof(cx->error));
}
