/* to_device.c: messages to devices: queued, given, acknowledged, and queued for other servers.
 *
 * Spec:    Client-Server API, Send-to-Device messaging; Server-Server API, Send-to-device messaging.
 * Threads: the transaction's.
 * Holds:   TO_DEVICE_COUNTS says what lies in TO_DEVICE; a message goes only when its device has said that it has it, or
 *          when a device that has said nothing for TO_DEVICE_SILENT_DAYS has a full queue.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

#include <myelin/matrix_id.h>

enum {
    MAKE_ROOM = 1000,
    RETRY_MS = 60000,
    DROP_BYTES = 4 * 1024 * 1024, /* of one change */
    SMALL_BYTES = 256 * 1024      /* a queue that goes together with its device */
};
#define DAY_MS ((int64_t)24 * 3600 * 1000)

typedef struct {
    uint64_t messages, bytes;
    int64_t heard_ms; /* when the device last took something, or got its first message */
} queue_row;

/* ---- rows ---- */

static myl_rc get_queue(myl_ctx *cx, uint64_t user, uint64_t device, queue_row *out)
{
    myl_key key = myl_key_of_u64s(user, device);
    myl_str row;

    *out = (queue_row){.heard_ms = myl_now_ms()};
    MYL_TRY(myl_store_get(cx, MYL_TABLE_TO_DEVICE_COUNTS, myl_key_str(&key), &row));
    if (myl_str_present(row) &&
        (!myl_cut_u64(&row, &out->messages) || !myl_cut_u64(&row, &out->bytes) ||
         !myl_cut_i64(&row, &out->heard_ms)))
        return myl_fail(cx, MYL_CORRUPT, "TO_DEVICE_COUNTS: bad row");
    return MYL_OK;
}

static myl_rc put_queue(myl_ctx *cx, uint64_t user, uint64_t device, const queue_row *queue)
{
    myl_key key = myl_key_of_u64s(user, device),
            row = myl_key_of_u64s(queue->messages, queue->bytes);

    if (queue->messages == 0)
        return myl_store_delete(cx, MYL_TABLE_TO_DEVICE_COUNTS, myl_key_str(&key));
    myl_key_i64(&row, queue->heard_ms);
    return myl_store_put(cx, MYL_TABLE_TO_DEVICE_COUNTS, myl_key_str(&key), myl_key_str(&row));
}

static bool cut_message(myl_ctx *cx, myl_str key, myl_str row, myl_to_device *out)
{
    key = myl_str_slice(key, 16, SIZE_MAX);
    if (!myl_cut_u64(&key, &out->position) || !myl_cut_str(&row, &out->sender) ||
        !myl_cut_str(&row, &out->type))
        return false;
    out->sender = myl_keep(cx, out->sender);
    out->type = myl_keep(cx, out->type);
    out->json = myl_keep(cx, row);
    return true;
}

/* Deletes the oldest, at most `limit` and not many more bytes than one change may write, none past `upto`. */
static myl_rc drop_oldest(myl_ctx *cx, const myl_to_device_range *range, queue_row *queue)
{
    myl_key prefix = myl_key_of_u64s(range->user, range->device);
    myl_list keys = MYL_LIST(cx, myl_str);
    uint64_t least = queue->bytes > DROP_BYTES ? queue->bytes - DROP_BYTES : 0;
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_TO_DEVICE, myl_key_str(&prefix), MYL_ABSENT, MYL_FORWARD,
                           &scan));
    while (keys.count < range->limit && queue->bytes >= least) {
        myl_str rest;
        uint64_t position;

        MYL_TRY(myl_scan_next(scan, &key, &row));
        rest = myl_str_slice(key, 16, SIZE_MAX);
        if (!myl_str_present(key) || !myl_cut_u64(&rest, &position) || position > range->upto)
            break;
        queue->messages--;
        queue->bytes -= row.len;
        myl_list_push(&keys, myl_str, myl_keep(cx, key));
    }
    myl_scan_end(scan);
    for (size_t i = 0; i < keys.count; i++)
        MYL_TRY(myl_store_delete(cx, MYL_TABLE_TO_DEVICE, myl_list_get(&keys, myl_str, i)));
    return MYL_OK;
}

/* ---- sending ---- */

/* One request on its way. */
typedef struct {
    const myl_to_device_sender *from;
    uint32_t targets;
} sending;

static bool is_full(const queue_row *queue, size_t more)
{
    return queue->messages >= MYL_LIMIT_TO_DEVICE_WAITING ||
           queue->bytes + more > MYL_LIMIT_TO_DEVICE_WAITING_BYTES;
}

/* *fits: a full queue has room only when its device has been silent for long. */
static myl_rc make_room(myl_ctx *cx, const myl_to_device_range *range, queue_row *queue,
                        size_t more, bool *fits)
{
    bool silent = myl_now_ms() - queue->heard_ms > MYL_LIMIT_TO_DEVICE_SILENT_DAYS * DAY_MS;

    if (is_full(queue, more) && silent)
        MYL_TRY(drop_oldest(cx, range, queue));
    *fits = !is_full(queue, more);
    return MYL_OK;
}

static myl_rc refuse(myl_ctx *cx)
{
    myl_rc rc = myl_fail(cx, MYL_LIMIT_EXCEEDED, "messages: too many wait for one of the devices");

    cx->error.retry_after_ms = RETRY_MS;
    return rc;
}

static myl_rc put_message(myl_ctx *cx, sending *s, uint64_t user, uint64_t device, myl_str json)
{
    myl_to_device_range all = {.user = user,
                               .device = device,
                               .upto = UINT64_MAX,
                               .limit = MAKE_ROOM};
    myl_key key = myl_key_of_u64s(user, device);
    myl_text row = MYL_TEXT(cx);
    queue_row queue;
    bool fits;

    if (++s->targets > MYL_LIMIT_TO_DEVICE_TARGETS)
        return myl_fail(cx, MYL_TOO_LARGE, "messages: more than %d devices",
                        MYL_LIMIT_TO_DEVICE_TARGETS);
    myl_row_str(&row, s->from->sender);
    myl_row_str(&row, s->from->type);
    myl_text_add(&row, json);
    MYL_TRY(get_queue(cx, user, device, &queue));
    MYL_TRY(make_room(cx, &all, &queue, row.len, &fits));
    if (!fits)
        return s->from->received ? MYL_OK : refuse(cx);
    queue.messages++;
    queue.bytes += row.len;
    myl_key_u64(&key, myl_engine_next_position(cx));
    MYL_TRY(myl_store_put(cx, MYL_TABLE_TO_DEVICE, myl_key_str(&key), myl_text_str(&row)));
    myl_engine_note(cx, MYL_NOTE_USER, user);
    return put_queue(cx, user, device, &queue);
}

static myl_rc send_to_all(myl_ctx *cx, sending *s, myl_str user_id, uint64_t user, myl_str json)
{
    const myl_device *devices;
    size_t count;

    MYL_TRY(myl_user_devices(cx, user_id, &devices, &count));
    for (size_t i = 0; i < count; i++)
        MYL_TRY(put_message(cx, s, user, devices[i].number, json));
    return MYL_OK;
}

static myl_rc write_content(myl_ctx *cx, const myl_json *message, myl_str user_id, myl_str *json)
{
    myl_text text = MYL_TEXT(cx);

    myl_json_write(&text, message);
    if (text.len > MYL_LIMIT_TO_DEVICE_BYTES)
        return myl_fail(cx, MYL_TOO_LARGE, "messages.%.*s.%.*s: more than %d bytes",
                        MYL_FMT(user_id), MYL_FMT(message->key), MYL_LIMIT_TO_DEVICE_BYTES);
    *json = myl_text_str(&text);
    return MYL_OK;
}

static myl_rc send_to_user(myl_ctx *cx, sending *s, const myl_json *devices)
{
    myl_str user_id = devices->key;
    uint64_t user;

    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, user_id, &user));
    for (uint32_t i = 0; user != 0 && i < devices->count; i++) {
        const myl_json *message = &devices->items[i];
        myl_device device;
        myl_str json;

        MYL_TRY(write_content(cx, message, user_id, &json));
        if (myl_str_equal(message->key, MYL_S("*"))) {
            MYL_TRY(send_to_all(cx, s, user_id, user, json));
            continue;
        }
        MYL_TRY(myl_user_device(cx, user, message->key, &device));
        if (device.number != 0)
            MYL_TRY(put_message(cx, s, user, device.number, json));
    }
    return MYL_OK;
}

/* ---- to other servers ---- */

static myl_rc out_count(myl_ctx *cx, uint64_t server, uint64_t *out)
{
    myl_key key = myl_key_of_u64(server);
    myl_str row;

    *out = 0;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_TO_DEVICE_OUT_COUNTS, myl_key_str(&key), &row));
    if (myl_str_present(row) && !myl_cut_u64(&row, out))
        return myl_fail(cx, MYL_CORRUPT, "TO_DEVICE_OUT_COUNTS: bad row");
    return MYL_OK;
}

static myl_rc set_out_count(myl_ctx *cx, uint64_t server, uint64_t count)
{
    myl_key key = myl_key_of_u64(server), value = myl_key_of_u64(count);

    if (count == 0)
        return myl_store_delete(cx, MYL_TABLE_TO_DEVICE_OUT_COUNTS, myl_key_str(&key));
    return myl_store_put(cx, MYL_TABLE_TO_DEVICE_OUT_COUNTS, myl_key_str(&key),
                         myl_key_str(&value));
}

/* Deletes rows of a server up to a position, at most `limit`; *count falls. */
static myl_rc drop_out(myl_ctx *cx, uint64_t server, uint64_t upto, size_t limit, uint64_t *count)
{
    myl_key prefix = myl_key_of_u64(server);
    myl_list keys = MYL_LIST(cx, myl_str);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_TO_DEVICE_OUT, myl_key_str(&prefix), MYL_ABSENT,
                           MYL_FORWARD, &scan));
    while (keys.count < limit) {
        myl_str rest;
        uint64_t position;

        MYL_TRY(myl_scan_next(scan, &key, &row));
        rest = myl_str_slice(key, 8, SIZE_MAX);
        if (!myl_str_present(key) || !myl_cut_u64(&rest, &position) || position > upto)
            break;
        myl_list_push(&keys, myl_str, myl_keep(cx, key));
    }
    myl_scan_end(scan);
    for (size_t i = 0; i < keys.count; i++)
        MYL_TRY(myl_store_delete(cx, MYL_TABLE_TO_DEVICE_OUT, myl_list_get(&keys, myl_str, i)));
    *count -= keys.count < *count ? keys.count : *count;
    return MYL_OK;
}

static myl_str write_edu(myl_ctx *cx, const myl_to_device_sender *from, const myl_json *messages)
{
    myl_writer w = myl_write_start(cx, 1024);

    myl_write_open(&w, '{');
    myl_write_str(&w, "message_id", myl_crypto_random_text(cx, 24));
    myl_write_json(&w, "messages", messages);
    myl_write_str(&w, "sender", from->sender);
    myl_write_str(&w, "type", from->type);
    myl_write_close(&w, '}');
    return myl_write_done(&w);
}

static myl_rc put_out(myl_ctx *cx, const myl_to_device_sender *from, myl_str server_name,
                      const myl_json *messages)
{
    uint64_t server, count;
    myl_key key;

    MYL_TRY(myl_store_intern(cx, MYL_INTERN_SERVER, server_name, &server));
    MYL_TRY(out_count(cx, server, &count));
    if (count >= MYL_LIMIT_TO_DEVICE_OUT)
        MYL_TRY(drop_out(cx, server, UINT64_MAX, 1, &count));
    key = myl_key_of_u64s(server, myl_engine_next_position(cx));
    MYL_TRY(myl_store_put(cx, MYL_TABLE_TO_DEVICE_OUT, myl_key_str(&key),
                          write_edu(cx, from, messages)));
    myl_engine_note(cx, MYL_NOTE_DESTINATION, server);
    return set_out_count(cx, server, count + 1);
}

/* Gathers what goes to each server: name -> list of members (myl_json). */
static void gather(myl_ctx *cx, myl_map *servers, const myl_json *devices)
{
    void **slot = myl_map_slot(servers, myl_id_domain(devices->key));

    if (*slot == NULL) {
        *slot = myl_new(cx, myl_list);
        *(myl_list *)*slot = MYL_LIST(cx, myl_json);
    }
    myl_list_push((myl_list *)*slot, myl_json, *devices);
}

static myl_rc send_out(myl_ctx *cx, const myl_to_device_sender *from, const myl_map *servers)
{
    myl_str server;
    void *list;

    for (size_t at = 0; myl_map_next(servers, &at, &server, &list);) {
        const myl_list *members = list;

        MYL_TRY(put_out(cx, from, server, myl_json_of_members(cx, members->at, members->count)));
    }
    return MYL_OK;
}

/* ---- contract ---- */

/* Content for another server is as large as for ours. */
static myl_rc check_sizes(myl_ctx *cx, const myl_json *devices)
{
    myl_str json;

    for (uint32_t i = 0; i < devices->count; i++)
        MYL_TRY(write_content(cx, &devices->items[i], devices->key, &json));
    return MYL_OK;
}

myl_rc myl_user_to_device_send(myl_ctx *cx, const myl_to_device_sender *from,
                               const myl_json *messages)
{
    myl_map *servers = myl_map_start(cx, 8);
    sending s = {.from = from};

    if (from->type.len > MYL_LIMIT_ID_BYTES)
        return myl_fail(cx, MYL_INVALID_PARAM, "eventType: longer than %d bytes",
                        MYL_LIMIT_ID_BYTES);
    for (uint32_t i = 0; i < messages->count; i++) {
        const myl_json *devices = &messages->items[i];

        if (myl_id_is_ours(devices->key, from->own_server)) {
            MYL_TRY(send_to_user(cx, &s, devices));
        } else if (!from->received && devices->count > 0) {
            MYL_TRY(check_sizes(cx, devices));
            gather(cx, servers, devices);
        }
    }
    return send_out(cx, from, servers);
}

myl_rc myl_user_to_device_get(myl_ctx *cx, const myl_to_device_range *range,
                              const myl_to_device **messages, size_t *count, bool *more)
{
    myl_key prefix = myl_key_of_u64s(range->user, range->device),
            from = myl_key_of_u64s3(range->user, range->device, range->after + 1);
    myl_list out = MYL_LIST(cx, myl_to_device);
    myl_scan *scan;
    myl_str key, row;

    *more = false;
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_TO_DEVICE, myl_key_str(&prefix), myl_key_str(&from),
                           MYL_FORWARD, &scan));
    for (;;) {
        myl_to_device message;

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        if (!cut_message(cx, key, row, &message))
            return myl_fail(cx, MYL_CORRUPT, "TO_DEVICE: bad row");
        if (message.position > range->upto)
            break;
        *more = out.count == range->limit;
        if (*more)
            break;
        myl_list_push(&out, myl_to_device, message);
    }
    myl_scan_end(scan);
    *messages = out.at;
    *count = out.count;
    return MYL_OK;
}

myl_rc myl_user_to_device_waits(myl_ctx *cx, uint64_t user, uint64_t device, uint64_t upto,
                                bool *out)
{
    myl_key prefix = myl_key_of_u64s(user, device);
    myl_scan *scan;
    myl_str key, row;
    uint64_t position;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_TO_DEVICE, myl_key_str(&prefix), MYL_ABSENT, MYL_FORWARD,
                           &scan));
    MYL_TRY(myl_scan_next(scan, &key, &row));
    key = myl_str_slice(key, 16, SIZE_MAX);
    *out = myl_cut_u64(&key, &position) && position <= upto;
    myl_scan_end(scan);
    return MYL_OK;
}

myl_rc myl_user_to_device_acknowledge(myl_ctx *cx, uint64_t user, uint64_t device, uint64_t upto)
{
    myl_to_device_range range = {.user = user,
                                 .device = device,
                                 .upto = upto,
                                 .limit = MYL_LIMIT_TO_DEVICE_TARGETS};
    queue_row queue;

    MYL_TRY(get_queue(cx, user, device, &queue));
    if (queue.messages == 0)
        return MYL_OK;
    MYL_TRY(drop_oldest(cx, &range, &queue));
    queue.heard_ms = myl_now_ms();
    return put_queue(cx, user, device, &queue);
}

static myl_rc (*sweep_later)(myl_ctx *cx, uint64_t user, uint64_t device);

void myl_user_on_queue_left(myl_rc (*fn)(myl_ctx *cx, uint64_t user, uint64_t device))
{
    sweep_later = fn;
}

myl_rc myl_user_to_device_sweep(myl_ctx *cx, uint64_t user, uint64_t device, bool *finished)
{
    myl_to_device_range all = {.user = user,
                               .device = device,
                               .upto = UINT64_MAX,
                               .limit = MAKE_ROOM};
    queue_row queue;

    MYL_TRY(get_queue(cx, user, device, &queue));
    if (queue.messages > 0)
        MYL_TRY(drop_oldest(cx, &all, &queue));
    *finished = queue.messages == 0;
    return put_queue(cx, user, device, &queue);
}

/* A long queue is left to pieces; its counts stay so long, which tells that it is known. */
myl_rc myl_user_to_device_drop(myl_ctx *cx, uint64_t user, uint64_t device)
{
    queue_row queue;
    bool finished;

    MYL_TRY(get_queue(cx, user, device, &queue));
    if (sweep_later != NULL && (queue.bytes > SMALL_BYTES || queue.messages > MAKE_ROOM))
        return sweep_later(cx, user, device);
    return myl_user_to_device_sweep(cx, user, device, &finished);
}

myl_rc myl_user_to_device_out(myl_ctx *cx, uint64_t server, uint64_t after,
                              const myl_to_device_out **edus, size_t *count)
{
    myl_key prefix = myl_key_of_u64(server), from = myl_key_of_u64s(server, after + 1);
    myl_list out = MYL_LIST(cx, myl_to_device_out);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_TO_DEVICE_OUT, myl_key_str(&prefix), myl_key_str(&from),
                           MYL_FORWARD, &scan));
    while (out.count < MYL_LIMIT_TO_DEVICE_SYNC) {
        myl_to_device_out *edu;

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        edu = myl_list_add(&out);
        key = myl_str_slice(key, 8, SIZE_MAX);
        if (!myl_cut_u64(&key, &edu->position))
            return myl_fail(cx, MYL_CORRUPT, "TO_DEVICE_OUT: bad key");
        edu->json = myl_keep(cx, row);
    }
    myl_scan_end(scan);
    *edus = out.at;
    *count = out.count;
    return MYL_OK;
}

myl_rc myl_user_to_device_out_sent(myl_ctx *cx, uint64_t server, uint64_t upto)
{
    uint64_t count;

    MYL_TRY(out_count(cx, server, &count));
    MYL_TRY(drop_out(cx, server, upto, MYL_LIMIT_TO_DEVICE_OUT, &count));
    return set_out_count(cx, server, count);
}
