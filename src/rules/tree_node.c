/* tree_node.c: the bytes of one node of the state tree.
 *
 * Why:     a change rewrites a whole path, so a node is as small as it can be: varints, no padding,
 *          no place for empty slots.
 * Callers: tree.c, tree_change.c.
 * Threads: as the callbacks.
 * Holds:   bytes that are not a node are MYL_CORRUPT, never a wrong read; a child's number is
 *          smaller than its parent's, so that no walk can run in a circle.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/tree_own.h"

#define ROOT_MARK 0x80u

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
} reader;

static uint8_t take_byte(reader *in)
{
    if (in->at == in->end) {
        in->bad = true;
        return 0;
    }
    return *in->at++;
}

static uint64_t take_varint(reader *in)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = take_byte(in);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    in->bad = true;
    return 0;
}

static uint64_t take_fixed(reader *in, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | take_byte(in);
    return value;
}

static uint8_t *put_varint(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static uint8_t *put_fixed(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = bytes; i-- > 0;)
        *at++ = (uint8_t)(value >> (8 * i));
    return at;
}

/* A bijection, so that different state keys never share a whole way; neighbours end up far apart.
 * */
static uint64_t mixed(uint64_t number)
{
    number ^= number >> 32;
    number *= 0xd6e8feb86659fd93u;
    number ^= number >> 29;
    number *= 0xa0761d6478bd642fu;
    number ^= number >> 32;
    return number;
}

tree_way myl_tree_way(uint32_t type, uint64_t state_key)
{
    uint32_t turned = 0;
    for (unsigned i = 0; i < TREE_TYPE_NIBBLES; i++)
        turned |= (type >> (4 * i) & 15) << (28 - 4 * i);
    return (tree_way){mixed(state_key), turned};
}

unsigned myl_tree_follow(const tree_node *node, tree_way way)
{
    unsigned depth = node->start;
    while (depth < tree_branch(node) &&
           node->prefix[depth - node->start] == tree_nibble(way, depth))
        depth++;
    return depth;
}

myl_digest myl_tree_element(const myl_tree_nodes *nodes, const myl_tree_entry *entry)
{
    uint8_t bytes[20];
    uint8_t *at = put_fixed(bytes, entry->type, 4);
    at = put_fixed(at, entry->state_key, 8);
    put_fixed(at, entry->event, 8);
    return myl_crypto_digest(nodes->digest_key, (myl_str){(const char *)bytes, sizeof bytes});
}

static void take_head(reader *in, tree_node *out)
{
    uint8_t head = take_byte(in);
    out->is_root = (head & ROOT_MARK) != 0;
    out->skip = (uint8_t)(head & ~ROOT_MARK);
    if (out->start + out->skip >= TREE_NIBBLES) {
        in->bad = true;
        out->skip = 0;
        return;
    }
    if (out->is_root) {
        out->digest.low = take_fixed(in, 8);
        out->digest.high = take_fixed(in, 8);
        out->entries = take_varint(in);
    }
    for (unsigned i = 0; i < out->skip; i += 2) {
        uint8_t pair = take_byte(in);
        out->prefix[i] = pair >> 4;
        out->prefix[i + 1] = pair & 15;
    }
}

static void take_slot(reader *in, bool leaf, unsigned start, tree_item *slot)
{
    if (!leaf) {
        slot->kind = TREE_NODE;
        slot->start = (uint8_t)start;
        slot->number = take_varint(in);
        return;
    }
    uint64_t type = take_varint(in);
    in->bad |= type > UINT32_MAX;
    slot->kind = TREE_LEAF;
    slot->type = (uint32_t)type;
    slot->state_key = take_varint(in);
    slot->number = take_varint(in);
}

static void take_node(reader *in, uint64_t number, tree_node *out)
{
    take_head(in, out);
    unsigned leaves = (unsigned)take_fixed(in, 2);
    unsigned children = (unsigned)take_fixed(in, 2);
    in->bad |= (leaves & children) != 0;
    for (unsigned i = 0; i < TREE_FAN && !in->bad; i++) {
        tree_item *slot = &out->slots[i];
        if (((leaves | children) >> i & 1) == 0)
            continue;
        take_slot(in, (leaves >> i & 1) != 0, tree_branch(out) + 1, slot);
        in->bad |= slot->number == 0 || (slot->kind == TREE_NODE && slot->number >= number);
    }
    in->bad |= in->at != in->end;
}

myl_rc myl_tree_read(myl_ctx *cx, const myl_tree_nodes *nodes, uint64_t number, unsigned start,
                     tree_node *out)
{
    myl_str bytes;
    MYL_TRY(nodes->read(nodes->arg, cx, number, &bytes));
    memset(out, 0, sizeof *out);
    out->start = (uint8_t)start;
    reader in = {(const uint8_t *)bytes.at, (const uint8_t *)bytes.at + bytes.len, bytes.len == 0};
    take_node(&in, number, out);
    if (in.bad || out->is_root != (start == 0))
        return myl_fail(cx, MYL_CORRUPT, "state node %llu is no node", (unsigned long long)number);
    return MYL_OK;
}

static uint8_t *put_head(uint8_t *at, const tree_node *node)
{
    *at++ = (uint8_t)(node->skip | (node->is_root ? ROOT_MARK : 0));
    if (node->is_root) {
        at = put_fixed(at, node->digest.low, 8);
        at = put_fixed(at, node->digest.high, 8);
        at = put_varint(at, node->entries);
    }
    for (unsigned i = 0; i < node->skip; i += 2)
        *at++ = (uint8_t)(node->prefix[i] << 4 | (i + 1 < node->skip ? node->prefix[i + 1] : 0));
    unsigned leaves = 0, children = 0;
    for (unsigned i = 0; i < TREE_FAN; i++) {
        leaves |= (unsigned)(node->slots[i].kind == TREE_LEAF) << i;
        children |= (unsigned)(node->slots[i].kind == TREE_NODE) << i;
    }
    at = put_fixed(at, leaves, 2);
    return put_fixed(at, children, 2);
}

myl_rc myl_tree_append(myl_ctx *cx, const myl_tree_nodes *nodes, const tree_node *node,
                       uint64_t *number)
{
    uint8_t bytes[TREE_NODE_BYTES];
    uint8_t *at = put_head(bytes, node);
    for (unsigned i = 0; i < TREE_FAN; i++) {
        const tree_item *slot = &node->slots[i];
        if (slot->kind == TREE_LEAF) {
            at = put_varint(at, slot->type);
            at = put_varint(at, slot->state_key);
        }
        if (slot->kind != TREE_NONE)
            at = put_varint(at, slot->number);
    }
    return nodes->append(nodes->arg, cx, (myl_str){(const char *)bytes, (size_t)(at - bytes)},
                         number);
}
