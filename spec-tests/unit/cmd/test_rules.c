/* test_rules.c: `myelin rules`: spec-tests/vectors/rules.jsonl, its lines, its ends, a conversation by pipe.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/base_test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cmd_own.h"

#include <myelin/base_limit.h>
#include <myelin/cmd_rules.h>
#include <myelin/rules_mutate.h>

/* --- vectors ------------------------------------------------------------------------------------ */

static const myl_json *parse(myl_ctx *cx, myl_str text)
{
    const myl_json *tree = NULL;
    if (myl_json_parse(cx, text, &tree) != MYL_OK)
        fail_msg("%.*s: %.*s", MYL_FMT(text), MYL_FMT(cx->error.detail));
    return tree;
}

/* Errors and reasons are words; of them only that they are there is part of the vector. */
static void check(myl_ctx *cx, myl_str line)
{
    const myl_json *vector = parse(cx, line);
    char *name = myl_cstr(cx, myl_json_text(vector, MYL_S("name")));
    const myl_json *want = MYL_JSON_AT(vector, "answer");
    myl_text request = MYL_TEXT(cx);
    myl_json_write(&request, MYL_JSON_AT(vector, "request"));
    const myl_json *got = parse(cx, myl_rules_answer(cx, myl_text_str(&request)));
    if (MYL_JSON_AT(want, "error") != NULL) {
        assert_number(name, got->count, 1);
        assert_true(myl_json_text(got, MYL_S("error")).len > 0);
    } else {
        bool judged = MYL_JSON_AT(want, "allowed") != NULL;
        assert_number(name, myl_json_text(got, MYL_S("reason")).len > 0, judged);
        got = myl_json_without(cx, got, MYL_S("reason"));
        myl_text text = MYL_TEXT(cx);
        myl_json_write(&text, got);
        if (!myl_json_equal(got, want))
            fail_msg("%s: got %.*s", name, MYL_FMT(myl_text_str(&text)));
    }
    assert_number(name, cx->error.rc, MYL_OK);
}

static void vectors(void **state)
{
    MYL_UNUSED(state);
    FILE *file = fopen("spec-tests/vectors/rules.jsonl", "r");
    assert_non_null(file);
    char *line = NULL;
    size_t room = 0;
    int count = 0;
    for (ssize_t len; (len = getline(&line, &room, file)) > 0; count++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        check(&cx, (myl_str){line, (size_t)len});
        myl_ctx_end(&cx);
    }
    free(line);
    fclose(file);
    assert_true(count > 150);
}

/* --- lines -------------------------------------------------------------------------------------- */

static void put(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
}

static void expect_line(myl_lines *lines, myl_line_kind kind, const char *want)
{
    myl_str line;
    assert_int_equal(myl_lines_next(lines, &line), kind);
    if (kind == MYL_LINE)
        assert_str("line", line, myl_str_of(want));
}

static void lines_of_all_lengths(void **state)
{
    MYL_UNUSED(state);
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    myl_lines lines = myl_lines_start(pipes[0], 5);
    assert_false(myl_lines_ready(&lines));
    put(pipes[1], "one\n\ntwo\nth");
    expect_line(&lines, MYL_LINE, "one");
    assert_true(myl_lines_ready(&lines));
    expect_line(&lines, MYL_LINE, "");
    expect_line(&lines, MYL_LINE, "two");
    assert_false(myl_lines_ready(&lines));
    put(pipes[1], "ree\n123456\nfour\n1234567890");
    expect_line(&lines, MYL_LINE, "three");
    expect_line(&lines, MYL_LINE_TOO_LONG, NULL);
    expect_line(&lines, MYL_LINE, "four");
    put(pipes[1], "1234567890\nfive\n12345678");
    expect_line(&lines, MYL_LINE_TOO_LONG, NULL);
    expect_line(&lines, MYL_LINE, "five");
    close(pipes[1]);
    expect_line(&lines, MYL_LINE_TOO_LONG, NULL);
    assert_true(myl_lines_ready(&lines));
    expect_line(&lines, MYL_LINES_END, NULL);
    expect_line(&lines, MYL_LINES_END, NULL);
    assert_int_equal(lines.error, 0);
    myl_lines_end(&lines);
    close(pipes[0]);
}

static void last_line_without_end(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *text;
        myl_line_kind kind;
    } cases[] = {{"12345", MYL_LINE}, {"123456", MYL_LINE_TOO_LONG}, {"", MYL_LINES_END}};
    for (size_t i = 0; i < 3; i++) {
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        myl_lines lines = myl_lines_start(pipes[0], 5);
        put(pipes[1], cases[i].text);
        close(pipes[1]);
        expect_line(&lines, cases[i].kind, cases[i].text);
        expect_line(&lines, MYL_LINES_END, NULL);
        myl_lines_end(&lines);
        close(pipes[0]);
    }
}

/* A line longer than any buffer to start with. */
static void long_line(void **state)
{
    MYL_UNUSED(state);
    enum { LENGTH = 300000 };
    FILE *file = tmpfile();
    assert_non_null(file);
    for (int i = 0; i < LENGTH; i++)
        fputc('a' + i % 26, file);
    fputs("\nshort\n", file);
    fflush(file);
    rewind(file);
    myl_lines lines = myl_lines_start(fileno(file), LENGTH);
    myl_str line;
    assert_int_equal(myl_lines_next(&lines, &line), MYL_LINE);
    assert_number("length", line.len, LENGTH);
    assert_number("last byte", line.at[LENGTH - 1], 'a' + (LENGTH - 1) % 26);
    expect_line(&lines, MYL_LINE, "short");
    myl_lines_end(&lines);
    fclose(file);
}

static void unreadable(void **state)
{
    MYL_UNUSED(state);
    myl_lines lines = myl_lines_start(-1, 5);
    expect_line(&lines, MYL_LINES_END, NULL);
    assert_true(lines.error != 0);
    myl_lines_end(&lines);
}

/* --- the command -------------------------------------------------------------------------------- */

typedef struct {
    pid_t process;
    int in;
    FILE *out;
} command;

static command start(char **words, int count)
{
    int in[2], out[2];
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    fflush(stdout);
    fflush(stderr);
    pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(STDERR_FILENO);
        close(in[1]);
        close(out[0]);
        exit(myl_cmd_rules(count, words));
    }
    close(in[0]);
    close(out[1]);
    return (command){process, in[1], fdopen(out[0], "r")};
}

static void expect_answer(command *c, const char *want)
{
    char line[1024];
    assert_non_null(fgets(line, sizeof line, c->out));
    line[strcspn(line, "\n")] = '\0';
    assert_string_equal(line, want);
}

static int end(command *c)
{
    int status;
    char byte;
    close(c->in);
    assert_int_equal(fread(&byte, 1, 1, c->out), 0);
    fclose(c->out);
    assert_int_equal(waitpid(c->process, &status, 0), c->process);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Each answer comes before the next request is sent. */
static void conversation(void **state)
{
    MYL_UNUSED(state);
    char *words[] = {"rules", NULL};
    command c = start(words, 1);
    put(c.in, "{\"op\":\"canonical\",\"json\":\"[1, 2]\"}\n");
    expect_answer(&c, "{\"canonical\":\"[1,2]\"}");
    put(c.in, "{\"op\":\"x\"}\n\n{\"op\":\"canonical\",\"json\":\"1e1\"}\n{\"op\":");
    expect_answer(&c, "{\"error\":\"op: expected auth, resolve, event_id, redact or canonical\"}");
    expect_answer(&c, "{\"error\":\"expected a value at byte 0\"}");
    expect_answer(&c, "{\"canonical\":\"10\"}");
    put(c.in, "\"canonical\",\"json\":\"2\"}");
    close(c.in);
    expect_answer(&c, "{\"canonical\":\"2\"}");
    c.in = -1;
    assert_int_equal(end(&c), 0);
}

/* An event of more than 64 KiB is refused by every operation. */
static void too_large(void **state)
{
    MYL_UNUSED(state);
    static const char *const operations[] = {"event_id", "redact", "auth"};
    for (size_t i = 0; i < 3; i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        myl_str line =
            myl_strf(&cx,
                     "{\"op\":\"%s\",\"room_version\":\"11\",\"auth_events\":[],\"event\":"
                     "{\"type\":\"x\",\"sender\":\"@a:b\",\"room_id\":\"!a:b\","
                     "\"content\":{\"body\":\"%065536d\"},\"depth\":1,"
                     "\"origin_server_ts\":1,\"prev_events\":[],\"auth_events\":[]}}",
                     operations[i], 0);
        const myl_json *got = parse(&cx, myl_rules_answer(&cx, line));
        assert_str(operations[i], myl_json_text(got, MYL_S("error")),
                   MYL_S("event: 65668 bytes, at most 65536"));
        myl_ctx_end(&cx);
    }
}

/* It is read past, and the next line is answered. */
static void line_too_long(void **state)
{
    MYL_UNUSED(state);
    char *words[] = {"rules", NULL};
    command c = start(words, 1);
    char chunk[65536];
    memset(chunk, 'x', sizeof chunk);
    for (size_t sent = 0; sent <= MYL_LIMIT_RULES_LINE; sent += sizeof chunk)
        assert_int_equal(write(c.in, chunk, sizeof chunk), (int)sizeof chunk);
    put(c.in, "\n{\"op\":\"canonical\",\"json\":\"1\"}\n");
    expect_answer(&c, "{\"error\":\"a line has at most 67108864 bytes\"}");
    expect_answer(&c, "{\"canonical\":\"1\"}");
    assert_int_equal(end(&c), 0);
}

static void wrong_use(void **state)
{
    MYL_UNUSED(state);
    char *words[] = {"rules", "--x", NULL};
    command c = start(words, 2);
    assert_int_equal(end(&c), 2);
    char *more[] = {"rules", "--mutate", "x", NULL};
    c = start(more, 3);
    assert_int_equal(end(&c), 2);
}

static void nobody_reads(void **state)
{
    MYL_UNUSED(state);
    char *words[] = {"rules", NULL};
    signal(SIGPIPE, SIG_IGN);
    command c = start(words, 1);
    fclose(c.out);
    put(c.in, "{}\n");
    int status;
    assert_int_equal(waitpid(c.process, &status, 0), c.process);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    close(c.in);
}

#ifdef MYL_MUTATIONS
static void mutations(void **state)
{
    MYL_UNUSED(state);
    char *list[] = {"rules", "--list-mutations", NULL};
    command c = start(list, 2);
    expect_answer(&c, "CREATE_PREV_EVENTS");
    char line[128];
    int count = 1;
    while (fgets(line, sizeof line, c.out) != NULL)
        count++;
    assert_true(count > 80);
    assert_int_equal(end(&c), 0);
    char *mutate[] = {"rules", "--mutate", "CREATE_PREV_EVENTS", NULL};
    c = start(mutate, 3);
    put(c.in, "{\"op\":\"auth\",\"room_version\":\"12\",\"event\":{\"type\":\"m.room.create\","
              "\"sender\":\"@a:b\",\"content\":{},\"state_key\":\"\",\"depth\":1,"
              "\"origin_server_ts\":1,\"prev_events\":[\"$a\"],\"auth_events\":[]},"
              "\"auth_events\":[]}\n");
    expect_answer(&c, "{\"allowed\":true,\"rule\":\"1.5\",\"reason\":\"a good create event\"}");
    assert_int_equal(end(&c), 0);
}
#else
static void mutations(void **state)
{
    MYL_UNUSED(state);
    char *list[] = {"rules", "--list-mutations", NULL};
    command c = start(list, 2);
    assert_int_equal(end(&c), 2);
}
#endif

int main(void)
{
    myl_crypto_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(lines_of_all_lengths),
        cmocka_unit_test(last_line_without_end),
        cmocka_unit_test(long_line),
        cmocka_unit_test(unreadable),
        cmocka_unit_test(conversation),
        cmocka_unit_test(too_large),
        cmocka_unit_test(line_too_long),
        cmocka_unit_test(wrong_use),
        cmocka_unit_test(nobody_reads),
        cmocka_unit_test(mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
