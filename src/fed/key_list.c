/* key_list.c: a server's own list of keys: read, checked, stored, and ours written.
 *
 * Spec:    Server-Server API, Publishing Keys; Querying Keys Through Another Server.
 * Callers: keys.c, key_fetch.c, the handlers of /_matrix/key.
 * Threads: reading any; storing the engine.
 * Holds:   FED_KEY_SERVERS servers, and more only when rooms need them: whoever has a name of a server can have its keys
 *          stored here, but drives out strangers alone. FED_KEYS_OF_SERVER keys of each.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/fed_own.h"

#include <myelin/room_servers.h>

#define DAY_MS INT64_C(86400000)
enum { LONGEST_DAYS = 7 };

/* ---- reading ---- */

static bool read_key(myl_ctx *cx, const myl_json *entry, fed_listed_key *out)
{
    myl_str text = myl_json_text(entry, MYL_S("key")), bytes;

    out->key_id = entry->key;
    if (!myl_str_starts(entry->key, MYL_S("ed25519:")) || entry->key.len > MYL_LIMIT_ID_BYTES ||
        !myl_str_present(text) || !myl_crypto_unbase64(cx, MYL_BASE64_STANDARD, text, &bytes) ||
        bytes.len != sizeof(out->key.bytes))
        return false;
    memcpy(out->key.bytes, bytes.at, bytes.len);
    return true;
}

static void read_keys(myl_ctx *cx, const myl_json *json, int64_t until_ms, myl_list *list)
{
    const myl_json *now = myl_json_object(json, MYL_S("verify_keys"));
    const myl_json *old = myl_json_object(json, MYL_S("old_verify_keys"));
    fed_listed_key one;

    for (uint32_t i = 0; now != NULL && i < now->count; i++) {
        memset(&one, 0, sizeof(one));
        one.key.valid_until_ms = until_ms;
        if (list->count < MYL_LIMIT_FED_SERVER_KEYS && read_key(cx, &now->items[i], &one))
            myl_list_push(list, fed_listed_key, one);
    }
    for (uint32_t i = 0; old != NULL && i < old->count; i++) {
        memset(&one, 0, sizeof(one));
        if (list->count < MYL_LIMIT_FED_SERVER_KEYS && read_key(cx, &old->items[i], &one) &&
            myl_json_int(&old->items[i], MYL_S("expired_ts"), &one.key.expired_ms) &&
            one.key.expired_ms > 0)
            myl_list_push(list, fed_listed_key, one);
    }
}

static bool is_signed(myl_ctx *cx, const myl_json *json, const fed_key_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const fed_listed_key *one = &list->keys[i];
        myl_str key = {(const char *)one->key.bytes, sizeof(one->key.bytes)};
        if (one->key.expired_ms == 0 && myl_json_verify(cx, json, list->server, one->key_id, key))
            return true;
    }
    return false;
}

bool myl_fed_key_list_read(myl_ctx *cx, const myl_json *json, myl_str server, int64_t now_ms,
                           fed_key_list *out)
{
    myl_list list = MYL_LIST(cx, fed_listed_key);
    int64_t until_ms;

    *out = (fed_key_list){.server = server};
    if (!myl_json_is(json, MYL_JSON_OBJECT) ||
        !myl_str_equal(myl_json_text(json, MYL_S("server_name")), server) ||
        !myl_json_int(json, MYL_S("valid_until_ts"), &until_ms))
        return false;
    out->listed_until_ms = until_ms;
    if (until_ms > now_ms + LONGEST_DAYS * DAY_MS)
        until_ms = now_ms + LONGEST_DAYS * DAY_MS;
    out->valid_until_ms = until_ms;
    read_keys(cx, json, until_ms, &list);
    out->keys = list.at;
    out->count = list.count;
    return is_signed(cx, json, out);
}

/* ---- rows ---- */

static myl_key list_key(myl_str server)
{
    myl_key key = myl_key_start();

    myl_key_hash(&key, server);
    return key;
}

static myl_key one_key(myl_str server, myl_str key_id)
{
    myl_key key = list_key(server);

    myl_key_hash(&key, key_id);
    return key;
}

static myl_rc put_key(myl_ctx *cx, myl_str server, const fed_listed_key *one)
{
    myl_key key = one_key(server, one->key_id);
    myl_text row = MYL_TEXT(cx);

    myl_row_str(&row, server);
    myl_row_str(&row, one->key_id);
    myl_row_str(&row, (myl_str){(const char *)one->key.bytes, sizeof(one->key.bytes)});
    myl_row_u64(&row, (uint64_t)one->key.valid_until_ms);
    myl_row_u64(&row, (uint64_t)one->key.expired_ms);
    return myl_store_put(cx, MYL_TABLE_SERVER_KEYS, myl_key_str(&key), myl_text_str(&row));
}

/* ---- how many servers there are; a stranger that has not been heard of for long makes room ---- */

enum { LOOKED_AT = 16, LOOKS = 8 };

myl_rc myl_fed_key_list_count(myl_ctx *cx, uint64_t *out)
{
    myl_str row;

    *out = 0;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_SERVER_KEY_LISTS, FED_KEY_LIST_COUNT, &row));
    if (myl_str_present(row) && !myl_cut_u64(&row, out))
        return myl_fail(cx, MYL_CORRUPT, "SERVER_KEY_LISTS: the count cannot be read");
    return MYL_OK;
}

static myl_rc put_count(myl_ctx *cx, uint64_t count)
{
    myl_key row = myl_key_of_u64(count);

    return myl_store_put(cx, MYL_TABLE_SERVER_KEY_LISTS, FED_KEY_LIST_COUNT, myl_key_str(&row));
}

/* Of some rows behind this place, the key of the server that was seen the longest ago, of those that are in no room: events of rooms
 * may come again, also of servers that are gone for ever. Absent: there is none. */
static myl_rc find_stranger(myl_ctx *cx, myl_str from, myl_str *out)
{
    uint64_t least = UINT64_MAX;
    myl_scan *scan;
    myl_str key, row;

    *out = MYL_ABSENT;
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_SERVER_KEY_LISTS, MYL_ABSENT, from, MYL_FORWARD, &scan));
    for (int i = 0; i < LOOKED_AT; i++) {
        uint64_t seen;
        myl_str name;
        bool needed;

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            return MYL_OK;
        if (myl_str_equal(key, FED_KEY_LIST_COUNT) || !myl_cut_str(&row, &name) ||
            !myl_cut_u64(&row, &seen) || seen >= least)
            continue;
        MYL_TRY(myl_server_in_rooms(cx, name, &needed));
        if (needed)
            continue;
        least = seen;
        *out = myl_keep(cx, key);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

static myl_rc drop_keys_of(myl_ctx *cx, myl_str server_hash)
{
    MYL_TRY(myl_store_delete_under(cx, MYL_TABLE_SERVER_KEYS, server_hash, SIZE_MAX, NULL));
    return myl_store_delete(cx, MYL_TABLE_SERVER_KEY_LISTS, server_hash);
}

/* A server is new: when there are too many, a stranger goes. Its keys are asked for again when they are wanted. Where chance finds no
 * stranger nearly all are needed, and there are as many as rooms want. */
static myl_rc make_room(myl_ctx *cx, const myl_key *key)
{
    myl_str row, stranger = MYL_ABSENT;
    uint64_t count;

    MYL_TRY(myl_store_get(cx, MYL_TABLE_SERVER_KEY_LISTS, myl_key_str(key), &row));
    if (myl_str_present(row))
        return MYL_OK;
    MYL_TRY(myl_fed_key_list_count(cx, &count));
    if (count < MYL_LIMIT_FED_KEY_SERVERS)
        return put_count(cx, count + 1);
    for (int i = 0; i < LOOKS && !myl_str_present(stranger); i++) {
        myl_key from = myl_key_of_u64(i < LOOKS - 1 ? myl_crypto_random_u64() : 0);

        MYL_TRY(find_stranger(cx, myl_key_str(&from), &stranger));
    }
    return myl_str_present(stranger) ? drop_keys_of(cx, stranger) : put_count(cx, count + 1);
}

/* ---- how many keys one server has ---- */

/* Of the rows under a prefix, the key of the one that was good the least long. */
static myl_rc find_ended(myl_ctx *cx, myl_str prefix, myl_str *out, size_t *count)
{
    uint64_t least = UINT64_MAX;
    myl_scan *scan;
    myl_str key, row;

    *out = MYL_ABSENT;
    *count = 0;
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_SERVER_KEYS, prefix, MYL_ABSENT, MYL_FORWARD, &scan));
    for (;;) {
        myl_str server, key_id, bytes;
        uint64_t until, expired;

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            return MYL_OK;
        (*count)++;
        if (!myl_cut_str(&row, &server) || !myl_cut_str(&row, &key_id) ||
            !myl_cut_str(&row, &bytes) || !myl_cut_u64(&row, &until) ||
            !myl_cut_u64(&row, &expired))
            return myl_fail(cx, MYL_CORRUPT, "SERVER_KEYS: bad row");
        until = expired > 0 ? expired : until;
        if (until >= least)
            continue;
        least = until;
        *out = myl_keep(cx, key);
    }
}

static myl_rc put_keys(myl_ctx *cx, const myl_key *prefix, const fed_key_list *list)
{
    bool is_new = false;
    size_t count;
    myl_str ended;

    for (size_t i = 0; i < list->count; i++) {
        myl_key key = one_key(list->server, list->keys[i].key_id);
        myl_str row;

        MYL_TRY(myl_store_get(cx, MYL_TABLE_SERVER_KEYS, myl_key_str(&key), &row));
        is_new = is_new || !myl_str_present(row);
        MYL_TRY(put_key(cx, list->server, &list->keys[i]));
    }
    while (is_new) {
        MYL_TRY(find_ended(cx, myl_key_str(prefix), &ended, &count));
        if (count <= MYL_LIMIT_FED_KEYS_OF_SERVER)
            break;
        MYL_TRY(myl_store_delete(cx, MYL_TABLE_SERVER_KEYS, ended));
    }
    return MYL_OK;
}

/* ---- lists that a server does not give out any more ---- */

static bool names_key(const myl_json *list, myl_str key_id)
{
    return myl_json_object(myl_json_object(list, MYL_S("verify_keys")), key_id) != NULL ||
           myl_json_object(myl_json_object(list, MYL_S("old_verify_keys")), key_id) != NULL;
}

/* Has it a key that none of the newer ones has? */
static bool adds_key(const myl_json *list, const myl_list *newer)
{
    const myl_json *keys = myl_json_object(list, MYL_S("verify_keys"));

    for (uint32_t i = 0; keys != NULL && i < keys->count; i++) {
        bool known = false;

        for (size_t k = 0; k < newer->count && !known; k++)
            known = names_key(myl_list_get(newer, const myl_json *, k), keys->items[i].key);
        if (!known)
            return true;
    }
    return false;
}

/* The rest of a row: lists, the newest first. They live in the job. */
static myl_rc cut_lists(myl_ctx *cx, myl_str *row, myl_list *out)
{
    const myl_json *json;
    myl_str text;

    while (row->len > 0) {
        if (!myl_cut_str(row, &text))
            return myl_fail(cx, MYL_CORRUPT, "SERVER_KEY_LISTS: bad row");
        MYL_TRY(myl_json_parse(cx, myl_keep(cx, text), &json));
        myl_list_push(out, const myl_json *, json);
    }
    return MYL_OK;
}

/* A key that the server has forgotten is still wanted for old events: the list that had it stays, behind the newer ones. */
static myl_rc add_older(myl_ctx *cx, const myl_key *key, myl_str json, myl_text *row)
{
    myl_list lists = MYL_LIST(cx, const myl_json *), kept = MYL_LIST(cx, const myl_json *);
    const myl_json *newest;
    myl_str before, name;
    uint64_t seen, until;

    MYL_TRY(myl_store_get(cx, MYL_TABLE_SERVER_KEY_LISTS, myl_key_str(key), &before));
    if (!myl_str_present(before))
        return MYL_OK;
    if (!myl_cut_str(&before, &name) || !myl_cut_u64(&before, &seen) ||
        !myl_cut_u64(&before, &until))
        return myl_fail(cx, MYL_CORRUPT, "SERVER_KEY_LISTS: bad row");
    MYL_TRY(cut_lists(cx, &before, &lists));
    MYL_TRY(myl_json_parse(cx, json, &newest));
    myl_list_push(&kept, const myl_json *, newest);
    for (size_t i = 0; i < lists.count && kept.count < MYL_LIMIT_FED_KEY_LISTS; i++) {
        const myl_json *list = myl_list_get(&lists, const myl_json *, i);
        myl_text text = MYL_TEXT(cx);

        if (!adds_key(list, &kept))
            continue;
        myl_list_push(&kept, const myl_json *, list);
        myl_json_write(&text, list);
        myl_row_str(row, myl_text_str(&text));
    }
    return MYL_OK;
}

myl_rc myl_fed_key_list_put(myl_ctx *cx, const fed_key_list *list, myl_str json)
{
    myl_key key = list_key(list->server);
    myl_text row = MYL_TEXT(cx);

    MYL_TRY(make_room(cx, &key));
    MYL_TRY(put_keys(cx, &key, list));
    myl_row_str(&row, list->server);
    myl_row_u64(&row, (uint64_t)myl_now_ms());
    myl_row_u64(&row, (uint64_t)list->listed_until_ms);
    myl_row_str(&row, json);
    MYL_TRY(add_older(cx, &key, json, &row));
    return myl_store_put(cx, MYL_TABLE_SERVER_KEY_LISTS, myl_key_str(&key), myl_text_str(&row));
}

myl_rc myl_fed_key_row(myl_ctx *cx, myl_str server, myl_str key_id, myl_fed_key *out, bool *found)
{
    myl_key key = one_key(server, key_id);
    myl_str row, name, id, bytes;
    uint64_t until, expired;

    *found = false;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_SERVER_KEYS, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        return MYL_OK;
    if (!myl_cut_str(&row, &name) || !myl_cut_str(&row, &id) || !myl_cut_str(&row, &bytes) ||
        bytes.len != sizeof(out->bytes) || !myl_cut_u64(&row, &until) ||
        !myl_cut_u64(&row, &expired))
        return myl_fail(cx, MYL_CORRUPT, "SERVER_KEYS: bad row");
    *found = myl_str_equal(name, server) && myl_str_equal(id, key_id);
    memcpy(out->bytes, bytes.at, bytes.len);
    out->valid_until_ms = (int64_t)until;
    out->expired_ms = (int64_t)expired;
    return MYL_OK;
}

/* ---- what we say about us and others ---- */

static myl_rc write_old_keys(myl_ctx *cx, myl_writer *w)
{
    const myl_config_texts *old = &myl_fed_server()->config->federation_old_keys;

    myl_write_open_key(w, "old_verify_keys", '{');
    for (size_t i = 0; i < old->count; i++) {
        myl_str rest = old->items[i];
        size_t first = myl_str_find(rest, ' ', 0);
        size_t second = first == SIZE_MAX ? SIZE_MAX : myl_str_find(rest, ' ', first + 1);
        int64_t expired;
        if (second == SIZE_MAX ||
            !myl_str_to_int(myl_str_slice(rest, second + 1, SIZE_MAX), &expired))
            return myl_fail(cx, MYL_BAD_CONFIG,
                            "federation.old_keys: KEY_ID PUBLIC_KEY EXPIRED_MS");
        myl_write_open_str(w, myl_str_slice(rest, 0, first), '{');
        myl_write_int(w, "expired_ts", expired);
        myl_write_str(w, "key", myl_str_slice(rest, first + 1, second - first - 1));
        myl_write_close(w, '}');
    }
    myl_write_close(w, '}');
    return MYL_OK;
}

myl_rc myl_fed_own_keys(myl_ctx *cx, const myl_json **out)
{
    const myl_fed_setup *setup = myl_fed_server();
    myl_str bytes = {(const char *)myl_signing_key_public(setup->key), 32};
    myl_writer w = myl_write_start(cx, 512);
    const myl_json *json;

    myl_write_open(&w, '{');
    MYL_TRY(write_old_keys(cx, &w));
    myl_write_str(&w, "server_name", setup->config->server_name);
    myl_write_int(&w, "valid_until_ts", myl_now_ms() + DAY_MS);
    myl_write_open_key(&w, "verify_keys", '{');
    myl_write_open_str(&w, myl_signing_key_id(setup->key), '{');
    myl_write_str(&w, "key", myl_crypto_base64(cx, MYL_BASE64_STANDARD, bytes));
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    MYL_TRY(myl_json_parse(cx, myl_write_done(&w), &json));
    return myl_json_sign(cx, json, setup->key, setup->config->server_name, out);
}

/* Old lists are asked for again after half of their time. */
static bool is_stale(int64_t seen, int64_t until, int64_t wanted_until_ms)
{
    int64_t now = myl_now_ms();

    return until < wanted_until_ms || now > seen + (until - seen) / 2;
}

/* Is it wanted? With no key named, the newest is. */
static bool is_wanted(const myl_json *list, size_t index, const myl_json *criteria)
{
    if (criteria == NULL || criteria->count == 0)
        return index == 0;
    for (uint32_t i = 0; i < criteria->count; i++)
        if (names_key(list, criteria->items[i].key))
            return true;
    return false;
}

/* Is one of the wanted keys in none of the lists? It may be a new one. */
static bool lacks_wanted(const myl_list *lists, const myl_json *criteria)
{
    for (uint32_t i = 0; criteria != NULL && i < criteria->count; i++) {
        bool known = false;

        for (size_t k = 0; k < lists->count && !known; k++)
            known = names_key(myl_list_get(lists, const myl_json *, k), criteria->items[i].key);
        if (!known)
            return true;
    }
    return false;
}

static myl_rc add_signed(myl_ctx *cx, const myl_json *list, myl_list *out)
{
    const myl_fed_setup *setup = myl_fed_server();
    const myl_json *witnessed;

    MYL_TRY(myl_json_sign(cx, list, setup->key, setup->config->server_name, &witnessed));
    myl_list_push(out, const myl_json *, witnessed);
    return MYL_OK;
}

myl_rc myl_fed_notary_keys(myl_ctx *cx, const myl_fed_notary_ask *ask, myl_list *out, bool *stale)
{
    myl_list lists = MYL_LIST(cx, const myl_json *);
    myl_key key = list_key(ask->server);
    myl_str row, name;
    uint64_t seen, until;

    *out = MYL_LIST(cx, const myl_json *);
    *stale = true;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_SERVER_KEY_LISTS, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        return MYL_OK;
    if (!myl_cut_str(&row, &name) || !myl_cut_u64(&row, &seen) || !myl_cut_u64(&row, &until))
        return myl_fail(cx, MYL_CORRUPT, "SERVER_KEY_LISTS: bad row");
    if (!myl_str_equal(name, ask->server))
        return MYL_OK;
    *stale = is_stale((int64_t)seen, (int64_t)until, ask->wanted_until_ms);
    MYL_TRY(cut_lists(cx, &row, &lists));
    *stale = *stale || lacks_wanted(&lists, ask->criteria);
    for (size_t i = 0; i < lists.count; i++) {
        const myl_json *list = myl_list_get(&lists, const myl_json *, i);

        if (is_wanted(list, i, ask->criteria))
            MYL_TRY(add_signed(cx, list, out));
    }
    if (out->count == 0 && lists.count > 0) /* it knows no such key: what it has now tells that */
        MYL_TRY(add_signed(cx, myl_list_get(&lists, const myl_json *, 0), out));
    return MYL_OK;
}
