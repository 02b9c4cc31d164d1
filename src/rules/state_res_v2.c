/* state_res_v2.c: state resolution v2 and v2.1.
 *
 * Why:     events that may take power away from someone are settled first, in an order that nobody
 *          can choose for himself; the rest follows along the power levels that came out.
 * Callers: state_res.c.
 * Threads: as the callbacks.
 * Memory:  one entry an event of the full conflicted set, in the job.
 * Holds:   what all states agree on is never walked: their auth chains are compared by the part
 *          that differs, and an event that comes in by that is then asked whether the agreed part
 *          builds on it.
 * Spec:    Room Version 2, State resolution; Room Version 12 for v2.1 (MSC4297).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/state_res_own.h"

/* Steps in vain that are worth the auth chain of a whole large room. Tests take both roads. */
#ifdef MYL_DEV
#define SEARCH_PATIENCE 4
#else
#define SEARCH_PATIENCE 50000
#endif

typedef struct {
    resolution *job;
    const myl_auth_rows *rows;
    myl_list contenders; /* contender: the full conflicted set */
    number_map index_of; /* event -> 1 + index in `contenders` */
} full_set;

/* --- the full conflicted set ------------------------------------------------------------------ */

static myl_rc add_contender(full_set *full, uint64_t number, bool *added)
{
    resolution *job = full->job;
    uint64_t *index = myl_numbers_slot(&full->index_of, number);
    *added = *index == 0;
    if (!*added)
        return MYL_OK;
    contender *next = myl_list_add(&full->contenders);
    *index = full->contenders.count;
    MYL_TRY(myl_resolve_event(job, number, &next->event));
    MYL_TRY(full->rows->row(full->rows->arg, job->cx, number, &next->row));
    if (next->row.chain == 0)
        return myl_fail(job->cx, MYL_CORRUPT, "a state event is not in the auth index");
    return MYL_OK;
}

static myl_rc add_conflicted(full_set *full)
{
    const resolution *job = full->job;
    bool added;
    for (size_t i = 0; i < job->conflicts.count; i++) {
        const conflict *at = myl_list_at(&job->conflicts, i);
        for (size_t set = 0; set < job->state_count; set++)
            if (at->events[set] != 0)
                MYL_TRY(add_contender(full, at->events[set], &added));
    }
    return MYL_OK;
}

/* The auth chains of the states, each by what only differs. */
static myl_rc chains_of_states(full_set *full, myl_auth_set **out)
{
    resolution *job = full->job;
    for (size_t set = 0; set < job->state_count; set++) {
        myl_list events = MYL_LIST(job->cx, uint64_t);
        for (size_t i = 0; i < job->conflicts.count; i++) {
            const conflict *at = myl_list_at(&job->conflicts, i);
            if (at->events[set] != 0)
                myl_list_push(&events, uint64_t, at->events[set]);
        }
        MYL_TRY(myl_auth_chain(job->cx, full->rows, events.at, events.count, &out[set]));
    }
    return MYL_OK;
}

static myl_rc agreed_holder(void *arg, myl_ctx *cx, uint32_t type, uint64_t state_key,
                            uint64_t *event)
{
    MYL_UNUSED(cx);
    return myl_resolve_agreed(arg, type, state_key, event);
}

typedef struct {
    resolution *job;
    myl_list *events;
} agreed_list;

static myl_rc list_agreed(void *arg, const myl_tree_entry *entry)
{
    const agreed_list *at = arg;
    if (myl_keys_get(&at->job->conflict_of, entry->type, entry->state_key) == 0)
        myl_list_push(at->events, uint64_t, entry->event);
    return MYL_OK;
}

static myl_rc all_agreed(void *arg, myl_ctx *cx, myl_list *events)
{
    resolution *job = arg;
    agreed_list at = {job, events};
    return myl_tree_walk(cx, job->source->nodes, job->states[0], 0, list_agreed, &at);
}

static myl_rc add_difference(full_set *full)
{
    resolution *job = full->job;
    if (MYL_STEP_LEFT_OUT(DIFFERENCE))
        return MYL_OK;
    myl_auth_set **sets = myl_new_array(job->cx, myl_auth_set *, job->state_count);
    myl_list events = MYL_LIST(job->cx, uint64_t);
    myl_auth_holders agreed = {agreed_holder, all_agreed, job, SEARCH_PATIENCE};
    const myl_auth_holders *holders = MYL_STEP_LEFT_OUT(DIFFERENCE_AGREED) ? NULL : &agreed;
    myl_auth_search *search = myl_auth_search_start(job->cx, full->rows, holders);
    MYL_TRY(chains_of_states(full, sets));
    MYL_TRY(myl_auth_difference(job->cx, search, sets, job->state_count, &events));
    for (size_t i = 0; i < events.count; i++) {
        uint64_t event = myl_list_get(&events, uint64_t, i);
        bool added;
        MYL_TRY(add_contender(full, event, &added));
        if (added)
            myl_resolve_tell(job, &(myl_resolve_step){.kind = MYL_STEP_DIFFERENCE, .event = event});
    }
    return MYL_OK;
}

/* v2.1 only; to be called while nothing but the conflicted state set is in. */
static myl_rc list_subgraph(const full_set *full, myl_list *out)
{
    myl_list ends = MYL_LIST(full->job->cx, uint64_t);
    for (size_t i = 0; i < full->contenders.count; i++)
        myl_list_push(&ends, uint64_t,
                      ((contender *)myl_list_at(&full->contenders, i))->event->number);
    return myl_auth_between(full->job->cx, full->rows, ends.at, ends.count, out);
}

static myl_rc add_subgraph(full_set *full, const myl_list *events)
{
    for (size_t i = 0; i < events->count; i++) {
        uint64_t event = myl_list_get(events, uint64_t, i);
        bool added;
        MYL_TRY(add_contender(full, event, &added));
        if (added)
            myl_resolve_tell(full->job,
                             &(myl_resolve_step){.kind = MYL_STEP_SUBGRAPH, .event = event});
    }
    return MYL_OK;
}

static myl_rc fill(full_set *full)
{
    bool subgraph =
        full->job->source->version->state_res == MYL_STATE_RES_V21 && !MYL_STEP_LEFT_OUT(SUBGRAPH);
    myl_list between = MYL_LIST(full->job->cx, uint64_t);
    MYL_TRY(add_conflicted(full));
    if (subgraph)
        MYL_TRY(list_subgraph(full, &between));
    MYL_TRY(add_difference(full));
    return add_subgraph(full, &between);
}

/* --- step 1: power events and what they rest on ----------------------------------------------- */

static bool is_removal(const myl_event *event)
{
    myl_str membership = myl_event_membership(event);
    if (myl_str_equal(event->sender, event->state_key) && !MYL_STEP_LEFT_OUT(POWER_LEAVING))
        return false;
    return myl_str_equal(membership, MYL_S("leave")) || myl_str_equal(membership, MYL_S("ban"));
}

static bool is_power_event(const myl_event *event)
{
    if (!myl_str_present(event->state_key))
        return false;
    if (myl_str_equal(event->type, MYL_S("m.room.power_levels")))
        return !MYL_STEP_LEFT_OUT(POWER_LEVELS);
    if (myl_str_equal(event->type, MYL_S("m.room.join_rules")))
        return !MYL_STEP_LEFT_OUT(POWER_JOIN_RULES);
    return myl_str_equal(event->type, MYL_S("m.room.member")) && is_removal(event) &&
           !MYL_STEP_LEFT_OUT(POWER_REMOVALS);
}

static myl_rc mark_first(full_set *full)
{
    myl_list power = MYL_LIST(full->job->cx, uint64_t);
    for (size_t i = 0; i < full->contenders.count; i++) {
        contender *at = myl_list_at(&full->contenders, i);
        at->is_first = is_power_event(at->event->event);
        if (at->is_first)
            myl_list_push(&power, uint64_t, at->event->number);
    }
    myl_auth_set *below;
    if (MYL_STEP_LEFT_OUT(POWER_CHAINS))
        return MYL_OK;
    MYL_TRY(myl_auth_chain(full->job->cx, full->rows, power.at, power.count, &below));
    for (size_t i = 0; i < full->contenders.count; i++) {
        contender *at = myl_list_at(&full->contenders, i);
        at->is_first |= at->row.place <= myl_auth_set_place(below, at->row.chain);
    }
    return MYL_OK;
}

static myl_list pick_contenders(const full_set *full, bool first)
{
    myl_list indexes = MYL_LIST(full->job->cx, size_t);
    for (size_t i = 0; i < full->contenders.count; i++)
        if (((contender *)myl_list_at(&full->contenders, i))->is_first == first)
            myl_list_push(&indexes, size_t, i);
    return indexes;
}

/* --- the iterative auth checks ---------------------------------------------------------------- */

/* In a build that leaves the checks out: as if all were allowed. */
static void set_unchecked(const full_set *full, const contender *at)
{
    *myl_keys_slot(&full->job->resolved, at->event->type, at->event->state_key) = at->event->number;
}

static myl_rc check_all(const full_set *full, const myl_list *indexes, bool checked)
{
    for (size_t i = 0; i < indexes->count; i++) {
        const contender *at = myl_list_at(&full->contenders, myl_list_get(indexes, size_t, i));
        bool allowed;
        if (!myl_str_present(at->event->event->state_key))
            continue;
        if (checked)
            MYL_TRY(myl_resolve_apply(full->job, at->event, &allowed));
        else
            set_unchecked(full, at);
    }
    return MYL_OK;
}

static myl_rc current_levels(resolution *job, uint64_t *event)
{
    myl_state_key key;
    *event = 0;
    MYL_TRY(job->source->key(job->source->arg, job->cx, "m.room.power_levels", MYL_S(""), &key));
    return key.type == 0 ? MYL_OK : myl_resolve_current(job, key.type, key.state_key, event);
}

myl_rc myl_resolve_v2(resolution *job)
{
    full_set full = {job, job->source->rows, MYL_LIST(job->cx, contender),
                     myl_numbers_start(job->cx)};
    /* v2.1 starts from nothing, v2 from what all states agree on (step 2). */
    job->from_agreed = job->source->version->state_res == MYL_STATE_RES_V2
                           ? !MYL_STEP_LEFT_OUT(START_AGREED)
                           : MYL_STEP_LEFT_OUT(START_EMPTY);
    job->from_auth = !MYL_STEP_LEFT_OUT(AUTH_STANDS_IN);
    MYL_TRY(fill(&full));

    MYL_TRY(mark_first(&full));
    myl_list first = pick_contenders(&full, true);
    MYL_TRY(myl_resolve_power_order(job, &full.contenders, &full.index_of, &first));
    MYL_TRY(check_all(&full, &first, !MYL_STEP_LEFT_OUT(CHECK_FIRST)));

    uint64_t levels;
    MYL_TRY(current_levels(job, &levels));
    myl_list rest = pick_contenders(&full, false);
    MYL_TRY(myl_resolve_mainline_order(job, &full.contenders, levels, &rest));
    return check_all(&full, &rest, !MYL_STEP_LEFT_OUT(CHECK_REST));
}
