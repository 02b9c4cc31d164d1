/* main.c: myelinctl: the administrator's command line, a client of the admin API on a unix socket.
 *
 * Why:     who may open the socket is an administrator (decision 060), so nothing needs a password here.
 * Callers: the shell. Threads: one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ctl/ctl_own.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USUAL_SOCKET "/run/myelin/admin.sock"

const ctl_command ctl_commands[] = {
#define COMMAND(function, words, arguments, options, what)                                         \
    {words, arguments, options, what, ctl_##function},
#include "ctl/commands.def"
#undef COMMAND
};
const size_t ctl_command_count = sizeof(ctl_commands) / sizeof(ctl_commands[0]);

static void print_help(FILE *to)
{
    fputs("usage: myelinctl [--socket PATH] [--json] COMMAND …\n\n", to);
    for (size_t i = 0; i < ctl_command_count; i++) {
        const ctl_command *command = &ctl_commands[i];

        fprintf(to, "  %s%s%s%s%s\n      %s\n", command->words, *command->arguments ? " " : "",
                command->arguments, *command->options ? " " : "", command->options, command->what);
    }
    fputs("\nThe socket is --socket, or MYELIN_SOCKET of the environment, or " USUAL_SOCKET
          ".\nExit status: 0 done, 1 refused by the server, 2 wrong use, 3 no server.\n",
          to);
}

/* How many of argv are the words of the command; 0: it is another one. */
static int words_matched(const char *words, int argc, char **argv)
{
    int count = 0;

    while (*words != '\0') {
        size_t len = strcspn(words, " ");

        if (count == argc || strlen(argv[count]) != len || strncmp(argv[count], words, len) != 0)
            return 0;
        count++;
        words += len + (words[len] == ' ');
    }
    return count;
}

/* Options before the command. Returns how many of argv they take; -1: wrong use; *helped: help was printed. */
static int read_globals(ctl_run *run, int argc, char **argv, bool *helped)
{
    int at = 1;

    for (; at < argc && argv[at][0] == '-'; at++) {
        if (strcmp(argv[at], "--json") == 0) {
            run->json = true;
        } else if (strcmp(argv[at], "--socket") == 0 && at + 1 < argc) {
            run->socket = argv[++at];
        } else if (strcmp(argv[at], "--help") == 0) {
            print_help(stdout);
            *helped = true;
            return at;
        } else {
            fprintf(stderr, "myelinctl: %s is no option; see myelinctl --help\n", argv[at]);
            return -1;
        }
    }
    return at;
}

static int run_command(ctl_run *run, int argc, char **argv)
{
    for (size_t i = 0; i < ctl_command_count; i++) {
        int taken = words_matched(ctl_commands[i].words, argc, argv);

        if (taken == 0)
            continue;
        run->command = &ctl_commands[i];
        CTL_TRY(ctl_read_words(run, argc - taken, argv + taken));
        return run->command->run(run);
    }
    if (argc == 0)
        print_help(stderr);
    else
        fprintf(stderr, "myelinctl: no such command: %s%s%s; see myelinctl --help\n", argv[0],
                argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
    return CTL_USAGE;
}

int main(int argc, char **argv)
{
    const char *socket = getenv("MYELIN_SOCKET");
    myl_ctx cx;
    ctl_run run = {.cx = &cx, .socket = socket != NULL ? socket : USUAL_SOCKET};
    bool helped = false;
    int status;

    signal(SIGPIPE, SIG_IGN);
    myl_ctx_begin(&cx);
    int taken = read_globals(&run, argc, argv, &helped);
    if (taken < 0 || helped)
        status = helped ? CTL_OK : CTL_USAGE;
    else
        status = run_command(&run, argc - taken, argv + taken);
    myl_ctx_end(&cx);
    if (fflush(stdout) != 0 && status == CTL_OK)
        status = CTL_REFUSED;
    return status;
}
