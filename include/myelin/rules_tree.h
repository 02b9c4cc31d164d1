/* rules_tree.h: room state as a persistent tree: (type, state key) -> event, all by number.
 *
 * A hash-array-mapped trie with fan-out 16. The path is the type's number, then a mix of the state
 * key's number: one type is one subtree. A change rewrites one path; nodes are numbered in the
 * order in which they are appended, children before parents; the difference of two states skips
 * every shared subtree. Each root carries the keyed 128-bit set digest of its entries: states are
 * equal exactly when digests are. Pure: nodes come and go through callbacks; store/ keeps them.
 * Threads: as the callbacks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_RULES_TREE_H
#define MYELIN_RULES_TREE_H

#include <myelin/crypto_sign.h>

/* One entry. */
typedef struct {
    uint32_t type;      /* interned */
    uint64_t state_key; /* interned */
    uint64_t event;     /* the event's number; 0 in a change means "no such entry" */
} myl_tree_entry;

/* Number of a root node; 0 is the empty state. */
typedef uint64_t myl_tree_root;

typedef struct {
    /* Bytes of node `number`; valid until the next call on the same nodes. MYL_CORRUPT when not
     * there. */
    myl_rc (*read)(void *arg, myl_ctx *cx, uint64_t number, myl_str *bytes);
    /* Appends a node; its number is greater than every earlier one. NULL for read-only use. */
    myl_rc (*append)(void *arg, myl_ctx *cx, myl_str bytes, uint64_t *number);
    void *arg;
    uint8_t digest_key[32];
} myl_tree_nodes;

/* The event of (type, state key), 0 when there is none. */
myl_rc myl_tree_get(myl_ctx *cx, const myl_tree_nodes *nodes, myl_tree_root root, uint32_t type,
                    uint64_t state_key, uint64_t *event);
/* Applies `count` changes (event 0 removes) and appends the new path. Without effect: same root. */
myl_rc myl_tree_change(myl_ctx *cx, const myl_tree_nodes *nodes, myl_tree_root root,
                       const myl_tree_entry *changes, size_t count, myl_tree_root *out);
/* Calls `each` for every entry (type 0: all types). A value other than MYL_OK stops and is
 * returned. */
typedef myl_rc (*myl_tree_each)(void *arg, const myl_tree_entry *entry);
myl_rc myl_tree_walk(myl_ctx *cx, const myl_tree_nodes *nodes, myl_tree_root root, uint32_t type,
                     myl_tree_each each, void *arg);
/* The same in steps. They outlive a snapshot, for nodes never change; MYL_CORRUPT when the nodes have gone meanwhile. */
typedef struct myl_tree_steps myl_tree_steps;
myl_tree_steps *myl_tree_steps_start(myl_ctx *cx, myl_tree_root root, uint32_t type);
/* event 0: there are no more. */
myl_rc myl_tree_step(myl_ctx *cx, const myl_tree_nodes *nodes, myl_tree_steps *steps,
                     myl_tree_entry *out);
/* The same for every entry but those of a type, whose subtree is not read. */
myl_rc myl_tree_walk_without(myl_ctx *cx, const myl_tree_nodes *nodes, myl_tree_root root,
                             uint32_t type, myl_tree_each each, void *arg);
/* Calls `each` for every key whose event differs; 0 where a side has none. Cost follows the
 * difference. */
typedef myl_rc (*myl_tree_diff_each)(void *arg, uint32_t type, uint64_t state_key, uint64_t before,
                                     uint64_t after);
myl_rc myl_tree_diff(myl_ctx *cx, const myl_tree_nodes *nodes, myl_tree_root before,
                     myl_tree_root after, myl_tree_diff_each each, void *arg);
/* The set digest and the number of entries kept with the root. */
myl_rc myl_tree_digest(myl_ctx *cx, const myl_tree_nodes *nodes, myl_tree_root root,
                       myl_digest *out, uint64_t *entries);
/* Numbers of a node's children, for the sweep and `myelin check` (at most 16). */
myl_rc myl_tree_children(myl_ctx *cx, const myl_tree_nodes *nodes, uint64_t number,
                         uint64_t children[16], size_t *count);

/* For `myelin check`: what a node's subtree holds, derived again. `sums[n]` is the sum of node n,
 * for every n below `number`; all zero where there is no sound node. MYL_CORRUPT when the node, a
 * child or a root's own digest or count is wrong; then *out is all zero. */
typedef struct {
    myl_digest digest;
    uint64_t entries;
    bool is_root;
} myl_tree_sum;
myl_rc myl_tree_verify(myl_ctx *cx, const myl_tree_nodes *nodes, uint64_t number,
                       const myl_tree_sum *sums, myl_tree_sum *out);

#endif
