/* sample.c: the commented configuration file that shows every key.
 *
 * Why:     made from the rows, so it can neither lack a key nor show a wrong default.
 * Callers: `myelin --sample-config`, the documentation page of the keys.
 * Holds:   without its comment signs before keys, it loads and gives exactly the defaults.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config_own.h"

#define COLUMNS 100
#define INDENT 2

static void add_blanks(myl_text *out, size_t count)
{
    while (count-- > 0)
        myl_text_add_byte(out, ' ');
}

/* Words broken into lines that begin with `indent` blanks and a comment sign. */
static void add_comment(myl_text *out, size_t indent, myl_str words)
{
    size_t column = 0;
    for (size_t from = 0; from < words.len;) {
        size_t blank = myl_str_find(words, ' ', from);
        size_t end = blank == SIZE_MAX ? words.len : blank;
        if (column > 0 && column + 1 + end - from > COLUMNS) {
            myl_text_add_byte(out, '\n');
            column = 0;
        }
        if (column == 0) {
            add_blanks(out, indent);
            myl_text_add_byte(out, '#');
            column = indent + 1;
        }
        myl_text_add_byte(out, ' ');
        myl_text_add(out, myl_str_slice(words, from, end - from));
        column += 1 + end - from;
        from = end + 1;
    }
    myl_text_add_byte(out, '\n');
}

/* What may stand there, as a sentence; "" when the words before say it. */
static myl_str allowed(myl_ctx *cx, const config_row *row)
{
    const char *dots = strstr(row->constraint, "..");
    if (dots != NULL)
        return myl_strf(cx, " From %.*s to %s.", (int)(dots - row->constraint), row->constraint,
                        dots + 2);
    if (row->kind == CONFIG_SECRET)
        return myl_strf(cx, " Or %.*s_file: a path.", MYL_FMT(row->key));
    if (row->kind != CONFIG_CHOICE && row->kind != CONFIG_APIS)
        return MYL_S("");
    myl_text text = myl_text_start(cx, 64);
    myl_str choice;
    for (size_t from = 0; myl_config_next_choice(row->constraint, &from, &choice);)
        myl_text_addf(&text, "%s%.*s", text.len == 0 ? " Of: " : ", ", MYL_FMT(choice));
    myl_text_add_byte(&text, '.');
    return myl_text_str(&text);
}

static void add_listener_keys(myl_text *out)
{
    for (size_t i = 0; i < myl_config_listener_keys.count; i++) {
        const config_row *row = &myl_config_listener_keys.rows[i];
        const char *preset = row->preset[0] == '\0' ? "not set" : row->preset;
        myl_str words = myl_strf(out->cx, "  %.*s (%s): %s%.*s", MYL_FMT(row->key), preset,
                                 row->what, MYL_FMT(allowed(out->cx, row)));
        add_comment(out, 0, words);
    }
}

/* Opens the groups of `key` that the key before it was not in; the key's own indent. */
static size_t add_groups(myl_text *out, myl_str before, myl_str key)
{
    size_t indent = 0;
    bool same = true;
    for (size_t from = 0;; indent += INDENT) {
        size_t dot = myl_str_find(key, '.', from);
        if (dot == SIZE_MAX)
            return indent;
        same = same && before.len > dot && memcmp(before.at, key.at, dot + 1) == 0;
        if (!same) {
            add_blanks(out, indent);
            myl_text_addf(out, "%.*s:\n", (int)(dot - from), key.at + from);
        }
        from = dot + 1;
    }
}

static myl_str last_word(myl_str key)
{
    size_t from = 0;
    for (size_t dot = 0; (dot = myl_str_find(key, '.', from)) != SIZE_MAX;)
        from = dot + 1;
    return myl_str_slice(key, from, SIZE_MAX);
}

static void add_row(myl_text *out, myl_str before, const config_row *row)
{
    myl_text_add_byte(out, '\n');
    size_t indent = add_groups(out, before, row->key);
    myl_str words = myl_strf(out->cx, "%s%.*s", row->what, MYL_FMT(allowed(out->cx, row)));
    add_comment(out, indent, words);
    if (row->kind == CONFIG_LISTENERS)
        add_listener_keys(out);
    add_blanks(out, indent);
    if (!row->required)
        myl_text_add_byte(out, '#');
    myl_text_addf(out, "%.*s: %s\n", MYL_FMT(last_word(row->key)),
                  row->preset[0] == '\0' ? "\"\"" : row->preset);
}

void myl_config_sample(myl_text *out)
{
    myl_text_add(
        out, MYL_S("# Configuration of Myelin: every key with its default. Only server_name must "
                   "be given.\n"
                   "# Durations have a unit (ms, s, m, h, d), sizes may have one (K, M, G, T).\n"));
    myl_str before = MYL_S("");
    for (size_t i = 0; i < myl_config_keys.count; i++) {
        add_row(out, before, &myl_config_keys.rows[i]);
        before = myl_config_keys.rows[i].key;
    }
}
