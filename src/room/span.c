/* span.c: finds the pieces of an event in its canonical bytes.
 *
 * Why:     canonical JSON has no blanks and sorted keys, so that what clients see lies in three spans.
 * Callers: event.c when an event is stored, event_form.c when it is shown.
 * Holds:   the bytes are canonical JSON that our own writer made; nothing foreign comes here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_own.h"

/* A cursor over canonical JSON: no blanks, known well-formed. */
size_t myl_room_skip_string(myl_str json, size_t at)
{
    const char *quote = memchr(json.at + at + 1, '"', json.len - at - 1);

    if (quote[-1] != '\\')
        return (size_t)(quote - json.at) + 1;
    at++;
    while (json.at[at] != '"')
        at += json.at[at] == '\\' ? 2 : 1;
    return at + 1;
}

size_t myl_room_skip_value(myl_str json, size_t at)
{
    size_t depth = 0;

    do {
        char c = json.at[at];
        if (c == '"') {
            at = myl_room_skip_string(json, at);
            continue;
        }
        depth += (c == '{' || c == '[');
        depth -= (c == '}' || c == ']');
        at++;
    } while (depth > 0 || (json.at[at] != ',' && json.at[at] != '}' && json.at[at] != ']'));
    return at;
}

/* Lengthens *span to reach from its first member to `end`. */
static void take_member(myl_span *span, size_t start, size_t end)
{
    if (span->len == 0)
        span->at = (uint32_t)start;
    span->len = (uint32_t)end - span->at;
}

/* Canonical order puts redacts, room_id, sender side by side, and state_key, type, so that three spans hold all
 * that clients see besides event_id and origin_server_ts. */
void myl_room_find_spans(myl_str json, myl_stored *stored)
{
    size_t at = 1;

    while (at < json.len && json.at[at] == '"') {
        size_t start = at, key_end = myl_room_skip_string(json, at);
        myl_str key = myl_str_slice(json, at + 1, key_end - at - 2);
        size_t value = key_end + 1, end = myl_room_skip_value(json, value);

        if (myl_str_equal(key, MYL_S("content")))
            stored->content = (myl_span){(uint32_t)value, (uint32_t)(end - value)};
        else if (myl_str_equal(key, MYL_S("redacts")) || myl_str_equal(key, MYL_S("room_id")) ||
                 myl_str_equal(key, MYL_S("sender")))
            take_member(&stored->middle, start, end);
        else if (myl_str_equal(key, MYL_S("state_key")) || myl_str_equal(key, MYL_S("type")))
            take_member(&stored->tail, start, end);
        at = end + 1;
    }
}
