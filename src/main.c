/* main.c: the command line.
 *
 * Callers: the shell. Threads: the main thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <myelin/cmd_daemon.h>
#include <myelin/cmd_explain.h>
#include <myelin/cmd_offline.h>
#include <myelin/cmd_rules.h>

static const char usage[] =
    "myelin --config FILE           serve\n"
    "myelin --check-config FILE     is the configuration good?\n"
    "myelin --sample-config         every key, its meaning and default\n"
    "myelin --version\n"
    "myelin generate-key FILE       a new signing key\n"
    "myelin check --config FILE    looks at everything that a stopped server keeps\n"
    "myelin inspect --config FILE  its tables and rows\n"
    "myelin compact --config FILE  gives back the pages of what was deleted\n"
    "myelin restore --config FILE --from COPY\n"
    "                              puts a copy back in the place of a stopped server's database\n"
    "myelin rules                   the rules of rooms, JSON lines in and out\n"
    "myelin explain-state           why each event of a resolved state won\n";

typedef struct {
    const char *name;
    int (*run)(int argc, char **argv);
} command;

static const command commands[] = {
    {"generate-key", myl_cmd_generate_key},   {"check", myl_cmd_check_data},
    {"inspect", myl_cmd_inspect_data},        {"compact", myl_cmd_compact_data},
    {"restore", myl_cmd_restore_data},        {"rules", myl_cmd_rules},
    {"explain-state", myl_cmd_explain_state},
};

static int wrong_use(void)
{
    fputs(usage, stderr);
    return 2;
}

typedef struct {
    const char *config;
    bool check;
} options;

/* The file is --config FILE, or what follows --check-config. */
static bool read_options(int argc, char **argv, options *out)
{
    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc && out->config == NULL;
        if (strcmp(argv[i], "--check-config") == 0)
            out->check = true;
        else if (strcmp(argv[i], "--config") == 0 && has_value)
            out->config = argv[++i];
        else if (out->check && out->config == NULL && argv[i][0] != '-')
            out->config = argv[i];
        else
            return false;
    }
    return out->config != NULL;
}

static int run_options(int argc, char **argv)
{
    options given = {.config = NULL};

    if (strcmp(argv[1], "--sample-config") == 0 && argc == 2)
        return myl_cmd_sample_config();
    if (strcmp(argv[1], "--version") == 0 && argc == 2)
        return printf("myelin %s\n", MYL_VERSION) < 0;
    if (strcmp(argv[1], "--help") == 0)
        return fputs(usage, stdout) < 0;
    if (!read_options(argc, argv, &given))
        return wrong_use();
    return given.check ? myl_cmd_check_config(given.config) : myl_cmd_serve(given.config);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return wrong_use();
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    return run_options(argc, argv);
}
