/* tree_check.c: derives again what the nodes of the state tree say of themselves.
 *
 * Why:     a digest that is wrong makes two different states look equal; nothing else would notice.
 * Callers: store/check.c, for `myelin check`.
 * Threads: as the callbacks.
 * Memory:  the caller's array of sums, filled from the first node to the last.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/tree_own.h"

static myl_rc add_child(myl_ctx *cx, uint64_t number, const myl_tree_sum *child, myl_tree_sum *sum)
{
    if (child->entries < 2 || child->is_root)
        return myl_fail(cx, MYL_CORRUPT, "a child of state node %llu is no inner node",
                        (unsigned long long)number);
    sum->digest.low += child->digest.low;
    sum->digest.high += child->digest.high;
    sum->entries += child->entries;
    return MYL_OK;
}

static void add_leaf(const myl_tree_nodes *nodes, const tree_item *slot, myl_tree_sum *sum)
{
    myl_tree_entry entry = {slot->type, slot->state_key, slot->number};
    myl_digest element = myl_tree_element(nodes, &entry);
    sum->digest.low += element.low;
    sum->digest.high += element.high;
    sum->entries++;
}

static bool agrees(const tree_node *node, const myl_tree_sum *sum)
{
    return !node->is_root ||
           (node->entries == sum->entries && node->digest.low == sum->digest.low &&
            node->digest.high == sum->digest.high);
}

myl_rc myl_tree_verify(myl_ctx *cx, const myl_tree_nodes *nodes, uint64_t number,
                       const myl_tree_sum *sums, myl_tree_sum *out)
{
    tree_node node;
    myl_str bytes;
    *out = (myl_tree_sum){.entries = 0};
    MYL_TRY(nodes->read(nodes->arg, cx, number, &bytes));
    bool is_root = bytes.len > 0 && (bytes.at[0] & 0x80) != 0;
    MYL_TRY(myl_tree_read(cx, nodes, number, is_root ? 0 : 1, &node));
    myl_tree_sum sum = {.is_root = is_root};
    for (unsigned i = 0; i < TREE_FAN; i++) {
        if (node.slots[i].kind == TREE_NODE)
            MYL_TRY(add_child(cx, number, &sums[node.slots[i].number], &sum));
        if (node.slots[i].kind == TREE_LEAF)
            add_leaf(nodes, &node.slots[i], &sum);
    }
    if (!agrees(&node, &sum))
        return myl_fail(cx, MYL_CORRUPT,
                        "state root %llu: its digest or count is not that of its %llu entries",
                        (unsigned long long)number, (unsigned long long)sum.entries);
    *out = sum;
    return MYL_OK;
}
