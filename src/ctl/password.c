/* password.c: passwords never stand on a command line: they are asked for, read from standard input, or made.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ctl/ctl_own.h"

#include <stdio.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

enum { MADE_LETTERS = 24, LINE_BYTES = 1024 };

static int complain(const char *why)
{
    fprintf(stderr, "myelinctl: %s\n", why);
    return CTL_USAGE;
}

/* One line without its end. */
static int read_line(ctl_run *run, myl_str *out)
{
    char line[LINE_BYTES];

    if (fgets(line, sizeof(line), stdin) == NULL)
        return complain("no password came from standard input");
    size_t len = strcspn(line, "\r\n");
    if (len == 0 || line[len] == '\0')
        return complain("the password is empty or too long");
    *out = myl_keep(run->cx, (myl_str){line, len});
    return CTL_OK;
}

static int make(ctl_run *run, myl_str *out)
{
    static const char letters[] =
        "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789-_=+.:~!";
    unsigned char random[MADE_LETTERS];
    char *text = myl_alloc(run->cx, MADE_LETTERS);

    if (getrandom(random, sizeof(random), 0) != MADE_LETTERS)
        return complain("no random numbers");
    for (size_t i = 0; i < MADE_LETTERS; i++)
        text[i] = letters[random[i] % 64];
    *out = (myl_str){text, MADE_LETTERS};
    printf("password: %.*s\n", MYL_FMT(*out));
    return CTL_OK;
}

/* Without showing it; the terminal is as before afterwards. */
static int ask_once(ctl_run *run, const char *prompt, myl_str *out)
{
    struct termios shown, hidden;

    if (tcgetattr(STDIN_FILENO, &shown) != 0)
        return complain("no terminal to ask for a password: use --password-stdin or --generate");
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    fputs(prompt, stderr);
    int rc = read_line(run, out);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputs("\n", stderr);
    return rc;
}

int ctl_password(ctl_run *run, myl_str *out)
{
    myl_str again;

    if (ctl_flag(run, "--generate"))
        return make(run, out);
    if (ctl_flag(run, "--password-stdin"))
        return read_line(run, out);
    CTL_TRY(ask_once(run, "New password: ", out));
    CTL_TRY(ask_once(run, "Once more: ", &again));
    return myl_str_equal(*out, again) ? CTL_OK : complain("the two are not the same");
}
