/* backup.c: backups of room keys: their versions and their keys.
 *
 * Why:     all keys of a backup lie under a number that it takes anew when they are dropped together; so that costs one
 *          row, and a task removes the old ones in pieces.
 * Spec:    Client-Server API, Server-side key backups.
 * Threads: the transaction's.
 * Holds:   `count` is the number of rows under `keys`; versions are never given twice.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

#include <myelin/user_backup.h>

enum { HASH_BYTES = 16, DROP_STEP = 200 };

/* ---- versions ---- */

static myl_key version_key(uint64_t user, uint64_t version)
{
    return myl_key_of_u64s(user, version);
}

static bool cut_backup(myl_ctx *cx, myl_str row, myl_backup *out)
{
    if (!myl_cut_u64(&row, &out->keys) || !myl_cut_u64(&row, &out->count) ||
        !myl_cut_u64(&row, &out->etag) || !myl_cut_str(&row, &out->algorithm))
        return false;
    out->algorithm = myl_keep(cx, out->algorithm);
    out->auth_data = myl_keep(cx, row);
    return true;
}

static myl_rc last_version(myl_ctx *cx, uint64_t user, uint64_t *out)
{
    myl_key key = version_key(user, 0);
    myl_str row;

    *out = 0;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_BACKUPS, myl_key_str(&key), &row));
    if (myl_str_present(row) && !myl_cut_u64(&row, out))
        return myl_fail(cx, MYL_CORRUPT, "BACKUPS: bad row");
    return MYL_OK;
}

/* 0 for anything that is no number of ours. */
static uint64_t read_version(myl_str text)
{
    int64_t number;

    return myl_str_to_int(text, &number) && number > 0 ? (uint64_t)number : 0;
}

static myl_rc get_newest(myl_ctx *cx, uint64_t user, myl_backup *out)
{
    myl_key prefix = myl_key_of_u64(user);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_BACKUPS, myl_key_str(&prefix), MYL_ABSENT, MYL_BACKWARD,
                           &scan));
    MYL_TRY(myl_scan_next(scan, &key, &row));
    key = myl_str_slice(key, 8, SIZE_MAX);
    if (!myl_cut_u64(&key, &out->version))
        out->version = 0;
    if (out->version != 0 && !cut_backup(cx, row, out))
        return myl_fail(cx, MYL_CORRUPT, "BACKUPS: bad row");
    myl_scan_end(scan);
    return MYL_OK;
}

myl_rc myl_user_backup_get(myl_ctx *cx, uint64_t user, myl_str version, myl_backup *out)
{
    myl_key key;
    myl_str row;

    *out = (myl_backup){.user = user};
    if (!myl_str_present(version))
        return get_newest(cx, user, out);
    key = version_key(user, read_version(version));
    if (read_version(version) == 0)
        return MYL_OK;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_BACKUPS, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        return MYL_OK;
    if (!cut_backup(cx, row, out))
        return myl_fail(cx, MYL_CORRUPT, "BACKUPS: bad row");
    out->version = read_version(version);
    return MYL_OK;
}

myl_rc myl_user_backup_was(myl_ctx *cx, uint64_t user, myl_str version, bool *out)
{
    uint64_t last;

    MYL_TRY(last_version(cx, user, &last));
    *out = read_version(version) != 0 && read_version(version) <= last;
    return MYL_OK;
}

myl_rc myl_user_backup_keep(myl_ctx *cx, const myl_backup *backup)
{
    myl_key key = version_key(backup->user, backup->version);
    myl_text row = MYL_TEXT(cx);

    myl_row_u64(&row, backup->keys);
    myl_row_u64(&row, backup->count);
    myl_row_u64(&row, backup->etag);
    myl_row_str(&row, backup->algorithm);
    myl_text_add(&row, backup->auth_data);
    return myl_store_put(cx, MYL_TABLE_BACKUPS, myl_key_str(&key), myl_text_str(&row));
}

myl_rc myl_user_backup_set_auth(myl_ctx *cx, myl_backup *backup, const myl_json *auth_data)
{
    myl_text text = MYL_TEXT(cx);

    myl_json_write(&text, auth_data);
    if (text.len > MYL_LIMIT_BACKUP_AUTH_BYTES)
        return myl_fail(cx, MYL_TOO_LARGE, "auth_data: more than %d bytes",
                        MYL_LIMIT_BACKUP_AUTH_BYTES);
    backup->auth_data = myl_text_str(&text);
    return myl_user_backup_keep(cx, backup);
}

static myl_rc check_versions(myl_ctx *cx, uint64_t user)
{
    myl_key prefix = myl_key_of_u64(user);
    myl_scan *scan;
    myl_str key, row;
    int count = 0;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_BACKUPS, myl_key_str(&prefix), MYL_ABSENT, MYL_FORWARD,
                           &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        count++;
    }
    myl_scan_end(scan);
    if (count > MYL_LIMIT_BACKUPS)
        return myl_fail(cx, MYL_RESOURCE_LIMIT, "more than %d backups: delete old ones first",
                        MYL_LIMIT_BACKUPS);
    return MYL_OK;
}

myl_rc myl_user_backup_create(myl_ctx *cx, uint64_t user, myl_str algorithm,
                              const myl_json *auth_data, myl_backup *out)
{
    myl_key key = version_key(user, 0), value;
    uint64_t last;

    if (algorithm.len > MYL_LIMIT_ID_BYTES)
        return myl_fail(cx, MYL_INVALID_PARAM, "algorithm: longer than %d bytes",
                        MYL_LIMIT_ID_BYTES);
    MYL_TRY(check_versions(cx, user));
    MYL_TRY(last_version(cx, user, &last));
    value = myl_key_of_u64(last + 1);
    MYL_TRY(myl_store_put(cx, MYL_TABLE_BACKUPS, myl_key_str(&key), myl_key_str(&value)));
    *out = (myl_backup){.user = user,
                        .version = last + 1,
                        .keys = myl_engine_next_position(cx),
                        .algorithm = algorithm};
    return myl_user_backup_set_auth(cx, out, auth_data);
}

/* ---- dropping whole sets of keys ---- */

myl_rc myl_user_backup_sweep(myl_ctx *cx, uint64_t user, uint64_t keys, bool *finished)
{
    myl_key prefix = myl_key_of_u64s(user, keys);
    size_t dropped;

    MYL_TRY(myl_store_delete_under(cx, MYL_TABLE_BACKUP_KEYS, myl_key_str(&prefix), DROP_STEP,
                                   &dropped));
    *finished = dropped < DROP_STEP;
    return MYL_OK;
}

myl_rc myl_user_backup_delete(myl_ctx *cx, const myl_backup *backup)
{
    myl_key key = version_key(backup->user, backup->version);

    return myl_store_delete(cx, MYL_TABLE_BACKUPS, myl_key_str(&key));
}

/* ---- keys ---- */

static myl_key key_place(const myl_backup *backup, myl_str room_id, myl_str session_id)
{
    myl_key key = myl_key_of_u64s(backup->user, backup->keys);

    if (myl_str_present(room_id))
        myl_key_hash(&key, room_id);
    if (myl_str_present(session_id))
        myl_key_hash(&key, session_id);
    return key;
}

static bool cut_key(myl_ctx *cx, myl_str row, myl_backup_key *out)
{
    uint64_t first, forwarded;
    uint8_t verified;

    if (!myl_cut_u8(&row, &verified) || !myl_cut_u64(&row, &first) ||
        !myl_cut_u64(&row, &forwarded) || !myl_cut_str(&row, &out->room_id) ||
        !myl_cut_str(&row, &out->session_id))
        return false;
    out->is_verified = verified != 0;
    out->first_message_index = (int64_t)first;
    out->forwarded_count = (int64_t)forwarded;
    out->room_id = myl_keep(cx, out->room_id);
    out->session_id = myl_keep(cx, out->session_id);
    out->session_data = myl_keep(cx, row);
    return true;
}

static myl_str key_row(myl_ctx *cx, const myl_backup_key *key)
{
    myl_text row = MYL_TEXT(cx);

    myl_row_u8(&row, key->is_verified);
    myl_row_u64(&row, (uint64_t)key->first_message_index);
    myl_row_u64(&row, (uint64_t)key->forwarded_count);
    myl_row_str(&row, key->room_id);
    myl_row_str(&row, key->session_id);
    myl_text_add(&row, key->session_data);
    return myl_text_str(&row);
}

myl_rc myl_user_backup_key(myl_ctx *cx, const myl_backup *backup, myl_str room_id,
                           myl_str session_id, myl_backup_key *out)
{
    myl_key place = key_place(backup, room_id, session_id);
    myl_str row;

    memset(out, 0, sizeof(*out));
    MYL_TRY(myl_store_get(cx, MYL_TABLE_BACKUP_KEYS, myl_key_str(&place), &row));
    if (myl_str_present(row) && !cut_key(cx, row, out))
        return myl_fail(cx, MYL_CORRUPT, "BACKUP_KEYS: bad row");
    return MYL_OK;
}

/* Spec: Server-side key backups: which of two keys wins. */
static bool is_better(const myl_backup_key *key, const myl_backup_key *present)
{
    if (key->is_verified != present->is_verified)
        return key->is_verified;
    if (key->first_message_index != present->first_message_index)
        return key->first_message_index < present->first_message_index;
    return key->forwarded_count < present->forwarded_count;
}

static myl_rc check_key(myl_ctx *cx, const myl_backup *backup, const myl_backup_key *key)
{
    if (key->session_id.len > MYL_LIMIT_ID_BYTES)
        return myl_fail(cx, MYL_INVALID_PARAM, "session id: longer than %d bytes",
                        MYL_LIMIT_ID_BYTES);
    if (key->session_data.len > MYL_LIMIT_BACKUP_KEY_BYTES)
        return myl_fail(cx, MYL_TOO_LARGE, "%.*s.session_data: more than %d bytes",
                        MYL_FMT(key->session_id), MYL_LIMIT_BACKUP_KEY_BYTES);
    if (backup->count >= MYL_LIMIT_BACKUP_KEYS)
        return myl_fail(cx, MYL_RESOURCE_LIMIT, "more than %d keys", MYL_LIMIT_BACKUP_KEYS);
    return MYL_OK;
}

myl_rc myl_user_backup_put_key(myl_ctx *cx, myl_backup *backup, const myl_backup_key *key)
{
    myl_key place = key_place(backup, key->room_id, key->session_id);
    myl_backup_key present;

    MYL_TRY(check_key(cx, backup, key));
    MYL_TRY(myl_user_backup_key(cx, backup, key->room_id, key->session_id, &present));
    if (myl_str_present(present.session_id) && !is_better(key, &present))
        return MYL_OK;
    if (!myl_str_present(present.session_id))
        backup->count++;
    backup->etag++;
    return myl_store_put(cx, MYL_TABLE_BACKUP_KEYS, myl_key_str(&place), key_row(cx, key));
}

myl_rc myl_user_backup_is_large(myl_ctx *cx, const myl_backup *backup, myl_str room_id, bool *out)
{
    myl_key prefix = key_place(backup, room_id, MYL_ABSENT);
    size_t count = 0;
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_BACKUP_KEYS, myl_key_str(&prefix), MYL_ABSENT, MYL_FORWARD,
                           &scan));
    do {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        count++;
    } while (myl_str_present(key) && count <= DROP_STEP);
    myl_scan_end(scan);
    *out = myl_str_present(key);
    return MYL_OK;
}

myl_rc myl_user_backup_drop_some(myl_ctx *cx, myl_backup *backup, myl_str room_id, bool *left)
{
    myl_key prefix = key_place(backup, room_id, MYL_ABSENT);
    size_t dropped;

    MYL_TRY(myl_store_delete_under(cx, MYL_TABLE_BACKUP_KEYS, myl_key_str(&prefix), DROP_STEP,
                                   &dropped));
    *left = dropped == DROP_STEP;
    backup->count -= dropped;
    backup->etag += dropped > 0;
    return myl_user_backup_keep(cx, backup);
}

myl_rc myl_user_backup_drop_keys(myl_ctx *cx, myl_backup *backup, myl_str room_id,
                                 myl_str session_id)
{
    myl_key prefix = key_place(backup, room_id, session_id);
    size_t dropped;

    if (myl_str_present(room_id)) {
        MYL_TRY(myl_store_delete_under(cx, MYL_TABLE_BACKUP_KEYS, myl_key_str(&prefix), SIZE_MAX,
                                       &dropped));
        backup->count -= dropped;
    } else {
        dropped = backup->count;
        backup->keys = myl_engine_next_position(cx);
        backup->count = 0;
    }
    if (dropped > 0)
        backup->etag++;
    return myl_user_backup_keep(cx, backup);
}

/* ---- walks ---- */

myl_backup_walk myl_user_backup_walk(const myl_backup *backup, myl_str room_id)
{
    myl_backup_walk walk = {.user = backup->user, .keys = backup->keys};
    myl_key hash = myl_key_start();

    if (!myl_str_present(room_id))
        return walk;
    myl_key_hash(&hash, room_id);
    walk.one_room = true;
    memcpy(walk.room, hash.bytes, HASH_BYTES);
    return walk;
}

static myl_key walk_prefix(const myl_backup_walk *walk)
{
    myl_key prefix = myl_key_of_u64s(walk->user, walk->keys);

    if (walk->one_room)
        myl_key_bytes(&prefix, walk->room, HASH_BYTES);
    return prefix;
}

myl_rc myl_user_backup_next(myl_ctx *cx, myl_backup_walk *walk, size_t limit,
                            const myl_backup_key **keys, size_t *count)
{
    myl_list out = MYL_LIST(cx, myl_backup_key);
    myl_key prefix = walk_prefix(walk);
    myl_str last = {(const char *)walk->at, walk->len}, key, row;
    myl_scan *scan;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_BACKUP_KEYS, myl_key_str(&prefix),
                           walk->len == 0 ? MYL_ABSENT : last, MYL_FORWARD, &scan));
    while (out.count < limit) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        if (walk->len != 0 && myl_str_equal(key, last))
            continue;
        if (!cut_key(cx, row, myl_list_add(&out)) || key.len > sizeof(walk->at))
            return myl_fail(cx, MYL_CORRUPT, "BACKUP_KEYS: bad row");
        memcpy(walk->at, key.at, key.len);
        walk->len = key.len;
    }
    myl_scan_end(scan);
    *keys = out.at;
    *count = out.count;
    return MYL_OK;
}
