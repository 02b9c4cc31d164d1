/* cmd_check.h: `myelin check` and `myelin inspect`: looks into the data folder of a stopped server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_CMD_CHECK_H
#define MYELIN_CMD_CHECK_H

#include <myelin/config_file.h>
#include <myelin/store_check.h>

/* What main.c knows of the folders above store/. */
typedef struct {
    const myl_check_row *const *checks; /* NULL ends it */
    const myl_migration *migrations;    /* the server's own */
    size_t migration_count;
    /* NULL, or: called with what --config names, before the checks (the server's name, its key). */
    myl_rc (*introduce)(myl_ctx *cx, const myl_config *config);
} myl_check_setup;

/* myelin check (--config FILE | --data DIR) [--only NAME]
 * Prints what is wrong, a line each, then a line for each check. argv[0] is the command's name.
 * Exit status: 0 nothing is wrong; 1 something is; 2 wrong use, or the folder cannot be opened. */
int myl_cmd_check(int argc, char **argv, const myl_check_setup *setup);

/* myelin inspect (--config FILE | --data DIR)            every table with its rows and bytes
 * … --table NAME [--prefix HEX] [--limit N]              rows: key and value in hex and as text
 * The same exit statuses. */
int myl_cmd_inspect(int argc, char **argv, const myl_check_setup *setup);
/* myelin compact (--config FILE | --data DIR): a compact copy takes the place of a stopped server's database. */
int myl_cmd_compact(int argc, char **argv, const myl_check_setup *setup);
/* myelin restore (--config FILE | --data DIR) --from COPY: a copy takes its place. */
int myl_cmd_restore(int argc, char **argv, const myl_check_setup *setup);

#endif
