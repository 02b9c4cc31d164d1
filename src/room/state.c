/* state.c: the state of a room at a root, and judging events against it.
 *
 * Callers: build.c, visibility.c, the handlers that show state.
 * Threads: the transaction's; the cache of decoded events is the engine's alone.
 * Memory:  a cached event has an arena of its own; it leaves only between changes.
 * Holds:   only events that are committed enter the cache.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_own.h"

#include <myelin/base_table.h>

/* ---- decoded events that many changes ask for: create, power levels, join rules, members who send ---- */

typedef struct {
    myl_ctx cx;
    myl_event event;
} cached_event;

static myl_table *cache;

static void drop_cached(cached_event *cached)
{
    myl_ctx_end(&cached->cx);
    myl_process_free(cached);
}

void myl_room_cache_stop(void)
{
    uint64_t number;
    size_t at = 0;
    void *value;

    while (cache != NULL && myl_table_next(cache, &at, &number, &value))
        drop_cached(value);
    if (cache != NULL)
        myl_table_end(cache);
    cache = NULL;
}

void myl_room_cache_start(void)
{
    myl_room_cache_stop();
    cache = myl_table_start();
}

void myl_room_cache_forget(uint64_t number)
{
    cached_event *cached = cache == NULL ? NULL : myl_table_get(cache, number);

    if (cached == NULL)
        return;
    myl_table_set(cache, number, NULL);
    drop_cached(cached);
}

/* What a change decoded, to be kept once it is committed. */
typedef struct {
    uint64_t number;
    const myl_room_version *version;
    myl_str event_id, bytes;
} cache_offer;

static void take_offer(void *arg)
{
    const cache_offer *offer = arg;
    cached_event *cached;

    if (myl_table_get(cache, offer->number) != NULL)
        return;
    if (myl_table_count(cache) >= MYL_LIMIT_CACHED_EVENTS)
        myl_room_cache_start();
    cached = myl_process_alloc(sizeof(*cached));
    myl_ctx_begin(&cached->cx);
    if (myl_event_reopen(&cached->cx, offer->version, myl_keep(&cached->cx, offer->event_id),
                         myl_keep(&cached->cx, offer->bytes), &cached->event) != MYL_OK)
        drop_cached(cached);
    else
        myl_table_set(cache, offer->number, cached);
}

static void offer_to_cache(myl_ctx *cx, const myl_stored *stored)
{
    cache_offer *offer;

    if (cache == NULL || !myl_engine_is_writing(cx) ||
        (stored->flags & (MYL_EVENT_REDACTED | MYL_EVENT_REJECTED)) != 0)
        return;
    offer = myl_new(cx, cache_offer);
    *offer = (cache_offer){stored->number, stored->version, stored->event_id,
                           myl_keep(cx, stored->bytes)};
    myl_engine_after_commit(cx, take_offer, offer);
}

myl_rc myl_room_decoded(myl_ctx *cx, uint64_t number, const myl_event **out)
{
    const cached_event *cached = NULL;
    myl_stored stored;
    myl_event *event;

    if (cache != NULL && myl_engine_is_writing(cx))
        cached = myl_table_get(cache, number);
    if (cached != NULL) {
        *out = &cached->event;
        return MYL_OK;
    }
    event = myl_new(cx, myl_event);
    MYL_TRY(myl_room_event(cx, number, &stored));
    MYL_TRY(myl_room_event_open(cx, &stored, event));
    event->rejected = (stored.flags & MYL_EVENT_REJECTED) != 0;
    offer_to_cache(cx, &stored);
    *out = event;
    return MYL_OK;
}

/* ---- state by name ---- */

myl_rc myl_room_state_number(myl_ctx *cx, myl_tree_root root, const char *type, myl_str state_key,
                             uint64_t *number)
{
    uint64_t type_id, key_id;

    *number = 0;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, myl_str_of(type), &type_id));
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, state_key, &key_id));
    if (type_id == 0 || key_id == 0 || root == 0)
        return MYL_OK;
    return myl_tree_get(cx, myl_store_nodes(cx), root, (uint32_t)type_id, key_id, number);
}

myl_rc myl_room_state_event(myl_ctx *cx, myl_tree_root root, const char *type, myl_str state_key,
                            myl_stored *out)
{
    uint64_t number;

    memset(out, 0, sizeof(*out));
    MYL_TRY(myl_room_state_number(cx, root, type, state_key, &number));
    return number == 0 ? MYL_OK : myl_room_event(cx, number, out);
}

myl_rc myl_room_state_content(myl_ctx *cx, myl_tree_root root, const char *type, myl_str state_key,
                              const myl_json **out)
{
    myl_stored stored;

    *out = NULL;
    MYL_TRY(myl_room_state_event(cx, root, type, state_key, &stored));
    return stored.number == 0 ? MYL_OK : myl_room_event_content(cx, &stored, out);
}

static myl_rc collect_number(void *arg, const myl_tree_entry *entry)
{
    myl_list_push((myl_list *)arg, uint64_t, entry->event);
    return MYL_OK;
}

int myl_room_compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

myl_rc myl_room_state_all(myl_ctx *cx, myl_tree_root root, const uint64_t **numbers, size_t *count)
{
    myl_list list = MYL_LIST(cx, uint64_t);

    if (root != 0)
        MYL_TRY(myl_tree_walk(cx, myl_store_nodes(cx), root, 0, collect_number, &list));
    myl_list_sort(&list, myl_room_compare_numbers);
    *numbers = list.at;
    *count = list.count;
    return MYL_OK;
}

/* ---- judging ---- */

typedef struct {
    myl_ctx *cx;
    uint64_t create;
    myl_tree_root root;
    myl_rc rc; /* the first look-up that failed */
} root_state;

static const myl_event *find_in_root(void *arg, const char *type, myl_str state_key)
{
    root_state *state = arg;
    uint64_t number = 0;
    const myl_event *event = NULL;

    if (strcmp(type, "m.room.create") == 0 && state_key.len == 0)
        number = state->create;
    else if (state->rc == MYL_OK)
        state->rc = myl_room_state_number(state->cx, state->root, type, state_key, &number);
    if (number != 0 && state->rc == MYL_OK)
        state->rc = myl_room_decoded(state->cx, number, &event);
    return event;
}

myl_rc myl_room_judge(myl_ctx *cx, const myl_event *event, uint64_t create, myl_tree_root root,
                      myl_verdict *out)
{
    root_state state = {cx, create, root, MYL_OK};
    myl_auth_state auth = {find_in_root, &state};

    *out = myl_rules_auth(cx, event, &auth);
    return state.rc;
}

myl_rc myl_room_power(myl_ctx *cx, const myl_room_head *head, myl_power *out)
{
    uint64_t number;

    *out = (myl_power){head->version, NULL, NULL};
    if (head->create != 0)
        MYL_TRY(myl_room_decoded(cx, head->create, &out->create));
    MYL_TRY(myl_room_state_number(cx, head->state, "m.room.power_levels", MYL_S(""), &number));
    return number == 0 ? MYL_OK : myl_room_decoded(cx, number, &out->levels);
}
