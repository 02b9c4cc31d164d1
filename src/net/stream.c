/* stream.c: the body of an answer on its way from the sender to whoever takes it while it comes.
 *
 * Why:     an answer of hundreds of megabytes must not lie in memory, and may come faster than it can be used.
 * Callers: call.c on the sender; fed/ on lanes.
 * Threads: the sender puts pieces, the taker drops them. They share `held` and `paused`; the taker wakes the sender by posts, each
 *          of which comes back through the queue, so neither outlives the stream.
 * Memory:  a piece is process memory until it is dropped.
 * Holds:   a paused transfer is always resumed: whoever of the two sees the other's change does it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "net/net_own.h"

#include <myelin/base_table.h>

typedef struct {
    myl_queue_item item;
    size_t len;
    char at[];
} piece;

/* ---- the sender ---- */

net_stream_state myl_net_stream_put(myl_net_stream *stream, myl_str bytes)
{
    piece *made;

    if (atomic_load(&stream->held) >= MYL_LIMIT_NET_STREAM_BYTES) {
        atomic_store(&stream->paused, true);
        /* the taker may have dropped all before it could see that */
        if (atomic_load(&stream->held) >= MYL_LIMIT_NET_STREAM_BYTES / 2 ||
            !atomic_exchange(&stream->paused, false))
            return NET_STREAM_FULL;
    }
    made = myl_process_alloc(sizeof(*made) + bytes.len);
    made->len = bytes.len;
    memcpy(made->at, bytes.at, bytes.len);
    atomic_fetch_add(&stream->held, bytes.len);
    MYL_ASSERT(myl_queue_put(stream->pieces, &made->item) == MYL_OK);
    return NET_STREAM_TAKEN;
}

static void run_resume(myl_net_post *post)
{
    myl_net_stream *stream = MYL_OF(post, myl_net_stream, resume);

    if (stream->transfer != NULL)
        myl_net_transfer_resume(stream->transfer);
    MYL_ASSERT(myl_queue_put(stream->pieces, &post->item) == MYL_OK);
}

static void run_end(myl_net_post *post)
{
    myl_net_stream *stream = MYL_OF(post, myl_net_stream, end);

    if (stream->transfer != NULL)
        myl_net_transfer_leave(stream->transfer);
    MYL_ASSERT(myl_queue_put(stream->pieces, &post->item) == MYL_OK);
}

/* ---- the taker ---- */

void myl_net_stream_start(myl_net_stream *stream, myl_queue *pieces, int64_t stall_ms)
{
    memset(stream, 0, sizeof(*stream));
    stream->pieces = pieces;
    stream->stall_ms = stall_ms;
    stream->resume.run = run_resume;
    stream->end.run = run_end;
}

static void resume_if_paused(myl_net_stream *stream)
{
    if (stream->resuming || atomic_load(&stream->held) >= MYL_LIMIT_NET_STREAM_BYTES / 2 ||
        !atomic_exchange(&stream->paused, false))
        return;
    /* where the sender stops it ends the call itself */
    stream->resuming = myl_net_run(&stream->resume) == MYL_OK;
}

bool myl_net_stream_read(myl_net_stream *stream, myl_queue_item *item, myl_str *bytes)
{
    if (item == &stream->end.item) {
        stream->ending = false;
        return false;
    }
    if (item == &stream->resume.item) {
        stream->resuming = false;
        resume_if_paused(stream);
        return false;
    }
    *bytes = (myl_str){MYL_OF(item, piece, item)->at, MYL_OF(item, piece, item)->len};
    return true;
}

void myl_net_stream_drop(myl_net_stream *stream, myl_queue_item *item)
{
    piece *gone = MYL_OF(item, piece, item);

    atomic_fetch_sub(&stream->held, gone->len);
    myl_process_free(gone);
    resume_if_paused(stream);
}

void myl_net_stream_leave(myl_net_stream *stream)
{
    stream->ending = myl_net_run(&stream->end) == MYL_OK;
}

bool myl_net_stream_is_still(const myl_net_stream *stream)
{
    return !stream->resuming && !stream->ending;
}
