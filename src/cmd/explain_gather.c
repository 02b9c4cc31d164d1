/* explain_gather.c: runs a resolution and keeps what its trace tells.
 *
 * Callers: explain.c.
 * Threads: one.
 * Memory:  in the line's job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cmd/explain_own.h"

#include <myelin/base_limit.h>

const char *myl_explain_algorithm(const explanation *all)
{
    switch (all->version->state_res) {
    case MYL_STATE_RES_V1: return "v1";
    case MYL_STATE_RES_V2: return "v2";
    case MYL_STATE_RES_V21: return "v2.1";
    }
    return "";
}

const explained_step *myl_explain_step(const explanation *all, const myl_event *event)
{
    uintptr_t at = (uintptr_t)myl_map_get(all->step_of, event->event_id);
    return at == 0 ? NULL : myl_list_at(&all->steps, at - 1);
}

/* --- the trace -------------------------------------------------------------------------------- */

static void hear_conflict(explanation *all, const myl_resolve_step *step)
{
    const myl_event *event = myl_state_book_event(all->book, step->event);
    if (step->set == 0) {
        explained_fork *fork = myl_list_add(&all->forks);
        fork->key = (myl_state_key){step->type, step->state_key};
        fork->states = myl_new_array(all->cx, const myl_event *, all->state_count);
    }
    explained_fork *fork = myl_list_at(&all->forks, all->forks.count - 1);
    fork->states[step->set] = event;
    if (event != NULL)
        fork->any = event;
}

/* The event's turn, made when it comes up for the first time. */
static explained_step *turn_of(explanation *all, const myl_event *event, explained_order order)
{
    void **at = myl_map_slot(all->step_of, event->event_id);
    if (*at == NULL) {
        explained_step *fresh = myl_list_add(&all->steps);
        fresh->event = event;
        fresh->order = order;
        *at = (void *)(uintptr_t)all->steps.count;
    }
    return myl_list_at(&all->steps, (uintptr_t)*at - 1);
}

static void hear_turn(explanation *all, const myl_resolve_step *step)
{
    const myl_event *event = myl_state_book_event(all->book, step->event);
    bool judged = step->kind == MYL_STEP_ALLOWED || step->kind == MYL_STEP_REFUSED;
    explained_order order = EXPLAIN_DEPTH; /* a verdict without an order before it is of v1 */
    if (step->kind == MYL_STEP_POWER)
        order = EXPLAIN_POWER;
    else if (step->kind == MYL_STEP_MAINLINE)
        order = EXPLAIN_MAINLINE;
    else if (step->kind == MYL_STEP_PICKED)
        order = EXPLAIN_PICKED;
    explained_step *turn = turn_of(all, event, order);
    if (!judged) {
        turn->value = step->value;
        return;
    }
    turn->judged = true;
    turn->verdict = step->verdict;
    turn->other = myl_state_book_event(all->book, step->other);
}

static void hear(void *arg, const myl_resolve_step *step)
{
    explanation *all = arg;
    const myl_event *event = myl_state_book_event(all->book, step->event);
    switch (step->kind) {
    case MYL_STEP_CONFLICT: hear_conflict(all, step); break;
    case MYL_STEP_DIFFERENCE: myl_list_push(&all->difference, const myl_event *, event); break;
    case MYL_STEP_SUBGRAPH: myl_list_push(&all->subgraph, const myl_event *, event); break;
    case MYL_STEP_POWER:
    case MYL_STEP_MAINLINE:
    case MYL_STEP_ALLOWED:
    case MYL_STEP_REFUSED:
    case MYL_STEP_PICKED: hear_turn(all, step); break;
    case MYL_STEP_OVERLAID:
        myl_list_push(&all->overlaid, explained_overlay,
                      ((explained_overlay){event, myl_state_book_event(all->book, step->other)}));
        break;
    }
}

/* --- the result ------------------------------------------------------------------------------- */

static myl_rc find_winners(explanation *all, myl_tree_root resolved)
{
    const myl_state_source *source = myl_state_book_source(all->book);
    for (size_t i = 0; i < all->forks.count; i++) {
        explained_fork *fork = myl_list_at(&all->forks, i);
        uint64_t event;
        MYL_TRY(myl_tree_get(all->cx, source->nodes, resolved, fork->key.type, fork->key.state_key,
                             &event));
        fork->winner = myl_state_book_event(all->book, event);
    }
    return MYL_OK;
}

static myl_rc list_id(void *arg, const myl_tree_entry *entry)
{
    explanation *all = arg;
    myl_list_push(&all->state, myl_str, myl_state_book_event(all->book, entry->event)->event_id);
    return MYL_OK;
}

static int compare_ids(const void *a, const void *b)
{
    return myl_str_compare(*(const myl_str *)a, *(const myl_str *)b);
}

static explanation explanation_start(myl_ctx *cx, const myl_resolve_input *input,
                                     const myl_state_book *book)
{
    return (explanation){.cx = cx,
                         .version = input->version,
                         .book = book,
                         .state_count = input->set_count,
                         .forks = MYL_LIST(cx, explained_fork),
                         .difference = MYL_LIST(cx, const myl_event *),
                         .subgraph = MYL_LIST(cx, const myl_event *),
                         .steps = MYL_LIST(cx, explained_step),
                         .step_of = myl_map_start(cx, 64),
                         .overlaid = MYL_LIST(cx, explained_overlay),
                         .state = MYL_LIST(cx, myl_str)};
}

static myl_rc resolve(myl_ctx *cx, const myl_resolve_input *input, explanation *out)
{
    myl_state_book *book;
    myl_tree_root roots[MYL_LIMIT_STATE_SETS], resolved;
    if (input->set_count == 0 || input->set_count > MYL_LIMIT_STATE_SETS)
        return myl_fail(cx, MYL_BAD_REQUEST, "state_sets: from 1 to %d", MYL_LIMIT_STATE_SETS);
    MYL_TRY(myl_state_book_start(cx, input->version, input->events, input->event_count, &book));
    for (size_t i = 0; i < input->set_count; i++)
        MYL_TRY(myl_state_book_root(cx, book, input->sets[i].ids, input->sets[i].count, &roots[i]));

    *out = explanation_start(cx, input, book);
    myl_resolve_trace trace = {hear, out};
    const myl_state_source *source = myl_state_book_source(book);
    myl_resolve_request request = {source, roots, input->set_count, &trace};
    MYL_TRY(myl_rules_resolve(cx, &request, &resolved));
    MYL_TRY(find_winners(out, resolved));
    MYL_TRY(myl_tree_walk(cx, source->nodes, resolved, 0, list_id, out));
    myl_list_sort(&out->state, compare_ids);
    return MYL_OK;
}

myl_rc myl_explain_request(myl_ctx *cx, myl_str line, explanation *out)
{
    myl_rules_request request;
    myl_resolve_input input;
    MYL_TRY(myl_rules_request_read(cx, line, &request));
    if (!myl_str_equal(request.op, MYL_S("resolve")))
        return myl_fail(cx, MYL_BAD_REQUEST, "op: expected resolve");
    MYL_TRY(myl_rules_request_resolve(cx, request.json, &input));
    return resolve(cx, &input, out);
}
