/* callers.c: who stands behind an access token, remembered.
 *
 * Why:     every request carries a token; looking it up costs a snapshot and four reads.
 * Callers: gate.c. Threads: a memory belongs to its loop, without locks; only the epochs are
 *          shared.
 * Memory:  two generations of at most HTTP_CALLERS / 2 tokens: when the young one is full the old
 *          one goes. Tokens are not kept, only their hashes.
 * Holds:   a user's epoch rises before the reply to whatever ended the token leaves, and the epoch
 *          is read before the snapshot is opened; so a token that is known to have ended is never
 *          accepted. Users share epochs (by number); a neighbour's log-out costs a look-up.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/callers.h"

#include <stdatomic.h>

#include <myelin/base_clock.h>
#include <myelin/base_limit.h>
#include <myelin/base_table.h>

enum { EPOCHS = 4096, GENERATION = MYL_LIMIT_HTTP_CALLERS / 2, TELL_EVERY_MS = 5 * 60 * 1000 };

static _Atomic uint32_t epochs[EPOCHS];

typedef struct {
    myl_sha256 hash;
    uint32_t epoch;
    int64_t told_ms; /* tick: when the store was last told that the device was seen */
    http_next next;
    myl_caller caller; /* its texts lie behind the struct */
} remembered;

struct http_callers {
    myl_table *young;
    myl_table *old;
};

static uint32_t epoch_of(uint64_t user)
{
    return atomic_load(&epochs[user % EPOCHS]);
}

void myl_http_callers_forget(uint64_t user)
{
    atomic_fetch_add(&epochs[user % EPOCHS], 1);
}

http_callers *myl_http_callers_start(void)
{
    http_callers *callers = myl_process_alloc(sizeof(*callers));

    callers->young = myl_table_start();
    callers->old = myl_table_start();
    return callers;
}

static void end_generation(myl_table *table)
{
    size_t at = 0;
    void *one;

    while (myl_table_next(table, &at, NULL, &one))
        myl_process_free(one);
    myl_table_end(table);
}

void myl_http_callers_end(http_callers *callers)
{
    if (callers == NULL)
        return;
    end_generation(callers->young);
    end_generation(callers->old);
    myl_process_free(callers);
}

static uint64_t key_of(const myl_sha256 *hash)
{
    uint64_t key;
    memcpy(&key, hash->bytes, sizeof(key));
    return key;
}

static myl_str copy_behind(char **at, myl_str text)
{
    myl_str copy = {*at, text.len};
    memcpy(*at, text.at, text.len);
    *at += text.len;
    return copy;
}

/* Puts it into the young generation, in place of whatever has its key. */
static void put(http_callers *callers, remembered *one)
{
    if (myl_table_count(callers->young) >= GENERATION) {
        end_generation(callers->old);
        callers->old = callers->young;
        callers->young = myl_table_start();
    }
    myl_process_free(myl_table_get(callers->young, key_of(&one->hash)));
    myl_table_set(callers->young, key_of(&one->hash), one);
}

static void remember(http_callers *callers, const myl_sha256 *hash, uint32_t epoch,
                     const myl_caller *caller)
{
    size_t texts = caller->user_id.len + caller->device_id.len;
    remembered *one = myl_process_alloc(sizeof(*one) + texts);
    char *at = (char *)(one + 1);

    one->hash = *hash;
    one->epoch = epoch;
    one->told_ms = myl_tick_ms();
    one->caller = *caller;
    one->caller.user_id = copy_behind(&at, caller->user_id);
    if (myl_str_present(caller->device_id))
        one->caller.device_id = copy_behind(&at, caller->device_id);
    put(callers, one);
}

/* What is remembered and still good, moved to the young generation; or NULL. */
static remembered *recall(http_callers *callers, const myl_sha256 *hash)
{
    remembered *one = myl_table_get(callers->young, key_of(hash));
    bool is_old = one == NULL;

    if (is_old)
        one = myl_table_get(callers->old, key_of(hash));
    if (one == NULL || memcmp(&one->hash, hash, sizeof(*hash)) != 0)
        return NULL;
    if (one->epoch != epoch_of(one->caller.user) ||
        (one->caller.expires_ms != 0 && one->caller.expires_ms <= myl_now_ms())) {
        myl_table_set(is_old ? callers->old : callers->young, key_of(hash), NULL);
        myl_process_free(one);
        return NULL;
    }
    if (is_old) {
        myl_table_set(callers->old, key_of(hash), NULL);
        put(callers, one);
    }
    return one;
}

/* Looks again when the user's epoch rose during the look: it is not known before it. */
static myl_rc look_up(http_callers *callers, myl_ctx *cx, myl_store *store, const http_token *token,
                      myl_caller *out)
{
    uint64_t user = 0;
    uint32_t epoch = 0;

    for (int round = 0; round < 4; round++) {
        MYL_TRY(myl_snapshot_open(cx, store));
        myl_rc rc = myl_user_of_token(cx, token->text, out);
        myl_snapshot_close(cx);
        MYL_TRY(rc);
        if (out->user == user && epoch == epoch_of(user)) {
            remember(callers, &token->hash, epoch, out);
            return MYL_OK;
        }
        user = out->user;
        epoch = epoch_of(user);
    }
    return MYL_OK; /* the user's tokens change all the time: not worth remembering */
}

void myl_http_callers_foretell(http_callers *callers, const myl_sha256 *hash, const http_next *next)
{
    remembered *known = recall(callers, hash);

    if (known != NULL)
        known->next = *next;
}

bool myl_http_callers_foretold(http_callers *callers, const myl_sha256 *hash, uint64_t target,
                               http_next *out)
{
    remembered *known = recall(callers, hash);

    if (known == NULL || known->next.target == 0 || known->next.target != target)
        return false;
    *out = known->next;
    known->next.target = 0;
    return true;
}

myl_rc myl_http_caller_of(http_callers *callers, myl_ctx *cx, myl_store *store,
                          const http_token *token, myl_caller *out)
{
    remembered *known = recall(callers, &token->hash);
    int64_t tick = myl_tick_ms();

    if (known == NULL) {
        MYL_TRY(look_up(callers, cx, store, token, out));
        out->is_due = out->is_fresh || myl_now_ms() - out->last_seen_ms > TELL_EVERY_MS;
        return MYL_OK;
    }
    *out = known->caller;
    out->is_due = tick - known->told_ms > TELL_EVERY_MS;
    if (out->is_due)
        known->told_ms = tick;
    out->user_id = myl_keep(cx, known->caller.user_id);
    out->device_id = myl_keep(cx, known->caller.device_id);
    return MYL_OK;
}
