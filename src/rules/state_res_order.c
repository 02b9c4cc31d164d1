/* state_res_order.c: the two orders in which state resolution takes events.
 *
 * Why:     power events come by who was allowed to speak first, other events by how old the power
 *          levels are that they rest on. Neither order follows the order of arrival.
 * Callers: state_res_v2.c.
 * Threads: as the callbacks.
 * Holds:   an event comes after those of its auth events that are ordered with it; equal senders'
 *          power and time fall to the event id, so the order is total.
 * Spec:    Room Version 2, State resolution, Definitions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/state_res_own.h"

/* --- reverse topological power ordering ------------------------------------------------------- */

static int compare_time_and_id(const contender *a, const contender *b, bool time, bool id)
{
    const myl_event *x = a->event->event, *y = b->event->event;
    if (x->origin_server_ts != y->origin_server_ts && time)
        return x->origin_server_ts < y->origin_server_ts ? -1 : 1;
    return id ? myl_str_compare(x->event_id, y->event_id) : 0;
}

static bool speaks_before(const void *arg, const void *a, const void *b)
{
    const myl_list *contenders = arg;
    const contender *x = myl_list_at(contenders, *(const size_t *)a);
    const contender *y = myl_list_at(contenders, *(const size_t *)b);
    int level = myl_level_compare(&x->level, &y->level);
    if (level != 0 && !MYL_STEP_LEFT_OUT(ORDER_POWER))
        return level > 0;
    return compare_time_and_id(x, y, !MYL_STEP_LEFT_OUT(ORDER_POWER_TIME),
                               !MYL_STEP_LEFT_OUT(ORDER_POWER_ID)) < 0;
}

/* The sender's power by the event's own auth events. */
static myl_rc find_level(resolution *job, contender *at)
{
    const myl_state_source *source = job->source;
    const myl_event *event = at->event->event;
    myl_power power = {source->version, NULL, NULL};
    for (size_t i = 0; i < at->event->auth_count; i++) {
        const myl_state_event *auth;
        MYL_TRY(myl_resolve_event(job, at->event->auth[i], &auth));
        if (auth->number == at->row.levels)
            power.levels = auth->event;
        else if (myl_event_is(auth->event, "m.room.create", MYL_S("")))
            power.create = auth->event;
    }
    if (source->version->room_id_is_create)
        MYL_TRY(source->create(source->arg, job->cx, event, &power.create));
    at->level = myl_level_user(&power, event->sender);
    return MYL_OK;
}

/* An event that waits for another; linked to the next that waits for the same. */
typedef struct {
    size_t waiting;
    uint64_t next; /* 1 + index, or 0 */
} follower;

static void wait_for_auth(myl_list *contenders, const number_map *index_of, size_t index,
                          myl_list *followers)
{
    contender *at = myl_list_at(contenders, index);
    for (size_t i = 0; i < at->event->auth_count; i++) {
        uint64_t place = myl_numbers_get(index_of, at->event->auth[i]);
        if (place == 0 || MYL_STEP_LEFT_OUT(ORDER_TOPOLOGY))
            continue;
        contender *auth = myl_list_at(contenders, (size_t)place - 1);
        if (!auth->is_first)
            continue;
        myl_list_push(followers, follower, ((follower){index, auth->follow}));
        auth->follow = followers->count;
        at->waits++;
    }
}

static void release(myl_list *contenders, const contender *done, const myl_list *followers,
                    myl_list *ready)
{
    for (uint64_t next = done->follow; next != 0;) {
        const follower *at = myl_list_at(followers, (size_t)next - 1);
        contender *waiting = myl_list_at(contenders, at->waiting);
        if (--waiting->waits == 0)
            myl_heap_push(ready, &at->waiting, speaks_before, contenders);
        next = at->next;
    }
}

myl_rc myl_resolve_power_order(resolution *job, myl_list *contenders, const number_map *index_of,
                               myl_list *indexes)
{
    myl_list followers = MYL_LIST(job->cx, follower), ready = MYL_LIST(job->cx, size_t);
    for (size_t i = 0; i < indexes->count; i++) {
        size_t index = myl_list_get(indexes, size_t, i);
        MYL_TRY(find_level(job, myl_list_at(contenders, index)));
        wait_for_auth(contenders, index_of, index, &followers);
    }
    for (size_t i = 0; i < indexes->count; i++) {
        size_t index = myl_list_get(indexes, size_t, i);
        if (((contender *)myl_list_at(contenders, index))->waits == 0)
            myl_heap_push(&ready, &index, speaks_before, contenders);
    }
    size_t done = 0, index;
    while (myl_heap_pop(&ready, &index, speaks_before, contenders)) {
        const contender *next = myl_list_at(contenders, index);
        *(size_t *)myl_list_at(indexes, done++) = index;
        myl_resolve_tell(job, &(myl_resolve_step){.kind = MYL_STEP_POWER,
                                                  .event = next->event->number,
                                                  .value = next->level.value});
        release(contenders, next, &followers, &ready);
    }
    if (done != indexes->count)
        return myl_fail(job->cx, MYL_CORRUPT, "auth events form a cycle");
    return MYL_OK;
}

/* --- mainline ordering ------------------------------------------------------------------------ */

static int compare_mainline(const void *a, const void *b)
{
    const contender *x = *(const contender *const *)a, *y = *(const contender *const *)b;
    if (x->line != y->line && !MYL_STEP_LEFT_OUT(MAINLINE))
        return x->line < y->line ? -1 : 1;
    return compare_time_and_id(x, y, !MYL_STEP_LEFT_OUT(MAINLINE_TIME),
                               !MYL_STEP_LEFT_OUT(MAINLINE_ID));
}

/* Where the line of the event's power levels meets the mainline. Many events share one. */
static myl_rc find_line(resolution *job, uint64_t levels, number_map *known, contender *at)
{
    if (levels == 0 || at->row.levels == 0)
        return MYL_OK;
    uint64_t *line = myl_numbers_slot(known, at->row.levels);
    if (*line == 0) {
        MYL_TRY(myl_auth_line_meet(job->cx, job->source->rows, levels, at->row.levels, &at->line));
        *line = at->line + 1;
    }
    at->line = *line - 1;
    if (at->line == 0 && MYL_STEP_LEFT_OUT(MAINLINE_UNRELATED))
        at->line = UINT64_MAX;
    return MYL_OK;
}

myl_rc myl_resolve_mainline_order(resolution *job, myl_list *contenders, uint64_t levels,
                                  myl_list *indexes)
{
    myl_list order = MYL_LIST(job->cx, const contender *);
    number_map known = myl_numbers_start(job->cx);
    myl_auth_row top = {.line = 0};
    if (levels != 0)
        MYL_TRY(job->source->rows->row(job->source->rows->arg, job->cx, levels, &top));
    for (size_t i = 0; i < indexes->count; i++) {
        contender *at = myl_list_at(contenders, myl_list_get(indexes, size_t, i));
        MYL_TRY(find_line(job, levels, &known, at));
        myl_list_push(&order, const contender *, at);
    }
    myl_list_sort(&order, compare_mainline);
    for (size_t i = 0; i < indexes->count; i++) {
        const contender *next = myl_list_get(&order, const contender *, i);
        int64_t position = next->line == 0 ? -1 : (int64_t)(top.line - next->line);
        *(size_t *)myl_list_at(indexes, i) = (size_t)(next - (const contender *)contenders->at);
        myl_resolve_tell(job, &(myl_resolve_step){.kind = MYL_STEP_MAINLINE,
                                                  .event = next->event->number,
                                                  .value = position});
    }
    return MYL_OK;
}
