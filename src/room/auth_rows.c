/* auth_rows.c: the auth index of rules/ in the store's tables.
 *
 * Why:     an auth difference must not walk whole chains; the index answers it from few rows (rules_auth_index.h).
 * Callers: event.c adds every state event, resolve.c asks.
 * Threads: the transaction's.
 * Holds:   every stored state event has a row; its auth events that were known when it came are below it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_own.h"

static myl_rc bad_row(myl_ctx *cx, const char *table)
{
    return myl_fail(cx, MYL_CORRUPT, "%s: bad row", table);
}

/* ---- reading ---- */

static myl_rc read_row(void *arg, myl_ctx *cx, uint64_t event, myl_auth_row *out)
{
    myl_key key = myl_key_of_u64(event);
    myl_str row;

    MYL_UNUSED(arg);
    memset(out, 0, sizeof(*out));
    MYL_TRY(myl_store_get(cx, MYL_TABLE_AUTH_ROWS, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        return MYL_OK;
    if (!myl_cut_u64(&row, &out->chain) || !myl_cut_u64(&row, &out->place) ||
        !myl_cut_u32(&row, &out->type) || !myl_cut_u64(&row, &out->state_key) ||
        !myl_cut_u64(&row, &out->levels) || !myl_cut_u64(&row, &out->jump) ||
        !myl_cut_u64(&row, &out->line))
        return bad_row(cx, "AUTH_ROWS");
    return MYL_OK;
}

static myl_rc read_event(void *arg, myl_ctx *cx, myl_auth_point point, uint64_t *event)
{
    myl_key key = myl_key_of_u64s(point.chain, point.place);
    myl_str row;

    MYL_UNUSED(arg);
    *event = 0;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_AUTH_CHAINS, myl_key_str(&key), &row));
    if (myl_str_present(row) && !myl_cut_u64(&row, event))
        return bad_row(cx, "AUTH_CHAINS");
    return MYL_OK;
}

static myl_rc read_reach(void *arg, myl_ctx *cx, myl_auth_point from, uint64_t target,
                         uint64_t *place)
{
    myl_key key = myl_key_of_u64s(from.chain, target), at = myl_key_of_u64s(from.place, UINT64_MAX);
    uint64_t step;
    myl_scan *scan;
    myl_str found, row;

    MYL_UNUSED(arg);
    *place = 0;
    MYL_TRY(myl_scan_values(cx, MYL_TABLE_AUTH_STEPS, myl_key_str(&key), myl_key_str(&at),
                            MYL_BACKWARD, &scan));
    MYL_TRY(myl_scan_next(scan, &found, &row));
    if (myl_str_present(found) && (!myl_cut_u64(&row, &step) || !myl_cut_u64(&row, place)))
        return bad_row(cx, "AUTH_STEPS");
    myl_scan_end(scan);
    return MYL_OK;
}

/* The next target chain above `after`; 0: no more. */
static myl_rc next_target(myl_ctx *cx, uint64_t chain, uint64_t after, uint64_t *target)
{
    myl_key prefix = myl_key_of_u64(chain), from = myl_key_of_u64s(chain, after + 1);
    myl_scan *scan;
    myl_str key, row;

    *target = 0;
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_AUTH_STEPS, myl_key_str(&prefix), myl_key_str(&from),
                           MYL_FORWARD, &scan));
    MYL_TRY(myl_scan_next(scan, &key, &row));
    if (myl_str_present(key) && (!myl_cut_u64(&key, &chain) || !myl_cut_u64(&key, target)))
        return bad_row(cx, "AUTH_STEPS");
    myl_scan_end(scan);
    return MYL_OK;
}

static myl_rc read_targets(void *arg, myl_ctx *cx, myl_auth_point from,
                           const myl_auth_visitor *visitor)
{
    myl_auth_point to = {0, 0};
    bool enough = false;

    while (!enough) {
        MYL_TRY(next_target(cx, from.chain, to.chain, &to.chain));
        if (to.chain == 0)
            return MYL_OK;
        MYL_TRY(read_reach(arg, cx, from, to.chain, &to.place));
        if (to.place != 0)
            MYL_TRY(visitor->each(visitor->arg, to, &enough));
    }
    return MYL_OK;
}

static myl_rc read_sources(void *arg, myl_ctx *cx, myl_auth_point to, uint64_t end,
                           const myl_auth_visitor *visitor)
{
    myl_key key = myl_key_of_u64(to.chain),
            at = myl_key_of_u64s3(end == 0 ? 0 : end - 1, UINT64_MAX, UINT64_MAX);
    bool enough = false;
    myl_scan *scan;

    MYL_UNUSED(arg);
    MYL_TRY(myl_scan_values(cx, MYL_TABLE_AUTH_SOURCES, myl_key_str(&key), myl_key_str(&at),
                            MYL_BACKWARD, &scan));
    while (!enough) {
        myl_auth_point from;
        uint64_t place;
        myl_str found, row;

        MYL_TRY(myl_scan_next(scan, &found, &row));
        if (!myl_str_present(found))
            break;
        if (!myl_cut_u64(&row, &place) || !myl_cut_u64(&row, &from.chain) ||
            !myl_cut_u64(&row, &from.place))
            return bad_row(cx, "AUTH_SOURCES");
        if (place < to.place)
            break;
        MYL_TRY(visitor->each(visitor->arg, from, &enough));
    }
    myl_scan_end(scan);
    return MYL_OK;
}

/* ---- writing ---- */

static myl_rc put_row(void *arg, myl_ctx *cx, uint64_t event, const myl_auth_row *row)
{
    myl_key key = myl_key_of_u64(event), point = myl_key_of_u64s(row->chain, row->place);
    myl_text text = myl_text_start(cx, 52);

    MYL_UNUSED(arg);
    myl_row_u64(&text, row->chain);
    myl_row_u64(&text, row->place);
    myl_row_u32(&text, row->type);
    myl_row_u64(&text, row->state_key);
    myl_row_u64(&text, row->levels);
    myl_row_u64(&text, row->jump);
    myl_row_u64(&text, row->line);
    MYL_TRY(myl_store_put(cx, MYL_TABLE_AUTH_ROWS, myl_key_str(&key), myl_text_str(&text)));
    return myl_store_put(cx, MYL_TABLE_AUTH_CHAINS, myl_key_str(&point), myl_key_str(&key));
}

static myl_rc put_step(void *arg, myl_ctx *cx, myl_auth_point from, myl_auth_point to)
{
    myl_key chains = myl_key_of_u64s(from.chain, to.chain),
            places = myl_key_of_u64s(from.place, to.place), target = myl_key_of_u64(to.chain),
            source = myl_key_of_u64s3(to.place, from.chain, from.place);

    MYL_UNUSED(arg);
    MYL_TRY(myl_store_add(cx, MYL_TABLE_AUTH_STEPS, myl_key_str(&chains), myl_key_str(&places)));
    return myl_store_add(cx, MYL_TABLE_AUTH_SOURCES, myl_key_str(&target), myl_key_str(&source));
}

static const myl_auth_rows rows = {read_row,     read_event, read_reach, read_targets,
                                   read_sources, put_row,    put_step,   NULL};

const myl_auth_rows *myl_room_auth_rows(void)
{
    return &rows;
}

/* ---- an event ---- */

myl_rc myl_room_auth_numbers(myl_ctx *cx, const myl_event *event, uint64_t below, myl_list *out)
{
    for (size_t i = 0; i < event->auth_event_count; i++) {
        myl_auth_row row;
        uint64_t number;

        MYL_TRY(myl_room_event_number(cx, event->auth_events[i], &number));
        if (number == 0 || number >= below)
            continue;
        MYL_TRY(read_row(NULL, cx, number, &row));
        if (row.chain != 0)
            myl_list_push(out, uint64_t, number);
    }
    return MYL_OK;
}

myl_rc myl_room_auth_add(myl_ctx *cx, const myl_stored *stored, const myl_event *event)
{
    myl_list auth = MYL_LIST(cx, uint64_t);
    myl_auth_entry entry = {.event = stored->number,
                            .type = stored->type,
                            .state_key = stored->state_key,
                            .is_levels = myl_event_is(event, "m.room.power_levels", MYL_S(""))};

    MYL_TRY(myl_room_auth_numbers(cx, event, stored->number, &auth));
    entry.auth = auth.at;
    entry.auth_count = auth.count;
    return myl_auth_index_add(cx, &rows, &entry);
}
