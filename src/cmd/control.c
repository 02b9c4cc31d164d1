/* control.c: the control socket of dev and faults builds.
 *
 * Why:     scenes move the clock, make named points fail and mark the log of a server that runs.
 * Callers: daemon.c. Threads: one of its own, which serves one caller at a time.
 * Holds:   a build without MYL_DEV and MYL_FAULTS has none of this.
 *
 * Commands: "clock hold WALL_MS", "clock advance MS", "clock release", "fault arm NAME NTH", "fault
 *           hits NAME",
 * "mark TEXT" (a log line). The answer is "ok", a number, or "error: …".
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cmd/daemon_own.h"

#include <stddef.h>

#if defined(MYL_DEV) || defined(MYL_FAULTS)

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <myelin/base_clock.h>
#include <myelin/base_log.h>
#include <myelin/net_sender.h>

enum { LINE = 512 };

/* The word at the front of *text, which moves behind it. */
static myl_str take_word(myl_str *text)
{
    size_t end = myl_str_find(*text, ' ', 0);
    myl_str word = myl_str_slice(*text, 0, end);

    *text = end == SIZE_MAX ? MYL_S("") : (myl_str){text->at + end + 1, text->len - end - 1};
    return word;
}

static bool take_number(myl_str *text, int64_t *out)
{
    return myl_str_to_int(take_word(text), out);
}

static void clock_command(myl_str rest, char *answer, size_t room)
{
    myl_str verb = take_word(&rest);
    int64_t number = 0;

    snprintf(answer, room, "ok");
    if (myl_str_equal(verb, MYL_S("release")))
        myl_clock_release();
    else if (myl_str_equal(verb, MYL_S("hold")) && take_number(&rest, &number))
        myl_clock_hold(number);
    else if (myl_str_equal(verb, MYL_S("advance")) && take_number(&rest, &number))
        myl_clock_advance(number);
    else
        snprintf(answer, room, "error: clock hold MS, clock advance MS or clock release");
    myl_net_wake();
}

static void fault_command(myl_str rest, char *answer, size_t room)
{
    myl_str verb = take_word(&rest);
    myl_str point = take_word(&rest);
    char name[LINE];
    int64_t nth = 0;

    snprintf(name, sizeof(name), "%.*s", MYL_FMT(point));
    if (myl_str_equal(verb, MYL_S("hits")))
        snprintf(answer, room, "%llu", (unsigned long long)myl_fault_hits(name));
    else if (!myl_str_equal(verb, MYL_S("arm")) || !take_number(&rest, &nth) || nth < 0)
        snprintf(answer, room, "error: fault arm NAME NTH or fault hits NAME");
    else if (!myl_fault_arm(name, (uint64_t)nth))
        snprintf(answer, room, "error: no such fault point");
    else
        snprintf(answer, room, "ok");
}

static void obey(myl_str line, char *answer, size_t room)
{
    myl_str verb = take_word(&line);

    snprintf(answer, room, "ok");
    if (myl_str_equal(verb, MYL_S("clock")))
        clock_command(line, answer, room);
    else if (myl_str_equal(verb, MYL_S("fault")))
        fault_command(line, answer, room);
    else if (myl_str_equal(verb, MYL_S("mark")))
        myl_log(NULL, MYL_LOG_ERROR, "cmd", "mark", MYL_LOG_STR("text", line));
    else
        snprintf(answer, room, "error: clock, fault or mark");
}

static void serve_one(FILE *caller)
{
    char line[LINE];
    char answer[LINE];

    while (fgets(line, sizeof(line), caller) != NULL) {
        obey((myl_str){line, strcspn(line, "\n")}, answer, sizeof(answer));
        fprintf(caller, "%s\n", answer);
        fflush(caller);
    }
}

static void *serve(void *arg)
{
    int listener = *(int *)arg;

    for (;;) {
        int fd = accept(listener, NULL, NULL);
        FILE *caller = fd < 0 ? NULL : fdopen(fd, "r+");
        if (caller == NULL)
            continue;
        setvbuf(caller, NULL, _IOLBF, 0);
        serve_one(caller);
        fclose(caller);
    }
    return NULL;
}

void myl_control_start(void)
{
    static int listener;
    const char *path = getenv("MYELIN_CONTROL");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    pthread_t thread;

    if (path == NULL || strlen(path) >= sizeof(address.sun_path))
        return;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    unlink(path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool open = listener >= 0 &&
                bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                listen(listener, 4) == 0;
    if (!open || pthread_create(&thread, NULL, serve, &listener) != 0)
        myl_log(NULL, MYL_LOG_ERROR, "cmd", "no control socket",
                MYL_LOG_STR("path", myl_str_of(path)));
}

const char *myl_control_port_map(void)
{
    return getenv("MYELIN_PORT_MAP");
}

#else

void myl_control_start(void)
{
}

const char *myl_control_port_map(void)
{
    return NULL;
}

#endif
