/* restore.c: `myelin restore`: puts a copy back in the place of a stopped server's database.
 *
 * Callers: offline.c. Threads: one; the server does not run.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>

#include <myelin/crypto_sign.h>
#include <myelin/store_copy.h>
#include <myelin/user_remote_keys.h>

#include "cmd/data_folder.h"

/* What copies of other servers' data may have missed meanwhile. */
static const myl_restore_step steps[] = {myl_user_remote_all_stale, NULL};

static myl_rc restore(myl_ctx *cx, const char *folder, const char *copy,
                      const myl_check_setup *setup)
{
    myl_restoring wanted = {.folder = folder,
                            .copy = copy,
                            .migrations = setup->migrations,
                            .migration_count = setup->migration_count,
                            .steps = steps};
    myl_restored done;

    MYL_TRY(myl_store_restore(cx, &wanted, &done));
    printf("restored: epoch %" PRIu64 ", positions go on after %" PRIu64 "%s\n", done.epoch,
           done.position, done.kept_former ? "; the former database is store.mdb.replaced" : "");
    return MYL_OK;
}

int myl_cmd_restore(int argc, char **argv, const myl_check_setup *setup)
{
    const char *folder = NULL, *copy = NULL;
    const myl_cmd_option options[] = {{"--data", &folder}, {"--from", &copy}, {NULL, NULL}};
    int status = 0;
    myl_ctx cx;

    if (!myl_cmd_options(argc, argv, options) || folder == NULL || copy == NULL) {
        fprintf(stderr, "usage: myelin restore (--config FILE | --data DIR) --from COPY\n");
        return 2;
    }
    myl_crypto_start();
    myl_ctx_begin(&cx);
    if (restore(&cx, folder, copy, setup) != MYL_OK) {
        fprintf(stderr, "myelin: %.*s\n", MYL_FMT(cx.error.detail));
        status = 2;
    }
    myl_ctx_end(&cx);
    return status;
}
