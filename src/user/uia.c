/* uia.c: sessions of user-interactive authentication, stored, bounded, expiring.
 *
 * Threads: the engine.
 * Holds:   UIA_EXPIRY has exactly one row for each session; the oldest go first when there are too many.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/user_uia.h>

#include "user/user_own.h"

enum { SESSION_LETTERS = 24, LIFETIME_MS = 15 * 60 * 1000, SWEEP_STEPS = 32, HASH_BYTES = 32 };

static myl_key session_key(myl_str session_id)
{
    myl_key key = myl_key_start();

    myl_key_hash(&key, session_id);
    return key;
}

static myl_key expiry_key(int64_t expiry_ms)
{
    myl_key key = myl_key_start();

    myl_key_i64(&key, expiry_ms);
    return key;
}

/* ---- how many ---- */

static myl_rc change_count(myl_ctx *cx, int64_t amount, uint64_t *out)
{
    myl_str value;
    myl_key row;

    *out = 0;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_USER_COUNTS, MYL_S("uia"), &value));
    if (myl_str_present(value) && !myl_cut_u64(&value, out))
        return myl_fail(cx, MYL_CORRUPT, "USER_COUNTS: bad row");
    *out += (uint64_t)amount;
    row = myl_key_of_u64(*out);
    return myl_store_put(cx, MYL_TABLE_USER_COUNTS, MYL_S("uia"), myl_key_str(&row));
}

/* The session with the earliest end; absent when there is none. */
static myl_rc earliest(myl_ctx *cx, int64_t *expiry_ms, myl_str *session)
{
    myl_scan *scan;
    myl_str key, value;

    *session = MYL_ABSENT;
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_UIA_EXPIRY, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan));
    MYL_TRY(myl_scan_next(scan, &key, &value));
    if (myl_str_present(key)) {
        if (!myl_cut_i64(&key, expiry_ms))
            return myl_fail(cx, MYL_CORRUPT, "UIA_EXPIRY: bad row");
        *session = myl_keep(cx, value);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

static myl_rc drop(myl_ctx *cx, myl_str key, int64_t expiry_ms)
{
    myl_key expiry = expiry_key(expiry_ms);
    uint64_t count;

    MYL_TRY(myl_store_remove(cx, MYL_TABLE_UIA_EXPIRY, myl_key_str(&expiry), key));
    MYL_TRY(myl_store_delete(cx, MYL_TABLE_UIA_SESSIONS, key));
    return change_count(cx, -1, &count);
}

/* Ends what is over, some at a time, and the oldest while there are too many. */
static myl_rc sweep(myl_ctx *cx, uint64_t count)
{
    int64_t now = myl_now_ms(), expiry_ms = 0;

    for (int i = 0; i < SWEEP_STEPS; i++) {
        myl_str session;

        MYL_TRY(earliest(cx, &expiry_ms, &session));
        if (!myl_str_present(session) || (expiry_ms > now && count <= MYL_LIMIT_UIA_SESSIONS))
            break;
        MYL_TRY(drop(cx, session, expiry_ms));
        count--;
    }
    return MYL_OK;
}

/* ---- sessions ---- */

static myl_rc put(myl_ctx *cx, const myl_uia_session *session)
{
    myl_key key = session_key(session->session_id), expiry = expiry_key(session->expiry_ms);
    myl_text row = MYL_TEXT(cx);

    myl_text_add(&row, (myl_str){(const char *)session->bound.bytes, HASH_BYTES});
    myl_row_u64(&row, (uint64_t)session->expiry_ms);
    myl_row_u32(&row, session->done);
    myl_row_str(&row, session->note);
    MYL_TRY(myl_store_put(cx, MYL_TABLE_UIA_SESSIONS, myl_key_str(&key), myl_text_str(&row)));
    return myl_store_add(cx, MYL_TABLE_UIA_EXPIRY, myl_key_str(&expiry), myl_key_str(&key));
}

myl_rc myl_uia_begin(myl_ctx *cx, myl_str binding, myl_uia_session *out)
{
    uint64_t count;

    memset(out, 0, sizeof(*out));
    out->session_id = myl_crypto_random_text(cx, SESSION_LETTERS);
    out->expiry_ms = myl_now_ms() + LIFETIME_MS;
    out->bound = myl_crypto_sha256(binding);
    MYL_TRY(change_count(cx, 1, &count));
    MYL_TRY(put(cx, out));
    return sweep(cx, count);
}

myl_rc myl_uia_keep(myl_ctx *cx, const myl_uia_session *session)
{
    return put(cx, session);
}

static bool cut_session(myl_ctx *cx, myl_str row, myl_uia_session *out)
{
    uint64_t expiry;
    uint32_t done;
    myl_str bound;

    if (!myl_cut_bytes(&row, HASH_BYTES, &bound) || !myl_cut_u64(&row, &expiry) ||
        !myl_cut_u32(&row, &done) || !myl_cut_str(&row, &out->note))
        return false;
    memcpy(out->bound.bytes, bound.at, HASH_BYTES);
    out->expiry_ms = (int64_t)expiry;
    out->done = done;
    out->note = myl_keep(cx, out->note);
    return true;
}

myl_rc myl_uia_find(myl_ctx *cx, myl_str session_id, myl_uia_session *out)
{
    myl_key key = session_key(session_id);
    myl_str row;

    memset(out, 0, sizeof(*out));
    MYL_TRY(myl_store_get(cx, MYL_TABLE_UIA_SESSIONS, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        return MYL_OK;
    if (!cut_session(cx, row, out))
        return myl_fail(cx, MYL_CORRUPT, "UIA_SESSIONS: bad row");
    if (out->expiry_ms > myl_now_ms())
        out->session_id = session_id;
    return MYL_OK;
}

bool myl_uia_is_bound(const myl_uia_session *session, myl_str binding)
{
    myl_sha256 hash = myl_crypto_sha256(binding);

    return memcmp(session->bound.bytes, hash.bytes, HASH_BYTES) == 0;
}

myl_rc myl_uia_end(myl_ctx *cx, const myl_uia_session *session)
{
    myl_key key = session_key(session->session_id);

    return drop(cx, myl_key_str(&key), session->expiry_ms);
}
