/* sweep.c: nodes of the state tree that no stored state reaches leave the disk.
 *
 * Why:     trees share nodes, so a deleted event cannot say which of them are free. Children have smaller numbers than their
 *          parents: so when every root is marked, one descending walk marks what is reached and deletes the rest.
 * Callers: the end of a purge. Threads: the engine; what is marked lies in its memory.
 * Memory:  one bit a node, from the sweep's start to its end.
 * Holds:   only nodes up to the newest one at the start are looked at. A root that is stored while roots are gathered is
 *          marked then (myl_room_sweep_note); one that is stored later is made of nodes that are reached already, or new
 *          ones. Resolutions that the engine remembers are forgotten at both ends of the gathering, for their states may
 *          be nobody's. After a crash the sweep begins anew; what it has deleted nobody missed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/base_table.h>
#include <myelin/room_admin.h>

#include "room/purge_own.h"

enum { STEP_EVENTS = 4000, STEP_NODES = 2000 };

static const char kind[] = "room.sweep";

typedef enum { GATHER_EVENTS, GATHER_HEADS, GATHER_STATES, GO_DOWN } stage;

static struct {
    uint8_t *marks; /* NULL: no sweep of this process is under way */
    size_t bytes;
    uint64_t top; /* the newest node at the start */
    stage stage;
    uint64_t at; /* the last number done */
    bool again;  /* asked for meanwhile */
} sweep;

/* ---- marks ---- */

static void mark(uint64_t node)
{
    if (node != 0 && node <= sweep.top)
        sweep.marks[node / 8] |= (uint8_t)(1u << (node % 8));
}

static bool is_marked(uint64_t node)
{
    return (sweep.marks[node / 8] & (1u << (node % 8))) != 0;
}

void myl_room_sweep_note(uint64_t root)
{
    if (sweep.marks != NULL)
        mark(root);
}

static void forget(void)
{
    myl_process_free(sweep.marks);
    sweep.marks = NULL;
    sweep.bytes = 0;
}

void myl_room_sweep_stop(void)
{
    forget();
    sweep.again = false;
}

/* After the commit, so that what this batch remembers is forgotten too. */
static void forget_resolutions(void *arg)
{
    MYL_UNUSED(arg);
    myl_room_resolve_start();
}

/* ---- begin ---- */

static myl_rc newest_node(myl_ctx *cx, uint64_t *out)
{
    myl_scan *scan;
    myl_str key, value;

    *out = 0;
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_NODES, MYL_ABSENT, MYL_ABSENT, MYL_BACKWARD, &scan));
    MYL_TRY(myl_scan_next(scan, &key, &value));
    if (myl_str_present(key) && !myl_cut_u64(&key, out))
        return myl_fail(cx, MYL_CORRUPT, "NODES: a key of the wrong length");
    myl_scan_end(scan);
    return MYL_OK;
}

static myl_rc begin(myl_ctx *cx)
{
    MYL_TRY(newest_node(cx, &sweep.top));
    myl_engine_after_commit(cx, forget_resolutions, NULL);
    sweep.bytes = sweep.top / 8 + 1;
    sweep.marks = myl_process_alloc(sweep.bytes);
    sweep.stage = GATHER_EVENTS;
    sweep.at = 0;
    sweep.again = false;
    return MYL_OK;
}

/* Is one stored already? Then it runs once more. */
myl_rc myl_room_sweep(myl_ctx *cx)
{
    const myl_task_info *tasks;
    uint64_t task;
    size_t count;

    MYL_TRY(myl_task_list(cx, &tasks, &count));
    for (size_t i = 0; i < count; i++)
        if (myl_str_equal(tasks[i].kind, myl_str_of(kind))) {
            sweep.again = true;
            return MYL_OK;
        }
    return myl_task_add(cx, kind, MYL_S(""), &task);
}

/* ---- roots ---- */

static myl_rc gather_events(myl_ctx *cx, bool *left)
{
    myl_key from = myl_key_of_u64(sweep.at + 1);
    myl_scan *scan;
    myl_str key, row;
    uint64_t before, after;

    *left = true;
    MYL_TRY(
        myl_scan_start(cx, MYL_TABLE_EVENTS, MYL_ABSENT, myl_key_str(&from), MYL_FORWARD, &scan));
    for (size_t i = 0; i < STEP_EVENTS; i++) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key)) {
            *left = false;
            return MYL_OK;
        }
        if (!myl_cut_u64(&key, &sweep.at) || !myl_room_event_roots(row, &before, &after))
            return myl_fail(cx, MYL_CORRUPT, "EVENTS: bad row");
        mark(before);
        mark(after);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

static myl_rc gather_heads(myl_ctx *cx, bool *left)
{
    myl_room_head head;

    *left = true;
    for (size_t i = 0; i < STEP_EVENTS / 10; i++) {
        myl_mark memory = myl_ctx_mark(cx);

        MYL_TRY(myl_room_next(cx, sweep.at, &head));
        if (head.room == 0) {
            *left = false;
            return MYL_OK;
        }
        sweep.at = head.room;
        mark(head.state);
        myl_ctx_release(cx, memory);
    }
    return MYL_OK;
}

/* ROOM_STATES: all of them in one step each time; there are few (where histories met). */
static myl_rc gather_states(myl_ctx *cx)
{
    myl_scan *scan;
    myl_str key, row;
    uint64_t position, root;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_ROOM_STATES, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            return MYL_OK;
        if (!myl_cut_u64(&row, &position) || !myl_cut_u64(&row, &root))
            return myl_fail(cx, MYL_CORRUPT, "ROOM_STATES: bad row");
        mark(root);
    }
}

/* ---- down ---- */

static myl_rc mark_children(myl_ctx *cx, uint64_t node)
{
    uint64_t children[16];
    size_t count;

    MYL_TRY(myl_tree_children(cx, myl_store_nodes(cx), node, children, &count));
    for (size_t i = 0; i < count; i++)
        mark(children[i]);
    return MYL_OK;
}

/* Numbers from sweep.at downward. */
static myl_rc next_nodes(myl_ctx *cx, myl_list *out)
{
    myl_key from = myl_key_of_u64(sweep.at);
    myl_scan *scan;
    myl_str key, value;
    uint64_t node;

    MYL_TRY(
        myl_scan_start(cx, MYL_TABLE_NODES, MYL_ABSENT, myl_key_str(&from), MYL_BACKWARD, &scan));
    while (out->count < STEP_NODES) {
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            break;
        if (!myl_cut_u64(&key, &node))
            return myl_fail(cx, MYL_CORRUPT, "NODES: a key of the wrong length");
        myl_list_push(out, uint64_t, node);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

static myl_rc go_down(myl_ctx *cx, bool *left)
{
    myl_list nodes = MYL_LIST(cx, uint64_t);

    *left = false;
    if (sweep.at == 0)
        return MYL_OK;
    MYL_TRY(next_nodes(cx, &nodes));
    for (size_t i = 0; i < nodes.count; i++) {
        uint64_t node = myl_list_get(&nodes, uint64_t, i);
        myl_key key = myl_key_of_u64(node);

        if (is_marked(node)) {
            MYL_TRY(mark_children(cx, node));
        } else {
            if (node == sweep.top)
                MYL_TRY(myl_store_keep_node_number(cx));
            MYL_TRY(myl_store_delete(cx, MYL_TABLE_NODES, myl_key_str(&key)));
        }
        sweep.at = node - 1;
    }
    *left = nodes.count == STEP_NODES;
    return MYL_OK;
}

/* ---- the steps ---- */

static myl_rc run_stage(myl_ctx *cx, bool *left)
{
    *left = false;
    switch (sweep.stage) {
    case GATHER_EVENTS: return gather_events(cx, left);
    case GATHER_HEADS: return gather_heads(cx, left);
    case GATHER_STATES: return gather_states(cx);
    case GO_DOWN: return go_down(cx, left);
    }
    return MYL_OK;
}

/* A step that fails, or whose commit does, begins anew: what it deleted may be there again, what it marked is not lost. */
static myl_rc step(myl_ctx *cx, myl_str state, myl_str *next_state, bool *finished)
{
    bool left;

    *next_state = state;
    MYL_DIE_AT(SWEEP_STEP);
    if (sweep.marks == NULL)
        return begin(cx);
    myl_rc rc = run_stage(cx, &left);
    if (rc != MYL_OK) {
        forget();
        return rc;
    }
    if (left)
        return MYL_OK;
    if (sweep.stage < GO_DOWN) {
        sweep.stage++;
        sweep.at = sweep.stage == GO_DOWN ? sweep.top : 0;
        if (sweep.stage == GO_DOWN)
            myl_engine_after_commit(cx, forget_resolutions, NULL);
        return MYL_OK;
    }
    *finished = !sweep.again;
    forget();
    return MYL_OK;
}

const myl_task_kind myl_room_sweep_task = {kind, step};
