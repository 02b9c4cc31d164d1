/* store_test.h: a store in a folder of its own, changes that are handed in together, dumps and a model.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_TEST_H
#define STORE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store_own.h"

typedef struct {
    char folder[64];
    myl_ctx cx;
    myl_store *store;
    myl_engine *engine;
    myl_store_options options;
    /* what the listener saw last; written by the engine thread, read after a change's answer */
    uint64_t commits;
    uint64_t position;
    myl_note notes[256];
    size_t note_count;
} store_test;

/* A change made of a function and an argument. */
typedef struct {
    myl_change change; /* first member */
    myl_ctx cx;
    myl_rc (*body)(myl_ctx *cx, void *arg);
    void *arg;
    myl_rc rc;    /* after the answer */
    int answered; /* how often done was called */
} store_change;

/* A new folder with a store and an engine; NULL when one of them cannot be made. */
store_test *store_test_start(void);
/* Ends engine and store and removes the folder. */
void store_test_end(store_test *test);
/* Closes and opens again what is there. */
void store_test_reopen(store_test *test);
void store_test_close(store_test *test);
myl_rc store_test_open(store_test *test);

/* Runs one change and waits. */
myl_rc store_test_run(store_test *test, myl_rc (*body)(myl_ctx *cx, void *arg), void *arg);
/* Runs them all in one batch, in order, and waits for every answer. Fill body and arg. */
void store_test_batch(store_test *test, store_change *changes, size_t count);

/* All rows of all tables as text, one a line, hex; lives in `cx`. */
myl_str store_test_dump(myl_ctx *cx, myl_store *store);

/* A small fixed generator (xorshift): the seed gives the whole history. */
uint64_t store_test_random(uint64_t *state);
/* STORE_TEST_SEED, or `fallback`; printed. */
uint64_t store_test_seed(uint64_t fallback);
/* STORE_TEST_ROUNDS times the number (for long runs). */
size_t store_test_rounds(size_t rounds);

/* ---- the model: rows of all tables, sorted; one array ---- */
#define MODEL_ROWS 4096
typedef struct {
    uint8_t table;
    uint8_t key_len;
    uint8_t value_len;
    char key[24];
    char value[40];
} model_row;
typedef struct {
    size_t count;
    model_row rows[MODEL_ROWS];
} model;

void model_put(model *m, myl_table_id table, myl_str key, myl_str value);
void model_delete(model *m, myl_table_id table, myl_str key);
void model_add(model *m, myl_table_id table, myl_str key, myl_str value);
void model_remove(model *m, myl_table_id table, myl_str key, myl_str value);
void model_clear(model *m, myl_table_id table);
/* NULL: not there. In SET tables the first value. */
const model_row *model_get(const model *m, myl_table_id table, myl_str key);
/* Fails the test when the store's rows in `table` differ from the model's. */
void model_equals(const model *m, myl_ctx *cx, myl_table_id table);

#endif
