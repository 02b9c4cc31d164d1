/* sliding_threads.c: which threads a user follows, told beside the rooms and by the page.
 *
 * Spec:    MSC4308.
 * Callers: sliding_extensions.c, api/client/threads.c. Threads: a read worker.
 * Holds:   a bump stamp is the position of the newest change, so a later one is larger.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sliding_own.h"

static bool is_left(const myl_thread_subscription *one)
{
    return one->how == MYL_THREAD_NONE;
}

static void write_thread(myl_writer *w, const myl_thread_subscription *one)
{
    myl_write_open_str(w, one->root, '{');
    if (!is_left(one))
        myl_write_bool(w, "automatic", one->how == MYL_THREAD_AUTOMATIC);
    myl_write_int(w, "bump_stamp", (int64_t)one->position);
    myl_write_close(w, '}');
}

/* The rooms stand in the order of their newest change; each is written once, with all its threads. */
static bool came_before(const myl_thread_subscription *threads, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (threads[i].room == threads[at].room && is_left(&threads[i]) == is_left(&threads[at]))
            return true;
    return false;
}

static myl_rc write_room(myl_ctx *cx, myl_writer *w, const myl_thread_subscription *threads,
                         size_t count)
{
    myl_str room_id;

    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_ROOM, threads[0].room, &room_id));
    myl_write_open_str(w, room_id, '{');
    for (size_t i = 0; i < count; i++)
        if (threads[i].room == threads[0].room && is_left(&threads[i]) == is_left(&threads[0]))
            write_thread(w, &threads[i]);
    myl_write_close(w, '}');
    return MYL_OK;
}

static myl_rc write_rooms(myl_ctx *cx, myl_writer *w, const myl_thread_subscription *threads,
                          size_t count, bool left)
{
    bool is_open = false;

    for (size_t i = 0; i < count; i++) {
        if (is_left(&threads[i]) != left || came_before(threads, i))
            continue;
        if (!is_open)
            myl_write_open_key(w, left ? "unsubscribed" : "subscribed", '{');
        is_open = true;
        MYL_TRY(write_room(cx, w, &threads[i], count - i));
    }
    if (is_open)
        myl_write_close(w, '}');
    return MYL_OK;
}

myl_rc myl_sliding_write_threads(myl_ctx *cx, myl_writer *w, const myl_threads *threads)
{
    MYL_TRY(write_rooms(cx, w, threads->list, threads->count, false));
    return write_rooms(cx, w, threads->list, threads->count, true);
}

/* ---- places ---- */

myl_str myl_sliding_thread_place(myl_ctx *cx, uint64_t position)
{
    return myl_strf(cx, "t%llu", (unsigned long long)position);
}

myl_rc myl_sliding_thread_place_read(myl_ctx *cx, myl_str text, const char *parameter,
                                     uint64_t *out)
{
    myl_sync_token token;
    int64_t number;
    uint64_t epoch;

    if (myl_sliding_token_of(cx, text, &token)) {
        MYL_TRY(myl_store_epoch(cx, &epoch));
        *out = token.epoch == epoch ? token.durable : 0;
        return MYL_OK;
    }
    if (text.len < 2 || text.at[0] != 't' ||
        !myl_str_to_int(myl_str_slice(text, 1, SIZE_MAX), &number) || number < 0)
        return myl_fail(cx, MYL_INVALID_PARAM, "%s: not a token of this server", parameter);
    *out = (uint64_t)number;
    return MYL_OK;
}

/* ---- the extension ---- */

myl_rc myl_sliding_thread_extension(myl_sliding *t, bool *something)
{
    const myl_sliding_extensions *asked = &t->request->extensions;
    myl_thread_range range = {.after = t->s->since,
                              .before = t->s->upto + 1,
                              .limit = (size_t)asked->threads_limit,
                              .followed_only = t->s->since == 0};
    myl_threads found;

    if (asked->threads == NULL)
        return MYL_OK;
    MYL_TRY(myl_user_threads(t->s->cx, t->request->caller->user, &range, &found));
    if (found.count == 0)
        return MYL_OK;
    *something = true;
    myl_write_open_key(t->s->w, asked->threads, '{');
    MYL_TRY(myl_sliding_write_threads(t->s->cx, t->s->w, &found));
    if (found.more)
        myl_write_str(t->s->w, "prev_batch",
                      myl_sliding_thread_place(t->s->cx, found.list[found.count - 1].position));
    myl_write_close(t->s->w, '}');
    return MYL_OK;
}
