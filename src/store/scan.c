/* scan.c: steps through rows in key order, both ways.
 *
 * Callers: every folder with tables, inside a transaction.
 * Threads: the transaction's.
 * Memory:  a scan is a small handle in the job; its cursor is the transaction's and serves again after the end,
 *          so memory given back by a mark never leaves a cursor open.
 * Holds:   a scan that has ended answers "the end" until its transaction ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_own.h"

#include <myelin/base_list.h>

struct myl_scan {
    myl_ctx *cx;
    myl_table_id table;
    myl_cursor *cursor; /* NULL: over */
};

/* ---- cursors of a transaction ---- */

static myl_cursor *cursor_take(myl_txn *txn)
{
    myl_cursor *cursor = txn->spare;
    if (cursor != NULL)
        txn->spare = cursor->next;
    else
        cursor = myl_process_alloc(sizeof(*cursor));
    cursor->txn = txn;
    cursor->lmdb = NULL;
    cursor->at = MYL_SCAN_OVER;
    cursor->next = txn->cursors;
    cursor->link = &txn->cursors;
    if (cursor->next != NULL)
        cursor->next->link = &cursor->next;
    txn->cursors = cursor;
    return cursor;
}

static void cursor_give(myl_cursor *cursor)
{
    if (cursor->lmdb != NULL)
        mdb_cursor_close(cursor->lmdb);
    cursor->lmdb = NULL;
    *cursor->link = cursor->next;
    if (cursor->next != NULL)
        cursor->next->link = cursor->link;
    cursor->next = cursor->txn->spare;
    cursor->txn->spare = cursor;
}

void myl_txn_end_scans(myl_txn *txn)
{
    while (txn->cursors != NULL)
        cursor_give(txn->cursors);
}

/* ---- the first row ---- */

/* The first row at or after `key`. */
static int go_forward(MDB_cursor *lmdb, myl_str key)
{
    MDB_val k = myl_val(key);
    MDB_val v;
    if (key.len == 0)
        return mdb_cursor_get(lmdb, &k, &v, MDB_FIRST);
    return mdb_cursor_get(lmdb, &k, &v, MDB_SET_RANGE);
}

/* The last row before `key`; with `inclusive`, the last one of `key` itself if it is there. */
static int go_backward(MDB_cursor *lmdb, myl_str key, bool inclusive)
{
    MDB_val k = myl_val(key);
    MDB_val v;
    int rc = mdb_cursor_get(lmdb, &k, &v, MDB_SET_RANGE);
    if (rc == MDB_NOTFOUND)
        return mdb_cursor_get(lmdb, &k, &v, MDB_LAST);
    if (rc != 0)
        return rc;
    if (inclusive && myl_str_equal(myl_of_val(k), key)) {
        /* Past the values of this key, then one back; at the table's end, the last of all. */
        rc = mdb_cursor_get(lmdb, &k, &v, MDB_NEXT_NODUP);
        if (rc == MDB_NOTFOUND)
            return mdb_cursor_get(lmdb, &k, &v, MDB_LAST);
        if (rc != 0)
            return rc;
    }
    return mdb_cursor_get(lmdb, &k, &v, MDB_PREV);
}

/* The smallest text greater than all that begin with the cursor's prefix; empty when there is none. */
static myl_str after_prefix(const myl_cursor *cursor, char room[MYL_KEY_MAX])
{
    size_t len = cursor->prefix_len;
    while (len > 0 && (unsigned char)cursor->prefix[len - 1] == 0xff)
        len--;
    if (len == 0)
        return (myl_str){room, 0};
    memcpy(room, cursor->prefix, len);
    room[len - 1] = (char)((unsigned char)room[len - 1] + 1);
    return (myl_str){room, len};
}

static int find_first(myl_cursor *cursor, myl_str from, myl_direction direction)
{
    myl_str prefix = {cursor->prefix, cursor->prefix_len};
    char room[MYL_KEY_MAX];
    if (direction == MYL_FORWARD)
        return go_forward(cursor->lmdb, myl_str_present(from) && myl_str_compare(from, prefix) > 0
                                            ? from
                                            : prefix);
    bool inside = myl_str_present(from) && from.len > 0 && myl_str_starts(from, prefix);
    if (inside)
        return go_backward(cursor->lmdb, from, true);
    if (myl_str_present(from) && myl_str_compare(from, prefix) <= 0)
        return MDB_NOTFOUND;
    myl_str after = after_prefix(cursor, room);
    MDB_val k;
    MDB_val v;
    if (after.len == 0)
        return mdb_cursor_get(cursor->lmdb, &k, &v, MDB_LAST);
    return go_backward(cursor->lmdb, after, false);
}

/* The first value of `key` at or beyond `from`. */
static int find_value(myl_cursor *cursor, myl_str key, myl_str from, myl_direction direction)
{
    MDB_val k = myl_val(key);
    MDB_val v = myl_val(from);
    MDB_val last;
    bool present = myl_str_present(from);
    if (direction == MYL_FORWARD)
        return mdb_cursor_get(cursor->lmdb, &k, &v, present ? MDB_GET_BOTH_RANGE : MDB_SET);
    int rc = present ? mdb_cursor_get(cursor->lmdb, &k, &v, MDB_GET_BOTH_RANGE) : MDB_NOTFOUND;
    if (rc == 0) {
        if (myl_str_equal(myl_of_val(v), from))
            return 0;
        return mdb_cursor_get(cursor->lmdb, &k, &v, MDB_PREV_DUP);
    }
    if (rc != MDB_NOTFOUND)
        return rc;
    k = myl_val(key);
    rc = mdb_cursor_get(cursor->lmdb, &k, &v, MDB_SET);
    return rc != 0 ? rc : mdb_cursor_get(cursor->lmdb, &k, &last, MDB_LAST_DUP);
}

/* ---- start ---- */

/* A scan with a cursor on its table; over at once when the file lacks the table. */
static myl_rc scan_make(myl_ctx *cx, myl_table_id table, myl_scan **out)
{
    MYL_ASSERT(cx->txn != NULL && table < MYL_TABLE_COUNT);
    MYL_TRY(myl_txn_step(cx));
    myl_scan *scan = myl_new(cx, myl_scan);
    *scan = (myl_scan){cx, table, NULL};
    *out = scan;
    MDB_dbi dbi = cx->txn->base->tables[table];
    if (dbi == 0)
        return MYL_OK;
    scan->cursor = cursor_take(cx->txn);
    int rc = mdb_cursor_open(cx->txn->lmdb, dbi, &scan->cursor->lmdb);
    if (rc == 0)
        return MYL_OK;
    myl_scan_end(scan);
    return myl_lmdb_fail(cx, rc, "scan", table);
}

/* The answer of a search for the first row. */
static myl_rc scan_begin(myl_scan *scan, int rc)
{
    if (rc == 0) {
        scan->cursor->at = MYL_SCAN_FIRST;
        return MYL_OK;
    }
    myl_scan_end(scan);
    return rc == MDB_NOTFOUND ? MYL_OK : myl_lmdb_fail(scan->cx, rc, "scan", scan->table);
}

myl_rc myl_scan_start(myl_ctx *cx, myl_table_id table, myl_str prefix, myl_str from,
                      myl_direction direction, myl_scan **out)
{
    if (prefix.len > MYL_KEY_MAX || from.len > MYL_KEY_MAX)
        return myl_fail(cx, MYL_INTERNAL, "a scan from a key of %zu bytes", prefix.len + from.len);
    MYL_TRY(scan_make(cx, table, out));
    myl_cursor *cursor = (*out)->cursor;
    if (cursor == NULL)
        return MYL_OK;
    cursor->step = direction == MYL_FORWARD ? MDB_NEXT : MDB_PREV;
    cursor->prefix_len = prefix.len;
    if (prefix.len > 0)
        memcpy(cursor->prefix, prefix.at, prefix.len);
    return scan_begin(*out, find_first(cursor, from, direction));
}

myl_rc myl_scan_values(myl_ctx *cx, myl_table_id table, myl_str key, myl_str from,
                       myl_direction direction, myl_scan **out)
{
    MYL_ASSERT(myl_table_rows[table].form != MYL_FORM_MAP);
    if (key.len < 1 || key.len > MYL_KEY_MAX || from.len > MYL_KEY_MAX)
        return myl_fail(cx, MYL_INTERNAL, "a scan under a key of %zu bytes", key.len);
    MYL_TRY(scan_make(cx, table, out));
    myl_cursor *cursor = (*out)->cursor;
    if (cursor == NULL)
        return MYL_OK;
    cursor->step = direction == MYL_FORWARD ? MDB_NEXT_DUP : MDB_PREV_DUP;
    cursor->prefix_len = 0;
    return scan_begin(*out, find_value(cursor, key, from, direction));
}

/* ---- steps ---- */

myl_rc myl_scan_next(myl_scan *scan, myl_str *key, myl_str *value)
{
    *key = MYL_ABSENT;
    *value = MYL_ABSENT;
    myl_cursor *cursor = scan->cursor;
    if (cursor == NULL)
        return MYL_OK;
    MYL_TRY(myl_txn_step(scan->cx));
    MDB_val k;
    MDB_val v;
    MDB_cursor_op step = cursor->at == MYL_SCAN_FIRST ? MDB_GET_CURRENT : cursor->step;
    cursor->at = MYL_SCAN_MORE;
    int rc = mdb_cursor_get(cursor->lmdb, &k, &v, step);
    bool more = rc == 0 && k.mv_size >= cursor->prefix_len &&
                memcmp(k.mv_data, cursor->prefix, cursor->prefix_len) == 0;
    if (more) {
        *key = myl_of_val(k);
        *value = myl_of_val(v);
        return MYL_OK;
    }
    myl_scan_end(scan);
    return rc == 0 || rc == MDB_NOTFOUND ? MYL_OK
                                         : myl_lmdb_fail(scan->cx, rc, "scan", scan->table);
}

void myl_scan_end(myl_scan *scan)
{
    if (scan->cursor != NULL)
        cursor_give(scan->cursor);
    scan->cursor = NULL;
}

/* ---- many at once ---- */

/* The keys come first: a change does not write to a table that it scans. */
myl_rc myl_store_delete_under(myl_ctx *cx, myl_table_id table, myl_str prefix, size_t most,
                              size_t *deleted)
{
    myl_list keys = MYL_LIST(cx, myl_str);
    myl_scan *scan;
    myl_str key, value;

    MYL_TRY(myl_scan_start(cx, table, prefix, MYL_ABSENT, MYL_FORWARD, &scan));
    while (keys.count < most) {
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            break;
        myl_list_push(&keys, myl_str, myl_keep(cx, key));
    }
    myl_scan_end(scan);
    for (size_t i = 0; i < keys.count; i++)
        MYL_TRY(myl_store_delete(cx, table, myl_list_get(&keys, myl_str, i)));
    if (deleted != NULL)
        *deleted = keys.count;
    return MYL_OK;
}
