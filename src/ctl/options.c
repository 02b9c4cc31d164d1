/* options.c: the words behind a command, held against its row of commands.def.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ctl/ctl_own.h"

#include <stdio.h>

static int wrong_use(const ctl_run *run, const char *why, const char *word)
{
    const ctl_command *command = run->command;

    fprintf(stderr, "myelinctl %s: %s%s%s\nusage: myelinctl %s%s%s%s%s\n", command->words, why,
            *word ? " " : "", word, command->words, *command->arguments ? " " : "",
            command->arguments, *command->options ? " " : "", command->options);
    return CTL_USAGE;
}

/* Does the command have this option? `word` may carry its value behind '='. */
static bool is_known(const ctl_command *command, const char *word)
{
    const char *at = command->options;
    size_t len = strcspn(word, "=");
    bool has_value = word[len] == '=';

    while (*at != '\0') {
        size_t one = strcspn(at, " "), name = strcspn(at, "= ");

        if (name == len && strncmp(at, word, len) == 0)
            return (at[name] == '=') == has_value;
        at += one + (at[one] == ' ');
    }
    return false;
}

static size_t count_words(const char *text)
{
    size_t count = *text != '\0';

    for (; *text != '\0'; text++)
        count += *text == ' ';
    return count;
}

int ctl_read_words(ctl_run *run, int argc, char **argv)
{
    size_t wanted = count_words(run->command->arguments);

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            run->json = true;
        } else if (argv[i][0] == '-' && argv[i][1] == '-') {
            if (run->option_count == CTL_OPTIONS || !is_known(run->command, argv[i]))
                return wrong_use(run, "no such option, or its value is missing:", argv[i]);
            run->options[run->option_count++] = argv[i];
        } else if (run->argument_count < wanted) {
            run->arguments[run->argument_count++] = argv[i];
        } else {
            return wrong_use(run, "too many arguments:", argv[i]);
        }
    }
    return run->argument_count == wanted ? CTL_OK : wrong_use(run, "arguments are missing", "");
}

bool ctl_flag(const ctl_run *run, const char *name)
{
    for (size_t i = 0; i < run->option_count; i++)
        if (strcmp(run->options[i], name) == 0)
            return true;
    return false;
}

const char *ctl_value(const ctl_run *run, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < run->option_count; i++)
        if (strncmp(run->options[i], name, len) == 0 && run->options[i][len] == '=')
            return run->options[i] + len + 1;
    return NULL;
}

int ctl_number(const ctl_run *run, const char *name, int64_t missing, int64_t *out)
{
    const char *text = ctl_value(run, name);

    *out = missing;
    if (text == NULL)
        return CTL_OK;
    if (!myl_str_to_int(myl_str_of(text), out) || *out < 0)
        return wrong_use(run, "a number is expected:", text);
    return CTL_OK;
}

int ctl_on_off(const ctl_run *run, bool *out)
{
    const char *text = run->arguments[1];

    *out = strcmp(text, "on") == 0;
    if (!*out && strcmp(text, "off") != 0)
        return wrong_use(run, "on or off is expected:", text);
    return CTL_OK;
}
