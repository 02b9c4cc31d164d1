/* server.c: the server itself; completion and manual, made from commands.def.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ctl/ctl_own.h"

#include <stdio.h>
#include <unistd.h>

int ctl_server_version(ctl_run *run)
{
    ctl_answer answer;

    CTL_TRY(ctl_call(run, "GET", ctl_target(run, "v1/server_version"), MYL_ABSENT, &answer));
    ctl_print_object(run, &answer);
    return CTL_OK;
}

int ctl_server_backup(ctl_run *run)
{
    ctl_answer answer;

    CTL_TRY(ctl_call(run, "POST", MYL_S("/_myelin/admin/v1/backup"), MYL_S("{}"), &answer));
    ctl_print_object(run, &answer);
    return CTL_OK;
}

/* ---- compaction ---- */

enum { COMPACT_LOOK_US = 200000 };

static int64_t number_of(const ctl_answer *answer, const char *name)
{
    int64_t number;

    return myl_json_int(answer->json, myl_str_of(name), &number) ? number : 0;
}

int ctl_server_compact(ctl_run *run)
{
    myl_str target = MYL_S("/_myelin/admin/v1/compact"), status;
    int64_t copied, shown = -1;
    ctl_answer answer;

    CTL_TRY(ctl_call(run, "POST", target, MYL_S("{}"), &answer));
    for (;;) {
        status = myl_json_text(answer.json, MYL_S("status"));
        copied = number_of(&answer, "bytes_copied");
        if (ctl_flag(run, "--no-wait") || myl_str_equal(status, MYL_S("complete")) ||
            myl_str_equal(status, MYL_S("failed")))
            break;
        if (copied != shown)
            fprintf(stderr, "%.*s: %lld of about %lld bytes\n", MYL_FMT(status), (long long)copied,
                    (long long)number_of(&answer, "bytes_expected"));
        shown = copied;
        usleep(COMPACT_LOOK_US);
        CTL_TRY(ctl_call(run, "GET", target, MYL_ABSENT, &answer));
    }
    ctl_print_object(run, &answer);
    return myl_str_equal(status, MYL_S("failed")) ? CTL_REFUSED : CTL_OK;
}

int ctl_server_tasks(ctl_run *run)
{
    ctl_answer answer;

    CTL_TRY(ctl_call(run, "GET", ctl_target(run, "v1/scheduled_tasks"), MYL_ABSENT, &answer));
    ctl_print_list(run, &answer, "scheduled_tasks", "id action status error");
    return CTL_OK;
}

/* ---- completion ---- */

/* The options of a command, without the names of their values. */
static void print_options(const char *options)
{
    bool in_value = false;

    for (; *options != '\0'; options++) {
        in_value = in_value && *options != ' ';
        if (!in_value)
            putchar(*options);
        in_value = in_value || *options == '=';
    }
}

/* Of `words` the part before or behind the blank. */
static myl_str part(const char *words, bool second)
{
    size_t len = strcspn(words, " ");

    if (!second)
        return (myl_str){words, len};
    return words[len] == ' ' ? myl_str_of(words + len + 1) : MYL_S("");
}

/* Has an earlier command the same first word? */
static bool is_known(size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (myl_str_equal(part(ctl_commands[i].words, false),
                          part(ctl_commands[index].words, false)))
            return true;
    return false;
}

static void print_first_words(void)
{
    for (size_t i = 0; i < ctl_command_count; i++)
        if (!is_known(i))
            printf("%.*s ", MYL_FMT(part(ctl_commands[i].words, false)));
}

int ctl_completion(ctl_run *run)
{
    if (strcmp(run->arguments[0], "bash") != 0) {
        fputs("myelinctl completion: only bash is known\n", stderr);
        return CTL_USAGE;
    }
    puts("# Completion of myelinctl for bash: source <(myelinctl completion bash)\n"
         "_myelinctl()\n{\n"
         "    local word=${COMP_WORDS[COMP_CWORD]} words=()\n"
         "    local i\n"
         "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "        case ${COMP_WORDS[i]} in\n"
         "        --socket) i=$((i + 1)) ;;\n"
         "        -*) ;;\n"
         "        *) words+=(\"${COMP_WORDS[i]}\") ;;\n"
         "        esac\n"
         "    done\n"
         "    local choices=\n"
         "    case \"${words[*]:0:2}\" in");
    for (size_t i = 0; i < ctl_command_count; i++) {
        printf("    \"%s\"*) choices='--json ", ctl_commands[i].words);
        print_options(ctl_commands[i].options);
        puts(strstr(ctl_commands[i].arguments, "on|off") != NULL ? " on off' ;;" : "' ;;");
    }
    for (size_t i = 0; i < ctl_command_count; i++) {
        myl_str first = part(ctl_commands[i].words, false);

        if (is_known(i) || part(ctl_commands[i].words, true).len == 0)
            continue;
        printf("    %.*s*) choices='", MYL_FMT(first));
        for (size_t k = 0; k < ctl_command_count; k++)
            if (myl_str_equal(part(ctl_commands[k].words, false), first))
                printf("%.*s ", MYL_FMT(part(ctl_commands[k].words, true)));
        puts("' ;;");
    }
    fputs("    *) choices='--socket --json --help ", stdout);
    print_first_words();
    puts("' ;;\n"
         "    esac\n"
         "    COMPREPLY=($(compgen -W \"$choices\" -- \"$word\"))\n"
         "    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n"
         "    return 0\n"
         "}\n"
         "complete -F _myelinctl myelinctl");
    return CTL_OK;
}

/* ---- the manual ---- */

/* A hyphen of roff is a minus only when it is escaped. */
static void print_roff(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '-' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
}

int ctl_manual(ctl_run *run)
{
    MYL_UNUSED(run);
    puts(".TH MYELINCTL 1 \"\" \"Myelin " MYL_VERSION "\"\n"
         ".SH NAME\nmyelinctl \\- administer a Myelin homeserver\n"
         ".SH SYNOPSIS\n.B myelinctl\n[\\-\\-socket PATH] [\\-\\-json] COMMAND ...\n"
         ".SH DESCRIPTION\n"
         "Speaks the admin API over a unix socket of a running server. The listener must be "
         "trusted in the\n"
         "server's configuration; whoever may open the socket is then an administrator. A USER is "
         "a whole user id,\n"
         "or the part before the colon.\n"
         ".SH OPTIONS\n"
         ".TP\n.B \\-\\-socket PATH\nThe socket. Without it: MYELIN_SOCKET of the environment, "
         "then\n"
         "/run/myelin/admin.sock.\n"
         ".TP\n.B \\-\\-json\nAnswers as the server gave them.\n"
         ".SH COMMANDS");
    for (size_t i = 0; i < ctl_command_count; i++) {
        fputs(".TP\n.B ", stdout);
        print_roff(ctl_commands[i].words);
        printf("%s", *ctl_commands[i].arguments ? " " : "");
        print_roff(ctl_commands[i].arguments);
        printf("%s", *ctl_commands[i].options ? " " : "");
        print_roff(ctl_commands[i].options);
        putchar('\n');
        print_roff(ctl_commands[i].what);
        putchar('\n');
    }
    puts(".SH EXIT STATUS\n0 done; 1 refused by the server; 2 wrong use; 3 no server.\n"
         ".SH EXAMPLES\n.nf\nmyelinctl user create alice \\-\\-admin \\-\\-generate\n"
         "myelinctl room delete '!id:example.org' \\-\\-block\n.fi");
    return CTL_OK;
}
