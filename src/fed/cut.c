/* cut.c: pieces of JSON texts that are too large to be parsed as a whole.
 *
 * Why:     the events of an answer are kept as they came, and parsed one by one; a tree of all would be many times its size. What
 *          is too large to be kept as a whole is cut while it comes (lists.c).
 * Callers: backfill.c, by_time.c, missing.c, state.c.
 * Threads: any.
 * Holds:   the text is a stranger's: every step looks whether it is at the end, and what is cut out is parsed on its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/rooms_own.h"

static size_t skip_blanks(myl_str json, size_t at)
{
    while (at < json.len && (json.at[at] == ' ' || json.at[at] == '\t' || json.at[at] == '\n' ||
                             json.at[at] == '\r'))
        at++;
    return at;
}

/* Behind the string that begins at `at`; SIZE_MAX when it does not end. */
static size_t skip_string(myl_str json, size_t at)
{
    for (at++; at < json.len; at++) {
        if (json.at[at] == '\\')
            at++;
        else if (json.at[at] == '"')
            return at + 1;
    }
    return SIZE_MAX;
}

static bool opens(char c)
{
    return c == '{' || c == '[';
}

static bool closes(char c)
{
    return c == '}' || c == ']';
}

/* Behind the array or object that begins at `at`; SIZE_MAX when it does not end. */
static size_t skip_nested(myl_str json, size_t at)
{
    size_t depth = 0;

    while (at < json.len) {
        char c = json.at[at];

        if (c == '"') {
            at = skip_string(json, at);
            if (at == SIZE_MAX)
                return SIZE_MAX;
            continue;
        }
        depth += opens(c);
        depth -= closes(c);
        at++;
        if (depth == 0)
            return at;
    }
    return SIZE_MAX;
}

/* Behind the value that begins at `at`; SIZE_MAX when it does not end. */
static size_t skip_value(myl_str json, size_t at)
{
    if (at >= json.len)
        return SIZE_MAX;
    if (json.at[at] == '"')
        return skip_string(json, at);
    if (opens(json.at[at]))
        return skip_nested(json, at);
    while (at < json.len && json.at[at] != ',' && !closes(json.at[at]))
        at++;
    return at;
}

myl_str myl_fed_cut_member(myl_str json, myl_str key)
{
    size_t at = skip_blanks(json, 0);

    if (at >= json.len || json.at[at] != '{')
        return MYL_ABSENT;
    for (at = skip_blanks(json, at + 1); at < json.len && json.at[at] == '"';) {
        size_t key_end = skip_string(json, at), value, end;
        myl_str name;

        if (key_end == SIZE_MAX)
            break;
        name = myl_str_slice(json, at + 1, key_end - at - 2);
        value = skip_blanks(json, key_end);
        if (value >= json.len || json.at[value] != ':')
            break;
        value = skip_blanks(json, value + 1);
        end = skip_value(json, value);
        if (end == SIZE_MAX || end <= value)
            break;
        if (myl_str_equal(name, key))
            return myl_str_slice(json, value, end - value);
        at = skip_blanks(json, end);
        if (at >= json.len || json.at[at] != ',')
            break;
        at = skip_blanks(json, at + 1);
    }
    return MYL_ABSENT;
}

bool myl_fed_cut_items(myl_str json, myl_list *out)
{
    size_t at = skip_blanks(json, 0);

    if (at >= json.len || json.at[at] != '[')
        return false;
    at = skip_blanks(json, at + 1);
    if (at < json.len && json.at[at] == ']')
        return true;
    while (at < json.len) {
        size_t end = skip_value(json, at);

        if (end == SIZE_MAX || end <= at)
            return false;
        myl_list_push(out, myl_str, myl_str_slice(json, at, end - at));
        at = skip_blanks(json, end);
        if (at < json.len && json.at[at] == ']')
            return true;
        if (at >= json.len || json.at[at] != ',')
            return false;
        at = skip_blanks(json, at + 1);
    }
    return false;
}
