/* nodes.c: keeps the state tree's nodes for rules/, numbered in the order in which they are appended.
 *
 * Callers: room/ hands myl_store_nodes to the tree's functions.
 * Threads: the transaction's.
 * Holds:   a node's number is greater than every earlier one, so children come before their parents. A change
 *          that is undone gives its numbers back with its rows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_own.h"

/* Numbers of what a snapshot appends: no store has so many. */
#define SCRATCH_FIRST ((uint64_t)1 << 62)

static myl_rc scratch_read(myl_ctx *cx, uint64_t number, myl_str *bytes)
{
    const myl_list *scratch = &cx->txn->scratch;
    if (number - SCRATCH_FIRST >= scratch->count)
        return myl_fail(cx, MYL_CORRUPT, "no tree node has this number");
    *bytes = myl_list_get(scratch, myl_str, number - SCRATCH_FIRST);
    return MYL_OK;
}

static myl_rc scratch_append(void *arg, myl_ctx *cx, myl_str bytes, uint64_t *number)
{
    MYL_ASSERT(cx->txn == arg);
    *number = SCRATCH_FIRST + cx->txn->scratch.count;
    myl_list_push(&cx->txn->scratch, myl_str, myl_keep(cx, bytes));
    return MYL_OK;
}

static myl_rc node_read(void *arg, myl_ctx *cx, uint64_t number, myl_str *bytes)
{
    MYL_ASSERT(cx->txn == arg);
    myl_key key = myl_key_of_u64(number);
    if (number >= SCRATCH_FIRST)
        return scratch_read(cx, number, bytes);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_NODES, myl_key_str(&key), bytes));
    if (!myl_str_present(*bytes))
        return myl_fail(cx, MYL_CORRUPT, "no tree node has number %llu",
                        (unsigned long long)number);
    return MYL_OK;
}

static myl_rc node_append(void *arg, myl_ctx *cx, myl_str bytes, uint64_t *number)
{
    MYL_ASSERT(cx->txn == arg);
    uint64_t next = cx->txn->write->counters.node + 1;
    myl_key key = myl_key_of_u64(next);
    MYL_TRY(myl_store_append(cx, MYL_TABLE_NODES, myl_key_str(&key), bytes));
    cx->txn->write->counters.node = next;
    *number = next;
    return MYL_OK;
}

void myl_nodes_prepare(myl_txn *txn)
{
    txn->nodes.read = node_read;
    txn->nodes.append = txn->write != NULL ? node_append : NULL;
    txn->nodes.arg = txn;
    memset(&txn->scratch, 0, sizeof(txn->scratch));
    memcpy(txn->nodes.digest_key, txn->store->digest_key, sizeof(txn->nodes.digest_key));
}

const myl_tree_nodes *myl_store_nodes(myl_ctx *cx)
{
    MYL_ASSERT(cx->txn != NULL);
    return &cx->txn->nodes;
}

void myl_snapshot_scratch(myl_ctx *cx)
{
    MYL_ASSERT(cx->txn != NULL && cx->txn->write == NULL);
    cx->txn->scratch = MYL_LIST(cx, myl_str);
    cx->txn->nodes.append = scratch_append;
}
