/* arena_blocks.c: the arena of a job as a chain of blocks, filled from the front.
 *
 * Why:     a request makes hundreds of small pieces and drops them all at once.
 * Callers: ctx.c, text.c and list.c, through base_own.h. Not in dev builds (arena_pieces.c).
 * Memory:  the first block also holds the arena; blocks double from 4 KiB to 64 KiB; a piece that
 *          is larger than that gets a block of its own size.
 * Holds:   `before` of a block is the sum of what is used in all blocks below it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base_own.h"

#ifndef MYL_DEV

#include <stdlib.h>

#define ALIGNMENT 16
#define FIRST_BLOCK ((size_t)4096 - 32)
#define LARGEST_BLOCK ((size_t)65536)

typedef struct block {
    struct block *below;
    size_t room;
    size_t used;
    size_t before;
    _Alignas(ALIGNMENT) char data[];
} block;

struct myl_arena {
    block *top;
    size_t next_room;
};

static size_t rounded(size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        myl_memory_exhausted(bytes);
    return (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static block *new_block(block *below, size_t room)
{
    block *made = malloc(sizeof(block) + room);
    if (made == NULL)
        myl_memory_exhausted(room);
    made->below = below;
    made->room = room;
    made->used = 0;
    made->before = below == NULL ? 0 : below->before + below->used;
    return made;
}

static myl_arena *start(void)
{
    block *first = new_block(NULL, FIRST_BLOCK);
    myl_arena *arena = (myl_arena *)(void *)first->data;
    first->used = rounded(sizeof(myl_arena));
    arena->top = first;
    arena->next_room = 2 * (FIRST_BLOCK + 32) - 64;
    return arena;
}

static void add_block(myl_arena *arena, size_t bytes)
{
    size_t room = arena->next_room;
    if (bytes > room)
        room = bytes;
    else if (2 * room <= LARGEST_BLOCK)
        arena->next_room = 2 * room;
    arena->top = new_block(arena->top, room);
}

void *myl_arena_take(myl_ctx *cx, size_t bytes)
{
    if (cx->arena == NULL)
        cx->arena = start();
    bytes = rounded(bytes);
    block *top = cx->arena->top;
    if (top->room - top->used < bytes) {
        add_block(cx->arena, bytes);
        top = cx->arena->top;
    }
    void *piece = top->data + top->used;
    top->used += bytes;
    return piece;
}

void *myl_arena_grow(myl_ctx *cx, void *old, size_t old_bytes, size_t new_bytes)
{
    if (old != NULL) {
        block *top = cx->arena->top;
        size_t from = (size_t)((char *)old - top->data);
        bool last = (char *)old >= top->data && from + rounded(old_bytes) == top->used;
        if (last && rounded(new_bytes) <= top->room - from) {
            top->used = from + rounded(new_bytes);
            return old;
        }
    }
    void *piece = myl_arena_take(cx, new_bytes);
    if (old_bytes > 0)
        memcpy(piece, old, old_bytes);
    return piece;
}

void myl_arena_release(myl_arena *arena, myl_mark mark)
{
    if (arena == NULL)
        return;
    while (arena->top != mark.block && arena->top->below != NULL) {
        block *top = arena->top;
        arena->top = top->below;
        free(top);
    }
    if (arena->top == mark.block)
        arena->top->used = mark.used;
    else
        arena->top->used = rounded(sizeof(myl_arena));
}

void myl_arena_end(myl_arena *arena)
{
    if (arena == NULL)
        return;
    block *top = arena->top; /* the arena itself lies in the lowest one */
    while (top != NULL) {
        block *below = top->below;
        free(top);
        top = below;
    }
}

myl_mark myl_ctx_mark(const myl_ctx *cx)
{
    if (cx->arena == NULL)
        return (myl_mark){NULL, 0};
    return (myl_mark){cx->arena->top, cx->arena->top->used};
}

size_t myl_ctx_bytes(const myl_ctx *cx)
{
    if (cx->arena == NULL)
        return 0;
    const block *top = cx->arena->top;
    return top->before + top->used - rounded(sizeof(myl_arena));
}

#endif
