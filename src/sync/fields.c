/* fields.c: event_fields of a filter: of an event only what the client asks for.
 *
 * Spec:    Client-Server API, Filtering (event_fields); Appendices, Dot-separated property paths.
 * Callers: state.c. Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sync_own.h"

enum { DEEPEST = 16 };

typedef struct {
    myl_str keys[DEEPEST];
    size_t count; /* 0: the path is too deep, and names nothing */
} field_path;

static void add_key(field_path *path, myl_text *key)
{
    if (path->count < DEEPEST)
        path->keys[path->count++] = myl_keep(key->cx, myl_text_str(key));
    key->len = 0;
}

/* "content.a\.b" names the member "a.b" of content. */
static field_path split(myl_ctx *cx, myl_str field)
{
    field_path path = {.count = 0};
    myl_text key = MYL_TEXT(cx);
    size_t dots = 0;

    for (size_t i = 0; i < field.len; i++) {
        char byte = field.at[i];
        bool escapes = byte == '\\' && i + 1 < field.len &&
                       (field.at[i + 1] == '.' || field.at[i + 1] == '\\');

        if (byte == '.') {
            add_key(&path, &key);
            dots++;
            continue;
        }
        myl_text_add_byte(&key, escapes ? field.at[++i] : byte);
    }
    add_key(&path, &key);
    if (dots >= DEEPEST)
        path.count = 0;
    return path;
}

static const myl_json *value_at(const myl_json *event, const field_path *path)
{
    for (size_t i = 0; i < path->count && event != NULL; i++)
        event = myl_json_get(event, path->keys[i]);
    return event;
}

static const myl_json *with_value(myl_ctx *cx, const myl_json *out, const field_path *path,
                                  const myl_json *value)
{
    const myl_json *above[DEEPEST];

    for (size_t i = 0; i < path->count; i++) {
        above[i] = out;
        out = myl_json_object(out, path->keys[i]);
    }
    for (size_t i = path->count; i-- > 0;)
        value = myl_json_with(cx, above[i], path->keys[i], value);
    return value;
}

myl_rc myl_sync_write_fields(myl_ctx *cx, myl_writer *w, const myl_filter *filter, myl_str event)
{
    const myl_json *whole, *out = myl_json_empty_object();

    MYL_TRY(myl_json_parse(cx, event, &whole));
    for (size_t i = 0; i < filter->field_count; i++) {
        field_path path = split(cx, filter->fields[i]);
        const myl_json *value = path.count == 0 ? NULL : value_at(whole, &path);

        if (value != NULL)
            out = with_value(cx, out, &path, value);
    }
    myl_write_json(w, NULL, out);
    return MYL_OK;
}
