/* state_res.c: state resolution: what differs, who decides, what comes out.
 *
 * Why:     states of a room share nearly all; so they are compared by their trees, the algorithm of
 *          the room's version works on the keys that differ, and the result is the first state with
 *          a few changes.
 * Callers: room/ where histories meet, `myelin rules`, `myelin explain-state`.
 * Threads: as the callbacks.
 * Memory:  in the job: the keys that differ, once a state; the events that are looked at.
 * Holds:   the order of the states does not change the result.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/state_res_own.h"

/* --- maps by key ------------------------------------------------------------------------------ */

key_map myl_keys_start(myl_ctx *cx)
{
    return (key_map){myl_numbers_start(cx), MYL_LIST(cx, number_map)};
}

uint64_t *myl_keys_slot(key_map *map, uint32_t type, uint64_t state_key)
{
    uint64_t *at = myl_numbers_slot(&map->types, type);
    if (*at == 0) {
        myl_list_push(&map->maps, number_map, myl_numbers_start(map->maps.cx));
        *at = map->maps.count;
    }
    return myl_numbers_slot(myl_list_at(&map->maps, (size_t)*at - 1), state_key);
}

uint64_t myl_keys_get(const key_map *map, uint32_t type, uint64_t state_key)
{
    uint64_t at = myl_numbers_get(&map->types, type);
    return at == 0 ? 0 : myl_numbers_get(myl_list_at(&map->maps, (size_t)at - 1), state_key);
}

/* --- what the algorithms look up -------------------------------------------------------------- */

void myl_resolve_tell(const resolution *job, const myl_resolve_step *step)
{
    if (job->trace != NULL)
        job->trace->step(job->trace->arg, step);
}

myl_rc myl_resolve_event(resolution *job, uint64_t number, const myl_state_event **out)
{
    return job->source->event(job->source->arg, job->cx, number, out);
}

myl_rc myl_resolve_agreed(resolution *job, uint32_t type, uint64_t state_key, uint64_t *event)
{
    *event = 0;
    if (myl_keys_get(&job->conflict_of, type, state_key) != 0)
        return MYL_OK;
    return myl_tree_get(job->cx, job->source->nodes, job->states[0], type, state_key, event);
}

myl_rc myl_resolve_current(resolution *job, uint32_t type, uint64_t state_key, uint64_t *event)
{
    *event = myl_keys_get(&job->resolved, type, state_key);
    if (*event != 0 || !job->from_agreed)
        return MYL_OK;
    return myl_resolve_agreed(job, type, state_key, event);
}

/* The event of a key among the judged event's auth events that are not rejected. An event that names two for one key is
 * rejected before it gets here; from a peer that let one pass, the last counts. */
static myl_rc find_in_auth(resolution *job, myl_state_key key, const myl_event **out)
{
    const myl_state_event *judged = job->judged;
    for (size_t i = 0; i < judged->auth_count; i++) {
        const myl_state_event *auth;
        MYL_TRY(myl_resolve_event(job, judged->auth[i], &auth));
        if (auth->type != key.type || auth->state_key != key.state_key ||
            (auth->event->rejected && !MYL_STEP_LEFT_OUT(AUTH_REJECTED)))
            continue;
        *out = auth->event;
    }
    return MYL_OK;
}

static bool is_create(const char *type, myl_str state_key)
{
    return strcmp(type, "m.room.create") == 0 && state_key.len == 0;
}

static myl_rc find_state(resolution *job, const char *type, myl_str state_key,
                         const myl_event **out)
{
    const myl_state_source *source = job->source;
    myl_state_key key;
    uint64_t event;
    *out = NULL;
    if (source->version->room_id_is_create && is_create(type, state_key))
        return source->create(source->arg, job->cx, job->judged->event, out);
    MYL_TRY(source->key(source->arg, job->cx, type, state_key, &key));
    if (key.type == 0)
        return MYL_OK;
    MYL_TRY(myl_resolve_current(job, key.type, key.state_key, &event));
    if (event == 0)
        return job->from_auth ? find_in_auth(job, key, out) : MYL_OK;
    const myl_state_event *found;
    MYL_TRY(myl_resolve_event(job, event, &found));
    *out = found->event;
    return MYL_OK;
}

static const myl_event *find_for_rules(void *arg, const char *type, myl_str state_key)
{
    resolution *job = arg;
    const myl_event *event;
    myl_rc rc = find_state(job, type, state_key, &event);
    if (rc == MYL_OK)
        return event;
    job->failed = rc;
    return NULL;
}

myl_rc myl_resolve_judge(resolution *job, const myl_state_event *event, myl_verdict *verdict)
{
    myl_auth_state state = {find_for_rules, job};
    job->judged = event;
    *verdict = myl_rules_auth(job->cx, event->event, &state);
    return job->failed;
}

myl_rc myl_resolve_apply(resolution *job, const myl_state_event *event, bool *allowed)
{
    myl_resolve_step step = {.kind = MYL_STEP_REFUSED, .event = event->number};
    MYL_TRY(myl_resolve_judge(job, event, &step.verdict));
    *allowed = step.verdict.allowed;
    if (job->trace != NULL)
        MYL_TRY(myl_resolve_current(job, event->type, event->state_key, &step.other));
    if (*allowed) {
        step.kind = MYL_STEP_ALLOWED;
        *myl_keys_slot(&job->resolved, event->type, event->state_key) = event->number;
    }
    myl_resolve_tell(job, &step);
    return MYL_OK;
}

/* --- what differs ----------------------------------------------------------------------------- */

typedef struct {
    resolution *job;
    size_t state;
} gathering;

static myl_rc gather(void *arg, uint32_t type, uint64_t state_key, uint64_t before, uint64_t after)
{
    const gathering *at = arg;
    resolution *job = at->job;
    uint64_t *index = myl_keys_slot(&job->conflict_of, type, state_key);
    if (*index == 0) {
        conflict fresh = {type, state_key, myl_new_array(job->cx, uint64_t, job->state_count)};
        for (size_t i = 0; i < job->state_count; i++)
            fresh.events[i] = before;
        myl_list_push(&job->conflicts, conflict, fresh);
        *index = job->conflicts.count;
    }
    ((conflict *)myl_list_at(&job->conflicts, (size_t)*index - 1))->events[at->state] = after;
    return MYL_OK;
}

static void tell_conflicts(const resolution *job)
{
    for (size_t i = 0; i < job->conflicts.count && job->trace != NULL; i++) {
        const conflict *at = myl_list_at(&job->conflicts, i);
        for (size_t set = 0; set < job->state_count; set++) {
            myl_resolve_step step = {.kind = MYL_STEP_CONFLICT,
                                     .event = at->events[set],
                                     .set = set,
                                     .type = at->type,
                                     .state_key = at->state_key};
            myl_resolve_tell(job, &step);
        }
    }
}

/* --- what comes out --------------------------------------------------------------------------- */

/* Where all states agree, that stays, whatever was decided (v2 step 5). */
static myl_rc add_decided(resolution *job, uint32_t type, uint64_t state_key, uint64_t event,
                          myl_list *changes)
{
    uint64_t agreed;
    if (event == 0 || myl_keys_get(&job->conflict_of, type, state_key) != 0)
        return MYL_OK;
    MYL_TRY(myl_resolve_agreed(job, type, state_key, &agreed));
    if (agreed == 0 || MYL_STEP_LEFT_OUT(OVERLAY)) {
        myl_list_push(changes, myl_tree_entry, ((myl_tree_entry){type, state_key, event}));
        return MYL_OK;
    }
    if (agreed != event)
        myl_resolve_tell(job, &(myl_resolve_step){.kind = MYL_STEP_OVERLAID,
                                                  .event = event,
                                                  .other = agreed});
    return MYL_OK;
}

static myl_rc finish(resolution *job, myl_tree_root *out)
{
    myl_list changes = MYL_LIST(job->cx, myl_tree_entry);
    for (size_t i = 0; i < job->conflicts.count; i++) {
        const conflict *at = myl_list_at(&job->conflicts, i);
        uint64_t event = myl_keys_get(&job->resolved, at->type, at->state_key);
        myl_list_push(&changes, myl_tree_entry, ((myl_tree_entry){at->type, at->state_key, event}));
    }
    const key_map *resolved = &job->resolved;
    for (size_t i = 0; i < resolved->types.count; i++) {
        const number_map *keys =
            myl_list_at(&resolved->maps, (size_t)resolved->types.values[i] - 1);
        for (size_t k = 0; k < keys->count; k++)
            MYL_TRY(add_decided(job, (uint32_t)resolved->types.keys[i], keys->keys[k],
                                keys->values[k], &changes));
    }
    return myl_tree_change(job->cx, job->source->nodes, job->states[0], changes.at, changes.count,
                           out);
}

myl_rc myl_rules_resolve(myl_ctx *cx, const myl_resolve_request *request, myl_tree_root *out)
{
    const myl_state_source *source = request->source;
    const myl_tree_root *states = request->states;
    resolution job = {.cx = cx, .source = source, .states = states, .state_count = request->count};
    MYL_ASSERT(request->count > 0 && request->count <= MYL_LIMIT_STATE_SETS);
    *out = states[0];
    job.trace = request->trace;
    job.conflicts = MYL_LIST(cx, conflict);
    job.conflict_of = myl_keys_start(cx);
    job.resolved = myl_keys_start(cx);
    for (size_t i = 1; i < request->count; i++) {
        gathering at = {&job, i};
        MYL_TRY(myl_tree_diff(cx, source->nodes, states[0], states[i], gather, &at));
    }
    if (job.conflicts.count == 0)
        return MYL_OK;
    tell_conflicts(&job);
    if (source->version->state_res == MYL_STATE_RES_V1)
        MYL_TRY(myl_resolve_v1(&job));
    else
        MYL_TRY(myl_resolve_v2(&job));
    return finish(&job, out);
}
