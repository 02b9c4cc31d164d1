/* explain_text.c: an explanation for people to read.
 *
 * Callers: explain.c.
 * Memory:  in the line's job.
 * Holds:   what others wrote stands escaped, as JSON strings; a line of it is a line of ours.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cmd/explain_own.h"

#include <myelin/json_value.h>

static void put_key(myl_text *out, const myl_event *event)
{
    myl_json_write_str(out, event->type);
    if (event->state_key.len > 0) {
        myl_text_add_byte(out, ' ');
        myl_json_write_str(out, event->state_key);
    }
}

static void put_quoted_id(myl_text *out, const myl_event *event)
{
    if (event == NULL)
        myl_text_add(out, MYL_S("nothing"));
    else
        myl_json_write_str(out, event->event_id);
}

static void put_author(myl_text *out, const myl_event *event)
{
    put_quoted_id(out, event);
    myl_text_add(out, MYL_S(" by "));
    myl_json_write_str(out, event->sender);
    myl_text_addf(out, " at %lld", (long long)event->origin_server_ts);
}

static void put_forks(const explanation *all, myl_text *out)
{
    myl_text_addf(out, "%zu keys differ between %zu states\n", all->forks.count, all->state_count);
    for (size_t i = 0; i < all->forks.count; i++) {
        const explained_fork *fork = myl_list_at(&all->forks, i);
        myl_text_add(out, MYL_S("  "));
        put_key(out, fork->any);
        myl_text_add_byte(out, '\n');
        for (size_t set = 0; set < all->state_count; set++) {
            myl_text_addf(out, "    state %zu: ", set + 1);
            if (fork->states[set] == NULL)
                myl_text_add(out, MYL_S("nothing"));
            else
                put_author(out, fork->states[set]);
            myl_text_add_byte(out, '\n');
        }
    }
}

static void put_events(myl_text *out, const char *title, const myl_list *events)
{
    if (events->count == 0)
        return;
    myl_text_addf(out, "%s\n", title);
    for (size_t i = 0; i < events->count; i++) {
        const myl_event *event = myl_list_get(events, const myl_event *, i);
        myl_text_add(out, MYL_S("  "));
        put_author(out, event);
        myl_text_add(out, MYL_S(": "));
        put_key(out, event);
        myl_text_add_byte(out, '\n');
    }
}

static void put_order(myl_text *out, const explained_step *step)
{
    switch (step->order) {
    case EXPLAIN_POWER:
        if (step->value == MYL_POWER_UNLIMITED)
            myl_text_add(out, MYL_S(" (power unlimited)"));
        else
            myl_text_addf(out, " (power %lld)", (long long)step->value);
        break;
    case EXPLAIN_MAINLINE:
        if (step->value < 0)
            myl_text_add(out, MYL_S(" (off the mainline)"));
        else
            myl_text_addf(out, " (mainline %lld)", (long long)step->value);
        break;
    case EXPLAIN_PICKED:
    case EXPLAIN_DEPTH: myl_text_addf(out, " (depth %lld)", (long long)step->event->depth); break;
    }
}

static void put_outcome(myl_text *out, const explained_step *step)
{
    if (!step->judged) {
        myl_text_add(out, step->order == EXPLAIN_PICKED ? MYL_S("taken as it is")
                                                        : MYL_S("not judged: no state event"));
        return;
    }
    if (!step->verdict.allowed) {
        myl_text_addf(out, "refused by rule %s: %s", step->verdict.rule, step->verdict.reason);
        return;
    }
    myl_text_addf(out, "allowed by rule %s", step->verdict.rule);
    if (step->other != NULL && step->other != step->event) {
        myl_text_add(out, MYL_S(", replaces "));
        put_quoted_id(out, step->other);
    }
}

static void put_steps(const explanation *all, myl_text *out)
{
    if (all->steps.count > 0)
        myl_text_add(out, MYL_S("steps\n"));
    for (size_t i = 0; i < all->steps.count; i++) {
        const explained_step *step = myl_list_at(&all->steps, i);
        myl_text_addf(out, "  %zu. ", i + 1);
        put_author(out, step->event);
        put_order(out, step);
        myl_text_add(out, MYL_S(": "));
        put_key(out, step->event);
        myl_text_add(out, MYL_S(": "));
        put_outcome(out, step);
        myl_text_add_byte(out, '\n');
    }
}

/* Why an event of a fork is not the winner. */
static void put_loser(const explanation *all, myl_text *out, const explained_fork *fork,
                      const myl_event *loser)
{
    const explained_step *step = myl_explain_step(all, loser);
    myl_text_add(out, MYL_S("    lost: "));
    put_quoted_id(out, loser);
    if (step == NULL)
        myl_text_add(out, MYL_S(", whose turn did not come"));
    else if (step->judged && !step->verdict.allowed)
        myl_text_addf(out, ", refused by rule %s: %s", step->verdict.rule, step->verdict.reason);
    else {
        myl_text_add(out, MYL_S(", replaced later by "));
        put_quoted_id(out, fork->winner);
    }
    myl_text_add_byte(out, '\n');
}

static void put_result(const explanation *all, myl_text *out)
{
    if (all->forks.count > 0)
        myl_text_add(out, MYL_S("result\n"));
    for (size_t i = 0; i < all->forks.count; i++) {
        const explained_fork *fork = myl_list_at(&all->forks, i);
        myl_text_add(out, MYL_S("  "));
        put_key(out, fork->any);
        myl_text_add(out, MYL_S(": "));
        put_quoted_id(out, fork->winner);
        myl_text_add_byte(out, '\n');
        for (size_t set = 0; set < all->state_count; set++) {
            const myl_event *loser = fork->states[set];
            bool told = loser == NULL || loser == fork->winner;
            for (size_t before = 0; before < set && !told; before++)
                told = fork->states[before] == loser;
            if (!told)
                put_loser(all, out, fork, loser);
        }
    }
    for (size_t i = 0; i < all->overlaid.count; i++) {
        const explained_overlay *at = myl_list_at(&all->overlaid, i);
        myl_text_add(out, MYL_S("  "));
        put_key(out, at->agreed);
        myl_text_add(out, MYL_S(": all states agree on "));
        put_quoted_id(out, at->agreed);
        myl_text_add(out, MYL_S(", which stays in spite of "));
        put_quoted_id(out, at->event);
        myl_text_add_byte(out, '\n');
    }
}

myl_str myl_explain_text(const explanation *all)
{
    myl_text out = myl_text_start(all->cx, 4096);
    myl_text_addf(&out, "room version %s, state resolution %s\n", all->version->name,
                  myl_explain_algorithm(all));
    put_forks(all, &out);
    put_events(&out, "also in question, by the auth difference", &all->difference);
    put_events(&out, "also in question, between the conflicting events", &all->subgraph);
    put_steps(all, &out);
    put_result(all, &out);
    out.len--; /* the last line's end is the caller's */
    return myl_text_str(&out);
}
