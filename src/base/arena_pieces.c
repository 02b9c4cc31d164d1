/* arena_pieces.c: the arena of a job in dev builds: every piece is a malloc of its own.
 *
 * Why:     so the sanitizers see each overrun, and each use after the job or after a mark's
 *          release.
 * Callers: ctx.c, text.c and list.c, through base_own.h. Only in dev builds (else arena_blocks.c).
 * Memory:  an array lists the pieces in order; a mark is the number of them.
 * Holds:   growing always moves, so that a pointer kept across an append is found.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base_own.h"

#ifdef MYL_DEV

#include <stdlib.h>

#define UNWRITTEN 0xa5 /* not zero: nobody may rely on unwritten bytes */

typedef struct {
    void *at;
    size_t bytes;
} piece;

struct myl_arena {
    piece *pieces;
    size_t count;
    size_t room;
    size_t bytes;
};

static void add_room(myl_arena *arena)
{
    size_t room = arena->room == 0 ? 64 : 2 * arena->room;
    piece *pieces = realloc(arena->pieces, room * sizeof(piece));
    if (pieces == NULL)
        myl_memory_exhausted(room * sizeof(piece));
    arena->pieces = pieces;
    arena->room = room;
}

void *myl_arena_take(myl_ctx *cx, size_t bytes)
{
    if (cx->arena == NULL)
        cx->arena = calloc(1, sizeof(myl_arena));
    if (cx->arena == NULL)
        myl_memory_exhausted(sizeof(myl_arena));
    if (cx->arena->count == cx->arena->room)
        add_room(cx->arena);
    void *at = malloc(bytes);
    if (at == NULL)
        myl_memory_exhausted(bytes);
    memset(at, UNWRITTEN, bytes);
    cx->arena->pieces[cx->arena->count++] = (piece){at, bytes};
    cx->arena->bytes += bytes;
    return at;
}

void *myl_arena_grow(myl_ctx *cx, void *old, size_t old_bytes, size_t new_bytes)
{
    void *at = myl_arena_take(cx, new_bytes);
    if (old_bytes > 0)
        memcpy(at, old, old_bytes);
    return at;
}

void myl_arena_release(myl_arena *arena, myl_mark mark)
{
    if (arena == NULL)
        return;
    while (arena->count > mark.used) {
        piece *last = &arena->pieces[--arena->count];
        arena->bytes -= last->bytes;
        free(last->at);
    }
}

void myl_arena_end(myl_arena *arena)
{
    if (arena == NULL)
        return;
    myl_arena_release(arena, (myl_mark){NULL, 0});
    free(arena->pieces);
    free(arena);
}

myl_mark myl_ctx_mark(const myl_ctx *cx)
{
    return (myl_mark){NULL, cx->arena == NULL ? 0 : cx->arena->count};
}

size_t myl_ctx_bytes(const myl_ctx *cx)
{
    return cx->arena == NULL ? 0 : cx->arena->bytes;
}

#endif
