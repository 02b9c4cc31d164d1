/* test_tree.c: the state tree against a plain map, its costs, and bytes that are no node.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rules/memory_nodes.h"

/* --- the plain map: entries in a list, searched from end to end ------------------------------- */

typedef struct {
    myl_list entries; /* myl_tree_entry, event never 0 */
} plain;

static uint64_t plain_get(const plain *map, uint32_t type, uint64_t state_key)
{
    for (size_t i = 0; i < map->entries.count; i++) {
        const myl_tree_entry *entry = myl_list_at(&map->entries, i);
        if (entry->type == type && entry->state_key == state_key)
            return entry->event;
    }
    return 0;
}

static void plain_set(plain *map, const myl_tree_entry *change)
{
    for (size_t i = 0; i < map->entries.count; i++) {
        myl_tree_entry *entry = myl_list_at(&map->entries, i);
        if (entry->type != change->type || entry->state_key != change->state_key)
            continue;
        *entry = change->event != 0
                     ? *change
                     : myl_list_get(&map->entries, myl_tree_entry, map->entries.count - 1);
        map->entries.count -= change->event == 0;
        return;
    }
    if (change->event != 0)
        myl_list_push(&map->entries, myl_tree_entry, *change);
}

static plain plain_copy(myl_ctx *cx, const plain *map)
{
    plain copy = {MYL_LIST(cx, myl_tree_entry)};
    for (size_t i = 0; i < map->entries.count; i++)
        myl_list_push(&copy.entries, myl_tree_entry,
                      myl_list_get(&map->entries, myl_tree_entry, i));
    return copy;
}

/* --- what a walk and a diff give -------------------------------------------------------------- */

typedef struct {
    const plain *before, *after;
    uint32_t type;
    size_t seen;
} expectation;

static myl_rc expect_entry(void *arg, const myl_tree_entry *entry)
{
    expectation *want = arg;
    assert_true(want->type == 0 || entry->type == want->type);
    assert_int_equal(plain_get(want->after, entry->type, entry->state_key), entry->event);
    want->seen++;
    return MYL_OK;
}

static myl_rc expect_change(void *arg, uint32_t type, uint64_t state_key, uint64_t before,
                            uint64_t after)
{
    expectation *want = arg;
    assert_true(before != after);
    assert_int_equal(plain_get(want->before, type, state_key), before);
    assert_int_equal(plain_get(want->after, type, state_key), after);
    want->seen++;
    return MYL_OK;
}

static size_t count_type(const plain *map, uint32_t type)
{
    size_t count = 0;
    for (size_t i = 0; i < map->entries.count; i++)
        count += type == 0 || ((myl_tree_entry *)myl_list_at(&map->entries, i))->type == type;
    return count;
}

static size_t count_changes(const plain *before, const plain *after)
{
    size_t count = 0;
    for (size_t i = 0; i < before->entries.count; i++) {
        const myl_tree_entry *entry = myl_list_at(&before->entries, i);
        count += plain_get(after, entry->type, entry->state_key) != entry->event;
    }
    for (size_t i = 0; i < after->entries.count; i++) {
        const myl_tree_entry *entry = myl_list_at(&after->entries, i);
        count += plain_get(before, entry->type, entry->state_key) == 0;
    }
    return count;
}

static void check_walks(memory_nodes *memory, myl_tree_root root, const plain *map, uint32_t types)
{
    for (uint32_t type = 0; type <= types; type++) {
        expectation want = {NULL, map, type, 0};
        assert_int_equal(myl_tree_walk(memory->cx, &memory->nodes, root, type, expect_entry, &want),
                         MYL_OK);
        assert_int_equal(want.seen, count_type(map, type));
    }
}

static myl_rc expect_other_entry(void *arg, const myl_tree_entry *entry)
{
    expectation *want = arg;
    assert_int_not_equal(entry->type, want->type);
    assert_int_equal(plain_get(want->after, entry->type, entry->state_key), entry->event);
    want->seen++;
    return MYL_OK;
}

static void check_walks_without(memory_nodes *memory, myl_tree_root root, const plain *map,
                                uint32_t types)
{
    for (uint32_t type = 1; type <= types + 1; type++) {
        expectation want = {NULL, map, type, 0};
        assert_int_equal(myl_tree_walk_without(memory->cx, &memory->nodes, root, type,
                                               expect_other_entry, &want),
                         MYL_OK);
        assert_int_equal(want.seen, count_type(map, 0) - count_type(map, type));
    }
}

static myl_digest digest_of(memory_nodes *memory, myl_tree_root root, uint64_t *entries)
{
    myl_digest digest;
    assert_int_equal(myl_tree_digest(memory->cx, &memory->nodes, root, &digest, entries), MYL_OK);
    return digest;
}

static bool same_digest(memory_nodes *memory, myl_tree_root a, myl_tree_root b)
{
    uint64_t x, y;
    myl_digest left = digest_of(memory, a, &x), right = digest_of(memory, b, &y);
    return x == y && left.low == right.low && left.high == right.high;
}

/* Nodes under a root: the shape, in one number. */
static size_t count_nodes(memory_nodes *memory, myl_tree_root root)
{
    myl_list stack = MYL_LIST(memory->cx, uint64_t);
    size_t nodes = 0;
    if (root != 0)
        myl_list_push(&stack, uint64_t, root);
    while (stack.count > 0) {
        uint64_t children[16], number = myl_list_get(&stack, uint64_t, stack.count - 1);
        size_t count;
        stack.count--;
        assert_int_equal(myl_tree_children(memory->cx, &memory->nodes, number, children, &count),
                         MYL_OK);
        for (size_t i = 0; i < count; i++) {
            assert_true(children[i] < number);
            myl_list_push(&stack, uint64_t, children[i]);
        }
        nodes++;
    }
    return nodes;
}

/* The same entries put in at once and from nothing give the same digest and shape. */
static void check_rebuilt(memory_nodes *memory, myl_tree_root root, const plain *map)
{
    myl_tree_root rebuilt;
    assert_int_equal(myl_tree_change(memory->cx, &memory->nodes, 0, map->entries.at,
                                     map->entries.count, &rebuilt),
                     MYL_OK);
    assert_true(same_digest(memory, root, rebuilt));
    assert_int_equal(count_nodes(memory, root), count_nodes(memory, rebuilt));
    expectation none = {map, map, 0, 0};
    memory->reads = 0;
    assert_int_equal(myl_tree_diff(memory->cx, &memory->nodes, root, rebuilt, expect_change, &none),
                     MYL_OK);
    assert_int_equal(none.seen, 0);
    assert_true(memory->reads <= 2);
}

/* --- random histories ------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    uint64_t seed;
    uint32_t types;
    uint64_t keys;
    size_t steps;
    size_t batch;
    unsigned removals; /* of ten */
} history;

static const history histories[] = {
    {"one type, few keys", 11, 1, 12, 120, 1, 4},
    {"few types, few keys", 22, 5, 9, 120, 3, 5},
    {"many types, one key", 33, 3000, 1, 100, 5, 3},
    {"many of both", 44, 40, 400, 60, 30, 3},
    {"far numbers", 55, 0, 0, 60, 6, 3},
    {"mostly removals", 66, 3, 30, 200, 4, 8},
};

static myl_tree_entry random_change(test_dice *dice, const history *of, const plain *map)
{
    myl_tree_entry change = {0, 0, 1 + dice_roll(dice, 1000)};
    bool known = map->entries.count > 0 && dice_roll(dice, 3) == 0;
    if (known)
        change = myl_list_get(&map->entries, myl_tree_entry, dice_roll(dice, map->entries.count));
    else if (of->types == 0) {
        change.type = (uint32_t)dice_roll(dice, UINT32_MAX) + 1;
        change.state_key = dice_roll(dice, UINT64_MAX) * 3;
    } else {
        change.type = 1 + (uint32_t)dice_roll(dice, of->types);
        change.state_key = 1 + dice_roll(dice, of->keys);
    }
    if (dice_roll(dice, 10) < of->removals)
        change.event = 0;
    return change;
}

static myl_tree_root step_history(memory_nodes *memory, test_dice *dice, const history *of,
                                  plain *map, myl_tree_root root)
{
    myl_tree_entry changes[64];
    myl_tree_root next;
    size_t count = 1 + dice_roll(dice, of->batch);
    plain before = plain_copy(memory->cx, map);
    for (size_t i = 0; i < count; i++) {
        changes[i] = random_change(dice, of, map);
        plain_set(map, &changes[i]);
    }
    assert_int_equal(myl_tree_change(memory->cx, &memory->nodes, root, changes, count, &next),
                     MYL_OK);
    for (size_t i = 0; i < count; i++) {
        uint64_t event;
        assert_int_equal(myl_tree_get(memory->cx, &memory->nodes, next, changes[i].type,
                                      changes[i].state_key, &event),
                         MYL_OK);
        assert_int_equal(event, plain_get(map, changes[i].type, changes[i].state_key));
    }
    size_t differing = count_changes(&before, map);
    assert_true((next == root) == (differing == 0));
    assert_true(same_digest(memory, root, next) == (differing == 0));
    return next;
}

static void check_diff(memory_nodes *memory, const myl_tree_root roots[2], const plain maps[2])
{
    expectation forth = {&maps[0], &maps[1], 0, 0}, back = {&maps[1], &maps[0], 0, 0};
    assert_int_equal(myl_tree_diff(memory->cx, &memory->nodes, roots[0], roots[1], expect_change,
                                   &forth),
                     MYL_OK);
    assert_int_equal(forth.seen, count_changes(&maps[0], &maps[1]));
    assert_int_equal(myl_tree_diff(memory->cx, &memory->nodes, roots[1], roots[0], expect_change,
                                   &back),
                     MYL_OK);
    assert_int_equal(back.seen, forth.seen);
}

static void run_history(const history *of)
{
    myl_ctx cx;
    myl_ctx_begin(&cx);
    memory_nodes *memory = memory_nodes_start(&cx);
    test_dice dice = {of->seed};
    plain maps[2] = {{MYL_LIST(&cx, myl_tree_entry)}, {MYL_LIST(&cx, myl_tree_entry)}};
    myl_tree_root roots[2] = {0, 0};
    print_message("  %s, seed %llu\n", of->name, (unsigned long long)of->seed);
    for (size_t i = 0; i < of->steps; i++) {
        size_t side = dice_roll(&dice, 2);
        roots[side] = step_history(memory, &dice, of, &maps[side], roots[side]);
        if (i % 10 == 0) {
            check_walks(memory, roots[side], &maps[side], of->types > 8 ? 3 : of->types);
            check_walks_without(memory, roots[side], &maps[side], of->types > 8 ? 3 : of->types);
            check_rebuilt(memory, roots[side], &maps[side]);
            check_diff(memory, roots, maps);
        }
        if (dice_roll(&dice, 25) == 0) { /* a fork: both go on from here */
            roots[1 - side] = roots[side];
            maps[1 - side] = plain_copy(&cx, &maps[side]);
        }
    }
    myl_ctx_end(&cx);
}

static void random_histories_equal_a_plain_map(void **state)
{
    MYL_UNUSED(state);
    for (size_t i = 0; i < sizeof histories / sizeof histories[0]; i++)
        run_history(&histories[i]);
}

/* --- small cases ------------------------------------------------------------------------------ */

static void nothing_is_the_empty_state(void **state)
{
    myl_ctx cx;
    myl_tree_root root;
    uint64_t event = 9, entries = 9;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    memory_nodes *memory = memory_nodes_start(&cx);
    myl_tree_entry gone[] = {{4, 5, 0}, {4, 6, 0}};
    assert_int_equal(myl_tree_change(&cx, &memory->nodes, 0, gone, 2, &root), MYL_OK);
    assert_int_equal(root, 0);
    assert_int_equal(myl_tree_change(&cx, &memory->nodes, 0, NULL, 0, &root), MYL_OK);
    assert_int_equal(root, 0);
    assert_int_equal(myl_tree_get(&cx, &memory->nodes, 0, 4, 5, &event), MYL_OK);
    assert_int_equal(event, 0);
    digest_of(memory, 0, &entries);
    assert_int_equal(entries, 0);

    myl_tree_entry one = {4, 5, 77};
    assert_int_equal(myl_tree_change(&cx, &memory->nodes, 0, &one, 1, &root), MYL_OK);
    assert_int_equal(myl_tree_change(&cx, &memory->nodes, root, gone, 2, &root), MYL_OK);
    assert_int_equal(root, 0);
    myl_ctx_end(&cx);
}

static void the_last_change_of_a_key_counts(void **state)
{
    myl_ctx cx;
    myl_tree_root root;
    uint64_t event;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    memory_nodes *memory = memory_nodes_start(&cx);
    myl_tree_entry changes[] = {{1, 2, 3}, {1, 9, 4}, {1, 2, 0}, {1, 2, 5}};
    assert_int_equal(myl_tree_change(&cx, &memory->nodes, 0, changes, 4, &root), MYL_OK);
    assert_int_equal(myl_tree_get(&cx, &memory->nodes, root, 1, 2, &event), MYL_OK);
    assert_int_equal(event, 5);
    myl_ctx_end(&cx);
}

static myl_rc stop_at_once(void *arg, const myl_tree_entry *entry)
{
    MYL_UNUSED(entry);
    ++*(int *)arg;
    return MYL_GONE;
}

static void a_walk_stops_when_told(void **state)
{
    myl_ctx cx;
    myl_tree_root root;
    int seen = 0;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    memory_nodes *memory = memory_nodes_start(&cx);
    myl_tree_entry changes[] = {{1, 2, 3}, {1, 9, 4}};
    assert_int_equal(myl_tree_change(&cx, &memory->nodes, 0, changes, 2, &root), MYL_OK);
    assert_int_equal(myl_tree_walk(&cx, &memory->nodes, root, 0, stop_at_once, &seen), MYL_GONE);
    assert_int_equal(seen, 1);
    myl_ctx_end(&cx);
}

/* --- costs ------------------------------------------------------------------------------------ */

#define MEMBERS 50000
#define MEMBER_TYPE 3

static myl_tree_root large_room(memory_nodes *memory, size_t members)
{
    myl_tree_entry *entries = myl_new_array(memory->cx, myl_tree_entry, members + 40);
    myl_tree_root root;
    for (size_t i = 0; i < members; i++)
        entries[i] = (myl_tree_entry){MEMBER_TYPE, 1000 + i, 100000 + i};
    for (size_t i = 0; i < 40; i++)
        entries[members + i] = (myl_tree_entry){10 + (uint32_t)i, 1, 200000 + i};
    assert_int_equal(myl_tree_change(memory->cx, &memory->nodes, 0, entries, members + 40, &root),
                     MYL_OK);
    return root;
}

static myl_rc count_change(void *arg, uint32_t type, uint64_t state_key, uint64_t before,
                           uint64_t after)
{
    MYL_UNUSED(type), MYL_UNUSED(state_key), MYL_UNUSED(before), MYL_UNUSED(after);
    ++*(size_t *)arg;
    return MYL_OK;
}

static void a_diff_reads_what_differs(void **state)
{
    static const size_t sizes[] = {1, 20, 400};
    myl_ctx cx;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    memory_nodes *memory = memory_nodes_start(&cx);
    myl_tree_root root = large_room(memory, MEMBERS), changed;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t seen = 0;
        changed = root;
        for (size_t k = 0; k < sizes[i]; k++) {
            myl_tree_entry change = {MEMBER_TYPE, 1000 + k * 97, 900000 + k};
            assert_int_equal(myl_tree_change(&cx, &memory->nodes, changed, &change, 1, &changed),
                             MYL_OK);
        }
        memory->reads = 0;
        assert_int_equal(myl_tree_diff(&cx, &memory->nodes, root, changed, count_change, &seen),
                         MYL_OK);
        assert_int_equal(seen, sizes[i]);
        print_message("  %zu of %d differ: %zu nodes read\n", seen, MEMBERS, memory->reads);
        assert_true(memory->reads <= 2 + 2 * 7 * sizes[i]);
    }
    myl_ctx_end(&cx);
}

static myl_rc count_entry(void *arg, const myl_tree_entry *entry)
{
    MYL_UNUSED(entry);
    ++*(size_t *)arg;
    return MYL_OK;
}

static void listing_a_type_reads_that_type(void **state)
{
    myl_ctx cx;
    size_t seen = 0;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    memory_nodes *memory = memory_nodes_start(&cx);
    myl_tree_root root = large_room(memory, MEMBERS);
    memory->reads = 0;
    assert_int_equal(myl_tree_walk(&cx, &memory->nodes, root, 12, count_entry, &seen), MYL_OK);
    assert_int_equal(seen, 1);
    assert_true(memory->reads <= 4);
    myl_ctx_end(&cx);
}

static void a_change_writes_one_path(void **state)
{
    myl_ctx cx;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    memory_nodes *memory = memory_nodes_start(&cx);
    myl_tree_root root = large_room(memory, MEMBERS);
    size_t before = memory->written, nodes = memory->bytes.count;
    for (size_t i = 0; i < 200; i++) {
        myl_tree_entry change = {MEMBER_TYPE, 1000 + i * 211, 1000000 + i};
        assert_int_equal(myl_tree_change(&cx, &memory->nodes, root, &change, 1, &root), MYL_OK);
    }
    size_t bytes = (memory->written - before) / 200;
    print_message("  %zu bytes and %zu nodes a change at %d entries\n", bytes,
                  (memory->bytes.count - nodes) / 200, MEMBERS);
    assert_true(bytes <= 660);

    /* A batch writes what its changes share once. */
    myl_tree_entry batch[200];
    for (size_t i = 0; i < 200; i++)
        batch[i] = (myl_tree_entry){MEMBER_TYPE, 1000 + i * 211, 2000000 + i};
    before = memory->written;
    assert_int_equal(myl_tree_change(&cx, &memory->nodes, root, batch, 200, &root), MYL_OK);
    assert_true((memory->written - before) / 200 < bytes / 2);
    myl_ctx_end(&cx);
}

/* --- bytes that are no node ------------------------------------------------------------------- */

static void spoil(memory_nodes *memory, size_t node, test_dice *dice)
{
    myl_str *bytes = myl_list_at(&memory->bytes, node);
    char *copy = myl_cstr(memory->cx, *bytes);
    for (size_t i = 0; i < 1 + dice_roll(dice, 3) && bytes->len > 0; i++)
        copy[dice_roll(dice, bytes->len)] = (char)dice_roll(dice, 256);
    *bytes =
        (myl_str){copy, dice_roll(dice, 4) == 0 ? dice_roll(dice, bytes->len + 1) : bytes->len};
}

static void spoilt_nodes_are_refused_or_read(void **state)
{
    test_dice dice = {99};
    size_t refused = 0;
    MYL_UNUSED(state);
    for (size_t round = 0; round < 400; round++) {
        myl_ctx cx;
        uint64_t event, children[16];
        size_t seen = 0;
        myl_tree_root changed;
        myl_ctx_begin(&cx);
        memory_nodes *memory = memory_nodes_start(&cx);
        myl_tree_root root = large_room(memory, 300);
        spoil(memory, dice_roll(&dice, memory->bytes.count), &dice);
        spoil(memory, memory->bytes.count - 1, &dice);
        myl_tree_entry changes[] = {{MEMBER_TYPE, 1000 + round % 300, 0},
                                    {11, 1, 5},
                                    {MEMBER_TYPE, 5, 6}};
        refused += myl_tree_get(&cx, &memory->nodes, root, MEMBER_TYPE, 1000, &event) != MYL_OK;
        refused += myl_tree_walk(&cx, &memory->nodes, root, 0, count_entry, &seen) != MYL_OK;
        refused += myl_tree_diff(&cx, &memory->nodes, root, 1, count_change, &seen) != MYL_OK;
        refused += myl_tree_change(&cx, &memory->nodes, root, changes, 3, &changed) != MYL_OK;
        refused += myl_tree_children(&cx, &memory->nodes, root, children, &seen) != MYL_OK;
        myl_ctx_end(&cx);
    }
    assert_true(refused > 400);
}

static void node_of(memory_nodes *memory, const char *bytes, size_t len)
{
    myl_list_push(&memory->bytes, myl_str, ((myl_str){bytes, len}));
}

static void broken_forms_are_corrupt(void **state)
{
    static const struct {
        const char *name;
        myl_str bytes;
    } cases[] = {
        {"nothing", {"", 0}},
        {"no root", MYL_S_INIT("\x00\x00\x01\x00\x00\x01\x01\x01")},
        {"root with a long prefix", MYL_S_INIT("\x9f")},
        {"root that names itself",
         MYL_S_INIT("\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x00\x00\x01\x01")},
        {"leaf and child in one slot",
         MYL_S_INIT("\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x01\x00\x01\x01\x01\x01")},
        {"type beyond 32 bits", MYL_S_INIT("\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x01\x00"
                                           "\x00\xff\xff\xff\xff\x7f\x01\x01")},
        {"number without an end", MYL_S_INIT("\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff"
                                             "\xff\xff\xff\xff\xff\xff\xff\xff")},
        {"more bytes than it needs",
         MYL_S_INIT("\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x01\x00\x00\x01\x01\x01\x07")},
        {"root with a prefix",
         MYL_S_INIT("\x81\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x10\x00\x01\x00\x00\x01\x01\x01")},
    };
    MYL_UNUSED(state);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        myl_ctx cx;
        myl_tree_root root;
        myl_tree_entry change = {1, 1, 9};
        myl_ctx_begin(&cx);
        memory_nodes *memory = memory_nodes_start(&cx);
        node_of(memory, cases[i].bytes.at, cases[i].bytes.len);
        myl_rc rc = myl_tree_change(&cx, &memory->nodes, 1, &change, 1, &root);
        if (rc != MYL_CORRUPT)
            fail_msg("%s: want CORRUPT, got %d", cases[i].name, (int)rc);
        myl_ctx_end(&cx);
    }
}

static void failing_reads_are_passed_on(void **state)
{
    MYL_UNUSED(state);
    for (size_t after = 1; after < 200; after++) {
        myl_ctx cx;
        myl_tree_root root, changed, out;
        myl_digest digest;
        uint64_t number;
        size_t seen = 0;
        myl_ctx_begin(&cx);
        memory_nodes *memory = memory_nodes_start(&cx);
        root = large_room(memory, 40);
        myl_tree_entry drop[60];
        for (size_t i = 0; i < 40; i++)
            drop[i] = (myl_tree_entry){MEMBER_TYPE, 1000 + i, i % 7 == 0 ? 900 : 0};
        assert_int_equal(myl_tree_change(&cx, &memory->nodes, root, drop, 40, &changed), MYL_OK);
        memory->reads = 0;
        memory->fail_after = after;
        bool failed = myl_tree_change(&cx, &memory->nodes, root, drop, 40, &out) != MYL_OK;
        failed |= myl_tree_diff(&cx, &memory->nodes, root, changed, count_change, &seen) != MYL_OK;
        failed |= myl_tree_walk(&cx, &memory->nodes, root, 0, count_entry, &seen) != MYL_OK;
        failed |= myl_tree_digest(&cx, &memory->nodes, root, &digest, &number) != MYL_OK;
        assert_int_equal(failed, memory->reads >= after);
        myl_ctx_end(&cx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_the_empty_state),
        cmocka_unit_test(the_last_change_of_a_key_counts),
        cmocka_unit_test(a_walk_stops_when_told),
        cmocka_unit_test(random_histories_equal_a_plain_map),
        cmocka_unit_test(a_diff_reads_what_differs),
        cmocka_unit_test(listing_a_type_reads_that_type),
        cmocka_unit_test(a_change_writes_one_path),
        cmocka_unit_test(spoilt_nodes_are_refused_or_read),
        cmocka_unit_test(broken_forms_are_corrupt),
        cmocka_unit_test(failing_reads_are_passed_on),
    };
    myl_crypto_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
