/* receipt.c: the newest receipt of each (room, user, type, thread), and the same by position.
 *
 * Spec:    Client-Server API, Receipts.
 * Threads: the transaction's.
 * Holds:   RECEIPTS points at the one row of RECEIPT_LOG that is in force.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_own.h"

static myl_key receipt_key(myl_ctx *cx, uint64_t room, const myl_receipt *receipt)
{
    myl_key key = myl_key_of_u64s(room, receipt->user);
    myl_text text = MYL_TEXT(cx);

    myl_text_add(&text, receipt->type);
    myl_text_add_byte(&text, '\0');
    myl_text_add_byte(&text, myl_str_present(receipt->thread_id) ? 't' : '-');
    myl_text_add(&text, receipt->thread_id);
    myl_key_hash(&key, myl_text_str(&text));
    return key;
}

static bool cut_receipt(myl_ctx *cx, myl_str row, myl_receipt *out)
{
    uint8_t threaded;
    uint64_t ts;

    if (!myl_cut_u64(&row, &out->user) || !myl_cut_u64(&row, &ts) || !myl_cut_u8(&row, &threaded) ||
        !myl_cut_str(&row, &out->type) || !myl_cut_str(&row, &out->thread_id) ||
        !myl_cut_str(&row, &out->event_id))
        return false;
    out->ts = (int64_t)ts;
    out->type = myl_keep(cx, out->type);
    out->event_id = myl_keep(cx, out->event_id);
    out->thread_id = threaded != 0 ? myl_keep(cx, out->thread_id) : MYL_ABSENT;
    return true;
}

static myl_str receipt_row(myl_ctx *cx, const myl_receipt *receipt)
{
    myl_text row = MYL_TEXT(cx);

    myl_row_u64(&row, receipt->user);
    myl_row_u64(&row, (uint64_t)receipt->ts);
    myl_row_u8(&row, myl_str_present(receipt->thread_id));
    myl_row_str(&row, receipt->type);
    myl_row_str(&row, receipt->thread_id);
    myl_row_str(&row, receipt->event_id);
    return myl_text_str(&row);
}

myl_rc myl_room_receipt_get(myl_ctx *cx, uint64_t room, const myl_receipt *wanted, myl_receipt *out)
{
    myl_key key = receipt_key(cx, room, wanted), log;
    myl_str row;

    memset(out, 0, sizeof(*out));
    MYL_TRY(myl_store_get(cx, MYL_TABLE_RECEIPTS, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        return MYL_OK;
    if (!myl_cut_u64(&row, &out->position))
        return myl_fail(cx, MYL_CORRUPT, "RECEIPTS: bad row");
    log = myl_key_of_u64s(room, out->position);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_RECEIPT_LOG, myl_key_str(&log), &row));
    if (!myl_str_present(row) || !cut_receipt(cx, row, out))
        return myl_fail(cx, MYL_CORRUPT, "RECEIPT_LOG: missing or bad row");
    return MYL_OK;
}

/* Does `next` point at or before the event that `present` points at? Events not known here count as newer. */
static myl_rc points_back(myl_ctx *cx, const myl_receipt *present, const myl_receipt *next,
                          bool *out)
{
    uint64_t was, is;
    myl_stored a, b;

    *out = false;
    MYL_TRY(myl_room_event_number(cx, present->event_id, &was));
    MYL_TRY(myl_room_event_number(cx, next->event_id, &is));
    if (was == 0 || is == 0)
        return MYL_OK;
    MYL_TRY(myl_room_event(cx, was, &a));
    MYL_TRY(myl_room_event(cx, is, &b));
    *out = b.depth < a.depth || (b.depth == a.depth && b.number <= a.number);
    return MYL_OK;
}

/* In the place of the present one, if there is one. */
static myl_rc replace(myl_ctx *cx, uint64_t room, const myl_receipt *present,
                      const myl_receipt *receipt)
{
    myl_key key = receipt_key(cx, room, receipt), log, value;
    uint64_t position;

    if (present->position != 0) {
        log = myl_key_of_u64s(room, present->position);
        MYL_TRY(myl_store_delete(cx, MYL_TABLE_RECEIPT_LOG, myl_key_str(&log)));
    }
    position = myl_engine_next_position(cx);
    value = myl_key_of_u64(position);
    log = myl_key_of_u64s(room, position);
    MYL_TRY(myl_store_put(cx, MYL_TABLE_RECEIPTS, myl_key_str(&key), myl_key_str(&value)));
    MYL_TRY(myl_store_put(cx, MYL_TABLE_RECEIPT_LOG, myl_key_str(&log), receipt_row(cx, receipt)));
    return myl_room_mark_changed(cx, room, position);
}

myl_rc myl_room_receipt_put(myl_ctx *cx, uint64_t room, const myl_receipt *receipt)
{
    myl_receipt present;
    bool back = false;

    MYL_TRY(myl_room_receipt_get(cx, room, receipt, &present));
    if (present.position != 0)
        MYL_TRY(points_back(cx, &present, receipt, &back));
    return back ? MYL_OK : replace(cx, room, &present, receipt);
}

myl_rc myl_room_receipt_told(myl_ctx *cx, uint64_t room, const myl_receipt *receipt)
{
    myl_receipt present;

    MYL_TRY(myl_room_receipt_get(cx, room, receipt, &present));
    if (present.position != 0 && myl_str_equal(present.event_id, receipt->event_id))
        return MYL_OK;
    return replace(cx, room, &present, receipt);
}

myl_rc myl_room_receipts(myl_ctx *cx, uint64_t room, uint64_t after, const myl_receipt **receipts,
                         size_t *count)
{
    myl_key prefix = myl_key_of_u64(room), from = myl_key_of_u64s(room, after + 1);
    myl_list list = MYL_LIST(cx, myl_receipt);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_RECEIPT_LOG, myl_key_str(&prefix), myl_key_str(&from),
                           MYL_FORWARD, &scan));
    for (;;) {
        myl_receipt receipt = {0};

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        key = myl_str_slice(key, 8, SIZE_MAX);
        if (!myl_cut_u64(&key, &receipt.position) || !cut_receipt(cx, row, &receipt))
            return myl_fail(cx, MYL_CORRUPT, "RECEIPT_LOG: bad row");
        myl_list_push(&list, myl_receipt, receipt);
    }
    myl_scan_end(scan);
    *receipts = list.at;
    *count = list.count;
    return MYL_OK;
}

myl_rc myl_room_receipts_of(myl_ctx *cx, uint64_t room, uint64_t user, const myl_receipt **receipts,
                            size_t *count)
{
    myl_key prefix = myl_key_of_u64s(room, user);
    myl_list list = MYL_LIST(cx, myl_receipt);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_RECEIPTS, myl_key_str(&prefix), MYL_ABSENT, MYL_FORWARD,
                           &scan));
    for (;;) {
        myl_receipt receipt = {0};
        myl_key log;

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        if (!myl_cut_u64(&row, &receipt.position))
            return myl_fail(cx, MYL_CORRUPT, "RECEIPTS: bad row");
        log = myl_key_of_u64s(room, receipt.position);
        MYL_TRY(myl_store_get(cx, MYL_TABLE_RECEIPT_LOG, myl_key_str(&log), &row));
        if (!myl_str_present(row) || !cut_receipt(cx, row, &receipt))
            return myl_fail(cx, MYL_CORRUPT, "RECEIPT_LOG: missing or bad row");
        myl_list_push(&list, myl_receipt, receipt);
    }
    myl_scan_end(scan);
    *receipts = list.at;
    *count = list.count;
    return MYL_OK;
}
