/* ctl_own.h: what the files of myelinctl share: the words of the command line, a call of the admin API, output.
 *
 * Threads: one. Memory: one job, until the process ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CTL_OWN_H
#define CTL_OWN_H

#include <myelin/json_writer.h>

enum { CTL_ARGUMENTS = 4, CTL_OPTIONS = 12 };
/* Exit statuses. */
enum { CTL_OK = 0, CTL_REFUSED = 1, CTL_USAGE = 2, CTL_NO_SERVER = 3 };

typedef struct ctl_run ctl_run;
typedef struct {
    const char *words, *arguments, *options, *what;
    int (*run)(ctl_run *run);
} ctl_command;
extern const ctl_command ctl_commands[];
extern const size_t ctl_command_count;

struct ctl_run {
    myl_ctx *cx;
    const char *socket;
    bool json; /* print answers as they came */
    const ctl_command *command;
    const char *arguments[CTL_ARGUMENTS];
    size_t argument_count;
    const char *options[CTL_OPTIONS]; /* as they were written */
    size_t option_count;
};

#define COMMAND(function, words, arguments, options, what) int ctl_##function(ctl_run *run);
#include "ctl/commands.def"
#undef COMMAND

/* options.c: fills the arguments and options of the chosen command; CTL_OK or CTL_USAGE. */
int ctl_read_words(ctl_run *run, int argc, char **argv);
bool ctl_flag(const ctl_run *run, const char *name);
const char *ctl_value(const ctl_run *run, const char *name); /* NULL: not given */
/* A whole number of an option; `missing` when it is not given. CTL_USAGE when it is none. */
int ctl_number(const ctl_run *run, const char *name, int64_t missing, int64_t *out);
/* on or off, of the second argument. */
int ctl_on_off(const ctl_run *run, bool *out);

/* client.c: one request over the socket. The answer is parsed; its status is told. CTL_NO_SERVER, with words on standard
 * error. */
typedef struct {
    int status;
    myl_str body;
    const myl_json *json; /* NULL: no JSON */
} ctl_answer;
int ctl_ask(ctl_run *run, const char *method, myl_str target, myl_str body, ctl_answer *out);
/* The same; an answer other than 2xx is told on standard error, and CTL_REFUSED. */
int ctl_call(ctl_run *run, const char *method, myl_str target, myl_str body, ctl_answer *out);
/* A part of a path or query. */
myl_str ctl_quoted(ctl_run *run, myl_str text);
/* A user id: as given, or a local part with the server's name behind it. */
int ctl_user_id(ctl_run *run, const char *text, myl_str *out);
/* "/_synapse/admin/" + format. */
#define ctl_target(run, ...) myl_strf((run)->cx, "/_synapse/admin/" __VA_ARGS__)

/* output.c: lists in columns, and objects one member a line; with --json as they came. */
void ctl_print_json(const ctl_answer *answer);
void ctl_print_object(const ctl_run *run, const ctl_answer *answer);
/* Members named in `columns` (blank between) of each element of `list`. */
void ctl_print_list(const ctl_run *run, const ctl_answer *answer, const char *list,
                    const char *columns);
void ctl_print_texts(const ctl_run *run, const ctl_answer *answer, const char *list);

/* password.c: from the terminal, standard input, or made. CTL_USAGE with words when there is none. */
int ctl_password(ctl_run *run, myl_str *out);

#define CTL_TRY(expression)                                                                        \
    do {                                                                                           \
        int ctl_rc_ = (expression);                                                                \
        if (ctl_rc_ != CTL_OK)                                                                     \
            return ctl_rc_;                                                                        \
    } while (0)

#endif
