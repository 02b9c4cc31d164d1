/* purge_event.c: an event leaves the disk with every row that is its own.
 *
 * Threads: the engine.
 * Holds:   an event and its rows in the orders, in the index of ids and in the auth index go in one change, so whoever finds
 *          a row finds the event.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/purge_own.h"

static void forget_cached(void *arg)
{
    myl_room_cache_forget(*(const uint64_t *)arg);
}

static myl_rc drop_orders(myl_ctx *cx, const myl_stored *stored)
{
    myl_key room = myl_key_of_u64(stored->room), reading = myl_key_start(),
            arrival = myl_key_of_u64s(stored->position, stored->number),
            log = myl_key_of_u64(stored->position), number = myl_key_of_u64(stored->number);

    if ((stored->flags & MYL_EVENT_OUTLIER) != 0)
        return myl_store_remove(cx, MYL_TABLE_ROOM_OUTLIERS, myl_key_str(&room),
                                myl_key_str(&number));
    myl_key_i64(&reading, stored->depth);
    myl_key_u64(&reading, stored->number);
    MYL_TRY(
        myl_store_remove(cx, MYL_TABLE_ROOM_READING, myl_key_str(&room), myl_key_str(&reading)));
    MYL_TRY(myl_store_remove(cx, MYL_TABLE_ROOM_GAPS, myl_key_str(&room), myl_key_str(&reading)));
    if (stored->position == 0)
        return MYL_OK;
    MYL_TRY(
        myl_store_remove(cx, MYL_TABLE_ROOM_ARRIVAL, myl_key_str(&room), myl_key_str(&arrival)));
    return myl_store_delete(cx, MYL_TABLE_ROOM_LOG, myl_key_str(&log));
}

/* ---- the auth index ---- */

typedef struct {
    myl_auth_point from, to;
} auth_step;

/* Steps from a chain, at most `most`. */
static myl_rc list_steps(myl_ctx *cx, uint64_t chain, size_t most, myl_list *out)
{
    myl_key prefix = myl_key_of_u64(chain);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_AUTH_STEPS, myl_key_str(&prefix), MYL_ABSENT, MYL_FORWARD,
                           &scan));
    while (out->count < most) {
        auth_step step;

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        if (!myl_cut_u64(&key, &step.from.chain) || !myl_cut_u64(&key, &step.to.chain) ||
            !myl_cut_u64(&row, &step.from.place) || !myl_cut_u64(&row, &step.to.place))
            return myl_fail(cx, MYL_CORRUPT, "AUTH_STEPS: bad row");
        myl_list_push(out, auth_step, step);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

/* All steps of the chain go with its first event: the others of its room follow. */
static myl_rc drop_steps(myl_ctx *cx, uint64_t chain, purge_budget *budget, bool *gone)
{
    myl_list steps = MYL_LIST(cx, auth_step);

    MYL_TRY(list_steps(cx, chain, budget->left, &steps));
    for (size_t i = 0; i < steps.count; i++) {
        const auth_step *step = myl_list_at(&steps, i);
        myl_key chains = myl_key_of_u64s(step->from.chain, step->to.chain),
                places = myl_key_of_u64s(step->from.place, step->to.place),
                target = myl_key_of_u64(step->to.chain),
                source = myl_key_of_u64s3(step->to.place, step->from.chain, step->from.place);

        MYL_TRY(
            myl_store_remove(cx, MYL_TABLE_AUTH_STEPS, myl_key_str(&chains), myl_key_str(&places)));
        MYL_TRY(myl_store_remove(cx, MYL_TABLE_AUTH_SOURCES, myl_key_str(&target),
                                 myl_key_str(&source)));
    }
    budget->left -= steps.count;
    *gone = budget->left > 0;
    return MYL_OK;
}

static myl_rc drop_auth(myl_ctx *cx, uint64_t number, purge_budget *budget, bool *gone)
{
    const myl_auth_rows *rows = myl_room_auth_rows();
    myl_key key = myl_key_of_u64(number), point;
    myl_auth_row row;

    *gone = true;
    MYL_TRY(rows->row(NULL, cx, number, &row));
    if (row.chain == 0)
        return MYL_OK;
    MYL_TRY(drop_steps(cx, row.chain, budget, gone));
    if (!*gone)
        return MYL_OK;
    point = myl_key_of_u64s(row.chain, row.place);
    MYL_TRY(myl_store_delete(cx, MYL_TABLE_AUTH_CHAINS, myl_key_str(&point)));
    return myl_store_delete(cx, MYL_TABLE_AUTH_ROWS, myl_key_str(&key));
}

/* ---- the whole ---- */

myl_rc myl_room_drop_event(myl_ctx *cx, const myl_stored *stored, purge_budget *budget, bool *gone)
{
    myl_key id = myl_key_start(), number = myl_key_of_u64(stored->number);
    uint64_t *cached = myl_new(cx, uint64_t);

    *gone = true;
    if ((stored->flags & MYL_EVENT_STATE) != 0)
        MYL_TRY(drop_auth(cx, stored->number, budget, gone));
    if (!*gone)
        return MYL_OK;
    myl_key_hash(&id, stored->event_id);
    MYL_TRY(drop_orders(cx, stored));
    MYL_TRY(myl_store_remove(cx, MYL_TABLE_EVENT_IDS, myl_key_str(&id), myl_key_str(&number)));
    MYL_TRY(myl_store_delete(cx, MYL_TABLE_EVENTS, myl_key_str(&number)));
    *cached = stored->number;
    myl_engine_after_commit(cx, forget_cached, cached);
    if (budget->left > 0)
        budget->left--;
    return MYL_OK;
}
