/* meta.c: the rows that describe the database itself: schema, position, epochs, digest key.
 *
 * Callers: environment.c and migration.c at open, engine.c at each commit that gave out positions.
 * Threads: the transaction's.
 * Holds:   the position row is written once a commit; inside a change the newest one is in memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_own.h"

#include <myelin/crypto_sign.h>

myl_rc myl_meta_number(myl_ctx *cx, myl_str name, uint64_t missing, uint64_t *out)
{
    myl_str value;
    *out = missing;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_META, name, &value));
    if (myl_str_present(value) && (!myl_cut_u64(&value, out) || value.len != 0))
        return myl_fail(cx, MYL_CORRUPT, "META %.*s is no number", MYL_FMT(name));
    return MYL_OK;
}

myl_rc myl_meta_set_number(myl_ctx *cx, myl_str name, uint64_t value)
{
    myl_key bytes = myl_key_of_u64(value);
    return myl_store_put(cx, MYL_TABLE_META, name, myl_key_str(&bytes));
}

myl_rc myl_meta_create(myl_ctx *cx, uint32_t schema)
{
    uint8_t digest_key[32];
    myl_crypto_random(digest_key, sizeof(digest_key));
    MYL_TRY(myl_store_put(cx, MYL_TABLE_META, MYL_META_DIGEST_KEY,
                          (myl_str){(const char *)digest_key, sizeof(digest_key)}));
    MYL_TRY(myl_meta_set_number(cx, MYL_META_EPOCH, 1));
    return myl_meta_set_number(cx, MYL_META_SCHEMA, schema);
}

myl_rc myl_meta_load(myl_ctx *cx, myl_store *store)
{
    myl_str digest_key;
    uint64_t schema;
    MYL_TRY(myl_meta_number(cx, MYL_META_SCHEMA, 0, &schema));
    MYL_TRY(myl_store_get(cx, MYL_TABLE_META, MYL_META_DIGEST_KEY, &digest_key));
    if (digest_key.len != sizeof(store->digest_key) || schema == 0 || schema > UINT32_MAX)
        return myl_fail(cx, MYL_CORRUPT, "META lacks the schema or the digest key");
    memcpy(store->digest_key, digest_key.at, sizeof(store->digest_key));
    store->schema = (uint32_t)schema;
    return MYL_OK;
}

/* The last number under `prefix` in a table whose keys end with a u64. */
static myl_rc last_number(myl_ctx *cx, myl_table_id table, myl_str prefix, uint64_t *out)
{
    myl_scan *scan;
    myl_str key;
    myl_str value;
    *out = 0;
    MYL_TRY(myl_scan_start(cx, table, prefix, MYL_ABSENT, MYL_BACKWARD, &scan));
    MYL_TRY(myl_scan_next(scan, &key, &value));
    myl_scan_end(scan);
    if (!myl_str_present(key))
        return MYL_OK;
    key = myl_str_slice(key, prefix.len, key.len);
    if (!myl_cut_u64(&key, out) || key.len != 0)
        return myl_fail(cx, MYL_CORRUPT, "%s has a key of a wrong length",
                        myl_table_rows[table].name);
    return MYL_OK;
}

myl_rc myl_store_keep_node_number(myl_ctx *cx)
{
    return myl_meta_set_number(cx, MYL_META_NODE, cx->txn->write->counters.node);
}

myl_rc myl_counters_read(myl_ctx *cx, myl_counters *out)
{
    uint64_t kept;
    MYL_TRY(myl_meta_number(cx, MYL_META_POSITION, 0, &out->position));
    MYL_TRY(last_number(cx, MYL_TABLE_NODES, MYL_ABSENT, &out->node));
    MYL_TRY(myl_meta_number(cx, MYL_META_NODE, 0, &kept));
    if (kept > out->node)
        out->node = kept;
    for (uint8_t kind = 0; kind < MYL_INTERN_KINDS; kind++) {
        myl_key prefix = myl_key_start();
        myl_key_u8(&prefix, kind);
        MYL_TRY(last_number(cx, MYL_TABLE_INTERN_TEXT, myl_key_str(&prefix), &out->interned[kind]));
    }
    return MYL_OK;
}

myl_rc myl_store_position(myl_ctx *cx, uint64_t *out)
{
    MYL_ASSERT(cx->txn != NULL);
    if (cx->txn->write == NULL)
        return myl_meta_number(cx, MYL_META_POSITION, 0, out);
    *out = cx->txn->write->counters.position;
    return MYL_OK;
}

myl_rc myl_store_epoch(myl_ctx *cx, uint64_t *out)
{
    return myl_meta_number(cx, MYL_META_EPOCH, 1, out);
}

myl_rc myl_store_came_from(myl_ctx *cx, uint64_t epoch, bool *out)
{
    uint64_t one;
    myl_str former;

    MYL_TRY(myl_store_epoch(cx, &one));
    *out = one == epoch;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_META, MYL_META_FORMER, &former));
    while (!*out && myl_cut_u64(&former, &one))
        *out = one == epoch;
    return MYL_OK;
}

/* The oldest are forgotten where a database was restored that often. */
myl_rc myl_meta_add_former(myl_ctx *cx, uint64_t epoch)
{
    enum { ROW = sizeof(uint64_t), MOST = 1000 };
    myl_text row = MYL_TEXT(cx);
    myl_str former;

    MYL_TRY(myl_store_get(cx, MYL_TABLE_META, MYL_META_FORMER, &former));
    if (former.len >= MOST * ROW)
        former = myl_str_slice(former, ROW, SIZE_MAX);
    myl_text_add(&row, myl_str_present(former) ? former : MYL_S(""));
    myl_row_u64(&row, epoch);
    return myl_store_put(cx, MYL_TABLE_META, MYL_META_FORMER, myl_text_str(&row));
}
