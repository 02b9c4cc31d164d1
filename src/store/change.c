/* change.c: what a change may ask of the engine while it runs.
 *
 * Callers: room/, user/ and higher, inside myl_change.run.
 * Threads: the engine's.
 * Memory:  notes and calls live until the batch's replies have gone.
 * Holds:   what a change asked for is dropped with its rows when it is undone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_own.h"

bool myl_engine_is_writing(const myl_ctx *cx)
{
    return cx->txn != NULL && cx->txn->write != NULL;
}

static myl_write *write_of(const myl_ctx *cx)
{
    MYL_ASSERT(myl_engine_is_writing(cx));
    return cx->txn->write;
}

uint64_t myl_engine_next_position(myl_ctx *cx)
{
    return ++write_of(cx)->counters.position;
}

myl_rc myl_engine_count_event(myl_ctx *cx)
{
    myl_write *write = write_of(cx);
    if (++write->events <= MYL_LIMIT_CHANGE_EVENTS || !write->limited)
        return MYL_OK;
    write->failed = MYL_TOO_LARGE;
    return myl_fail(cx, MYL_TOO_LARGE, "a change of more than %d events",
                    (int)MYL_LIMIT_CHANGE_EVENTS);
}

bool myl_engine_is_half_full(const myl_ctx *cx)
{
    const myl_write *write = write_of(cx);

    return write->events >= MYL_LIMIT_CHANGE_EVENTS / 2 ||
           write->bytes >= MYL_LIMIT_CHANGE_BYTES / 2;
}

void myl_engine_note(myl_ctx *cx, myl_note_kind kind, uint64_t id)
{
    myl_list_push(&write_of(cx)->notes, myl_note, ((myl_note){kind, id}));
}

void myl_engine_after_commit(myl_ctx *cx, void (*fn)(void *arg), void *arg)
{
    myl_list_push(&write_of(cx)->calls, myl_call, ((myl_call){fn, arg}));
}

myl_rc myl_engine_raise_epoch(myl_ctx *cx, uint64_t least_epoch, uint64_t past_position)
{
    uint64_t epoch;
    myl_write *write = write_of(cx);
    MYL_TRY(myl_store_epoch(cx, &epoch));
    MYL_TRY(myl_meta_add_former(cx, epoch));
    epoch = epoch + 1 > least_epoch ? epoch + 1 : least_epoch;
    MYL_TRY(myl_meta_set_number(cx, MYL_META_EPOCH, epoch));
    if (write->counters.position < past_position)
        write->counters.position = past_position;
    return MYL_OK;
}
