/* memory_nodes.c: see memory_nodes.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/memory_nodes.h"

static myl_rc read_node(void *arg, myl_ctx *cx, uint64_t number, myl_str *bytes)
{
    memory_nodes *nodes = arg;
    nodes->reads++;
    if (nodes->fail_after != 0 && nodes->reads >= nodes->fail_after)
        return myl_fail(cx, MYL_STORE_FAILED, "asked to fail");
    if (number == 0 || number > nodes->bytes.count)
        return myl_fail(cx, MYL_CORRUPT, "no such node");
    *bytes = myl_list_get(&nodes->bytes, myl_str, (size_t)number - 1);
    return MYL_OK;
}

static myl_rc append_node(void *arg, myl_ctx *cx, myl_str bytes, uint64_t *number)
{
    memory_nodes *nodes = arg;
    MYL_UNUSED(cx);
    nodes->written += bytes.len;
    myl_list_push(&nodes->bytes, myl_str, myl_keep(nodes->cx, bytes));
    *number = nodes->bytes.count;
    return MYL_OK;
}

memory_nodes *memory_nodes_start(myl_ctx *cx)
{
    memory_nodes *nodes = myl_new(cx, memory_nodes);
    nodes->cx = cx;
    nodes->bytes = MYL_LIST(cx, myl_str);
    nodes->nodes = (myl_tree_nodes){.read = read_node, .append = append_node, .arg = nodes};
    nodes->nodes.digest_key[0] = 7;
    return nodes;
}

uint64_t dice_roll(test_dice *dice, uint64_t below)
{
    dice->state ^= dice->state << 13;
    dice->state ^= dice->state >> 7;
    dice->state ^= dice->state << 17;
    return (dice->state >> 11) % below;
}
