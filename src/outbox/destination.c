/* destination.c: the servers that are sent to: what waits for each, and when it is tried again.
 *
 * Why:     a server that does not answer costs a small row and a timer, however long it is away.
 * Callers: follow.c fills, transaction.c empties.
 * Threads: the sender; the marks of failing servers are read by any.
 * Holds:   a server that answers has everything below its queue; one that does not has everything up to `upto`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "outbox/outbox_own.h"

#include <limits.h>

enum { MARKS = 1 << 14, DOUBLINGS = 30 };

static myl_table *by_number;
/* How many failing servers have a name of this hash: a request of a server looks here before it posts. */
static atomic_uchar marks[MARKS];

/* ---- the table ---- */

void myl_outbox_destinations_start(void)
{
    by_number = myl_table_start();
    memset(marks, 0, sizeof(marks));
}

static void free_destination(outbox_destination *to)
{
    for (outbox_volatile *one = to->volatiles, *next; one != NULL; one = next) {
        next = one->next;
        myl_process_free((void *)(uintptr_t)one->json.at);
        myl_process_free(one);
    }
    myl_outbox_queue_end(&to->waiting);
    myl_process_free((void *)(uintptr_t)to->name.at);
    myl_process_free(to);
}

void myl_outbox_destinations_stop(void)
{
    outbox_destination *to;
    size_t at = 0;

    while ((to = myl_outbox_destination_next(&at)) != NULL)
        free_destination(to);
    myl_table_end(by_number);
    by_number = NULL;
}

outbox_destination *myl_outbox_destination_next(size_t *at)
{
    uint64_t key;
    void *value;

    return myl_table_next(by_number, at, &key, &value) ? value : NULL;
}

outbox_destination *myl_outbox_destination_of(myl_ctx *cx, uint64_t server)
{
    outbox_destination *to = myl_table_get(by_number, server);
    myl_str name;

    if (to != NULL || server == 0 || server == myl_outbox.ours)
        return to;
    if (myl_store_text_of(cx, MYL_INTERN_SERVER, server, &name) != MYL_OK) {
        myl_forgive(cx);
        return NULL;
    }
    if (myl_str_equal(name, myl_fed_server()->config->server_name)) {
        myl_outbox.ours = server;
        return NULL;
    }
    to = myl_process_alloc(sizeof(*to));
    to->server = server;
    to->name = myl_process_keep(name);
    to->is_refused = !myl_fed_is_allowed(name);
    to->most_pdus = OUTBOX_PDUS;
    myl_table_set(by_number, server, to);
    return to;
}

outbox_destination *myl_outbox_destination_known(uint64_t server)
{
    return myl_table_get(by_number, server);
}

outbox_destination *myl_outbox_destination_named(myl_str name)
{
    outbox_destination *to;
    size_t at = 0;

    while ((to = myl_outbox_destination_next(&at)) != NULL) {
        if (myl_str_equal(to->name, name))
            return to;
    }
    return NULL;
}

void myl_outbox_destination_changed(outbox_destination *to)
{
    to->is_changed = true;
    if (!to->is_queued)
        myl_outbox_queue_row(to);
    myl_outbox_write_later();
}

/* ---- what waits ---- */

bool myl_outbox_destination_waits(const outbox_destination *to)
{
    return to->waiting.count > 0 || to->volatiles != NULL || to->to_device || to->must_load;
}

uint64_t myl_outbox_destination_least(const outbox_destination *to)
{
    if (to->failures > 0 || to->has_row || to->waiting.count == 0)
        return UINT64_MAX;
    return myl_outbox_queue_at(&to->waiting, 0)->position;
}

/* Nothing more is kept here: it is found in the store when its time has come. */
void myl_outbox_destination_overflow(outbox_destination *to)
{
    to->overflowed = to->sending != NULL; /* its front is under way */
    if (to->overflowed)
        return;
    myl_outbox_queue_end(&to->waiting);
    to->must_load = true;
}

void myl_outbox_destination_put(outbox_destination *to, const outbox_item *item)
{
    if (to->is_refused || to->must_load || to->overflowed || item->position <= to->loaded)
        return;
    if (to->failures > 0 && to->waiting.count >= MYL_LIMIT_OUTBOX_KEPT) {
        myl_outbox_destination_overflow(to);
        return;
    }
    myl_outbox_queue_add(&to->waiting, item);
}

/* ---- back-off ---- */

static atomic_uchar *mark_of(myl_str name)
{
    return &marks[myl_str_hash(name) % MARKS];
}

static void mark(const outbox_destination *to, bool failing)
{
    atomic_uchar *place = mark_of(to->name);
    unsigned char count = atomic_load(place);

    if (failing && count < UCHAR_MAX)
        atomic_store(place, (unsigned char)(count + 1));
    else if (!failing && count > 0 && count < UCHAR_MAX) /* a full one stays: it only costs posts */
        atomic_store(place, (unsigned char)(count - 1));
}

bool myl_outbox_may_be_failing(myl_str name)
{
    return atomic_load(mark_of(name)) > 0;
}

static void try_again(myl_net_timer *timer)
{
    myl_outbox_send(MYL_OF(timer, outbox_destination, retry));
}

/* T = min(Tmax, T0 * 2^n), a fifth of it by chance either way. */
static int64_t back_off_ms(unsigned failures)
{
    const myl_config *config = myl_fed_server()->config;
    int64_t most = config->federation_retry_longest, wait = config->federation_retry_first;

    for (unsigned i = 1; i < failures && i < DOUBLINGS && wait < most; i++)
        wait *= 2;
    wait = wait > most ? most : wait;
    return wait - wait / 5 + (int64_t)(myl_crypto_random_u64() % (uint64_t)(2 * wait / 5 + 1));
}

void myl_outbox_destination_wait(outbox_destination *to, int64_t wait_ms)
{
    to->next_try = myl_now_ms() + wait_ms;
    myl_net_timer_set(&to->retry, myl_tick_ms() + wait_ms, try_again);
}

void myl_outbox_destination_failed(outbox_destination *to, int64_t wait_ms)
{
    if (to->failures++ == 0) {
        to->failing_since = myl_now_ms();
        if (!to->has_row)
            to->upto = to->waiting.count > 0 ? myl_outbox_queue_at(&to->waiting, 0)->position - 1
                                             : myl_outbox.followed;
        mark(to, true);
        myl_metric_add(MYL_METRIC_OUTBOX_FAILING, 1);
    }
    int64_t wait = back_off_ms(to->failures);
    myl_outbox_destination_wait(to, wait > wait_ms ? wait : wait_ms);
    myl_metric_add(MYL_METRIC_OUTBOX_FAILURES, 1);
    myl_outbox_destination_changed(to);
}

void myl_outbox_destination_adopt(outbox_destination *to)
{
    int64_t wait = to->next_try - myl_now_ms();

    to->failures = to->failures == 0 ? 1 : to->failures;
    mark(to, true);
    myl_metric_add(MYL_METRIC_OUTBOX_FAILING, 1);
    to->has_row = to->must_load = true;
    myl_outbox_destination_wait(to, wait > 0 ? wait : 0);
}

static void end_failures(outbox_destination *to)
{
    if (to->failures == 0)
        return;
    to->failures = 0;
    myl_net_timer_clear(&to->retry);
    mark(to, false);
    myl_metric_add(MYL_METRIC_OUTBOX_FAILING, -1);
}

void myl_outbox_destination_answered(outbox_destination *to)
{
    end_failures(to);
    to->most_pdus = OUTBOX_PDUS;
    if (to->has_row)
        myl_outbox_destination_changed(to);
    else
        myl_outbox_write_later();
    myl_outbox_send(to);
}

/* It may be there again; only an answer ends its failures. */
void myl_outbox_destination_heard(outbox_destination *to)
{
    if (to->failures == 0 || to->sending != NULL)
        return;
    to->failures = 1;
    to->next_try = 0;
    myl_net_timer_clear(&to->retry);
    myl_outbox_send(to);
}
