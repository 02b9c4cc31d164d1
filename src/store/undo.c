/* undo.c: takes back what one change wrote, and leaves what its neighbours in the batch wrote.
 *
 * Why:     a child transaction of LMDB costs 4 us a change, this list 1 us (docs/decisions/003-undo-list.md).
 * Callers: kv.c notes each step back before or after its write; engine.c runs the list when a change fails.
 * Memory:  the list lives in write->change, which is emptied when the next change starts.
 * Holds:   steps run newest first, so each finds the rows as its write had left them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_own.h"

#include <errno.h>

void myl_change_start(myl_txn *txn)
{
    myl_write *write = txn->write;
    myl_ctx_reset(&write->change);
    write->undo = NULL;
    write->bytes = 0;
    write->events = 0;
    write->steps = 0;
    write->cpu_from = 0;
    write->watch_ns = 0;
    write->failed = MYL_OK;
    if (write->clears)
        memset(write->clear, 0, sizeof(write->clear));
    write->clears = false;
}

void myl_undo_note(myl_write *write, int kind, myl_table_id table, myl_str key, myl_str value)
{
    if (!write->limited)
        return;
    write->bytes += value.len;
    size_t head = sizeof(myl_undo);
    myl_undo *undo = myl_alloc(&write->change, head + key.len + value.len);
    char *bytes = (char *)undo + head;
    memcpy(bytes, key.at, key.len);
    if (value.len > 0)
        memcpy(bytes + key.len, value.at, value.len);
    *undo = (myl_undo){.before = write->undo,
                       .kind = (unsigned char)kind,
                       .table = table,
                       .key = {bytes, key.len},
                       .value = {bytes + key.len, value.len}};
    write->undo = undo;
}

/* A value may be there still: a delete notes all values first, and may be refused before it takes them. */
static int add_back(myl_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *value)
{
    int rc = mdb_put(txn->lmdb, dbi, key, value, MDB_NODUPDATA);
    return rc == MDB_KEYEXIST ? 0 : rc;
}

static int step_back(myl_txn *txn, const myl_undo *undo)
{
    MDB_dbi dbi = txn->base->tables[undo->table];
    MDB_val k = myl_val(undo->key);
    MDB_val v = myl_val(undo->value);
    switch (undo->kind) {
    case MYL_UNDO_PUT: return mdb_put(txn->lmdb, dbi, &k, &v, 0);
    case MYL_UNDO_DELETE: return mdb_del(txn->lmdb, dbi, &k, NULL);
    case MYL_UNDO_ADD: return add_back(txn, dbi, &k, &v);
    case MYL_UNDO_REMOVE: return mdb_del(txn->lmdb, dbi, &k, &v);
    }
    return EINVAL;
}

myl_rc myl_undo_run(myl_ctx *cx, myl_txn *txn)
{
    myl_write *write = txn->write;
    for (; write->undo != NULL; write->undo = write->undo->before) {
        int rc = write->broken != MYL_OK ? 0 : step_back(txn, write->undo);
        if (rc != 0)
            write->broken = myl_lmdb_fail(cx, rc, "undo in", write->undo->table);
    }
    return write->broken;
}
