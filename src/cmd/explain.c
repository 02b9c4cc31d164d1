/* explain.c: `myelin explain-state`: why each event of a resolved state won.
 *
 * Why:     when a room's state surprises someone, the question is which fork said what, in which
 *          order the events were taken, and which rule refused the loser. Nobody should have to
 *          work that out by hand.
 * Callers: main.
 * Threads: one.
 * Memory:  one job, emptied after each line.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cmd/explain_own.h"

#include <stdio.h>
#include <unistd.h>

#include <myelin/base_limit.h>
#include <myelin/cmd_explain.h>

static myl_str answer_bad(myl_ctx *cx, bool json)
{
    if (json)
        return myl_rules_refusal(cx);
    myl_str detail = cx->error.detail;
    myl_text out = myl_text_start(cx, 128);
    myl_text_add(&out, MYL_S("error: "));
    myl_json_write_str(&out,
                       detail.len > 0 ? detail : myl_str_of(myl_error_of(cx->error.rc)->name));
    myl_forgive(cx);
    return myl_text_str(&out);
}

/* What is printed for one line, without the last line's end; `good` is cleared when it cannot be
 * explained. */
static myl_str answer(myl_ctx *cx, myl_line_kind kind, myl_str line, bool json, bool *good)
{
    explanation all;
    myl_rc rc = kind == MYL_LINE ? myl_explain_request(cx, line, &all)
                                 : myl_fail(cx, MYL_TOO_LARGE, "a line has at most %d bytes",
                                            MYL_LIMIT_RULES_LINE);
    if (rc != MYL_OK) {
        *good = false;
        return answer_bad(cx, json);
    }
    return json ? myl_explain_json(&all) : myl_explain_text(&all);
}

/* False when the output cannot be written. */
static bool answer_all(myl_ctx *cx, myl_lines *lines, bool json, bool *good)
{
    for (;;) {
        myl_str line;
        if (!myl_lines_ready(lines) && fflush(stdout) != 0)
            return false;
        myl_line_kind kind = myl_lines_next(lines, &line);
        if (kind == MYL_LINES_END)
            return fflush(stdout) == 0;
        myl_str text = answer(cx, kind, line, json, good);
        if (fwrite(text.at, 1, text.len, stdout) != text.len || putchar('\n') == EOF)
            return false;
        myl_ctx_reset(cx);
    }
}

static int run(bool json)
{
    bool good = true;
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_lines lines = myl_lines_start(STDIN_FILENO, MYL_LIMIT_RULES_LINE);
    bool written = answer_all(&cx, &lines, json, &good);
    if (!written)
        fprintf(stderr, "myelin explain-state: standard output: cannot write\n");
    else if (lines.error != 0)
        fprintf(stderr, "myelin explain-state: standard input: %s\n", strerror(lines.error));
    bool failed = !written || lines.error != 0 || !good;
    myl_lines_end(&lines);
    myl_ctx_end(&cx);
    return failed ? 1 : 0;
}

int myl_cmd_explain_state(int argc, char **argv)
{
    bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
    myl_crypto_start();
    if (argc == 1 || json)
        return run(json);
    fprintf(
        stderr,
        "use: myelin explain-state [--json]\n"
        "Reads requests of `myelin rules` with op \"resolve\" from standard input, one a line, and "
        "says of each why its events won.\n");
    return 2;
}
