/* base_own.h: what the files of base/ share with each other.
 *
 * Two arenas stand behind these functions: arena_blocks.c (bump allocation, all builds but dev) and
 * arena_pieces.c (an own malloc for each piece, MYL_DEV). Threads: as base_ctx.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_BASE_OWN_H
#define MYELIN_BASE_OWN_H

#include <myelin/base_ctx.h>

/* Bytes that are not zeroed, aligned for any type; the arena is made at the first call. */
void *myl_arena_take(myl_ctx *cx, size_t bytes);
/* Room for new_bytes whose first old_bytes are those of `old`; in place when nothing lies behind.
 *  */
void *myl_arena_grow(myl_ctx *cx, void *old, size_t old_bytes, size_t new_bytes);
/* Frees what was made after the mark. The mark of an unused arena frees all but the first block. */
void myl_arena_release(myl_arena *arena, myl_mark mark);
void myl_arena_end(myl_arena *arena);

/* printf into a builder. */
void myl_text_addv(myl_text *text, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* A source file's name from "src/" on, whatever folder the build was run in. */
myl_str myl_log_file(const char *file);

/* The end of the process for want of memory. */
_Noreturn void myl_memory_exhausted(size_t bytes);

#endif
