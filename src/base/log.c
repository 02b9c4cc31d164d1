/* log.c: one line an event to stderr, as text or JSON.
 *
 * Callers: everything, by the macro myl_log. Threads: any after myl_log_configure; each line is
 *          built on the stack and leaves with one write(2), so lines never mix.
 * Holds:   a line is at most LOG_LINE bytes with its newline, and in the JSON form always complete:
 *          what does not fit is cut or left out, closing brackets always fit.
 *          Foreign bytes never end a line or reach a terminal as control characters.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/base_log.h>

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <myelin/base_clock.h>
#include <myelin/base_limit.h>

#include "base_own.h"

#define RESERVE 8 /* bytes that close a value, the object and the line */
#define FOLDER_LEVELS 32
#define FOLDER_NAME 24

typedef struct {
    char folder[FOLDER_NAME];
    myl_log_level level;
} folder_level;

/* Written once at start, before threads. */
static struct {
    bool json;
    myl_log_level level;
    folder_level folders[FOLDER_LEVELS];
    size_t folder_count;
} settings = {.level = MYL_LOG_INFO};

static const char *const level_names[] = {"error", "warning", "info", "debug"};

/* --- a line under construction ---------------------------------------------------------------- */

typedef struct {
    char bytes[MYL_LIMIT_LOG_LINE];
    size_t len;
} log_line;

static bool fits(const log_line *line, size_t len)
{
    return len <= sizeof(line->bytes) - RESERVE - line->len;
}

/* All of s or nothing. */
static void put(log_line *line, myl_str s)
{
    if (!fits(line, s.len))
        return;
    memcpy(line->bytes + line->len, s.at, s.len);
    line->len += s.len;
}

/* Uses the reserve: closing brackets and the newline. */
static void put_end(log_line *line, char byte)
{
    MYL_ASSERT(line->len < sizeof(line->bytes));
    line->bytes[line->len++] = byte;
}

static void put_number(log_line *line, int64_t number)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)number);
    put(line, (myl_str){digits, (size_t)len});
}

/* Bytes of the character at s[at]: 1 also for a byte that is no character (then *valid is false).
 *  */
static size_t character_length(myl_str s, size_t at, bool *valid)
{
    *valid = true;
    if ((uint8_t)s.at[at] < 0x80)
        return 1;
    for (size_t len = 2; len <= 4 && at + len <= s.len; len++) {
        if (myl_str_is_utf8((myl_str){s.at + at, len}))
            return len;
    }
    *valid = false;
    return 1;
}

/* The escaped form of one character in `room` (8 bytes); its length. C1 controls count as controls.
 *  */
static size_t escape(myl_str character, bool valid, char room[8])
{
    uint8_t first = (uint8_t)character.at[0];
    if (first == '"' || first == '\\') {
        room[0] = '\\';
        room[1] = (char)first;
        return 2;
    }
    bool upper_control = first == 0xc2 && character.len == 2 && (uint8_t)character.at[1] < 0xa0;
    if (!valid || first < 0x20 || first == 0x7f || upper_control) {
        unsigned code = !valid ? 0xfffd : upper_control ? (uint8_t)character.at[1] : first;
        (void)snprintf(room, 8, "\\u%04x", code);
        return 6;
    }
    memcpy(room, character.at, character.len);
    return character.len;
}

/* Escaped, cut at a character's end when the line is full. */
static void put_escaped(log_line *line, myl_str s)
{
    for (size_t at = 0; at < s.len;) {
        bool valid;
        char room[8];
        size_t taken = character_length(s, at, &valid);
        size_t len = escape((myl_str){s.at + at, taken}, valid, room);
        if (!fits(line, len))
            return;
        put(line, (myl_str){room, len});
        at += taken;
    }
}

static void put_quoted(log_line *line, myl_str s)
{
    put_end(line, '"');
    put_escaped(line, s);
    put_end(line, '"');
}

static void put_time(log_line *line)
{
    int64_t now = myl_now_ms();
    time_t seconds = (time_t)(now / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    char text[40];
    size_t len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    len += (size_t)snprintf(text + len, sizeof(text) - len, ".%03dZ", (int)(now % 1000));
    put(line, (myl_str){text, len});
}

/* --- the two forms ---------------------------------------------------------------------------- */

static bool has_room_for_value(const log_line *line, const char *name)
{
    return fits(line, strlen(name) + 32); /* quotes, sign and a number; text is cut */
}

static void put_values(log_line *line, const myl_log_value *values)
{
    for (; values->name != NULL; values++) {
        if (!has_room_for_value(line, values->name))
            return;
        put(line, settings.json ? MYL_S(",\"") : MYL_S(" "));
        put(line, myl_str_of(values->name));
        put(line, settings.json ? MYL_S("\":") : MYL_S("="));
        if (myl_str_present(values->text))
            put_quoted(line, values->text);
        else
            put_number(line, values->number);
    }
}

static void put_json_head(log_line *line, const myl_ctx *cx, myl_log_level level,
                          const char *folder)
{
    put(line, MYL_S("{\"time\":\""));
    put_time(line);
    put(line, MYL_S("\",\"level\":\""));
    put(line, myl_str_of(level_names[level]));
    put(line, MYL_S("\",\"folder\":\""));
    put(line, myl_str_of(folder));
    put(line, MYL_S("\""));
    if (cx != NULL && cx->request_id != 0) {
        put(line, MYL_S(",\"request\":"));
        put_number(line, (int64_t)cx->request_id);
    }
    put(line, MYL_S(",\"message\":"));
}

static void put_text_head(log_line *line, const myl_ctx *cx, myl_log_level level,
                          const char *folder)
{
    put_time(line);
    put(line, MYL_S(" "));
    put(line, myl_str_of(level_names[level]));
    put(line, MYL_S(" "));
    put(line, myl_str_of(folder));
    if (cx != NULL && cx->request_id != 0) {
        put(line, MYL_S(" request="));
        put_number(line, (int64_t)cx->request_id);
    }
    put(line, MYL_S(": "));
}

void myl_log_write(const myl_ctx *cx, myl_log_level level, const char *folder, const char *message,
                   const myl_log_value *values)
{
    log_line line;
    line.len = 0;
    if (settings.json) {
        put_json_head(&line, cx, level, folder);
        put_quoted(&line, myl_str_of(message));
        put_values(&line, values);
        put_end(&line, '}');
    } else {
        put_text_head(&line, cx, level, folder);
        put_escaped(&line, myl_str_of(message));
        put_values(&line, values);
    }
    put_end(&line, '\n');
    myl_metric_add(MYL_METRIC_LOG_LINES, 1);
    ssize_t written = write(STDERR_FILENO, line.bytes, line.len);
    MYL_UNUSED(written); /* nobody could be told */
}

myl_str myl_log_file(const char *file)
{
    const char *from = strstr(file, "/src/");
    while (from != NULL && strstr(from + 1, "/src/") != NULL)
        from = strstr(from + 1, "/src/");
    return myl_str_of(from == NULL ? file : from + 1);
}

void myl_log_failure(const myl_ctx *cx, const char *folder)
{
    const myl_error *error = &cx->error;
    if (error->rc == MYL_OK || !myl_log_wanted(MYL_LOG_ERROR, folder))
        return;
    myl_log(cx, MYL_LOG_ERROR, folder, "failed",
            MYL_LOG_STR("code", myl_str_of(myl_error_of(error->rc)->name)),
            MYL_LOG_STR("detail", myl_str_present(error->detail) ? error->detail : MYL_S("")),
            MYL_LOG_STR("file", myl_log_file(error->file == NULL ? "" : error->file)),
            MYL_LOG_INT("line", error->line));
}

/* --- levels ----------------------------------------------------------------------------------- */

bool myl_log_wanted(myl_log_level level, const char *folder)
{
    for (size_t i = 0; i < settings.folder_count; i++) {
        if (strcmp(settings.folders[i].folder, folder) == 0)
            return level <= settings.folders[i].level;
    }
    return level <= settings.level;
}

static bool level_of(myl_str name, myl_log_level *out)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (myl_str_equal(name, myl_str_of(level_names[i]))) {
            *out = (myl_log_level)i;
            return true;
        }
    }
    return false;
}

static bool take_level(myl_str part, folder_level *folders, size_t *count, myl_log_level *level)
{
    size_t equals = myl_str_find(part, '=', 0);
    if (equals == SIZE_MAX)
        return level_of(part, level);
    if (equals == 0 || equals >= FOLDER_NAME || *count == FOLDER_LEVELS)
        return false;
    folder_level *made = &folders[(*count)++];
    memset(made->folder, 0, FOLDER_NAME);
    memcpy(made->folder, part.at, equals);
    return level_of(myl_str_slice(part, equals + 1, SIZE_MAX), &made->level);
}

typedef struct {
    myl_log_level level;
    folder_level folders[FOLDER_LEVELS];
    size_t count;
} level_set;

static bool read_levels(const char *levels, level_set *set)
{
    myl_str all = myl_str_of(levels);
    set->level = MYL_LOG_INFO;
    set->count = 0;
    for (size_t from = 0; from <= all.len;) {
        size_t comma = myl_str_find(all, ',', from);
        size_t end = comma == SIZE_MAX ? all.len : comma;
        if (!take_level(myl_str_slice(all, from, end - from), set->folders, &set->count,
                        &set->level))
            return false;
        from = end + 1;
    }
    return true;
}

bool myl_log_understands(const char *levels)
{
    level_set set;
    return read_levels(levels, &set);
}

bool myl_log_configure(const char *levels, bool json)
{
    level_set set;
    if (!read_levels(levels, &set))
        return false;
    settings.json = json;
    settings.level = set.level;
    memcpy(settings.folders, set.folders, set.count * sizeof(folder_level));
    settings.folder_count = set.count;
    return true;
}
