/* test_scan.c: scans in both directions, by prefix, from any place, against the model.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_test.h"

static store_test *test;
static model *rows;
static uint64_t seed;

static const myl_table_id tables[] = {MYL_TABLE_TASKS, MYL_TABLE_INTERN_ID, MYL_TABLE_EVENT_IDS};

static myl_str random_bytes(char *room, size_t len)
{
    for (size_t i = 0; i < len; i++)
        room[i] = "\0a\xfe\xff"[store_test_random(&seed) % 4];
    return (myl_str){room, len};
}

static myl_rc fill(myl_ctx *cx, void *arg)
{
    size_t count = *(const size_t *)arg;
    for (size_t i = 0; i < count; i++) {
        char key_room[24];
        char value_room[40];
        myl_table_id table = tables[i % 3];
        myl_str key = random_bytes(key_room, 1 + store_test_random(&seed) % 4);
        size_t len = table == MYL_TABLE_EVENT_IDS ? 8 : 1 + store_test_random(&seed) % 3;
        myl_str value = random_bytes(value_room, len);
        if (table == MYL_TABLE_TASKS) {
            model_put(rows, table, key, value);
            MYL_TRY(myl_store_put(cx, table, key, value));
        } else {
            model_add(rows, table, key, value);
            MYL_TRY(myl_store_add(cx, table, key, value));
        }
    }
    return MYL_OK;
}

static int setup(void **state)
{
    size_t count = 500;
    MYL_UNUSED(state);
    test = store_test_start();
    if (test == NULL)
        return -1;
    rows = myl_process_alloc(sizeof(*rows));
    seed = store_test_seed(4711);
    return store_test_run(test, fill, &count) == MYL_OK ? 0 : -1;
}

static int teardown(void **state)
{
    MYL_UNUSED(state);
    store_test_end(test);
    myl_process_free(rows);
    return 0;
}

static myl_str key_of(const model_row *row)
{
    return (myl_str){row->key, row->key_len};
}

static myl_str value_of(const model_row *row)
{
    return (myl_str){row->value, row->value_len};
}

/* Is this row one that the scan must give? */
typedef struct {
    myl_table_id table;
    myl_direction direction;
    bool values; /* of one key, which is `prefix` */
    myl_str prefix;
    myl_str from; /* of keys, or of values */
} question;

static bool wanted(const question *q, const model_row *row)
{
    myl_str subject = q->values ? value_of(row) : key_of(row);
    if (row->table != q->table)
        return false;
    if (q->values ? !myl_str_equal(key_of(row), q->prefix)
                  : !myl_str_starts(key_of(row), q->prefix))
        return false;
    if (!myl_str_present(q->from))
        return true;
    int order = myl_str_compare(subject, q->from);
    return q->direction == MYL_FORWARD ? order >= 0 : order <= 0;
}

static void print_bytes(const char *name, myl_str bytes)
{
    print_message(" %s", name);
    for (size_t i = 0; i < bytes.len; i++)
        print_message("%02x", (unsigned)(unsigned char)bytes.at[i]);
}

static void fail_scan(const question *q, const model_row *want, myl_str key, myl_str value)
{
    print_message("%s %s %s", myl_table_rows[q->table].name, q->values ? "values" : "keys",
                  q->direction == MYL_FORWARD ? "forward" : "backward");
    print_bytes("prefix ", q->prefix);
    print_bytes("from ", q->from);
    print_bytes("want ", key_of(want));
    print_bytes("= ", value_of(want));
    print_bytes("got ", key);
    print_bytes("= ", value);
    print_message("\n");
    fail();
}

static void ask(const question *q)
{
    myl_scan *scan;
    myl_str key;
    myl_str value;
    myl_rc rc = q->values
                    ? myl_scan_values(&test->cx, q->table, q->prefix, q->from, q->direction, &scan)
                    : myl_scan_start(&test->cx, q->table, q->prefix, q->from, q->direction, &scan);
    assert_int_equal(rc, MYL_OK);
    for (size_t i = 0; i < rows->count; i++) {
        const model_row *row = &rows->rows[q->direction == MYL_FORWARD ? i : rows->count - 1 - i];
        if (!wanted(q, row))
            continue;
        assert_int_equal(myl_scan_next(scan, &key, &value), MYL_OK);
        if (!myl_str_present(key) || !myl_str_equal(key, key_of(row)) ||
            !myl_str_equal(value, value_of(row)))
            fail_scan(q, row, key, value);
    }
    for (int again = 0; again < 2; again++) {
        assert_int_equal(myl_scan_next(scan, &key, &value), MYL_OK);
        assert_false(myl_str_present(key));
        assert_false(myl_str_present(value));
    }
    myl_scan_end(scan);
}

static void random_question(question *q, char *prefix_room, char *from_room)
{
    size_t table = store_test_random(&seed) % 3;
    q->table = tables[table];
    q->direction = store_test_random(&seed) % 2 ? MYL_FORWARD : MYL_BACKWARD;
    q->values = table != 0 && store_test_random(&seed) % 2 == 0;
    size_t len = store_test_random(&seed) % 4;
    q->prefix =
        q->values || len > 0 ? random_bytes(prefix_room, q->values ? 1 + len : len) : MYL_ABSENT;
    q->from = MYL_ABSENT;
    if (store_test_random(&seed) % 3 == 0)
        return;
    len = q->values && q->table == MYL_TABLE_EVENT_IDS ? 8 : 1 + store_test_random(&seed) % 4;
    q->from = random_bytes(from_room, len);
    if (q->values || store_test_random(&seed) % 3 == 0)
        return;
    /* Mostly inside the prefix. */
    memcpy(from_room, q->prefix.at != NULL ? q->prefix.at : "", q->prefix.len);
    len = store_test_random(&seed) % 3;
    (void)random_bytes(from_room + q->prefix.len, len);
    q->from = (myl_str){from_room, q->prefix.len + len};
}

static void scans_equal_the_model(void **state)
{
    MYL_UNUSED(state);
    size_t count = store_test_rounds(20000);
    assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
    for (size_t i = 0; i < count; i++) {
        char prefix_room[16];
        char from_room[16];
        question q;
        myl_mark mark = myl_ctx_mark(&test->cx);
        random_question(&q, prefix_room, from_room);
        ask(&q);
        myl_ctx_release(&test->cx, mark);
    }
    myl_snapshot_close(&test->cx);
}

static void scans_left_open_end_with_the_snapshot(void **state)
{
    MYL_UNUSED(state);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
        for (int i = 0; i < 100; i++) {
            myl_scan *scan;
            myl_str key;
            myl_str value;
            myl_mark mark = myl_ctx_mark(&test->cx);
            assert_int_equal(myl_scan_start(&test->cx, tables[i % 3], MYL_ABSENT, MYL_ABSENT,
                                            MYL_FORWARD, &scan),
                             MYL_OK);
            assert_int_equal(myl_scan_next(scan, &key, &value), MYL_OK);
            assert_true(myl_str_present(key));
            myl_ctx_release(&test->cx,
                            mark); /* the handle goes, the cursor stays until the close */
        }
        myl_snapshot_close(&test->cx);
    }
}

/* In a change a scan sees what was written before it, and ends with the change. */
static myl_rc scan_in_change(myl_ctx *cx, void *arg)
{
    myl_scan *scan;
    myl_str key;
    myl_str value;
    MYL_TRY(myl_store_put(cx, MYL_TABLE_TASKS, MYL_S("\1first"), MYL_S("v")));
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_TASKS, MYL_S("\1"), MYL_ABSENT, MYL_FORWARD, &scan));
    MYL_TRY(myl_scan_next(scan, &key, &value));
    /* Writes to other tables do not disturb it. */
    MYL_TRY(myl_store_add(cx, MYL_TABLE_INTERN_ID, MYL_S("x"), MYL_S("y")));
    *(bool *)arg = myl_str_equal(key, MYL_S("\1first"));
    return MYL_OK;
}

static void a_change_scans_its_own_rows(void **state)
{
    MYL_UNUSED(state);
    bool seen = false;
    assert_int_equal(store_test_run(test, scan_in_change, &seen), MYL_OK);
    assert_true(seen);
}

typedef struct {
    myl_str prefix;
    size_t most, deleted, under, others; /* rows left */
} deletion;

static myl_rc delete_in_change(myl_ctx *cx, void *arg)
{
    deletion *d = arg;
    myl_scan *scan;
    myl_str key, value;

    d->under = d->others = 0;
    MYL_TRY(myl_store_delete_under(cx, MYL_TABLE_TASKS, d->prefix, d->most, &d->deleted));
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_TASKS, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            return MYL_OK;
        if (key.at[0] == d->prefix.at[0])
            d->under++;
        else
            d->others++;
    }
}

static void rows_below_a_prefix_are_deleted(void **state)
{
    deletion d = {.prefix = MYL_S("a")};
    MYL_UNUSED(state);
    assert_int_equal(store_test_run(test, delete_in_change, &d), MYL_OK);
    size_t under = d.under, others = d.others;
    assert_int_equal(d.deleted, 0); /* `most` was 0 */
    assert_true(under > 3 && others > 3);
    d.most = 2;
    assert_int_equal(store_test_run(test, delete_in_change, &d), MYL_OK);
    assert_int_equal(d.deleted, 2);
    assert_int_equal(d.under, under - 2);
    d.most = SIZE_MAX;
    assert_int_equal(store_test_run(test, delete_in_change, &d), MYL_OK);
    assert_int_equal(d.deleted, under - 2);
    assert_int_equal(d.under, 0);
    assert_int_equal(d.others, others);
}

static void too_long_places_are_refused(void **state)
{
    MYL_UNUSED(state);
    char bytes[600] = {0};
    myl_str large = {bytes, sizeof(bytes)};
    myl_scan *scan;
    assert_int_equal(myl_snapshot_open(&test->cx, test->store), MYL_OK);
    assert_int_equal(myl_scan_start(&test->cx, tables[0], large, MYL_ABSENT, MYL_FORWARD, &scan),
                     MYL_INTERNAL);
    assert_int_equal(myl_scan_start(&test->cx, tables[0], MYL_ABSENT, large, MYL_BACKWARD, &scan),
                     MYL_INTERNAL);
    assert_int_equal(myl_scan_values(&test->cx, tables[1], large, MYL_ABSENT, MYL_FORWARD, &scan),
                     MYL_INTERNAL);
    assert_int_equal(myl_scan_values(&test->cx, tables[1], MYL_ABSENT, MYL_ABSENT, MYL_FORWARD,
                                     &scan),
                     MYL_INTERNAL);
    myl_snapshot_close(&test->cx);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(scans_equal_the_model),       CASE(scans_left_open_end_with_the_snapshot),
        CASE(a_change_scans_its_own_rows), CASE(rows_below_a_prefix_are_deleted),
        CASE(too_long_places_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
