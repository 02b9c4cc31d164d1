/* kv.c: reading and writing rows inside a transaction.
 *
 * Why:     everything that is stored passes here, so undo, record, limits and fault points are in one place.
 * Callers: every folder with tables, inside a snapshot (reads) or a change (both).
 * Threads: the transaction's.
 * Memory:  values read are borrowed from the map; keys and values written are copied by LMDB.
 * Holds:   a write is noted for undo before it is done; a write that failed marks its change as failed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_own.h"

#include <errno.h>

const myl_table_row myl_table_rows[MYL_TABLE_COUNT] = {
#define TABLE(name, form, key, value, owner) {#name, MYL_FORM_##form, key, value, owner},
#include "store/tables.def"
#undef TABLE
};

static myl_rc code_of(int rc)
{
    switch (rc) {
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return MYL_STORE_FULL;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH: return MYL_CORRUPT;
    case MDB_READERS_FULL: return MYL_BUSY;
    default: return MYL_STORE_FAILED;
    }
}

myl_rc myl_lmdb_fail(myl_ctx *cx, int rc, const char *doing, myl_table_id table)
{
    const char *name = table < MYL_TABLE_COUNT ? myl_table_rows[table].name : "database";
    return myl_fail(cx, code_of(rc), "%s %s: %s", doing, name, mdb_strerror(rc));
}

/* The open handle, or false when the file lacks the table: it is then empty. */
static bool handle_of(const myl_ctx *cx, myl_table_id table, MDB_dbi *out)
{
    MYL_ASSERT(cx->txn != NULL && table < MYL_TABLE_COUNT);
    *out = cx->txn->base->tables[table];
    return *out != 0;
}

/* May this key be read? */
static myl_rc readable(myl_ctx *cx, myl_str key)
{
    if (key.len < 1 || key.len > MYL_KEY_MAX)
        return myl_fail(cx, MYL_INTERNAL, "a key of %zu bytes", key.len);
    return myl_txn_step(cx);
}

/* ---- reads ---- */

myl_rc myl_store_get(myl_ctx *cx, myl_table_id table, myl_str key, myl_str *value)
{
    *value = MYL_ABSENT;
    MDB_dbi dbi;
    MYL_TRY(readable(cx, key));
    if (!handle_of(cx, table, &dbi))
        return MYL_OK;
    MDB_val k = myl_val(key);
    MDB_val v;
    int rc = mdb_get(cx->txn->lmdb, dbi, &k, &v);
    if (rc == 0)
        *value = myl_of_val(v);
    else if (rc != MDB_NOTFOUND)
        return myl_lmdb_fail(cx, rc, "get", table);
    return MYL_OK;
}

/* A place in a SET or FIXED table, and the cursor that stands there. */
typedef struct {
    myl_table_id table;
    MDB_val key;
    MDB_val value;
    MDB_cursor *cursor; /* NULL: there is no such place; otherwise leave() closes it */
} place;

static myl_rc find_place(myl_ctx *cx, place *at, MDB_cursor_op how)
{
    MDB_dbi dbi;
    at->cursor = NULL;
    MYL_ASSERT(myl_table_rows[at->table].form != MYL_FORM_MAP);
    MYL_TRY(readable(cx, myl_of_val(at->key)));
    if (!handle_of(cx, at->table, &dbi))
        return MYL_OK;
    int rc = mdb_cursor_open(cx->txn->lmdb, dbi, &at->cursor);
    if (rc != 0)
        return myl_lmdb_fail(cx, rc, "cursor on", at->table);
    rc = mdb_cursor_get(at->cursor, &at->key, &at->value, how);
    if (rc == 0)
        return MYL_OK;
    mdb_cursor_close(at->cursor);
    at->cursor = NULL;
    return rc == MDB_NOTFOUND ? MYL_OK : myl_lmdb_fail(cx, rc, "find in", at->table);
}

static void leave(place *at)
{
    if (at->cursor != NULL)
        mdb_cursor_close(at->cursor);
}

myl_rc myl_store_has(myl_ctx *cx, myl_table_id table, myl_str key, myl_str value, bool *out)
{
    place at = {.table = table, .key = myl_val(key), .value = myl_val(value)};
    *out = false;
    MYL_TRY(find_place(cx, &at, MDB_GET_BOTH));
    *out = at.cursor != NULL;
    leave(&at);
    return MYL_OK;
}

myl_rc myl_store_count(myl_ctx *cx, myl_table_id table, myl_str key, uint64_t *out)
{
    place at = {.table = table, .key = myl_val(key)};
    size_t count = 0;
    *out = 0;
    MYL_TRY(find_place(cx, &at, MDB_SET));
    int rc = at.cursor != NULL ? mdb_cursor_count(at.cursor, &count) : 0;
    leave(&at);
    if (rc != 0)
        return myl_lmdb_fail(cx, rc, "count in", table);
    *out = count;
    return MYL_OK;
}

/* ---- writes ---- */

/* A failed write: the change that made it is lost. */
static myl_rc refuse(myl_ctx *cx, myl_rc rc)
{
    myl_write *write = cx->txn->write;
    if (write->failed == MYL_OK)
        write->failed = rc;
    return rc;
}

/* LMDB has refused a write that was well-formed: nothing more can be done in this transaction. */
static myl_rc broken(myl_ctx *cx, int rc, const char *doing, myl_table_id table)
{
    myl_rc ours = myl_lmdb_fail(cx, rc, doing, table);
    if (cx->txn->write->broken == MYL_OK)
        cx->txn->write->broken = ours;
    return refuse(cx, ours);
}

/* FIXED tables: the length that all values have, learnt from the first. */
static bool length_fits(myl_txn *txn, myl_table_id table, size_t len)
{
    if (myl_table_rows[table].form != MYL_FORM_FIXED)
        return true;
    uint32_t known = 0;
    _Atomic uint32_t *bytes = &txn->store->value_bytes[table];
    return atomic_compare_exchange_strong(bytes, &known, (uint32_t)len) || known == len;
}

/* What a change writes and what its undo list keeps of former values are bounded together. */
static myl_rc within_bytes(myl_ctx *cx)
{
    myl_write *write = cx->txn->write;
    if (!write->limited || write->bytes <= MYL_LIMIT_CHANGE_BYTES)
        return MYL_OK;
    return refuse(cx, myl_fail(cx, MYL_TOO_LARGE, "a change of more than %d bytes",
                               (int)MYL_LIMIT_CHANGE_BYTES));
}

/* May this row be written? Every write begins here. */
static myl_rc writable(myl_ctx *cx, myl_table_id table, myl_str key, myl_str value)
{
    MYL_ASSERT(cx->txn != NULL && cx->txn->write != NULL);
    myl_write *write = cx->txn->write;
    if (write->broken != MYL_OK)
        return refuse(cx, myl_fail(cx, write->broken, "the batch has failed"));
    if (MYL_FAULT(STORE_PUT))
        return refuse(cx, myl_fail(cx, MYL_STORE_FAILED, "fault point"));
    if (write->clear[table])
        return refuse(cx, myl_fail(cx, MYL_INTERNAL, "%s is being emptied",
                                   myl_table_rows[table].name));
    myl_rc rc = readable(cx, key);
    if (rc != MYL_OK)
        return refuse(cx, rc);
    write->bytes += key.len + value.len;
    return within_bytes(cx);
}

/* The same for a value of a SET or FIXED table. */
static myl_rc value_writable(myl_ctx *cx, myl_table_id table, myl_str key, myl_str value)
{
    MYL_ASSERT(myl_table_rows[table].form != MYL_FORM_MAP);
    MYL_TRY(writable(cx, table, key, value));
    if (value.len < 1 || value.len > MYL_KEY_MAX || !length_fits(cx->txn, table, value.len))
        return refuse(cx, myl_fail(cx, MYL_INTERNAL, "a value of %zu bytes in %s", value.len,
                                   myl_table_rows[table].name));
    return MYL_OK;
}

static void written(myl_ctx *cx, myl_record_kind kind, myl_table_id table, myl_str key,
                    myl_str value)
{
    myl_write *write = cx->txn->write;
    write->rows++;
    if (write->recording)
        myl_record_row(write, kind, table, key, value);
}

myl_rc myl_store_put(myl_ctx *cx, myl_table_id table, myl_str key, myl_str value)
{
    MYL_ASSERT(myl_table_rows[table].form == MYL_FORM_MAP);
    MYL_TRY(writable(cx, table, key, value));
    myl_txn *txn = cx->txn;
    MDB_val k = myl_val(key);
    MDB_val v = myl_val(value);
    int rc = mdb_put(txn->lmdb, txn->base->tables[table], &k, &v, MDB_NOOVERWRITE);
    if (rc == MDB_KEYEXIST) {
        if (v.mv_size == value.len &&
            (value.len == 0 || memcmp(v.mv_data, value.at, value.len) == 0))
            return MYL_OK;
        myl_undo_note(txn->write, MYL_UNDO_PUT, table, key, myl_of_val(v));
        v = myl_val(value);
        rc = mdb_put(txn->lmdb, txn->base->tables[table], &k, &v, 0);
    } else if (rc == 0) {
        myl_undo_note(txn->write, MYL_UNDO_DELETE, table, key, MYL_ABSENT);
    }
    if (rc != 0)
        return broken(cx, rc, "put in", table);
    written(cx, MYL_RECORD_PUT, table, key, value);
    return MYL_OK;
}

myl_rc myl_store_append(myl_ctx *cx, myl_table_id table, myl_str key, myl_str value)
{
    MYL_ASSERT(myl_table_rows[table].form == MYL_FORM_MAP);
    MYL_TRY(writable(cx, table, key, value));
    myl_txn *txn = cx->txn;
    MDB_val k = myl_val(key);
    MDB_val v = myl_val(value);
    int rc = mdb_put(txn->lmdb, txn->base->tables[table], &k, &v, MDB_APPEND);
    if (rc == MDB_KEYEXIST)
        return refuse(cx, myl_fail(cx, MYL_CORRUPT, "append to %s: the key is not the greatest",
                                   myl_table_rows[table].name));
    if (rc != 0)
        return broken(cx, rc, "append to", table);
    myl_undo_note(txn->write, MYL_UNDO_DELETE, table, key, MYL_ABSENT);
    written(cx, MYL_RECORD_APPEND, table, key, value);
    return MYL_OK;
}

/* Notes every value of a SET's key, which is about to go. *count: how many there are. */
static myl_rc note_values(myl_ctx *cx, myl_table_id table, myl_str key, size_t *count)
{
    place at = {.table = table, .key = myl_val(key)};
    *count = 0;
    MYL_TRY(find_place(cx, &at, MDB_SET_KEY));
    int rc = at.cursor != NULL ? 0 : MDB_NOTFOUND;
    while (rc == 0) {
        myl_undo_note(cx->txn->write, MYL_UNDO_ADD, table, key, myl_of_val(at.value));
        (*count)++;
        if (within_bytes(cx) != MYL_OK)
            break;
        rc = mdb_cursor_get(at.cursor, &at.key, &at.value, MDB_NEXT_DUP);
    }
    leave(&at);
    MYL_TRY(cx->txn->write->failed);
    return rc == MDB_NOTFOUND ? MYL_OK : broken(cx, rc, "scan", table);
}

myl_rc myl_store_delete(myl_ctx *cx, myl_table_id table, myl_str key)
{
    MYL_TRY(writable(cx, table, key, MYL_ABSENT));
    myl_txn *txn = cx->txn;
    size_t count = 0;
    if (myl_table_rows[table].form == MYL_FORM_MAP) {
        myl_str old;
        MYL_TRY(myl_store_get(cx, table, key, &old));
        count = myl_str_present(old) ? 1 : 0;
        if (count == 1)
            myl_undo_note(txn->write, MYL_UNDO_PUT, table, key, old);
    } else {
        MYL_TRY(note_values(cx, table, key, &count));
    }
    if (count == 0)
        return MYL_OK;
    MDB_val k = myl_val(key);
    int rc = mdb_del(txn->lmdb, txn->base->tables[table], &k, NULL);
    if (rc != 0)
        return broken(cx, rc, "delete in", table);
    written(cx, MYL_RECORD_DELETE, table, key, MYL_ABSENT);
    return MYL_OK;
}

myl_rc myl_store_add(myl_ctx *cx, myl_table_id table, myl_str key, myl_str value)
{
    MYL_TRY(value_writable(cx, table, key, value));
    myl_txn *txn = cx->txn;
    MDB_val k = myl_val(key);
    MDB_val v = myl_val(value);
    int rc = mdb_put(txn->lmdb, txn->base->tables[table], &k, &v, MDB_NODUPDATA);
    if (rc == MDB_KEYEXIST)
        return MYL_OK;
    if (rc != 0)
        return broken(cx, rc, "add to", table);
    myl_undo_note(txn->write, MYL_UNDO_REMOVE, table, key, value);
    written(cx, MYL_RECORD_ADD, table, key, value);
    return MYL_OK;
}

myl_rc myl_store_remove(myl_ctx *cx, myl_table_id table, myl_str key, myl_str value)
{
    MYL_TRY(value_writable(cx, table, key, value));
    myl_txn *txn = cx->txn;
    MDB_val k = myl_val(key);
    MDB_val v = myl_val(value);
    int rc = mdb_del(txn->lmdb, txn->base->tables[table], &k, &v);
    if (rc == MDB_NOTFOUND)
        return MYL_OK;
    if (rc != 0)
        return broken(cx, rc, "remove from", table);
    myl_undo_note(txn->write, MYL_UNDO_ADD, table, key, value);
    written(cx, MYL_RECORD_REMOVE, table, key, value);
    return MYL_OK;
}

myl_rc myl_store_clear(myl_ctx *cx, myl_table_id table)
{
    MYL_TRY(writable(cx, table, MYL_S("clear"), MYL_ABSENT));
    cx->txn->write->clear[table] = true;
    cx->txn->write->clears = true;
    return MYL_OK;
}

myl_rc myl_clear_run(myl_ctx *cx, myl_txn *txn)
{
    myl_write *write = txn->write;
    for (int table = 0; write->clears && table < MYL_TABLE_COUNT; table++) {
        if (!write->clear[table])
            continue;
        int rc = mdb_drop(txn->lmdb, txn->base->tables[table], 0);
        if (rc != 0)
            return broken(cx, rc, "clear", (myl_table_id)table);
        written(cx, MYL_RECORD_CLEAR, (myl_table_id)table, MYL_ABSENT, MYL_ABSENT);
        write->clear[table] = false;
    }
    write->clears = false;
    return MYL_OK;
}
