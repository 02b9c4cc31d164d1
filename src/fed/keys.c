/* keys.c: signing keys in memory, and whether one is good for an event.
 *
 * Callers: auth.c for requests, verify.c for events.
 * Threads: any. Lock FED_KEYS over the memory.
 * Memory:  FED_KEYS_KNOWN keys at most; when that is reached, all are read again from the store as they are wanted.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/fed_own.h"

#include <pthread.h>

typedef struct known_key {
    struct known_key *next; /* of the same hash */
    myl_str server, key_id;
    myl_fed_key key;
} known_key;

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER; /* FED_KEYS */
static myl_table *keys;
static size_t key_count;

static uint64_t hash_of(myl_str server, myl_str key_id)
{
    return myl_str_hash(server) * 31 + myl_str_hash(key_id);
}

static known_key *find(myl_str server, myl_str key_id)
{
    known_key *one = myl_table_get(keys, hash_of(server, key_id));

    while (one != NULL &&
           !(myl_str_equal(one->server, server) && myl_str_equal(one->key_id, key_id)))
        one = one->next;
    return one;
}

static void forget_all(void)
{
    size_t at = 0;
    uint64_t key;
    void *value;

    while (myl_table_next(keys, &at, &key, &value)) {
        for (known_key *one = value, *next; one != NULL; one = next) {
            next = one->next;
            myl_process_free((void *)(uintptr_t)one->server.at);
            myl_process_free((void *)(uintptr_t)one->key_id.at);
            myl_process_free(one);
        }
    }
    myl_table_end(keys);
    keys = NULL;
    key_count = 0;
}

static void learn(myl_str server, myl_str key_id, const myl_fed_key *key)
{
    known_key *one = find(server, key_id);

    if (one == NULL) {
        if (key_count >= MYL_LIMIT_FED_KEYS_KNOWN) {
            forget_all();
            keys = myl_table_start();
        }
        uint64_t hash = hash_of(server, key_id);
        one = myl_process_alloc(sizeof(*one));
        one->server = myl_process_keep(server);
        one->key_id = myl_process_keep(key_id);
        one->next = myl_table_get(keys, hash);
        myl_table_set(keys, hash, one);
        key_count++;
    }
    one->key = *key;
}

void myl_fed_key_list_learn(const fed_key_list *list)
{
    pthread_rwlock_wrlock(&lock);
    for (size_t i = 0; i < list->count; i++)
        learn(list->server, list->keys[i].key_id, &list->keys[i].key);
    pthread_rwlock_unlock(&lock);
}

static bool recall(myl_str server, myl_str key_id, myl_fed_key *out)
{
    pthread_rwlock_rdlock(&lock);
    const known_key *one = find(server, key_id);
    if (one != NULL)
        *out = one->key;
    pthread_rwlock_unlock(&lock);
    return one != NULL;
}

/* ---- our own ---- */

static bool own_old_key(myl_ctx *cx, myl_str key_id, myl_fed_key *out)
{
    const myl_config_texts *old = &myl_fed_server()->config->federation_old_keys;

    for (size_t i = 0; i < old->count; i++) {
        myl_str text = old->items[i], bytes;
        size_t first = myl_str_find(text, ' ', 0);
        size_t second = first == SIZE_MAX ? SIZE_MAX : myl_str_find(text, ' ', first + 1);
        if (second == SIZE_MAX || !myl_str_equal(myl_str_slice(text, 0, first), key_id) ||
            !myl_crypto_unbase64(cx, MYL_BASE64_STANDARD,
                                 myl_str_slice(text, first + 1, second - first - 1), &bytes) ||
            bytes.len != sizeof(out->bytes) ||
            !myl_str_to_int(myl_str_slice(text, second + 1, SIZE_MAX), &out->expired_ms))
            continue;
        memcpy(out->bytes, bytes.at, bytes.len);
        return true;
    }
    return false;
}

static bool own_key(myl_ctx *cx, myl_str key_id, myl_fed_key *out)
{
    const myl_signing_key *key = myl_fed_server()->key;

    *out = (myl_fed_key){.valid_until_ms = INT64_MAX};
    if (!myl_str_equal(key_id, myl_signing_key_id(key)))
        return own_old_key(cx, key_id, out);
    memcpy(out->bytes, myl_signing_key_public(key), sizeof(out->bytes));
    return true;
}

/* ---- asking ---- */

myl_rc myl_fed_key_known(myl_ctx *cx, myl_str server, myl_str key_id, myl_fed_key *out, bool *found)
{
    bool opens = cx->txn == NULL;

    if (myl_str_equal(server, myl_fed_server()->config->server_name)) {
        *found = own_key(cx, key_id, out);
        return MYL_OK;
    }
    *found = recall(server, key_id, out);
    if (*found)
        return MYL_OK;
    if (opens)
        MYL_TRY(myl_snapshot_open(cx, myl_fed_server()->store));
    myl_rc rc = myl_fed_key_row(cx, server, key_id, out, found);
    if (opens)
        myl_snapshot_close(cx);
    if (rc == MYL_OK && *found) {
        pthread_rwlock_wrlock(&lock);
        if (find(server, key_id) == NULL) /* else what was fetched meanwhile is newer */
            learn(server, key_id, out);
        pthread_rwlock_unlock(&lock);
    }
    return rc;
}

bool myl_fed_key_fits(const myl_fed_key *key, const myl_room_version *version, int64_t ts)
{
    if (version != NULL && !version->key_validity)
        return true;
    return ts <= (key->expired_ms > 0 ? key->expired_ms : key->valid_until_ms);
}

void myl_fed_keys_start(void)
{
    keys = myl_table_start();
    myl_fed_key_fetch_start();
}

void myl_fed_keys_stop(void)
{
    forget_all();
    myl_fed_key_fetch_stop();
}
