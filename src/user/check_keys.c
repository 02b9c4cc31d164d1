/* check_keys.c: `myelin check` for keys, signatures, device lists and messages to devices.
 *
 * Callers: check.c's list. Threads: one, in a snapshot of a stopped server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

/* ---- one-time keys: the counts of each device, counted again ---- */

static myl_rc count_rows(myl_ctx *cx, myl_table_id table, const myl_key *prefix, uint64_t *out)
{
    myl_scan *scan;
    myl_str key, row;

    *out = 0;
    MYL_TRY(myl_scan_start(cx, table, myl_key_str(prefix), MYL_ABSENT, MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        (*out)++;
    }
    myl_scan_end(scan);
    return MYL_OK;
}

static myl_rc check_counts(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t user, device, keys, counted = 0, epoch, at, ignored;
    myl_caller caller = {0};
    myl_key_counts counts;
    myl_key prefix;

    if (!myl_cut_u64(&key, &user) || !myl_cut_u64(&key, &device) || !myl_cut_u64(&row, &at) ||
        !myl_cut_u64(&row, &ignored)) {
        myl_check_wrong(check, "KEY_COUNTS: a row cannot be read");
        return MYL_OK;
    }
    caller.user = user;
    caller.device = device;
    prefix = myl_key_of_u64s(user, device);
    MYL_TRY(myl_store_epoch(cx, &epoch));
    if (at != epoch)
        return MYL_OK; /* of before a restore: they are dropped when they are next touched */
    MYL_TRY(myl_user_key_counts(cx, &caller, &counts));
    for (size_t i = 0; i < counts.count; i++)
        counted += (uint64_t)counts.counts[i].count;
    MYL_TRY(count_rows(cx, MYL_TABLE_ONE_TIME_KEYS, &prefix, &keys));
    if (keys != counted)
        myl_check_wrong(check, "user %llu: %llu one-time keys of a device are counted, %llu wait",
                        (unsigned long long)user, (unsigned long long)counted,
                        (unsigned long long)keys);
    return MYL_OK;
}

/* Each key that waits is found by its id. */
static myl_rc check_key(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    myl_str place = myl_str_slice(key, 32, 8), name, found;
    uint64_t user, device, age, at = 0;
    myl_key id;

    if (!myl_cut_u64(&key, &user) || !myl_cut_u64(&key, &device) || !myl_cut_u64(&place, &age) ||
        !myl_cut_str(&row, &name)) {
        myl_check_wrong(check, "ONE_TIME_KEYS: a row cannot be read");
        return MYL_OK;
    }
    id = myl_key_of_u64s(user, device);
    myl_key_hash(&id, name);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_ONE_TIME_KEY_IDS, myl_key_str(&id), &found));
    if (!myl_cut_u64(&found, &at) || at != age)
        myl_check_wrong(check, "a one-time key of user %llu is not found by its id",
                        (unsigned long long)user);
    return MYL_OK;
}

/* Each id names a key that waits, or one that went out. */
static myl_rc check_key_id(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t user, device, age, keys;
    myl_key prefix;

    if (!myl_cut_u64(&key, &user) || !myl_cut_u64(&key, &device) || !myl_cut_u64(&row, &age)) {
        myl_check_wrong(check, "ONE_TIME_KEY_IDS: a row cannot be read");
        return MYL_OK;
    }
    prefix = myl_key_of_u64s(user, device);
    MYL_TRY(count_rows(cx, age == 0 ? MYL_TABLE_CLAIMED_KEYS : MYL_TABLE_ONE_TIME_KEYS, &prefix,
                       &keys));
    if (keys == 0)
        myl_check_wrong(check, "a one-time key id of user %llu names no key",
                        (unsigned long long)user);
    return MYL_OK;
}

myl_rc myl_user_check_keys(myl_ctx *cx, myl_check *check)
{
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_KEY_COUNTS, check_counts));
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_ONE_TIME_KEYS, check_key));
    return myl_check_walk(cx, check, MYL_TABLE_ONE_TIME_KEY_IDS, check_key_id);
}

/* ---- identities and signatures ---- */

static myl_rc check_cross_key(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    const myl_json *json, *master;
    myl_str public_part;
    uint64_t user;
    uint8_t kind;

    if (!myl_cut_u64(&key, &user) || !myl_cut_u8(&key, &kind) ||
        myl_json_parse(cx, row, &json) != MYL_OK) {
        myl_forgive(cx);
        myl_check_wrong(check, "CROSS_SIGNING: a row cannot be read");
        return MYL_OK;
    }
    MYL_TRY(myl_user_cross_key(cx, user, MYL_KEY_MASTER, &master));
    public_part = myl_user_public_part(json);
    if (master == NULL || !myl_str_present(public_part))
        myl_check_wrong(check, "user %llu: a cross-signing key without a master key, or none",
                        (unsigned long long)user);
    return MYL_OK;
}

static myl_rc check_signature(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    myl_str name = myl_str_slice(key, 24, 8), key_id, signature, signed_row;
    uint64_t user, signer;
    myl_key signed_user;

    if (!myl_cut_u64(&key, &user) || !myl_cut_u64(&name, &signer) || !myl_cut_str(&row, &key_id) ||
        !myl_cut_str(&row, &signature)) {
        myl_check_wrong(check, "KEY_SIGNATURES: a row cannot be read");
        return MYL_OK;
    }
    signed_user = myl_key_of_u64s(signer, user);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_SIGNED_USERS, myl_key_str(&signed_user), &signed_row));
    if (signer != user && !myl_str_present(signed_row))
        myl_check_wrong(check,
                        "user %llu has signed a key of %llu, which SIGNED_USERS does not know",
                        (unsigned long long)signer, (unsigned long long)user);
    return MYL_OK;
}

myl_rc myl_user_check_signatures(myl_ctx *cx, myl_check *check)
{
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_CROSS_SIGNING, check_cross_key));
    return myl_check_walk(cx, check, MYL_TABLE_KEY_SIGNATURES, check_signature);
}

/* ---- device lists ---- */

static myl_rc check_log(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t position, user, device, previous, newest = 0;
    myl_key place;
    myl_str found;

    if (!myl_cut_u64(&key, &position) || !myl_cut_u64(&row, &user) || !myl_cut_u64(&row, &device) ||
        !myl_cut_u64(&row, &previous)) {
        myl_check_wrong(check, "DEVICE_LIST_LOG: a row cannot be read");
        return MYL_OK;
    }
    place = myl_key_of_u64s(user, device);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_DEVICE_LIST_NEWEST, myl_key_str(&place), &found));
    if (!myl_cut_u64(&found, &newest) || newest != position || previous >= position)
        myl_check_wrong(check, "DEVICE_LIST_LOG: %llu is not the newest of its device",
                        (unsigned long long)position);
    return MYL_OK;
}

static myl_rc check_newest(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t user, device, position;
    myl_key place;
    myl_str found;

    if (!myl_cut_u64(&key, &user) || !myl_cut_u64(&key, &device) || !myl_cut_u64(&row, &position)) {
        myl_check_wrong(check, "DEVICE_LIST_NEWEST: a row cannot be read");
        return MYL_OK;
    }
    place = myl_key_of_u64(position);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_DEVICE_LIST_LOG, myl_key_str(&place), &found));
    if (!myl_str_present(found))
        myl_check_wrong(check, "the newest change of user %llu is not in DEVICE_LIST_LOG",
                        (unsigned long long)user);
    return MYL_OK;
}

myl_rc myl_user_check_device_lists(myl_ctx *cx, myl_check *check)
{
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_DEVICE_LIST_LOG, check_log));
    return myl_check_walk(cx, check, MYL_TABLE_DEVICE_LIST_NEWEST, check_newest);
}

/* ---- messages to devices ---- */

static uint64_t messages, counted_messages, edus, counted_edus;

static myl_rc check_message(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t user, device;
    myl_key place;
    myl_str found;

    MYL_UNUSED(row);
    messages++;
    if (!myl_cut_u64(&key, &user) || !myl_cut_u64(&key, &device)) {
        myl_check_wrong(check, "TO_DEVICE: a key is too short");
        return MYL_OK;
    }
    place = myl_key_of_u64s(user, device);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_DEVICES, myl_key_str(&place), &found));
    if (!myl_str_present(found)) /* a task may be sweeping it: then it is counted */
        MYL_TRY(myl_store_get(cx, MYL_TABLE_TO_DEVICE_COUNTS, myl_key_str(&place), &found));
    if (!myl_str_present(found))
        myl_check_wrong(check, "a message waits for a device of user %llu that is gone",
                        (unsigned long long)user);
    return MYL_OK;
}

static myl_rc add_messages(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t count = 0;

    MYL_UNUSED(cx);
    MYL_UNUSED(key);
    if (!myl_cut_u64(&row, &count))
        myl_check_wrong(check, "TO_DEVICE_COUNTS: a row cannot be read");
    counted_messages += count;
    return MYL_OK;
}

static myl_rc count_edu(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    MYL_UNUSED(cx);
    MYL_UNUSED(check);
    MYL_UNUSED(key);
    MYL_UNUSED(row);
    edus++;
    return MYL_OK;
}

static myl_rc add_edus(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t count = 0;

    MYL_UNUSED(cx);
    MYL_UNUSED(key);
    if (!myl_cut_u64(&row, &count))
        myl_check_wrong(check, "TO_DEVICE_OUT_COUNTS: a row cannot be read");
    counted_edus += count;
    return MYL_OK;
}

myl_rc myl_user_check_to_device(myl_ctx *cx, myl_check *check)
{
    messages = counted_messages = edus = counted_edus = 0;
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_TO_DEVICE, check_message));
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_TO_DEVICE_COUNTS, add_messages));
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_TO_DEVICE_OUT, count_edu));
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_TO_DEVICE_OUT_COUNTS, add_edus));
    if (messages != counted_messages || edus != counted_edus)
        myl_check_wrong(check, "%llu messages and %llu EDUs are counted, %llu and %llu wait",
                        (unsigned long long)counted_messages, (unsigned long long)counted_edus,
                        (unsigned long long)messages, (unsigned long long)edus);
    return MYL_OK;
}

/* ---- backups ---- */

static myl_rc check_backup(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t user, version, keys, count, found;
    myl_key prefix;

    if (!myl_cut_u64(&key, &user) || !myl_cut_u64(&key, &version) || !myl_cut_u64(&row, &keys)) {
        myl_check_wrong(check, "BACKUPS: a row cannot be read");
        return MYL_OK;
    }
    if (version == 0)
        return MYL_OK;
    if (!myl_cut_u64(&row, &count)) {
        myl_check_wrong(check, "BACKUPS: a row cannot be read");
        return MYL_OK;
    }
    prefix = myl_key_of_u64s(user, keys);
    MYL_TRY(count_rows(cx, MYL_TABLE_BACKUP_KEYS, &prefix, &found));
    if (found != count)
        myl_check_wrong(check, "user %llu: %llu keys of backup %llu are counted, %llu are there",
                        (unsigned long long)user, (unsigned long long)count,
                        (unsigned long long)version, (unsigned long long)found);
    return MYL_OK;
}

myl_rc myl_user_check_backups(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_BACKUPS, check_backup);
}
