/* ticket.c: short-lived secrets that stand for a user, stored, bounded, expiring.
 *
 * Threads: the transaction's.
 * Holds:   TICKET_ENDS has exactly one row for each ticket; those that end first go when there are too many. A ticket
 *          carries the generation of its account: a new password, a lock or a deactivation ends it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/user_ticket.h>

#include "user/user_own.h"

enum { LETTERS = 43, SWEEP_STEPS = 16 };

typedef struct {
    uint8_t kind;
    uint64_t user, generation;
    int64_t expires_ms;
} ticket_row;

static myl_key key_of(myl_str ticket)
{
    myl_sha256 hash = myl_token_hash(ticket);
    myl_key key = myl_key_start();

    myl_key_bytes(&key, hash.bytes, sizeof(hash.bytes));
    return key;
}

static bool cut_row(myl_str value, ticket_row *out)
{
    return myl_cut_u8(&value, &out->kind) && myl_cut_u64(&value, &out->user) &&
           myl_cut_u64(&value, &out->generation) && myl_cut_i64(&value, &out->expires_ms);
}

static myl_rc change_count(myl_ctx *cx, int64_t amount, uint64_t *out)
{
    myl_str value;
    myl_key row;

    *out = 0;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_USER_COUNTS, MYL_S("tickets"), &value));
    if (myl_str_present(value) && !myl_cut_u64(&value, out))
        return myl_fail(cx, MYL_CORRUPT, "USER_COUNTS: bad row");
    *out += (uint64_t)amount;
    row = myl_key_of_u64(*out);
    return myl_store_put(cx, MYL_TABLE_USER_COUNTS, MYL_S("tickets"), myl_key_str(&row));
}

static myl_rc drop(myl_ctx *cx, myl_str key, int64_t expires_ms)
{
    myl_key end = myl_key_start();
    uint64_t count;

    myl_key_i64(&end, expires_ms);
    MYL_TRY(myl_store_remove(cx, MYL_TABLE_TICKET_ENDS, myl_key_str(&end), key));
    MYL_TRY(myl_store_delete(cx, MYL_TABLE_TICKETS, key));
    return change_count(cx, -1, &count);
}

/* The ticket with the earliest end; absent when there is none. */
static myl_rc earliest(myl_ctx *cx, int64_t *expires_ms, myl_str *ticket)
{
    myl_scan *scan;
    myl_str key, value;

    *ticket = MYL_ABSENT;
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_TICKET_ENDS, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan));
    MYL_TRY(myl_scan_next(scan, &key, &value));
    if (myl_str_present(key)) {
        if (!myl_cut_i64(&key, expires_ms))
            return myl_fail(cx, MYL_CORRUPT, "TICKET_ENDS: bad row");
        *ticket = myl_keep(cx, value);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

static myl_rc sweep(myl_ctx *cx, uint64_t count)
{
    int64_t now = myl_now_ms(), expires_ms = 0;

    for (int i = 0; i < SWEEP_STEPS; i++) {
        myl_str ticket;

        MYL_TRY(earliest(cx, &expires_ms, &ticket));
        if (!myl_str_present(ticket) || (expires_ms > now && count <= MYL_LIMIT_TICKETS))
            break;
        MYL_TRY(drop(cx, ticket, expires_ms));
        count--;
    }
    return MYL_OK;
}

myl_rc myl_user_ticket_new(myl_ctx *cx, myl_ticket kind, uint64_t user, int64_t lifetime_ms,
                           myl_str *ticket)
{
    int64_t expires_ms = myl_now_ms() + lifetime_ms;
    myl_key key, end = myl_key_start(), value = myl_key_start();
    user_row account;
    uint64_t count;
    bool exists;

    MYL_TRY(myl_user_row(cx, user, &exists, &account));
    if (!exists)
        return myl_fail(cx, MYL_NOT_FOUND, "there is no such user");
    *ticket = myl_crypto_random_text(cx, LETTERS);
    key = key_of(*ticket);
    myl_key_u8(&value, (uint8_t)kind);
    myl_key_u64(&value, user);
    myl_key_u64(&value, account.generation);
    myl_key_i64(&value, expires_ms);
    myl_key_i64(&end, expires_ms);
    MYL_TRY(myl_store_put(cx, MYL_TABLE_TICKETS, myl_key_str(&key), myl_key_str(&value)));
    MYL_TRY(myl_store_add(cx, MYL_TABLE_TICKET_ENDS, myl_key_str(&end), myl_key_str(&key)));
    MYL_TRY(change_count(cx, 1, &count));
    return sweep(cx, count);
}

static myl_rc get_row(myl_ctx *cx, const myl_key *key, bool *exists, ticket_row *out)
{
    myl_str value;

    MYL_TRY(myl_store_get(cx, MYL_TABLE_TICKETS, myl_key_str(key), &value));
    *exists = myl_str_present(value);
    if (*exists && !cut_row(value, out))
        return myl_fail(cx, MYL_CORRUPT, "TICKETS: bad row");
    return MYL_OK;
}

myl_rc myl_user_ticket_find(myl_ctx *cx, myl_ticket kind, myl_str ticket, myl_str *user_id)
{
    myl_key key = key_of(ticket);
    user_row account;
    ticket_row row;
    bool exists;

    *user_id = MYL_ABSENT;
    MYL_TRY(get_row(cx, &key, &exists, &row));
    if (!exists || row.kind != kind || row.expires_ms <= myl_now_ms())
        return MYL_OK;
    MYL_TRY(myl_user_row(cx, row.user, &exists, &account));
    if (!exists || account.deactivated || account.generation != row.generation)
        return MYL_OK;
    return myl_store_text_of(cx, MYL_INTERN_NAME, row.user, user_id);
}

myl_rc myl_user_ticket_end(myl_ctx *cx, myl_str ticket)
{
    myl_key key = key_of(ticket);
    ticket_row row;
    bool exists;

    MYL_TRY(get_row(cx, &key, &exists, &row));
    return exists ? drop(cx, myl_key_str(&key), row.expires_ms) : MYL_OK;
}
