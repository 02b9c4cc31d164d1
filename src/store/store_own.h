/* store_own.h: what the files of store/ share: the open database, a transaction, the record of a batch.
 *
 * Why:     LMDB's types must not leave this folder.
 * Threads: a transaction belongs to one thread; myl_write to the thread that holds the write transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_STORE_OWN_H
#define MYELIN_STORE_OWN_H

#include <lmdb.h>
#include <pthread.h>

#include <myelin/base_clock.h>
#include <myelin/base_limit.h>
#include <myelin/base_list.h>
#include <myelin/base_log.h>
#include <myelin/base_table.h>
#include <myelin/store_engine.h>

#define MYL_KEY_MAX 511
#define MYL_INTERN_KINDS 4

typedef enum { MYL_FORM_MAP, MYL_FORM_SET, MYL_FORM_FIXED } myl_table_form;

/* A row of tables.def. */
typedef struct {
    const char *name;
    myl_table_form form;
    const char *key;
    const char *value;
    const char *owner;
} myl_table_row;
extern const myl_table_row myl_table_rows[MYL_TABLE_COUNT];

/* The last numbers given out: in memory while the store is written, read from the rows at start. */
typedef struct {
    uint64_t position;
    uint64_t node;
    uint64_t interned[MYL_INTERN_KINDS];
} myl_counters;

/* A step back: puts a row as it was before one write of the running change. */
typedef struct myl_undo {
    struct myl_undo *before;
    enum { MYL_UNDO_PUT, MYL_UNDO_DELETE, MYL_UNDO_ADD, MYL_UNDO_REMOVE } kind;
    myl_table_id table;
    myl_str key;
    myl_str value;
} myl_undo;

/* A call that waits for the commit. */
typedef struct {
    void (*fn)(void *arg);
    void *arg;
} myl_call;

/* What the write transaction carries; kept from one transaction to the next. */
typedef struct myl_write {
    myl_ctx batch;  /* memory until the next transaction begins */
    myl_ctx change; /* memory of the running change's undo list */
    myl_counters counters;
    /* the running change */
    bool limited;     /* it is a change of the engine: undo list and limits hold */
    myl_undo *undo;   /* newest first */
    size_t bytes;     /* written */
    uint32_t events;  /* made */
    uint32_t steps;   /* operations on the store */
    int64_t cpu_from; /* ns of the thread when first looked at; 0: not yet */
    myl_rc failed;    /* a write failed, so the change cannot be kept */
    int64_t watch_ns; /* of the thread: then operations answer watch_code; 0: no watch */
    myl_rc watch_code;
    /* the batch */
    myl_rc broken;               /* LMDB's transaction cannot go on */
    size_t batch_bytes;          /* written by all changes */
    size_t rows;                 /* writes kept so far */
    myl_list notes;              /* of myl_note */
    myl_list calls;              /* of myl_call */
    bool clear[MYL_TABLE_COUNT]; /* tables that the running change empties at its end */
    bool clears;                 /* any of them */
    bool recording;              /* somebody wants the bytes */
    myl_text record;             /* record.c's form */
    bool named[MYL_TABLE_COUNT]; /* tables whose name stands in the record */
} myl_write;

/* A position in a table; pooled by its transaction. */
typedef struct myl_cursor {
    struct myl_cursor *next;
    struct myl_cursor **link; /* what points to this one; NULL: in the spare list */
    struct myl_txn *txn;
    MDB_cursor *lmdb;
    enum { MYL_SCAN_FIRST, MYL_SCAN_MORE, MYL_SCAN_OVER } at;
    MDB_cursor_op step;
    size_t prefix_len;
    char prefix[MYL_KEY_MAX];
} myl_cursor;

/* A text that readers look up all the time, with its number; never changed, freed with the store. */
typedef struct {
    uint64_t id;
    size_t len;
    char text[];
} myl_known_text;
typedef _Atomic(myl_known_text *) myl_known_slot;

/* An open database file. An exchange (exchange.c) puts another in its place; it stays until its last reader has left. */
typedef struct myl_base {
    MDB_env *env;
    MDB_dbi
        tables[MYL_TABLE_COUNT]; /* 0: not in the file (read-only use of a file that lacks it) */
    uint32_t
        users; /* SNAPSHOTS: open snapshots and copies, and 1 for the store while it is the store's */
    struct myl_txn *pool;      /* SNAPSHOTS: idle snapshots */
    _Atomic size_t committing; /* LMDB's number of the newest commit that has begun */
} myl_base;

typedef struct myl_txn {
    myl_store *store;
    myl_base *base; /* of the store when the transaction began */
    MDB_txn *lmdb;
    myl_write *write;     /* NULL: a snapshot */
    myl_cursor *cursors;  /* in use */
    myl_cursor *spare;    /* for the next scans; without a cursor of LMDB */
    struct myl_txn *next; /* in the pool */
    myl_tree_nodes nodes; /* nodes.c */
    myl_list scratch;     /* myl_str: nodes that a snapshot has appended */
} myl_txn;

typedef struct myl_exchange myl_exchange;

struct myl_store {
    myl_base *
        base; /* SNAPSHOTS; changed by the engine's thread alone, so the writer needs no lock to read it */
    char *folder;
    uint64_t map_size;
    uint32_t readers;
    myl_exchange *exchange; /* exchange.c */
    _Atomic uint32_t
        value_bytes[MYL_TABLE_COUNT]; /* FIXED tables: length of values; 0: not yet known */
    uint8_t digest_key[32];
    uint32_t schema;
    bool read_only;
    int lock_file;
    atomic_bool writer;                          /* an engine or another writer has it */
    pthread_mutex_t pool_lock;                   /* SNAPSHOTS */
    myl_known_slot known[MYL_LIMIT_KNOWN_TEXTS]; /* intern.c: a slot is filled once */
};

/* ---- kv.c ---- */
/* Our code for LMDB's `rc`, which is not 0. */
myl_rc myl_lmdb_fail(myl_ctx *cx, int rc, const char *doing, myl_table_id table);

/* ---- txn.c ---- */
/* A writer of the store: the engine, a replay, a migration. One at a time: MYL_BUSY for a second. */
myl_rc myl_writer_open(myl_ctx *cx, myl_store *store, myl_txn *txn, myl_write *write);
void myl_writer_close(myl_txn *txn);
/* Begins a write transaction on this thread; a job gets it as cx->txn. */
myl_rc myl_write_begin(myl_ctx *cx, myl_txn *txn);
/* Ends the transaction either way. On a failure nothing was written. */
myl_rc myl_write_commit(myl_ctx *cx, myl_txn *txn);
void myl_write_abort(myl_txn *txn);
void myl_txn_end_scans(myl_txn *txn);
/* Ends the idle snapshots of a database, which nobody else takes from. */
void myl_pool_free(myl_base *base);
/* The store's database of now, which stays open until it is left. */
myl_base *myl_base_enter(myl_store *store);
/* The last one closes it. */
void myl_base_leave(myl_store *store, myl_base *base);
/* Counts one operation of a change; MYL_TOO_LARGE past CHANGE_MS. */
myl_rc myl_txn_step(myl_ctx *cx);

/* ---- environment.c ---- */
#define MYL_DATA_FILE "store.mdb"
#define MYL_NEW_FILE "store.mdb.compact"
/* Opens <folder>/<name> with the store's options, and its tables (with `has_tables`). */
myl_rc myl_base_open(myl_ctx *cx, myl_store *store, const char *name);
myl_rc myl_base_open_tables(myl_ctx *cx, myl_store *store);
/* A store of its own on <folder>/<name>, without the folder's lock: the writer of an exchange. */
myl_rc myl_store_open_beside(myl_ctx *cx, const myl_store *store, const char *name,
                             myl_store **out);
/* Its name is on the disk too. 0, or the system's error. */
int myl_folder_sync(const char *folder);

/* ---- copy.c and exchange.c ---- */
typedef enum { MYL_COPY_BACKUP, MYL_COPY_EXCHANGE, MYL_COPY_SLOTS } myl_copy_slot;
/* A compact copy of the newest commit into a new file, synced. */
myl_rc myl_copy_to(myl_ctx *cx, myl_store *store, const char *path, myl_copy_slot slot);
/* A copy goes to `fd` (-1: no more). False: copies are no more wanted. */
bool myl_exchange_copies(myl_store *store, myl_copy_slot slot, int fd);
myl_exchange *myl_exchange_make(void);
void myl_exchange_free(myl_exchange *exchange); /* NULL is fine */

/* ---- engine.c ---- */
/* What an exchange asks of the engine. `row` gets the bytes of each batch on the engine's thread before its commit, and an absent
 * text when that commit failed; it cannot refuse. NULL ends it. */
typedef struct {
    void (*row)(void *arg, myl_str batch);
    void *arg;
} myl_follower;
/* Waits for the engine: every batch after this one is followed (or none any more). */
myl_rc myl_engine_follow(myl_engine *engine, myl_ctx *cx, const myl_follower *follower);
/* Runs fn(arg) on the engine's thread between two batches, and waits for it. */
myl_rc myl_engine_between(myl_engine *engine, myl_ctx *cx, void (*fn)(void *arg), void *arg);

/* ---- undo.c ---- */
void myl_change_start(myl_txn *txn);
/* What the next write will take away: the row as it is now. */
void myl_undo_note(myl_write *write, int kind, myl_table_id table, myl_str key, myl_str value);
/* Puts every row back. A failure breaks the batch. */
myl_rc myl_undo_run(myl_ctx *cx, myl_txn *txn);

/* ---- kv.c ---- */
/* Empties the tables that myl_store_clear named. */
myl_rc myl_clear_run(myl_ctx *cx, myl_txn *txn);

static inline MDB_val myl_val(myl_str s)
{
    return (MDB_val){s.len, (void *)(uintptr_t)s.at};
}

static inline myl_str myl_of_val(MDB_val v)
{
    return (myl_str){v.mv_data, v.mv_size};
}

/* ---- record.c ---- */
typedef enum {
    MYL_RECORD_TABLE = 0,
    MYL_RECORD_PUT = 1,
    MYL_RECORD_APPEND = 2,
    MYL_RECORD_DELETE = 3,
    MYL_RECORD_ADD = 4,
    MYL_RECORD_REMOVE = 5,
    MYL_RECORD_CLEAR = 6
} myl_record_kind;
void myl_record_start(myl_write *write);
void myl_record_row(myl_write *write, myl_record_kind kind, myl_table_id table, myl_str key,
                    myl_str value);
/* The rows of META, with which every record begins. */
myl_rc myl_record_meta(myl_ctx *cx);

/* ---- meta.c ---- */
#define MYL_META_SCHEMA MYL_S("schema")
#define MYL_META_POSITION MYL_S("position")
#define MYL_META_EPOCH MYL_S("epoch")
#define MYL_META_FORMER MYL_S("former epochs") /* numbers, one behind the other */
#define MYL_META_NODE MYL_S("node")
#define MYL_META_DIGEST_KEY MYL_S("digest key")
/* In a transaction: a number of META, `missing` when it is not there. */
myl_rc myl_meta_number(myl_ctx *cx, myl_str name, uint64_t missing, uint64_t *out);
myl_rc myl_meta_set_number(myl_ctx *cx, myl_str name, uint64_t value);
/* In a change: this was an epoch of the database. */
myl_rc myl_meta_add_former(myl_ctx *cx, uint64_t epoch);
/* In a write transaction on an empty database: its first rows. */
myl_rc myl_meta_create(myl_ctx *cx, uint32_t schema);
/* In a transaction: what the store keeps in memory of META. */
myl_rc myl_meta_load(myl_ctx *cx, myl_store *store);
/* In a transaction: the last numbers given out. */
myl_rc myl_counters_read(myl_ctx *cx, myl_counters *out);

/* ---- migration.c ---- */
/* Brings `store` forward to the last of `rows`; each row in a transaction of its own. */
myl_rc myl_migrate(myl_ctx *cx, myl_store *store, const myl_migration *rows, size_t count);

/* ---- intern.c ---- */
void myl_known_free(myl_store *store);

/* ---- nodes.c ---- */
void myl_nodes_prepare(myl_txn *txn);

#endif
