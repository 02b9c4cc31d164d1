/* fuzz_tree.c: the state tree over nodes of any bytes, and over any list of changes.
 *
 * First byte even: the rest is nodes, each behind a length byte; they are read, walked, compared
 * and changed. First byte odd: the rest is changes of four bytes, made one by one and again all at
 * once; both ways must agree.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/base_list.h>
#include <myelin/rules_tree.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define READS 3000 /* nodes of any bytes may share children many times over */

typedef struct {
    myl_ctx *cx;
    myl_list bytes; /* myl_str */
    size_t reads;
} pile;

static myl_rc read_node(void *arg, myl_ctx *cx, uint64_t number, myl_str *bytes)
{
    pile *at = arg;
    if (number == 0 || number > at->bytes.count || at->reads == 0)
        return myl_fail(cx, MYL_CORRUPT, "no such node");
    at->reads--;
    *bytes = myl_list_get(&at->bytes, myl_str, number - 1);
    return MYL_OK;
}

static myl_rc append_node(void *arg, myl_ctx *cx, myl_str bytes, uint64_t *number)
{
    pile *at = arg;
    MYL_UNUSED(cx);
    myl_list_push(&at->bytes, myl_str, myl_keep(at->cx, bytes));
    *number = at->bytes.count;
    return MYL_OK;
}

static myl_rc see_entry(void *arg, const myl_tree_entry *entry)
{
    MYL_UNUSED(arg);
    return entry->event == 0 ? MYL_INTERNAL : MYL_OK;
}

static myl_rc see_change(void *arg, uint32_t type, uint64_t state_key, uint64_t before,
                         uint64_t after)
{
    MYL_UNUSED(type), MYL_UNUSED(state_key);
    ++*(size_t *)arg;
    return before == after ? MYL_INTERNAL : MYL_OK;
}

static void use_nodes(myl_ctx *cx, const uint8_t *data, size_t size)
{
    pile at = {cx, MYL_LIST(cx, myl_str), READS};
    myl_tree_nodes nodes = {.read = read_node, .append = append_node, .arg = &at};
    for (size_t i = 0; i < size;) {
        size_t length = data[i] < size - i - 1 ? data[i] : size - i - 1;
        myl_list_push(&at.bytes, myl_str, ((myl_str){(const char *)data + i + 1, length}));
        i += length + 1;
    }
    myl_tree_root root = at.bytes.count, changed;
    uint64_t event, children[16];
    size_t count = 0;
    myl_tree_entry changes[] = {{1, 1, 0}, {1, 2, 9}, {2, 1, 8}, {1, 77, 0}};
    (void)myl_tree_get(cx, &nodes, root, 1, 1, &event);
    (void)myl_tree_walk(cx, &nodes, root, 1, see_entry, NULL);
    (void)myl_tree_diff(cx, &nodes, root, root / 2, see_change, &count);
    (void)myl_tree_change(cx, &nodes, root, changes, 4, &changed);
    (void)myl_tree_children(cx, &nodes, root, children, &count);
}

static void make_changes(myl_ctx *cx, const uint8_t *data, size_t size)
{
    pile at = {cx, MYL_LIST(cx, myl_str), SIZE_MAX};
    myl_tree_nodes nodes = {.read = read_node, .append = append_node, .arg = &at};
    myl_list changes = MYL_LIST(cx, myl_tree_entry);
    myl_tree_root slow = 0, fast = 0;
    size_t differing = 0;
    for (size_t i = 0; i + 4 <= size; i += 4) {
        myl_tree_entry change = {1u + data[i], (uint64_t)data[i + 1] << (data[i + 2] & 48),
                                 data[i + 3] & 7};
        myl_list_push(&changes, myl_tree_entry, change);
        MYL_ASSERT(myl_tree_change(cx, &nodes, slow, &change, 1, &slow) == MYL_OK);
    }
    MYL_ASSERT(myl_tree_change(cx, &nodes, 0, changes.at, changes.count, &fast) == MYL_OK);
    MYL_ASSERT(myl_tree_diff(cx, &nodes, slow, fast, see_change, &differing) == MYL_OK);
    MYL_ASSERT(differing == 0);
    myl_digest a, b;
    uint64_t x, y;
    MYL_ASSERT(myl_tree_digest(cx, &nodes, slow, &a, &x) == MYL_OK);
    MYL_ASSERT(myl_tree_digest(cx, &nodes, fast, &b, &y) == MYL_OK);
    MYL_ASSERT(x == y && a.low == b.low && a.high == b.high);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    myl_ctx cx;
    myl_ctx_begin(&cx);
    if (data[0] % 2 == 0)
        use_nodes(&cx, data + 1, size - 1);
    else
        make_changes(&cx, data + 1, size - 1);
    myl_ctx_end(&cx);
    return 0;
}
