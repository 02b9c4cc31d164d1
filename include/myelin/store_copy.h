/* store_copy.h: compact copies of the database: a backup while the server runs, and pages given back while it does not.
 *
 * A copy holds the newest commit and nothing of deleted rows. Errors: MYL_IO_FAILED with the system's words; nothing is left
 * then. Threads: any that may wait; no snapshot of the job is needed or touched.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_STORE_COPY_H
#define MYELIN_STORE_COPY_H

#include <myelin/store_kv.h>

/* Into a new file (mode 0600), on the disk when it returns. Other changes go on meanwhile; the file in use grows by what they
 * write. */
myl_rc myl_store_copy(myl_ctx *cx, const myl_store *store, const char *path);
/* Puts a compact copy in the place of the database of a stopped server, opened read-only. Killed at any moment, the folder
 * holds the old file or the new one, whole. Refused while another process reads the folder. Bytes of the file before and after. */
myl_rc myl_store_compact(myl_ctx *cx, const myl_store *store, const char *folder, uint64_t *before,
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

#endif
