/* store_copy.h: compact copies of the database: a backup, and pages given back, with the server running or stopped.
 *
 * A copy holds the newest commit and nothing of deleted rows. Errors: MYL_IO_FAILED with the system's words; nothing is left
 * then. Threads: any that may wait; no snapshot of the job is needed or touched.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_STORE_COPY_H
#define MYELIN_STORE_COPY_H

#include <myelin/store_engine.h>

/* Into a new file (mode 0600), on the disk when it returns. Other changes go on meanwhile; the file in use grows by what they
 * write. */
myl_rc myl_store_copy(myl_ctx *cx, myl_store *store, const char *path);
/* Until then it is called <path>.part; this removes such files, which a kill has left, from a folder. No copy is under way. */
void myl_store_copies_clean(myl_ctx *cx, const char *folder);
/* Puts a compact copy in the place of the database of a stopped server, opened read-only. Killed at any moment, the folder
 * holds the old file or the new one, whole. Refused while another process reads the folder. Bytes of the file before and after. */
myl_rc myl_store_compact(myl_ctx *cx, myl_store *store, const char *folder, uint64_t *before,
                         uint64_t *after);

/* ---- a copy put back ---- */
/* Brings rows to the new epoch, some at a call, as a change: from *at on (0 at first); *left: there are more. */
typedef myl_rc (*myl_restore_step)(myl_ctx *cx, uint64_t *at, bool *left);
typedef struct {
    const char *folder;              /* of the stopped server; made when missing */
    const char *copy;                /* the file of a copy, which is left as it is */
    const myl_migration *migrations; /* the server's own */
    size_t migration_count;
    const myl_restore_step *steps; /* NULL ends them */
} myl_restoring;
typedef struct {
    uint64_t epoch, position; /* of the restored database */
    bool kept_former;         /* as store.mdb.replaced */
} myl_restored;
/* Tokens of before are of a former epoch then, and positions go on past all that were given out. Killed at any moment, the
 * folder holds the former database or the restored one, whole. Besides the errors above MYL_BAD_CONFIG: the folder is in use,
 * or the file is no copy of this program's schema or an older one. */
myl_rc myl_store_restore(myl_ctx *cx, const myl_restoring *wanted, myl_restored *out);

/* ---- the same while the server runs: an exchange (decision 105) ---- */
typedef enum {
    MYL_EXCHANGE_NONE, /* none since the start */
    MYL_EXCHANGE_COPYING,
    MYL_EXCHANGE_CATCHING_UP, /* what was written meanwhile goes into the copy */
    MYL_EXCHANGE_DONE,
    MYL_EXCHANGE_FAILED /* the old file is in use, nothing is left of the copy */
} myl_exchange_stage;
typedef struct {
    myl_exchange_stage stage;
    uint64_t copied;   /* bytes, while copying */
    uint64_t expected; /* bytes of the pages in use at the start: what the copy has about */
    uint64_t before;   /* bytes of the file at its start */
    uint64_t after;    /* when done */
    uint64_t carried;  /* bytes of changes that were made meanwhile */
    int64_t started_ms, ended_ms; /* wall clock; ended_ms 0: under way */
    int64_t pause_us;             /* how long writers waited, when done */
    char error[160];              /* when failed */
} myl_exchange_progress;
void myl_store_exchange_progress(myl_store *store, myl_exchange_progress *out);
/* The first half: may there be one? MYL_BAD_REQUEST while one is under way, MYL_DISK_SHORT without space for the copy. After MYL_OK
 * myl_store_exchange_run or _drop must follow. */
myl_rc myl_store_exchange_begin(myl_ctx *cx, myl_store *store);
/* Copies, catches up, makes the engine stand for the rest, renames. Requests go on meanwhile; snapshots that are open stay on the
 * old file, which is given back to the disk when the last of them is closed. */
myl_rc myl_store_exchange_run(myl_ctx *cx, myl_store *store, myl_engine *engine);
void myl_store_exchange_drop(myl_store *store);
/* The server stops: a copy under way (a backup, too) fails soon, and there is no other. */
void myl_store_copies_stop(myl_store *store);

#endif
