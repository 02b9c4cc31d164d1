/* record.c: a batch as bytes, and such bytes put onto another store.
 *
 * Why:     continuous backup, replicas and fail-over ship batches; ids, clocks and random values are already
 *          in them, so a replay in order gives the same rows.
 * Callers: kv.c for each write while somebody records; engine.c hands the bytes over before the commit.
 * Threads: the writer's.
 * Memory:  the record lives in write->batch.
 * Holds:   form: u8 version (1), then rows of
 *            u8 TABLE, u8 number, u8 length, name            before the first row of that table
 *            u8 kind, u8 number, u32 key length, u32 value length, key, value
 *          A change that is undone leaves nothing in it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_own.h"

#include <myelin/store_check.h>

#define RECORD_VERSION 1

_Static_assert(MYL_TABLE_COUNT < 255, "a table's number is one byte in records");

/* ---- writing ---- */

void myl_record_start(myl_write *write)
{
    write->record = MYL_TEXT(&write->batch);
    memset(write->named, 0, sizeof(write->named));
    myl_text_add_byte(&write->record, RECORD_VERSION);
}

static void add_u32(myl_text *record, size_t value)
{
    myl_key bytes = myl_key_start();
    myl_key_u32(&bytes, (uint32_t)value);
    myl_text_add(record, myl_key_str(&bytes));
}

static void name_table(myl_write *write, myl_table_id table)
{
    myl_str name = myl_str_of(myl_table_rows[table].name);
    write->named[table] = true;
    myl_text_add_byte(&write->record, MYL_RECORD_TABLE);
    myl_text_add_byte(&write->record, (char)table);
    myl_text_add_byte(&write->record, (char)name.len);
    myl_text_add(&write->record, name);
}

void myl_record_row(myl_write *write, myl_record_kind kind, myl_table_id table, myl_str key,
                    myl_str value)
{
    if (!write->named[table])
        name_table(write, table);
    myl_text_add_byte(&write->record, (char)kind);
    myl_text_add_byte(&write->record, (char)table);
    add_u32(&write->record, key.len);
    add_u32(&write->record, value.len);
    myl_text_add(&write->record, key);
    myl_text_add(&write->record, value);
}

myl_rc myl_record_meta(myl_ctx *cx)
{
    myl_scan *scan;
    myl_str key;
    myl_str value;
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_META, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            return MYL_OK;
        myl_record_row(cx->txn->write, MYL_RECORD_PUT, MYL_TABLE_META, key, value);
    }
}

/* ---- replay ---- */

typedef struct {
    myl_ctx *cx;
    myl_str rest;
    int table[256]; /* number in the record -> our table; -1: not named yet */
} replay;

static myl_rc bad_record(const replay *at)
{
    return myl_fail(at->cx, MYL_CORRUPT, "a record is cut or damaged %zu bytes before its end",
                    at->rest.len);
}

static myl_rc learn_table(replay *at)
{
    uint8_t number;
    uint8_t len;
    myl_str name;
    if (!myl_cut_u8(&at->rest, &number) || !myl_cut_u8(&at->rest, &len) ||
        !myl_cut_bytes(&at->rest, len, &name))
        return bad_record(at);
    myl_table_id table;
    if (!myl_table_of(name, &table))
        return myl_fail(at->cx, MYL_CORRUPT, "a record names table %.*s, which this program lacks",
                        MYL_FMT(name));
    at->table[number] = (int)table;
    return MYL_OK;
}

/* An appended row may be there already when a record is replayed a second time. */
static myl_rc put_at_end(myl_ctx *cx, myl_table_id table, myl_str key, myl_str value)
{
    myl_scan *scan;
    myl_str last;
    myl_str unused;
    MYL_TRY(myl_scan_start(cx, table, MYL_ABSENT, MYL_ABSENT, MYL_BACKWARD, &scan));
    MYL_TRY(myl_scan_next(scan, &last, &unused));
    bool greater = !myl_str_present(last) || myl_str_compare(key, last) > 0;
    myl_scan_end(scan);
    return greater ? myl_store_append(cx, table, key, value) : myl_store_put(cx, table, key, value);
}

static myl_rc replay_row(replay *at, uint8_t kind, myl_table_id table, myl_str key, myl_str value)
{
    bool is_map = myl_table_rows[table].form == MYL_FORM_MAP;
    bool wants_map = kind == MYL_RECORD_PUT || kind == MYL_RECORD_APPEND;
    bool wants_set = kind == MYL_RECORD_ADD || kind == MYL_RECORD_REMOVE;
    if ((wants_map && !is_map) || (wants_set && is_map))
        return bad_record(at);
    switch (kind) {
    case MYL_RECORD_PUT: return myl_store_put(at->cx, table, key, value);
    case MYL_RECORD_APPEND: return put_at_end(at->cx, table, key, value);
    case MYL_RECORD_DELETE: return myl_store_delete(at->cx, table, key);
    case MYL_RECORD_ADD: return myl_store_add(at->cx, table, key, value);
    case MYL_RECORD_REMOVE: return myl_store_remove(at->cx, table, key, value);
    case MYL_RECORD_CLEAR:
        MYL_TRY(myl_store_clear(at->cx, table));
        return myl_clear_run(at->cx, at->cx->txn);
    default: return bad_record(at);
    }
}

static myl_rc replay_next(replay *at)
{
    uint8_t kind;
    uint8_t number;
    uint32_t key_len;
    uint32_t value_len;
    myl_str key;
    myl_str value;
    if (!myl_cut_u8(&at->rest, &kind))
        return bad_record(at);
    if (kind == MYL_RECORD_TABLE)
        return learn_table(at);
    if (!myl_cut_u8(&at->rest, &number) || at->table[number] < 0 ||
        !myl_cut_u32(&at->rest, &key_len) || !myl_cut_u32(&at->rest, &value_len) ||
        !myl_cut_bytes(&at->rest, key_len, &key) || !myl_cut_bytes(&at->rest, value_len, &value))
        return bad_record(at);
    return replay_row(at, kind, (myl_table_id)at->table[number], key, value);
}

static myl_rc replay_rows(myl_ctx *cx, myl_str batch)
{
    replay at = {.cx = cx, .rest = batch};
    uint8_t version;
    for (size_t i = 0; i < sizeof(at.table) / sizeof(at.table[0]); i++)
        at.table[i] = -1;
    if (!myl_cut_u8(&at.rest, &version) || version != RECORD_VERSION)
        return bad_record(&at);
    while (at.rest.len > 0)
        MYL_TRY(replay_next(&at));
    return MYL_OK;
}

static myl_rc replay_in(myl_ctx *cx, myl_txn *txn, myl_str batch)
{
    MYL_TRY(myl_write_begin(cx, txn));
    cx->txn = txn;
    myl_rc rc = replay_rows(cx, batch);
    /* The digest key comes with the first record. */
    if (rc == MYL_OK)
        rc = myl_meta_load(cx, txn->store);
    cx->txn = NULL;
    if (rc == MYL_OK)
        return myl_write_commit(cx, txn);
    myl_write_abort(txn);
    return rc;
}

myl_rc myl_store_replay(myl_ctx *cx, myl_store *store, myl_str batch)
{
    myl_txn txn;
    myl_write write;
    MYL_TRY(myl_writer_open(cx, store, &txn, &write));
    myl_rc rc = replay_in(cx, &txn, batch);
    myl_writer_close(&txn);
    return rc;
}
