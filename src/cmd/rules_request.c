/* rules_request.c: the lines of `myelin rules` taken apart.
 *
 * Callers: `myelin rules`, `myelin explain-state`.
 * Memory:  all in the line's job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cmd/cmd_own.h"

#include <myelin/base_list.h>
#include <myelin/json_writer.h>

myl_rc myl_rules_request_read(myl_ctx *cx, myl_str line, myl_rules_request *out)
{
    MYL_TRY(myl_json_parse(cx, line, &out->json));
    if (out->json->kind != MYL_JSON_OBJECT)
        return myl_fail(cx, MYL_BAD_REQUEST, "a request is an object");
    out->op = myl_json_text(out->json, MYL_S("op"));
    if (!myl_str_present(out->op))
        return myl_fail(cx, MYL_BAD_REQUEST, "op: expected a string");
    return MYL_OK;
}

myl_rc myl_rules_request_version(myl_ctx *cx, const myl_json *request, const myl_room_version **out)
{
    *out = myl_room_version_find(myl_json_text(request, MYL_S("room_version")));
    return *out != NULL ? MYL_OK
                        : myl_fail(cx, MYL_BAD_REQUEST, "room_version: expected \"1\" to \"12\"");
}

/* --- lists of ids ------------------------------------------------------------------------------- */

/* The texts of an array; NULL for `list` gives none. */
static myl_rc read_texts(myl_ctx *cx, const myl_json *list, const char *field, const myl_str **out,
                         size_t *count)
{
    *count = 0;
    if (list == NULL)
        return MYL_OK;
    if (list->kind != MYL_JSON_ARRAY)
        return myl_fail(cx, MYL_BAD_REQUEST, "%s: expected a list of event ids", field);
    myl_str *texts = myl_new_array(cx, myl_str, list->count);
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].kind != MYL_JSON_STRING)
            return myl_fail(cx, MYL_BAD_REQUEST, "%s[%zu]: expected an event id", field, i);
        texts[i] = list->items[i].text;
    }
    *out = texts;
    *count = list->count;
    return MYL_OK;
}

static myl_rc read_rejected(myl_ctx *cx, const myl_json *request, myl_map **out)
{
    const myl_str *ids = NULL;
    size_t count;
    MYL_TRY(read_texts(cx, MYL_JSON_AT(request, "rejected"), "rejected", &ids, &count));
    *out = myl_map_start(cx, count);
    for (size_t i = 0; i < count; i++)
        *myl_map_slot(*out, ids[i]) = *out;
    return MYL_OK;
}

/* --- events ------------------------------------------------------------------------------------- */

/* Puts the place before the detail: "events[3]: sender: expected a user id". */
static myl_rc fail_at(myl_ctx *cx, const char *field, size_t index)
{
    myl_error error = cx->error;
    myl_forgive(cx);
    return myl_fail(cx, error.rc, "%s[%zu]: %.*s", field, index, MYL_FMT(error.detail));
}

myl_rc myl_rules_request_events(myl_ctx *cx, const myl_json *request, const char *field,
                                const myl_event *const **out, size_t *count)
{
    const myl_room_version *version;
    myl_map *rejected;
    const myl_json *list = myl_json_array(request, myl_str_of(field));
    MYL_TRY(myl_rules_request_version(cx, request, &version));
    MYL_TRY(read_rejected(cx, request, &rejected));
    if (list == NULL)
        return myl_fail(cx, MYL_BAD_REQUEST, "%s: expected a list of events", field);
    const myl_event **events = myl_new_array(cx, const myl_event *, list->count);
    for (size_t i = 0; i < list->count; i++) {
        myl_event *event = myl_new(cx, myl_event);
        if (myl_event_decode(cx, version, &list->items[i], event) != MYL_OK)
            return fail_at(cx, field, i);
        event->rejected = myl_map_has(rejected, event->event_id);
        events[i] = event;
    }
    *out = events;
    *count = list->count;
    return MYL_OK;
}

myl_rc myl_rules_request_resolve(myl_ctx *cx, const myl_json *request, myl_resolve_input *out)
{
    const myl_json *list = myl_json_array(request, MYL_S("state_sets"));
    *out = (myl_resolve_input){0};
    MYL_TRY(myl_rules_request_version(cx, request, &out->version));
    MYL_TRY(myl_rules_request_events(cx, request, "events", &out->events, &out->event_count));
    if (list == NULL)
        return myl_fail(cx, MYL_BAD_REQUEST, "state_sets: expected a list of lists of event ids");
    myl_state_set *sets = myl_new_array(cx, myl_state_set, list->count);
    for (size_t i = 0; i < list->count; i++)
        MYL_TRY(read_texts(cx, &list->items[i], "state_sets", &sets[i].ids, &sets[i].count));
    out->sets = sets;
    out->set_count = list->count;
    return MYL_OK;
}

myl_str myl_rules_refusal(myl_ctx *cx)
{
    myl_error error = cx->error;
    myl_str words = error.detail.len > 0 ? error.detail : myl_str_of(myl_error_of(error.rc)->name);
    myl_forgive(cx);
    myl_writer w = myl_write_start(cx, 128);
    myl_write_open(&w, '{');
    myl_write_str(&w, "error", words);
    myl_write_close(&w, '}');
    return myl_write_done(&w);
}
