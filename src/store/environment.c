/* environment.c: opens and closes the database file of a data folder.
 *
 * Callers: main.c, the commands and tests.
 * Threads: one, before others start and after they have ended.
 * Memory:  the store has process lifetime.
 * Holds:   a lock on <folder>/lock keeps a second process out while the store is open. Durability is LMDB's
 *          full one: a commit is on disk when it returns, and no flag weakens that.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_own.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_FILE "lock"

static const char *path_in(myl_ctx *cx, const char *folder, const char *name)
{
    return myl_cstr(cx, myl_strf(cx, "%s/%s", folder, name));
}

static uint32_t newest_schema(const myl_store_options *options)
{
    return options->migration_count == 0
               ? 1
               : options->migrations[options->migration_count - 1].version;
}

static myl_rc folder_ready(myl_ctx *cx, const myl_store_options *options)
{
    if (!options->read_only && mkdir(options->folder, 0700) != 0 && errno != EEXIST)
        return myl_fail(cx, MYL_BAD_CONFIG, "data folder %s cannot be made: %s", options->folder,
                        strerror(errno));
    struct stat about;
    if (stat(options->folder, &about) != 0 || !S_ISDIR(about.st_mode))
        return myl_fail(cx, MYL_BAD_CONFIG, "data folder %s is not there", options->folder);
    return MYL_OK;
}

static myl_rc lock_take(myl_ctx *cx, myl_store *store, const char *folder)
{
    const char *path = path_in(cx, folder, LOCK_FILE);
    int how = store->read_only ? LOCK_SH : LOCK_EX;
    store->lock_file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_file < 0)
        return myl_fail(cx, MYL_BAD_CONFIG, "%s cannot be opened: %s", path, strerror(errno));
    if (flock(store->lock_file, how | LOCK_NB) == 0)
        return MYL_OK;
    if (errno == EWOULDBLOCK)
        return myl_fail(cx, MYL_BAD_CONFIG, "data folder %s is in use by another process", folder);
    return myl_fail(cx, MYL_BAD_CONFIG, "%s cannot be locked: %s", path, strerror(errno));
}

static int env_options(const myl_store *store, MDB_env *env)
{
    /* A reader's map becomes as large as the file, whatever is asked for. */
    size_t map_size = store->read_only ? (size_t)1 << 20 : store->map_size;
    int rc = mdb_env_set_maxdbs(env, MYL_TABLE_COUNT);
    if (rc == 0)
        rc = mdb_env_set_mapsize(env, map_size);
    if (rc == 0 && store->readers > 0)
        rc = mdb_env_set_maxreaders(env, store->readers);
    return rc;
}

int myl_folder_sync(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

/* A new file's name must survive a power loss, as its content does. */
static myl_rc sync_folder(myl_ctx *cx, const char *folder)
{
    int rc = myl_folder_sync(folder);
    if (rc != 0)
        return myl_fail(cx, MYL_BAD_CONFIG, "data folder %s cannot be synced: %s", folder,
                        strerror(rc));
    return MYL_OK;
}

myl_rc myl_base_open(myl_ctx *cx, myl_store *store, const char *name)
{
    const char *path = path_in(cx, store->folder, name);
    /* NOTLS: a snapshot belongs to its job, not to the thread that made it. NORDAHEAD: rows are read here and
     * there, and the file may be larger than memory. */
    unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD;
    MDB_env *env = NULL;
    int rc = mdb_env_create(&env);
    if (rc == 0)
        rc = env_options(store, env);
    if (rc == 0)
        rc = mdb_env_open(env, path, store->read_only ? flags | MDB_RDONLY : flags, 0600);
    if (rc != 0) {
        if (env != NULL)
            mdb_env_close(env); /* after a failed open only a close is allowed */
        return myl_fail(cx, rc == MDB_CORRUPTED || rc == MDB_INVALID ? MYL_CORRUPT : MYL_BAD_CONFIG,
                        "%s cannot be opened: %s", path, mdb_strerror(rc));
    }
    store->base = myl_process_alloc(sizeof(*store->base));
    store->base->env = env;
    store->base->users = 1;
    return store->read_only ? MYL_OK : sync_folder(cx, store->folder);
}

static unsigned table_flags(const myl_store *store, int table)
{
    unsigned flags = store->read_only ? 0 : MDB_CREATE;
    switch (myl_table_rows[table].form) {
    case MYL_FORM_MAP: return flags;
    case MYL_FORM_SET: return flags | MDB_DUPSORT;
    case MYL_FORM_FIXED: return flags | MDB_DUPSORT | MDB_DUPFIXED;
    }
    return flags;
}

/* Handles of all tables, inside `txn`. */
static int tables_open_in(myl_store *store, MDB_txn *txn)
{
    for (int table = 0; table < MYL_TABLE_COUNT; table++) {
        int rc = mdb_dbi_open(txn, myl_table_rows[table].name, table_flags(store, table),
                              &store->base->tables[table]);
        if (rc == MDB_NOTFOUND && store->read_only)
            store->base->tables[table] = 0;
        else if (rc != 0)
            return rc;
    }
    return 0;
}

myl_rc myl_base_open_tables(myl_ctx *cx, myl_store *store)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(store->base->env, NULL, store->read_only ? MDB_RDONLY : 0, &txn);
    if (rc != 0)
        return myl_lmdb_fail(cx, rc, "open", MYL_TABLE_COUNT);
    rc = tables_open_in(store, txn);
    if (rc == 0)
        rc = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
    return rc == 0 ? MYL_OK : myl_lmdb_fail(cx, rc, "open", MYL_TABLE_COUNT);
}

/* The schema in the file, 0 in a new one; looked at before anything is written. */
static myl_rc schema_of(myl_ctx *cx, myl_store *store, uint64_t *schema)
{
    MDB_txn *txn;
    MDB_dbi meta;
    MDB_val key = myl_val(MYL_META_SCHEMA);
    MDB_val value = {0, NULL};
    *schema = 0;
    int rc = mdb_txn_begin(store->base->env, NULL, MDB_RDONLY, &txn);
    if (rc != 0)
        return myl_lmdb_fail(cx, rc, "open", MYL_TABLE_META);
    rc = mdb_dbi_open(txn, myl_table_rows[MYL_TABLE_META].name, 0, &meta);
    if (rc == 0)
        rc = mdb_get(txn, meta, &key, &value);
    myl_str bytes = myl_of_val(value);
    bool good = rc == MDB_NOTFOUND || (rc == 0 && myl_cut_u64(&bytes, schema));
    mdb_txn_abort(txn);
    if (!good)
        return myl_fail(cx, MYL_CORRUPT, "META schema: %s", mdb_strerror(rc));
    return MYL_OK;
}

static myl_rc schema_fits(myl_ctx *cx, myl_store *store, const myl_store_options *options)
{
    uint64_t schema;
    uint32_t newest = newest_schema(options);
    MYL_TRY(schema_of(cx, store, &schema));
    if (schema > newest)
        return myl_fail(cx, MYL_BAD_CONFIG,
                        "the database has schema %llu; this program knows up to %u",
                        (unsigned long long)schema, newest);
    if (store->read_only && schema != newest)
        return myl_fail(cx, MYL_BAD_CONFIG,
                        "the database has schema %llu; start the server once to bring it to %u",
                        (unsigned long long)schema, newest);
    store->schema = (uint32_t)schema;
    return MYL_OK;
}

/* The first rows of a new database, in a transaction of their own. */
static myl_rc create_meta(myl_ctx *cx, myl_store *store, uint32_t schema)
{
    myl_txn txn;
    myl_write write;
    MYL_TRY(myl_writer_open(cx, store, &txn, &write));
    myl_rc rc = myl_write_begin(cx, &txn);
    if (rc == MYL_OK) {
        cx->txn = &txn;
        rc = myl_meta_create(cx, schema);
        cx->txn = NULL;
        if (rc == MYL_OK)
            rc = myl_write_commit(cx, &txn);
        else
            myl_write_abort(&txn);
    }
    myl_writer_close(&txn);
    return rc;
}

/* The length of the values of each FIXED table, from the first one stored. */
static myl_rc learn_lengths(myl_ctx *cx, myl_store *store)
{
    for (int table = 0; table < MYL_TABLE_COUNT; table++) {
        myl_scan *scan;
        myl_str key;
        myl_str value;
        if (myl_table_rows[table].form != MYL_FORM_FIXED)
            continue;
        MYL_TRY(
            myl_scan_start(cx, (myl_table_id)table, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan));
        MYL_TRY(myl_scan_next(scan, &key, &value));
        myl_scan_end(scan);
        atomic_store(&store->value_bytes[table], (uint32_t)value.len);
    }
    return MYL_OK;
}

static myl_rc load(myl_ctx *cx, myl_store *store)
{
    MYL_TRY(myl_snapshot_open(cx, store));
    myl_rc rc = myl_meta_load(cx, store);
    if (rc == MYL_OK)
        rc = learn_lengths(cx, store);
    myl_snapshot_close(cx);
    return rc;
}

/* What a kill in the middle of an exchange has left. */
static void remove_leftovers(myl_ctx *cx, const myl_store *store)
{
    if (store->read_only)
        return;
    unlink(path_in(cx, store->folder, MYL_NEW_FILE));
    unlink(path_in(cx, store->folder, MYL_NEW_FILE "-lock"));
}

static myl_rc open_all(myl_ctx *cx, myl_store *store, const myl_store_options *options)
{
    MYL_TRY(folder_ready(cx, options));
    MYL_TRY(lock_take(cx, store, options->folder));
    remove_leftovers(cx, store);
    MYL_TRY(myl_base_open(cx, store, MYL_DATA_FILE));
    MYL_TRY(schema_fits(cx, store, options));
    MYL_TRY(myl_base_open_tables(cx, store));
    if (store->schema == 0)
        MYL_TRY(create_meta(cx, store, newest_schema(options)));
    else if (!store->read_only)
        MYL_TRY(myl_migrate(cx, store, options->migrations, options->migration_count));
    return load(cx, store);
}

static myl_store *store_make(const char *folder, uint64_t map_size, uint32_t readers)
{
    myl_store *store = myl_process_alloc(sizeof(*store));
    size_t len = strlen(folder) + 1;
    store->folder = myl_process_alloc(len);
    memcpy(store->folder, folder, len);
    store->map_size = map_size;
    store->readers = readers;
    store->lock_file = -1;
    pthread_mutex_init(&store->pool_lock, NULL);
    return store;
}

myl_rc myl_store_open(myl_ctx *cx, const myl_store_options *options, myl_store **out)
{
    myl_store *store = store_make(options->folder, options->map_size, options->readers);
    store->read_only = options->read_only;
    store->exchange = myl_exchange_make();
    myl_rc rc = open_all(cx, store, options);
    *out = rc == MYL_OK ? store : NULL;
    if (rc != MYL_OK)
        myl_store_close(store);
    return rc;
}

static myl_rc open_beside(myl_ctx *cx, myl_store *store, const char *name)
{
    MYL_TRY(myl_base_open(cx, store, name));
    /* Nobody else opens this lock file: a process must not have one open twice, and the next exchange uses its name. */
    unlink(path_in(cx, store->folder, myl_cstr(cx, myl_strf(cx, "%s-lock", name))));
    MYL_TRY(myl_base_open_tables(cx, store));
    return load(cx, store);
}

myl_rc myl_store_open_beside(myl_ctx *cx, const myl_store *store, const char *name, myl_store **out)
{
    myl_store *beside = store_make(store->folder, store->map_size, store->readers);
    myl_rc rc = open_beside(cx, beside, name);
    *out = rc == MYL_OK ? beside : NULL;
    if (rc != MYL_OK)
        myl_store_close(beside);
    return rc;
}

void myl_store_close(myl_store *store)
{
    if (store == NULL)
        return;
    MYL_ASSERT(!atomic_load(&store->writer));
    if (store->base != NULL)
        myl_base_leave(store, store->base);
    myl_known_free(store);
    if (store->lock_file >= 0)
        close(store->lock_file);
    pthread_mutex_destroy(&store->pool_lock);
    myl_exchange_free(store->exchange);
    myl_process_free(store->folder);
    myl_process_free(store);
}
