/* check.c: `myelin check`: the offline look at everything that is stored.
 *
 * Callers: main.c.
 * Threads: one; the server does not run (its lock on the data folder is taken for reading).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/cmd_check.h>

#include <inttypes.h>
#include <stdio.h>

#include "cmd/data_folder.h"

static void say(void *arg, myl_str line)
{
    MYL_UNUSED(arg);
    printf("wrong: %.*s\n", MYL_FMT(line));
}

/* One check as an array of its own, so that its figures can be told. */
static void run_one(myl_ctx *cx, const myl_check_row *row, myl_check *total)
{
    const myl_check_row alone[] = {*row, {NULL, NULL}};
    myl_check one = {.say = say};
    myl_check_run(cx, alone, &one);
    printf("%-5s %s: %" PRIu64 " rows, %" PRIu64 " wrong\n", one.wrong == 0 ? "good" : "WRONG",
           row->name, one.rows, one.wrong);
    total->rows += one.rows;
    total->wrong += one.wrong;
}

static int run_all(myl_ctx *cx, const myl_check_setup *setup, const char *only)
{
    myl_check total = {.say = say};
    size_t ran = 0;
    for (const myl_check_row *const *list = setup->checks; *list != NULL; list++) {
        for (const myl_check_row *row = *list; row->name != NULL; row++) {
            if (only != NULL && strcmp(only, row->name) != 0)
                continue;
            run_one(cx, row, &total);
            ran++;
        }
    }
    printf("%zu checks, %" PRIu64 " rows, %" PRIu64 " wrong\n", ran, total.rows, total.wrong);
    if (ran == 0)
        fprintf(stderr, "there is no check named so\n");
    return ran == 0 ? 2 : total.wrong == 0 ? 0 : 1;
}

int myl_cmd_check(int argc, char **argv, const myl_check_setup *setup)
{
    myl_data_folder data = {.folder = NULL};
    const char *only = NULL;
    const myl_cmd_option options[] = {{"--config", &data.config_path},
                                      {"--data", &data.folder},
                                      {"--only", &only},
                                      {NULL, NULL}};
    if (!myl_cmd_options(argc, argv, options) ||
        (data.folder == NULL) == (data.config_path == NULL)) {
        fprintf(stderr, "usage: myelin check (--config FILE | --data DIR) [--only NAME]\n");
        return 2;
    }
    if (!myl_data_folder_open(&data, setup))
        return 2;
    int status = run_all(&data.cx, setup, only);
    myl_data_folder_close(&data);
    return status;
}
