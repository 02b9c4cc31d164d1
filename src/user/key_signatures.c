/* key_signatures.c: signatures about keys that others than the key's upload brought.
 *
 * Spec:    Client-Server API, Key and signature security: a reader sees the signatures of the key's own user and those
 *          that the reader made.
 * Threads: the transaction's.
 * Holds:   SIGNED_USERS names everybody whose key a user has signed, and when; its row of user 0 has the newest.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

static myl_key prefix_of(uint64_t user, myl_str key_id)
{
    myl_key key = myl_key_of_u64(user);

    myl_key_hash(&key, key_id);
    return key;
}

/* ---- showing ---- */

static const myl_json *add_signature(myl_ctx *cx, const myl_json *object, myl_str signer,
                                     myl_str row)
{
    const myl_json *all = myl_json_object(object, MYL_S("signatures")), *own;
    myl_str key_id, signature;

    if (!myl_cut_str(&row, &key_id) || !myl_cut_str(&row, &signature))
        return object;
    own = myl_json_with(cx, myl_json_object(all, signer), myl_keep(cx, key_id),
                        myl_json_of_str(cx, myl_keep(cx, signature)));
    all = myl_json_with(cx, all, signer, own);
    return myl_json_with(cx, object, MYL_S("signatures"), all);
}

static myl_rc add_of_signer(myl_ctx *cx, const myl_signed_key *key, uint64_t signer,
                            const myl_json **out)
{
    myl_key prefix = prefix_of(key->user, key->key_id);
    myl_scan *scan;
    myl_str name, place, row;

    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, signer, &name));
    myl_key_u64(&prefix, signer);
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_KEY_SIGNATURES, myl_key_str(&prefix), MYL_ABSENT,
                           MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &place, &row));
        if (!myl_str_present(place))
            break;
        *out = add_signature(cx, *out, name, row);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

myl_rc myl_user_with_signatures(myl_ctx *cx, const myl_signed_key *key, uint64_t reader,
                                const myl_json **out)
{
    *out = key->json;
    MYL_TRY(add_of_signer(cx, key, key->user, out));
    if (reader != 0 && reader != key->user)
        MYL_TRY(add_of_signer(cx, key, reader, out));
    return MYL_OK;
}

/* ---- keeping ---- */

static myl_rc put_signed(myl_ctx *cx, uint64_t signer, uint64_t user, uint64_t position)
{
    myl_key key = myl_key_of_u64s(signer, user), value = myl_key_of_u64(position);

    return myl_store_put(cx, MYL_TABLE_SIGNED_USERS, myl_key_str(&key), myl_key_str(&value));
}

myl_rc myl_user_signature_put(myl_ctx *cx, const myl_signed_key *key, uint64_t signer,
                              const myl_key_signature *signature)
{
    myl_key place = prefix_of(key->user, key->key_id);
    myl_text row = MYL_TEXT(cx);
    uint64_t position;

    myl_key_u64(&place, signer);
    myl_key_hash(&place, signature->key_id);
    myl_row_str(&row, signature->key_id);
    myl_row_str(&row, signature->signature);
    MYL_TRY(myl_store_put(cx, MYL_TABLE_KEY_SIGNATURES, myl_key_str(&place), myl_text_str(&row)));
    if (signer == key->user)
        return MYL_OK;
    position = myl_engine_next_position(cx);
    MYL_TRY(put_signed(cx, signer, key->user, position));
    MYL_TRY(put_signed(cx, signer, 0, position));
    myl_engine_note(cx, MYL_NOTE_USER, signer);
    return MYL_OK;
}

myl_rc myl_user_signatures_drop(myl_ctx *cx, uint64_t user, myl_str key_id)
{
    myl_key prefix = prefix_of(user, key_id);

    return myl_store_delete_under(cx, MYL_TABLE_KEY_SIGNATURES, myl_key_str(&prefix), SIZE_MAX,
                                  NULL);
}

/* What one key of a signer has said about one key. */
myl_rc myl_user_signature_drop(myl_ctx *cx, const myl_signed_key *key, uint64_t signer,
                               myl_str signing_key_id)
{
    myl_key place = prefix_of(key->user, key->key_id);

    myl_key_u64(&place, signer);
    myl_key_hash(&place, signing_key_id);
    return myl_store_delete(cx, MYL_TABLE_KEY_SIGNATURES, myl_key_str(&place));
}

/* ---- whom a user has signed ---- */

static myl_rc newest_signed(myl_ctx *cx, uint64_t signer, uint64_t *out)
{
    myl_key key = myl_key_of_u64s(signer, 0);
    myl_str row;

    *out = 0;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_SIGNED_USERS, myl_key_str(&key), &row));
    if (myl_str_present(row) && !myl_cut_u64(&row, out))
        return myl_fail(cx, MYL_CORRUPT, "SIGNED_USERS: bad row");
    return MYL_OK;
}

myl_rc myl_user_signed_since(myl_ctx *cx, uint64_t signer, uint64_t after, myl_list *out)
{
    myl_key prefix = myl_key_of_u64(signer);
    uint64_t newest, user, position;
    myl_scan *scan;
    myl_str key, row;

    *out = MYL_LIST(cx, uint64_t);
    MYL_TRY(newest_signed(cx, signer, &newest));
    if (newest <= after)
        return MYL_OK;
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_SIGNED_USERS, myl_key_str(&prefix), MYL_ABSENT,
                           MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        key = myl_str_slice(key, 8, SIZE_MAX);
        if (!myl_cut_u64(&key, &user) || !myl_cut_u64(&row, &position))
            return myl_fail(cx, MYL_CORRUPT, "SIGNED_USERS: bad row");
        if (user != 0 && position > after)
            myl_list_push(out, uint64_t, user);
    }
    myl_scan_end(scan);
    return MYL_OK;
}
