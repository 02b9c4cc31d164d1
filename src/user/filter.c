/* filter.c: stored filters: immutable, named by their content.
 *
 * Spec:    Client-Server API, Filtering.
 * Threads: the transaction's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

enum { ID_BYTES = 12 };

static myl_rc filter_key(myl_ctx *cx, uint64_t user, myl_str filter_id, myl_key *key)
{
    if (filter_id.len == 0 || filter_id.len > 64)
        return myl_fail(cx, MYL_NOT_FOUND, "no such filter");
    *key = myl_key_of_u64(user);
    myl_key_hash(key, filter_id);
    return MYL_OK;
}

static myl_rc check_count(myl_ctx *cx, uint64_t user)
{
    myl_key prefix = myl_key_of_u64(user);
    size_t count = 0;
    myl_scan *scan;
    myl_str key, value;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_FILTERS, myl_key_str(&prefix), MYL_ABSENT, MYL_FORWARD,
                           &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key) || ++count > MYL_LIMIT_FILTERS)
            break;
    }
    myl_scan_end(scan);
    if (count > MYL_LIMIT_FILTERS)
        return myl_fail(cx, MYL_RESOURCE_LIMIT, "too many stored filters");
    return MYL_OK;
}

myl_rc myl_user_filter_put(myl_ctx *cx, uint64_t user, const myl_json *filter, myl_str *filter_id)
{
    myl_text json = MYL_TEXT(cx);
    myl_sha256 hash;
    myl_str present;
    myl_key key;

    myl_json_write(&json, filter);
    if (json.len > MYL_LIMIT_FILTER_BYTES)
        return myl_fail(cx, MYL_TOO_LARGE, "filter: more than %d bytes", MYL_LIMIT_FILTER_BYTES);
    hash = myl_crypto_sha256(myl_text_str(&json));
    *filter_id =
        myl_crypto_base64(cx, MYL_BASE64_URL, (myl_str){(const char *)hash.bytes, ID_BYTES});
    MYL_TRY(filter_key(cx, user, *filter_id, &key));
    MYL_TRY(myl_store_get(cx, MYL_TABLE_FILTERS, myl_key_str(&key), &present));
    if (myl_str_present(present))
        return MYL_OK;
    MYL_TRY(check_count(cx, user));
    return myl_store_put(cx, MYL_TABLE_FILTERS, myl_key_str(&key), myl_text_str(&json));
}

myl_rc myl_user_filter_get(myl_ctx *cx, uint64_t user, myl_str filter_id, const myl_json **filter)
{
    myl_str row;
    myl_key key;

    *filter = NULL;
    MYL_TRY(filter_key(cx, user, filter_id, &key));
    MYL_TRY(myl_store_get(cx, MYL_TABLE_FILTERS, myl_key_str(&key), &row));
    if (myl_str_present(row) && myl_json_parse(cx, myl_keep(cx, row), filter) != MYL_OK)
        return myl_fail(cx, MYL_CORRUPT, "FILTERS: bad row");
    return MYL_OK;
}
