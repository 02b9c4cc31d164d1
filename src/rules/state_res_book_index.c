/* state_res_book_index.c: the rows of the auth index, in memory.
 *
 * Why:     `myelin rules`, the tests and the measurements have no store; they run the same index
 *          over this.
 * Callers: state_res_book.c, tests, tools/bench.
 * Threads: belongs to its job.
 * Memory:  in the job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/state_res_own.h"

/* A step, as one of its two ends keeps it. */
typedef struct {
    uint64_t here;  /* place on the chain that keeps it */
    uint64_t there; /* place on the other */
    uint64_t other; /* the other chain */
} half_step;

typedef struct {
    uint64_t target;
    myl_list steps; /* half_step, both places growing */
} chain_link;

typedef struct {
    myl_list events;    /* uint64_t, by place */
    myl_list links;     /* link, one a target */
    number_map link_of; /* target -> 1 + index in `links` */
    myl_list sources;   /* half_step, by place here once they are asked for */
    bool unsorted;
} chain;

struct auth_book {
    myl_ctx *cx;
    number_map row_of;   /* event -> 1 + index in `rows` */
    myl_list rows;       /* myl_auth_row */
    number_map chain_of; /* chain -> 1 + index in `chains` */
    myl_list chains;     /* chain* */
};

auth_book *myl_auth_book_start(myl_ctx *cx)
{
    auth_book *book = myl_new(cx, auth_book);
    book->cx = cx;
    book->row_of = myl_numbers_start(cx);
    book->rows = MYL_LIST(cx, myl_auth_row);
    book->chain_of = myl_numbers_start(cx);
    book->chains = MYL_LIST(cx, chain *);
    return book;
}

static chain *find_chain(const auth_book *book, uint64_t number)
{
    uint64_t at = myl_numbers_get(&book->chain_of, number);
    return at == 0 ? NULL : myl_list_get(&book->chains, chain *, (size_t)at - 1);
}

static chain *make_chain(auth_book *book, uint64_t number)
{
    chain *made = find_chain(book, number);
    if (made != NULL)
        return made;
    made = myl_new(book->cx, chain);
    *made = (chain){MYL_LIST(book->cx, uint64_t), MYL_LIST(book->cx, chain_link),
                    myl_numbers_start(book->cx), MYL_LIST(book->cx, half_step), false};
    myl_list_push(&book->chains, chain *, made);
    *myl_numbers_slot(&book->chain_of, number) = book->chains.count;
    return made;
}

static myl_rc read_row(void *arg, myl_ctx *cx, uint64_t event, myl_auth_row *out)
{
    const auth_book *book = arg;
    uint64_t at = myl_numbers_get(&book->row_of, event);
    MYL_UNUSED(cx);
    *out = at == 0 ? (myl_auth_row){.chain = 0}
                   : myl_list_get(&book->rows, myl_auth_row, (size_t)at - 1);
    return MYL_OK;
}

static myl_rc read_event(void *arg, myl_ctx *cx, myl_auth_point point, uint64_t *event)
{
    const chain *at = find_chain(arg, point.chain);
    MYL_UNUSED(cx);
    *event = 0;
    if (at != NULL && point.place > 0 && point.place <= at->events.count)
        *event = myl_list_get(&at->events, uint64_t, (size_t)point.place - 1);
    return MYL_OK;
}

/* How many of the steps have `here` below `place`. */
static size_t count_below(const myl_list *steps, uint64_t place)
{
    size_t low = 0, high = steps->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (((const half_step *)myl_list_at(steps, middle))->here < place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint64_t reach_of(const chain_link *link, uint64_t place)
{
    size_t below = count_below(&link->steps, place + 1);
    return below == 0 ? 0 : ((const half_step *)myl_list_at(&link->steps, below - 1))->there;
}

static myl_rc read_reach(void *arg, myl_ctx *cx, myl_auth_point from, uint64_t target,
                         uint64_t *place)
{
    const chain *at = find_chain(arg, from.chain);
    uint64_t which = at == NULL ? 0 : myl_numbers_get(&at->link_of, target);
    MYL_UNUSED(cx);
    *place = which == 0 ? 0 : reach_of(myl_list_at(&at->links, (size_t)which - 1), from.place);
    return MYL_OK;
}

static myl_rc read_targets(void *arg, myl_ctx *cx, myl_auth_point from,
                           const myl_auth_visitor *visitor)
{
    const chain *at = find_chain(arg, from.chain);
    bool enough = false;
    MYL_UNUSED(cx);
    for (size_t i = 0; at != NULL && i < at->links.count && !enough; i++) {
        const chain_link *link = myl_list_at(&at->links, i);
        myl_auth_point to = {link->target, reach_of(link, from.place)};
        if (to.place != 0)
            MYL_TRY(visitor->each(visitor->arg, to, &enough));
    }
    return MYL_OK;
}

static int compare_steps(const void *a, const void *b)
{
    const half_step *x = a, *y = b;
    return x->here < y->here ? -1 : x->here > y->here;
}

static myl_rc read_sources(void *arg, myl_ctx *cx, myl_auth_point to, uint64_t end,
                           const myl_auth_visitor *visitor)
{
    chain *at = find_chain(arg, to.chain);
    bool enough = false;
    MYL_UNUSED(cx);
    if (at != NULL && at->unsorted) {
        myl_list_sort(&at->sources, compare_steps);
        at->unsorted = false;
    }
    for (size_t i = at == NULL ? 0 : count_below(&at->sources, end); i-- > 0 && !enough;) {
        const half_step *step = myl_list_at(&at->sources, i);
        if (step->here < to.place)
            break;
        MYL_TRY(visitor->each(visitor->arg, (myl_auth_point){step->other, step->there}, &enough));
    }
    return MYL_OK;
}

static myl_rc put_row(void *arg, myl_ctx *cx, uint64_t event, const myl_auth_row *row)
{
    auth_book *book = arg;
    chain *at = make_chain(book, row->chain);
    MYL_UNUSED(cx);
    MYL_ASSERT(row->place == at->events.count + 1);
    myl_list_push(&at->events, uint64_t, event);
    myl_list_push(&book->rows, myl_auth_row, *row);
    *myl_numbers_slot(&book->row_of, event) = book->rows.count;
    return MYL_OK;
}

static myl_rc put_step(void *arg, myl_ctx *cx, myl_auth_point from, myl_auth_point to)
{
    auth_book *book = arg;
    chain *source = make_chain(book, from.chain), *target = make_chain(book, to.chain);
    MYL_UNUSED(cx);
    uint64_t *which = myl_numbers_slot(&source->link_of, to.chain);
    if (*which == 0) {
        myl_list_push(&source->links, chain_link,
                      ((chain_link){to.chain, MYL_LIST(book->cx, half_step)}));
        *which = source->links.count;
    }
    chain_link *link = myl_list_at(&source->links, (size_t)*which - 1);
    myl_list_push(&link->steps, half_step, ((half_step){from.place, to.place, to.chain}));

    myl_list_push(&target->sources, half_step, ((half_step){to.place, from.place, from.chain}));
    target->unsorted = true;
    return MYL_OK;
}

myl_auth_rows myl_auth_book_rows(auth_book *book)
{
    return (myl_auth_rows){read_row,     read_event, read_reach, read_targets,
                           read_sources, put_row,    put_step,   book};
}
