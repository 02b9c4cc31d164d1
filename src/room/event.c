/* event.c: the stored event: a fixed header in front of the canonical bytes.
 *
 * Why:     most questions (which room, who, when, redacted?) are answered by the header, without parsing.
 * Callers: everything that reads or stores events.
 * Threads: the transaction's.
 * Memory:  `bytes` of what is read is borrowed from the transaction; ids are made in the job.
 * Holds:   the number is the position taken when the event was stored; it never changes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/purge_own.h"

enum { EVENT_FORM = 1, HASH_BYTES = 32 };

/* ---- writing the header ---- */

static void add_span(myl_text *row, myl_span span)
{
    myl_row_u32(row, span.at);
    myl_row_u32(row, span.len);
}

static uint8_t version_index(const myl_room_version *version)
{
    size_t i = 0;

    while (myl_room_version_at(i) != version)
        i++;
    return (uint8_t)i;
}

/* The fixed part, then the transaction id, then (where it is given, not computed) the event id. */
static void add_header(myl_text *row, const myl_stored *stored, myl_str hash)
{
    bool given = stored->version->event_id == MYL_EVENT_ID_GIVEN;

    myl_row_u8(row, EVENT_FORM);
    myl_row_u8(row, version_index(stored->version));
    myl_row_u16(row, (uint16_t)stored->flags);
    myl_row_u32(row, stored->type);
    myl_row_u64(row, stored->room);
    myl_row_u64(row, stored->sender);
    myl_row_u64(row, stored->state_key);
    myl_row_u64(row, (uint64_t)stored->origin_server_ts);
    myl_row_u64(row, (uint64_t)stored->depth);
    myl_row_u64(row, stored->position);
    myl_row_u64(row, stored->before);
    myl_row_u64(row, stored->after);
    myl_row_u64(row, stored->redacted_by);
    myl_row_u64(row, stored->device);
    add_span(row, stored->content);
    add_span(row, stored->middle);
    add_span(row, stored->tail);
    myl_text_add(row, hash);
    myl_row_str(row, stored->txn_id);
    myl_row_str(row, given ? stored->event_id : MYL_S(""));
}

/* ---- reading ---- */

static bool cut_span(myl_str *row, myl_span *out)
{
    return myl_cut_u32(row, &out->at) && myl_cut_u32(row, &out->len);
}

static bool cut_kind(myl_str *row, myl_stored *out)
{
    uint8_t form, version;
    uint16_t flags;

    if (!myl_cut_u8(row, &form) || form != EVENT_FORM || !myl_cut_u8(row, &version) ||
        version >= myl_room_version_count() || !myl_cut_u16(row, &flags))
        return false;
    out->version = myl_room_version_at(version);
    out->flags = flags;
    return myl_cut_u32(row, &out->type) && myl_cut_u64(row, &out->room) &&
           myl_cut_u64(row, &out->sender) && myl_cut_u64(row, &out->state_key);
}

static bool cut_numbers(myl_str *row, myl_stored *out)
{
    uint64_t ts, depth;

    if (!myl_cut_u64(row, &ts) || !myl_cut_u64(row, &depth))
        return false;
    out->origin_server_ts = (int64_t)ts;
    out->depth = (int64_t)depth;
    return myl_cut_u64(row, &out->position) && myl_cut_u64(row, &out->before) &&
           myl_cut_u64(row, &out->after) && myl_cut_u64(row, &out->redacted_by) &&
           myl_cut_u64(row, &out->device);
}

static bool spans_fit(const myl_stored *stored)
{
    const myl_span *spans[] = {&stored->content, &stored->middle, &stored->tail};

    for (size_t i = 0; i < 3; i++)
        if (spans[i]->at > stored->bytes.len || spans[i]->len > stored->bytes.len - spans[i]->at)
            return false;
    return true;
}

static myl_str id_of_hash(myl_ctx *cx, const myl_room_version *version, myl_str hash)
{
    bool url = version->event_id == MYL_EVENT_ID_HASH_URL;
    myl_str encoded = myl_crypto_base64(cx, url ? MYL_BASE64_URL : MYL_BASE64_STANDARD, hash);
    char *id = myl_alloc(cx, encoded.len + 1);

    id[0] = '$';
    memcpy(id + 1, encoded.at, encoded.len);
    return (myl_str){id, encoded.len + 1};
}

static bool cut_rest(myl_ctx *cx, myl_str *row, myl_stored *out)
{
    myl_str hash, id;

    if (!cut_span(row, &out->content) || !cut_span(row, &out->middle) ||
        !cut_span(row, &out->tail) || !myl_cut_bytes(row, HASH_BYTES, &hash) ||
        !myl_cut_str(row, &out->txn_id) || !myl_cut_str(row, &id))
        return false;
    if (out->device == 0)
        out->txn_id = MYL_ABSENT;
    out->event_id = id.len > 0 ? myl_keep(cx, id) : id_of_hash(cx, out->version, hash);
    out->bytes = *row;
    return spans_fit(out);
}

myl_rc myl_room_event(myl_ctx *cx, uint64_t number, myl_stored *out)
{
    myl_key key = myl_key_of_u64(number);
    myl_str row;

    memset(out, 0, sizeof(*out));
    MYL_TRY(myl_store_get(cx, MYL_TABLE_EVENTS, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        return myl_fail(cx, MYL_CORRUPT, "no event %llu", (unsigned long long)number);
    out->number = number;
    if (!cut_kind(&row, out) || !cut_numbers(&row, out) || !cut_rest(cx, &row, out))
        return myl_fail(cx, MYL_CORRUPT, "event %llu cannot be read", (unsigned long long)number);
    return MYL_OK;
}

myl_rc myl_room_event_kept(myl_ctx *cx, uint64_t number, myl_stored *out)
{
    myl_key key = myl_key_of_u64(number);
    myl_str row;

    memset(out, 0, sizeof(*out));
    MYL_TRY(myl_store_get(cx, MYL_TABLE_EVENTS, myl_key_str(&key), &row));
    return myl_str_present(row) ? myl_room_event(cx, number, out) : MYL_OK;
}

myl_rc myl_room_event_number(myl_ctx *cx, myl_str event_id, uint64_t *number)
{
    myl_key key = myl_key_start();
    myl_scan *scan;
    myl_str found, value;

    *number = 0;
    myl_key_hash(&key, event_id);
    MYL_TRY(myl_scan_values(cx, MYL_TABLE_EVENT_IDS, myl_key_str(&key), MYL_ABSENT, MYL_FORWARD,
                            &scan));
    for (;;) {
        uint64_t candidate;
        myl_stored stored;

        MYL_TRY(myl_scan_next(scan, &found, &value));
        if (!myl_str_present(found))
            break;
        if (!myl_cut_u64(&value, &candidate))
            return myl_fail(cx, MYL_CORRUPT, "EVENT_IDS: short row");
        MYL_TRY(myl_room_event(cx, candidate, &stored));
        if (myl_str_equal(stored.event_id, event_id)) {
            *number = candidate;
            break;
        }
    }
    myl_scan_end(scan);
    return MYL_OK;
}

myl_rc myl_room_event_of(myl_ctx *cx, uint64_t room, myl_str event_id, myl_stored *out)
{
    uint64_t number;

    MYL_TRY(myl_room_event_number(cx, event_id, &number));
    if (number != 0)
        MYL_TRY(myl_room_event(cx, number, out));
    if (number == 0 || out->room != room ||
        (out->flags & (MYL_EVENT_OUTLIER | MYL_EVENT_REJECTED)) != 0)
        return myl_fail(cx, MYL_NOT_FOUND, "no such event in this room");
    return MYL_OK;
}

myl_rc myl_room_event_open(myl_ctx *cx, const myl_stored *stored, myl_event *out)
{
    myl_str bytes = myl_keep(cx, stored->bytes);
    const myl_json *json;

    MYL_TRY(myl_event_reopen(cx, stored->version, stored->event_id, bytes, out));
    if ((stored->flags & MYL_EVENT_REDACTED) == 0)
        return MYL_OK;
    json = myl_event_redact(cx, stored->version, out->json);
    out->json = json;
    out->content = myl_json_object(json, MYL_S("content"));
    return MYL_OK;
}

myl_rc myl_room_event_content(myl_ctx *cx, const myl_stored *stored, const myl_json **out)
{
    myl_str content = myl_str_slice(stored->bytes, stored->content.at, stored->content.len);
    myl_event event;

    if ((stored->flags & MYL_EVENT_REDACTED) == 0)
        return myl_json_parse(cx, myl_keep(cx, content), out);
    MYL_TRY(myl_room_event_open(cx, stored, &event));
    *out = event.content;
    return MYL_OK;
}

/* The two lie behind: form, version, flags, type, room, sender, state key, time, depth, position. */
bool myl_room_event_roots(myl_str row, uint64_t *before, uint64_t *after)
{
    row = myl_str_slice(row, 1 + 1 + 2 + 4 + 6 * 8, SIZE_MAX);
    return myl_cut_u64(&row, before) && myl_cut_u64(&row, after);
}

/* ---- storing ---- */

static myl_rc put_row(myl_ctx *cx, const myl_stored *stored, myl_str hash, bool append)
{
    myl_text row = myl_text_start(cx, stored->bytes.len + 256);
    myl_key key = myl_key_of_u64(stored->number);

    add_header(&row, stored, hash);
    myl_text_add(&row, stored->bytes);
    if (append)
        return myl_store_append(cx, MYL_TABLE_EVENTS, myl_key_str(&key), myl_text_str(&row));
    return myl_store_put(cx, MYL_TABLE_EVENTS, myl_key_str(&key), myl_text_str(&row));
}

static myl_rc reference_hash(myl_ctx *cx, const myl_event *event, uint8_t out[HASH_BYTES])
{
    myl_base64_form form =
        event->version->event_id == MYL_EVENT_ID_HASH_URL ? MYL_BASE64_URL : MYL_BASE64_STANDARD;
    myl_str id = myl_str_slice(event->event_id, 1, SIZE_MAX), decoded;
    myl_sha256 hash;

    if (event->version->event_id != MYL_EVENT_ID_GIVEN &&
        myl_crypto_unbase64(cx, form, id, &decoded) && decoded.len == HASH_BYTES) {
        memcpy(out, decoded.at, HASH_BYTES);
        return MYL_OK;
    }
    MYL_TRY(myl_event_reference_hash(cx, event->version, event->json, &hash));
    memcpy(out, hash.bytes, HASH_BYTES);
    return MYL_OK;
}

static myl_rc intern_fields(myl_ctx *cx, const myl_event *event, myl_stored *stored)
{
    uint64_t type;

    MYL_TRY(myl_store_intern(cx, MYL_INTERN_TYPE, event->type, &type));
    stored->type = (uint32_t)type;
    MYL_TRY(myl_store_intern(cx, MYL_INTERN_NAME, event->sender, &stored->sender));
    if (myl_str_present(event->state_key))
        MYL_TRY(myl_store_intern(cx, MYL_INTERN_NAME, event->state_key, &stored->state_key));
    return MYL_OK;
}

static myl_rc put_arrival(myl_ctx *cx, const myl_stored *stored)
{
    myl_key room = myl_key_of_u64(stored->room),
            arrival = myl_key_of_u64s(stored->position, stored->number);

    MYL_TRY(myl_store_add(cx, MYL_TABLE_ROOM_ARRIVAL, myl_key_str(&room), myl_key_str(&arrival)));
    return myl_room_mark_changed(cx, stored->room, stored->position);
}

static myl_rc put_orders(myl_ctx *cx, const myl_stored *stored)
{
    myl_key room = myl_key_of_u64(stored->room), reading = myl_key_start(), arrival;

    myl_room_sweep_note(stored->before);
    myl_room_sweep_note(stored->after);
    if ((stored->flags & MYL_EVENT_OUTLIER) != 0) {
        arrival = myl_key_of_u64(stored->number);
        return myl_store_add(cx, MYL_TABLE_ROOM_OUTLIERS, myl_key_str(&room),
                             myl_key_str(&arrival));
    }
    myl_key_i64(&reading, stored->depth);
    myl_key_u64(&reading, stored->number);
    MYL_TRY(myl_store_add(cx, MYL_TABLE_ROOM_READING, myl_key_str(&room), myl_key_str(&reading)));
    if (stored->position == 0)
        return MYL_OK;
    return put_arrival(cx, stored);
}

myl_rc myl_room_event_release(myl_ctx *cx, bool arrives, myl_stored *stored)
{
    stored->flags &= ~(uint32_t)MYL_EVENT_HELD;
    stored->position = arrives ? myl_engine_next_position(cx) : 0;
    MYL_TRY(myl_room_event_rewrite(cx, stored));
    return arrives ? put_arrival(cx, stored) : MYL_OK;
}

myl_rc myl_room_event_put(myl_ctx *cx, const myl_event_place *place, myl_stored *stored)
{
    const myl_event *event = place->event;
    myl_key id = myl_key_start(), number;
    uint8_t hash[HASH_BYTES];

    memset(stored, 0, sizeof(*stored));
    MYL_TRY(myl_engine_count_event(cx));
    stored->number = myl_engine_next_position(cx);
    stored->room = place->room;
    stored->version = event->version;
    stored->event_id = event->event_id;
    stored->flags = place->flags | (myl_str_present(event->state_key) ? MYL_EVENT_STATE : 0);
    stored->origin_server_ts = event->origin_server_ts;
    stored->depth = place->depth;
    stored->position = place->arrives ? stored->number : 0;
    stored->before = place->before;
    stored->after = place->after;
    stored->device = place->device;
    stored->txn_id = place->txn_id;
    stored->bytes = place->bytes;
    MYL_TRY(intern_fields(cx, event, stored));
    MYL_TRY(reference_hash(cx, event, hash));
    myl_room_find_spans(place->bytes, stored);
    MYL_TRY(put_row(cx, stored, (myl_str){(const char *)hash, HASH_BYTES}, true));
    myl_key_hash(&id, event->event_id);
    number = myl_key_of_u64(stored->number);
    MYL_TRY(myl_store_add(cx, MYL_TABLE_EVENT_IDS, myl_key_str(&id), myl_key_str(&number)));
    if (myl_str_present(event->state_key))
        MYL_TRY(myl_room_auth_add(cx, stored, event));
    MYL_TRY(myl_room_relation_add(cx, stored, event));
    MYL_TRY(myl_room_search_add(cx, stored, event));
    return put_orders(cx, stored);
}

myl_rc myl_room_event_settle(myl_ctx *cx, const myl_event_place *place, myl_stored *stored)
{
    myl_key room = myl_key_of_u64(stored->room), number = myl_key_of_u64(stored->number);

    MYL_TRY(
        myl_store_remove(cx, MYL_TABLE_ROOM_OUTLIERS, myl_key_str(&room), myl_key_str(&number)));
    stored->flags = (stored->flags & ~(uint32_t)MYL_EVENT_OUTLIER) | place->flags;
    stored->depth = place->depth;
    stored->before = place->before;
    stored->after = place->after;
    stored->position = place->arrives ? myl_engine_next_position(cx) : 0;
    MYL_TRY(myl_room_event_rewrite(cx, stored));
    MYL_TRY(myl_room_relation_add(cx, stored, place->event));
    MYL_TRY(myl_room_search_add(cx, stored, place->event));
    return put_orders(cx, stored);
}

myl_rc myl_room_event_rewrite(myl_ctx *cx, const myl_stored *stored)
{
    myl_stored copy = *stored;
    uint8_t hash[HASH_BYTES];
    myl_event event;

    copy.bytes = myl_keep(cx, stored->bytes);
    copy.txn_id = myl_keep(cx, stored->txn_id);
    MYL_TRY(myl_event_reopen(cx, stored->version, stored->event_id, copy.bytes, &event));
    MYL_TRY(reference_hash(cx, &event, hash));
    return put_row(cx, &copy, (myl_str){(const char *)hash, HASH_BYTES}, false);
}
