/* account.c: local accounts.
 *
 * Threads: the transaction's.
 * Holds:   a password is stored only as its Argon2id hash; the generation rises whenever tokens must be looked at anew.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

#include <myelin/matrix_id.h>
#include <myelin/user_directory.h>

enum {
    FLAG_ADMIN = 1,
    FLAG_GUEST = 2,
    FLAG_DEACTIVATED = 4,
    FLAG_LOCKED = 8,
    FLAG_PASSWORD = 16,
    FLAG_SUSPENDED = 32,
    FLAG_ERASED = 64,
    FLAG_SHADOW_BANNED = 128
};

static void (*tokens_changed)(uint64_t user);

void myl_user_on_tokens_changed(void (*fn)(uint64_t user))
{
    tokens_changed = fn;
}

static void tell_tokens_changed(void *arg)
{
    if (tokens_changed != NULL)
        tokens_changed(*(const uint64_t *)arg);
}

void myl_user_tokens_ended(myl_ctx *cx, uint64_t user)
{
    uint64_t *kept = myl_new(cx, uint64_t);

    *kept = user;
    myl_engine_after_commit(cx, tell_tokens_changed, kept);
}

/* ---- the row ---- */

static uint32_t flags_of(const user_row *row)
{
    return (row->is_admin ? FLAG_ADMIN : 0u) | (row->is_guest ? FLAG_GUEST : 0u) |
           (row->deactivated ? FLAG_DEACTIVATED : 0u) | (row->locked ? FLAG_LOCKED : 0u) |
           (myl_str_present(row->password_hash) ? FLAG_PASSWORD : 0u) |
           (row->suspended ? FLAG_SUSPENDED : 0u) | (row->erased ? FLAG_ERASED : 0u) |
           (row->shadow_banned ? FLAG_SHADOW_BANNED : 0u);
}

myl_rc myl_user_row_put(myl_ctx *cx, uint64_t user, const user_row *row)
{
    myl_key key = myl_key_of_u64(user);
    myl_text value = MYL_TEXT(cx);

    myl_row_u32(&value, flags_of(row));
    myl_row_u64(&value, (uint64_t)row->created_ms);
    myl_row_u64(&value, row->generation);
    myl_row_str(&value, row->password_hash);
    return myl_store_put(cx, MYL_TABLE_ACCOUNTS, myl_key_str(&key), myl_text_str(&value));
}

static bool cut_row(myl_ctx *cx, myl_str value, user_row *out)
{
    uint64_t created;
    uint32_t flags;

    if (!myl_cut_u32(&value, &flags) || !myl_cut_u64(&value, &created) ||
        !myl_cut_u64(&value, &out->generation) || !myl_cut_str(&value, &out->password_hash))
        return false;
    out->is_admin = (flags & FLAG_ADMIN) != 0;
    out->is_guest = (flags & FLAG_GUEST) != 0;
    out->deactivated = (flags & FLAG_DEACTIVATED) != 0;
    out->locked = (flags & FLAG_LOCKED) != 0;
    out->suspended = (flags & FLAG_SUSPENDED) != 0;
    out->erased = (flags & FLAG_ERASED) != 0;
    out->shadow_banned = (flags & FLAG_SHADOW_BANNED) != 0;
    out->created_ms = (int64_t)created;
    out->password_hash =
        (flags & FLAG_PASSWORD) != 0 ? myl_keep(cx, out->password_hash) : MYL_ABSENT;
    return true;
}

myl_rc myl_user_row(myl_ctx *cx, uint64_t user, bool *exists, user_row *out)
{
    myl_key key = myl_key_of_u64(user);
    myl_str value;

    memset(out, 0, sizeof(*out));
    *exists = false;
    if (user == 0)
        return MYL_OK;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_ACCOUNTS, myl_key_str(&key), &value));
    if (!myl_str_present(value))
        return MYL_OK;
    if (!cut_row(cx, value, out))
        return myl_fail(cx, MYL_CORRUPT, "ACCOUNTS: bad row");
    *exists = true;
    return MYL_OK;
}

/* ---- accounts by user id ---- */

static myl_rc read_account(myl_ctx *cx, uint64_t user, myl_account *out)
{
    user_row row;
    bool exists;

    MYL_TRY(myl_user_row(cx, user, &exists, &row));
    *out = (myl_account){.exists = exists,
                         .is_admin = row.is_admin,
                         .is_guest = row.is_guest,
                         .deactivated = row.deactivated,
                         .locked = row.locked,
                         .suspended = row.suspended,
                         .erased = row.erased,
                         .shadow_banned = row.shadow_banned,
                         .user = exists ? user : 0,
                         .created_ms = row.created_ms,
                         .password_hash = row.password_hash};
    return MYL_OK;
}

myl_rc myl_user_account(myl_ctx *cx, myl_str user_id, myl_account *out)
{
    uint64_t user;

    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, user_id, &user));
    return read_account(cx, user, out);
}

myl_rc myl_user_next(myl_ctx *cx, uint64_t after, myl_str *user_id, myl_account *out)
{
    myl_key from = myl_key_of_u64(after + 1);
    uint64_t user;
    myl_scan *scan;
    myl_str key, row;

    memset(out, 0, sizeof(*out));
    *user_id = MYL_ABSENT;
    MYL_TRY(
        myl_scan_start(cx, MYL_TABLE_ACCOUNTS, MYL_ABSENT, myl_key_str(&from), MYL_FORWARD, &scan));
    MYL_TRY(myl_scan_next(scan, &key, &row));
    if (!myl_str_present(key))
        return MYL_OK;
    if (!myl_cut_u64(&key, &user))
        return myl_fail(cx, MYL_CORRUPT, "ACCOUNTS: a key of the wrong length");
    myl_scan_end(scan);
    MYL_TRY(read_account(cx, user, out));
    return myl_store_text_of(cx, MYL_INTERN_NAME, user, user_id);
}

myl_rc myl_user_exists(myl_ctx *cx, myl_str user_id, bool *out)
{
    myl_account account;

    MYL_TRY(myl_user_account(cx, user_id, &account));
    *out = account.exists;
    return MYL_OK;
}

/* ---- how many ---- */

myl_rc myl_user_count(myl_ctx *cx, uint64_t *out)
{
    myl_str value;

    *out = 0;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_USER_COUNTS, MYL_S("accounts"), &value));
    if (myl_str_present(value) && !myl_cut_u64(&value, out))
        return myl_fail(cx, MYL_CORRUPT, "USER_COUNTS: bad row");
    return MYL_OK;
}

static myl_rc count_one_more(myl_ctx *cx)
{
    uint64_t count;
    myl_key value;

    MYL_TRY(myl_user_count(cx, &count));
    value = myl_key_of_u64(count + 1);
    return myl_store_put(cx, MYL_TABLE_USER_COUNTS, MYL_S("accounts"), myl_key_str(&value));
}

/* ---- making and changing ---- */

static myl_rc check_new(myl_ctx *cx, const myl_new_account *account)
{
    myl_str localpart = myl_id_localpart(account->user_id),
            domain = myl_id_domain(account->user_id);
    bool exists;

    if (!myl_id_is_new_localpart(localpart, domain))
        return myl_fail(
            cx, MYL_INVALID_USERNAME,
            "username: only a-z, 0-9 and ._=-/+ may be in it, 255 bytes with the server's name");
    MYL_TRY(myl_user_exists(cx, account->user_id, &exists));
    if (exists)
        return myl_fail(cx, MYL_USER_IN_USE, "username: taken");
    return MYL_OK;
}

myl_rc myl_user_create(myl_ctx *cx, const myl_new_account *account, uint64_t *user)
{
    user_row row = {.is_admin = account->is_admin,
                    .is_guest = account->is_guest,
                    .created_ms = myl_now_ms(),
                    .password_hash = account->password_hash};
    myl_str name = account->display_name;

    MYL_TRY(check_new(cx, account));
    MYL_TRY(myl_store_intern(cx, MYL_INTERN_NAME, account->user_id, user));
    MYL_TRY(myl_user_row_put(cx, *user, &row));
    MYL_TRY(count_one_more(cx));
    if (!myl_str_present(name))
        name = myl_id_localpart(account->user_id);
    return myl_user_profile_set(cx, *user, MYL_S("displayname"), name);
}

/* The row of an account that must be there; tokens are looked at anew after the commit. */
static myl_rc row_to_change(myl_ctx *cx, uint64_t user, user_row *row)
{
    bool exists;

    MYL_TRY(myl_user_row(cx, user, &exists, row));
    if (!exists)
        return myl_fail(cx, MYL_NOT_FOUND, "there is no such user");
    row->generation++;
    myl_user_tokens_ended(cx, user);
    return MYL_OK;
}

myl_rc myl_user_set_password(myl_ctx *cx, uint64_t user, myl_str password_hash)
{
    user_row row;

    MYL_TRY(row_to_change(cx, user, &row));
    row.password_hash = password_hash;
    return myl_user_row_put(cx, user, &row);
}

myl_rc myl_user_upgrade_guest(myl_ctx *cx, uint64_t user, myl_str password_hash)
{
    user_row row;

    MYL_TRY(row_to_change(cx, user, &row));
    row.is_guest = false;
    row.password_hash = password_hash;
    return myl_user_row_put(cx, user, &row);
}

/* Beside the flag, for readers of events. */
static myl_rc note_erased(myl_ctx *cx, uint64_t user, bool erased)
{
    myl_key key = myl_key_of_u64(user);

    return erased ? myl_store_put(cx, MYL_TABLE_ERASED_USERS, myl_key_str(&key), MYL_S("1"))
                  : myl_store_delete(cx, MYL_TABLE_ERASED_USERS, myl_key_str(&key));
}

myl_rc myl_user_is_erased(myl_ctx *cx, uint64_t user, bool *out)
{
    myl_key key = myl_key_of_u64(user);
    myl_str row;

    MYL_TRY(myl_store_get(cx, MYL_TABLE_ERASED_USERS, myl_key_str(&key), &row));
    *out = myl_str_present(row);
    return MYL_OK;
}

myl_rc myl_user_set_standing(myl_ctx *cx, uint64_t user, myl_standing standing, bool value)
{
    user_row row;

    MYL_TRY(row_to_change(cx, user, &row));
    switch (standing) {
    case MYL_STANDING_ADMIN: row.is_admin = value; break;
    case MYL_STANDING_LOCKED: row.locked = value; break;
    case MYL_STANDING_SUSPENDED: row.suspended = value; break;
    case MYL_STANDING_ERASED: row.erased = value; break;
    case MYL_STANDING_SHADOW_BANNED: row.shadow_banned = value; break;
    }
    return myl_user_row_put(cx, user, &row);
}

/* ---- limits of its own ---- */

myl_rc myl_user_rate_get(myl_ctx *cx, uint64_t user, myl_user_rate *out)
{
    myl_key key = myl_key_of_u64(user);
    uint32_t per_second, burst;
    myl_str row;

    *out = (myl_user_rate){.is_set = false};
    MYL_TRY(myl_store_get(cx, MYL_TABLE_USER_RATES, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        return MYL_OK;
    if (!myl_cut_u32(&row, &per_second) || !myl_cut_u32(&row, &burst))
        return myl_fail(cx, MYL_CORRUPT, "USER_RATES: bad row");
    *out = (myl_user_rate){true, per_second, burst};
    return MYL_OK;
}

static myl_rc rate_drop(myl_ctx *cx, uint64_t user)
{
    myl_key key = myl_key_of_u64(user);

    return myl_store_delete(cx, MYL_TABLE_USER_RATES, myl_key_str(&key));
}

myl_rc myl_user_rate_set(myl_ctx *cx, uint64_t user, const myl_user_rate *rate)
{
    myl_key key = myl_key_of_u64(user), value = myl_key_start();
    user_row row;

    MYL_TRY(row_to_change(cx, user, &row)); /* tokens are looked at anew */
    MYL_TRY(myl_user_row_put(cx, user, &row));
    if (!rate->is_set)
        return rate_drop(cx, user);
    myl_key_u32(&value, (uint32_t)rate->per_second);
    myl_key_u32(&value, (uint32_t)rate->burst);
    return myl_store_put(cx, MYL_TABLE_USER_RATES, myl_key_str(&key), myl_key_str(&value));
}

myl_rc myl_user_close(myl_ctx *cx, uint64_t user, bool erase)
{
    user_row row;

    MYL_TRY(row_to_change(cx, user, &row));
    row.deactivated = true;
    row.erased = row.erased || erase;
    row.is_admin = row.locked = row.suspended = row.shadow_banned = false;
    row.password_hash = MYL_ABSENT;
    MYL_TRY(rate_drop(cx, user));
    MYL_TRY(myl_user_directory_drop(cx, user));
    MYL_TRY(note_erased(cx, user, row.erased));
    return myl_user_row_put(cx, user, &row);
}

myl_rc myl_user_reopen(myl_ctx *cx, uint64_t user, myl_str password_hash)
{
    user_row row;

    MYL_TRY(row_to_change(cx, user, &row));
    row.deactivated = row.erased = false;
    row.password_hash = password_hash;
    return myl_user_row_put(cx, user, &row);
}
