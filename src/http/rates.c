/* rates.c: token buckets of users and addresses.
 *
 * Why:     a class of requests may come in a burst, then at a steady rate; strangers choose the
 *          keys, so the table has a fixed size.
 * Callers: gate.c. Threads: any; the table is cut into parts, each with its lock (rank HTTP_RATES).
 * Holds:   a bucket that is not there is full. In a crowded set the one that rested longest goes,
 *          as it loses the least.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/rates.h"

#include <pthread.h>

#include <myelin/base_limit.h>
#include <myelin/base_table.h>

enum { PARTS = 16, WAYS = 8, SETS = MYL_LIMIT_HTTP_RATE_BUCKETS / PARTS / WAYS };

typedef struct {
    uint64_t key; /* 0: free */
    int64_t left; /* thousandths */
    int64_t filled_ms;
} bucket;

typedef struct {
    pthread_mutex_t lock;
    bucket sets[SETS][WAYS];
} part;

typedef struct {
    const char *key;
    http_rate_by by;
    int64_t per_second; /* thousandths */
    int64_t burst;
} rate_class;

struct http_rates {
    rate_class classes[MYL_RATE_COUNT];
    bool enabled;
    part parts[PARTS];
};

#define BY_NOBODY HTTP_BY_NOBODY
#define BY_USER HTTP_BY_USER
#define BY_ADDRESS HTTP_BY_ADDRESS
static const rate_class rows[MYL_RATE_COUNT] = {
#define RATE(name, key, by) {key, BY_##by, 0, 0},
#include "http/rates.def"
#undef RATE
};

http_rates *myl_http_rates_start(const myl_config *config)
{
    http_rates *rates = myl_process_alloc(sizeof(*rates));

    rates->enabled = config->rate_enabled;
    for (size_t i = 0; i < MYL_RATE_COUNT; i++) {
        rate_class *one = &rates->classes[i];
        *one = rows[i];
        if (one->by != HTTP_BY_NOBODY)
            MYL_ASSERT(myl_config_rate(config, one->key, &one->per_second, &one->burst));
    }
    for (size_t i = 0; i < PARTS; i++)
        pthread_mutex_init(&rates->parts[i].lock, NULL);
    return rates;
}

void myl_http_rates_end(http_rates *rates)
{
    if (rates == NULL)
        return;
    for (size_t i = 0; i < PARTS; i++)
        pthread_mutex_destroy(&rates->parts[i].lock);
    myl_process_free(rates);
}

http_rate_by myl_http_rate_by(myl_rate rate)
{
    return rows[rate].by;
}

static uint64_t mixed(uint64_t who, myl_rate rate)
{
    uint64_t key = who * 0x9e3779b97f4a7c15u + (uint64_t)rate + 1;
    key = (key ^ key >> 32) * 0xd6e8feb86659fd93u;
    key ^= key >> 32;
    return key == 0 ? 1 : key;
}

static int64_t level(const bucket *one, const rate_class *limits, int64_t now_ms)
{
    int64_t most = limits->burst * 1000;
    int64_t waited = now_ms - one->filled_ms;

    if (waited <= 0)
        return one->left;
    if (waited >= (most - one->left) * 1000 / limits->per_second + 1)
        return most;
    return one->left + waited * limits->per_second / 1000;
}

/* The bucket of key; a new full one when there is none. The oldest filled of a full set gives
 * way. */
static bucket *bucket_of(bucket set[WAYS], uint64_t key, const rate_class *limits, int64_t now_ms)
{
    bucket *victim = &set[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key == key)
            return &set[i];
        if (set[i].key == 0) {
            victim = &set[i];
            break;
        }
        if (set[i].filled_ms < victim->filled_ms)
            victim = &set[i];
    }
    *victim = (bucket){key, limits->burst * 1000, now_ms};
    return victim;
}

static int64_t take_by(http_rates *rates, const rate_class *limits, uint64_t key, int64_t now_ms,
                       bool take)
{
    part *where = &rates->parts[key % PARTS];
    int64_t wait_ms = 0;

    pthread_mutex_lock(&where->lock);
    bucket *one = bucket_of(where->sets[key / PARTS % SETS], key, limits, now_ms);
    one->left = level(one, limits, now_ms);
    one->filled_ms = now_ms;
    if (one->left >= 1000)
        one->left -= take ? 1000 : 0;
    else
        wait_ms = (1000 - one->left) * 1000 / limits->per_second + 1;
    pthread_mutex_unlock(&where->lock);
    return wait_ms;
}

int64_t myl_http_rate_take(http_rates *rates, myl_rate rate, uint64_t who, int64_t now_ms,
                           bool take)
{
    if (!rates->enabled || rates->classes[rate].by == HTTP_BY_NOBODY)
        return 0;
    return take_by(rates, &rates->classes[rate], mixed(who, rate), now_ms, take);
}

int64_t myl_http_rate_take_own(http_rates *rates, const http_own_rate *own, uint64_t who,
                               int64_t now_ms)
{
    rate_class limits = {.by = HTTP_BY_USER,
                         .per_second = own->per_second * 1000,
                         .burst = own->burst};

    if (!rates->enabled)
        return 0;
    if (limits.burst < 1)
        limits.burst = 1;
    return take_by(rates, &limits, mixed(who, MYL_RATE_COUNT), now_ms, true);
}
