/* draft.c: an event of ours hashed, signed and named.
 *
 * Why:     every message sent passes here, so its bytes are written once, in canonical order, without `hashes`
 *          and `signatures`; content hash, signed form and final form are cut from that one text.
 * Callers: room/ and fed/ when they build events.
 * Threads: any.
 * Memory:  all in the job; the event borrows from the draft's values.
 * Holds:   the bytes are the canonical form of event->json (a test compares them).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "matrix/matrix_own.h"

#include <myelin/base_limit.h>

#define LARGEST_STRICT_DEPTH INT64_C(9007199254740991) /* 2^53-1 */
#define MEMBERS 13
#define OPAQUE_ID 32 /* characters of a made event id, versions 1 and 2 */

/* The event without hashes and signatures, and where its parts lie. */
typedef struct {
    myl_ctx *cx;
    const myl_event_draft *draft;
    myl_event *event;
    myl_text plain;
    size_t content, content_end; /* the content's bytes */
    size_t hashes;               /* where `hashes` goes in */
    size_t redacts, redacts_end; /* the member `redacts` with its comma; empty when there is none */
    size_t signatures;           /* where `signatures` goes in */
    myl_json *members;           /* of event->json, in order */
    size_t count;
} assembly;

static myl_json *add_member(assembly *a, const char *key, myl_json_kind kind)
{
    MYL_ASSERT(a->count < MEMBERS);
    myl_json *member = &a->members[a->count++];
    member->kind = kind;
    member->key = myl_str_of(key);
    return member;
}

static void add_key(myl_text *text, const char *key)
{
    char last = text->len > 0 ? text->at[text->len - 1] : '\0';
    if (last != '{')
        myl_text_add_byte(text, ',');
    myl_text_add_byte(text, '"');
    myl_text_add(text, myl_str_of(key));
    myl_text_add(text, MYL_S("\":"));
}

static void add_text(assembly *a, const char *key, myl_str value)
{
    if (!myl_str_present(value))
        return;
    add_key(&a->plain, key);
    myl_json_write_str(&a->plain, value);
    add_member(a, key, MYL_JSON_STRING)->text = value;
}

static void add_int(assembly *a, const char *key, int64_t value)
{
    add_key(&a->plain, key);
    myl_text_add_int(&a->plain, value);
    add_member(a, key, MYL_JSON_INT)->integer = value;
}

/* --- references --------------------------------------------------------------------------------- */

static myl_str hash_text(myl_ctx *cx, const myl_sha256 *hash)
{
    return myl_crypto_base64(cx, MYL_BASE64_STANDARD,
                             (myl_str){(const char *)hash->bytes, sizeof hash->bytes});
}

/* {"sha256": hash}, or {} without one. */
static const myl_json *hash_object(myl_ctx *cx, const myl_sha256 *hash)
{
    if (hash == NULL)
        return myl_json_empty_object();
    myl_json *member = myl_new(cx, myl_json);
    *member = (myl_json){.kind = MYL_JSON_STRING, .text = hash_text(cx, hash)};
    member->key = MYL_S("sha256");
    return myl_matrix_object(cx, member, 1);
}

static void add_references(assembly *a, const char *key, const myl_str *ids, size_t count,
                           const myl_sha256 *hashes)
{
    myl_json *items = myl_new_array(a->cx, myl_json, count);
    for (size_t i = 0; i < count; i++) {
        items[i] = (myl_json){.kind = MYL_JSON_STRING, .text = ids[i]};
        if (!a->draft->version->pair_references)
            continue;
        myl_json *pair = myl_new_array(a->cx, myl_json, 2);
        pair[0] = items[i];
        pair[1] = *hash_object(a->cx, hashes == NULL ? NULL : &hashes[i]);
        items[i] = (myl_json){.kind = MYL_JSON_ARRAY, .count = 2, .items = pair};
    }
    myl_json *member = add_member(a, key, MYL_JSON_ARRAY);
    member->count = (uint32_t)count;
    member->items = items;
    add_key(&a->plain, key);
    myl_json_write(&a->plain, member);
}

/* --- the one writing ---------------------------------------------------------------------------- */

static myl_rc add_content(assembly *a)
{
    add_key(&a->plain, "content");
    a->content = a->plain.len;
    MYL_TRY(myl_json_canonical(a->cx, a->draft->content, myl_matrix_form(a->draft->version),
                               &a->plain));
    a->content_end = a->plain.len;
    myl_json *member = &a->members[a->count++];
    *member = *a->draft->content;
    member->key = MYL_S("content");
    return MYL_OK;
}

/* Members stand in the order of their keys; `hashes` and `signatures` get their members now, their bytes
 * later. */
static myl_rc write_plain(assembly *a)
{
    const myl_event_draft *draft = a->draft;
    myl_text_add_byte(&a->plain, '{');
    add_references(a, "auth_events", draft->auth_events, draft->auth_event_count,
                   draft->auth_hashes);
    MYL_TRY(add_content(a));
    add_int(a, "depth", a->event->depth);
    add_text(a, "event_id", a->event->event_id);
    a->hashes = a->plain.len;
    add_member(a, "hashes", MYL_JSON_OBJECT);
    add_int(a, "origin_server_ts", draft->origin_server_ts);
    add_references(a, "prev_events", draft->prev_events, draft->prev_event_count,
                   draft->prev_hashes);
    a->redacts = a->plain.len;
    add_text(a, "redacts", draft->redacts);
    a->redacts_end = a->plain.len;
    add_text(a, "room_id", draft->room_id);
    add_text(a, "sender", draft->sender);
    a->signatures = a->plain.len;
    add_member(a, "signatures", MYL_JSON_OBJECT);
    add_text(a, "state_key", draft->state_key);
    add_text(a, "type", draft->type);
    myl_text_add_byte(&a->plain, '}');
    return MYL_OK;
}

/* Appends plain[from, to). */
static void splice(myl_text *text, const assembly *a, size_t from, size_t to)
{
    myl_text_add(text, (myl_str){a->plain.at + from, to - from});
}

/* The redacted form without signatures: what is signed, and what the reference hash is taken of. */
static myl_rc essential_bytes(const assembly *a, myl_str hashes, myl_str *out)
{
    const myl_event_draft *draft = a->draft;
    const myl_json *content =
        myl_matrix_redact_content(a->cx, draft->version, draft->type, draft->content);
    myl_text text = myl_text_start(a->cx, a->plain.len + hashes.len);
    splice(&text, a, 0, a->content);
    if (content == draft->content)
        splice(&text, a, a->content, a->content_end);
    else
        MYL_TRY(myl_json_canonical(a->cx, content, myl_matrix_form(draft->version), &text));
    splice(&text, a, a->content_end, a->hashes);
    myl_text_add(&text, hashes);
    splice(&text, a, a->hashes, a->redacts);
    splice(&text, a, a->redacts_end, a->plain.len);
    *out = myl_text_str(&text);
    return MYL_OK;
}

static myl_str final_bytes(const assembly *a, myl_str hashes, myl_str signatures)
{
    myl_text text = myl_text_start(a->cx, a->plain.len + hashes.len + signatures.len);
    splice(&text, a, 0, a->hashes);
    myl_text_add(&text, hashes);
    splice(&text, a, a->hashes, a->signatures);
    myl_text_add(&text, signatures);
    splice(&text, a, a->signatures, a->plain.len);
    return myl_text_str(&text);
}

/* Fills the member that waits for `value`; its bytes with key and comma. */
static myl_str fill_member(assembly *a, const char *key, const myl_json *value)
{
    for (size_t i = 0; i < a->count; i++) {
        if (!myl_str_equal(a->members[i].key, myl_str_of(key)))
            continue;
        a->members[i] = *value;
        a->members[i].key = myl_str_of(key);
    }
    myl_text text = myl_text_start(a->cx, 192);
    add_key(&text, key);
    myl_json_write(&text, value);
    return myl_text_str(&text);
}

static const myl_json *signature_object(myl_ctx *cx, const myl_signing_key *key,
                                        myl_str server_name, myl_str message)
{
    myl_signature signature = myl_crypto_sign(key, message);
    myl_str text =
        myl_crypto_base64(cx, MYL_BASE64_STANDARD,
                          (myl_str){(const char *)signature.bytes, sizeof signature.bytes});
    myl_json *members = myl_new_array(cx, myl_json, 2);
    members[0] = (myl_json){.kind = MYL_JSON_STRING, .text = text};
    members[0].key = myl_signing_key_id(key);
    members[1] = *myl_matrix_object(cx, &members[0], 1);
    members[1].key = server_name;
    return myl_matrix_object(cx, &members[1], 1);
}

/* --- the draft's own limits --------------------------------------------------------------------- */

static myl_rc check_draft(myl_ctx *cx, const myl_event_draft *draft)
{
    if (draft->type.len > MYL_LIMIT_ID_BYTES)
        return myl_fail(cx, MYL_EVENT_TOO_LARGE, "type: more than %d bytes", MYL_LIMIT_ID_BYTES);
    if (draft->state_key.len > MYL_LIMIT_ID_BYTES)
        return myl_fail(cx, MYL_EVENT_TOO_LARGE, "state_key: more than %d bytes",
                        MYL_LIMIT_ID_BYTES);
    if (draft->prev_event_count > MYL_LIMIT_PREV_EVENTS)
        return myl_fail(cx, MYL_BAD_EVENT, "prev_events: more than %d", MYL_LIMIT_PREV_EVENTS);
    if (draft->auth_event_count > MYL_LIMIT_AUTH_EVENTS)
        return myl_fail(cx, MYL_BAD_EVENT, "auth_events: more than %d", MYL_LIMIT_AUTH_EVENTS);
    return MYL_OK;
}

static void fill_event(const assembly *a)
{
    const myl_event_draft *draft = a->draft;
    myl_event *event = a->event;
    event->room_id = draft->room_id;
    event->sender = draft->sender;
    event->type = draft->type;
    event->state_key = draft->state_key;
    event->origin_server_ts = draft->origin_server_ts;
    event->prev_events = draft->prev_events;
    event->prev_event_count = draft->prev_event_count;
    event->auth_events = draft->auth_events;
    event->auth_event_count = draft->auth_event_count;
    event->content = draft->content;
    event->json = myl_matrix_object(a->cx, a->members, a->count);
    if (myl_str_equal(draft->type, MYL_S("m.room.redaction")))
        event->redacts = draft->version->redacts_in_content
                             ? myl_json_text(draft->content, MYL_S("redacts"))
                             : draft->redacts;
}

static assembly begin(myl_ctx *cx, const myl_event_draft *draft, myl_str server_name,
                      myl_event *event)
{
    *event = (myl_event){.version = draft->version, .depth = draft->depth};
    if (draft->version->strict_json && event->depth > LARGEST_STRICT_DEPTH)
        event->depth = LARGEST_STRICT_DEPTH;
    if (draft->version->event_id == MYL_EVENT_ID_GIVEN) {
        myl_str opaque = myl_crypto_random_text(cx, OPAQUE_ID);
        event->event_id = myl_strf(cx, "$%.*s:%.*s", MYL_FMT(opaque), MYL_FMT(server_name));
    }
    return (assembly){.cx = cx,
                      .draft = draft,
                      .event = event,
                      .plain = myl_text_start(cx, 1024),
                      .members = myl_new_array(cx, myl_json, MEMBERS)};
}

myl_rc myl_event_finish(myl_ctx *cx, const myl_event_draft *draft, const myl_signing_key *key,
                        myl_str server_name, myl_event *event, myl_str *bytes)
{
    MYL_TRY(check_draft(cx, draft));
    assembly a = begin(cx, draft, server_name, event);
    MYL_TRY(write_plain(&a));
    myl_sha256 content_hash = myl_crypto_sha256(myl_text_str(&a.plain));
    myl_str hashes = fill_member(&a, "hashes", hash_object(cx, &content_hash));
    myl_str essential;
    MYL_TRY(essential_bytes(&a, hashes, &essential));
    const myl_json *signed_by = signature_object(cx, key, server_name, essential);
    *bytes = final_bytes(&a, hashes, fill_member(&a, "signatures", signed_by));
    if (bytes->len > MYL_LIMIT_EVENT_BYTES)
        return myl_fail(cx, MYL_EVENT_TOO_LARGE, "event: %zu bytes, at most %d", bytes->len,
                        MYL_LIMIT_EVENT_BYTES);
    fill_event(&a);
    if (draft->version->event_id != MYL_EVENT_ID_GIVEN) {
        myl_sha256 reference = myl_crypto_sha256(essential);
        event->event_id = myl_matrix_hash_id(cx, draft->version, &reference);
    }
    if (!myl_str_present(event->room_id))
        event->room_id = myl_matrix_room_of(cx, event->event_id);
    return MYL_OK;
}
