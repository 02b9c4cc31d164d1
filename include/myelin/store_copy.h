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

#endif
