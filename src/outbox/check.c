/* check.c: what `myelin check` looks at in the outbox's table, and what administrators see of it.
 *
 * Threads: the transaction's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "outbox/outbox_own.h"

static bool cut_row(myl_str row, myl_outbox_destination *out)
{
    uint64_t since, next;

    if (!myl_cut_u64(&row, &out->upto) || !myl_cut_u32(&row, &out->failures) ||
        !myl_cut_u64(&row, &since) || !myl_cut_u64(&row, &next) || row.len > 0)
        return false;
    out->failing_since = (int64_t)since;
    out->next_try = (int64_t)next;
    return true;
}

myl_rc myl_outbox_failing(myl_ctx *cx, const myl_outbox_destination **out, size_t *count)
{
    myl_list list = MYL_LIST(cx, myl_outbox_destination);
    myl_key from = myl_key_of_u64(1);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(
        myl_scan_start(cx, MYL_TABLE_OUTBOX, MYL_ABSENT, myl_key_str(&from), MYL_FORWARD, &scan));
    for (;;) {
        uint64_t server;

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        myl_outbox_destination *one = myl_list_add(&list);
        if (!myl_cut_u64(&key, &server) || !cut_row(row, one))
            return myl_fail(cx, MYL_CORRUPT, "OUTBOX: bad row");
        MYL_TRY(myl_store_text_of(cx, MYL_INTERN_SERVER, server, &one->server));
    }
    *out = list.at;
    *count = list.count;
    return MYL_OK;
}

static myl_rc check_row(myl_ctx *cx, myl_check *check, myl_str key, myl_str value)
{
    myl_outbox_destination row;
    uint64_t server, newest, upto = 0;
    myl_str name;

    MYL_TRY(myl_store_position(cx, &newest));
    bool reads = myl_cut_u64(&key, &server) && key.len == 0 &&
                 (server == 0 ? myl_cut_u64(&value, &upto) : cut_row(value, &row));
    if (!reads) {
        myl_check_wrong(check, "OUTBOX: a row of no known form");
        return MYL_OK;
    }
    if (server != 0) {
        upto = row.upto;
        MYL_TRY(myl_store_text_of(cx, MYL_INTERN_SERVER, server, &name));
    }
    if (upto > newest)
        myl_check_wrong(check, "OUTBOX: server %llu has all up to %llu, past the newest position",
                        (unsigned long long)server, (unsigned long long)upto);
    return MYL_OK;
}

static myl_rc check_outbox(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_OUTBOX, check_row);
}

const myl_check_row myl_outbox_checks[] = {{"outbox", check_outbox}, {NULL, NULL}};
