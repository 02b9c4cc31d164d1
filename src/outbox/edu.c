/* edu.c: the EDUs that tell of stored things: receipts, device lists, cross-signing keys.
 *
 * Spec:    Server-Server API, Receipts; Device Management; End-to-End Encryption.
 * Callers: transaction.c, follow.c. Threads: the sender, in a snapshot.
 * Holds:   what is written is what is stored now: an item that something newer has replaced gives nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "outbox/outbox_own.h"

#include <myelin/matrix_id.h>
#include <myelin/room_send.h>
#include <myelin/room_timeline.h>
#include <myelin/user_keys.h>

/* Canonical form of what a writer has made. */
static myl_rc canonical(myl_ctx *cx, myl_writer *w, const char *type, myl_str *out)
{
    const myl_json *json;
    myl_text text = MYL_TEXT(cx);

    MYL_TRY(myl_json_parse(cx, myl_write_done(w), &json));
    myl_json_write(&text, json);
    *out = myl_outbox_edu_text(cx, myl_str_of(type), myl_text_str(&text));
    return MYL_OK;
}

myl_str myl_outbox_edu_text(myl_ctx *cx, myl_str type, myl_str content)
{
    myl_text text = myl_text_start(cx, content.len + 64);

    myl_text_add(&text, MYL_S("{\"content\":"));
    myl_text_add(&text, content);
    myl_text_add(&text, MYL_S(",\"edu_type\":"));
    myl_json_write_str(&text, type);
    myl_text_add_byte(&text, '}');
    return myl_text_str(&text);
}

/* ---- receipts ---- */

static myl_rc find_receipt(myl_ctx *cx, uint64_t room, uint64_t position, myl_receipt *out,
                           bool *found)
{
    const myl_receipt *receipts;
    size_t count;

    *found = false;
    MYL_TRY(myl_room_receipts(cx, room, position - 1, &receipts, &count));
    if (count == 0 || receipts[0].position != position)
        return MYL_OK;
    *out = receipts[0];
    *found = true;
    return MYL_OK;
}

myl_rc myl_outbox_is_own_receipt(myl_ctx *cx, uint64_t room, uint64_t position, bool *out)
{
    myl_receipt receipt;
    myl_str user;

    MYL_TRY(find_receipt(cx, room, position, &receipt, out));
    *out = *out && myl_str_equal(receipt.type, MYL_S("m.read"));
    if (!*out)
        return MYL_OK;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, receipt.user, &user));
    *out = myl_id_is_ours(user, myl_room_server()->server_name);
    return MYL_OK;
}

static myl_rc write_receipt(myl_ctx *cx, const outbox_item *item, myl_str *json)
{
    myl_writer w = myl_write_start(cx, 256);
    myl_receipt receipt;
    myl_str room, user;
    bool found;

    MYL_TRY(find_receipt(cx, item->id, item->position, &receipt, &found));
    if (!found)
        return MYL_OK;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_ROOM, item->id, &room));
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, receipt.user, &user));
    myl_write_open(&w, '{');
    myl_write_open_str(&w, room, '{');
    myl_write_open_str(&w, receipt.type, '{');
    myl_write_open_str(&w, user, '{');
    myl_write_open_key(&w, "data", '{');
    myl_write_str(&w, "thread_id", receipt.thread_id);
    myl_write_int(&w, "ts", receipt.ts);
    myl_write_close(&w, '}');
    myl_write_open_key(&w, "event_ids", '[');
    myl_write_str(&w, NULL, receipt.event_id);
    myl_write_close(&w, ']');
    for (int i = 0; i < 4; i++)
        myl_write_close(&w, '}');
    return canonical(cx, &w, "m.receipt", json);
}

/* ---- device lists and cross-signing keys ---- */

/* The member `user` of an object that one of user_keys.h's writers fills; NULL: it wrote nothing. */
typedef myl_rc (*key_writer)(myl_ctx *cx, myl_writer *w, myl_str user, const void *which);

static myl_rc written_by(myl_ctx *cx, key_writer writer, myl_str user, const void *which,
                         const myl_json **out)
{
    myl_writer w = myl_write_start(cx, 512);
    const myl_json *json;

    myl_write_open(&w, '{');
    MYL_TRY(writer(cx, &w, user, which));
    myl_write_close(&w, '}');
    MYL_TRY(myl_json_parse(cx, myl_write_done(&w), &json));
    *out = myl_json_get(json, user);
    return MYL_OK;
}

static myl_rc write_devices(myl_ctx *cx, myl_writer *w, myl_str user, const void *device_ids)
{
    return myl_user_write_device_keys(cx, w, user, device_ids, 0);
}

static myl_rc write_cross_key(myl_ctx *cx, myl_writer *w, myl_str user, const void *kind)
{
    return myl_user_write_cross_key(cx, w, user, *(const myl_cross_key *)kind, 0);
}

static myl_rc write_device(myl_ctx *cx, const myl_device_change *change, myl_str user,
                           myl_str *json)
{
    myl_writer w = myl_write_start(cx, 1024);
    const myl_json *id = myl_json_of_str(cx, change->device_id), *all, *keys;

    MYL_TRY(written_by(cx, write_devices, user, myl_json_of_items(cx, id, 1), &all));
    keys = myl_json_object(all, change->device_id);
    myl_write_open(&w, '{');
    myl_write_bool(&w, "deleted", change->deleted);
    if (!change->deleted)
        myl_write_str(&w, "device_display_name",
                      myl_json_text(myl_json_object(keys, MYL_S("unsigned")),
                                    MYL_S("device_display_name")));
    myl_write_str(&w, "device_id", change->device_id);
    if (keys != NULL && !change->deleted)
        myl_write_json(&w, "keys", myl_json_without(cx, keys, MYL_S("unsigned")));
    myl_write_open_key(&w, "prev_id", '[');
    if (change->previous != 0)
        myl_write_int(&w, NULL, (int64_t)change->previous);
    myl_write_close(&w, ']');
    myl_write_int(&w, "stream_id", (int64_t)change->position);
    myl_write_str(&w, "user_id", user);
    myl_write_close(&w, '}');
    return canonical(cx, &w, "m.device_list_update", json);
}

/* A device without keys, or without a change of them, is told as it is now. */
static myl_rc write_announced(myl_ctx *cx, const outbox_item *item, myl_str *json)
{
    const myl_device *devices;
    myl_device_change change;
    size_t count, i = 0;
    myl_str user;

    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, item->id, &user));
    MYL_TRY(myl_user_devices(cx, user, &devices, &count));
    while (i < count && devices[i].number != item->device)
        i++;
    if (i == count)
        return MYL_OK;
    MYL_TRY(myl_user_device_change_of(cx, item->id, item->device, &change));
    change.device_id = devices[i].device_id;
    if (change.position == 0)
        change.position = item->position;
    return write_device(cx, &change, user, json);
}

static myl_rc write_cross_keys(myl_ctx *cx, myl_str user, myl_str *json)
{
    static const myl_cross_key kinds[] = {MYL_KEY_MASTER, MYL_KEY_SELF_SIGNING};
    static const char *const names[] = {"master_key", "self_signing_key"};
    myl_writer w = myl_write_start(cx, 1024);
    const myl_json *key;

    myl_write_open(&w, '{');
    for (size_t i = 0; i < 2; i++) {
        MYL_TRY(written_by(cx, write_cross_key, user, &kinds[i], &key));
        if (key != NULL)
            myl_write_json(&w, names[i], key);
    }
    myl_write_str(&w, "user_id", user);
    myl_write_close(&w, '}');
    return canonical(cx, &w, "m.signing_key_update", json);
}

static myl_rc write_device_change(myl_ctx *cx, const outbox_item *item, myl_str *json)
{
    const myl_device_change *changes;
    size_t count;
    myl_str user;

    MYL_TRY(myl_user_device_changes(cx, item->position - 1, 1, &changes, &count));
    if (count == 0 || changes[0].position != item->position)
        return MYL_OK;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, changes[0].user, &user));
    if (changes[0].device == 0)
        return write_cross_keys(cx, user, json);
    return write_device(cx, &changes[0], user, json);
}

myl_rc myl_outbox_write_edu(myl_ctx *cx, const outbox_item *item, myl_str *json)
{
    *json = MYL_ABSENT;
    if (item->kind == OUTBOX_RECEIPT)
        return write_receipt(cx, item, json);
    if (item->kind == OUTBOX_ANNOUNCE)
        return write_announced(cx, item, json);
    return write_device_change(cx, item, json);
}
