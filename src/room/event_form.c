/* event_form.c: events as clients see them, spliced from the stored bytes.
 *
 * Why:     the pieces that clients see lie side by side in canonical JSON; copying them needs no parser.
 * Callers: /sync, /messages, and every endpoint that shows events.
 * Threads: the transaction's.
 * Holds:   a redacted event is shown redacted, and `unsigned` holds only what this reader may know.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_own.h"

static myl_str piece(const myl_stored *stored, myl_span span)
{
    return myl_str_slice(stored->bytes, span.at, span.len);
}

/* The members of a span, spliced in as members of the open object. */
static void splice(myl_writer *w, myl_str members)
{
    if (members.len == 0)
        return;
    if (w->comma)
        myl_text_add_byte(&w->text, ',');
    myl_text_add(&w->text, members);
    w->comma = true;
}

/* Is this member of a span shown? Others can lie between them in an event of another server. */
static bool is_shown(myl_str key, const myl_stored *stored, bool omit_room_id)
{
    if (myl_str_equal(key, MYL_S("\"room_id\"")))
        return !omit_room_id;
    if (myl_str_equal(key, MYL_S("\"redacts\"")))
        return (stored->flags & MYL_EVENT_REDACTED) == 0;
    return myl_str_equal(key, MYL_S("\"sender\"")) || myl_str_equal(key, MYL_S("\"state_key\"")) ||
           myl_str_equal(key, MYL_S("\"type\""));
}

static void splice_span(myl_writer *w, const myl_stored *stored, myl_span span, bool omit_room_id)
{
    myl_str members = piece(stored, span);
    size_t at = 0;

    while (at < members.len) {
        size_t key_end = myl_room_skip_string(members, at),
               end = myl_room_skip_value(members, key_end + 1);

        if (is_shown(myl_str_slice(members, at, key_end - at), stored, omit_room_id))
            splice(w, myl_str_slice(members, at, end - at));
        at = end + 1;
    }
}

static myl_rc previous_state(myl_ctx *cx, const myl_stored *stored, myl_stored *previous)
{
    uint64_t number = 0;

    previous->number = 0;
    if ((stored->flags & MYL_EVENT_STATE) == 0)
        return MYL_OK;
    MYL_TRY(myl_tree_get(cx, myl_store_nodes(cx), stored->before, stored->type, stored->state_key,
                         &number));
    return number == 0 ? MYL_OK : myl_room_event(cx, number, previous);
}

/* An m.room.redaction of a version that has `redacts` beside the content; clients are shown it in there too (room
 * version 11, Client considerations). */
static myl_rc is_old_redaction(myl_ctx *cx, const myl_stored *stored, bool *out)
{
    myl_str type;

    *out = false;
    if (stored->version->redacts_in_content || (stored->flags & MYL_EVENT_REDACTED) != 0 ||
        !myl_str_starts(piece(stored, stored->middle), MYL_S("\"redacts\"")))
        return MYL_OK;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_TYPE, stored->type, &type));
    *out = myl_str_equal(type, MYL_S("m.room.redaction"));
    return MYL_OK;
}

static myl_rc write_old_redaction(myl_ctx *cx, myl_writer *w, const char *key,
                                  const myl_stored *stored)
{
    myl_event event;

    MYL_TRY(myl_room_event_open(cx, stored, &event));
    if (myl_str_present(event.redacts))
        event.content =
            myl_json_with(cx, event.content, MYL_S("redacts"), myl_json_of_str(cx, event.redacts));
    myl_write_json(w, key, event.content);
    return MYL_OK;
}

static myl_rc write_content(myl_ctx *cx, myl_writer *w, const char *key, const myl_stored *stored)
{
    const myl_json *content;
    bool is_old;

    MYL_TRY(is_old_redaction(cx, stored, &is_old));
    if (is_old)
        return write_old_redaction(cx, w, key, stored);
    if ((stored->flags & MYL_EVENT_REDACTED) == 0) {
        myl_write_raw(w, key, piece(stored, stored->content));
        return MYL_OK;
    }
    MYL_TRY(myl_room_event_content(cx, stored, &content));
    myl_write_json(w, key, content);
    return MYL_OK;
}

static myl_rc write_plain(myl_ctx *cx, myl_writer *w, const char *key, const myl_stored *stored);

static myl_rc write_unsigned(myl_ctx *cx, myl_writer *w, const myl_stored *stored,
                             const myl_event_form *form)
{
    myl_stored previous, redaction;
    myl_str sender;

    myl_write_open_key(w, "unsigned", '{');
    if (form->now_ms != 0)
        myl_write_int(w, "age", form->now_ms - stored->origin_server_ts);
    myl_write_str(w, "membership", form->membership);
    MYL_TRY(previous_state(cx, stored, &previous));
    if (previous.number != 0) {
        MYL_TRY(write_content(cx, w, "prev_content", &previous));
        MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, previous.sender, &sender));
        myl_write_str(w, "prev_sender", sender);
        myl_write_str(w, "replaces_state", previous.event_id);
    }
    if (stored->redacted_by != 0) {
        MYL_TRY(myl_room_event(cx, stored->redacted_by, &redaction));
        MYL_TRY(write_plain(cx, w, "redacted_because", &redaction));
    }
    if (form->reader != NULL && stored->device != 0 && form->reader->device == stored->device)
        myl_write_str(w, "transaction_id", stored->txn_id);
    MYL_TRY(myl_room_write_relations(cx, w, stored, form));
    myl_write_close(w, '}');
    return MYL_OK;
}

/* A version-12 create event has no room_id of its own. */
static myl_rc write_room_id(myl_ctx *cx, myl_writer *w, const myl_stored *stored)
{
    myl_str room_id;

    if (!stored->version->room_id_is_create ||
        myl_str_starts(piece(stored, stored->middle), MYL_S("\"room_id\"")) ||
        myl_str_starts(piece(stored, stored->middle), MYL_S("\"redacts\"")))
        return MYL_OK;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_ROOM, stored->room, &room_id));
    myl_write_str(w, "room_id", room_id);
    return MYL_OK;
}

/* Where a version keeps `redacts` in one place, clients are shown it in both (room version 11, Client considerations). */
static myl_rc write_redacts(myl_ctx *cx, myl_writer *w, const myl_stored *stored)
{
    const myl_json *content;
    myl_str type;

    if (!stored->version->redacts_in_content ||
        (stored->flags & (MYL_EVENT_STATE | MYL_EVENT_REDACTED)) != 0)
        return MYL_OK;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_TYPE, stored->type, &type));
    if (!myl_str_equal(type, MYL_S("m.room.redaction")))
        return MYL_OK;
    MYL_TRY(myl_room_event_content(cx, stored, &content));
    myl_write_str(w, "redacts", myl_json_text(content, MYL_S("redacts")));
    return MYL_OK;
}

static myl_rc write_members(myl_ctx *cx, myl_writer *w, const myl_stored *stored, bool omit_room_id)
{
    MYL_TRY(write_content(cx, w, "content", stored));
    myl_write_str(w, "event_id", stored->event_id);
    myl_write_int(w, "origin_server_ts", stored->origin_server_ts);
    MYL_TRY(write_redacts(cx, w, stored));
    if (!omit_room_id)
        MYL_TRY(write_room_id(cx, w, stored));
    splice_span(w, stored, stored->middle, omit_room_id);
    splice_span(w, stored, stored->tail, false);
    return MYL_OK;
}

static void open_event(myl_writer *w, const char *key)
{
    if (key != NULL)
        myl_write_open_key(w, key, '{');
    else
        myl_write_open(w, '{');
}

/* Without `unsigned`: inside another event. */
static myl_rc write_plain(myl_ctx *cx, myl_writer *w, const char *key, const myl_stored *stored)
{
    open_event(w, key);
    MYL_TRY(write_members(cx, w, stored, false));
    myl_write_open_key(w, "unsigned", '{');
    myl_write_close(w, '}');
    myl_write_close(w, '}');
    return MYL_OK;
}

/* The whole PDU, as `event_format: federation` asks, with event_id and unsigned. */
static myl_rc write_federation(myl_ctx *cx, myl_writer *w, const myl_stored *stored,
                               const myl_event_form *form)
{
    myl_event event;
    const myl_json *json;

    MYL_TRY(myl_room_event_open(cx, stored, &event));
    json = myl_json_without(cx, event.json, MYL_S("unsigned"));
    json = myl_json_without(cx, json, MYL_S("event_id"));
    for (uint32_t i = 0; i < json->count; i++) {
        myl_text value = MYL_TEXT(cx);
        myl_json_write(&value, &json->items[i]);
        myl_write_member(w, json->items[i].key, myl_text_str(&value));
    }
    myl_write_str(w, "event_id", stored->event_id);
    return write_unsigned(cx, w, stored, form);
}

/* What somebody wrote who has asked to be erased is shown redacted to who was not in the room then (spec: Account
 * deactivation). */
static myl_rc hide_erased(myl_ctx *cx, const myl_caller *reader, myl_stored *shown)
{
    myl_membership then = MYL_MEMBER_NONE;
    bool erased;

    if ((shown->flags & (MYL_EVENT_STATE | MYL_EVENT_REDACTED)) != 0)
        return MYL_OK;
    MYL_TRY(myl_user_is_erased(cx, shown->sender, &erased));
    if (!erased)
        return MYL_OK;
    if (reader != NULL)
        MYL_TRY(myl_room_member_at(cx, shown->before, reader->user, &then));
    if (then != MYL_MEMBER_JOIN)
        shown->flags |= MYL_EVENT_REDACTED;
    return MYL_OK;
}

myl_rc myl_room_write_event(myl_ctx *cx, myl_writer *w, const char *key, const myl_stored *given,
                            const myl_event_form *form)
{
    myl_stored shown = *given;
    const myl_stored *stored = &shown;

    MYL_TRY(hide_erased(cx, form->reader, &shown));
    open_event(w, key);
    if (form->federation_format) {
        MYL_TRY(write_federation(cx, w, stored, form));
    } else {
        MYL_TRY(write_members(cx, w, stored, form->omit_room_id));
        MYL_TRY(write_unsigned(cx, w, stored, form));
    }
    myl_write_close(w, '}');
    return MYL_OK;
}

myl_rc myl_room_write_stripped(myl_ctx *cx, myl_writer *w, const myl_stored *stored)
{
    myl_str sender;

    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, stored->sender, &sender));
    myl_write_open(w, '{');
    MYL_TRY(write_content(cx, w, "content", stored));
    myl_write_str(w, "sender", sender);
    splice_span(w, stored, stored->tail, false);
    myl_write_close(w, '}');
    return MYL_OK;
}
