/* check.c: `myelin check` for accounts, devices and what clients keep: every reference, both ways.
 *
 * Callers: cmd/check.c. Threads: one, in a snapshot of a stopped server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/user_check.h>

#include "user/user_own.h"

static myl_rc is_there(myl_ctx *cx, myl_table_id table, myl_str key, bool *out)
{
    myl_str row;

    MYL_TRY(myl_store_get(cx, table, key, &row));
    *out = myl_str_present(row);
    return MYL_OK;
}

/* ---- accounts ---- */

static uint64_t accounts;

static myl_rc check_account(myl_ctx *cx, myl_check *check, myl_str key, myl_str value)
{
    uint64_t user;
    user_row row;
    bool exists, erased;
    myl_str name;

    MYL_UNUSED(value);
    accounts++;
    if (!myl_cut_u64(&key, &user) || key.len != 0) {
        myl_check_wrong(check, "ACCOUNTS: a key of the wrong length");
        return MYL_OK;
    }
    MYL_TRY(myl_user_row(cx, user, &exists, &row));
    MYL_TRY(myl_user_is_erased(cx, user, &erased));
    if (erased != row.erased)
        myl_check_wrong(check, "user %llu is erased in one table only", (unsigned long long)user);
    return myl_store_text_of(cx, MYL_INTERN_NAME, user, &name);
}

static myl_rc check_accounts(myl_ctx *cx, myl_check *check)
{
    uint64_t counted;

    accounts = 0;
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_ACCOUNTS, check_account));
    MYL_TRY(myl_user_count(cx, &counted));
    if (counted != accounts)
        myl_check_wrong(check, "%llu accounts are counted, %llu are there",
                        (unsigned long long)counted, (unsigned long long)accounts);
    return MYL_OK;
}

/* ---- tokens and devices ---- */

/* Is the hash among the tokens that the device's row names? */
static bool device_has_token(myl_str row, myl_str hash)
{
    uint8_t slots;
    myl_str one;

    if (!myl_cut_u8(&row, &slots))
        return false;
    for (unsigned i = 0; i < SLOT_COUNT; i++)
        if ((slots & 1u << i) != 0 && myl_cut_bytes(&row, TOKEN_HASH_BYTES, &one) &&
            myl_str_equal(one, hash))
            return true;
    return false;
}

static myl_rc check_token(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t user, device;
    int64_t expires;
    myl_key place;
    myl_str found;

    if (!myl_cut_u64(&row, &user) || !myl_cut_u64(&row, &device) || !myl_cut_i64(&row, &expires)) {
        myl_check_wrong(check, "TOKENS: a row is too short");
        return MYL_OK;
    }
    place = myl_key_of_u64s(user, device);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_DEVICES, myl_key_str(&place), &found));
    if (!myl_str_present(found) || !device_has_token(found, key))
        myl_check_wrong(check, "a token of user %llu names a device that has another one",
                        (unsigned long long)user);
    return MYL_OK;
}

static myl_rc check_device(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    myl_str number = myl_str_slice(key, 8, 8), found;
    uint64_t user, device;
    device_row read;
    bool there;

    MYL_UNUSED(row);
    if (!myl_cut_u64(&key, &user) || !myl_cut_u64(&key, &device)) {
        myl_check_wrong(check, "DEVICES: a key of the wrong length");
        return MYL_OK;
    }
    MYL_TRY(myl_device_get(cx, user, device, &there, &read));
    myl_key id = myl_key_of_u64(user);
    myl_key_hash(&id, read.device.device_id);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_DEVICE_IDS, myl_key_str(&id), &found));
    if (!myl_str_equal(found, number))
        myl_check_wrong(check, "a device of user %llu is not found by its id",
                        (unsigned long long)user);
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        if (!myl_str_present(read.tokens[i]))
            continue;
        MYL_TRY(is_there(cx, MYL_TABLE_TOKENS, read.tokens[i], &there));
        if (!there)
            myl_check_wrong(check, "a device of user %llu has no token where its row names one",
                            (unsigned long long)user);
    }
    return MYL_OK;
}

static myl_rc check_device_id(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t user, number;
    myl_key device;
    bool there;

    if (!myl_cut_u64(&key, &user) || !myl_cut_u64(&row, &number)) {
        myl_check_wrong(check, "DEVICE_IDS: a row cannot be read");
        return MYL_OK;
    }
    device = myl_key_of_u64s(user, number);
    MYL_TRY(is_there(cx, MYL_TABLE_DEVICES, myl_key_str(&device), &there));
    if (!there)
        myl_check_wrong(check, "an id of user %llu names no device", (unsigned long long)user);
    return MYL_OK;
}

static myl_rc check_devices(myl_ctx *cx, myl_check *check)
{
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_TOKENS, check_token));
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_DEVICES, check_device));
    return myl_check_walk(cx, check, MYL_TABLE_DEVICE_IDS, check_device_id);
}

/* ---- account data ---- */

static myl_rc check_data(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t user, position;
    const myl_json *json;
    myl_str type;
    myl_key change;
    bool there;

    if (!myl_cut_u64(&key, &user) || !myl_cut_u64(&row, &position) || !myl_cut_str(&row, &type)) {
        myl_check_wrong(check, "ACCOUNT_DATA: a row cannot be read");
        return MYL_OK;
    }
    if (myl_json_parse(cx, row, &json) != MYL_OK) {
        myl_forgive(cx);
        myl_check_wrong(check, "account data of user %llu is no JSON", (unsigned long long)user);
    }
    change = myl_key_of_u64s(user, position);
    MYL_TRY(is_there(cx, MYL_TABLE_USER_CHANGES, myl_key_str(&change), &there));
    if (!there)
        myl_check_wrong(check, "account data of user %llu is not in the index of changes",
                        (unsigned long long)user);
    return MYL_OK;
}

static myl_rc check_account_data(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_ACCOUNT_DATA, check_data);
}

/* ---- UIA sessions ---- */

static uint64_t expiries;

static myl_rc check_expiry(myl_ctx *cx, myl_check *check, myl_str key, myl_str session)
{
    bool there;

    MYL_UNUSED(key);
    expiries++;
    MYL_TRY(is_there(cx, MYL_TABLE_UIA_SESSIONS, session, &there));
    if (!there)
        myl_check_wrong(check, "UIA_EXPIRY names a session that is not there");
    return MYL_OK;
}

static uint64_t sessions;

static myl_rc count_session(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    MYL_UNUSED(cx);
    MYL_UNUSED(check);
    MYL_UNUSED(key);
    MYL_UNUSED(row);
    sessions++;
    return MYL_OK;
}

static myl_rc check_uia(myl_ctx *cx, myl_check *check)
{
    expiries = sessions = 0;
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_UIA_EXPIRY, check_expiry));
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_UIA_SESSIONS, count_session));
    if (expiries != sessions)
        myl_check_wrong(check, "%llu UIA sessions have %llu ends", (unsigned long long)sessions,
                        (unsigned long long)expiries);
    return MYL_OK;
}

/* ---- tickets ---- */

static myl_rc check_ticket_end(myl_ctx *cx, myl_check *check, myl_str key, myl_str ticket)
{
    bool there;

    MYL_UNUSED(key);
    expiries++;
    MYL_TRY(is_there(cx, MYL_TABLE_TICKETS, ticket, &there));
    if (!there)
        myl_check_wrong(check, "TICKET_ENDS names a ticket that is not there");
    return MYL_OK;
}

static myl_rc check_tickets(myl_ctx *cx, myl_check *check)
{
    expiries = sessions = 0;
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_TICKET_ENDS, check_ticket_end));
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_TICKETS, count_session));
    if (expiries != sessions)
        myl_check_wrong(check, "%llu tickets have %llu ends", (unsigned long long)sessions,
                        (unsigned long long)expiries);
    return MYL_OK;
}

/* ---- the directory ---- */

static myl_rc check_directory_word(myl_ctx *cx, myl_check *check, myl_str word, myl_str user)
{
    bool there;

    MYL_UNUSED(word);
    MYL_TRY(is_there(cx, MYL_TABLE_DIRECTORY_USERS, user, &there));
    if (!there)
        myl_check_wrong(check, "a word of the directory names a user who is not in it");
    return MYL_OK;
}

static myl_rc check_directory_user(myl_ctx *cx, myl_check *check, myl_str user, myl_str row)
{
    myl_str word;
    bool there;

    while (row.len > 0) {
        if (!myl_cut_str(&row, &word)) {
            myl_check_wrong(check, "DIRECTORY_USERS: a row cannot be read");
            return MYL_OK;
        }
        MYL_TRY(myl_store_has(cx, MYL_TABLE_DIRECTORY_WORDS, word, user, &there));
        if (!there)
            myl_check_wrong(check, "a user of the directory is not found by one of its words");
    }
    return MYL_OK;
}

static myl_rc check_directory(myl_ctx *cx, myl_check *check)
{
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_DIRECTORY_WORDS, check_directory_word));
    return myl_check_walk(cx, check, MYL_TABLE_DIRECTORY_USERS, check_directory_user);
}

/* ---- limits of their own ---- */

static myl_rc check_rate(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint32_t per_second, burst;
    uint64_t user = 0;
    user_row account;
    bool exists;

    if (!myl_cut_u64(&key, &user) || !myl_cut_u32(&row, &per_second) ||
        !myl_cut_u32(&row, &burst) || row.len != 0) {
        myl_check_wrong(check, "USER_RATES: a row of a wrong length");
        return MYL_OK;
    }
    MYL_TRY(myl_user_row(cx, user, &exists, &account));
    if (!exists || account.deactivated)
        myl_check_wrong(check, "USER_RATES: user %llu has no open account",
                        (unsigned long long)user);
    return MYL_OK;
}

static myl_rc check_rates(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_USER_RATES, check_rate);
}

const myl_check_row myl_user_checks[] = {
    {"accounts", check_accounts},
    {"devices", check_devices},
    {"account data", check_account_data},
    {"one-time keys", myl_user_check_keys},
    {"key signatures", myl_user_check_signatures},
    {"device lists", myl_user_check_device_lists},
    {"to-device messages", myl_user_check_to_device},
    {"key backups", myl_user_check_backups},
    {"thread subscriptions", myl_user_check_threads},
    {"authentication sessions", check_uia},
    {"tickets", check_tickets},
    {"user directory", check_directory},
    {"limits of users", check_rates},
    {NULL, NULL},
};
