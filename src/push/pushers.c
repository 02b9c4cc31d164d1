/* pushers.c: where a user's notifications are to be sent.
 *
 * Spec:    Client-Server API, Push Notifications.
 * Threads: the transaction's.
 * Holds:   PUSHER_USERS has the user of every row of PUSHERS, and no others.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "push/push_own.h"

#include <myelin/base_limit.h>
#include <myelin/base_list.h>
#include <myelin/push_rules.h>

static myl_str name_of(myl_ctx *cx, const myl_pusher *pusher)
{
    return myl_strf(cx, "%zu %.*s%.*s", pusher->app_id.len, MYL_FMT(pusher->app_id),
                    MYL_FMT(pusher->pushkey));
}

static myl_key row_key(myl_ctx *cx, const myl_pusher *pusher)
{
    myl_key key = myl_key_of_u64(pusher->user);

    myl_key_hash(&key, name_of(cx, pusher));
    return key;
}

static myl_key name_key(myl_ctx *cx, const myl_pusher *pusher)
{
    myl_key key = myl_key_start();

    myl_key_hash(&key, name_of(cx, pusher));
    return key;
}

static bool cut_row(myl_ctx *cx, myl_str key, myl_str row, myl_pusher *out)
{
    if (!myl_cut_u64(&key, &out->user) || !myl_cut_u64(&row, &out->device) ||
        myl_json_parse(cx, myl_keep(cx, row), &out->json) != MYL_OK)
        return false;
    out->app_id = myl_json_text(out->json, MYL_S("app_id"));
    out->pushkey = myl_json_text(out->json, MYL_S("pushkey"));
    return myl_str_present(out->app_id) && myl_str_present(out->pushkey);
}

myl_rc myl_pushers_of(myl_ctx *cx, uint64_t user, const myl_pusher **out, size_t *count)
{
    myl_key prefix = myl_key_of_u64(user);
    myl_list found = MYL_LIST(cx, myl_pusher);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_PUSHERS, myl_key_str(&prefix), MYL_ABSENT, MYL_FORWARD,
                           &scan));
    for (;;) {
        myl_pusher one;

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        if (!cut_row(cx, key, row, &one))
            return myl_fail(cx, MYL_CORRUPT, "PUSHERS: bad row");
        myl_list_push(&found, myl_pusher, one);
    }
    myl_scan_end(scan);
    *out = found.at;
    *count = found.count;
    return MYL_OK;
}

myl_rc myl_pusher_delete(myl_ctx *cx, const myl_pusher *pusher)
{
    myl_key key = row_key(cx, pusher), name = name_key(cx, pusher);
    myl_key user = myl_key_of_u64(pusher->user);

    MYL_TRY(myl_store_delete(cx, MYL_TABLE_PUSHERS, myl_key_str(&key)));
    return myl_store_remove(cx, MYL_TABLE_PUSHER_USERS, myl_key_str(&name), myl_key_str(&user));
}

/* The pushers of that name of all other users. */
static myl_rc delete_others(myl_ctx *cx, const myl_pusher *pusher)
{
    myl_key name = name_key(cx, pusher);
    myl_list users = MYL_LIST(cx, uint64_t);
    myl_scan *scan;
    myl_str key, value;
    uint64_t user;

    MYL_TRY(myl_scan_values(cx, MYL_TABLE_PUSHER_USERS, myl_key_str(&name), MYL_ABSENT, MYL_FORWARD,
                            &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            break;
        if (!myl_cut_u64(&value, &user))
            return myl_fail(cx, MYL_CORRUPT, "PUSHER_USERS: bad row");
        if (user != pusher->user)
            myl_list_push(&users, uint64_t, user);
    }
    myl_scan_end(scan);
    for (size_t i = 0; i < users.count; i++) {
        myl_pusher other = *pusher;

        other.user = myl_list_get(&users, uint64_t, i);
        MYL_TRY(myl_pusher_delete(cx, &other));
    }
    return MYL_OK;
}

static myl_rc check_room(myl_ctx *cx, const myl_pusher *pusher)
{
    myl_key key = row_key(cx, pusher);
    const myl_pusher *all;
    size_t count;
    myl_str row;

    MYL_TRY(myl_store_get(cx, MYL_TABLE_PUSHERS, myl_key_str(&key), &row));
    if (myl_str_present(row))
        return MYL_OK;
    MYL_TRY(myl_pushers_of(cx, pusher->user, &all, &count));
    if (count >= MYL_LIMIT_PUSHERS)
        return myl_fail(cx, MYL_RESOURCE_LIMIT, "pushers: more than %d", MYL_LIMIT_PUSHERS);
    return MYL_OK;
}

myl_rc myl_pusher_put(myl_ctx *cx, const myl_pusher *pusher, bool alone)
{
    myl_key key = row_key(cx, pusher), name = name_key(cx, pusher);
    myl_key user = myl_key_of_u64(pusher->user);
    myl_text row = MYL_TEXT(cx);

    MYL_TRY(check_room(cx, pusher));
    if (alone)
        MYL_TRY(delete_others(cx, pusher));
    myl_row_u64(&row, pusher->device);
    myl_json_write(&row, pusher->json);
    MYL_TRY(myl_store_put(cx, MYL_TABLE_PUSHERS, myl_key_str(&key), myl_text_str(&row)));
    return myl_store_add(cx, MYL_TABLE_PUSHER_USERS, myl_key_str(&name), myl_key_str(&user));
}

/* ---- what goes with its owner ---- */

/* device 0: all. */
static myl_rc delete_of(myl_ctx *cx, uint64_t user, uint64_t device)
{
    const myl_pusher *all;
    size_t count;

    MYL_TRY(myl_pushers_of(cx, user, &all, &count));
    for (size_t i = 0; i < count; i++)
        if (device == 0 || all[i].device == device)
            MYL_TRY(myl_pusher_delete(cx, &all[i]));
    return MYL_OK;
}

static myl_rc on_closed(myl_ctx *cx, uint64_t user)
{
    MYL_TRY(delete_of(cx, user, 0));
    return myl_push_rules_drop(cx, user);
}

void myl_push_start(void)
{
    myl_user_on_device_deleted(delete_of);
    myl_user_on_closed(on_closed);
}

/* ---- check ---- */

static myl_rc check_row(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    myl_pusher one;
    myl_key name, user;
    bool known;

    if (!cut_row(cx, key, row, &one)) {
        myl_check_wrong(check, "a pusher cannot be read");
        return MYL_OK;
    }
    name = name_key(cx, &one);
    user = myl_key_of_u64(one.user);
    MYL_TRY(
        myl_store_has(cx, MYL_TABLE_PUSHER_USERS, myl_key_str(&name), myl_key_str(&user), &known));
    if (!known)
        myl_check_wrong(check, "a pusher is not found by its name");
    return MYL_OK;
}

static myl_rc check_name(myl_ctx *cx, myl_check *check, myl_str name, myl_str value)
{
    myl_key key = myl_key_start();
    myl_str row;

    myl_key_bytes(&key, value.at, value.len);
    myl_key_bytes(&key, name.at, name.len);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_PUSHERS, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        myl_check_wrong(check, "the name of a pusher that is not there");
    return MYL_OK;
}

myl_rc myl_pushers_check(myl_ctx *cx, myl_check *check)
{
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_PUSHERS, check_row));
    return myl_check_walk(cx, check, MYL_TABLE_PUSHER_USERS, check_name);
}
