/* session.c: the tokens that open a device.
 *
 * Spec:    Client-Server API, Relationship between access tokens and devices; Refreshing access tokens.
 * Threads: the transaction's.
 * Holds:   only hashes of tokens are stored. A device has one access and at most one refresh token, and beside them the
 *          pair that a refresh gave: it takes their place when one of it is used, so a lost reply locks nobody out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

#include <myelin/user_cross_signing.h>

enum {
    TOKEN_LETTERS = 44,
    DEVICE_ID_LETTERS = 10,
    SEEN_EVERY_MS = 60000, /* a device is not written more often than that */
    AGENT_BYTES = 255
};

/* ---- tokens ---- */

static myl_key token_key(myl_str token)
{
    myl_sha256 hash = myl_token_hash(token);
    myl_key key = myl_key_start();

    myl_key_bytes(&key, hash.bytes, sizeof(hash.bytes));
    return key;
}

myl_rc myl_session_drop_token(myl_ctx *cx, device_row *row, token_slot slot)
{
    myl_str hash = row->tokens[slot];

    row->tokens[slot] = MYL_ABSENT;
    return myl_str_present(hash) ? myl_store_delete(cx, MYL_TABLE_TOKENS, hash) : MYL_OK;
}

/* A new token for a slot of the row, which the caller stores. */
static myl_rc new_token(myl_ctx *cx, device_row *row, token_slot slot, int64_t lifetime_ms,
                        myl_str *token)
{
    bool refreshes = slot == SLOT_REFRESH || slot == SLOT_NEXT_REFRESH;
    myl_key key, value = myl_key_of_u64s(row->user, row->device.number);

    MYL_TRY(myl_session_drop_token(cx, row, slot));
    *token = myl_strf(cx, "%s_%.*s", refreshes ? "myr" : "myl",
                      MYL_FMT(myl_crypto_random_text(cx, TOKEN_LETTERS)));
    key = token_key(*token);
    row->tokens[slot] = myl_keep(cx, myl_key_str(&key));
    myl_key_i64(&value, lifetime_ms == 0 ? 0 : myl_now_ms() + lifetime_ms);
    return myl_store_put(cx, MYL_TABLE_TOKENS, row->tokens[slot], myl_key_str(&value));
}

/* Where a token leads to. */
typedef struct {
    uint64_t user;
    bool exists; /* the device is there, and the account */
    token_slot slot;
    int64_t expires_ms;
    device_row row;
    user_row account;
} token_place;

static token_slot slot_of(const device_row *row, myl_str hash)
{
    for (unsigned i = 0; i < SLOT_COUNT; i++)
        if (myl_str_equal(row->tokens[i], hash))
            return (token_slot)i;
    return SLOT_COUNT;
}

static myl_rc find_token(myl_ctx *cx, myl_str token, token_place *out)
{
    myl_key key = token_key(token);
    uint64_t device;
    myl_str value;

    memset(out, 0, sizeof(*out));
    MYL_TRY(myl_store_get(cx, MYL_TABLE_TOKENS, myl_key_str(&key), &value));
    if (!myl_str_present(value))
        return MYL_OK;
    if (!myl_cut_u64(&value, &out->user) || !myl_cut_u64(&value, &device) ||
        !myl_cut_i64(&value, &out->expires_ms))
        return myl_fail(cx, MYL_CORRUPT, "TOKENS: bad row");
    MYL_TRY(myl_user_row(cx, out->user, &out->exists, &out->account));
    if (!out->exists || out->account.deactivated) {
        out->exists = false;
        return MYL_OK;
    }
    MYL_TRY(myl_device_get(cx, out->user, device, &out->exists, &out->row));
    out->slot = slot_of(&out->row, myl_key_str(&key));
    return MYL_OK;
}

static myl_rc unknown_token(myl_ctx *cx)
{
    return myl_fail(cx, MYL_UNKNOWN_TOKEN, "the token is not known");
}

static myl_rc check_expiry(myl_ctx *cx, const token_place *place)
{
    if (place->expires_ms == 0 || place->expires_ms > myl_now_ms())
        return MYL_OK;
    myl_fail(cx, MYL_UNKNOWN_TOKEN, "the token has expired");
    cx->error.members = MYL_S("\"soft_logout\":true");
    return MYL_UNKNOWN_TOKEN;
}

/* ---- who asks ---- */

myl_rc myl_user_of_token(myl_ctx *cx, myl_str token, myl_caller *out)
{
    token_place place;
    myl_user_rate rate;

    memset(out, 0, sizeof(*out));
    MYL_TRY(find_token(cx, token, &place));
    if (!place.exists || (place.slot != SLOT_ACCESS && place.slot != SLOT_NEXT_ACCESS))
        return unknown_token(cx);
    MYL_TRY(check_expiry(cx, &place));
    MYL_TRY(myl_user_rate_get(cx, place.user, &rate));
    *out = (myl_caller){.user = place.user,
                        .device = place.row.device.number,
                        .device_id = place.row.device.device_id,
                        .token_generation = place.account.generation,
                        .is_guest = place.account.is_guest,
                        .is_admin = place.account.is_admin,
                        .is_locked = place.account.locked,
                        .is_suspended = place.account.suspended,
                        .is_shadow_banned = place.account.shadow_banned,
                        .has_rate = rate.is_set,
                        .rate_per_second = rate.per_second,
                        .rate_burst = rate.burst,
                        .is_fresh = place.slot == SLOT_NEXT_ACCESS,
                        .expires_ms = place.expires_ms,
                        .last_seen_ms = place.row.device.last_seen_ms};
    return myl_store_text_of(cx, MYL_INTERN_NAME, out->user, &out->user_id);
}

/* ---- what follows ---- */

/* The new pair takes the place of the old one. */
static myl_rc promote(myl_ctx *cx, device_row *row)
{
    for (unsigned i = 0; i < 2; i++) {
        MYL_TRY(myl_session_drop_token(cx, row, (token_slot)(SLOT_ACCESS + i)));
        row->tokens[SLOT_ACCESS + i] = row->tokens[SLOT_NEXT_ACCESS + i];
        row->tokens[SLOT_NEXT_ACCESS + i] = MYL_ABSENT;
    }
    myl_user_tokens_ended(cx, row->user);
    return MYL_OK;
}

/* `caller` is how the token was when it came in; the row may have moved on since. */
myl_rc myl_user_seen(myl_ctx *cx, const myl_caller *caller, myl_str address, myl_str user_agent)
{
    int64_t now = myl_now_ms();
    bool exists, used = false;
    device_row row;

    MYL_TRY(myl_device_get(cx, caller->user, caller->device, &exists, &row));
    if (!exists)
        return MYL_OK;
    if (caller->is_fresh && myl_str_present(row.tokens[SLOT_NEXT_ACCESS])) {
        MYL_TRY(promote(cx, &row));
        used = true;
    }
    if (!used && now - row.device.last_seen_ms < SEEN_EVERY_MS &&
        myl_str_equal(row.device.last_seen_ip, address))
        return MYL_OK;
    row.device.last_seen_ms = now;
    row.device.last_seen_ip = address;
    row.device.last_seen_agent = myl_str_slice(user_agent, 0, AGENT_BYTES);
    return myl_device_put(cx, &row);
}

static myl_rc give_tokens(myl_ctx *cx, device_row *row, token_slot first,
                          const myl_new_session *session, myl_session *out)
{
    out->refresh_token = MYL_ABSENT;
    out->device_id = row->device.device_id;
    MYL_TRY(new_token(cx, row, first, session->access_lifetime_ms, &out->access_token));
    if (session->refreshable)
        MYL_TRY(new_token(cx, row, (token_slot)(first + 1), session->refresh_lifetime_ms,
                          &out->refresh_token));
    return myl_device_put(cx, row);
}

myl_rc myl_user_refresh(myl_ctx *cx, myl_str refresh_token, const myl_new_session *session,
                        myl_session *out)
{
    myl_new_session wanted = *session;
    token_place place;

    MYL_TRY(find_token(cx, refresh_token, &place));
    if (!place.exists || (place.slot != SLOT_REFRESH && place.slot != SLOT_NEXT_REFRESH))
        return unknown_token(cx);
    MYL_TRY(check_expiry(cx, &place));
    if (place.account.locked) {
        myl_fail(cx, MYL_USER_LOCKED, "this account is locked");
        cx->error.members = MYL_S("\"soft_logout\":true");
        return MYL_USER_LOCKED;
    }
    if (place.slot == SLOT_NEXT_REFRESH)
        MYL_TRY(promote(cx, &place.row));
    myl_user_tokens_ended(cx, place.user);
    wanted.refreshable = true;
    return give_tokens(cx, &place.row, SLOT_NEXT_ACCESS, &wanted, out);
}

/* ---- opening and closing ---- */

/* Spec: Cross-signing: ids of devices and public parts of cross-signing keys share one space. */
static myl_rc check_name(myl_ctx *cx, uint64_t user, myl_str device_id)
{
    bool taken;

    MYL_TRY(myl_user_cross_key_named(cx, user, device_id, &taken));
    if (taken)
        return myl_fail(cx, MYL_INVALID_PARAM, "device_id: one of the user's keys has this name");
    return MYL_OK;
}

/* The device of that id, begun when there is none; one that is there keeps its name. */
static myl_rc open_device(myl_ctx *cx, uint64_t user, const myl_new_session *wanted, bool *existed,
                          device_row *row)
{
    MYL_TRY(check_name(cx, user, wanted->device_id));
    MYL_TRY(myl_device_find(cx, user, wanted->device_id, existed, row));
    if (*existed)
        return MYL_OK;
    MYL_TRY(myl_device_new(cx, user, wanted->device_id, row));
    if (myl_str_present(wanted->display_name))
        row->device.display_name = wanted->display_name;
    return MYL_OK;
}

/* A device that is taken over: its old tokens end. */
static myl_rc end_tokens(myl_ctx *cx, uint64_t user, device_row *row)
{
    for (unsigned i = 0; i < SLOT_COUNT; i++)
        MYL_TRY(myl_session_drop_token(cx, row, (token_slot)i));
    myl_user_tokens_ended(cx, user);
    return MYL_OK;
}

myl_rc myl_user_open_session(myl_ctx *cx, const myl_new_session *session, myl_session *out)
{
    myl_new_session wanted = *session;
    device_row row;
    uint64_t user;
    bool existed;

    if (!myl_str_present(wanted.device_id) || wanted.device_id.len == 0)
        wanted.device_id = myl_crypto_random_text(cx, DEVICE_ID_LETTERS);
    if (wanted.device_id.len > MYL_LIMIT_DEVICE_ID_BYTES)
        return myl_fail(cx, MYL_INVALID_PARAM, "device_id: longer than %d bytes",
                        MYL_LIMIT_DEVICE_ID_BYTES);
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, session->user_id, &user));
    MYL_TRY(open_device(cx, user, &wanted, &existed, &row));
    if (existed)
        MYL_TRY(end_tokens(cx, user, &row));
    row.device.last_seen_ip = session->address;
    row.device.last_seen_ms = myl_now_ms();
    MYL_TRY(give_tokens(cx, &row, SLOT_ACCESS, session, out));
    return myl_user_mark_changed(cx, user, myl_engine_next_position(cx), MYL_CHANGED_DEVICES, 0);
}

myl_rc myl_user_device_make(myl_ctx *cx, uint64_t user, myl_str device_id, myl_str display_name)
{
    myl_new_session wanted = {.device_id = device_id, .display_name = display_name};
    device_row row;
    bool existed;

    MYL_TRY(open_device(cx, user, &wanted, &existed, &row));
    if (existed)
        return MYL_OK;
    MYL_TRY(myl_device_put(cx, &row));
    return myl_user_mark_changed(cx, user, myl_engine_next_position(cx), MYL_CHANGED_DEVICES, 0);
}

myl_rc myl_user_logout(myl_ctx *cx, const myl_caller *caller, bool everything)
{
    device_row row;
    bool exists, left;

    if (everything)
        return myl_user_devices_delete(cx, caller->user, 0, SIZE_MAX, &left);
    MYL_TRY(myl_device_get(cx, caller->user, caller->device, &exists, &row));
    return exists ? myl_device_delete(cx, &row) : MYL_OK;
}
