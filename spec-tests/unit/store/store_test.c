/* store_test.c: a store in a folder of its own, changes that are handed in together, dumps and a model.
 *
 * Callers: the tests of store/ and tasks/.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_test.h"

#include <dirent.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <myelin/crypto_sign.h>

/* ---- the store ---- */

static void committed(void *arg, const myl_batch *batch)
{
    store_test *test = arg;
    test->commits++;
    test->position = batch->position;
    test->note_count = batch->count < 256 ? batch->count : 256;
    if (test->note_count > 0)
        memcpy(test->notes, batch->notes, test->note_count * sizeof(myl_note));
}

myl_rc store_test_open(store_test *test)
{
    myl_rc rc = myl_store_open(&test->cx, &test->options, &test->store);
    if (rc != MYL_OK)
        return rc;
    return myl_engine_start(&test->cx, test->store, committed, test, &test->engine);
}

void store_test_close(store_test *test)
{
    if (test->engine != NULL)
        myl_engine_stop(test->engine);
    myl_store_close(test->store);
    test->engine = NULL;
    test->store = NULL;
}

void store_test_reopen(store_test *test)
{
    store_test_close(test);
    assert_int_equal(store_test_open(test), MYL_OK);
}

store_test *store_test_start(void)
{
    myl_crypto_start();
    store_test *test = myl_process_alloc(sizeof(*test));
    const char *parent = getenv("TMPDIR");
    snprintf(test->folder, sizeof(test->folder), "%.40s/myelin-XXXXXX", parent ? parent : "/tmp");
    myl_ctx_begin(&test->cx);
    test->options = (myl_store_options){.folder = test->folder, .map_size = 1 << 28, .readers = 64};
    if (mkdtemp(test->folder) == NULL || store_test_open(test) != MYL_OK)
        return NULL;
    return test;
}

static void remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry != NULL; entry = readdir(dir)) {
        char path[400];
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        (void)unlink(path);
    }
    if (dir != NULL)
        closedir(dir);
    (void)rmdir(folder);
}

void store_test_end(store_test *test)
{
    store_test_close(test);
    remove_folder(test->folder);
    myl_ctx_end(&test->cx);
    myl_process_free(test);
}

/* ---- changes ---- */

static myl_rc run_body(myl_change *change)
{
    store_change *whole = (store_change *)change;
    return whole->body(change->cx, whole->arg);
}

static sem_t answers;
static sem_t gate;

static void count_answer(myl_change *change, myl_rc rc)
{
    store_change *whole = (store_change *)change;
    whole->rc = rc;
    whole->answered++;
    sem_post(&answers);
}

myl_rc store_test_run(store_test *test, myl_rc (*body)(myl_ctx *cx, void *arg), void *arg)
{
    store_change one = {.change = {.name = "test", .run = run_body}, .body = body, .arg = arg};
    myl_ctx_begin(&one.cx);
    one.change.cx = &one.cx;
    myl_rc rc = myl_engine_run(test->engine, &one.change);
    assert_null(one.cx.txn);
    myl_ctx_end(&one.cx);
    return rc;
}

static myl_rc wait_at_gate(myl_ctx *cx, void *arg)
{
    MYL_UNUSED(cx);
    MYL_UNUSED(arg);
    while (sem_wait(&gate) != 0)
        continue;
    return MYL_OK;
}

static void hand_in(store_test *test, store_change *change)
{
    change->change.name = "test";
    change->change.run = run_body;
    change->change.done = count_answer;
    change->change.cx = &change->cx;
    change->answered = 0;
    myl_ctx_begin(&change->cx);
    assert_int_equal(myl_engine_submit(test->engine, &change->change), MYL_OK);
}

void store_test_batch(store_test *test, store_change *changes, size_t count)
{
    store_change first = {.body = wait_at_gate};
    sem_init(&answers, 0, 0);
    sem_init(&gate, 0, 0);
    hand_in(test, &first);
    for (size_t i = 0; i < count; i++)
        hand_in(test, &changes[i]);
    sem_post(&gate);
    for (size_t i = 0; i < count + 1; i++) {
        while (sem_wait(&answers) != 0)
            continue;
    }
    myl_ctx_end(&first.cx);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(changes[i].answered, 1);
        assert_null(changes[i].cx.txn);
        myl_ctx_end(&changes[i].cx);
    }
    sem_destroy(&answers);
    sem_destroy(&gate);
}

/* ---- dumps ---- */

static void add_hex(myl_text *out, myl_str bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        myl_text_addf(out, "%02x", (unsigned)(unsigned char)bytes.at[i]);
}

myl_str store_test_dump(myl_ctx *cx, myl_store *store)
{
    myl_text out = myl_text_start(cx, 65536);
    assert_int_equal(myl_snapshot_open(cx, store), MYL_OK);
    for (int table = 0; table < MYL_TABLE_COUNT; table++) {
        myl_scan *scan;
        myl_str key;
        myl_str value;
        assert_int_equal(myl_scan_start(cx, (myl_table_id)table, MYL_ABSENT, MYL_ABSENT,
                                        MYL_FORWARD, &scan),
                         MYL_OK);
        for (;;) {
            assert_int_equal(myl_scan_next(scan, &key, &value), MYL_OK);
            if (!myl_str_present(key))
                break;
            myl_text_addf(&out, "%s ", myl_table_rows[table].name);
            add_hex(&out, key);
            myl_text_add_byte(&out, ' ');
            add_hex(&out, value);
            myl_text_add_byte(&out, '\n');
        }
    }
    myl_snapshot_close(cx);
    return myl_text_str(&out);
}

/* ---- numbers ---- */

uint64_t store_test_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

uint64_t store_test_seed(uint64_t fallback)
{
    const char *text = getenv("STORE_TEST_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : fallback;
    print_message("seed %llu\n", (unsigned long long)seed);
    return seed | 1;
}

size_t store_test_rounds(size_t rounds)
{
    const char *text = getenv("STORE_TEST_ROUNDS");
    return text != NULL ? rounds * (size_t)strtoull(text, NULL, 10) : rounds;
}

/* ---- the model ---- */

static myl_str row_key(const model_row *row)
{
    return (myl_str){row->key, row->key_len};
}

static myl_str row_value(const model_row *row)
{
    return (myl_str){row->value, row->value_len};
}

static bool is_map(myl_table_id table)
{
    return myl_table_rows[table].form == MYL_FORM_MAP;
}

static int compare(const model_row *row, myl_table_id table, myl_str key, myl_str value)
{
    if (row->table != table)
        return row->table < table ? -1 : 1;
    int order = myl_str_compare(row_key(row), key);
    return order != 0 || is_map(table) ? order : myl_str_compare(row_value(row), value);
}

/* The first row not before (table, key, value). */
static size_t place_of(const model *m, myl_table_id table, myl_str key, myl_str value)
{
    size_t at = 0;
    while (at < m->count && compare(&m->rows[at], table, key, value) < 0)
        at++;
    return at;
}

static void insert(model *m, size_t at, myl_table_id table, myl_str key, myl_str value)
{
    assert_true(m->count < MODEL_ROWS);
    assert_true(key.len <= sizeof(m->rows[0].key) && value.len <= sizeof(m->rows[0].value));
    memmove(&m->rows[at + 1], &m->rows[at], (m->count - at) * sizeof(model_row));
    m->count++;
    model_row *row = &m->rows[at];
    *row = (model_row){(uint8_t)table, (uint8_t)key.len, (uint8_t)value.len, {0}, {0}};
    memcpy(row->key, key.at, key.len);
    memcpy(row->value, value.at, value.len);
}

static void drop(model *m, size_t at)
{
    m->count--;
    memmove(&m->rows[at], &m->rows[at + 1], (m->count - at) * sizeof(model_row));
}

void model_put(model *m, myl_table_id table, myl_str key, myl_str value)
{
    model_delete(m, table, key);
    insert(m, place_of(m, table, key, value), table, key, value);
}

void model_delete(model *m, myl_table_id table, myl_str key)
{
    for (size_t at = m->count; at-- > 0;) {
        if (m->rows[at].table == table && myl_str_equal(row_key(&m->rows[at]), key))
            drop(m, at);
    }
}

void model_add(model *m, myl_table_id table, myl_str key, myl_str value)
{
    size_t at = place_of(m, table, key, value);
    if (at == m->count || compare(&m->rows[at], table, key, value) != 0)
        insert(m, at, table, key, value);
}

void model_remove(model *m, myl_table_id table, myl_str key, myl_str value)
{
    size_t at = place_of(m, table, key, value);
    if (at < m->count && compare(&m->rows[at], table, key, value) == 0)
        drop(m, at);
}

void model_clear(model *m, myl_table_id table)
{
    for (size_t at = m->count; at-- > 0;) {
        if (m->rows[at].table == table)
            drop(m, at);
    }
}

const model_row *model_get(const model *m, myl_table_id table, myl_str key)
{
    for (size_t at = 0; at < m->count; at++) {
        if (m->rows[at].table == table && myl_str_equal(row_key(&m->rows[at]), key))
            return &m->rows[at];
    }
    return NULL;
}

void model_equals(const model *m, myl_ctx *cx, myl_table_id table)
{
    myl_scan *scan;
    myl_str key;
    myl_str value;
    assert_int_equal(myl_scan_start(cx, table, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan), MYL_OK);
    for (size_t at = 0; at < m->count; at++) {
        if (m->rows[at].table != table)
            continue;
        assert_int_equal(myl_scan_next(scan, &key, &value), MYL_OK);
        assert_true(myl_str_present(key));
        assert_true(myl_str_equal(key, row_key(&m->rows[at])));
        assert_true(myl_str_equal(value, row_value(&m->rows[at])));
    }
    assert_int_equal(myl_scan_next(scan, &key, &value), MYL_OK);
    assert_false(myl_str_present(key));
}
