/* event.c: a PDU's JSON checked against the event format of its version and taken apart.
 *
 * Why:     everything behind this border may rely on types, sizes and grammar.
 * Callers: fed/ and `myelin rules` for what comes in; store/ and room/ reopen what is stored.
 * Threads: any.
 * Memory:  a myl_event borrows from its JSON tree; both live in the job.
 * Holds:   `hashes` and `signatures` may be missing here; their own checks fail then.
 *          A version-12 create event with a room_id, if only it is a text, passes: auth rule 1.2 refuses it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "matrix/matrix_own.h"

#include <myelin/base_limit.h>
#include <myelin/matrix_id.h>

typedef struct {
    myl_ctx *cx;
    const myl_json *json;
    myl_event *out;
} decoding;

static myl_rc bad(const decoding *d, const char *field, const char *expected)
{
    return myl_fail(d->cx, MYL_BAD_EVENT, "%s: expected %s", field, expected);
}

/* --- fields ------------------------------------------------------------------------------------- */

/* A text of at most ID_BYTES; absent in `out` when it is not there. */
static myl_rc read_text(const decoding *d, const char *field, myl_str *out)
{
    const myl_json *value = myl_json_get(d->json, myl_str_of(field));
    *out = MYL_ABSENT;
    if (value == NULL)
        return MYL_OK;
    if (value->kind != MYL_JSON_STRING)
        return bad(d, field, "a string");
    if (value->text.len > MYL_LIMIT_ID_BYTES)
        return myl_fail(d->cx, MYL_EVENT_TOO_LARGE, "%s: more than %d bytes", field,
                        MYL_LIMIT_ID_BYTES);
    *out = value->text;
    return MYL_OK;
}

static size_t count_characters(myl_str text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.at[i] & 0xc0) != 0x80;
    return count;
}

/* The type or the state key. Older versions are measured in characters by the network, whatever the specification says. */
static myl_rc read_name(const decoding *d, const char *field, myl_str *out)
{
    const myl_json *value = myl_json_get(d->json, myl_str_of(field));

    if (d->out->version->byte_limits || value == NULL || value->kind != MYL_JSON_STRING ||
        count_characters(value->text) > MYL_LIMIT_ID_BYTES)
        return read_text(d, field, out);
    *out = value->text;
    return MYL_OK;
}

static myl_rc read_id(const decoding *d, const char *field, bool (*is_id)(myl_str),
                      const char *expected, myl_str *out)
{
    MYL_TRY(read_text(d, field, out));
    return is_id(*out) ? MYL_OK : bad(d, field, expected);
}

static myl_rc read_int(const decoding *d, const char *field, int64_t *out)
{
    return myl_json_int(d->json, myl_str_of(field), out) ? MYL_OK : bad(d, field, "an integer");
}

static bool is_reference(myl_str id)
{
    return id.len >= 2 && id.len <= MYL_LIMIT_ID_BYTES && id.at[0] == '$';
}

/* One entry of prev_events or auth_events: an id; in versions 1 and 2 a pair of id and hashes. */
static bool read_reference(const myl_room_version *version, const myl_json *entry, myl_str *out)
{
    if (version->pair_references) {
        if (entry->kind != MYL_JSON_ARRAY || entry->count != 2 ||
            entry->items[1].kind != MYL_JSON_OBJECT)
            return false;
        entry = &entry->items[0];
    }
    *out = entry->kind == MYL_JSON_STRING ? entry->text : MYL_ABSENT;
    return is_reference(*out);
}

static myl_rc read_references(const decoding *d, const char *field, size_t limit,
                              const myl_str **out, size_t *count)
{
    const myl_json *list = myl_json_array(d->json, myl_str_of(field));
    if (list == NULL)
        return bad(d, field, "a list");
    if (list->count > limit)
        return myl_fail(d->cx, MYL_BAD_EVENT, "%s: more than %zu entries", field, limit);
    myl_str *ids = myl_new_array(d->cx, myl_str, list->count);
    for (size_t i = 0; i < list->count; i++) {
        if (!read_reference(d->out->version, &list->items[i], &ids[i]))
            return myl_fail(d->cx, MYL_BAD_EVENT, "%s[%zu]: expected %s", field, i,
                            d->out->version->pair_references ? "a pair of event id and hashes"
                                                             : "an event id");
    }
    *out = ids;
    *count = list->count;
    return MYL_OK;
}

/* --- parts of the event ------------------------------------------------------------------------- */

/* The sigil is enough: whether the rest names the room is for the rules on the create event to say (1.2; version
 * 12: 2), which every event of a room stands on. */
static bool has_room_sigil(myl_str id)
{
    return id.len >= 2 && id.at[0] == '!';
}

static myl_rc read_room(const decoding *d)
{
    myl_event *out = d->out;
    if (out->version->room_id_is_create && myl_str_equal(out->type, MYL_S("m.room.create"))) {
        myl_str ignored; /* it follows from the event's id */
        return read_text(d, "room_id", &ignored);
    }
    return read_id(d, "room_id", has_room_sigil, "a room id", &out->room_id);
}

/* m.room.redaction: what it redacts, if it says so. */
static void read_redacts(const decoding *d)
{
    const myl_json *holder = d->out->version->redacts_in_content ? d->out->content : d->json;
    if (myl_str_equal(d->out->type, MYL_S("m.room.redaction")))
        d->out->redacts = myl_json_text(holder, MYL_S("redacts"));
}

/* Types, grammar and limits of every field but the id. */
static myl_rc read_fields(const decoding *d)
{
    myl_event *out = d->out;
    MYL_TRY(read_name(d, "type", &out->type));
    if (!myl_str_present(out->type))
        return bad(d, "type", "a string");
    MYL_TRY(read_room(d));
    MYL_TRY(read_id(d, "sender", myl_id_is_user, "a user id", &out->sender));
    MYL_TRY(read_name(d, "state_key", &out->state_key));
    MYL_TRY(read_int(d, "origin_server_ts", &out->origin_server_ts));
    MYL_TRY(read_int(d, "depth", &out->depth));
    MYL_TRY(read_references(d, "prev_events", MYL_LIMIT_PREV_EVENTS, &out->prev_events,
                            &out->prev_event_count));
    MYL_TRY(read_references(d, "auth_events", MYL_LIMIT_AUTH_EVENTS, &out->auth_events,
                            &out->auth_event_count));
    out->content = myl_json_object(d->json, MYL_S("content"));
    if (out->content == NULL)
        return bad(d, "content", "an object");
    read_redacts(d);
    return MYL_OK;
}

static myl_rc check_object(const decoding *d, const char *field)
{
    const myl_json *value = myl_json_get(d->json, myl_str_of(field));
    return value == NULL || value->kind == MYL_JSON_OBJECT ? MYL_OK : bad(d, field, "an object");
}

/* Canonical JSON as far as the version enforces it, and the whole size. */
static myl_rc check_canonical(const decoding *d)
{
    myl_ctx *cx = d->cx;
    myl_mark mark = myl_ctx_mark(cx);
    myl_text text = myl_text_start(cx, 1024);
    if (myl_json_canonical(cx, d->json, myl_matrix_form(d->out->version), &text) != MYL_OK) {
        myl_str detail = cx->error.detail;
        myl_forgive(cx);
        return myl_fail(cx, MYL_BAD_EVENT, "%.*s", MYL_FMT(detail));
    }
    size_t bytes = text.len;
    myl_ctx_release(cx, mark);
    if (bytes > MYL_LIMIT_EVENT_BYTES)
        return myl_fail(cx, MYL_EVENT_TOO_LARGE, "event: %zu bytes, at most %d", bytes,
                        MYL_LIMIT_EVENT_BYTES);
    return MYL_OK;
}

static decoding begin(myl_ctx *cx, const myl_room_version *version, const myl_json *json,
                      myl_event *out)
{
    *out = (myl_event){.version = version, .json = json};
    return (decoding){cx, json, out};
}

static void set_room_of_create(myl_ctx *cx, myl_event *event)
{
    if (!myl_str_present(event->room_id))
        event->room_id = myl_matrix_room_of(cx, event->event_id);
}

myl_rc myl_event_decode(myl_ctx *cx, const myl_room_version *version, const myl_json *json,
                        myl_event *out)
{
    decoding d = begin(cx, version, json, out);
    if (!myl_json_is(json, MYL_JSON_OBJECT))
        return bad(&d, "event", "an object");
    MYL_TRY(read_fields(&d));
    MYL_TRY(check_object(&d, "hashes"));
    MYL_TRY(check_object(&d, "signatures"));
    MYL_TRY(check_object(&d, "unsigned"));
    MYL_TRY(check_canonical(&d));
    MYL_TRY(myl_event_id(cx, version, json, &out->event_id));
    set_room_of_create(cx, out);
    return MYL_OK;
}

myl_rc myl_event_reopen(myl_ctx *cx, const myl_room_version *version, myl_str event_id,
                        myl_str bytes, myl_event *out)
{
    const myl_json *json;
    if (myl_json_parse(cx, bytes, &json) == MYL_OK) {
        decoding d = begin(cx, version, json, out);
        if (read_fields(&d) == MYL_OK) {
            out->event_id = event_id;
            set_room_of_create(cx, out);
            return MYL_OK;
        }
    }
    myl_forgive(cx);
    return myl_fail(cx, MYL_CORRUPT, "stored event %.*s is not to the format", MYL_FMT(event_id));
}

/* --- questions ---------------------------------------------------------------------------------- */

bool myl_event_is(const myl_event *event, const char *type, myl_str state_key)
{
    return myl_str_present(event->state_key) && myl_str_equal(event->type, myl_str_of(type)) &&
           myl_str_equal(event->state_key, state_key);
}

myl_str myl_event_membership(const myl_event *event)
{
    return myl_json_text(event->content, MYL_S("membership"));
}
