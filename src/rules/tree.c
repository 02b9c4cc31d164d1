/* tree.c: reading the state tree: one entry, a type, all, the difference of two states.
 *
 * Why:     a room's state is asked for at every event; sharing subtrees between the states of a
 *          room makes a state one number, and the difference of two states costs what differs.
 * Callers: state resolution, store/, room/, sync/.
 * Threads: as the callbacks.
 * Memory:  nothing is kept; the stacks below are of fixed size, as the depth is at most 24.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/tree_own.h"

myl_rc myl_tree_get(myl_ctx *cx, const myl_tree_nodes *nodes, myl_tree_root root, uint32_t type,
                    uint64_t state_key, uint64_t *event)
{
    tree_way way = myl_tree_way(type, state_key);
    tree_item item = {.number = root, .kind = root != 0 ? TREE_NODE : TREE_NONE};

    *event = 0;
    while (item.kind == TREE_NODE) {
        tree_node node;
        MYL_TRY(myl_tree_read(cx, nodes, item.number, item.start, &node));
        if (myl_tree_follow(&node, way) != tree_branch(&node))
            return MYL_OK;
        item = node.slots[tree_nibble(way, tree_branch(&node))];
    }
    if (item.kind == TREE_LEAF && item.type == type && item.state_key == state_key)
        *event = item.number;
    return MYL_OK;
}

/* --- walking ---------------------------------------------------------------------------------- */

struct myl_tree_steps {
    uint32_t type; /* 0: all */
    size_t count;
    tree_item stack[TREE_STACK];
};

/* Which slots of the node can hold entries of the type: bit by slot. */
static unsigned slots_of_type(const tree_node *node, uint32_t type)
{
    if (type == 0)
        return 0xffff;
    tree_way way = myl_tree_way(type, 0);
    unsigned branch = tree_branch(node);
    unsigned left = myl_tree_follow(node, way);
    if (left < branch && left < TREE_TYPE_NIBBLES)
        return 0;
    return branch < TREE_TYPE_NIBBLES ? 1u << tree_nibble(way, branch) : 0xffff;
}

static void push_slots(myl_tree_steps *steps, const tree_node *node, unsigned mask)
{
    for (unsigned i = TREE_FAN; i-- > 0;)
        if (node->slots[i].kind != TREE_NONE && (mask >> i & 1) != 0)
            steps->stack[steps->count++] = node->slots[i];
}

static void begin_steps(myl_tree_steps *steps, myl_tree_root root, uint32_t type)
{
    steps->type = type;
    steps->count = 0;
    if (root != 0)
        steps->stack[steps->count++] = (tree_item){.number = root, .kind = TREE_NODE};
}

myl_tree_steps *myl_tree_steps_start(myl_ctx *cx, myl_tree_root root, uint32_t type)
{
    myl_tree_steps *steps = myl_new(cx, myl_tree_steps);

    begin_steps(steps, root, type);
    return steps;
}

myl_rc myl_tree_step(myl_ctx *cx, const myl_tree_nodes *nodes, myl_tree_steps *steps,
                     myl_tree_entry *out)
{
    while (steps->count > 0) {
        tree_item next = steps->stack[--steps->count];
        tree_node node;

        if (next.kind == TREE_NODE) {
            MYL_TRY(myl_tree_read(cx, nodes, next.number, next.start, &node));
            push_slots(steps, &node, slots_of_type(&node, steps->type));
            continue;
        }
        *out = (myl_tree_entry){next.type, next.state_key, next.number};
        if (steps->type == 0 || steps->type == next.type)
            return MYL_OK;
    }
    *out = (myl_tree_entry){0};
    return MYL_OK;
}

myl_rc myl_tree_walk(myl_ctx *cx, const myl_tree_nodes *nodes, myl_tree_root root, uint32_t type,
                     myl_tree_each each, void *arg)
{
    myl_tree_steps steps;

    begin_steps(&steps, root, type);
    for (;;) {
        myl_tree_entry entry;

        MYL_TRY(myl_tree_step(cx, nodes, &steps, &entry));
        if (entry.event == 0)
            return MYL_OK;
        MYL_TRY(each(arg, &entry));
    }
}

/* An item of a walk that leaves a type out: do all nibbles above it agree with the type's way? */
typedef struct {
    tree_item item;
    bool on_way;
} apart_item;

typedef struct {
    apart_item stack[TREE_STACK];
    size_t count;
    tree_way way;
} apart_walk;

/* Slots that lead to other types than the one left out. */
static void push_apart(apart_walk *walk, const tree_node *node, bool on_way)
{
    unsigned branch = tree_branch(node), agrees = on_way ? myl_tree_follow(node, walk->way) : 0;

    if (on_way && agrees >= TREE_TYPE_NIBBLES)
        return;
    for (unsigned i = TREE_FAN; i-- > 0;) {
        bool follows = on_way && agrees == branch && i == tree_nibble(walk->way, branch);

        if (node->slots[i].kind != TREE_NONE && !(follows && branch + 1 >= TREE_TYPE_NIBBLES))
            walk->stack[walk->count++] = (apart_item){node->slots[i], follows};
    }
}

myl_rc myl_tree_walk_without(myl_ctx *cx, const myl_tree_nodes *nodes, myl_tree_root root,
                             uint32_t type, myl_tree_each each, void *arg)
{
    apart_walk walk = {.way = myl_tree_way(type, 0)};

    if (root != 0)
        walk.stack[walk.count++] = (apart_item){{.number = root, .kind = TREE_NODE}, true};
    while (walk.count > 0) {
        apart_item next = walk.stack[--walk.count];
        tree_node node;

        if (next.item.kind == TREE_NODE) {
            MYL_TRY(myl_tree_read(cx, nodes, next.item.number, next.item.start, &node));
            push_apart(&walk, &node, next.on_way);
            continue;
        }
        if (next.item.type == type)
            continue;
        MYL_TRY(
            each(arg, &(myl_tree_entry){next.item.type, next.item.state_key, next.item.number}));
    }
    return MYL_OK;
}

/* --- the difference --------------------------------------------------------------------------- */

typedef struct {
    tree_item before, after;
    unsigned depth; /* the ways of both sides agree above it */
} item_pair;

typedef struct {
    myl_ctx *cx;
    const myl_tree_nodes *nodes;
    myl_tree_diff_each each;
    void *arg;
    item_pair stack[TREE_STACK];
    size_t count;
} comparison;

/* One side of a pair, opened: a node, or a leaf or nothing as it is. */
typedef struct {
    tree_item item;
    tree_node node;
    tree_way way;    /* leaf: its way */
    unsigned branch; /* first depth at which the side itself splits; TREE_NIBBLES for a leaf */
} opened;

static myl_rc open_side(const comparison *job, tree_item item, opened *out)
{
    out->item = item;
    out->branch = TREE_NIBBLES;
    if (item.kind == TREE_LEAF)
        out->way = myl_tree_way(item.type, item.state_key);
    if (item.kind != TREE_NODE)
        return MYL_OK;
    MYL_TRY(myl_tree_read(job->cx, job->nodes, item.number, item.start, &out->node));
    out->branch = tree_branch(&out->node);
    return MYL_OK;
}

/* The nibble of a side at a depth above or at its branch. */
static uint8_t side_nibble(const opened *side, unsigned depth)
{
    if (side->item.kind == TREE_LEAF)
        return tree_nibble(side->way, depth);
    return side->node.prefix[depth - side->node.start];
}

static myl_rc report(const comparison *job, tree_item before, tree_item after)
{
    const tree_item *key = before.kind == TREE_LEAF ? &before : &after;
    uint64_t old = before.kind == TREE_LEAF ? before.number : 0;
    uint64_t new = after.kind == TREE_LEAF ? after.number : 0;
    if (old == new)
        return MYL_OK;
    return job->each(job->arg, key->type, key->state_key, old, new);
}

static void push_pair(comparison *job, item_pair pair)
{
    bool same = pair.before.kind == pair.after.kind && pair.before.number == pair.after.number &&
                (pair.before.kind == TREE_NONE || pair.before.kind == TREE_NODE);
    if (!same)
        job->stack[job->count++] = pair;
}

/* What a side shows in slot i of a branch at `depth`: a slot of its own, the whole side, or
 * nothing. */
static tree_item slot_of(const opened *side, unsigned depth, unsigned i)
{
    if (side->branch == depth)
        return side->node.slots[i];
    if (side->item.kind != TREE_NONE && side_nibble(side, depth) == i)
        return side->item;
    return (tree_item){.kind = TREE_NONE};
}

static void split_pair(comparison *job, const opened *before, const opened *after, unsigned depth)
{
    for (unsigned i = TREE_FAN; i-- > 0;) {
        item_pair next = {.depth = depth + 1};
        next.before = slot_of(before, depth, i);
        next.after = slot_of(after, depth, i);
        push_pair(job, next);
    }
}

static myl_rc compare_pair(comparison *job, const item_pair *at)
{
    opened before, after;
    MYL_TRY(open_side(job, at->before, &before));
    MYL_TRY(open_side(job, at->after, &after));

    unsigned depth = at->depth;
    unsigned nearest = before.branch < after.branch ? before.branch : after.branch;
    bool both = at->before.kind != TREE_NONE && at->after.kind != TREE_NONE;
    if (both)
        while (depth < nearest && side_nibble(&before, depth) == side_nibble(&after, depth))
            depth++;
    else
        depth = nearest;
    if (depth < TREE_NIBBLES) {
        split_pair(job, &before, &after, depth);
        return MYL_OK;
    }
    return report(job, at->before, at->after);
}

static bool same_digest(const tree_node *a, const tree_node *b)
{
    return a->entries == b->entries && a->digest.low == b->digest.low &&
           a->digest.high == b->digest.high;
}

myl_rc myl_tree_diff(myl_ctx *cx, const myl_tree_nodes *nodes, myl_tree_root before,
                     myl_tree_root after, myl_tree_diff_each each, void *arg)
{
    comparison job = {.cx = cx, .nodes = nodes, .each = each, .arg = arg, .count = 0};
    if (before == after)
        return MYL_OK;
    if (before != 0 && after != 0) {
        tree_node old, new;
        MYL_TRY(myl_tree_read(cx, nodes, before, 0, &old));
        MYL_TRY(myl_tree_read(cx, nodes, after, 0, &new));
        if (same_digest(&old, &new))
            return MYL_OK;
    }
    item_pair first = {.before = {.number = before, .kind = before != 0 ? TREE_NODE : TREE_NONE},
                       .after = {.number = after, .kind = after != 0 ? TREE_NODE : TREE_NONE}};
    push_pair(&job, first);
    while (job.count > 0) {
        item_pair next = job.stack[--job.count];
        MYL_TRY(compare_pair(&job, &next));
    }
    return MYL_OK;
}

/* --- what a root and a node say of themselves ------------------------------------------------- */

myl_rc myl_tree_digest(myl_ctx *cx, const myl_tree_nodes *nodes, myl_tree_root root,
                       myl_digest *out, uint64_t *entries)
{
    tree_node node = {.entries = 0};
    if (root != 0)
        MYL_TRY(myl_tree_read(cx, nodes, root, 0, &node));
    *out = node.digest;
    *entries = node.entries;
    return MYL_OK;
}

myl_rc myl_tree_children(myl_ctx *cx, const myl_tree_nodes *nodes, uint64_t number,
                         uint64_t children[16], size_t *count)
{
    tree_node node;
    myl_str bytes;
    *count = 0;
    /* The head's first bit tells a root; either is welcome here. */
    MYL_TRY(nodes->read(nodes->arg, cx, number, &bytes));
    bool is_root = bytes.len > 0 && (bytes.at[0] & 0x80) != 0;
    MYL_TRY(myl_tree_read(cx, nodes, number, is_root ? 0 : 1, &node));
    for (unsigned i = 0; i < TREE_FAN; i++)
        if (node.slots[i].kind == TREE_NODE)
            children[(*count)++] = node.slots[i].number;
    return MYL_OK;
}
