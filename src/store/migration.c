/* migration.c: brings an older schema forward, one step after another.
 *
 * Why:     a database must open with every later program; a step that has run is never run again.
 * Callers: environment.c at open, before any thread.
 * Holds:   a step and its new schema number are one commit: a crash leaves the schema before or after it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_own.h"

static myl_rc run_row(myl_ctx *cx, const myl_migration *row)
{
    MYL_TRY(row->run(cx));
    return myl_meta_set_number(cx, MYL_META_SCHEMA, row->version);
}

static myl_rc migrate_one(myl_ctx *cx, myl_txn *txn, const myl_migration *row)
{
    MYL_TRY(myl_write_begin(cx, txn));
    cx->txn = txn;
    myl_rc rc = myl_counters_read(cx, &txn->write->counters);
    if (rc == MYL_OK)
        rc = run_row(cx, row);
    if (rc == MYL_OK)
        rc = myl_clear_run(cx, txn);
    cx->txn = NULL;
    if (rc == MYL_OK)
        return myl_write_commit(cx, txn);
    myl_write_abort(txn);
    return rc;
}

myl_rc myl_migrate(myl_ctx *cx, myl_store *store, const myl_migration *rows, size_t count)
{
    myl_txn txn;
    myl_write write;
    myl_rc rc = MYL_OK;
    MYL_TRY(myl_writer_open(cx, store, &txn, &write));
    for (size_t i = 0; i < count && rc == MYL_OK; i++) {
        if (rows[i].version <= store->schema)
            continue;
        myl_log(cx, MYL_LOG_INFO, "store", "schema goes forward",
                MYL_LOG_INT("version", rows[i].version),
                MYL_LOG_STR("what", myl_str_of(rows[i].what)));
        rc = migrate_one(cx, &txn, &rows[i]);
        if (rc == MYL_OK)
            store->schema = rows[i].version;
    }
    myl_writer_close(&txn);
    return rc;
}
