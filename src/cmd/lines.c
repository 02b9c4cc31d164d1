/* lines.c: lines of standard input, of bounded length, as soon as they are whole.
 *
 * Callers: `myelin rules`, `myelin explain-state`.
 * Threads: the command's only one.
 * Memory:  one process buffer that grows to the longest line.
 * Holds:   a line that is too long is read past, not kept.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cmd/cmd_own.h"

#include <errno.h>
#include <unistd.h>

#include <myelin/base_table.h>

#define FIRST_ROOM 65536

myl_lines myl_lines_start(int fd, size_t limit)
{
    return (myl_lines){.fd = fd,
                       .limit = limit,
                       .at = myl_process_alloc(FIRST_ROOM),
                       .room = FIRST_ROOM};
}

void myl_lines_end(myl_lines *lines)
{
    myl_process_free(lines->at);
    lines->at = NULL;
}

/* Bytes of the whole line at `from`; SIZE_MAX when its end is not there yet. `seen` bytes were searched. */
static size_t line_length(myl_lines *lines)
{
    myl_str rest = {lines->at + lines->from, lines->to - lines->from};
    size_t end = myl_str_find(rest, '\n', lines->seen);
    if (end == SIZE_MAX)
        lines->seen = rest.len;
    return end;
}

bool myl_lines_ready(myl_lines *lines)
{
    return lines->ended || line_length(lines) != SIZE_MAX;
}

static void make_room(myl_lines *lines)
{
    if (lines->from > 0) {
        memmove(lines->at, lines->at + lines->from, lines->to - lines->from);
        lines->to -= lines->from;
        lines->from = 0;
    }
    if (lines->to == lines->room) {
        lines->at = myl_process_grow(lines->at, lines->room, 2 * lines->room);
        lines->room *= 2;
    }
}

static void read_more(myl_lines *lines)
{
    make_room(lines);
    ssize_t got;
    do
        got = read(lines->fd, lines->at + lines->to, lines->room - lines->to);
    while (got < 0 && errno == EINTR);
    if (got <= 0) {
        lines->ended = true;
        lines->error = got < 0 ? errno : 0;
        return;
    }
    lines->to += (size_t)got;
}

static void pass(myl_lines *lines, size_t bytes)
{
    lines->from += bytes;
    lines->seen = 0;
}

/* What is left when the input has ended. */
static myl_line_kind last_line(myl_lines *lines, myl_str *line)
{
    bool skipping = lines->skipping;
    *line = (myl_str){lines->at + lines->from, lines->to - lines->from};
    pass(lines, line->len);
    lines->skipping = false;
    if (skipping || line->len > lines->limit)
        return MYL_LINE_TOO_LONG;
    return line->len > 0 ? MYL_LINE : MYL_LINES_END;
}

myl_line_kind myl_lines_next(myl_lines *lines, myl_str *line)
{
    size_t len;
    while ((len = line_length(lines)) == SIZE_MAX) {
        if (lines->ended)
            return last_line(lines, line);
        if (lines->skipping || lines->to - lines->from > lines->limit) {
            lines->skipping = true;
            pass(lines, lines->to - lines->from);
        }
        read_more(lines);
    }
    bool too_long = lines->skipping || len > lines->limit;
    *line = (myl_str){lines->at + lines->from, len};
    pass(lines, len + 1);
    lines->skipping = false;
    return too_long ? MYL_LINE_TOO_LONG : MYL_LINE;
}
