/* remote_keys.c: copies of other servers' users' devices and cross-signing keys.
 *
 * Spec:    Server-Server API, Device Management; End-to-End Encryption.
 * Threads: the transaction's.
 * Holds:   REMOTE_DEVICES has rows only of users who have one in REMOTE_LISTS.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

#include <myelin/user_remote_keys.h>

enum { STALE_STEP = 1000 };

/* ---- lists ---- */

myl_rc myl_user_remote_list(myl_ctx *cx, uint64_t user, myl_remote_list *out)
{
    myl_key key = myl_key_of_u64(user);
    uint64_t stream_id;
    uint8_t stale;
    myl_str row;

    *out = (myl_remote_list){.stream_id = -1};
    MYL_TRY(myl_store_get(cx, MYL_TABLE_REMOTE_LISTS, myl_key_str(&key), &row));
    out->exists = myl_str_present(row);
    if (!out->exists)
        return MYL_OK;
    if (!myl_cut_u8(&row, &stale) || !myl_cut_u64(&row, &out->position) ||
        !myl_cut_u64(&row, &out->reader) || !myl_cut_u64(&row, &stream_id))
        return myl_fail(cx, MYL_CORRUPT, "REMOTE_LISTS: bad row");
    out->is_stale = stale != 0;
    out->stream_id = (int64_t)stream_id;
    return MYL_OK;
}

static myl_rc put_list(myl_ctx *cx, uint64_t user, const myl_remote_list *list)
{
    myl_key key = myl_key_of_u64(user);
    myl_text row = MYL_TEXT(cx);

    myl_row_u8(&row, list->is_stale);
    myl_row_u64(&row, list->position);
    myl_row_u64(&row, list->reader);
    myl_row_u64(&row, (uint64_t)list->stream_id);
    return myl_store_put(cx, MYL_TABLE_REMOTE_LISTS, myl_key_str(&key), myl_text_str(&row));
}

myl_rc myl_user_remote_stale(myl_ctx *cx, uint64_t user)
{
    myl_remote_list list;

    MYL_TRY(myl_user_remote_list(cx, user, &list));
    if (!list.exists || list.is_stale)
        return MYL_OK;
    list.is_stale = true;
    return put_list(cx, user, &list);
}

myl_rc myl_user_remote_all_stale(myl_ctx *cx, uint64_t *at, bool *left)
{
    myl_key from = myl_key_of_u64(*at + 1);
    myl_list users = MYL_LIST(cx, uint64_t);
    myl_scan *scan;
    myl_str key, row;
    uint64_t user;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_REMOTE_LISTS, MYL_ABSENT, myl_key_str(&from), MYL_FORWARD,
                           &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        *left = myl_str_present(key) && users.count == STALE_STEP;
        if (!myl_str_present(key) || *left)
            break;
        if (!myl_cut_u64(&key, &user))
            return myl_fail(cx, MYL_CORRUPT, "REMOTE_LISTS: bad row");
        myl_list_push(&users, uint64_t, user);
        *at = user;
    }
    myl_scan_end(scan);
    for (size_t i = 0; i < users.count; i++)
        MYL_TRY(myl_user_remote_stale(cx, myl_list_get(&users, uint64_t, i)));
    return MYL_OK;
}

myl_rc myl_user_remote_followed(myl_ctx *cx, uint64_t user, int64_t stream_id)
{
    myl_remote_list list;

    MYL_TRY(myl_user_remote_list(cx, user, &list));
    list.stream_id = stream_id;
    return list.exists ? put_list(cx, user, &list) : MYL_OK;
}

/* ---- what may be believed ---- */

const myl_json *myl_user_remote_device_checked(const myl_json *keys, myl_str user_id,
                                               myl_str device_id)
{
    if (!myl_json_is(keys, MYL_JSON_OBJECT) ||
        !myl_str_equal(myl_json_text(keys, MYL_S("user_id")), user_id) ||
        !myl_str_equal(myl_json_text(keys, MYL_S("device_id")), device_id) ||
        myl_json_object(keys, MYL_S("keys")) == NULL)
        return NULL;
    return keys;
}

const myl_json *myl_user_remote_cross_checked(const myl_json *key, myl_str user_id)
{
    if (!myl_str_equal(myl_json_text(key, MYL_S("user_id")), user_id) ||
        !myl_str_present(myl_user_public_part(key)))
        return NULL;
    return key;
}

static myl_str written(myl_ctx *cx, const myl_json *json)
{
    myl_text text = MYL_TEXT(cx);

    myl_json_write(&text, json);
    return text.len > MYL_LIMIT_DEVICE_KEYS_BYTES ? MYL_ABSENT : myl_text_str(&text);
}

/* ---- devices ---- */

static myl_key device_key(uint64_t user, myl_str device_id)
{
    myl_key key = myl_key_of_u64(user);

    myl_key_hash(&key, device_id);
    return key;
}

static myl_rc store_device(myl_ctx *cx, uint64_t user, myl_str device_id, const myl_json *keys)
{
    myl_key key = device_key(user, device_id);
    myl_text row = MYL_TEXT(cx);
    myl_str json = written(cx, keys);

    if (!myl_str_present(json))
        return MYL_OK;
    myl_row_str(&row, device_id);
    myl_text_add(&row, json);
    return myl_store_put(cx, MYL_TABLE_REMOTE_DEVICES, myl_key_str(&key), myl_text_str(&row));
}

static myl_rc count_devices(myl_ctx *cx, uint64_t user, size_t *out)
{
    myl_key prefix = myl_key_of_u64(user);
    myl_scan *scan;
    myl_str key, row;

    *out = 0;
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_REMOTE_DEVICES, myl_key_str(&prefix), MYL_ABSENT,
                           MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        (*out)++;
    }
    myl_scan_end(scan);
    return MYL_OK;
}

myl_rc myl_user_remote_put_device(myl_ctx *cx, uint64_t user, myl_str device_id,
                                  const myl_json *keys)
{
    myl_key key = device_key(user, device_id);
    myl_remote_list list;
    size_t count;

    MYL_TRY(myl_user_remote_list(cx, user, &list));
    if (!list.exists)
        return MYL_OK;
    if (keys == NULL)
        return myl_store_delete(cx, MYL_TABLE_REMOTE_DEVICES, myl_key_str(&key));
    MYL_TRY(count_devices(cx, user, &count));
    if (count >= MYL_LIMIT_REMOTE_DEVICES)
        return myl_user_remote_stale(cx, user);
    return store_device(cx, user, device_id, keys);
}

/* ---- cross-signing ---- */

static myl_rc put_cross(myl_ctx *cx, uint64_t user, myl_cross_key kind, const myl_json *given)
{
    myl_key key = myl_key_of_u64(user);
    const myl_json *old;
    myl_str json;

    if (given == NULL)
        return MYL_OK;
    json = written(cx, myl_json_without(cx, given, MYL_S("unsigned")));
    if (!myl_str_present(json))
        return MYL_OK;
    MYL_TRY(myl_user_cross_key(cx, user, kind, &old));
    if (old != NULL && !myl_str_equal(myl_user_public_part(old), myl_user_public_part(given)))
        MYL_TRY(myl_user_signatures_drop(cx, user, myl_user_public_part(old)));
    myl_key_u8(&key, (uint8_t)kind);
    return myl_store_put(cx, MYL_TABLE_CROSS_SIGNING, myl_key_str(&key), json);
}

myl_rc myl_user_remote_put_cross(myl_ctx *cx, const myl_remote_keys *keys)
{
    const myl_json *master = myl_user_remote_cross_checked(keys->master, keys->user_id),
                   *self = myl_user_remote_cross_checked(keys->self_signing, keys->user_id);
    uint64_t user;

    MYL_TRY(myl_store_intern(cx, MYL_INTERN_NAME, keys->user_id, &user));
    MYL_TRY(put_cross(cx, user, MYL_KEY_MASTER, master));
    MYL_TRY(myl_user_cross_key(cx, user, MYL_KEY_MASTER, &master));
    return master == NULL ? MYL_OK : put_cross(cx, user, MYL_KEY_SELF_SIGNING, self);
}

/* ---- all of a user ---- */

myl_rc myl_user_remote_put(myl_ctx *cx, const myl_remote_keys *keys)
{
    myl_remote_list list = {.stream_id = keys->stream_id, .reader = keys->reader};
    uint64_t user, newest;
    myl_key prefix;

    MYL_TRY(myl_store_intern(cx, MYL_INTERN_NAME, keys->user_id, &user));
    prefix = myl_key_of_u64(user);
    MYL_TRY(
        myl_store_delete_under(cx, MYL_TABLE_REMOTE_DEVICES, myl_key_str(&prefix), SIZE_MAX, NULL));
    for (uint32_t i = 0; keys->devices != NULL && i < keys->devices->count; i++) {
        const myl_json *one = &keys->devices->items[i];

        if (i >= MYL_LIMIT_REMOTE_DEVICES)
            break;
        if (myl_user_remote_device_checked(one, keys->user_id, one->key) != NULL)
            MYL_TRY(store_device(cx, user, one->key, one));
    }
    MYL_TRY(myl_user_remote_put_cross(cx, keys));
    MYL_TRY(myl_user_device_newest(cx, user, &newest));
    list.is_stale = newest > keys->asked;
    list.position = myl_engine_next_position(cx);
    return put_list(cx, user, &list);
}

static bool is_wanted(const myl_json *device_ids, myl_str device_id)
{
    if (device_ids == NULL || device_ids->count == 0)
        return true;
    for (uint32_t i = 0; i < device_ids->count; i++)
        if (myl_str_equal(device_ids->items[i].text, device_id))
            return true;
    return false;
}

myl_rc myl_user_remote_write(myl_ctx *cx, myl_writer *w, myl_str user_id,
                             const myl_json *device_ids)
{
    uint64_t user;
    myl_key prefix;
    myl_scan *scan;
    myl_str key, row, device_id;

    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, user_id, &user));
    prefix = myl_key_of_u64(user);
    myl_write_open_str(w, user_id, '{');
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_REMOTE_DEVICES, myl_key_str(&prefix), MYL_ABSENT,
                           MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        if (!myl_cut_str(&row, &device_id))
            return myl_fail(cx, MYL_CORRUPT, "REMOTE_DEVICES: bad row");
        if (is_wanted(device_ids, device_id))
            myl_write_member(w, device_id, row);
    }
    myl_scan_end(scan);
    myl_write_close(w, '}');
    return MYL_OK;
}
