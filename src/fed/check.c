/* check.c: what `myelin check` looks at in the tables of server keys; the others belong to their files.
 *
 * Threads: the command's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/fed_own.h"
#include "fed/rooms_own.h"

#include <myelin/fed_check.h>

static bool is_key_of(myl_str key, myl_str server, myl_str key_id)
{
    myl_key wanted = myl_key_start();

    myl_key_hash(&wanted, server);
    if (myl_str_present(key_id))
        myl_key_hash(&wanted, key_id);
    return myl_str_equal(key, myl_key_str(&wanted));
}

static myl_rc check_key(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    myl_str server, key_id, bytes;
    uint64_t until, expired;

    MYL_UNUSED(cx);
    if (!myl_cut_str(&row, &server) || !myl_cut_str(&row, &key_id) || !myl_cut_str(&row, &bytes) ||
        !myl_cut_u64(&row, &until) || !myl_cut_u64(&row, &expired) || bytes.len != 32)
        myl_check_wrong(check, "SERVER_KEYS: a row of no known form");
    else if (!is_key_of(key, server, key_id))
        myl_check_wrong(check, "SERVER_KEYS: a key of %.*s stands at another's place",
                        MYL_FMT(server));
    return MYL_OK;
}

static uint64_t lists;

static myl_rc check_list(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    myl_str server, text;
    uint64_t seen, until;
    const myl_json *json;
    fed_key_list list;

    if (myl_str_equal(key, FED_KEY_LIST_COUNT))
        return MYL_OK;
    lists++;
    if (!myl_cut_str(&row, &server) || !myl_cut_u64(&row, &seen) || !myl_cut_u64(&row, &until) ||
        !myl_cut_str(&row, &text)) {
        myl_check_wrong(check, "SERVER_KEY_LISTS: a row of no known form");
        return MYL_OK;
    }
    if (!is_key_of(key, server, MYL_ABSENT))
        myl_check_wrong(check, "SERVER_KEY_LISTS: the list of %.*s stands at another's place",
                        MYL_FMT(server));
    MYL_TRY(myl_json_parse(cx, text, &json));
    if (!myl_fed_key_list_read(cx, json, server, (int64_t)seen, &list))
        myl_check_wrong(check, "SERVER_KEY_LISTS: the list of %.*s is not signed by it",
                        MYL_FMT(server));
    return MYL_OK;
}

static myl_rc check_keys(myl_ctx *cx, myl_check *check)
{
    uint64_t count;

    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_SERVER_KEYS, check_key));
    lists = 0;
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_SERVER_KEY_LISTS, check_list));
    MYL_TRY(myl_fed_key_list_count(cx, &count));
    if (count != lists)
        myl_check_wrong(check, "SERVER_KEY_LISTS: %llu servers, %llu are counted",
                        (unsigned long long)lists, (unsigned long long)count);
    return MYL_OK;
}

const myl_check_row myl_fed_checks[] = {{"server keys", check_keys},
                                        {"waiting events", myl_fed_check_inbox},
                                        {"joins under way", myl_fed_check_joins},
                                        {NULL, NULL}};
