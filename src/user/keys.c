/* keys.c: device keys, one-time keys and fallback keys as clients upload them.
 *
 * Spec:    Client-Server API, Uploading keys.
 * Threads: the transaction's.
 * Holds:   a one-time key's id is never given other bytes; keys keep the order in which they came.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

/* ---- device keys ---- */

static myl_rc check_signature(myl_ctx *cx, const myl_caller *caller, const myl_json *device_keys)
{
    myl_str key_id = myl_strf(cx, "ed25519:%.*s", MYL_FMT(caller->device_id));
    const myl_json *keys = myl_json_object(device_keys, MYL_S("keys"));
    myl_str public_key;

    if (!myl_crypto_unbase64(cx, MYL_BASE64_STANDARD, myl_json_text(keys, key_id), &public_key))
        return myl_fail(cx, MYL_INVALID_PARAM, "device_keys.keys: needs %.*s", MYL_FMT(key_id));
    if (!myl_json_verify(cx, device_keys, caller->user_id, key_id, public_key))
        return myl_fail(cx, MYL_INVALID_PARAM,
                        "device_keys.signatures: not signed by the device's own key");
    return MYL_OK;
}

myl_rc myl_user_device_keys_put(myl_ctx *cx, const myl_caller *caller, const myl_json *device_keys)
{
    myl_key key = myl_key_of_u64s(caller->user, caller->device);
    myl_text json = MYL_TEXT(cx);
    myl_str present;

    if (!myl_str_equal(myl_json_text(device_keys, MYL_S("user_id")), caller->user_id))
        return myl_fail(cx, MYL_INVALID_PARAM, "device_keys.user_id: not the caller's");
    if (!myl_str_equal(myl_json_text(device_keys, MYL_S("device_id")), caller->device_id))
        return myl_fail(cx, MYL_INVALID_PARAM, "device_keys.device_id: not the caller's");
    MYL_TRY(check_signature(cx, caller, device_keys));
    myl_json_write(&json, device_keys);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_DEVICE_KEYS, myl_key_str(&key), &present));
    if (myl_str_present(present) && myl_str_equal(present, myl_text_str(&json)))
        return MYL_OK;
    MYL_TRY(myl_store_put(cx, MYL_TABLE_DEVICE_KEYS, myl_key_str(&key), myl_text_str(&json)));
    return myl_user_mark_changed(cx, caller->user, myl_engine_next_position(cx),
                                 MYL_CHANGED_DEVICES, 0);
}

/* ---- one-time and fallback keys ---- */

/* "signed_curve25519:AAAAHQ" */
static myl_rc split_key_id(myl_ctx *cx, const myl_json *member, myl_str *algorithm)
{
    size_t colon = myl_str_find(member->key, ':', 0);

    if (colon == SIZE_MAX || colon == 0 || member->key.len > MYL_LIMIT_ID_BYTES)
        return myl_fail(cx, MYL_INVALID_PARAM, "%.*s: not <algorithm>:<key id>",
                        MYL_FMT(member->key));
    if (member->kind != MYL_JSON_STRING && member->kind != MYL_JSON_OBJECT)
        return myl_fail(cx, MYL_BAD_JSON, "%.*s: expected a string or an object",
                        MYL_FMT(member->key));
    *algorithm = myl_str_slice(member->key, 0, colon);
    return MYL_OK;
}

static myl_str key_row(myl_ctx *cx, const myl_json *member)
{
    myl_text row = MYL_TEXT(cx);

    myl_row_str(&row, member->key);
    myl_json_write(&row, member);
    return myl_text_str(&row);
}

static myl_key prefix_of(const myl_caller *caller, myl_str text)
{
    myl_key key = myl_key_of_u64s(caller->user, caller->device);

    myl_key_hash(&key, text);
    return key;
}

static myl_key place_of(const myl_caller *caller, myl_str algorithm, uint64_t age)
{
    myl_key key = prefix_of(caller, algorithm);

    myl_key_u64(&key, age);
    return key;
}

/* An id that is there already must have the same bytes; *known tells that nothing is to be done. */
static myl_rc check_known(myl_ctx *cx, const myl_caller *caller, const myl_json *member,
                          myl_str algorithm, bool *known)
{
    myl_key id = prefix_of(caller, member->key), place;
    myl_str row, present;
    uint64_t age;

    MYL_TRY(myl_store_get(cx, MYL_TABLE_ONE_TIME_KEY_IDS, myl_key_str(&id), &row));
    *known = myl_str_present(row);
    if (!*known)
        return MYL_OK;
    if (!myl_cut_u64(&row, &age))
        return myl_fail(cx, MYL_CORRUPT, "ONE_TIME_KEY_IDS: bad row");
    place = place_of(caller, algorithm, age);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_ONE_TIME_KEYS, myl_key_str(&place), &present));
    if (!myl_str_equal(present, key_row(cx, member)))
        return myl_fail(cx, MYL_INVALID_PARAM,
                        "one_time_keys.%.*s: there already with another value",
                        MYL_FMT(member->key));
    return MYL_OK;
}

static myl_rc put_one_time_key(myl_ctx *cx, const myl_caller *caller, const myl_json *member,
                               myl_str algorithm)
{
    uint64_t age = myl_engine_next_position(cx);
    myl_key id = prefix_of(caller, member->key), place = place_of(caller, algorithm, age),
            value = myl_key_of_u64(age);
    bool known;

    MYL_TRY(check_known(cx, caller, member, algorithm, &known));
    if (known)
        return MYL_OK;
    MYL_TRY(myl_store_put(cx, MYL_TABLE_ONE_TIME_KEYS, myl_key_str(&place), key_row(cx, member)));
    return myl_store_put(cx, MYL_TABLE_ONE_TIME_KEY_IDS, myl_key_str(&id), myl_key_str(&value));
}

/* One a algorithm; a new one is unused. */
static myl_rc put_fallback_key(myl_ctx *cx, const myl_caller *caller, const myl_json *member,
                               myl_str algorithm)
{
    myl_key key = prefix_of(caller, algorithm);
    myl_text row = MYL_TEXT(cx);

    myl_row_u8(&row, 0);
    myl_row_str(&row, algorithm);
    myl_text_add(&row, key_row(cx, member));
    return myl_store_put(cx, MYL_TABLE_FALLBACK_KEYS, myl_key_str(&key), myl_text_str(&row));
}

static myl_rc check_count(myl_ctx *cx, const myl_caller *caller)
{
    myl_key_counts counts;
    int64_t total = 0;

    MYL_TRY(myl_user_key_counts(cx, caller, &counts));
    for (size_t i = 0; i < counts.count; i++)
        total += counts.counts[i].count;
    if (total > MYL_LIMIT_ONE_TIME_KEYS)
        return myl_fail(cx, MYL_RESOURCE_LIMIT, "one_time_keys: more than %d are waiting",
                        MYL_LIMIT_ONE_TIME_KEYS);
    return MYL_OK;
}

myl_rc myl_user_one_time_keys_put(myl_ctx *cx, const myl_caller *caller, const myl_json *keys,
                                  bool fallback)
{
    for (uint32_t i = 0; keys != NULL && i < keys->count; i++) {
        const myl_json *member = &keys->items[i];
        myl_str algorithm;

        MYL_TRY(split_key_id(cx, member, &algorithm));
        if (key_row(cx, member).len > MYL_LIMIT_ONE_TIME_KEY_BYTES)
            return myl_fail(cx, MYL_TOO_LARGE, "%.*s: more than %d bytes", MYL_FMT(member->key),
                            MYL_LIMIT_ONE_TIME_KEY_BYTES);
        if (fallback)
            MYL_TRY(put_fallback_key(cx, caller, member, algorithm));
        else
            MYL_TRY(put_one_time_key(cx, caller, member, algorithm));
    }
    if (keys == NULL || keys->count == 0)
        return MYL_OK;
    MYL_TRY(check_count(cx, caller));
    return myl_user_mark_changed(cx, caller->user, myl_engine_next_position(cx),
                                 MYL_CHANGED_ONE_TIME_KEYS, 0);
}

/* ---- counting ---- */

static myl_rc count_row(myl_ctx *cx, myl_str row, myl_list *counts)
{
    myl_str key_id, algorithm;
    size_t i = 0;

    if (!myl_cut_str(&row, &key_id))
        return myl_fail(cx, MYL_CORRUPT, "ONE_TIME_KEYS: bad row");
    algorithm = myl_str_slice(key_id, 0, myl_str_find(key_id, ':', 0));
    while (i < counts->count &&
           !myl_str_equal(myl_list_get(counts, myl_key_count, i).algorithm, algorithm))
        i++;
    if (i == counts->count)
        *(myl_key_count *)myl_list_add(counts) = (myl_key_count){myl_keep(cx, algorithm), 0};
    ((myl_key_count *)myl_list_at(counts, i))->count++;
    return MYL_OK;
}

static myl_rc note_fallback(myl_ctx *cx, myl_str row, myl_list *unused)
{
    myl_str algorithm;
    uint8_t used;

    if (!myl_cut_u8(&row, &used) || !myl_cut_str(&row, &algorithm))
        return myl_fail(cx, MYL_CORRUPT, "FALLBACK_KEYS: bad row");
    if (used == 0)
        myl_list_push(unused, myl_str, myl_keep(cx, algorithm));
    return MYL_OK;
}

typedef myl_rc (*each_row)(myl_ctx *cx, myl_str row, myl_list *out);

static myl_rc each_of_device(myl_ctx *cx, myl_table_id table, const myl_caller *caller,
                             each_row each, myl_list *out)
{
    myl_key prefix = myl_key_of_u64s(caller->user, caller->device);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, table, myl_key_str(&prefix), MYL_ABSENT, MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        MYL_TRY(each(cx, row, out));
    }
    myl_scan_end(scan);
    return MYL_OK;
}

myl_rc myl_user_key_counts(myl_ctx *cx, const myl_caller *caller, myl_key_counts *out)
{
    myl_list counts = MYL_LIST(cx, myl_key_count), unused = MYL_LIST(cx, myl_str);

    MYL_TRY(each_of_device(cx, MYL_TABLE_ONE_TIME_KEYS, caller, count_row, &counts));
    MYL_TRY(each_of_device(cx, MYL_TABLE_FALLBACK_KEYS, caller, note_fallback, &unused));
    *out = (myl_key_counts){counts.at, counts.count, unused.at, unused.count};
    return MYL_OK;
}

/* ---- the end of a device ---- */

static myl_rc drop_table(myl_ctx *cx, myl_table_id table, myl_key prefix)
{
    myl_list keys = MYL_LIST(cx, myl_str);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, table, myl_key_str(&prefix), MYL_ABSENT, MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        myl_list_push(&keys, myl_str, myl_keep(cx, key));
    }
    myl_scan_end(scan);
    for (size_t i = 0; i < keys.count; i++)
        MYL_TRY(myl_store_delete(cx, table, myl_list_get(&keys, myl_str, i)));
    return MYL_OK;
}

myl_rc myl_user_keys_drop(myl_ctx *cx, uint64_t user, uint64_t device)
{
    static const myl_table_id tables[] = {MYL_TABLE_DEVICE_KEYS, MYL_TABLE_ONE_TIME_KEYS,
                                          MYL_TABLE_ONE_TIME_KEY_IDS, MYL_TABLE_FALLBACK_KEYS};

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        MYL_TRY(drop_table(cx, tables[i], myl_key_of_u64s(user, device)));
    return MYL_OK;
}
