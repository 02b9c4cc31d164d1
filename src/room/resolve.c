/* resolve.c: the state where histories meet, from stored events.
 *
 * Why:     an event with several prev events, and a room with several newest events, have the resolution of states.
 * Callers: admit.c, advance.c, check.c.
 * Threads: the transaction's; what is remembered is the engine's alone.
 * Memory:  events that are looked at live in the job; remembered are roots only, CACHED_RESOLUTIONS of them.
 * Holds:   what is remembered is committed; a root's number never means another state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_own.h"

#include <stdlib.h>

#include <myelin/base_table.h>
#include <myelin/room_admit.h>
#include <myelin/rules_state.h>
#include <myelin/tasks_lane.h>

/* ---- remembered resolutions ---- */

typedef struct remembered {
    struct remembered *next; /* under the same hash */
    size_t count;
    myl_tree_root out;
    myl_tree_root states[];
} remembered;

static myl_table *memory;

void myl_room_resolve_stop(void)
{
    uint64_t hash;
    size_t at = 0;
    void *value;

    while (memory != NULL && myl_table_next(memory, &at, &hash, &value))
        for (remembered *one = value, *next; one != NULL; one = next) {
            next = one->next;
            myl_process_free(one);
        }
    if (memory != NULL)
        myl_table_end(memory);
    memory = NULL;
}

void myl_room_resolve_start(void)
{
    myl_room_resolve_stop();
    memory = myl_table_start();
}

static uint64_t hash_of(const myl_tree_root *states, size_t count)
{
    return myl_str_hash((myl_str){(const char *)states, count * sizeof(*states)});
}

static const remembered *recall(const myl_tree_root *states, size_t count)
{
    const remembered *one = myl_table_get(memory, hash_of(states, count));

    while (one != NULL &&
           (one->count != count || memcmp(one->states, states, count * sizeof(*states)) != 0))
        one = one->next;
    return one;
}

typedef struct {
    const myl_tree_root *states;
    size_t count;
    myl_tree_root out;
} offer;

static void take_offer(void *arg)
{
    const offer *o = arg;
    uint64_t hash = hash_of(o->states, o->count);
    remembered *one;

    if (recall(o->states, o->count) != NULL)
        return;
    if (myl_table_count(memory) >= MYL_LIMIT_CACHED_RESOLUTIONS)
        myl_room_resolve_start();
    one = myl_process_alloc(sizeof(*one) + o->count * sizeof(*o->states));
    one->next = myl_table_get(memory, hash);
    one->count = o->count;
    one->out = o->out;
    memcpy(one->states, o->states, o->count * sizeof(*o->states));
    myl_table_set(memory, hash, one);
}

static void remember(myl_ctx *cx, const myl_tree_root *states, size_t count, myl_tree_root out)
{
    offer *o = myl_new(cx, offer);

    *o = (offer){states, count, out};
    myl_engine_after_commit(cx, take_offer, o);
}

/* ---- events for the resolution ---- */

typedef struct {
    myl_table *events; /* number -> myl_state_event */
    uint64_t create;
} stored_source;

static myl_rc source_create(void *arg, myl_ctx *cx, const myl_event *event, const myl_event **out)
{
    const stored_source *source = arg;

    MYL_UNUSED(event);
    *out = NULL;
    return source->create == 0 ? MYL_OK : myl_room_decoded(cx, source->create, out);
}

static myl_rc source_event(void *arg, myl_ctx *cx, uint64_t number, const myl_state_event **out)
{
    stored_source *source = arg;
    myl_list auth = MYL_LIST(cx, uint64_t);
    myl_state_event *made = myl_table_get(source->events, number);
    myl_stored stored;

    *out = made;
    if (made != NULL)
        return MYL_OK;
    if (myl_lanes_stopping())
        return myl_fail(cx, MYL_STOPPING, "the server stops");
    made = myl_new(cx, myl_state_event);
    MYL_TRY(myl_room_event(cx, number, &stored));
    made->number = number;
    made->type = stored.type;
    made->state_key = stored.state_key;
    MYL_TRY(myl_room_decoded(cx, number, &made->event));
    MYL_TRY(myl_room_auth_numbers(cx, made->event, number, &auth));
    made->auth = auth.at;
    made->auth_count = auth.count;
    myl_table_set(source->events, number, made);
    *out = made;
    return MYL_OK;
}

static myl_rc source_key(void *arg, myl_ctx *cx, const char *type, myl_str state_key,
                         myl_state_key *out)
{
    uint64_t type_id, key_id;

    MYL_UNUSED(arg);
    *out = (myl_state_key){0, 0};
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, myl_str_of(type), &type_id));
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, state_key, &key_id));
    if (type_id != 0 && key_id != 0)
        *out = (myl_state_key){(uint32_t)type_id, key_id};
    return MYL_OK;
}

/* ---- the resolution ---- */

static int compare_roots(const void *a, const void *b)
{
    return myl_room_compare_numbers(a, b);
}

static size_t distinct(myl_tree_root *states, size_t count)
{
    size_t kept = 0;

    qsort(states, count, sizeof(*states), compare_roots);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || states[kept - 1] != states[i])
            states[kept++] = states[i];
    return kept;
}

static myl_rc resolve(myl_ctx *cx, const myl_room_head *head, const myl_tree_root *states,
                      size_t count, myl_tree_root *out)
{
    stored_source stored = {myl_table_start(), head->create};
    myl_state_source source = {.version = head->version,
                               .create = source_create,
                               .event = source_event,
                               .key = source_key,
                               .arg = &stored,
                               .nodes = myl_store_nodes(cx),
                               .rows = myl_room_auth_rows()};
    myl_rc rc = myl_rules_resolve(
        cx, &(myl_resolve_request){.source = &source, .states = states, .count = count}, out);

    myl_table_end(stored.events);
    return rc;
}

/* A job that can resolve on a lane does not hold the engine for long. */
static myl_rc resolve_soon(myl_ctx *cx, const myl_room_head *head, const myl_tree_root *states,
                           size_t count, myl_tree_root *out)
{
    myl_rc rc;

    MYL_TRY(myl_room_ahead_watch(cx));
    rc = resolve(cx, head, states, count, out);
    myl_engine_watch(cx, 0, MYL_OK);
    if (rc == MYL_OK && cx->ahead != NULL && !myl_engine_is_writing(cx))
        rc = myl_room_ahead_note(cx, states, count, *out);
    return rc;
}

myl_rc myl_room_resolve(myl_ctx *cx, const myl_room_head *head, const myl_tree_root *roots,
                        size_t count, myl_tree_root *out)
{
    myl_tree_root *states = myl_new_array(cx, myl_tree_root, count + 1);
    bool remembers = memory != NULL && myl_engine_is_writing(cx), found = false;
    const remembered *known;

    MYL_ASSERT(count > 0);
    memcpy(states, roots, count * sizeof(*roots));
    count = distinct(states, count);
    if (count > MYL_LIMIT_STATE_SETS)
        count = MYL_LIMIT_STATE_SETS;
    *out = states[0];
    if (count == 1)
        return MYL_OK;
    known = remembers ? recall(states, count) : NULL;
    if (known != NULL) {
        *out = known->out;
        return MYL_OK;
    }
    if (cx->ahead != NULL)
        MYL_TRY(myl_room_ahead_take(cx, states, count, out, &found));
    if (!found)
        MYL_TRY(resolve_soon(cx, head, states, count, out));
    if (remembers)
        remember(cx, states, count, *out);
    return MYL_OK;
}

myl_rc myl_room_resolve_events(myl_ctx *cx, const myl_room_head *head, const uint64_t *events,
                               size_t count, myl_tree_root *out)
{
    myl_tree_root *roots = myl_new_array(cx, myl_tree_root, count + 1);

    for (size_t i = 0; i < count; i++) {
        myl_stored stored;

        MYL_TRY(myl_room_event(cx, events[i], &stored));
        roots[i] = stored.after;
    }
    return myl_room_resolve(cx, head, roots, count, out);
}
