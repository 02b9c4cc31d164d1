/* store_kv.h: the key-value boundary: named tables, byte-ordered keys, one writer, snapshot readers.
 *
 * Tables are the rows of src/store/tables.def: TABLE(NAME, form, "key", "value", "owner folder").
 *   MAP    one value a key (at most some MB)
 *   SET    many sorted values a key, each 1 to 511 bytes
 *   FIXED  a SET whose values all have one length (small rows)
 * Keys are 1 to 511 bytes. Integers in keys are big-endian (key_* below); foreign strings never stand in
 * keys unhashed. All reading and writing happens inside cx->txn: a snapshot (myl_snapshot_open) or the
 * engine's write transaction (inside myl_change.run). Bytes given out are borrowed: from a snapshot until
 * it closes, in a change until the next write; myl_keep copies them.
 * Every write passes here, so a batch is a list of (table, key, value or delete) that can be replayed.
 * Errors: MYL_STORE_FAILED, MYL_STORE_FULL, MYL_CORRUPT, MYL_INTERNAL (a key or value of a wrong length);
 * writes in a change also MYL_TOO_LARGE (CHANGE_BYTES, CHANGE_MS). A change in which a write failed is
 * undone even if it answers MYL_OK. "Not there" is an absent value.
 * Threads: a transaction belongs to one thread. LMDB stands behind; its types stay in store/.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_STORE_KV_H
#define MYELIN_STORE_KV_H

#include <myelin/base_ctx.h>

typedef enum {
#define TABLE(name, form, key, value, owner) MYL_TABLE_##name,
#include "store/tables.def"
#undef TABLE
    MYL_TABLE_COUNT
} myl_table_id;

/* What tables.def says of a table's key, and whether a key has several values (SET, FIXED). */
const char *myl_table_key(myl_table_id table);
bool myl_table_has_values(myl_table_id table);

typedef struct myl_store myl_store;
/* A step forward of the schema: runs once in a write transaction of its own, which also stores `version`. */
typedef struct {
    uint32_t
        version; /* what the schema is afterwards; rows ascend; the last one is this program's */
    const char *what; /* for the log */
    myl_rc (*run)(myl_ctx *cx);
} myl_migration;
typedef struct {
    const char *folder; /* the data folder; made when missing (not its parents), mode 0700 */
    uint64_t map_size;  /* bytes; the file never grows past it; of no use when read_only */
    uint32_t readers;   /* snapshots at once */
    bool read_only;     /* for `myelin check` and the inspector */
    const myl_migration *migrations; /* process lifetime; NULL: schema 1, as it began */
    size_t migration_count;
} myl_store_options;

/* Opens or makes the database and brings an older schema forward. MYL_BAD_CONFIG for a newer schema, an
 * older one when read_only, a folder that cannot be used, or one that another process has open (a lock
 * file, held while open). */
myl_rc myl_store_open(myl_ctx *cx, const myl_store_options *options, myl_store **out);
/* All snapshots closed, engine stopped. */
void myl_store_close(myl_store *store);

/* A snapshot of the newest commit for this job: sets cx->txn. Keep it short. One per thread at a time. MYL_BUSY when
 * `readers` are open. */
myl_rc myl_snapshot_open(myl_ctx *cx, myl_store *store);
void myl_snapshot_close(myl_ctx *cx); /* fine when none is open */

/* ---- MAP tables ---- */
myl_rc myl_store_get(myl_ctx *cx, myl_table_id table, myl_str key, myl_str *value);
myl_rc myl_store_put(myl_ctx *cx, myl_table_id table, myl_str key, myl_str value);
/* Like put, for a key greater than all in the table: fuller pages. A smaller key is MYL_CORRUPT. */
myl_rc myl_store_append(myl_ctx *cx, myl_table_id table, myl_str key, myl_str value);
/* Removes the key (in SET and FIXED tables: all its values). No error when it was not there. */
myl_rc myl_store_delete(myl_ctx *cx, myl_table_id table, myl_str key);
/* Empties the whole table (any form), without an undo list: it takes place when the change has answered MYL_OK.
 * Until then the rows are still seen, and the change must not write to this table (MYL_INTERNAL). */
myl_rc myl_store_clear(myl_ctx *cx, myl_table_id table);

/* ---- SET and FIXED tables ---- */
myl_rc myl_store_add(myl_ctx *cx, myl_table_id table, myl_str key,
                     myl_str value); /* there already: no change */
myl_rc myl_store_remove(myl_ctx *cx, myl_table_id table, myl_str key, myl_str value);
myl_rc myl_store_has(myl_ctx *cx, myl_table_id table, myl_str key, myl_str value, bool *out);
myl_rc myl_store_count(myl_ctx *cx, myl_table_id table, myl_str key, uint64_t *out);

/* ---- scans ---- */
typedef enum { MYL_FORWARD, MYL_BACKWARD } myl_direction;
typedef struct myl_scan myl_scan;
/* Over keys that begin with `prefix` (absent: all), starting at the first key >= `from` (FORWARD) or the last
 * <= `from` (BACKWARD); `from` absent: at the prefix's end of that side. In SET tables each value is a step.
 * A change must not write to the table that it scans. Lives in the job; ends with the transaction (in a
 * change: with the change), then it may not be touched. */
myl_rc myl_scan_start(myl_ctx *cx, myl_table_id table, myl_str prefix, myl_str from,
                      myl_direction direction, myl_scan **out);
/* Over the values of one key in a SET or FIXED table, starting at `from` as above. */
myl_rc myl_scan_values(myl_ctx *cx, myl_table_id table, myl_str key, myl_str from,
                       myl_direction direction, myl_scan **out);
/* The next row; key.at is NULL at the end, and in every later call. Borrowed until the next step. */
myl_rc myl_scan_next(myl_scan *scan, myl_str *key, myl_str *value);
/* Early, so that its cursor serves the next scan; the end of the rows or of the transaction does it too. */
void myl_scan_end(myl_scan *scan);
/* In a change: deletes the first `most` rows whose keys begin with `prefix`. *deleted: how many; NULL: nobody asks. Not for SET
 * tables. The change bounds what it can take: `most`, or what one prefix can have. */
myl_rc myl_store_delete_under(myl_ctx *cx, myl_table_id table, myl_str prefix, size_t most,
                              size_t *deleted);

/* ---- keys and small values, big-endian ---- */
typedef struct {
    uint8_t bytes[96];
    size_t len;
} myl_key;
myl_key myl_key_start(void);
void myl_key_u8(myl_key *key, uint8_t value);
void myl_key_u32(myl_key *key, uint32_t value);
void myl_key_u64(myl_key *key, uint64_t value);
void myl_key_i64(myl_key *key, int64_t value); /* sign bit flipped: sorts as the number does */
void myl_key_bytes(myl_key *key, const void *bytes, size_t len);
/* 16 bytes of SHA-256: for foreign strings. */
void myl_key_hash(myl_key *key, myl_str text);
myl_str myl_key_str(const myl_key *key);
myl_key myl_key_of_u64(uint64_t a);
myl_key myl_key_of_u64s(uint64_t a, uint64_t b);
myl_key myl_key_of_u64s3(uint64_t a, uint64_t b, uint64_t c);
/* Cut from the front of *bytes; false when it is too short (then MYL_CORRUPT is the caller's answer). */
bool myl_cut_u8(myl_str *bytes, uint8_t *out);
bool myl_cut_u32(myl_str *bytes, uint32_t *out);
bool myl_cut_u64(myl_str *bytes, uint64_t *out);
bool myl_cut_i64(myl_str *bytes, int64_t *out);
bool myl_cut_bytes(myl_str *bytes, size_t len, myl_str *out);

/* ---- rows: values built in the job, cut with myl_cut_* ---- */
void myl_row_u8(myl_text *row, uint8_t value);
void myl_row_u16(myl_text *row, uint16_t value);
void myl_row_u32(myl_text *row, uint32_t value);
void myl_row_u64(myl_text *row, uint64_t value);
/* A length in four bytes, then the bytes; absent is written as empty. */
void myl_row_str(myl_text *row, myl_str value);
bool myl_cut_u16(myl_str *bytes, uint16_t *out);
bool myl_cut_str(myl_str *bytes, myl_str *out);

#endif
