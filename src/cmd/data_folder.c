/* data_folder.c: opens a stopped server's data for commands that change no row.
 *
 * Callers: check.c, compact.c, inspect.c.
 * Threads: one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cmd/data_folder.h"

#include <stdio.h>

#include <myelin/crypto_sign.h>

static const myl_cmd_option *option_named(const myl_cmd_option *options, const char *name)
{
    for (; options->name != NULL; options++) {
        if (strcmp(options->name, name) == 0)
            return options;
    }
    return NULL;
}

bool myl_cmd_options(int argc, char **argv, const myl_cmd_option *options)
{
    for (int i = 1; i < argc; i += 2) {
        const myl_cmd_option *option = option_named(options, argv[i]);
        if (option == NULL || i + 1 == argc)
            return false;
        *option->value = argv[i + 1];
    }
    return true;
}

static myl_rc configure(myl_data_folder *data, const myl_check_setup *setup)
{
    if (data->config_path == NULL)
        return MYL_OK;
    MYL_TRY(myl_config_load(&data->cx, data->config_path, &data->config));
    data->folder = data->config->data_dir.at;
    return setup->introduce == NULL ? MYL_OK : setup->introduce(&data->cx, data->config);
}

static myl_rc open_snapshot(myl_data_folder *data, const myl_check_setup *setup)
{
    MYL_TRY(configure(data, setup));
    myl_store_options options = {.folder = data->folder,
                                 .read_only = true,
                                 .migrations = setup->migrations,
                                 .migration_count = setup->migration_count};
    MYL_TRY(myl_store_open(&data->cx, &options, &data->store));
    return myl_snapshot_open(&data->cx, data->store);
}

bool myl_data_folder_open(myl_data_folder *data, const myl_check_setup *setup)
{
    myl_crypto_start();
    myl_ctx_begin(&data->cx);
    data->config = NULL;
    data->store = NULL;
    if (open_snapshot(data, setup) == MYL_OK)
        return true;
    fprintf(stderr, "myelin: %.*s\n", MYL_FMT(data->cx.error.detail));
    myl_data_folder_close(data);
    return false;
}

void myl_data_folder_close(myl_data_folder *data)
{
    myl_snapshot_close(&data->cx);
    myl_store_close(data->store);
    if (data->config != NULL)
        myl_config_end(data->config);
    myl_ctx_end(&data->cx);
}
