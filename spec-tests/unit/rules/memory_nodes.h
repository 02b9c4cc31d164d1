/* memory_nodes.h: tree nodes in memory that count what is asked of them, and a small random source.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TEST_RULES_MEMORY_NODES_H
#define TEST_RULES_MEMORY_NODES_H

#include <myelin/base_list.h>
#include <myelin/rules_tree.h>

typedef struct {
    myl_ctx *cx;
    myl_list bytes; /* myl_str, by number - 1 */
    size_t reads;
    size_t written;    /* bytes appended */
    size_t fail_after; /* reads until every read fails; 0: never */
    myl_tree_nodes nodes;
} memory_nodes;

memory_nodes *memory_nodes_start(myl_ctx *cx);

/* The same numbers for the same seed, on every machine. */
typedef struct {
    uint64_t state;
} test_dice;
uint64_t dice_roll(test_dice *dice, uint64_t below);

#endif
