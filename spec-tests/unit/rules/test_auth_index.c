/* test_auth_index.c: the auth index against a plain walk over random graphs, and its costs on long
 * chains.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rules/memory_nodes.h"
#include "rules/state_res_own.h"

#define LEVELS_TYPE 1
#define GRAPH_LIMIT 160

/* --- rows that count the questions ------------------------------------------------------------ */

typedef struct {
    myl_auth_rows inner;
    myl_auth_rows rows;
    size_t asked;
    size_t steps;
    size_t fail_after; /* questions until every one fails; 0: never */
} counted_rows;

static bool refuses(counted_rows *counted)
{
    counted->asked++;
    return counted->fail_after != 0 && counted->asked >= counted->fail_after;
}

static myl_rc count_row(void *arg, myl_ctx *cx, uint64_t event, myl_auth_row *out)
{
    counted_rows *counted = arg;
    if (refuses(counted))
        return MYL_STORE_FAILED;
    return counted->inner.row(counted->inner.arg, cx, event, out);
}

static myl_rc count_event(void *arg, myl_ctx *cx, myl_auth_point point, uint64_t *event)
{
    counted_rows *counted = arg;
    if (refuses(counted))
        return MYL_STORE_FAILED;
    return counted->inner.event(counted->inner.arg, cx, point, event);
}

static myl_rc count_reach(void *arg, myl_ctx *cx, myl_auth_point from, uint64_t target,
                          uint64_t *place)
{
    counted_rows *counted = arg;
    if (refuses(counted))
        return MYL_STORE_FAILED;
    return counted->inner.reach(counted->inner.arg, cx, from, target, place);
}

/* Each answer counts as a question. */
typedef struct {
    counted_rows *counted;
    const myl_auth_visitor *visitor;
} relay;

static myl_rc count_answer(void *arg, myl_auth_point point, bool *enough)
{
    const relay *at = arg;
    at->counted->asked++;
    return at->visitor->each(at->visitor->arg, point, enough);
}

static myl_rc count_targets(void *arg, myl_ctx *cx, myl_auth_point from,
                            const myl_auth_visitor *visitor)
{
    counted_rows *counted = arg;
    relay at = {counted, visitor};
    if (refuses(counted))
        return MYL_STORE_FAILED;
    return counted->inner.targets(counted->inner.arg, cx, from,
                                  &(myl_auth_visitor){count_answer, &at});
}

static myl_rc count_sources(void *arg, myl_ctx *cx, myl_auth_point to, uint64_t end,
                            const myl_auth_visitor *visitor)
{
    counted_rows *counted = arg;
    relay at = {counted, visitor};
    if (refuses(counted))
        return MYL_STORE_FAILED;
    return counted->inner.sources(counted->inner.arg, cx, to, end,
                                  &(myl_auth_visitor){count_answer, &at});
}

static myl_rc count_put(void *arg, myl_ctx *cx, uint64_t event, const myl_auth_row *row)
{
    counted_rows *counted = arg;
    return counted->inner.put(counted->inner.arg, cx, event, row);
}

static myl_rc count_step(void *arg, myl_ctx *cx, myl_auth_point from, myl_auth_point to)
{
    counted_rows *counted = arg;
    counted->steps++;
    return counted->inner.step(counted->inner.arg, cx, from, to);
}

static counted_rows *counted_start(myl_ctx *cx)
{
    counted_rows *counted = myl_new(cx, counted_rows);
    counted->inner = myl_auth_book_rows(myl_auth_book_start(cx));
    counted->rows = (myl_auth_rows){count_row,     count_event, count_reach, count_targets,
                                    count_sources, count_put,   count_step,  counted};
    return counted;
}

/* --- a random graph and its plain walk -------------------------------------------------------- */

typedef struct {
    myl_ctx cx;
    counted_rows *counted;
    size_t count;
    uint32_t types;
    uint64_t keys;
    myl_auth_entry entries[GRAPH_LIMIT + 1];
    uint64_t auth[GRAPH_LIMIT + 1][6];
    bool below[GRAPH_LIMIT + 1][GRAPH_LIMIT + 1]; /* [a][b]: b is in the auth chain of a */
    uint64_t current[8][8];                       /* holder by type and key */
} graph;

static void add_entry(graph *made, test_dice *dice, unsigned spread)
{
    uint64_t number = ++made->count;
    myl_auth_entry *entry = &made->entries[number];
    *entry = (myl_auth_entry){.event = number, .auth = made->auth[number]};
    entry->type = 1 + (uint32_t)dice_roll(dice, made->types);
    entry->state_key = 1 + (entry->type == LEVELS_TYPE ? 0 : dice_roll(dice, made->keys));
    entry->is_levels = entry->type == LEVELS_TYPE;
    size_t wanted = number == 1 ? 0 : dice_roll(dice, 6);
    for (size_t i = 0; i < wanted; i++) {
        uint64_t back = dice_roll(dice, number - 1 < spread ? number - 1 : spread);
        made->auth[number][entry->auth_count++] = number - 1 - back;
    }
    /* Mostly what it follows is among its auth events. */
    uint64_t before = made->current[entry->type][entry->state_key];
    if (before != 0 && entry->auth_count < 6 && dice_roll(dice, 5) != 0)
        made->auth[number][entry->auth_count++] = before;
    if (dice_roll(dice, 8) != 0)
        made->current[entry->type][entry->state_key] = number;
    for (size_t i = 0; i < entry->auth_count; i++) {
        uint64_t auth = entry->auth[i];
        made->below[number][auth] = true;
        for (uint64_t k = 1; k < auth; k++)
            made->below[number][k] |= made->below[auth][k];
    }
    assert_int_equal(myl_auth_index_add(&made->cx, &made->counted->rows, entry), MYL_OK);
    assert_int_equal(myl_auth_index_add(&made->cx, &made->counted->rows, entry),
                     MYL_OK); /* again */
}

static graph *graph_start(uint64_t seed, size_t count, unsigned spread)
{
    test_dice dice = {seed};
    graph *made = calloc(1, sizeof *made);
    assert_non_null(made);
    myl_ctx_begin(&made->cx);
    made->counted = counted_start(&made->cx);
    made->types = 2 + (uint32_t)dice_roll(&dice, 4);
    made->keys = 1 + dice_roll(&dice, 6);
    for (size_t i = 0; i < count; i++)
        add_entry(made, &dice, spread);
    return made;
}

static void graph_end(graph *made)
{
    myl_ctx_end(&made->cx);
    free(made);
}

static size_t pick_events(const graph *of, test_dice *dice, uint64_t out[GRAPH_LIMIT])
{
    size_t count = 1 + dice_roll(dice, 6);
    for (size_t i = 0; i < count; i++)
        out[i] = 1 + dice_roll(dice, of->count);
    return count;
}

/* Every event stands in the list at most once, and exactly those that are wanted. */
static void expect_events(const graph *of, const myl_list *got, const bool want[])
{
    size_t seen[GRAPH_LIMIT + 1] = {0};
    for (size_t i = 0; i < got->count; i++)
        seen[myl_list_get(got, uint64_t, i)]++;
    for (size_t i = 1; i <= of->count; i++)
        assert_int_equal(seen[i], want[i]);
}

static void check_chain(graph *of, test_dice *dice)
{
    uint64_t events[GRAPH_LIMIT];
    size_t count = pick_events(of, dice, events), chains = 0;
    myl_auth_set *set;
    assert_int_equal(myl_auth_chain(&of->cx, &of->counted->rows, events, count, &set), MYL_OK);
    for (uint64_t number = 1; number <= of->count; number++) {
        bool want = false;
        myl_auth_row row;
        for (size_t i = 0; i < count; i++)
            want |= of->below[events[i]][number];
        assert_int_equal(of->counted->rows.row(of->counted, &of->cx, number, &row), MYL_OK);
        assert_int_equal(row.place <= myl_auth_set_place(set, row.chain), want);
        chains += row.place == 1 && want;
    }
    assert_int_equal(chains, myl_auth_set_chains(set));
}

static myl_rc current_holder(void *arg, myl_ctx *cx, uint32_t type, uint64_t state_key,
                             uint64_t *event)
{
    const graph *of = arg;
    MYL_UNUSED(cx);
    *event = of->current[type][state_key];
    return MYL_OK;
}

static myl_rc all_holders(void *arg, myl_ctx *cx, myl_list *events)
{
    const graph *of = arg;
    MYL_UNUSED(cx);
    for (size_t i = 0; i < 8 * 8; i++)
        if (of->current[i / 8][i % 8] != 0)
            myl_list_push(events, uint64_t, of->current[i / 8][i % 8]);
    return MYL_OK;
}

static bool is_below_holder(const graph *of, uint64_t number)
{
    bool below = false;
    for (size_t i = 0; i < 8 * 8; i++) {
        uint64_t holder = of->current[i / 8][i % 8];
        below |= holder != 0 && of->below[holder][number];
    }
    return below;
}

/* Takes most holders away, so that both answers come. */
static void thin_holders(graph *of, test_dice *dice)
{
    for (size_t i = 0; i < 8 * 8; i++)
        if (dice_roll(dice, 3) != 0)
            of->current[i / 8][i % 8] = 0;
}

static void check_difference(graph *of, test_dice *dice)
{
    myl_auth_set *sets[4];
    size_t count = 1 + dice_roll(dice, 4), in[GRAPH_LIMIT + 1] = {0};
    bool want[GRAPH_LIMIT + 1] = {false};
    myl_list got = MYL_LIST(&of->cx, uint64_t);
    for (size_t set = 0; set < count; set++) {
        uint64_t events[GRAPH_LIMIT];
        size_t picked = pick_events(of, dice, events);
        assert_int_equal(myl_auth_chain(&of->cx, &of->counted->rows, events, picked, &sets[set]),
                         MYL_OK);
        for (uint64_t number = 1; number <= of->count; number++) {
            bool here = false;
            for (size_t i = 0; i < picked; i++)
                here |= of->below[events[i]][number];
            in[number] += here;
        }
    }
    for (uint64_t number = 1; number <= of->count; number++)
        want[number] = in[number] > 0 && in[number] < count;
    myl_auth_search *search = myl_auth_search_start(&of->cx, &of->counted->rows, NULL);
    assert_int_equal(myl_auth_difference(&of->cx, search, sets, count, &got), MYL_OK);
    expect_events(of, &got, want);

    /* Without what a holder descends from. */
    myl_auth_holders holders = {current_holder, all_holders, of, SIZE_MAX};
    for (uint64_t number = 1; number <= of->count; number++)
        want[number] &= !is_below_holder(of, number);
    got.count = 0;
    search = myl_auth_search_start(&of->cx, &of->counted->rows, &holders);
    assert_int_equal(myl_auth_difference(&of->cx, search, sets, count, &got), MYL_OK);
    expect_events(of, &got, want);
}

static void check_between(graph *of, test_dice *dice)
{
    uint64_t events[GRAPH_LIMIT];
    size_t count = pick_events(of, dice, events);
    bool want[GRAPH_LIMIT + 1] = {false};
    myl_list got = MYL_LIST(&of->cx, uint64_t);
    for (uint64_t number = 1; number <= of->count; number++) {
        bool above = false, under = false;
        for (size_t i = 0; i < count; i++) {
            above |= events[i] == number || of->below[number][events[i]];
            under |= events[i] == number || of->below[events[i]][number];
        }
        want[number] = above && under;
    }
    assert_int_equal(myl_auth_between(&of->cx, &of->counted->rows, events, count, &got), MYL_OK);
    expect_events(of, &got, want);
}

static void check_search(graph *of, test_dice *dice)
{
    /* Without patience, with little of it, and with all that is needed. */
    static const size_t patience[] = {0, 20, SIZE_MAX};
    myl_auth_holders holders = {current_holder, all_holders, of, patience[dice_roll(dice, 3)]};
    myl_auth_search *search = myl_auth_search_start(&of->cx, &of->counted->rows, &holders);
    for (size_t i = 0; i < of->count; i++) {
        uint64_t number = 1 + dice_roll(dice, of->count);
        bool want = is_below_holder(of, number), got;
        assert_int_equal(myl_auth_search_below(search, &of->cx, number, &got), MYL_OK);
        assert_int_equal(got, want);
    }
}

static void check_lines(graph *of)
{
    uint64_t next[GRAPH_LIMIT + 1] = {0}, place[GRAPH_LIMIT + 1] = {0};
    for (uint64_t number = 1; number <= of->count; number++) {
        const myl_auth_entry *entry = &of->entries[number];
        for (size_t i = 0; i < entry->auth_count && next[number] == 0; i++)
            next[number] = of->entries[entry->auth[i]].is_levels ? entry->auth[i] : 0;
        place[number] = entry->is_levels ? place[next[number]] + 1 : 0;
    }
    for (uint64_t a = 1; a <= of->count; a++)
        for (uint64_t b = 1; b <= of->count; b++) {
            uint64_t x = a, y = b, line;
            if (place[a] == 0 || place[b] == 0)
                continue;
            while (x != y && x != 0 && y != 0) {
                if (place[x] >= place[y])
                    x = next[x];
                else
                    y = next[y];
            }
            assert_int_equal(myl_auth_line_meet(&of->cx, &of->counted->rows, a, b, &line), MYL_OK);
            assert_int_equal(line, x == y ? place[x] : 0);
        }
}

static void random_graphs_equal_a_plain_walk(void **state)
{
    MYL_UNUSED(state);
    for (uint64_t seed = 1; seed <= 60; seed++) {
        test_dice dice = {seed * 7919};
        graph *of = graph_start(seed * 104729, 20 + seed * 2,
                                seed % 3 == 0 ? 1000 : 3 + (unsigned)seed % 20);
        for (size_t i = 0; i < 12; i++) {
            uint64_t kept[8][8];
            memcpy(kept, of->current, sizeof kept);
            thin_holders(of, &dice);
            check_chain(of, &dice);
            check_difference(of, &dice);
            check_between(of, &dice);
            check_search(of, &dice);
            memcpy(of->current, kept, sizeof kept);
        }
        check_lines(of);
        graph_end(of);
    }
}

/* --- what the rows may not say ---------------------------------------------------------------- */

static void wrong_entries_are_corrupt(void **state)
{
    graph *of = graph_start(5, 30, 10);
    uint64_t late[] = {40}, unknown[] = {35};
    myl_auth_set *set;
    uint64_t line;
    MYL_UNUSED(state);
    const myl_auth_rows *rows = &of->counted->rows;
    myl_auth_entry entry = {.event = 40, .type = 2, .state_key = 1, .auth = late, .auth_count = 1};
    assert_int_equal(myl_auth_index_add(&of->cx, rows, &entry), MYL_CORRUPT);
    entry.auth = unknown;
    assert_int_equal(myl_auth_index_add(&of->cx, rows, &entry), MYL_CORRUPT);
    assert_int_equal(myl_auth_chain(&of->cx, rows, unknown, 1, &set), MYL_CORRUPT);
    uint64_t other = 1;
    while (of->entries[other].is_levels)
        other++;
    assert_int_equal(myl_auth_line_meet(&of->cx, rows, other, other, &line), MYL_CORRUPT);
    graph_end(of);
}

static void failing_rows_are_passed_on(void **state)
{
    graph *of = graph_start(9, 80, 12);
    myl_auth_holders holders = {current_holder, all_holders, of, 0};
    uint64_t events[] = {80, 71, 65, 40};
    MYL_UNUSED(state);
    memset(of->current, 0, sizeof of->current);
    for (size_t after = 1; after < 400; after++) {
        const myl_auth_rows *rows = &of->counted->rows;
        myl_list got = MYL_LIST(&of->cx, uint64_t);
        myl_auth_set *sets[2] = {NULL, NULL};
        bool below;
        myl_auth_search *search = myl_auth_search_start(&of->cx, rows, &holders);
        of->counted->asked = 0;
        of->counted->fail_after = after;
        bool failed = myl_auth_chain(&of->cx, rows, events, 2, &sets[0]) != MYL_OK ||
                      myl_auth_chain(&of->cx, rows, events + 2, 2, &sets[1]) != MYL_OK ||
                      myl_auth_difference(&of->cx, search, sets, 2, &got) != MYL_OK ||
                      myl_auth_between(&of->cx, rows, events, 4, &got) != MYL_OK;
        failed |= myl_auth_search_below(search, &of->cx, 30, &below) != MYL_OK;
        assert_int_equal(failed, of->counted->asked >= after);
    }
    graph_end(of);
}

/* --- costs ------------------------------------------------------------------------------------ */

#define CHAIN 100000

/* Two keys that take turns in citing each other, and a line of power levels under both; then a
 * fork. */
static void two_tips_of_long_chains_cost_little(void **state)
{
    myl_ctx cx;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    counted_rows *counted = counted_start(&cx);
    uint64_t last[3] = {0, 0, 0}, auth[3], number = 0;
    for (size_t i = 0; i < CHAIN; i++) {
        size_t key = i % 3, cited = 0;
        for (size_t k = 0; k < 3; k++)
            if (last[k] != 0)
                auth[cited++] = last[k];
        myl_auth_entry entry = {++number, key == 0 ? LEVELS_TYPE : 2, key, key == 0, auth, cited};
        assert_int_equal(myl_auth_index_add(&cx, &counted->rows, &entry), MYL_OK);
        last[key] = number;
    }
    uint64_t base[] = {last[0], last[1]}, tips[2];
    for (size_t fork = 0; fork < 2; fork++) {
        myl_auth_entry entry = {++number, 2, 5 + fork, false, base, 2};
        assert_int_equal(myl_auth_index_add(&cx, &counted->rows, &entry), MYL_OK);
        tips[fork] = number;
        myl_auth_entry more = {++number, 2, 5 + fork, false, &tips[fork], 1};
        assert_int_equal(myl_auth_index_add(&cx, &counted->rows, &more), MYL_OK);
        tips[fork] = number;
    }
    myl_auth_set *sets[2];
    myl_list got = MYL_LIST(&cx, uint64_t);
    uint64_t line;
    counted->asked = 0;
    assert_int_equal(myl_auth_chain(&cx, &counted->rows, &tips[0], 1, &sets[0]), MYL_OK);
    assert_int_equal(myl_auth_chain(&cx, &counted->rows, &tips[1], 1, &sets[1]), MYL_OK);
    myl_auth_search *search = myl_auth_search_start(&cx, &counted->rows, NULL);
    assert_int_equal(myl_auth_difference(&cx, search, sets, 2, &got), MYL_OK);
    assert_int_equal(got.count, 2);
    assert_true(counted->asked < 100);
    counted->asked = 0;
    assert_int_equal(myl_auth_line_meet(&cx, &counted->rows, last[0], 1, &line), MYL_OK);
    assert_int_equal(line, 1);
    print_message("  line of %d: %zu rows read\n", CHAIN / 3, counted->asked);
    assert_true(counted->asked < 100);
    counted->asked = 0;
    got.count = 0;
    assert_int_equal(myl_auth_between(&cx, &counted->rows, tips, 2, &got), MYL_OK);
    assert_int_equal(got.count, 2);
    assert_true(counted->asked < 100);
    myl_ctx_end(&cx);
}

/* A first join cites create, power levels and join rules, which cite one another: one step is
 * enough. */
static void what_is_implied_is_no_step(void **state)
{
    myl_ctx cx;
    uint64_t to_create[] = {1}, to_levels[] = {1, 2}, to_rules[] = {1, 2, 3};
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    counted_rows *counted = counted_start(&cx);
    myl_auth_entry entries[] = {{1, 9, 1, false, NULL, 0},
                                {2, LEVELS_TYPE, 1, true, to_create, 1},
                                {3, 8, 1, false, to_levels, 2},
                                {4, 2, 7, false, to_rules, 3},
                                {5, 2, 8, false, to_rules, 3}};
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++)
        assert_int_equal(myl_auth_index_add(&cx, &counted->rows, &entries[i]), MYL_OK);
    assert_int_equal(counted->steps, 4);
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs_equal_a_plain_walk),
        cmocka_unit_test(wrong_entries_are_corrupt),
        cmocka_unit_test(failing_rows_are_passed_on),
        cmocka_unit_test(two_tips_of_long_chains_cost_little),
        cmocka_unit_test(what_is_implied_is_no_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
