/* hierarchy.c: the tree of rooms below a space, depth first, a page at a time.
 *
 * Spec:    Client-Server API, Spaces, GET hierarchy.
 * Why:     a token says how many rooms were shown; the walk begins anew, so nothing is kept for a page that nobody asks for.
 * Callers: GET hierarchy of clients.
 * Threads: the transaction's.
 * Holds:   each room once; at most HIERARCHY_ROOMS rooms are looked at; a room that the asker may not see hides what is below.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_hierarchy.h>
#include <myelin/room_serve.h>

#include "room/room_own.h"

#include <myelin/matrix_id.h>

enum { ORDER_BYTES = 50 };

/* ---- children ---- */

static bool is_order(myl_str order)
{
    if (!myl_str_present(order) || order.len > ORDER_BYTES)
        return false;
    for (size_t i = 0; i < order.len; i++)
        if (order.at[i] < 0x20 || order.at[i] > 0x7e)
            return false;
    return true;
}

static int compare_children(const void *a, const void *b)
{
    const myl_space_child *left = a, *right = b;
    int order;

    if (myl_str_present(left->order) != myl_str_present(right->order))
        return myl_str_present(left->order) ? -1 : 1;
    order = myl_str_present(left->order) ? myl_str_compare(left->order, right->order) : 0;
    if (order != 0)
        return order;
    if (left->origin_server_ts != right->origin_server_ts)
        return left->origin_server_ts < right->origin_server_ts ? -1 : 1;
    return myl_str_compare(left->room_id, right->room_id);
}

static myl_rc collect(void *arg, const myl_tree_entry *entry)
{
    myl_list_push((myl_list *)arg, uint64_t, entry->event);
    return MYL_OK;
}

bool myl_room_child_fill(myl_space_child *child)
{
    child->via = myl_json_array(child->content, MYL_S("via"));
    child->suggested = myl_json_bool(child->content, MYL_S("suggested"), false);
    child->order = myl_json_text(child->content, MYL_S("order"));
    if (!is_order(child->order))
        child->order = MYL_ABSENT;
    return child->via != NULL && child->via->count > 0 && myl_id_is_room(child->room_id);
}

void myl_room_children_sort(myl_list *children)
{
    myl_list_sort(children, compare_children);
}

static myl_rc read_child(myl_ctx *cx, uint64_t number, myl_space_child *out, bool *valid)
{
    myl_stored event;

    memset(out, 0, sizeof(*out));
    MYL_TRY(myl_room_event(cx, number, &event));
    MYL_TRY(myl_room_event_content(cx, &event, &out->content));
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, event.state_key, &out->room_id));
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, event.sender, &out->sender));
    out->origin_server_ts = event.origin_server_ts;
    *valid = myl_room_child_fill(out);
    return MYL_OK;
}

myl_rc myl_room_children(myl_ctx *cx, const myl_room_head *head, bool suggested_only, myl_list *out)
{
    myl_list events = MYL_LIST(cx, uint64_t);
    uint64_t type;

    *out = MYL_LIST(cx, myl_space_child);
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, MYL_S("m.space.child"), &type));
    if (type != 0 && head->state != 0)
        MYL_TRY(
            myl_tree_walk(cx, myl_store_nodes(cx), head->state, (uint32_t)type, collect, &events));
    for (size_t i = 0; i < events.count; i++) {
        myl_space_child child;
        bool valid;

        MYL_TRY(read_child(cx, myl_list_get(&events, uint64_t, i), &child, &valid));
        if (valid && (child.suggested || !suggested_only))
            myl_list_push(out, myl_space_child, child);
    }
    myl_list_sort(out, compare_children);
    return MYL_OK;
}

/* ---- one entry ---- */

static void write_child(myl_writer *w, const myl_space_child *child)
{
    myl_write_open(w, '{');
    myl_write_json(w, "content", child->content);
    myl_write_int(w, "origin_server_ts", child->origin_server_ts);
    myl_write_str(w, "sender", child->sender);
    myl_write_str(w, "state_key", child->room_id);
    myl_write_str(w, "type", MYL_S("m.space.child"));
    myl_write_close(w, '}');
}

void myl_room_write_space(myl_writer *w, const char *key, const myl_room_summary *summary,
                          const myl_list *children)
{
    myl_write_open_key(w, key, '{');
    myl_room_summary_write(w, summary, true);
    myl_write_open_key(w, "children_state", '[');
    for (size_t i = 0; i < children->count; i++)
        write_child(w, myl_list_at(children, i));
    myl_write_close(w, ']');
    myl_write_close(w, '}');
}

/* ---- tokens ---- */

/* "h<shown>_<max_depth>_<suggested_only>": the question is in it, so that it cannot change between pages. */
static myl_rc read_token(myl_ctx *cx, const myl_hierarchy_ask *ask, size_t *shown)
{
    size_t split = ask->from.len > 1 ? myl_str_find(ask->from, '_', 1) : SIZE_MAX;
    myl_str rest = myl_strf(cx, "%lld_%d", (long long)ask->max_depth, ask->suggested_only);
    int64_t count;

    *shown = 0;
    if (!myl_str_present(ask->from))
        return MYL_OK;
    if (split == SIZE_MAX || ask->from.at[0] != 'h' ||
        !myl_str_to_int(myl_str_slice(ask->from, 1, split - 1), &count) || count < 0)
        return myl_fail(cx, MYL_INVALID_PARAM, "from: not a token of this endpoint");
    if (!myl_str_equal(myl_str_slice(ask->from, split + 1, SIZE_MAX), rest))
        return myl_fail(cx, MYL_INVALID_PARAM,
                        "from: max_depth and suggested_only may not change between pages");
    *shown = (size_t)count;
    return MYL_OK;
}

static myl_str write_token(myl_ctx *cx, const myl_hierarchy_ask *ask, size_t shown)
{
    return myl_strf(cx, "h%zu_%lld_%d", shown, (long long)ask->max_depth, ask->suggested_only);
}

/* ---- the walk ---- */

typedef struct {
    myl_str room_id;
    int64_t depth;
    const myl_json *via; /* NULL: the root */
} place;

typedef struct {
    myl_ctx *cx;
    const myl_hierarchy_ask *ask;
    myl_writer *w;
    myl_list waiting; /* place, the next one last */
    myl_map *seen;    /* room ids */
    size_t skip;      /* rooms of earlier pages */
    size_t found;     /* rooms that the asker may see */
} walk;

static void push_children(walk *walked, const myl_list *children, int64_t depth)
{
    for (size_t i = children->count; i > 0; i--) {
        const myl_space_child *child = myl_list_at(children, i - 1);

        if (!myl_map_has(walked->seen, child->room_id))
            myl_list_push(&walked->waiting, place, ((place){child->room_id, depth, child->via}));
    }
}

/* What is known of a room: by ourselves when we are in it, otherwise as another server tells. */
typedef struct {
    myl_room_summary summary;
    const myl_json *told; /* NULL: it is here */
    bool open;            /* it is known, and the asker may see it */
} view;

static myl_rc look(walk *walked, const place *at, view *seen)
{
    const myl_hierarchy_ask *ask = walked->ask;
    myl_room_head head;
    bool here;

    *seen = (view){.told = NULL};
    MYL_TRY(myl_room_head_get(walked->cx, at->room_id, &head));
    MYL_TRY(myl_room_is_here(walked->cx, &head, &here));
    if (here)
        MYL_TRY(myl_room_summary_read(walked->cx, &head, &seen->summary));
    else if (ask->elsewhere != NULL)
        MYL_TRY(ask->elsewhere(ask->arg, at->room_id, at->via, &seen->told));
    if (!here && seen->told == NULL)
        return MYL_OK;
    if (!here)
        MYL_TRY(myl_room_summary_told(walked->cx, seen->told, &seen->summary));
    seen->open = ask->all;
    return ask->all ? MYL_OK
                    : myl_room_summary_open(walked->cx, &seen->summary, ask->user, &seen->open);
}

static myl_rc visit(walk *walked, const place *at)
{
    myl_list children = MYL_LIST(walked->cx, myl_space_child);
    bool suggested_only = walked->ask->suggested_only;
    view seen;

    MYL_TRY(look(walked, at, &seen));
    if (!seen.open)
        return MYL_OK;
    if (seen.told != NULL)
        myl_room_children_told(walked->cx, seen.told, suggested_only, &children);
    else if (myl_str_equal(seen.summary.room_type, MYL_S("m.space")))
        MYL_TRY(myl_room_children(walked->cx, &seen.summary.head, suggested_only, &children));
    if (walked->ask->max_depth < 0 || at->depth < walked->ask->max_depth)
        push_children(walked, &children, at->depth + 1);
    walked->found++;
    if (walked->found > walked->skip && walked->found <= walked->skip + walked->ask->limit)
        myl_room_write_space(walked->w, NULL, &seen.summary, &children);
    return MYL_OK;
}

static bool is_full(const walk *walked)
{
    return walked->found > walked->skip + walked->ask->limit;
}

static myl_rc run(walk *walked)
{
    for (int looks = 0; walked->waiting.count > 0 && looks < MYL_LIMIT_HIERARCHY_ROOMS; looks++) {
        place at = myl_list_get(&walked->waiting, place, walked->waiting.count - 1);

        walked->waiting.count--;
        if (myl_map_has(walked->seen, at.room_id))
            continue;
        *myl_map_slot(walked->seen, at.room_id) = walked;
        MYL_TRY(visit(walked, &at));
        if (is_full(walked))
            return MYL_OK;
    }
    return MYL_OK;
}

myl_rc myl_room_hierarchy(myl_ctx *cx, const myl_hierarchy_ask *ask, myl_writer *w)
{
    walk walked = {.cx = cx,
                   .ask = ask,
                   .w = w,
                   .waiting = MYL_LIST(cx, place),
                   .seen = myl_map_start(cx, 64)};

    MYL_TRY(read_token(cx, ask, &walked.skip));
    myl_list_push(&walked.waiting, place, ((place){ask->root, 0, NULL}));
    myl_write_open(w, '{');
    myl_write_open_key(w, "rooms", '[');
    MYL_TRY(run(&walked));
    if (walked.found == 0)
        return myl_fail(cx, MYL_FORBIDDEN, "you may not see this room");
    myl_write_close(w, ']');
    if (is_full(&walked))
        myl_write_str(w, "next_batch", write_token(cx, ask, walked.skip + ask->limit));
    myl_write_close(w, '}');
    return MYL_OK;
}
