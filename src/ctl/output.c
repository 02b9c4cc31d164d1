/* output.c: answers as people read them, or as they came.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ctl/ctl_own.h"

#include <stdio.h>

enum { COLUMNS = 12 };

void ctl_print_json(const ctl_answer *answer)
{
    printf("%.*s\n", MYL_FMT(answer->body));
}

/* A value on one line; control characters of strangers' texts do not reach the terminal. */
static myl_str shown(myl_ctx *cx, const myl_json *value)
{
    myl_text out = MYL_TEXT(cx);

    if (value == NULL || value->kind == MYL_JSON_NULL)
        return MYL_S("-");
    if (value->kind == MYL_JSON_BOOL)
        return value->truth ? MYL_S("yes") : MYL_S("no");
    if (value->kind == MYL_JSON_STRING)
        myl_text_add(&out, value->text);
    else
        myl_json_write(&out, value);
    for (size_t i = 0; i < out.len; i++)
        if ((unsigned char)out.at[i] < ' ' || out.at[i] == 0x7f)
            out.at[i] = '?';
    return out.len == 0 ? MYL_S("-") : myl_text_str(&out);
}

void ctl_print_object(const ctl_run *run, const ctl_answer *answer)
{
    size_t width = 0;

    if (run->json || !myl_json_is(answer->json, MYL_JSON_OBJECT)) {
        ctl_print_json(answer);
        return;
    }
    for (uint32_t i = 0; i < answer->json->count; i++)
        if (answer->json->items[i].key.len > width)
            width = answer->json->items[i].key.len;
    for (uint32_t i = 0; i < answer->json->count; i++) {
        const myl_json *member = &answer->json->items[i];

        printf("%-*.*s  %.*s\n", (int)width, MYL_FMT(member->key), MYL_FMT(shown(run->cx, member)));
    }
}

/* ---- columns ---- */

typedef struct {
    myl_str names[COLUMNS];
    size_t widths[COLUMNS];
    size_t count;
} columns_of;

static void cut_columns(const char *text, columns_of *out)
{
    while (*text != '\0' && out->count < COLUMNS) {
        size_t len = strcspn(text, " ");

        out->names[out->count] = (myl_str){text, len};
        out->widths[out->count++] = len;
        text += len + (text[len] == ' ');
    }
}

/* How wide UTF-8 is, a column a code point. */
static size_t width_of(myl_str text)
{
    size_t width = 0;

    for (size_t i = 0; i < text.len; i++)
        width += ((unsigned char)text.at[i] & 0xc0) != 0x80;
    return width;
}

static void print_cell(myl_str text, size_t width, bool last)
{
    printf("%.*s", MYL_FMT(text));
    for (size_t i = width_of(text); i < width && !last; i++)
        putchar(' ');
    fputs(last ? "\n" : "  ", stdout);
}

void ctl_print_list(const ctl_run *run, const ctl_answer *answer, const char *list,
                    const char *columns)
{
    const myl_json *rows = myl_json_array(answer->json, myl_str_of(list));
    columns_of of = {.count = 0};

    if (run->json || rows == NULL) {
        ctl_print_json(answer);
        return;
    }
    cut_columns(columns, &of);
    for (uint32_t i = 0; i < rows->count; i++)
        for (size_t k = 0; k < of.count; k++) {
            size_t width = width_of(shown(run->cx, myl_json_get(&rows->items[i], of.names[k])));

            if (width > of.widths[k])
                of.widths[k] = width;
        }
    for (size_t k = 0; k < of.count; k++)
        print_cell(of.names[k], of.widths[k], k + 1 == of.count);
    for (uint32_t i = 0; i < rows->count; i++)
        for (size_t k = 0; k < of.count; k++)
            print_cell(shown(run->cx, myl_json_get(&rows->items[i], of.names[k])), of.widths[k],
                       k + 1 == of.count);
}

void ctl_print_texts(const ctl_run *run, const ctl_answer *answer, const char *list)
{
    const myl_json *rows = myl_json_array(answer->json, myl_str_of(list));

    if (run->json || rows == NULL) {
        ctl_print_json(answer);
        return;
    }
    for (uint32_t i = 0; i < rows->count; i++)
        printf("%.*s\n", MYL_FMT(shown(run->cx, &rows->items[i])));
}
