/* tree_change.c: a new state from an old one and a list of changes.
 *
 * Why:     the changes are brought into the order of the tree, so that a path that several share is
 *          written once, and each node after its children.
 * Callers: store/ for every state event, state resolution for its result.
 * Threads: as the callbacks.
 * Memory:  the ordered changes, in the job; open nodes on a stack of fixed size.
 * Holds:   the shape follows from the entries alone: a node has two entries or more (a root: one),
 *          and its prefix is as long as its entries allow. What does not change is not written.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/tree_own.h"

#include <stdlib.h>

#define FEW 8 /* changes that are ordered on the stack */

typedef struct {
    tree_way way;
    size_t given; /* place in the caller's list: the last one for a key counts */
    myl_tree_entry entry;
} change;

/* A node that is being changed. */
typedef struct {
    tree_node node;
    tree_item origin; /* what stood in its place */
    tree_way way;     /* one way through it */
    size_t at, end;   /* the changes that are still to be brought in */
    uint8_t slot;     /* where the frame above this one goes */
    bool changed;
} open_node;

typedef struct {
    myl_ctx *cx;
    const myl_tree_nodes *nodes;
    const change *changes;
    open_node *frames;
    size_t depth;
    myl_digest digest;
    uint64_t entries;
} edit;

/* --- the order of the changes ----------------------------------------------------------------- */

static int compare_changes(const void *a, const void *b)
{
    const change *x = a, *y = b;
    if (x->way.type != y->way.type)
        return x->way.type < y->way.type ? -1 : 1;
    if (x->way.key != y->way.key)
        return x->way.key < y->way.key ? -1 : 1;
    return x->given < y->given ? -1 : x->given > y->given;
}

static bool same_way(tree_way a, tree_way b)
{
    return a.type == b.type && a.key == b.key;
}

static size_t order_changes(const myl_tree_entry *given, size_t count, change *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (change){myl_tree_way(given[i].type, given[i].state_key), i, given[i]};
    if (count > 1)
        qsort(out, count, sizeof *out, compare_changes);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (i + 1 == count || !same_way(out[i].way, out[i + 1].way))
            out[kept++] = out[i];
    return kept;
}

static unsigned shared_depth(tree_way a, tree_way b)
{
    unsigned depth = 0;
    while (depth < TREE_NIBBLES && tree_nibble(a, depth) == tree_nibble(b, depth))
        depth++;
    return depth;
}

/* --- entries ---------------------------------------------------------------------------------- */

static void count_entry(edit *job, const tree_item *leaf, bool added)
{
    myl_tree_entry entry = {leaf->type, leaf->state_key, leaf->number};
    myl_digest element = myl_tree_element(job->nodes, &entry);
    job->digest.low += added ? element.low : 0 - element.low;
    job->digest.high += added ? element.high : 0 - element.high;
    job->entries += added ? 1 : (uint64_t)-1;
}

/* Sets or clears one slot that holds at most this entry. */
static void set_entry(edit *job, open_node *frame, tree_item *slot, const myl_tree_entry *entry)
{
    if (slot->kind == TREE_LEAF && slot->number == entry->event)
        return;
    if (slot->kind == TREE_LEAF)
        count_entry(job, slot, false);
    *slot = (tree_item){.kind = TREE_NONE};
    if (entry->event != 0) {
        *slot = (tree_item){.number = entry->event,
                            .state_key = entry->state_key,
                            .type = entry->type,
                            .kind = TREE_LEAF};
        count_entry(job, slot, true);
    }
    frame->changed = true;
}

/* --- going down ------------------------------------------------------------------------------- */

/* The changes [at, end) that can have an effect on what stands in a slot: their first and last one.
 * */
typedef struct {
    size_t first, last, count;
} live_changes;

static live_changes find_live(const edit *job, size_t at, size_t end, const tree_item *item,
                              const tree_node *node)
{
    live_changes out = {end, end, 0};
    for (size_t i = at; i < end; i++) {
        const change *next = &job->changes[i];
        bool hits = next->entry.event != 0;
        if (!hits && item->kind == TREE_LEAF)
            hits = same_way(next->way, myl_tree_way(item->type, item->state_key));
        if (!hits && item->kind == TREE_NODE)
            hits = myl_tree_follow(node, next->way) == tree_branch(node);
        if (!hits)
            continue;
        out.first = out.count == 0 ? i : out.first;
        out.last = i;
        out.count++;
    }
    return out;
}

static void set_prefix(tree_node *node, tree_way way, unsigned start, unsigned branch)
{
    node->start = (uint8_t)start;
    node->skip = (uint8_t)(branch - start);
    for (unsigned depth = start; depth < branch; depth++)
        node->prefix[depth - start] = tree_nibble(way, depth);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Opens a frame for what stands at `start`, so that the live changes [at, end) find their slots in
 * it. */
static void open_frame(edit *job, const tree_item *item, const tree_node *node, unsigned start,
                       live_changes live)
{
    open_node *next = &job->frames[job->depth++];
    tree_way first = job->changes[live.first].way, last = job->changes[live.last].way;
    memset(next, 0, sizeof *next);
    next->origin = *item;
    next->way = first;
    next->at = live.first;
    next->end = live.last + 1;

    if (item->kind == TREE_NODE) {
        unsigned branch = least(myl_tree_follow(node, first), myl_tree_follow(node, last));
        if (branch == tree_branch(node)) {
            next->node = *node;
            return;
        }
        set_prefix(&next->node, first, start, branch);
        next->node.slots[node->prefix[branch - node->start]] = *item;
        return;
    }
    unsigned branch = shared_depth(first, last);
    if (item->kind == TREE_LEAF)
        branch = least(branch, shared_depth(first, myl_tree_way(item->type, item->state_key)));
    set_prefix(&next->node, first, start, branch);
    if (item->kind == TREE_LEAF)
        next->node.slots[tree_nibble(myl_tree_way(item->type, item->state_key), branch)] = *item;
}

/* Brings the changes [at, end), which share a slot of the frame, in: at once, or by a frame of
 * their own. */
static myl_rc enter_slot(edit *job, open_node *frame, size_t at, size_t end)
{
    unsigned start = tree_branch(&frame->node) + 1;
    tree_item *slot = &frame->node.slots[frame->slot];
    tree_node node;
    if (slot->kind == TREE_NODE)
        MYL_TRY(myl_tree_read(job->cx, job->nodes, slot->number, slot->start, &node));
    live_changes live = find_live(job, at, end, slot, &node);
    if (live.count == 0)
        return MYL_OK;
    if (slot->kind == TREE_LEAF &&
        shared_depth(job->changes[at].way, myl_tree_way(slot->type, slot->state_key)) < start)
        return myl_fail(job->cx, MYL_CORRUPT, "an entry of the state tree is in a wrong place");

    const change *only = live.count == 1 ? &job->changes[live.first] : NULL;
    bool here = only != NULL && slot->kind != TREE_NODE;
    if (here && slot->kind == TREE_LEAF)
        here = same_way(only->way, myl_tree_way(slot->type, slot->state_key));
    if (here)
        set_entry(job, frame, slot, &only->entry);
    else
        open_frame(job, slot, &node, start, live);
    return MYL_OK;
}

/* --- going up --------------------------------------------------------------------------------- */

/* The same child, standing at `start`: its prefix grows by the frame's way, or is cut. */
static myl_rc move_child(edit *job, const open_node *frame, unsigned slot, unsigned start,
                         tree_item *child)
{
    tree_node old, moved;
    unsigned branch = tree_branch(&frame->node);
    MYL_TRY(myl_tree_read(job->cx, job->nodes, child->number, child->start, &old));
    moved = old;
    moved.start = (uint8_t)start;
    moved.skip = (uint8_t)(tree_branch(&old) - start);
    for (unsigned depth = start; depth < tree_branch(&old); depth++) {
        uint8_t nibble = depth == branch ? (uint8_t)slot : tree_nibble(frame->way, depth);
        moved.prefix[depth - start] = depth >= old.start ? old.prefix[depth - old.start] : nibble;
    }
    MYL_TRY(myl_tree_append(job->cx, job->nodes, &moved, &child->number));
    child->start = (uint8_t)start;
    return MYL_OK;
}

/* Writes the frame's node; `out` is what stands in its place now. */
static myl_rc write_frame(edit *job, open_node *frame, tree_item *out)
{
    tree_node *node = &frame->node;
    unsigned below = tree_branch(node) + 1;
    for (unsigned i = 0; i < TREE_FAN; i++)
        if (node->slots[i].kind == TREE_NODE && node->slots[i].start != below)
            MYL_TRY(move_child(job, frame, i, below, &node->slots[i]));
    *out = (tree_item){.kind = TREE_NODE, .start = node->start};
    return myl_tree_append(job->cx, job->nodes, node, &out->number);
}

static myl_rc close_frame(edit *job, open_node *frame, tree_item *out)
{
    unsigned used = 0, last = 0;
    for (unsigned i = 0; i < TREE_FAN; i++) {
        if (frame->node.slots[i].kind == TREE_NONE)
            continue;
        used++;
        last = i;
    }
    *out = frame->origin;
    if (!frame->changed)
        return MYL_OK;
    if (used > 1)
        return write_frame(job, frame, out);
    *out = frame->node.slots[last];
    if (out->kind == TREE_NODE && out->start != frame->node.start)
        return move_child(job, frame, last, frame->node.start, out);
    return MYL_OK;
}

static bool same_item(const tree_item *a, const tree_item *b)
{
    return a->kind == b->kind && a->number == b->number && a->type == b->type &&
           a->state_key == b->state_key;
}

/* Works until only the root's frame is left, with nothing to bring in. */
static myl_rc run_frames(edit *job)
{
    for (;;) {
        open_node *top = &job->frames[job->depth - 1];
        unsigned branch = tree_branch(&top->node);
        if (top->at < top->end) {
            size_t at = top->at, end = at + 1;
            top->slot = tree_nibble(job->changes[at].way, branch);
            while (end < top->end && tree_nibble(job->changes[end].way, branch) == top->slot)
                end++;
            top->at = end;
            MYL_TRY(enter_slot(job, top, at, end));
            continue;
        }
        if (job->depth == 1)
            return MYL_OK;
        tree_item done;
        MYL_TRY(close_frame(job, top, &done));
        open_node *above = &job->frames[--job->depth - 1];
        tree_item *slot = &above->node.slots[above->slot];
        above->changed |= !same_item(slot, &done);
        *slot = done;
    }
}

static myl_rc open_root(edit *job, myl_tree_root root, size_t count)
{
    open_node *first = &job->frames[0];
    memset(first, 0, sizeof *first);
    first->origin = (tree_item){.number = root, .kind = TREE_NODE};
    first->way = job->changes[0].way;
    first->end = count;
    first->node.is_root = true;
    if (root != 0)
        MYL_TRY(myl_tree_read(job->cx, job->nodes, root, 0, &first->node));
    if (first->node.skip != 0)
        return myl_fail(job->cx, MYL_CORRUPT, "a root of the state tree has a prefix");
    job->digest = first->node.digest;
    job->entries = first->node.entries;
    job->depth = 1;
    return MYL_OK;
}

myl_rc myl_tree_change(myl_ctx *cx, const myl_tree_nodes *nodes, myl_tree_root root,
                       const myl_tree_entry *changes, size_t count, myl_tree_root *out)
{
    change few[FEW];
    open_node frames[TREE_NIBBLES];
    edit job = {.cx = cx, .nodes = nodes, .frames = frames};

    *out = root;
    if (count == 0)
        return MYL_OK;
    change *ordered = count <= FEW ? few : myl_new_array(cx, change, count);
    job.changes = ordered;
    MYL_TRY(open_root(&job, root, order_changes(changes, count, ordered)));
    MYL_TRY(run_frames(&job));
    if (!frames[0].changed)
        return MYL_OK;

    tree_item written;
    frames[0].node.digest = job.digest;
    frames[0].node.entries = job.entries;
    *out = 0;
    if (job.entries == 0)
        return MYL_OK;
    MYL_TRY(write_frame(&job, &frames[0], &written));
    *out = written.number;
    return MYL_OK;
}
