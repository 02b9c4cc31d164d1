/* gap.c: prev events that are not here, and the events that name them.
 *
 * Why:     history before a remote join is fetched when somebody scrolls there; an event that comes late must be known to
 *          have followers already.
 * Callers: admit.c; /messages and /sync ask whether they stand at a gap.
 * Threads: the transaction's.
 * Holds:   an event is in ROOM_GAPS exactly while one of its prev events is not placed in the room.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_admit.h>

#include "room/room_own.h"

static myl_key gap_row(const myl_stored *stored)
{
    myl_key row = myl_key_start();

    myl_key_i64(&row, stored->depth);
    myl_key_u64(&row, stored->number);
    return row;
}

static myl_key missing_key(uint64_t room, myl_str event_id)
{
    myl_key key = myl_key_of_u64(room);

    myl_key_hash(&key, event_id);
    return key;
}

myl_rc myl_room_gap_add(myl_ctx *cx, const myl_stored *stored, const myl_str *missing, size_t count)
{
    myl_key room = myl_key_of_u64(stored->room), row = gap_row(stored),
            number = myl_key_of_u64(stored->number);

    if (count == 0)
        return MYL_OK;
    for (size_t i = 0; i < count; i++) {
        myl_key key = missing_key(stored->room, missing[i]);
        uint64_t waiting;

        MYL_TRY(myl_store_count(cx, MYL_TABLE_MISSING_PREVS, myl_key_str(&key), &waiting));
        if (waiting < MYL_LIMIT_MISSING_PARENTS)
            MYL_TRY(myl_store_add(cx, MYL_TABLE_MISSING_PREVS, myl_key_str(&key),
                                  myl_key_str(&number)));
    }
    return myl_store_add(cx, MYL_TABLE_ROOM_GAPS, myl_key_str(&room), myl_key_str(&row));
}

/* Is a prev event placed in the room? */
static myl_rc is_placed(myl_ctx *cx, myl_str event_id, bool *out)
{
    myl_stored stored;
    uint64_t number;

    *out = false;
    MYL_TRY(myl_room_event_number(cx, event_id, &number));
    if (number == 0)
        return MYL_OK;
    MYL_TRY(myl_room_event(cx, number, &stored));
    *out = (stored.flags & MYL_EVENT_OUTLIER) == 0;
    return MYL_OK;
}

myl_rc myl_room_missing_prevs(myl_ctx *cx, const myl_event *event, const myl_str **ids,
                              size_t *count)
{
    myl_list list = MYL_LIST(cx, myl_str);

    for (size_t i = 0; i < event->prev_event_count; i++) {
        bool placed;

        MYL_TRY(is_placed(cx, event->prev_events[i], &placed));
        if (!placed)
            myl_list_push(&list, myl_str, event->prev_events[i]);
    }
    *ids = list.at;
    *count = list.count;
    return MYL_OK;
}

/* One event that waited: is anything else before it still missing? */
static myl_rc close_gap(myl_ctx *cx, uint64_t number, myl_str filled)
{
    const myl_event *event;
    myl_stored stored;

    MYL_TRY(myl_room_event(cx, number, &stored));
    MYL_TRY(myl_room_decoded(cx, number, &event));
    for (size_t i = 0; i < event->prev_event_count; i++) {
        bool placed;

        MYL_TRY(is_placed(cx, event->prev_events[i], &placed));
        if (!placed && !myl_str_equal(event->prev_events[i], filled))
            return MYL_OK;
    }
    myl_key room = myl_key_of_u64(stored.room), row = gap_row(&stored);

    return myl_store_remove(cx, MYL_TABLE_ROOM_GAPS, myl_key_str(&room), myl_key_str(&row));
}

myl_rc myl_room_gap_filled(myl_ctx *cx, uint64_t room, myl_str event_id, bool *named)
{
    myl_key key = missing_key(room, event_id);
    myl_list waiting = MYL_LIST(cx, uint64_t);
    myl_scan *scan;
    myl_str found, value;

    MYL_TRY(myl_scan_values(cx, MYL_TABLE_MISSING_PREVS, myl_key_str(&key), MYL_ABSENT, MYL_FORWARD,
                            &scan));
    for (;;) {
        uint64_t number;

        MYL_TRY(myl_scan_next(scan, &found, &value));
        if (!myl_str_present(found))
            break;
        if (!myl_cut_u64(&value, &number))
            return myl_fail(cx, MYL_CORRUPT, "MISSING_PREVS: bad row");
        myl_list_push(&waiting, uint64_t, number);
    }
    myl_scan_end(scan);
    *named = waiting.count > 0;
    if (!*named)
        return MYL_OK;
    for (size_t i = 0; i < waiting.count; i++)
        MYL_TRY(close_gap(cx, myl_list_get(&waiting, uint64_t, i), event_id));
    return myl_store_delete(cx, MYL_TABLE_MISSING_PREVS, myl_key_str(&key));
}

myl_rc myl_room_is_gap(myl_ctx *cx, const myl_stored *stored, bool *out)
{
    myl_key room = myl_key_of_u64(stored->room), row = gap_row(stored);

    return myl_store_has(cx, MYL_TABLE_ROOM_GAPS, myl_key_str(&room), myl_key_str(&row), out);
}

myl_rc myl_room_gap_before(myl_ctx *cx, uint64_t room, myl_point place, uint64_t *number)
{
    myl_key key = myl_key_of_u64(room), at = myl_key_start();
    int64_t depth;
    myl_scan *scan;
    myl_str found, value;

    *number = 0;
    myl_key_i64(&at, place.depth);
    myl_key_u64(&at, place.number);
    MYL_TRY(myl_scan_values(cx, MYL_TABLE_ROOM_GAPS, myl_key_str(&key), myl_key_str(&at),
                            MYL_BACKWARD, &scan));
    MYL_TRY(myl_scan_next(scan, &found, &value));
    if (myl_str_present(found) && (!myl_cut_i64(&value, &depth) || !myl_cut_u64(&value, number)))
        return myl_fail(cx, MYL_CORRUPT, "ROOM_GAPS: bad row");
    myl_scan_end(scan);
    return MYL_OK;
}
