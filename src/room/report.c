/* report.c: what users report, kept for the administrators.
 *
 * Spec:    Client-Server API, Reporting Content.
 * Threads: the transaction's.
 * Holds:   a report's id is the position that it took; there are at most REPORTS of a kind.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_report.h>

#include "room/room_own.h"

static myl_key report_key(myl_report_kind kind, uint64_t id)
{
    myl_key key = myl_key_start();

    myl_key_u8(&key, (uint8_t)kind);
    myl_key_u64(&key, id);
    return key;
}

static bool cut_texts(myl_str *row, myl_report *out)
{
    return myl_cut_str(row, &out->reporter) && myl_cut_str(row, &out->room_id) &&
           myl_cut_str(row, &out->target) && myl_cut_str(row, &out->sender) &&
           myl_cut_str(row, &out->reason);
}

static myl_str given(myl_str text)
{
    return text.len > 0 ? text : MYL_ABSENT;
}

static myl_rc cut_report(myl_ctx *cx, myl_str key, myl_str row, myl_report *out)
{
    uint8_t kind, has_score;
    uint64_t received, score;

    *out = (myl_report){0};
    row = myl_keep(cx, row);
    if (!myl_cut_u8(&key, &kind) || !myl_cut_u64(&key, &out->id) || !myl_cut_u64(&row, &received) ||
        !myl_cut_u8(&row, &has_score) || !myl_cut_u64(&row, &score) || !cut_texts(&row, out))
        return myl_fail(cx, MYL_CORRUPT, "REPORTS: a row cannot be read");
    out->kind = (myl_report_kind)kind;
    out->received_ms = (int64_t)received;
    out->has_score = has_score != 0;
    out->score = (int64_t)score;
    out->room_id = given(out->room_id);
    out->target = given(out->target);
    out->sender = given(out->sender);
    out->reason = given(out->reason);
    return MYL_OK;
}

/* ---- how many there are; the oldest go ---- */

static myl_key count_key(myl_report_kind kind)
{
    myl_key key = myl_key_start();

    myl_key_bytes(&key, "reports", 7);
    myl_key_u8(&key, (uint8_t)kind);
    return key;
}

static myl_rc read_count(myl_ctx *cx, myl_report_kind kind, uint64_t *out)
{
    myl_key key = count_key(kind);
    myl_str row;

    *out = 0;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_ROOM_META, myl_key_str(&key), &row));
    if (myl_str_present(row) && !myl_cut_u64(&row, out))
        return myl_fail(cx, MYL_CORRUPT, "ROOM_META: a count of reports cannot be read");
    return MYL_OK;
}

static myl_rc write_count(myl_ctx *cx, myl_report_kind kind, uint64_t count)
{
    myl_key key = count_key(kind), row = myl_key_of_u64(count);

    return myl_store_put(cx, MYL_TABLE_ROOM_META, myl_key_str(&key), myl_key_str(&row));
}

static myl_rc drop_oldest(myl_ctx *cx, myl_report_kind kind)
{
    myl_key prefix = myl_key_start();
    myl_scan *scan;
    myl_str key, row;

    myl_key_u8(&prefix, (uint8_t)kind);
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_REPORTS, myl_key_str(&prefix), MYL_ABSENT, MYL_FORWARD,
                           &scan));
    MYL_TRY(myl_scan_next(scan, &key, &row));
    key = myl_keep(cx, key);
    myl_scan_end(scan);
    return myl_str_present(key) ? myl_store_delete(cx, MYL_TABLE_REPORTS, key) : MYL_OK;
}

myl_rc myl_room_report_put(myl_ctx *cx, const myl_report *report, uint64_t *id)
{
    myl_text row = MYL_TEXT(cx);
    uint64_t count;
    myl_key key;

    if (report->reason.len > MYL_LIMIT_REPORT_REASON)
        return myl_fail(cx, MYL_TOO_LARGE, "reason: longer than %d bytes", MYL_LIMIT_REPORT_REASON);
    MYL_TRY(read_count(cx, report->kind, &count));
    if (count >= MYL_LIMIT_REPORTS)
        MYL_TRY(drop_oldest(cx, report->kind));
    else
        MYL_TRY(write_count(cx, report->kind, count + 1));
    *id = myl_engine_next_position(cx);
    key = report_key(report->kind, *id);
    myl_row_u64(&row, (uint64_t)myl_now_ms());
    myl_row_u8(&row, report->has_score);
    myl_row_u64(&row, (uint64_t)report->score);
    myl_row_str(&row, report->reporter);
    myl_row_str(&row, report->room_id);
    myl_row_str(&row, report->target);
    myl_row_str(&row, report->sender);
    myl_row_str(&row, report->reason);
    return myl_store_put(cx, MYL_TABLE_REPORTS, myl_key_str(&key), myl_text_str(&row));
}

myl_rc myl_room_report_get(myl_ctx *cx, myl_report_kind kind, uint64_t id, myl_report *out)
{
    myl_key key = report_key(kind, id);
    myl_str row;

    *out = (myl_report){0};
    MYL_TRY(myl_store_get(cx, MYL_TABLE_REPORTS, myl_key_str(&key), &row));
    return myl_str_present(row) ? cut_report(cx, myl_key_str(&key), row, out) : MYL_OK;
}

myl_rc myl_room_report_delete(myl_ctx *cx, myl_report_kind kind, uint64_t id, bool *there)
{
    myl_key key = report_key(kind, id);
    uint64_t count;
    myl_str row;

    MYL_TRY(myl_store_get(cx, MYL_TABLE_REPORTS, myl_key_str(&key), &row));
    *there = myl_str_present(row);
    if (!*there)
        return MYL_OK;
    MYL_TRY(read_count(cx, kind, &count));
    MYL_TRY(write_count(cx, kind, count - 1));
    return myl_store_delete(cx, MYL_TABLE_REPORTS, myl_key_str(&key));
}

static bool fits(const myl_report_query *query, const myl_report *report)
{
    return (!myl_str_present(query->reporter) ||
            myl_str_equal(query->reporter, report->reporter)) &&
           (!myl_str_present(query->room_id) || myl_str_equal(query->room_id, report->room_id)) &&
           (!myl_str_present(query->target) || myl_str_equal(query->target, report->target)) &&
           (!myl_str_present(query->sender) || myl_str_equal(query->sender, report->sender));
}

myl_rc myl_room_reports(myl_ctx *cx, const myl_report_query *query, myl_report_page *out)
{
    myl_list list = MYL_LIST(cx, myl_report);
    myl_key prefix = myl_key_start();
    myl_scan *scan;
    myl_str key, row;

    *out = (myl_report_page){0};
    myl_key_u8(&prefix, (uint8_t)query->kind);
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_REPORTS, myl_key_str(&prefix), MYL_ABSENT,
                           query->oldest_first ? MYL_FORWARD : MYL_BACKWARD, &scan));
    for (;;) {
        myl_mark mark = myl_ctx_mark(cx);
        myl_report report;
        bool wanted;

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        MYL_TRY(cut_report(cx, key, row, &report));
        wanted = fits(query, &report) && ++out->total > query->from && list.count < query->limit;
        if (wanted)
            myl_list_push(&list, myl_report, report);
        else
            myl_ctx_release(cx, mark);
    }
    myl_scan_end(scan);
    out->reports = list.at;
    out->count = list.count;
    return MYL_OK;
}

/* ---- `myelin check` ---- */

static uint64_t seen[MYL_REPORT_USER + 1];

static myl_rc check_row(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    myl_report report;

    if (cut_report(cx, key, row, &report) != MYL_OK || report.kind < MYL_REPORT_EVENT ||
        report.kind > MYL_REPORT_USER) {
        myl_forgive(cx);
        myl_check_wrong(check, "REPORTS: a row cannot be read");
        return MYL_OK;
    }
    seen[report.kind]++;
    return MYL_OK;
}

myl_rc myl_room_check_reports(myl_ctx *cx, myl_check *check)
{
    memset(seen, 0, sizeof(seen));
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_REPORTS, check_row));
    for (int kind = MYL_REPORT_EVENT; kind <= MYL_REPORT_USER; kind++) {
        uint64_t count;

        MYL_TRY(read_count(cx, (myl_report_kind)kind, &count));
        if (count != seen[kind])
            myl_check_wrong(check, "REPORTS: %llu of kind %d, %llu are counted",
                            (unsigned long long)seen[kind], kind, (unsigned long long)count);
    }
    return MYL_OK;
}
