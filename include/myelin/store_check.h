/* store_check.h: `myelin check`: every folder's look at its own rows, over one snapshot of a stopped server.
 *
 * A folder with tables exports an array of rows (name NULL ends it); main.c hands all arrays to the command. A check
 * reads, compares, and calls myl_check_wrong for each thing that is not as it must be; it goes on after that.
 * Threads: one. Memory: give it back between rows (myl_ctx_mark), for a database can be large.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_STORE_CHECK_H
#define MYELIN_STORE_CHECK_H

#include <myelin/store_kv.h>

/* One run. */
typedef struct {
    void (*say)(void *arg,
                myl_str line); /* gets each thing that is wrong, at most CHECK_LINES of a check */
    void *arg;
    uint64_t rows;  /* looked at */
    uint64_t wrong; /* found */
    uint64_t lines; /* said by the running check */
} myl_check;

typedef struct {
    const char *name; /* "interned strings" */
    /* Inside a snapshot. A failure counts as one thing wrong, with its detail. */
    myl_rc (*run)(myl_ctx *cx, myl_check *check);
} myl_check_row;

void myl_check_wrong(myl_check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Counts one row that was looked at. */
void myl_check_seen(myl_check *check);
/* Calls `each` for every row of a table and counts it; what `each` makes in the job is given back after it. A row for
 * which it fails is one thing wrong, and the walk goes on. */
typedef myl_rc (*myl_check_each)(myl_ctx *cx, myl_check *check, myl_str key, myl_str value);
myl_rc myl_check_walk(myl_ctx *cx, myl_check *check, myl_table_id table, myl_check_each each);
/* Runs the rows of one array in the snapshot of cx. */
void myl_check_run(myl_ctx *cx, const myl_check_row *rows, myl_check *check);

/* store/: order and form of every table, META, interned strings both ways, the state tree's nodes. */
extern const myl_check_row myl_store_checks[];

/* For the inspector: a table's name, and how many rows and bytes of pages it has. */
const char *myl_table_name(myl_table_id table);
/* False: no such table. */
bool myl_table_of(myl_str name, myl_table_id *out);
myl_rc myl_table_size(myl_ctx *cx, myl_table_id table, uint64_t *rows, uint64_t *bytes);

#endif
