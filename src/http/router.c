/* router.c: from method and raw path to a row of the endpoint table.
 *
 * Why:     one table says which endpoints there are; a tree over its segments finds the row in the
 *          time that the path is long, whatever the number of rows.
 * Callers: gate.c for each request, guard.c for the body limit while a body comes in.
 * Threads: made at start, then read-only.
 * Holds:   a literal segment wins over a placeholder; a path is left for another branch only when
 *          its rows do not fit to the end. Segments are compared after decoding, so %2F never cuts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/router.h"

#include <stdlib.h>

#include <myelin/base_limit.h>
#include <myelin/base_table.h>
#include <myelin/matrix_id.h>

#include "http/target.h"

typedef struct {
    const myl_endpoint *endpoint;
    uint8_t ids[HTTP_PATH_IDS];
    size_t id_count;
} route;

typedef struct node {
    myl_str name;
    struct node **children; /* sorted by name once the table is complete */
    size_t child_count;
    struct node *any; /* the placeholder below */
    route routes[MYL_METHOD_COUNT];
} node;

struct http_router {
    node root;
};

/* ---- placeholders ---- */

static bool is_text(myl_str text)
{
    return text.len > 0;
}

/* Clients take event ids as they come: one that no event can have is the id of an event that is not there. */
static bool is_event(myl_str text)
{
    return text.len > 1 && text.len <= MYL_LIMIT_ID_BYTES && text.at[0] == '$';
}

static bool is_any(myl_str text)
{
    MYL_UNUSED(text);
    return true;
}

static bool is_room_or_alias(myl_str text)
{
    return myl_id_is_room(text) || myl_id_is_alias(text);
}

typedef struct {
    const char *expected;
    bool (*check)(myl_str text);
    bool may_be_empty;
} id_kind;

enum {
    KIND_TEXT,
    KIND_ANY,
    KIND_ROOM,
    KIND_USER,
    KIND_EVENT,
    KIND_ALIAS,
    KIND_ROOM_OR_ALIAS,
    KIND_SERVER
};

static const id_kind kinds[] = {
    [KIND_TEXT] = {"text", is_text, false},
    [KIND_ANY] = {"text", is_any, true},
    [KIND_ROOM] = {"a room id", myl_id_is_room, false},
    [KIND_USER] = {"a user id", myl_id_is_user, false},
    [KIND_EVENT] = {"an event id", is_event, false},
    [KIND_ALIAS] = {"a room alias", myl_id_is_alias, false},
    [KIND_ROOM_OR_ALIAS] = {"a room id or alias", is_room_or_alias, false},
    [KIND_SERVER] = {"a server name", myl_id_is_server, false},
};

typedef struct {
    myl_str placeholder;
    size_t offset; /* in myl_path */
    int kind;
} path_id;

static const path_id path_ids[] = {
#define PATH_ID(placeholder, field, kind)                                                          \
    {MYL_S_INIT(placeholder), offsetof(myl_path, field), KIND_##kind},
#include "http/path_ids.def"
#undef PATH_ID
};
enum { PATH_ID_COUNT = sizeof(path_ids) / sizeof(path_ids[0]) };

static uint8_t path_id_of(myl_str placeholder)
{
    size_t at = 0;

    while (at < PATH_ID_COUNT && !myl_str_equal(path_ids[at].placeholder, placeholder))
        at++;
    MYL_ASSERT(at < PATH_ID_COUNT); /* each placeholder has a row in path_ids.def */
    return (uint8_t)at;
}

/* ---- making the tree ---- */

/* Cuts a path behind its leading '/'; the number of segments, SIZE_MAX when there are too many. */
static size_t cut_segments(myl_str path, myl_str segments[HTTP_SEGMENTS])
{
    size_t count = 0;

    for (size_t from = 1;;) {
        if (count == HTTP_SEGMENTS)
            return SIZE_MAX;
        size_t end = myl_str_find(path, '/', from);
        if (end == SIZE_MAX)
            end = path.len;
        segments[count++] = (myl_str){path.at + from, end - from};
        if (end == path.len)
            return count;
        from = end + 1;
    }
}

static bool is_placeholder(myl_str segment)
{
    return segment.len > 2 && segment.at[0] == '{' && segment.at[segment.len - 1] == '}';
}

static node *child_named(node *parent, myl_str name)
{
    for (size_t i = 0; i < parent->child_count; i++) {
        if (myl_str_equal(parent->children[i]->name, name))
            return parent->children[i];
    }
    size_t bytes = parent->child_count * sizeof(node *);
    parent->children = myl_process_grow(parent->children, bytes, bytes + sizeof(node *));
    node *made = myl_process_alloc(sizeof(*made));
    made->name = name;
    parent->children[parent->child_count++] = made;
    return made;
}

static void add_row(http_router *router, const myl_endpoint *row)
{
    myl_str segments[HTTP_SEGMENTS];
    size_t count = cut_segments(myl_str_of(row->path), segments);
    node *at = &router->root;
    route made = {.endpoint = row};

    MYL_ASSERT(row->path[0] == '/' && count != SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!is_placeholder(segments[i])) {
            at = child_named(at, segments[i]);
            continue;
        }
        MYL_ASSERT(made.id_count < HTTP_PATH_IDS);
        made.ids[made.id_count++] = path_id_of(myl_str_slice(segments[i], 1, segments[i].len - 2));
        if (at->any == NULL)
            at->any = myl_process_alloc(sizeof(node));
        at = at->any;
    }
    MYL_ASSERT(at->routes[row->method].endpoint == NULL); /* the row is there twice */
    at->routes[row->method] = made;
}

static int by_name(const void *a, const void *b)
{
    const node *const *left = a;
    const node *const *right = b;
    return myl_str_compare((*left)->name, (*right)->name);
}

/* Calls `visit` on every node below the root, parents first. The tree is ours, HTTP_SEGMENTS deep
 * at most. */
static void each_node(node *from, void (*visit)(node *at))
{
    visit(from);
    for (size_t i = 0; i < from->child_count; i++)
        each_node(from->children[i], visit);
    if (from->any != NULL)
        each_node(from->any, visit);
}

static void sort_children(node *at)
{
    if (at->child_count > 1)
        qsort(at->children, at->child_count, sizeof(node *), by_name);
}

http_router *myl_http_router_start(const myl_endpoint *rows, size_t count)
{
    http_router *router = myl_process_alloc(sizeof(*router));

    for (size_t i = 0; i < count; i++)
        add_row(router, &rows[i]);
    each_node(&router->root, sort_children);
    return router;
}

static void end_node(node *at)
{
    for (size_t i = 0; i < at->child_count; i++) {
        end_node(at->children[i]);
        myl_process_free(at->children[i]);
    }
    myl_process_free(at->children);
    if (at->any != NULL)
        end_node(at->any);
    myl_process_free(at->any);
}

void myl_http_router_end(http_router *router)
{
    if (router == NULL)
        return;
    end_node(&router->root);
    myl_process_free(router);
}

/* ---- finding a row ---- */

static node *literal_child(const node *parent, myl_str segment)
{
    size_t low = 0;
    size_t high = parent->child_count;

    if (memchr(segment.at, '%', segment.len) != NULL) {
        for (size_t i = 0; i < parent->child_count; i++) {
            if (myl_http_decodes_to(segment, parent->children[i]->name))
                return parent->children[i];
        }
        return NULL;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = myl_str_compare(segment, parent->children[middle]->name);
        if (order == 0)
            return parent->children[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* Notes what the leaf offers; true when it has the row. */
static bool try_leaf(const node *leaf, myl_method method, unsigned apis, http_match *out)
{
    const route *found = NULL;

    for (unsigned i = 0; i < MYL_METHOD_COUNT; i++) {
        const route *one = &leaf->routes[i];
        if (one->endpoint == NULL)
            continue;
        if ((one->endpoint->apis & apis) == 0) {
            out->elsewhere |= 1u << i;
            continue;
        }
        out->allowed |= 1u << i;
        if (i == (unsigned)method || (i == MYL_GET && method == MYL_HEAD && found == NULL))
            found = one;
    }
    if (found == NULL)
        return false;
    out->endpoint = found->endpoint;
    out->ids = found->ids;
    out->count = found->id_count;
    return true;
}

typedef struct {
    myl_str segments[HTTP_SEGMENTS];
    const node *at[HTTP_SEGMENTS + 1];
    uint8_t tried[HTTP_SEGMENTS + 1]; /* 0: nothing, 1: the literal, 2: the placeholder too */
    size_t count;
    size_t depth;
} search;

/* One step deeper by what was not tried at this depth; false when nothing is left here. */
static bool descend(search *path)
{
    const node *at = path->at[path->depth];
    const node *next = NULL;

    while (next == NULL && path->tried[path->depth] < 2) {
        if (path->tried[path->depth]++ == 0)
            next = literal_child(at, path->segments[path->depth]);
        else
            next = at->any;
    }
    if (next == NULL)
        return false;
    path->depth++;
    path->at[path->depth] = next;
    path->tried[path->depth] = 0;
    return true;
}

static void take_ids(const search *path, http_match *out)
{
    size_t taken = 0;

    for (size_t i = 0; i < path->count; i++) {
        if (path->at[i + 1] == path->at[i]->any)
            out->raw[taken++] = path->segments[i];
    }
    MYL_ASSERT(taken == out->count);
}

http_match myl_http_route(const http_router *router, myl_method method, unsigned apis, myl_str path)
{
    http_match match = {.endpoint = NULL};
    search steps;

    if (path.len == 0 || path.at[0] != '/')
        return match;
    steps.count = cut_segments(path, steps.segments);
    if (steps.count == SIZE_MAX)
        return match;
    steps.depth = 0;
    steps.at[0] = &router->root;
    steps.tried[0] = 0;
    for (;;) {
        if (steps.depth == steps.count) {
            if (try_leaf(steps.at[steps.depth], method, apis, &match)) {
                take_ids(&steps, &match);
                return match;
            }
        } else if (descend(&steps)) {
            continue;
        }
        if (steps.depth == 0)
            return match;
        steps.depth--;
    }
}

myl_rc myl_http_path_ids(myl_ctx *cx, const http_match *match, myl_path *out)
{
    for (size_t i = 0; i < match->count; i++) {
        const path_id *id = &path_ids[match->ids[i]];
        const id_kind *kind = &kinds[id->kind];
        myl_str text;
        if (match->raw[i].len == 0 && !kind->may_be_empty)
            return myl_fail(cx, MYL_UNRECOGNIZED, "no such endpoint");
        if (!myl_http_decode(cx, match->raw[i], false, &text) || !kind->check(text))
            return myl_fail(cx, MYL_INVALID_PARAM, "%s: expected %s", id->placeholder.at,
                            kind->expected);
        *(myl_str *)(void *)((char *)out + id->offset) = text;
    }
    return MYL_OK;
}

/* ---- methods ---- */

static const myl_str method_names[MYL_METHOD_COUNT] = {
    [MYL_GET] = MYL_S_INIT("GET"),   [MYL_POST] = MYL_S_INIT("POST"),
    [MYL_PUT] = MYL_S_INIT("PUT"),   [MYL_DELETE] = MYL_S_INIT("DELETE"),
    [MYL_HEAD] = MYL_S_INIT("HEAD"), [MYL_OPTIONS] = MYL_S_INIT("OPTIONS"),
};

myl_method myl_http_method_of(myl_str name)
{
    for (int i = 0; i < MYL_METHOD_COUNT; i++) {
        if (myl_str_equal(name, method_names[i]))
            return (myl_method)i;
    }
    return MYL_METHOD_COUNT;
}

const char *myl_http_method_name(myl_method method)
{
    return method_names[method].at;
}
