/* threads.c: subscriptions to threads.
 *
 * Spec:    MSC4306, Server-side automatic subscription ordering.
 * Callers: api/client/threads.c, push/ for its rules, the extension of sliding sync.
 * Threads: the transaction's.
 * Holds:   THREAD_CHANGES has one value a row of THREAD_SUBSCRIPTIONS: its position, room and root.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

#include <myelin/user_threads.h>

static myl_key row_key(uint64_t user, uint64_t room, myl_str root)
{
    myl_key key = myl_key_of_u64s(user, room);

    myl_key_hash(&key, root);
    return key;
}

static bool cut_row(myl_ctx *cx, myl_str row, myl_thread_subscription *out)
{
    uint8_t how;

    if (!myl_cut_u64(&row, &out->position) || !myl_cut_u8(&row, &how) || how > MYL_THREAD_MANUAL ||
        row.len == 0)
        return false;
    out->how = (myl_thread_how)how;
    out->root = myl_keep(cx, row);
    return true;
}

static myl_rc get_row(myl_ctx *cx, myl_str key, myl_thread_subscription *out)
{
    myl_str row;

    MYL_TRY(myl_store_get(cx, MYL_TABLE_THREAD_SUBSCRIPTIONS, key, &row));
    if (myl_str_present(row) && !cut_row(cx, row, out))
        return myl_fail(cx, MYL_CORRUPT, "THREAD_SUBSCRIPTIONS: bad row");
    return MYL_OK;
}

myl_rc myl_user_thread(myl_ctx *cx, uint64_t user, uint64_t room, myl_str root,
                       myl_thread_subscription *out)
{
    myl_key key = row_key(user, room, root);

    *out = (myl_thread_subscription){.room = room, .root = root};
    return get_row(cx, myl_key_str(&key), out);
}

/* ---- changed ---- */

static myl_key change_of(const myl_thread_subscription *one)
{
    myl_key value = myl_key_of_u64s(one->position, one->room);

    myl_key_hash(&value, one->root);
    return value;
}

static myl_rc require_space(myl_ctx *cx, uint64_t user)
{
    myl_key key = myl_key_of_u64(user);
    uint64_t count;

    MYL_TRY(myl_store_count(cx, MYL_TABLE_THREAD_CHANGES, myl_key_str(&key), &count));
    if (count >= MYL_LIMIT_THREAD_SUBSCRIPTIONS)
        return myl_fail(cx, MYL_RESOURCE_LIMIT, "more than %d threads",
                        MYL_LIMIT_THREAD_SUBSCRIPTIONS);
    return MYL_OK;
}

static myl_rc put(myl_ctx *cx, uint64_t user, const myl_thread_subscription *old,
                  myl_thread_how how)
{
    myl_thread_subscription new = {old->room, old->root, how, myl_engine_next_position(cx)};
    myl_key key = row_key(user, old->room, old->root), owner = myl_key_of_u64(user), change;
    myl_text row = MYL_TEXT(cx);

    if (old->position != 0) {
        change = change_of(old);
        MYL_TRY(myl_store_remove(cx, MYL_TABLE_THREAD_CHANGES, myl_key_str(&owner),
                                 myl_key_str(&change)));
    } else {
        MYL_TRY(require_space(cx, user));
    }
    change = change_of(&new);
    MYL_TRY(myl_store_add(cx, MYL_TABLE_THREAD_CHANGES, myl_key_str(&owner), myl_key_str(&change)));
    myl_row_u64(&row, new.position);
    myl_row_u8(&row, (uint8_t)how);
    myl_text_add(&row, new.root);
    myl_engine_note(cx, MYL_NOTE_USER, user);
    return myl_store_put(cx, MYL_TABLE_THREAD_SUBSCRIPTIONS, myl_key_str(&key), myl_text_str(&row));
}

myl_rc myl_user_thread_follow(myl_ctx *cx, uint64_t user, uint64_t room, myl_str root,
                              uint64_t cause)
{
    myl_thread_how wanted = cause == 0 ? MYL_THREAD_MANUAL : MYL_THREAD_AUTOMATIC;
    myl_thread_subscription old;

    MYL_TRY(myl_user_thread(cx, user, room, root, &old));
    if (cause != 0 && old.how == MYL_THREAD_NONE && cause < old.position)
        return myl_fail(cx, MYL_CONFLICTING_UNSUBSCRIPTION,
                        "automatic: the thread was left after this event");
    if (old.how >= wanted)
        return MYL_OK;
    return put(cx, user, &old, wanted);
}

myl_rc myl_user_thread_leave(myl_ctx *cx, uint64_t user, uint64_t room, myl_str root)
{
    myl_thread_subscription old;

    MYL_TRY(myl_user_thread(cx, user, room, root, &old));
    return old.how == MYL_THREAD_NONE ? MYL_OK : put(cx, user, &old, MYL_THREAD_NONE);
}

/* ---- listed ---- */

/* The row that a value of THREAD_CHANGES names: room and hash of the root are the rest of its key. */
static myl_rc take_change(myl_ctx *cx, uint64_t user, myl_str value, myl_thread_subscription *out)
{
    myl_key key = myl_key_of_u64(user);

    *out = (myl_thread_subscription){0};
    if (!myl_cut_u64(&value, &out->position))
        return myl_fail(cx, MYL_CORRUPT, "THREAD_CHANGES: bad row");
    myl_key_bytes(&key, value.at, value.len);
    if (!myl_cut_u64(&value, &out->room))
        return myl_fail(cx, MYL_CORRUPT, "THREAD_CHANGES: bad row");
    return get_row(cx, myl_key_str(&key), out);
}

myl_rc myl_user_threads(myl_ctx *cx, uint64_t user, const myl_thread_range *range, myl_threads *out)
{
    static const uint8_t lowest[16];
    myl_key key = myl_key_of_u64(user), from = myl_key_of_u64s(range->before, 0);
    myl_list found = MYL_LIST(cx, myl_thread_subscription);
    myl_scan *scan;
    myl_str at, value;

    memset(out, 0, sizeof(*out));
    myl_key_bytes(&from, lowest, sizeof(lowest));
    MYL_TRY(myl_scan_values(cx, MYL_TABLE_THREAD_CHANGES, myl_key_str(&key), myl_key_str(&from),
                            MYL_BACKWARD, &scan));
    for (;;) {
        myl_thread_subscription one;

        MYL_TRY(myl_scan_next(scan, &at, &value));
        if (!myl_str_present(at))
            break;
        MYL_TRY(take_change(cx, user, value, &one));
        if (one.position <= range->after)
            break;
        if (range->followed_only && one.how == MYL_THREAD_NONE)
            continue;
        out->more = found.count == range->limit;
        if (out->more)
            break;
        myl_list_push(&found, myl_thread_subscription, one);
    }
    myl_scan_end(scan);
    out->list = found.at;
    out->count = found.count;
    return MYL_OK;
}

myl_rc myl_user_threads_position(myl_ctx *cx, uint64_t user, uint64_t *out)
{
    myl_key key = myl_key_of_u64(user);
    myl_scan *scan;
    myl_str at, value;

    *out = 0;
    MYL_TRY(myl_scan_values(cx, MYL_TABLE_THREAD_CHANGES, myl_key_str(&key), MYL_ABSENT,
                            MYL_BACKWARD, &scan));
    MYL_TRY(myl_scan_next(scan, &at, &value));
    if (myl_str_present(at) && !myl_cut_u64(&value, out))
        return myl_fail(cx, MYL_CORRUPT, "THREAD_CHANGES: bad row");
    myl_scan_end(scan);
    return MYL_OK;
}

myl_rc myl_user_threads_changed(myl_ctx *cx, uint64_t user, uint64_t after, myl_list *rooms)
{
    myl_key key = myl_key_of_u64(user);
    myl_scan *scan;
    myl_str at, value;
    uint64_t position, room;

    MYL_TRY(myl_scan_values(cx, MYL_TABLE_THREAD_CHANGES, myl_key_str(&key), MYL_ABSENT,
                            MYL_BACKWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &at, &value));
        if (!myl_str_present(at))
            break;
        if (!myl_cut_u64(&value, &position) || !myl_cut_u64(&value, &room))
            return myl_fail(cx, MYL_CORRUPT, "THREAD_CHANGES: bad row");
        if (position <= after)
            break;
        myl_list_push(rooms, uint64_t, room);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

/* ---- what goes with a room ---- */

myl_rc myl_user_threads_drop_room(myl_ctx *cx, uint64_t user, uint64_t room, size_t most,
                                  size_t *gone)
{
    myl_key prefix = myl_key_of_u64s(user, room), owner = myl_key_of_u64(user);
    myl_list rows = MYL_LIST(cx, myl_thread_subscription);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_THREAD_SUBSCRIPTIONS, myl_key_str(&prefix), MYL_ABSENT,
                           MYL_FORWARD, &scan));
    while (rows.count < most) {
        myl_thread_subscription one = {.room = room};

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        if (!cut_row(cx, row, &one))
            return myl_fail(cx, MYL_CORRUPT, "THREAD_SUBSCRIPTIONS: bad row");
        myl_list_push(&rows, myl_thread_subscription, one);
    }
    myl_scan_end(scan);
    for (size_t i = 0; i < rows.count; i++) {
        const myl_thread_subscription *one = myl_list_at(&rows, i);
        myl_key change = change_of(one), at = row_key(user, room, one->root);

        MYL_TRY(myl_store_remove(cx, MYL_TABLE_THREAD_CHANGES, myl_key_str(&owner),
                                 myl_key_str(&change)));
        MYL_TRY(myl_store_delete(cx, MYL_TABLE_THREAD_SUBSCRIPTIONS, myl_key_str(&at)));
    }
    *gone = rows.count;
    return MYL_OK;
}

/* ---- check ---- */

static uint64_t changes, subscriptions;

static myl_rc check_change(myl_ctx *cx, myl_check *check, myl_str key, myl_str value)
{
    myl_thread_subscription one;
    uint64_t user, position;
    myl_str copy = value;

    changes++;
    if (!myl_cut_u64(&key, &user) || !myl_cut_u64(&copy, &position)) {
        myl_check_wrong(check, "THREAD_CHANGES: a row cannot be read");
        return MYL_OK;
    }
    MYL_TRY(take_change(cx, user, value, &one));
    if (one.root.len == 0 || one.position != position)
        myl_check_wrong(check, "a thread of user %llu changed at %llu, which its row does not know",
                        (unsigned long long)user, (unsigned long long)position);
    return MYL_OK;
}

static myl_rc check_subscription(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    myl_thread_subscription one = {0};

    MYL_UNUSED(key);
    subscriptions++;
    if (!cut_row(cx, row, &one))
        myl_check_wrong(check, "THREAD_SUBSCRIPTIONS: a row cannot be read");
    return MYL_OK;
}

myl_rc myl_user_check_threads(myl_ctx *cx, myl_check *check)
{
    changes = subscriptions = 0;
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_THREAD_CHANGES, check_change));
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_THREAD_SUBSCRIPTIONS, check_subscription));
    if (changes > subscriptions)
        myl_check_wrong(check, "%llu changes of %llu thread subscriptions",
                        (unsigned long long)changes, (unsigned long long)subscriptions);
    return MYL_OK;
}
