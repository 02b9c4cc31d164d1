/* data_folder.h: what check and inspect share: their options, and a snapshot of a stopped server's data.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_CMD_DATA_FOLDER_H
#define MYELIN_CMD_DATA_FOLDER_H

#include <myelin/cmd_check.h>

/* An option with a value: its name, and where the value goes. An array of them ends with NULL. */
typedef struct {
    const char *name;
    const char **value;
} myl_cmd_option;
/* False: an unknown option, or one without its value. argv[0] is the command's name. */
bool myl_cmd_options(int argc, char **argv, const myl_cmd_option *options);

typedef struct {
    /* one of them, from the command line */
    const char *config_path;
    const char *folder;
    /* after the opening */
    myl_ctx cx;         /* in a snapshot */
    myl_config *config; /* NULL without config_path */
    myl_store *store;
} myl_data_folder;
/* False: it cannot be opened; the reason has gone to standard error. */
bool myl_data_folder_open(myl_data_folder *data, const myl_check_setup *setup);
void myl_data_folder_close(myl_data_folder *data);

#endif
