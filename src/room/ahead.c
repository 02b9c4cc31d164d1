/* ahead.c: resolutions that a job has done on a snapshot before its change.
 *
 * Why:     where large states meet, the resolution takes long, and the engine has one thread: the change of such an event gives up
 *          (MYL_UNRESOLVED), the job resolves on a lane, and the change runs again and finds the result here.
 * Callers: resolve.c, admit.c.
 * Threads: the job's; nothing is shared.
 * Memory:  in the job: what the resolution changes, never a state.
 * Holds:   a resolution is known by the digests of its states, so it serves whatever root numbers the change finds or makes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_admit.h>

#include "room/room_own.h"

#include <stdlib.h>
#include <string.h>

/* What comes out of some states: one of them with changes. */
typedef struct {
    const myl_digest *states; /* sorted, without doubles */
    size_t count;
    myl_digest base;
    const myl_tree_entry *changes;
    size_t change_count;
} ahead;

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(myl_digest));
}

static myl_rc digests_of(myl_ctx *cx, const myl_tree_root *states, size_t count, myl_digest **out,
                         size_t *distinct)
{
    myl_digest *digests = myl_new_array(cx, myl_digest, count + 1);
    size_t kept = 0;
    uint64_t entries;

    for (size_t i = 0; i < count; i++)
        MYL_TRY(myl_tree_digest(cx, myl_store_nodes(cx), states[i], &digests[i], &entries));
    qsort(digests, count, sizeof(*digests), compare_digests);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || compare_digests(&digests[kept - 1], &digests[i]) != 0)
            digests[kept++] = digests[i];
    *out = digests;
    *distinct = kept;
    return MYL_OK;
}

static myl_rc collect_change(void *arg, uint32_t type, uint64_t state_key, uint64_t before,
                             uint64_t after)
{
    MYL_UNUSED(before);
    myl_list_push((myl_list *)arg, myl_tree_entry, ((myl_tree_entry){type, state_key, after}));
    return MYL_OK;
}

/* From the state that is nearest, so that the engine has the least to write. */
static myl_rc find_base(myl_ctx *cx, const myl_tree_root *states, size_t count,
                        myl_tree_root resolved, ahead *one)
{
    for (size_t i = 0; i < count; i++) {
        myl_list changes = MYL_LIST(cx, myl_tree_entry);
        uint64_t entries;

        MYL_TRY(
            myl_tree_diff(cx, myl_store_nodes(cx), states[i], resolved, collect_change, &changes));
        if (i > 0 && changes.count >= one->change_count)
            continue;
        one->changes = changes.at;
        one->change_count = changes.count;
        MYL_TRY(myl_tree_digest(cx, myl_store_nodes(cx), states[i], &one->base, &entries));
    }
    return MYL_OK;
}

myl_rc myl_room_ahead_note(myl_ctx *cx, const myl_tree_root *states, size_t count,
                           myl_tree_root resolved)
{
    myl_digest *digests;
    ahead one;

    MYL_TRY(digests_of(cx, states, count, &digests, &one.count));
    one.states = digests;
    MYL_TRY(find_base(cx, states, count, resolved, &one));
    myl_list_push(&cx->ahead->done, ahead, one);
    return MYL_OK;
}

static myl_rc apply(myl_ctx *cx, const ahead *one, const myl_tree_root *states, size_t count,
                    myl_tree_root *out)
{
    myl_digest digest;
    uint64_t entries;

    for (size_t i = 0; i < count; i++) {
        MYL_TRY(myl_tree_digest(cx, myl_store_nodes(cx), states[i], &digest, &entries));
        if (compare_digests(&digest, &one->base) == 0)
            return myl_tree_change(cx, myl_store_nodes(cx), states[i], one->changes,
                                   one->change_count, out);
    }
    return myl_fail(cx, MYL_INTERNAL, "a resolution without its state");
}

myl_rc myl_room_ahead_take(myl_ctx *cx, const myl_tree_root *states, size_t count,
                           myl_tree_root *out, bool *found)
{
    const myl_list *done = &cx->ahead->done;
    myl_digest *digests;
    size_t distinct;

    *found = false;
    if (done->count == 0)
        return MYL_OK;
    MYL_TRY(digests_of(cx, states, count, &digests, &distinct));
    for (size_t i = done->count; i > 0 && !*found; i--) {
        const ahead *one = myl_list_at(done, i - 1);

        *found = one->count == distinct &&
                 memcmp(one->states, digests, distinct * sizeof(*digests)) == 0;
        if (*found)
            MYL_TRY(apply(cx, one, states, count, out));
    }
    return MYL_OK;
}

myl_rc myl_room_ahead_watch(myl_ctx *cx)
{
    if (cx->ahead == NULL || cx->ahead->given_up || !myl_engine_is_writing(cx))
        return MYL_OK;
    if (cx->ahead->hold_ms == 0)
        return myl_fail(cx, MYL_UNRESOLVED, "not on the engine");
    myl_engine_watch(cx, cx->ahead->hold_ms, MYL_UNRESOLVED);
    return MYL_OK;
}

/* ---- told states ---- */

/* What changes a stored root into the told state. */
typedef struct {
    myl_told_state told;
    myl_list changes; /* myl_tree_entry */
} told_ahead;

static const told_ahead *find_told(const myl_ctx *cx, const myl_told_state *told)
{
    for (size_t i = 0; cx->ahead != NULL && i < cx->ahead->told.count; i++) {
        const told_ahead *one = myl_list_at(&cx->ahead->told, i);

        if (one->told.events == told->events)
            return one;
    }
    return NULL;
}

static myl_rc find_changes(myl_ctx *cx, const myl_told_state *told, told_ahead *out)
{
    myl_rc rc;

    *out = (told_ahead){*told, MYL_LIST(cx, myl_tree_entry)};
    MYL_TRY(myl_room_ahead_watch(cx));
    rc = myl_room_told_changes(cx, told, &out->changes);
    myl_engine_watch(cx, 0, MYL_OK);
    if (rc == MYL_OK && cx->ahead != NULL && !myl_engine_is_writing(cx))
        myl_list_push(&cx->ahead->told, told_ahead, *out);
    return rc;
}

myl_rc myl_room_ahead_told(myl_ctx *cx, const myl_told_state *told, myl_tree_root *out)
{
    const told_ahead *known = find_told(cx, told);
    told_ahead made;

    if (known == NULL) {
        MYL_TRY(find_changes(cx, told, &made));
        known = &made;
    }
    return myl_tree_change(cx, myl_store_nodes(cx), known->told.base, known->changes.at,
                           known->changes.count, out);
}

void myl_room_ahead_start(myl_ctx *cx)
{
    cx->ahead = myl_new(cx, struct myl_room_ahead);
    cx->ahead->done = MYL_LIST(cx, ahead);
    cx->ahead->told = MYL_LIST(cx, told_ahead);
    cx->ahead->hold_ms = MYL_LIMIT_RESOLVE_MS;
}
