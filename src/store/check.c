/* check.c: the store's own part of `myelin check`, and how checks are run and counted.
 *
 * Why:     a database that opens is not yet sound: what two tables say of one thing must agree.
 * Callers: cmd/check.c, over a snapshot of a stopped server.
 * Memory:  32 bytes for each node of the state tree; everything else is given back row by row.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_own.h"

#include <stdio.h>

#include <myelin/crypto_sign.h>
#include <myelin/store_check.h>

/* ---- running ---- */

void myl_check_wrong(myl_check *check, const char *format, ...)
{
    char line[512];
    va_list arguments;
    check->wrong++;
    if (check->lines++ >= MYL_LIMIT_CHECK_LINES)
        return;
    va_start(arguments, format);
    int len = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    size_t cut = len < 0 ? 0 : (size_t)len < sizeof(line) ? (size_t)len : sizeof(line) - 1;
    check->say(check->arg, (myl_str){line, cut});
}

void myl_check_seen(myl_check *check)
{
    check->rows++;
}

void myl_check_run(myl_ctx *cx, const myl_check_row *rows, myl_check *check)
{
    for (; rows->name != NULL; rows++) {
        myl_mark mark = myl_ctx_mark(cx);
        check->lines = 0;
        if (rows->run(cx, check) != MYL_OK)
            myl_check_wrong(check, "%s: %.*s", rows->name, MYL_FMT(cx->error.detail));
        myl_forgive(cx);
        myl_ctx_release(cx, mark);
    }
}

/* Calls `each` for every row of a table. */
static myl_rc each_row(myl_ctx *cx, myl_check *check, myl_table_id table,
                       myl_rc (*each)(myl_ctx *cx, myl_check *check, myl_str key, myl_str value))
{
    myl_scan *scan;
    myl_str key;
    myl_str value;
    MYL_TRY(myl_scan_start(cx, table, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            return MYL_OK;
        myl_mark mark = myl_ctx_mark(cx);
        MYL_TRY(each(cx, check, key, value));
        myl_ctx_release(cx, mark);
        myl_check_seen(check);
    }
}

/* ---- every table: rows in order, as many as the table says, of its form ---- */

typedef struct {
    myl_table_id table;
    uint64_t rows;
    size_t value_len; /* FIXED */
    size_t key_len;
    size_t last_len;
    char key[MYL_KEY_MAX];
    char last[MYL_KEY_MAX]; /* value, in SET and FIXED tables */
} table_walk;

static bool rises(const table_walk *walk, myl_str key, myl_str value)
{
    int order = myl_str_compare((myl_str){walk->key, walk->key_len}, key);
    if (order != 0 || myl_table_rows[walk->table].form == MYL_FORM_MAP)
        return order < 0;
    return myl_str_compare((myl_str){walk->last, walk->last_len}, value) < 0;
}

static void look_at_row(myl_check *check, table_walk *walk, myl_str key, myl_str value)
{
    const myl_table_row *row = &myl_table_rows[walk->table];
    if (walk->rows > 0 && !rises(walk, key, value))
        myl_check_wrong(check, "%s: row %llu is out of order", row->name,
                        (unsigned long long)walk->rows);
    if (walk->rows == 0)
        walk->value_len = value.len;
    if (row->form == MYL_FORM_FIXED && value.len != walk->value_len)
        myl_check_wrong(check, "%s: a value of %zu bytes among values of %zu", row->name, value.len,
                        walk->value_len);
    walk->rows++;
    walk->key_len = key.len;
    memcpy(walk->key, key.at, key.len);
    if (row->form != MYL_FORM_MAP) {
        walk->last_len = value.len;
        memcpy(walk->last, value.at, value.len);
    }
}

static myl_rc walk_table(myl_ctx *cx, myl_check *check, table_walk *walk)
{
    myl_scan *scan;
    myl_str key;
    myl_str value;
    uint64_t rows;
    uint64_t bytes;
    MYL_TRY(myl_scan_start(cx, walk->table, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            break;
        look_at_row(check, walk, key, value);
        myl_check_seen(check);
    }
    MYL_TRY(myl_table_size(cx, walk->table, &rows, &bytes));
    if (rows != walk->rows)
        myl_check_wrong(check, "%s: says %llu rows and has %llu", myl_table_rows[walk->table].name,
                        (unsigned long long)rows, (unsigned long long)walk->rows);
    return MYL_OK;
}

static myl_rc check_tables(myl_ctx *cx, myl_check *check)
{
    table_walk *walk = myl_new(cx, table_walk);
    for (int table = 0; table < MYL_TABLE_COUNT; table++) {
        walk->table = (myl_table_id)table;
        walk->rows = 0;
        MYL_TRY(walk_table(cx, check, walk));
    }
    return MYL_OK;
}

/* ---- META ---- */

static myl_rc check_meta_row(myl_ctx *cx, myl_check *check, myl_str key, myl_str value)
{
    MYL_UNUSED(cx);
    bool number = myl_str_equal(key, MYL_META_SCHEMA) || myl_str_equal(key, MYL_META_POSITION) ||
                  myl_str_equal(key, MYL_META_EPOCH) || myl_str_equal(key, MYL_META_NODE);
    bool numbers = myl_str_equal(key, MYL_META_FORMER);
    if (!number && !numbers && !myl_str_equal(key, MYL_META_DIGEST_KEY))
        myl_check_wrong(check, "META: an unknown row \"%.*s\"", MYL_FMT(key));
    else if (numbers ? value.len % 8 != 0 : value.len != (number ? 8 : 32))
        myl_check_wrong(check, "META: \"%.*s\" has %zu bytes", MYL_FMT(key), value.len);
    return MYL_OK;
}

static myl_rc check_meta(myl_ctx *cx, myl_check *check)
{
    uint64_t epoch;
    MYL_TRY(each_row(cx, check, MYL_TABLE_META, check_meta_row));
    MYL_TRY(myl_meta_number(cx, MYL_META_EPOCH, 0, &epoch));
    if (epoch == 0)
        myl_check_wrong(check, "META: there is no epoch");
    return MYL_OK;
}

/* ---- interned strings ---- */

/* A text must be found under its own hash, with its own number. */
static myl_rc check_text(myl_ctx *cx, myl_check *check, myl_str key, myl_str value)
{
    uint8_t kind;
    uint64_t id;
    uint64_t found;
    if (!myl_cut_u8(&key, &kind) || !myl_cut_u64(&key, &id) || key.len != 0 ||
        kind >= MYL_INTERN_KINDS || id == 0) {
        myl_check_wrong(check, "INTERN_TEXT: a bad key");
        return MYL_OK;
    }
    MYL_TRY(myl_store_interned(cx, (myl_intern)kind, value, &found));
    if (found != id)
        myl_check_wrong(check, "INTERN_TEXT: number %llu of kind %d is found as %llu",
                        (unsigned long long)id, kind, (unsigned long long)found);
    return MYL_OK;
}

/* A number must have a text with this hash. */
static myl_rc check_id(myl_ctx *cx, myl_check *check, myl_str key, myl_str value)
{
    uint8_t kind;
    uint64_t hash;
    uint64_t id;
    myl_str text;
    if (!myl_cut_u8(&key, &kind) || !myl_cut_u64(&key, &hash) || key.len != 0 ||
        kind >= MYL_INTERN_KINDS || !myl_cut_u64(&value, &id) || value.len != 0) {
        myl_check_wrong(check, "INTERN_ID: a bad row");
        return MYL_OK;
    }
    if (myl_store_text_of(cx, (myl_intern)kind, id, &text) != MYL_OK) {
        myl_check_wrong(check, "INTERN_ID: %.*s", MYL_FMT(cx->error.detail));
        myl_forgive(cx);
    } else if (myl_crypto_digest(cx->txn->store->digest_key, text).low != hash) {
        myl_check_wrong(check, "INTERN_ID: number %llu of kind %d stands under another hash",
                        (unsigned long long)id, kind);
    }
    return MYL_OK;
}

static myl_rc check_interned(myl_ctx *cx, myl_check *check)
{
    MYL_TRY(each_row(cx, check, MYL_TABLE_INTERN_TEXT, check_text));
    return each_row(cx, check, MYL_TABLE_INTERN_ID, check_id);
}

/* ---- the state tree ---- */

static void check_node(myl_ctx *cx, myl_check *check, uint64_t number, myl_tree_sum *sums)
{
    myl_mark mark = myl_ctx_mark(cx);
    if (myl_tree_verify(cx, myl_store_nodes(cx), number, sums, &sums[number]) != MYL_OK) {
        myl_check_wrong(check, "NODES: %.*s", MYL_FMT(cx->error.detail));
        myl_forgive(cx);
    }
    myl_ctx_release(cx, mark);
    myl_check_seen(check);
}

static myl_rc check_each_node(myl_ctx *cx, myl_check *check, uint64_t last, myl_tree_sum *sums)
{
    myl_scan *scan;
    myl_str key;
    myl_str value;
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_NODES, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan));
    for (;;) {
        uint64_t number = 0;
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            return MYL_OK;
        if (!myl_cut_u64(&key, &number) || key.len != 0 || number == 0 || number > last)
            myl_check_wrong(check, "NODES: a bad key");
        else
            check_node(cx, check, number, sums);
    }
}

static myl_rc check_nodes(myl_ctx *cx, myl_check *check)
{
    myl_counters counters;
    MYL_TRY(myl_counters_read(cx, &counters));
    if (counters.node > SIZE_MAX / sizeof(myl_tree_sum) - 1)
        return myl_fail(cx, MYL_CORRUPT, "NODES: the last number is %llu",
                        (unsigned long long)counters.node);
    myl_tree_sum *sums = myl_process_alloc((size_t)(counters.node + 1) * sizeof(*sums));
    myl_rc rc = check_each_node(cx, check, counters.node, sums);
    myl_process_free(sums);
    return rc;
}

const myl_check_row myl_store_checks[] = {
    {"tables", check_tables},    {"META", check_meta}, {"interned strings", check_interned},
    {"state tree", check_nodes}, {NULL, NULL},
};

/* ---- for the inspector ---- */

const char *myl_table_key(myl_table_id table)
{
    return myl_table_rows[table].key;
}

bool myl_table_has_values(myl_table_id table)
{
    return myl_table_rows[table].form != MYL_FORM_MAP;
}

const char *myl_table_name(myl_table_id table)
{
    return myl_table_rows[table].name;
}

bool myl_table_of(myl_str name, myl_table_id *out)
{
    for (int table = 0; table < MYL_TABLE_COUNT; table++) {
        if (myl_str_equal(name, myl_str_of(myl_table_rows[table].name))) {
            *out = (myl_table_id)table;
            return true;
        }
    }
    return false;
}

myl_rc myl_table_size(myl_ctx *cx, myl_table_id table, uint64_t *rows, uint64_t *bytes)
{
    MDB_stat stat;
    MDB_dbi dbi = cx->txn->base->tables[table];
    *rows = 0;
    *bytes = 0;
    if (dbi == 0)
        return MYL_OK;
    int rc = mdb_stat(cx->txn->lmdb, dbi, &stat);
    if (rc != 0)
        return myl_lmdb_fail(cx, rc, "size of", table);
    *rows = stat.ms_entries;
    *bytes = (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) * stat.ms_psize;
    return MYL_OK;
}
