/* sliding_state.c: which state events of a room a client requires.
 *
 * Spec:    MSC4186, required_state; Combining required_state.
 * Threads: a read worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sliding_own.h"

/* ---- one event ---- */

static bool selects(const myl_state_selector *selector, myl_str type, myl_str state_key)
{
    return (!myl_str_present(selector->type) || myl_str_equal(selector->type, type)) &&
           (!myl_str_present(selector->state_key) || myl_str_equal(selector->state_key, state_key));
}

static bool is_everything(const myl_state_selector *selector)
{
    return !myl_str_present(selector->type) && !myl_str_present(selector->state_key);
}

/* Does the all-including selector not speak of this type? Lazy members come with the timeline. */
static bool is_left_to_others(const myl_required_state *set, myl_str type)
{
    if (set->lazy_members && myl_str_equal(type, MYL_S("m.room.member")))
        return true;
    if (!set->narrowed)
        return false;
    for (size_t i = 0; i < set->include_count; i++)
        if (myl_str_present(set->include[i].type) && myl_str_equal(set->include[i].type, type))
            return true;
    return false;
}

static bool set_requires(const myl_required_state *set, myl_str type, myl_str state_key)
{
    bool found = false;

    for (size_t i = 0; i < set->include_count && !found; i++)
        found = selects(&set->include[i], type, state_key) &&
                !(is_everything(&set->include[i]) && is_left_to_others(set, type));
    for (size_t i = 0; i < set->exclude_count && found; i++)
        found = !selects(&set->exclude[i], type, state_key);
    return found;
}

bool myl_sliding_requires(const myl_required_sets *sets, myl_str type, myl_str state_key)
{
    for (size_t i = 0; i < sets->count; i++)
        if (set_requires(&sets->sets[i], type, state_key))
            return true;
    return false;
}

static bool wants_all_members(const myl_required_state *set)
{
    myl_state_selector all = {MYL_S("m.room.member"), MYL_ABSENT};

    for (size_t i = 0; i < set->include_count; i++) {
        const myl_state_selector *one = &set->include[i];

        if (!myl_str_present(one->state_key) && selects(one, all.type, MYL_S("")))
            return true;
    }
    return false;
}

bool myl_sliding_is_lazy(const myl_required_sets *sets)
{
    bool lazy = false;

    for (size_t i = 0; i < sets->count; i++) {
        if (!sets->sets[i].lazy_members && wants_all_members(&sets->sets[i]))
            return false;
        lazy |= sets->sets[i].lazy_members;
    }
    return lazy;
}

/* ---- all of a state ---- */

typedef struct {
    myl_ctx *cx;
    const myl_required_sets *sets;
    myl_tree_root root;
    myl_list *numbers;
} gathering;

static myl_rc gather_entry(void *arg, const myl_tree_entry *entry)
{
    gathering *g = arg;

    myl_list_push(g->numbers, uint64_t, entry->event);
    return MYL_OK;
}

/* With lazy members a selector of everything does not walk the members: they are the many. */
static myl_rc gather(gathering *g, const myl_required_state *set,
                     const myl_state_selector *selector)
{
    const myl_tree_nodes *nodes = myl_store_nodes(g->cx);
    uint64_t type = 0, key = 0, number;

    if (is_everything(selector) && set->lazy_members) {
        MYL_TRY(myl_store_interned(g->cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &type));
        return myl_tree_walk_without(g->cx, nodes, g->root, (uint32_t)type, gather_entry, g);
    }

    if (myl_str_present(selector->type)) {
        MYL_TRY(myl_store_interned(g->cx, MYL_INTERN_TYPE, selector->type, &type));
        if (type == 0)
            return MYL_OK;
    }
    if (type == 0 || !myl_str_present(selector->state_key))
        return myl_tree_walk(g->cx, nodes, g->root, (uint32_t)type, gather_entry, g);
    MYL_TRY(myl_store_interned(g->cx, MYL_INTERN_NAME, selector->state_key, &key));
    if (key == 0)
        return MYL_OK;
    MYL_TRY(myl_tree_get(g->cx, nodes, g->root, (uint32_t)type, key, &number));
    if (number != 0)
        myl_list_push(g->numbers, uint64_t, number);
    return MYL_OK;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Keeps each required one once. */
static myl_rc keep_required(gathering *g, myl_list *out)
{
    uint64_t last = 0;

    myl_list_sort(g->numbers, compare_numbers);
    for (size_t i = 0; i < g->numbers->count; i++) {
        uint64_t number = myl_list_get(g->numbers, uint64_t, i);
        myl_str type, state_key;
        myl_stored stored;

        if (number == last)
            continue;
        last = number;
        MYL_TRY(myl_room_event(g->cx, number, &stored));
        MYL_TRY(myl_store_text_of(g->cx, MYL_INTERN_TYPE, stored.type, &type));
        MYL_TRY(myl_store_text_of(g->cx, MYL_INTERN_NAME, stored.state_key, &state_key));
        if (myl_sliding_requires(g->sets, type, state_key))
            myl_list_push(out, uint64_t, number);
    }
    return MYL_OK;
}

myl_rc myl_sliding_required(myl_ctx *cx, const myl_required_sets *sets, myl_tree_root root,
                            myl_list *numbers)
{
    myl_list found = MYL_LIST(cx, uint64_t);
    gathering g = {cx, sets, root, &found};

    if (root == 0)
        return MYL_OK;
    for (size_t i = 0; i < sets->count; i++)
        for (size_t j = 0; j < sets->sets[i].include_count; j++)
            MYL_TRY(gather(&g, &sets->sets[i], &sets->sets[i].include[j]));
    return keep_required(&g, numbers);
}

/* ---- bytes ---- */

static void write_selectors(myl_text *out, const myl_state_selector *selectors, size_t count)
{
    myl_row_u32(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        myl_row_u8(out, myl_str_present(selectors[i].type));
        myl_row_str(out, selectors[i].type);
        myl_row_u8(out, myl_str_present(selectors[i].state_key));
        myl_row_str(out, selectors[i].state_key);
    }
}

myl_str myl_sliding_sets_write(myl_ctx *cx, const myl_required_sets *sets)
{
    myl_text out = myl_text_start(cx, 512);

    myl_row_u32(&out, (uint32_t)sets->count);
    for (size_t i = 0; i < sets->count; i++) {
        const myl_required_state *set = &sets->sets[i];

        myl_row_u8(&out, set->narrowed);
        myl_row_u8(&out, set->lazy_members);
        write_selectors(&out, set->include, set->include_count);
        write_selectors(&out, set->exclude, set->exclude_count);
    }
    return myl_text_str(&out);
}

static bool cut_text(myl_str *bytes, myl_str *out)
{
    uint8_t present;

    if (!myl_cut_u8(bytes, &present) || !myl_cut_str(bytes, out))
        return false;
    if (present == 0)
        *out = MYL_ABSENT;
    return true;
}

static bool cut_selectors(myl_ctx *cx, myl_str *bytes, const myl_state_selector **out,
                          size_t *count)
{
    myl_state_selector *selectors;
    uint32_t wanted;

    if (!myl_cut_u32(bytes, &wanted) || wanted > bytes->len)
        return false;
    selectors = myl_new_array(cx, myl_state_selector, (size_t)wanted + 1);
    for (uint32_t i = 0; i < wanted; i++)
        if (!cut_text(bytes, &selectors[i].type) || !cut_text(bytes, &selectors[i].state_key))
            return false;
    *out = selectors;
    *count = wanted;
    return true;
}

bool myl_sliding_sets_read(myl_ctx *cx, myl_str bytes, myl_required_sets *out)
{
    myl_required_state *sets;
    uint32_t count;

    if (!myl_cut_u32(&bytes, &count) || count > bytes.len)
        return false;
    sets = myl_new_array(cx, myl_required_state, (size_t)count + 1);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t narrowed, lazy;

        if (!myl_cut_u8(&bytes, &narrowed) || !myl_cut_u8(&bytes, &lazy) ||
            !cut_selectors(cx, &bytes, &sets[i].include, &sets[i].include_count) ||
            !cut_selectors(cx, &bytes, &sets[i].exclude, &sets[i].exclude_count))
            return false;
        sets[i].narrowed = narrowed != 0;
        sets[i].lazy_members = lazy != 0;
    }
    *out = (myl_required_sets){sets, count};
    return true;
}
