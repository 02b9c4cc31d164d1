/* auth_index.c: one event into the auth index, and the line of power levels.
 *
 * Why:     an event is added once and asked about for years, so the work is done here: it continues
 *          the chain of its own key where that still ends at one of its auth events, and only what
 *          neither its chain nor another of its auth events reaches already becomes a step.
 * Callers: store/ for every state event, the state book.
 * Threads: as the callbacks.
 * Holds:   a chain holds events of one (type, state key), each an ancestor of the next.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/auth_index_own.h"

typedef struct {
    uint64_t event;
    myl_auth_row row;
} authority;

static myl_rc read_authorities(myl_ctx *cx, const myl_auth_rows *rows, const myl_auth_entry *entry,
                               myl_list *out)
{
    for (size_t i = 0; i < entry->auth_count; i++) {
        authority *next = myl_list_add(out);
        next->event = entry->auth[i];
        if (next->event >= entry->event)
            return myl_fail(cx, MYL_CORRUPT, "an auth event came after its event");
        MYL_TRY(rows->row(rows->arg, cx, next->event, &next->row));
        if (next->row.chain == 0)
            return myl_fail(cx, MYL_CORRUPT, "an auth event is not in the auth index");
    }
    return MYL_OK;
}

/* The chain that the event continues: of its own key, and ending at one of its auth events. */
static myl_rc choose_chain(myl_ctx *cx, const myl_auth_rows *rows, const myl_auth_entry *entry,
                           const myl_list *authorities, myl_auth_row *row)
{
    row->chain = entry->event;
    row->place = 1;
    for (size_t i = 0; i < authorities->count; i++) {
        const myl_auth_row *last = &((const authority *)myl_list_at(authorities, i))->row;
        uint64_t follower;
        if (last->type != entry->type || last->state_key != entry->state_key ||
            last->place < row->place)
            continue;
        MYL_TRY(
            rows->event(rows->arg, cx, (myl_auth_point){last->chain, last->place + 1}, &follower));
        if (follower != 0)
            continue;
        row->chain = last->chain;
        row->place = last->place + 1;
    }
    return MYL_OK;
}

/* Jump pointers as in a skew-binary number: where two jumps below are equally long, they become
 * one. */
static myl_rc join_line(myl_ctx *cx, const myl_auth_rows *rows, const myl_auth_entry *entry,
                        const myl_list *authorities, myl_auth_row *row)
{
    const authority *below = NULL;
    for (size_t i = 0; i < authorities->count && below == NULL; i++) {
        const authority *at = myl_list_at(authorities, i);
        below = at->row.line != 0 ? at : NULL;
    }
    row->levels = below == NULL ? 0 : below->event;
    if (!entry->is_levels)
        return MYL_OK;
    row->line = 1;
    row->jump = entry->event;
    if (below == NULL)
        return MYL_OK;
    myl_auth_row once, twice;
    MYL_TRY(rows->row(rows->arg, cx, below->row.jump, &once));
    MYL_TRY(rows->row(rows->arg, cx, once.jump, &twice));
    bool even = below->row.line - once.line == once.line - twice.line;
    row->line = below->row.line + 1;
    row->jump = even ? once.jump : below->event;
    return MYL_OK;
}

/* Does `from` reach the goal by steps that are there? */
static myl_rc reaches(myl_ctx *cx, const myl_auth_rows *rows, const myl_auth_row *from,
                      const myl_auth_row *goal, bool *yes)
{
    uint64_t place = from->place - 1; /* on the goal's chain itself: those below */
    if (from->chain != goal->chain)
        MYL_TRY(rows->reach(rows->arg, cx, (myl_auth_point){from->chain, from->place}, goal->chain,
                            &place));
    *yes = place >= goal->place;
    return MYL_OK;
}

/* Adds a step to authorities[which], unless it is reached without. */
static myl_rc add_step(myl_ctx *cx, const myl_auth_rows *rows, const myl_auth_row *row,
                       const myl_list *authorities, size_t which)
{
    const myl_auth_row *goal = &((const authority *)myl_list_at(authorities, which))->row;
    bool implied;
    MYL_TRY(reaches(cx, rows, row, goal, &implied));
    for (size_t i = 0; i < authorities->count && !implied; i++)
        if (i != which)
            MYL_TRY(reaches(cx, rows, &((const authority *)myl_list_at(authorities, i))->row, goal,
                            &implied));
    if (implied)
        return MYL_OK;
    myl_auth_point here = {row->chain, row->place}, there = {goal->chain, goal->place};
    return rows->step(rows->arg, cx, here, there);
}

myl_rc myl_auth_index_add(myl_ctx *cx, const myl_auth_rows *rows, const myl_auth_entry *entry)
{
    myl_auth_row row;
    MYL_TRY(rows->row(rows->arg, cx, entry->event, &row));
    if (row.chain != 0)
        return MYL_OK;

    myl_list authorities = MYL_LIST(cx, authority);
    row = (myl_auth_row){.type = entry->type, .state_key = entry->state_key};
    MYL_TRY(read_authorities(cx, rows, entry, &authorities));
    MYL_TRY(choose_chain(cx, rows, entry, &authorities, &row));
    MYL_TRY(join_line(cx, rows, entry, &authorities, &row));
    MYL_TRY(rows->put(rows->arg, cx, entry->event, &row));
    for (size_t i = 0; i < authorities.count; i++)
        MYL_TRY(add_step(cx, rows, &row, &authorities, i));
    return MYL_OK;
}

/* --- the line of power levels ----------------------------------------------------------------- */

typedef struct {
    uint64_t event; /* 0: below the first */
    myl_auth_row row;
} on_line;

static myl_rc stand_on(myl_ctx *cx, const myl_auth_rows *rows, uint64_t event, on_line *out)
{
    out->event = event;
    memset(&out->row, 0, sizeof out->row);
    if (event == 0)
        return MYL_OK;
    MYL_TRY(rows->row(rows->arg, cx, event, &out->row));
    if (out->row.line == 0)
        return myl_fail(cx, MYL_CORRUPT, "no power-levels event where one should be");
    return MYL_OK;
}

/* Down to `line`, jumping where that is not too far. */
static myl_rc go_down(myl_ctx *cx, const myl_auth_rows *rows, uint64_t line, on_line *at)
{
    while (at->row.line > line) {
        on_line jumped;
        MYL_TRY(stand_on(cx, rows, at->row.jump, &jumped));
        if (jumped.row.line >= line && jumped.event != at->event)
            *at = jumped;
        else
            MYL_TRY(stand_on(cx, rows, at->row.levels, at));
    }
    return MYL_OK;
}

myl_rc myl_auth_line_meet(myl_ctx *cx, const myl_auth_rows *rows, uint64_t a, uint64_t b,
                          uint64_t *line)
{
    on_line x, y;
    *line = 0;
    MYL_TRY(stand_on(cx, rows, a, &x));
    MYL_TRY(stand_on(cx, rows, b, &y));
    MYL_TRY(go_down(cx, rows, y.row.line, &x));
    MYL_TRY(go_down(cx, rows, x.row.line, &y));
    /* On equal lines jumps are equally long. */
    while (x.event != y.event && x.row.line > 1) {
        bool jump = x.row.jump != y.row.jump;
        MYL_TRY(stand_on(cx, rows, jump ? x.row.jump : x.row.levels, &x));
        MYL_TRY(stand_on(cx, rows, jump ? y.row.jump : y.row.levels, &y));
    }
    if (x.event == y.event)
        *line = x.row.line;
    return MYL_OK;
}
