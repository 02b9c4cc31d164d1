/* explain_json.c: an explanation for programs to read.
 *
 * {"room_version", "algorithm", "forks": [{"type", "state_key", "states": [id or null]}],
 *  "difference": [id], "subgraph": [id],
 *  "steps": [{"event", "sender", "order", "power" | "position" | "depth", "allowed", "rule",
 *             "reason", "other"}],
 *  "result": [{"type", "state_key", "event", "lost": [{"event", "why", "rule", "reason"}]}],
 *  "overlaid": [{"event", "agreed"}], "state": [id]}
 *
 * Callers: explain.c.
 * Memory:  in the line's job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cmd/explain_own.h"

#include <myelin/json_writer.h>

static void write_id(myl_writer *w, const char *key, const myl_event *event)
{
    if (event == NULL)
        myl_write_null(w, key);
    else
        myl_write_str(w, key, event->event_id);
}

static void write_fork(const explanation *all, myl_writer *w, const explained_fork *fork)
{
    myl_write_open(w, '{');
    myl_write_str(w, "type", fork->any->type);
    myl_write_str(w, "state_key", fork->any->state_key);
    myl_write_open_key(w, "states", '[');
    for (size_t set = 0; set < all->state_count; set++)
        write_id(w, NULL, fork->states[set]);
    myl_write_close(w, ']');
    myl_write_close(w, '}');
}

static void write_events(myl_writer *w, const char *key, const myl_list *events)
{
    myl_write_open_key(w, key, '[');
    for (size_t i = 0; i < events->count; i++)
        write_id(w, NULL, myl_list_get(events, const myl_event *, i));
    myl_write_close(w, ']');
}

static void write_order(myl_writer *w, const explained_step *step)
{
    static const char *const names[] = {"power", "mainline", "taken", "depth"};
    myl_write_str(w, "order", myl_str_of(names[step->order]));
    switch (step->order) {
    case EXPLAIN_POWER:
        if (step->value == MYL_POWER_UNLIMITED)
            myl_write_str(w, "power", MYL_S("unlimited"));
        else
            myl_write_int(w, "power", step->value);
        break;
    case EXPLAIN_MAINLINE:
        if (step->value < 0)
            myl_write_null(w, "position");
        else
            myl_write_int(w, "position", step->value);
        break;
    case EXPLAIN_PICKED:
    case EXPLAIN_DEPTH: myl_write_int(w, "depth", step->event->depth); break;
    }
}

static void write_step(myl_writer *w, const explained_step *step)
{
    myl_write_open(w, '{');
    write_id(w, "event", step->event);
    myl_write_str(w, "sender", step->event->sender);
    write_order(w, step);
    if (step->judged) {
        myl_write_bool(w, "allowed", step->verdict.allowed);
        myl_write_str(w, "rule", myl_str_of(step->verdict.rule));
        myl_write_str(w, "reason", myl_str_of(step->verdict.reason));
        write_id(w, "other", step->other);
    }
    myl_write_close(w, '}');
}

static void write_loser(const explanation *all, myl_writer *w, const myl_event *loser)
{
    const explained_step *step = myl_explain_step(all, loser);
    myl_write_open(w, '{');
    write_id(w, "event", loser);
    if (step == NULL)
        myl_write_str(w, "why", MYL_S("its turn did not come"));
    else if (step->judged && !step->verdict.allowed) {
        myl_write_str(w, "why", MYL_S("refused"));
        myl_write_str(w, "rule", myl_str_of(step->verdict.rule));
        myl_write_str(w, "reason", myl_str_of(step->verdict.reason));
    } else
        myl_write_str(w, "why", MYL_S("replaced later"));
    myl_write_close(w, '}');
}

static void write_result(const explanation *all, myl_writer *w, const explained_fork *fork)
{
    myl_write_open(w, '{');
    myl_write_str(w, "type", fork->any->type);
    myl_write_str(w, "state_key", fork->any->state_key);
    write_id(w, "event", fork->winner);
    myl_write_open_key(w, "lost", '[');
    for (size_t set = 0; set < all->state_count; set++) {
        const myl_event *loser = fork->states[set];
        bool told = loser == NULL || loser == fork->winner;
        for (size_t before = 0; before < set && !told; before++)
            told = fork->states[before] == loser;
        if (!told)
            write_loser(all, w, loser);
    }
    myl_write_close(w, ']');
    myl_write_close(w, '}');
}

static void write_overlaid(const explanation *all, myl_writer *w)
{
    myl_write_open_key(w, "overlaid", '[');
    for (size_t i = 0; i < all->overlaid.count; i++) {
        const explained_overlay *at = myl_list_at(&all->overlaid, i);
        myl_write_open(w, '{');
        write_id(w, "event", at->event);
        write_id(w, "agreed", at->agreed);
        myl_write_close(w, '}');
    }
    myl_write_close(w, ']');
}

myl_str myl_explain_json(const explanation *all)
{
    myl_writer w = myl_write_start(all->cx, 4096);
    myl_write_open(&w, '{');
    myl_write_str(&w, "room_version", myl_str_of(all->version->name));
    myl_write_str(&w, "algorithm", myl_str_of(myl_explain_algorithm(all)));
    myl_write_open_key(&w, "forks", '[');
    for (size_t i = 0; i < all->forks.count; i++)
        write_fork(all, &w, myl_list_at(&all->forks, i));
    myl_write_close(&w, ']');
    write_events(&w, "difference", &all->difference);
    write_events(&w, "subgraph", &all->subgraph);
    myl_write_open_key(&w, "steps", '[');
    for (size_t i = 0; i < all->steps.count; i++)
        write_step(&w, myl_list_at(&all->steps, i));
    myl_write_close(&w, ']');
    myl_write_open_key(&w, "result", '[');
    for (size_t i = 0; i < all->forks.count; i++)
        write_result(all, &w, myl_list_at(&all->forks, i));
    myl_write_close(&w, ']');
    write_overlaid(all, &w);
    myl_write_open_key(&w, "state", '[');
    for (size_t i = 0; i < all->state.count; i++)
        myl_write_str(&w, NULL, myl_list_get(&all->state, myl_str, i));
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_write_done(&w);
}
