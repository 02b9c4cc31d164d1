/* value.c: reading JSON trees and making new ones from their parts.
 *
 * Callers: everything above json/. Threads: a tree belongs to its job.
 * Memory:  new trees share items and text with the old; only the changed array is copied.
 * Holds:   members are sorted by key and have different keys.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "json_own.h"

#include <myelin/base_list.h>

#define INSERTION_SORT 24 /* members; more are merged */

/* --- order ------------------------------------------------------------------------------------ */

static int compare_keys(const void *a, const void *b)
{
    return myl_str_compare(((const myl_json *)a)->key, ((const myl_json *)b)->key);
}

static bool is_sorted(const myl_json *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (myl_str_compare(items[i - 1].key, items[i].key) >= 0)
            return false;
    }
    return true;
}

static void sort_few(myl_json *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        myl_json moved = items[i];
        size_t to = i;
        for (; to > 0 && myl_str_compare(items[to - 1].key, moved.key) > 0; to--)
            items[to] = items[to - 1];
        items[to] = moved;
    }
}

bool myl_json_sort(myl_ctx *cx, myl_json **items, size_t count, myl_str *duplicate)
{
    if (is_sorted(*items, count))
        return true;
    if (count <= INSERTION_SORT) {
        sort_few(*items, count);
    } else {
        myl_list list = {cx, *items, count, count, sizeof(myl_json)};
        myl_list_sort(&list, compare_keys);
        *items = list.at;
    }
    for (size_t i = 1; i < count; i++) {
        if (myl_str_equal((*items)[i - 1].key, (*items)[i].key)) {
            *duplicate = (*items)[i].key;
            return false;
        }
    }
    return true;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The index of the member, or of the one that would stand behind it. */
static size_t place_of(const myl_json *object, myl_str key, bool *found)
{
    size_t low = 0, high = object->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = myl_str_compare(key, object->items[middle].key);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *found = false;
    return low;
}

bool myl_json_is(const myl_json *value, myl_json_kind kind)
{
    return value != NULL && value->kind == kind;
}

const myl_json *myl_json_get(const myl_json *object, myl_str key)
{
    if (!myl_json_is(object, MYL_JSON_OBJECT))
        return NULL;
    bool found;
    size_t at = place_of(object, key, &found);
    return found ? &object->items[at] : NULL;
}

static const myl_json *get_kind(const myl_json *object, myl_str key, myl_json_kind kind)
{
    const myl_json *member = myl_json_get(object, key);
    return myl_json_is(member, kind) ? member : NULL;
}

myl_str myl_json_text(const myl_json *object, myl_str key)
{
    const myl_json *member = get_kind(object, key, MYL_JSON_STRING);
    return member == NULL ? MYL_ABSENT : member->text;
}

const myl_json *myl_json_object(const myl_json *object, myl_str key)
{
    return get_kind(object, key, MYL_JSON_OBJECT);
}

const myl_json *myl_json_array(const myl_json *object, myl_str key)
{
    return get_kind(object, key, MYL_JSON_ARRAY);
}

bool myl_json_int(const myl_json *object, myl_str key, int64_t *out)
{
    const myl_json *member = get_kind(object, key, MYL_JSON_INT);
    if (member != NULL)
        *out = member->integer;
    return member != NULL;
}

bool myl_json_bool(const myl_json *object, myl_str key, bool missing)
{
    const myl_json *member = get_kind(object, key, MYL_JSON_BOOL);
    return member == NULL ? missing : member->truth;
}

/* --- equality --------------------------------------------------------------------------------- */

static bool same_scalar(const myl_json *a, const myl_json *b)
{
    switch (a->kind) {
    case MYL_JSON_NULL: return true;
    case MYL_JSON_BOOL: return a->truth == b->truth;
    case MYL_JSON_INT: return a->integer == b->integer;
    case MYL_JSON_NUMBER:
    case MYL_JSON_STRING: return myl_str_equal(a->text, b->text);
    case MYL_JSON_ARRAY:
    case MYL_JSON_OBJECT: break;
    }
    return a->count == b->count;
}

typedef struct {
    const myl_json *a, *b;
    uint32_t next;
} pair;

bool myl_json_equal(const myl_json *a, const myl_json *b)
{
    pair open[JSON_WALK_DEPTH];
    size_t depth = 0;
    for (;;) {
        if (a->kind != b->kind || !same_scalar(a, b))
            return false;
        if (myl_json_is_container(a)) {
            MYL_ASSERT(depth < JSON_WALK_DEPTH);
            open[depth++] = (pair){a, b, 0};
        }
        while (depth > 0 && open[depth - 1].next == open[depth - 1].a->count)
            depth--;
        if (depth == 0)
            return true;
        pair *top = &open[depth - 1];
        a = &top->a->items[top->next];
        b = &top->b->items[top->next++];
        if (top->a->kind == MYL_JSON_OBJECT && !myl_str_equal(a->key, b->key))
            return false;
    }
}

/* --- making ----------------------------------------------------------------------------------- */

static myl_json *make(myl_ctx *cx, myl_json_kind kind)
{
    myl_json *value = myl_new(cx, myl_json);
    value->kind = kind;
    return value;
}

const myl_json *myl_json_of_str(myl_ctx *cx, myl_str text)
{
    myl_json *value = make(cx, MYL_JSON_STRING);
    value->text = text.at == NULL ? MYL_S("") : text;
    return value;
}

const myl_json *myl_json_of_int(myl_ctx *cx, int64_t integer)
{
    myl_json *value = make(cx, MYL_JSON_INT);
    value->integer = integer;
    return value;
}

const myl_json *myl_json_of_bool(myl_ctx *cx, bool truth)
{
    myl_json *value = make(cx, MYL_JSON_BOOL);
    value->truth = truth;
    return value;
}

static myl_json *make_container(myl_ctx *cx, myl_json_kind kind, const myl_json *items,
                                size_t count)
{
    MYL_ASSERT(count <= UINT32_MAX);
    myl_json *copy = myl_new_array(cx, myl_json, count);
    if (count > 0)
        memcpy(copy, items, count * sizeof(myl_json));
    myl_json *value = make(cx, kind);
    value->count = (uint32_t)count;
    value->items = copy;
    return value;
}

const myl_json *myl_json_of_items(myl_ctx *cx, const myl_json *items, size_t count)
{
    return make_container(cx, MYL_JSON_ARRAY, items, count);
}

const myl_json *myl_json_of_members(myl_ctx *cx, const myl_json *members, size_t count)
{
    myl_json *object = make_container(cx, MYL_JSON_OBJECT, members, count);
    myl_json *items = (myl_json *)(uintptr_t)object->items;
    myl_str duplicate;
    MYL_ASSERT(myl_json_sort(cx, &items, count, &duplicate));
    object->items = items;
    return object;
}

const myl_json *myl_json_empty_object(void)
{
    static const myl_json empty = {.kind = MYL_JSON_OBJECT};
    return &empty;
}

/* `object` with members [from, from + dropped) replaced by `added` new ones at from, not yet set.
 *  */
static myl_json *with_gap(myl_ctx *cx, const myl_json *object, size_t from, size_t dropped,
                          size_t added)
{
    size_t count = object->count - dropped + added;
    MYL_ASSERT(count <= UINT32_MAX);
    myl_json *items = myl_new_array(cx, myl_json, count);
    size_t behind = object->count - from - dropped;
    if (from > 0)
        memcpy(items, object->items, from * sizeof(myl_json));
    if (behind > 0)
        memcpy(items + from + added, object->items + from + dropped, behind * sizeof(myl_json));
    myl_json *value = make(cx, MYL_JSON_OBJECT);
    value->key = object->key;
    value->count = (uint32_t)count;
    value->items = items;
    return value;
}

const myl_json *myl_json_with(myl_ctx *cx, const myl_json *object, myl_str key,
                              const myl_json *value)
{
    if (object == NULL)
        object = myl_json_empty_object();
    MYL_ASSERT(object->kind == MYL_JSON_OBJECT && value != NULL);
    bool found;
    size_t at = place_of(object, key, &found);
    myl_json *made = with_gap(cx, object, at, found ? 1 : 0, 1);
    myl_json *member = (myl_json *)(uintptr_t)&made->items[at];
    *member = *value;
    member->key = key;
    return made;
}

const myl_json *myl_json_without(myl_ctx *cx, const myl_json *object, myl_str key)
{
    if (object == NULL)
        return myl_json_empty_object();
    MYL_ASSERT(object->kind == MYL_JSON_OBJECT);
    bool found;
    size_t at = place_of(object, key, &found);
    return found ? with_gap(cx, object, at, 1, 0) : object;
}
