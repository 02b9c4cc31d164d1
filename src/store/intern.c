/* intern.c: strings that stand in many rows get a number, both ways.
 *
 * Callers: room/ and higher, inside a transaction.
 * Threads: the transaction's. A look-up is a keyed hash and two reads of the map; event types, and the empty state
 *          key, are asked for several times in every request, so their numbers are kept (no lock: a slot is
 *          filled once, by the first reader).
 * Holds:   the hash is keyed with the database's digest key, so a stranger cannot make strings collide; equal
 *          hashes are told apart by the text. Only what a snapshot shows is kept: it is committed, and a
 *          committed number never changes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_own.h"

_Static_assert(MYL_INTERN_SERVER + 1 == MYL_INTERN_KINDS, "kinds are stored and counted");

static myl_key hash_key(const myl_ctx *cx, myl_intern kind, myl_str text)
{
    myl_digest digest = myl_crypto_digest(cx->txn->store->digest_key, text);
    myl_key key = myl_key_start();
    myl_key_u8(&key, (uint8_t)kind);
    myl_key_u64(&key, digest.low);
    return key;
}

static myl_rc text_at(myl_ctx *cx, myl_intern kind, uint64_t id, myl_str *text)
{
    myl_key key = myl_key_start();
    myl_key_u8(&key, (uint8_t)kind);
    myl_key_u64(&key, id);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_INTERN_TEXT, myl_key_str(&key), text));
    if (!myl_str_present(*text))
        return myl_fail(cx, MYL_CORRUPT, "no text of kind %d has number %llu", (int)kind,
                        (unsigned long long)id);
    return MYL_OK;
}

/* Is `value`, a row under the text's hash, the text's own? Then *id is its number, otherwise 0. */
static myl_rc matches(myl_ctx *cx, myl_intern kind, myl_str value, myl_str text, uint64_t *id)
{
    myl_str stored;
    if (!myl_cut_u64(&value, id) || *id == 0)
        return myl_fail(cx, MYL_CORRUPT, "INTERN_ID has a bad row");
    MYL_TRY(text_at(cx, kind, *id, &stored));
    if (!myl_str_equal(stored, text))
        *id = 0;
    return MYL_OK;
}

/* More than one text under this hash. */
static myl_rc find_among(myl_ctx *cx, myl_intern kind, myl_str key, myl_str text, uint64_t *id)
{
    myl_scan *scan;
    myl_str at;
    myl_str value;
    MYL_TRY(myl_scan_values(cx, MYL_TABLE_INTERN_ID, key, MYL_ABSENT, MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &at, &value));
        if (!myl_str_present(at))
            return MYL_OK;
        MYL_TRY(matches(cx, kind, value, text, id));
        if (*id != 0)
            break;
    }
    myl_scan_end(scan);
    return MYL_OK;
}

static myl_rc find(myl_ctx *cx, myl_intern kind, myl_str key, myl_str text, uint64_t *id)
{
    myl_str value;
    *id = 0;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_INTERN_ID, key, &value));
    if (!myl_str_present(value))
        return MYL_OK;
    MYL_TRY(matches(cx, kind, value, text, id));
    return *id != 0 ? MYL_OK : find_among(cx, kind, key, text, id);
}

/* ---- known texts ---- */

enum { KNOWN_STEPS = 4 };

/* Types, and the one name that is no user's; so the kinds cannot be mistaken for each other. */
static bool is_kept(myl_intern kind, myl_str text)
{
    return kind == MYL_INTERN_TYPE ? text.len > 0 && text.len <= MYL_LIMIT_ID_BYTES
                                   : kind == MYL_INTERN_NAME && text.len == 0;
}

/* The number of a kept text, or 0 and the slot that is free for it (NULL: none is). */
static uint64_t known_id(myl_store *store, myl_str text, myl_known_slot **slot)
{
    uint64_t hash = myl_str_hash(text);

    *slot = NULL;
    for (uint64_t i = 0; i < KNOWN_STEPS; i++) {
        myl_known_slot *at = &store->known[(hash + i) % MYL_LIMIT_KNOWN_TEXTS];
        const myl_known_text *known = atomic_load_explicit(at, memory_order_acquire);

        if (known == NULL) {
            *slot = at;
            return 0;
        }
        if (myl_str_equal((myl_str){known->text, known->len}, text))
            return known->id;
    }
    return 0;
}

static void keep(myl_known_slot *slot, myl_str text, uint64_t id)
{
    myl_known_text *none = NULL;
    myl_known_text *known = myl_process_alloc(sizeof(*known) + text.len);

    known->id = id;
    known->len = text.len;
    if (text.len > 0)
        memcpy(known->text, text.at, text.len);
    if (!atomic_compare_exchange_strong(slot, &none, known))
        myl_process_free(known);
}

void myl_known_free(myl_store *store)
{
    for (size_t i = 0; i < MYL_LIMIT_KNOWN_TEXTS; i++)
        myl_process_free(atomic_load(&store->known[i]));
}

myl_rc myl_store_interned(myl_ctx *cx, myl_intern kind, myl_str text, uint64_t *id)
{
    MYL_ASSERT(cx->txn != NULL);
    myl_known_slot *slot = NULL;
    if (is_kept(kind, text) && (*id = known_id(cx->txn->store, text, &slot)) != 0)
        return MYL_OK;
    myl_key key = hash_key(cx, kind, text);
    MYL_TRY(find(cx, kind, myl_key_str(&key), text, id));
    if (*id != 0 && slot != NULL && cx->txn->write == NULL)
        keep(slot, text, *id);
    return MYL_OK;
}

myl_rc myl_store_intern(myl_ctx *cx, myl_intern kind, myl_str text, uint64_t *id)
{
    MYL_ASSERT(myl_engine_is_writing(cx));
    myl_key key = hash_key(cx, kind, text);
    MYL_TRY(find(cx, kind, myl_key_str(&key), text, id));
    if (*id != 0)
        return MYL_OK;
    uint64_t next = ++cx->txn->write->counters.interned[kind];
    if (kind == MYL_INTERN_TYPE && next > UINT32_MAX)
        return myl_fail(cx, MYL_STORE_FULL, "no more numbers for event types");
    myl_key number = myl_key_of_u64(next);
    MYL_TRY(myl_store_add(cx, MYL_TABLE_INTERN_ID, myl_key_str(&key), myl_key_str(&number)));
    myl_key row = myl_key_start();
    myl_key_u8(&row, (uint8_t)kind);
    myl_key_u64(&row, next);
    /* {"", 0} and not absent: the empty state key is a text like any other. */
    MYL_TRY(myl_store_put(cx, MYL_TABLE_INTERN_TEXT, myl_key_str(&row), text));
    *id = next;
    return MYL_OK;
}

myl_rc myl_store_text_of(myl_ctx *cx, myl_intern kind, uint64_t id, myl_str *text)
{
    MYL_ASSERT(cx->txn != NULL);
    MYL_TRY(text_at(cx, kind, id, text));
    *text = myl_keep(cx, *text);
    return MYL_OK;
}
