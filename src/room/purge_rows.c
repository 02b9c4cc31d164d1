/* purge_rows.c: rows by the beginning of their keys, and which tables have a room there.
 *
 * Threads: the engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/purge_own.h"

typedef struct {
    myl_str key, value;
} one_row;

static myl_rc collect(myl_ctx *cx, myl_table_id table, const myl_key *prefix, size_t most,
                      myl_list *out)
{
    bool has_values = myl_table_has_values(table);
    myl_scan *scan;
    one_row row;

    MYL_TRY(myl_scan_start(cx, table, myl_key_str(prefix), MYL_ABSENT, MYL_FORWARD, &scan));
    while (out->count < most) {
        MYL_TRY(myl_scan_next(scan, &row.key, &row.value));
        if (!myl_str_present(row.key))
            break;
        row.key = myl_keep(cx, row.key);
        row.value = has_values ? myl_keep(cx, row.value) : MYL_ABSENT;
        myl_list_push(out, one_row, row);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

myl_rc myl_room_drop_prefix(myl_ctx *cx, myl_table_id table, const myl_key *prefix,
                            purge_budget *budget)
{
    bool has_values = myl_table_has_values(table);
    myl_list rows = MYL_LIST(cx, one_row);

    MYL_TRY(collect(cx, table, prefix, budget->left, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        const one_row *row = myl_list_at(&rows, i);

        if (has_values)
            MYL_TRY(myl_store_remove(cx, table, row->key, row->value));
        else
            MYL_TRY(myl_store_delete(cx, table, row->key));
    }
    budget->left -= rows.count;
    return MYL_OK;
}

static bool begins(myl_table_id table, myl_str words)
{
    myl_str key = myl_str_of(myl_table_key(table));

    return myl_str_starts(key, words) && (key.len == words.len || key.at[words.len] == ',');
}

bool myl_room_table_is_keyed(myl_table_id table)
{
    return begins(table, MYL_S("u64 room"));
}

bool myl_room_table_is_by_user(myl_table_id table)
{
    return begins(table, MYL_S("u64 user, u64 room"));
}
