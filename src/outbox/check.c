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

/* Servers of a table whose keys begin with their number, each once. */
static myl_rc add_servers(myl_ctx *cx, myl_table_id table, myl_list *numbers)
{
    uint64_t last = 0;

    for (;;) {
        myl_key from = myl_key_of_u64(last + 1);
        myl_scan *scan;
        myl_str key, row;

        MYL_TRY(myl_scan_start(cx, table, MYL_ABSENT, myl_key_str(&from), MYL_FORWARD, &scan));
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            return MYL_OK;
        if (!myl_cut_u64(&key, &last))
            return myl_fail(cx, MYL_CORRUPT, "%s: bad key", myl_table_name(table));
        myl_scan_end(scan);
        myl_list_push(numbers, uint64_t, last);
    }
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, two = *(const uint64_t *)b;

    return one < two ? -1 : one > two;
}

static myl_rc read_destination(myl_ctx *cx, uint64_t server, myl_outbox_destination *out)
{
    myl_key key = myl_key_of_u64(server);
    myl_str row;

    out->number = server;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_SERVER, server, &out->server));
    MYL_TRY(myl_store_get(cx, MYL_TABLE_OUTBOX, myl_key_str(&key), &row));
    if (myl_str_present(row) && !cut_row(row, out))
        return myl_fail(cx, MYL_CORRUPT, "OUTBOX: bad row");
    return MYL_OK;
}

myl_rc myl_outbox_known(myl_ctx *cx, const myl_outbox_destination **out, size_t *count)
{
    myl_list numbers = MYL_LIST(cx, uint64_t), list = MYL_LIST(cx, myl_outbox_destination);
    uint64_t ours, last = 0;

    MYL_TRY(
        myl_store_interned(cx, MYL_INTERN_SERVER, myl_fed_server()->config->server_name, &ours));
    MYL_TRY(add_servers(cx, MYL_TABLE_SERVER_ROOMS, &numbers));
    MYL_TRY(add_servers(cx, MYL_TABLE_OUTBOX, &numbers));
    myl_list_sort(&numbers, compare_numbers);
    for (size_t i = 0; i < numbers.count; i++) {
        uint64_t server = myl_list_get(&numbers, uint64_t, i);
        if (server != last && server != ours)
            MYL_TRY(read_destination(cx, server, myl_list_add(&list)));
        last = server;
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
