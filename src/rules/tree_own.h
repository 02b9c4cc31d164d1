/* tree_own.h: a node of the state tree in memory, and its bytes.
 *
 * The way to an entry is 24 nibbles: 8 of the type's number (lowest first), 16 of the mixed state
 * key. A node stands at `start`, skips the `skip` nibbles that all its entries share, and branches
 * on the next one. A slot with one entry holds it; a slot with more holds a child. The shape
 * follows from the entries alone.
 *
 * Bytes: skip (and ROOT_MARK), [digest 16, count varint], prefix nibbles two a byte, leaf mask u16,
 *        child mask u16,
 * then by slot: type, state key, event as varints, or the child's number as varint.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_RULES_TREE_OWN_H
#define MYELIN_RULES_TREE_OWN_H

#include <myelin/rules_tree.h>

#define TREE_TYPE_NIBBLES 8
#define TREE_NIBBLES 24 /* of a whole way; a node branches before that */
#define TREE_FAN 16
#define TREE_NODE_BYTES 512 /* more than the largest node takes */
/* Deepest stack of a walk: every level may leave all but one of its slots waiting. */
#define TREE_STACK (TREE_NIBBLES * TREE_FAN)

typedef enum { TREE_NONE, TREE_LEAF, TREE_NODE } tree_kind;

typedef struct {
    uint64_t number; /* NODE: its number; LEAF: the event */
    uint64_t state_key;
    uint32_t type;
    uint8_t kind;
    uint8_t start; /* NODE: the depth that its prefix begins at, as stored */
} tree_item;

typedef struct {
    tree_item slots[TREE_FAN];
    uint8_t prefix[TREE_NIBBLES]; /* prefix[i] is the nibble at depth start + i */
    uint8_t start;
    uint8_t skip;
    bool is_root;
    myl_digest digest; /* roots only */
    uint64_t entries;  /* roots only */
} tree_node;

typedef struct {
    uint64_t key;  /* the mixed state key */
    uint32_t type; /* the type with its lowest nibble first */
} tree_way;

tree_way myl_tree_way(uint32_t type, uint64_t state_key);

static inline uint8_t tree_nibble(tree_way way, unsigned depth)
{
    if (depth < TREE_TYPE_NIBBLES)
        return (uint8_t)(way.type >> (28 - 4 * depth) & 15);
    return (uint8_t)(way.key >> (60 - 4 * (depth - TREE_TYPE_NIBBLES)) & 15);
}

static inline unsigned tree_branch(const tree_node *node)
{
    return (unsigned)node->start + node->skip;
}

/* Depth of the first nibble in which the way leaves the node's prefix; its branch depth when it
 * does not. */
unsigned myl_tree_follow(const tree_node *node, tree_way way);
/* Reads a node that stands at `start`; 0 is the place of roots, and of nothing else. MYL_CORRUPT.
 * */
myl_rc myl_tree_read(myl_ctx *cx, const myl_tree_nodes *nodes, uint64_t number, unsigned start,
                     tree_node *out);
myl_rc myl_tree_append(myl_ctx *cx, const myl_tree_nodes *nodes, const tree_node *node,
                       uint64_t *number);
/* The element that an entry adds to the digest. */
myl_digest myl_tree_element(const myl_tree_nodes *nodes, const myl_tree_entry *entry);

#endif
