/* one_time_keys.c: one-time and fallback keys: stored, counted, claimed.
 *
 * Spec:    Client-Server API, One-time and fallback keys; Claiming keys.
 * Threads: the transaction's.
 * Holds:   a key's id is never given other bytes; keys go out in the order in which they came; one that went out is
 *          remembered, so that an upload that is tried again never brings it back; after a restore of an old copy the
 *          keys of the former epoch are dropped, for nobody knows which of them went out since.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

enum { HASH_BYTES = 16, OWNER_BYTES = 16 };

/* KEY_COUNTS: what is known of a device without a scan. */
typedef struct {
    bool exists;
    uint64_t epoch, position, claimed;
    myl_list counts; /* myl_key_count */
    myl_list unused; /* myl_str: algorithms */
} counts_row;

/* A device, with the row of its counts while one change works on it. */
typedef struct {
    uint64_t user, device;
    counts_row counts;
} key_owner;

/* ---- counts ---- */

static bool cut_counts(myl_ctx *cx, myl_str row, counts_row *out)
{
    uint16_t counts, unused;

    if (!myl_cut_u64(&row, &out->epoch) || !myl_cut_u64(&row, &out->position) ||
        !myl_cut_u64(&row, &out->claimed) || !myl_cut_u16(&row, &counts))
        return false;
    for (uint16_t i = 0; i < counts; i++) {
        myl_key_count *count = myl_list_add(&out->counts);
        uint32_t number;

        if (!myl_cut_str(&row, &count->algorithm) || !myl_cut_u32(&row, &number))
            return false;
        count->algorithm = myl_keep(cx, count->algorithm);
        count->count = number;
    }
    if (!myl_cut_u16(&row, &unused))
        return false;
    for (uint16_t i = 0; i < unused; i++) {
        myl_str *algorithm = myl_list_add(&out->unused);

        if (!myl_cut_str(&row, algorithm))
            return false;
        *algorithm = myl_keep(cx, *algorithm);
    }
    return true;
}

static myl_rc read_counts(myl_ctx *cx, uint64_t user, uint64_t device, counts_row *out)
{
    myl_key key = myl_key_of_u64s(user, device);
    myl_str row;

    *out = (counts_row){.counts = MYL_LIST(cx, myl_key_count), .unused = MYL_LIST(cx, myl_str)};
    MYL_TRY(myl_store_get(cx, MYL_TABLE_KEY_COUNTS, myl_key_str(&key), &row));
    out->exists = myl_str_present(row);
    if (out->exists && !cut_counts(cx, row, out))
        return myl_fail(cx, MYL_CORRUPT, "KEY_COUNTS: bad row");
    return MYL_OK;
}

static myl_rc write_counts(myl_ctx *cx, const key_owner *owner)
{
    myl_key key = myl_key_of_u64s(owner->user, owner->device);
    myl_text row = MYL_TEXT(cx);
    const counts_row *counts = &owner->counts;

    myl_row_u64(&row, counts->epoch);
    myl_row_u64(&row, counts->position);
    myl_row_u64(&row, counts->claimed);
    myl_row_u16(&row, (uint16_t)counts->counts.count);
    for (size_t i = 0; i < counts->counts.count; i++) {
        myl_key_count count = myl_list_get(&counts->counts, myl_key_count, i);

        myl_row_str(&row, count.algorithm);
        myl_row_u32(&row, (uint32_t)count.count);
    }
    myl_row_u16(&row, (uint16_t)counts->unused.count);
    for (size_t i = 0; i < counts->unused.count; i++)
        myl_row_str(&row, myl_list_get(&counts->unused, myl_str, i));
    return myl_store_put(cx, MYL_TABLE_KEY_COUNTS, myl_key_str(&key), myl_text_str(&row));
}

static myl_rc add_count(myl_ctx *cx, counts_row *counts, myl_str algorithm, int64_t more)
{
    myl_list *list = &counts->counts;
    size_t i = 0;

    while (i < list->count &&
           !myl_str_equal(myl_list_get(list, myl_key_count, i).algorithm, algorithm))
        i++;
    if (i == list->count) {
        if (i >= MYL_LIMIT_KEY_ALGORITHMS)
            return myl_fail(cx, MYL_RESOURCE_LIMIT, "one_time_keys: more than %d algorithms",
                            MYL_LIMIT_KEY_ALGORITHMS);
        *(myl_key_count *)myl_list_add(list) = (myl_key_count){algorithm, 0};
    }
    ((myl_key_count *)myl_list_at(list, i))->count += more;
    return MYL_OK;
}

static void mark_used(counts_row *counts, myl_str algorithm)
{
    myl_list *list = &counts->unused;

    for (size_t i = 0; i < list->count; i++) {
        if (!myl_str_equal(myl_list_get(list, myl_str, i), algorithm))
            continue;
        *(myl_str *)myl_list_at(list, i) = myl_list_get(list, myl_str, list->count - 1);
        list->count--;
        return;
    }
}

static myl_rc mark_unused(myl_ctx *cx, counts_row *counts, myl_str algorithm)
{
    mark_used(counts, algorithm);
    if (counts->unused.count >= MYL_LIMIT_KEY_ALGORITHMS)
        return myl_fail(cx, MYL_RESOURCE_LIMIT, "fallback_keys: more than %d algorithms",
                        MYL_LIMIT_KEY_ALGORITHMS);
    myl_list_push(&counts->unused, myl_str, algorithm);
    return MYL_OK;
}

myl_rc myl_user_key_counts(myl_ctx *cx, const myl_caller *caller, myl_key_counts *out)
{
    counts_row counts;
    uint64_t epoch;

    MYL_TRY(read_counts(cx, caller->user, caller->device, &counts));
    MYL_TRY(myl_store_epoch(cx, &epoch));
    *out = (myl_key_counts){.position = counts.position, .has_keys = counts.exists};
    if (!counts.exists || counts.epoch != epoch)
        return MYL_OK;
    out->counts = counts.counts.at;
    out->count = counts.counts.count;
    out->unused_fallback = counts.unused.at;
    out->unused_count = counts.unused.count;
    return MYL_OK;
}

/* ---- places ---- */

static myl_key prefix_of(const key_owner *owner, myl_str text)
{
    myl_key key = myl_key_of_u64s(owner->user, owner->device);

    myl_key_hash(&key, text);
    return key;
}

static myl_key place_of(const key_owner *owner, myl_str algorithm, uint64_t age)
{
    myl_key key = prefix_of(owner, algorithm);

    myl_key_u64(&key, age);
    return key;
}

/* What an id stands for: where its key waits, or the hash of the key that went out. */
typedef struct {
    uint64_t age; /* 0: claimed */
    myl_str hash; /* 16 bytes, in the job */
} id_row;

static myl_rc put_id(myl_ctx *cx, const myl_key *id, uint64_t age, myl_str key)
{
    myl_key row = myl_key_of_u64(age);

    myl_key_hash(&row, key);
    return myl_store_put(cx, MYL_TABLE_ONE_TIME_KEY_IDS, myl_key_str(id), myl_key_str(&row));
}

static myl_rc get_id(myl_ctx *cx, const myl_key *id, bool *exists, id_row *out)
{
    myl_str row;

    MYL_TRY(myl_store_get(cx, MYL_TABLE_ONE_TIME_KEY_IDS, myl_key_str(id), &row));
    *exists = myl_str_present(row);
    if (!*exists)
        return MYL_OK;
    if (!myl_cut_u64(&row, &out->age) || row.len != HASH_BYTES)
        return myl_fail(cx, MYL_CORRUPT, "ONE_TIME_KEY_IDS: bad row");
    out->hash = myl_keep(cx, row);
    return MYL_OK;
}

/* ---- what has gone out ---- */

static myl_rc forget_oldest(myl_ctx *cx, const key_owner *owner)
{
    myl_key prefix = myl_key_of_u64s(owner->user, owner->device), id = prefix;
    id_row row = {0};
    myl_scan *scan;
    myl_str key, hash;
    bool exists;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_CLAIMED_KEYS, myl_key_str(&prefix), MYL_ABSENT,
                           MYL_FORWARD, &scan));
    MYL_TRY(myl_scan_next(scan, &key, &hash));
    if (!myl_str_present(key))
        return MYL_OK;
    key = myl_keep(cx, key);
    myl_key_bytes(&id, hash.at, hash.len);
    myl_scan_end(scan);
    MYL_TRY(myl_store_delete(cx, MYL_TABLE_CLAIMED_KEYS, key));
    MYL_TRY(get_id(cx, &id, &exists, &row));
    /* another key may wait under the id by now */
    return exists && row.age == 0
               ? myl_store_delete(cx, MYL_TABLE_ONE_TIME_KEY_IDS, myl_key_str(&id))
               : MYL_OK;
}

/* `key` is a row of ONE_TIME_KEYS. */
static myl_rc remember_claimed(myl_ctx *cx, key_owner *owner, myl_str key_id, myl_str key)
{
    myl_key place = myl_key_of_u64s3(owner->user, owner->device, myl_engine_next_position(cx)),
            id = prefix_of(owner, key_id);

    MYL_TRY(put_id(cx, &id, 0, key));
    MYL_TRY(myl_store_put(cx, MYL_TABLE_CLAIMED_KEYS, myl_key_str(&place),
                          myl_str_slice(myl_key_str(&id), OWNER_BYTES, SIZE_MAX)));
    if (++owner->counts.claimed <= MYL_LIMIT_CLAIMED_KEYS)
        return MYL_OK;
    owner->counts.claimed--;
    return forget_oldest(cx, owner);
}

/* Every key that waits counts as claimed: nobody knows whether it went out. */
static myl_rc drop_waiting(myl_ctx *cx, key_owner *owner)
{
    myl_key prefix = myl_key_of_u64s(owner->user, owner->device);
    myl_list waiting = MYL_LIST(cx, myl_str);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_ONE_TIME_KEYS, myl_key_str(&prefix), MYL_ABSENT,
                           MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        myl_list_push(&waiting, myl_str, myl_keep(cx, row));
    }
    myl_scan_end(scan);
    for (size_t i = 0; i < waiting.count; i++) {
        myl_str whole = myl_list_get(&waiting, myl_str, i), rest = whole, key_id;

        if (!myl_cut_str(&rest, &key_id))
            return myl_fail(cx, MYL_CORRUPT, "ONE_TIME_KEYS: bad row");
        MYL_TRY(remember_claimed(cx, owner, key_id, whole));
    }
    return myl_store_delete_under(cx, MYL_TABLE_ONE_TIME_KEYS, myl_key_str(&prefix), SIZE_MAX,
                                  NULL);
}

/* The device's counts, of this epoch. */
static myl_rc open_owner(myl_ctx *cx, uint64_t user, uint64_t device, key_owner *out)
{
    uint64_t epoch;

    *out = (key_owner){.user = user, .device = device};
    MYL_TRY(read_counts(cx, user, device, &out->counts));
    MYL_TRY(myl_store_epoch(cx, &epoch));
    if (!out->counts.exists)
        out->counts.epoch = epoch;
    if (out->counts.epoch == epoch)
        return MYL_OK;
    MYL_TRY(drop_waiting(cx, out));
    out->counts.epoch = epoch;
    out->counts.counts.count = 0;
    out->counts.unused.count = 0;
    return MYL_OK;
}

myl_rc myl_user_one_time_keys_drop(myl_ctx *cx, uint64_t user, uint64_t device)
{
    static const myl_table_id tables[] = {MYL_TABLE_ONE_TIME_KEYS, MYL_TABLE_ONE_TIME_KEY_IDS,
                                          MYL_TABLE_CLAIMED_KEYS, MYL_TABLE_FALLBACK_KEYS,
                                          MYL_TABLE_KEY_COUNTS};
    myl_key prefix = myl_key_of_u64s(user, device);

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        MYL_TRY(myl_store_delete_under(cx, tables[i], myl_key_str(&prefix), SIZE_MAX, NULL));
    return MYL_OK;
}

/* ---- uploading ---- */

/* "signed_curve25519:AAAAHQ" */
static myl_rc split_key_id(myl_ctx *cx, const myl_json *member, myl_str *algorithm)
{
    size_t colon = myl_str_find(member->key, ':', 0);

    if (colon == SIZE_MAX || colon == 0 || member->key.len > MYL_LIMIT_ID_BYTES)
        return myl_fail(cx, MYL_INVALID_PARAM, "%.*s: not <algorithm>:<key id>",
                        MYL_FMT(member->key));
    if (member->kind != MYL_JSON_STRING && member->kind != MYL_JSON_OBJECT)
        return myl_fail(cx, MYL_BAD_JSON, "%.*s: expected a string or an object",
                        MYL_FMT(member->key));
    *algorithm = myl_str_slice(member->key, 0, colon);
    return MYL_OK;
}

static myl_str key_row(myl_ctx *cx, const myl_json *member)
{
    myl_text row = MYL_TEXT(cx);

    myl_row_str(&row, member->key);
    myl_json_write(&row, member);
    return myl_text_str(&row);
}

/* An id whose key waits must have the same bytes; *known tells that nothing is to be done: it waits, or went out. */
static myl_rc check_known(myl_ctx *cx, const key_owner *owner, const myl_json *member, bool *known)
{
    myl_key id = prefix_of(owner, member->key), hash = myl_key_start();
    bool exists, same;
    id_row row;

    *known = false;
    MYL_TRY(get_id(cx, &id, &exists, &row));
    if (!exists)
        return MYL_OK;
    myl_key_hash(&hash, key_row(cx, member));
    same = myl_str_equal(row.hash, myl_key_str(&hash));
    if (!same && row.age != 0)
        return myl_fail(cx, MYL_INVALID_PARAM,
                        "one_time_keys.%.*s: there already with another value",
                        MYL_FMT(member->key));
    *known = same;
    return MYL_OK;
}

static myl_rc put_one_time_key(myl_ctx *cx, key_owner *owner, const myl_json *member,
                               myl_str algorithm)
{
    myl_key id = prefix_of(owner, member->key), place;
    uint64_t age;
    bool known;

    MYL_TRY(check_known(cx, owner, member, &known));
    if (known)
        return MYL_OK;
    age = myl_engine_next_position(cx);
    place = place_of(owner, algorithm, age);
    MYL_TRY(myl_store_put(cx, MYL_TABLE_ONE_TIME_KEYS, myl_key_str(&place), key_row(cx, member)));
    MYL_TRY(put_id(cx, &id, age, key_row(cx, member)));
    return add_count(cx, &owner->counts, algorithm, 1);
}

/* One an algorithm. A new one is unused; the same one again stays as it is. */
static myl_rc put_fallback_key(myl_ctx *cx, key_owner *owner, const myl_json *member,
                               myl_str algorithm)
{
    myl_key key = prefix_of(owner, algorithm);
    myl_str row = key_row(cx, member), present;

    MYL_TRY(myl_store_get(cx, MYL_TABLE_FALLBACK_KEYS, myl_key_str(&key), &present));
    if (myl_str_present(present) && myl_str_equal(present, row))
        return MYL_OK;
    MYL_TRY(mark_unused(cx, &owner->counts, algorithm));
    return myl_store_put(cx, MYL_TABLE_FALLBACK_KEYS, myl_key_str(&key), row);
}

static myl_rc check_count(myl_ctx *cx, const counts_row *counts)
{
    int64_t total = 0;

    for (size_t i = 0; i < counts->counts.count; i++)
        total += myl_list_get(&counts->counts, myl_key_count, i).count;
    if (total > MYL_LIMIT_ONE_TIME_KEYS)
        return myl_fail(cx, MYL_RESOURCE_LIMIT, "one_time_keys: more than %d are waiting",
                        MYL_LIMIT_ONE_TIME_KEYS);
    return MYL_OK;
}

static myl_rc put_key(myl_ctx *cx, key_owner *owner, const myl_json *member, bool fallback)
{
    myl_str algorithm;

    MYL_TRY(split_key_id(cx, member, &algorithm));
    if (key_row(cx, member).len > MYL_LIMIT_ONE_TIME_KEY_BYTES)
        return myl_fail(cx, MYL_TOO_LARGE, "%.*s: more than %d bytes", MYL_FMT(member->key),
                        MYL_LIMIT_ONE_TIME_KEY_BYTES);
    if (fallback)
        return put_fallback_key(cx, owner, member, algorithm);
    return put_one_time_key(cx, owner, member, algorithm);
}

myl_rc myl_user_one_time_keys_put(myl_ctx *cx, const myl_caller *caller, const myl_json *keys,
                                  bool fallback)
{
    key_owner owner;

    if (keys == NULL || keys->count == 0)
        return MYL_OK;
    MYL_TRY(open_owner(cx, caller->user, caller->device, &owner));
    for (uint32_t i = 0; i < keys->count; i++)
        MYL_TRY(put_key(cx, &owner, &keys->items[i], fallback));
    MYL_TRY(check_count(cx, &owner.counts));
    return write_counts(cx, &owner);
}

/* ---- claiming ---- */

static myl_rc cut_claimed(myl_ctx *cx, myl_str row, myl_key_claimed *out)
{
    if (!myl_cut_str(&row, &out->key_id))
        return myl_fail(cx, MYL_CORRUPT, "a row of a one-time key cannot be read");
    out->key_id = myl_keep(cx, out->key_id);
    out->json = myl_keep(cx, row);
    return MYL_OK;
}

static myl_rc claim_one_time_key(myl_ctx *cx, key_owner *owner, myl_str algorithm,
                                 myl_key_claimed *out)
{
    myl_key prefix = prefix_of(owner, algorithm);
    myl_scan *scan;
    myl_str place, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_ONE_TIME_KEYS, myl_key_str(&prefix), MYL_ABSENT,
                           MYL_FORWARD, &scan));
    MYL_TRY(myl_scan_next(scan, &place, &row));
    if (!myl_str_present(place))
        return MYL_OK;
    row = myl_keep(cx, row);
    place = myl_keep(cx, place);
    myl_scan_end(scan);
    MYL_TRY(cut_claimed(cx, row, out));
    MYL_TRY(myl_store_delete(cx, MYL_TABLE_ONE_TIME_KEYS, place));
    MYL_TRY(remember_claimed(cx, owner, out->key_id, row));
    return add_count(cx, &owner->counts, algorithm, -1);
}

static myl_rc claim_fallback_key(myl_ctx *cx, key_owner *owner, myl_str algorithm,
                                 myl_key_claimed *out)
{
    myl_key key = prefix_of(owner, algorithm);
    myl_str row;

    MYL_TRY(myl_store_get(cx, MYL_TABLE_FALLBACK_KEYS, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        return MYL_OK;
    mark_used(&owner->counts, algorithm);
    return cut_claimed(cx, row, out);
}

myl_rc myl_user_key_claim(myl_ctx *cx, const myl_key_wanted *wanted, myl_key_claimed *out)
{
    myl_device device;
    key_owner owner;
    uint64_t user;

    *out = (myl_key_claimed){MYL_ABSENT, MYL_ABSENT};
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, wanted->user_id, &user));
    MYL_TRY(myl_user_device(cx, user, wanted->device_id, &device));
    if (user == 0 || device.number == 0)
        return MYL_OK;
    MYL_TRY(open_owner(cx, user, device.number, &owner));
    if (!owner.counts.exists)
        return MYL_OK;
    MYL_TRY(claim_one_time_key(cx, &owner, wanted->algorithm, out));
    if (!myl_str_present(out->key_id))
        MYL_TRY(claim_fallback_key(cx, &owner, wanted->algorithm, out));
    if (!myl_str_present(out->key_id))
        return MYL_OK;
    owner.counts.position = myl_engine_next_position(cx);
    myl_engine_note(cx, MYL_NOTE_USER, user);
    return write_counts(cx, &owner);
}

/* The user's object is opened with the first key found. */
myl_rc myl_user_write_claimed(myl_ctx *cx, myl_writer *w, const myl_json *devices)
{
    bool is_open = false;

    for (uint32_t i = 0; i < devices->count; i++) {
        myl_key_wanted wanted = {devices->key, devices->items[i].key, devices->items[i].text};
        myl_key_claimed claimed;

        MYL_TRY(myl_user_key_claim(cx, &wanted, &claimed));
        if (!myl_str_present(claimed.key_id))
            continue;
        if (!is_open)
            myl_write_open_str(w, devices->key, '{');
        is_open = true;
        myl_write_open_str(w, wanted.device_id, '{');
        myl_write_member(w, claimed.key_id, claimed.json);
        myl_write_close(w, '}');
    }
    if (is_open)
        myl_write_close(w, '}');
    return MYL_OK;
}
