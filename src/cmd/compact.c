/* compact.c: `myelin compact`: gives back the pages of what was deleted.
 *
 * Callers: main.c. Threads: one; the server does not run.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>

#include <myelin/store_copy.h>

#include "cmd/data_folder.h"

int myl_cmd_compact(int argc, char **argv, const myl_check_setup *setup)
{
    myl_data_folder data = {.folder = NULL};
    const myl_cmd_option options[] = {{"--config", &data.config_path},
                                      {"--data", &data.folder},
                                      {NULL, NULL}};
    uint64_t before, after;
    int status = 0;

    if (!myl_cmd_options(argc, argv, options) ||
        (data.folder == NULL) == (data.config_path == NULL)) {
        fprintf(stderr, "usage: myelin compact (--config FILE | --data DIR)\n");
        return 2;
    }
    if (!myl_data_folder_open(&data, setup))
        return 2;
    if (myl_store_compact(&data.cx, data.store, data.folder, &before, &after) == MYL_OK) {
        printf("%" PRIu64 " bytes before, %" PRIu64 " now\n", before, after);
    } else {
        fprintf(stderr, "myelin: %.*s\n", MYL_FMT(data.cx.error.detail));
        status = 1;
    }
    myl_data_folder_close(&data);
    return status;
}
