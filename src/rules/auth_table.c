/* auth_table.c: the auth rules as rows: their numbers, reasons, and the test builds' way to leave one out.
 *
 * Why:     the number of a rule is data; the code that judges names the rule.
 * Callers: the auth files of this folder; cmd/ lists mutations.
 * Threads: any; the left-out rule is set before the first judgement.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/auth_own.h"

typedef struct {
    const char *name;
    unsigned variants; /* bits 1 << page */
    const char *allowed, *refused;
    const char *numbers[MYL_RULES_PAGES]; /* NULL: not on the page */
} rule_row;

#define NO NULL
#define SAME 0u
#define ON(page) (1u << MYL_RULES_##page)
#define RULE(name, variants, allowed, refused, ...)                                                \
    {#name, variants, allowed, refused, {__VA_ARGS__}},
static const rule_row rows[RULE_COUNT] = {
#include "rules/auth_rules.def"
};
#undef RULE

#ifdef MYL_MUTATIONS
#define NOTHING (-1)
static int left_out_rule = NOTHING;
static unsigned left_out_pages; /* bits 1 << page */
static int left_out_step = NOTHING;

static const char *const steps[] = {
#define STEP(name, what) "RESOLVE_" #name,
#include "rules/resolve_steps.def"
#undef STEP
    NULL};

/* The numbers of the pages as the versions are called: "7" of MYL_RULES_V7. */
static const char *const page_names[MYL_RULES_PAGES] = {"1", "3", "6", "7", "8", "10", "11", "12"};

/* Walks the mutations of the auth rules: from `rule` and `page`, both 0 at first, to the next group. */
static bool next_group(int *rule, int *page, unsigned *pages)
{
    for (; *rule < RULE_COUNT; (*rule)++, *page = 0) {
        const rule_row *row = &rows[*rule];
        while (*page < MYL_RULES_PAGES && row->numbers[*page] == NULL)
            (*page)++;
        if (*page == MYL_RULES_PAGES)
            continue;
        *pages = 0;
        int from = *page;
        for (; *page < MYL_RULES_PAGES; (*page)++) {
            if (*page > from && (row->variants & 1u << *page) != 0)
                break;
            *pages |= 1u << *page;
        }
        return true;
    }
    return false;
}

static myl_str group_name(myl_ctx *cx, int rule, unsigned pages)
{
    if (rows[rule].variants == SAME)
        return myl_str_of(rows[rule].name);
    return myl_strf(cx, "%s@%s", rows[rule].name, page_names[__builtin_ctz(pages)]);
}

/* The group or step at `index`: its name; absent behind the last. */
static myl_str mutation_at(myl_ctx *cx, size_t index, int *rule, unsigned *pages)
{
    int page = 0;
    for (*rule = 0; next_group(rule, &page, pages); index--) {
        if (index == 0)
            return group_name(cx, *rule, *pages);
    }
    *rule = NOTHING;
    size_t step = 0;
    while (step < index && steps[step] != NULL)
        step++;
    return myl_str_of(steps[step]);
}

myl_str myl_rules_mutation_at(myl_ctx *cx, size_t index)
{
    int rule;
    unsigned pages;
    return mutation_at(cx, index, &rule, &pages);
}

bool myl_rules_mutate(myl_ctx *cx, myl_str name)
{
    left_out_rule = left_out_step = NOTHING;
    if (!myl_str_present(name))
        return true;
    for (int step = 0; steps[step] != NULL; step++) {
        if (myl_str_equal(name, myl_str_of(steps[step])))
            left_out_step = step;
    }
    int rule;
    unsigned pages;
    for (size_t index = 0; left_out_step == NOTHING; index++) {
        myl_str found = mutation_at(cx, index, &rule, &pages);
        if (!myl_str_present(found) || rule == NOTHING)
            return false;
        if (!myl_str_equal(found, name))
            continue;
        left_out_rule = rule;
        left_out_pages = pages;
        return true;
    }
    return true;
}

bool myl_resolve_left_out(myl_resolve_part part)
{
    return (int)part == left_out_step;
}

static bool stands(rule_name rule, myl_rules_page page)
{
    return rows[rule].numbers[page] != NULL &&
           ((int)rule != left_out_rule || (left_out_pages & 1u << page) == 0);
}
#else
static bool stands(rule_name rule, myl_rules_page page)
{
    return rows[rule].numbers[page] != NULL;
}
#endif

static bool decide(judgement *j, rule_name rule, bool allowed)
{
    myl_rules_page page = j->event->version->page;
    if (!stands(rule, page))
        return false;
    j->verdict = (myl_verdict){allowed, rows[rule].numbers[page],
                               allowed ? rows[rule].allowed : rows[rule].refused};
    return true;
}

bool myl_rule_refuse(judgement *j, rule_name rule, bool condition)
{
    return condition && decide(j, rule, false);
}

bool myl_rule_allow(judgement *j, rule_name rule, bool condition)
{
    return condition && decide(j, rule, true);
}

bool myl_rule_decide(judgement *j, rule_name rule, bool condition)
{
    return decide(j, rule, condition);
}
