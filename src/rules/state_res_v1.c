/* state_res_v1.c: state resolution of room version 1.
 *
 * Why:     rooms of version 1 still exist. Power levels, then join rules, then members are settled
 *          one after another, each from the oldest event on; then the newest of what remains that
 *          passes.
 * Callers: state_res.c.
 * Threads: as the callbacks.
 * Holds:   the keys of one pass are settled in the state that the pass began with, so that their
 *          order among each other cannot matter.
 * Spec:    Room Version 1, State resolution.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/state_res_own.h"

typedef struct {
    const myl_state_event *event;
    sha1_hash hash; /* of the event id */
} aspirant;

/* Ascending depth, then descending hash. */
static int compare_aspirants(const void *a, const void *b)
{
    const aspirant *x = a, *y = b;
    if (x->event->event->depth != y->event->event->depth && !MYL_STEP_LEFT_OUT(V1_DEPTH))
        return x->event->event->depth < y->event->event->depth ? -1 : 1;
    if (MYL_STEP_LEFT_OUT(V1_HASH))
        return myl_str_compare(x->event->event->event_id, y->event->event->event_id);
    return memcmp(y->hash.bytes, x->hash.bytes, sizeof x->hash.bytes);
}

/* The different events of a key, in order. */
static myl_rc list_aspirants(resolution *job, const conflict *at, myl_list *out)
{
    *out = MYL_LIST(job->cx, aspirant);
    for (size_t i = 0; i < job->state_count; i++) {
        bool again = at->events[i] == 0;
        for (size_t k = 0; k < i && !again; k++)
            again = at->events[k] == at->events[i];
        if (again)
            continue;
        aspirant next;
        MYL_TRY(myl_resolve_event(job, at->events[i], &next.event));
        next.hash = myl_rules_sha1(next.event->event->event_id);
        myl_list_push(out, aspirant, next);
    }
    myl_list_sort(out, compare_aspirants);
    return MYL_OK;
}

static void pick(resolution *job, const conflict *at, uint64_t event, bool told)
{
    *myl_keys_slot(&job->resolved, at->type, at->state_key) = event;
    if (told)
        myl_resolve_tell(job, &(myl_resolve_step){.kind = MYL_STEP_PICKED, .event = event});
}

/* From the oldest on, as long as each is allowed on top of the one before. */
static myl_rc settle_from_oldest(resolution *job, const conflict *at, const myl_list *aspirants)
{
    bool allowed = true;
    const aspirant *first = myl_list_at(aspirants, 0);
    pick(job, at, first->event->number, true);
    for (size_t i = 1; i < aspirants->count && (allowed || MYL_STEP_LEFT_OUT(V1_STOP)); i++) {
        const aspirant *next = myl_list_at(aspirants, i);
        MYL_TRY(myl_resolve_apply(job, next->event, &allowed));
    }
    return MYL_OK;
}

/* The newest that passes; none when none does. */
static myl_rc settle_from_newest(resolution *job, const conflict *at, const myl_list *aspirants)
{
    bool allowed = MYL_STEP_LEFT_OUT(V1_CHECK);
    const aspirant *newest = myl_list_at(aspirants, aspirants->count - 1);
    if (allowed)
        pick(job, at, newest->event->number, false);
    for (size_t i = aspirants->count; i-- > 0 && !allowed;) {
        const aspirant *next = myl_list_at(aspirants, i);
        MYL_TRY(myl_resolve_apply(job, next->event, &allowed));
    }
    return MYL_OK;
}

typedef struct {
    const conflict *at;
    uint64_t event;
} settled;

/* The first three settle one type each. */
enum { LEVELS_PASS, JOIN_RULES_PASS, MEMBERS_PASS, LAST_PASS };

static size_t pass_of(const myl_event *event)
{
    if (myl_str_equal(event->type, MYL_S("m.room.power_levels")))
        return MYL_STEP_LEFT_OUT(V1_LEVELS) ? LAST_PASS : LEVELS_PASS;
    if (myl_str_equal(event->type, MYL_S("m.room.join_rules")))
        return MYL_STEP_LEFT_OUT(V1_JOIN_RULES) ? LAST_PASS : JOIN_RULES_PASS;
    if (myl_str_equal(event->type, MYL_S("m.room.member")))
        return MYL_STEP_LEFT_OUT(V1_MEMBERS) ? LAST_PASS : MEMBERS_PASS;
    return LAST_PASS;
}

static myl_rc settle_key(resolution *job, const conflict *at, size_t pass, myl_list *done)
{
    myl_list aspirants;
    MYL_TRY(list_aspirants(job, at, &aspirants));
    const aspirant *first = myl_list_at(&aspirants, 0);
    /* A key that no two states fill differently is not in conflict here: it was taken before the
     * passes. */
    if (aspirants.count == 1 || pass_of(first->event->event) != pass)
        return MYL_OK;
    if (pass != LAST_PASS)
        MYL_TRY(settle_from_oldest(job, at, &aspirants));
    else
        MYL_TRY(settle_from_newest(job, at, &aspirants));
    uint64_t *slot = myl_keys_slot(&job->resolved, at->type, at->state_key);
    myl_list_push(done, settled, ((settled){at, *slot}));
    *slot = 0;
    return MYL_OK;
}

static myl_rc take_union(resolution *job)
{
    for (size_t i = 0; i < job->conflicts.count; i++) {
        myl_list aspirants;
        const conflict *at = myl_list_at(&job->conflicts, i);
        MYL_TRY(list_aspirants(job, at, &aspirants));
        const aspirant *first = myl_list_at(&aspirants, 0);
        if (aspirants.count == 1 && !MYL_STEP_LEFT_OUT(V1_UNION))
            pick(job, at, first->event->number, true);
    }
    return MYL_OK;
}

myl_rc myl_resolve_v1(resolution *job)
{
    job->from_agreed = true;
    job->from_auth = false;
    MYL_TRY(take_union(job));
    for (size_t pass = 0; pass <= LAST_PASS; pass++) {
        myl_list done = MYL_LIST(job->cx, settled);
        for (size_t i = 0; i < job->conflicts.count; i++)
            MYL_TRY(settle_key(job, myl_list_at(&job->conflicts, i), pass, &done));
        for (size_t i = 0; i < done.count; i++) {
            const settled *result = myl_list_at(&done, i);
            pick(job, result->at, result->event, false);
        }
    }
    return MYL_OK;
}
