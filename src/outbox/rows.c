/* rows.c: how far each server is, written now and then, and read at start.
 *
 * Why:     a row for each transaction of each server would cost more than the transaction. What is written late is only sent
 *          twice after a crash, never lost.
 * Callers: destination.c and transaction.c mark, a timer writes.
 * Threads: the sender makes the change, the engine runs it.
 * Holds:   row 0 is a position up to which every server without a row has all. It and the rows are written in one change.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "outbox/outbox_own.h"

#include <myelin/user_to_device.h>

enum { WRITE_MS = 1000, ROWS = 2000 };

typedef struct {
    uint64_t server;
    bool removes;
    bool is_failing; /* put */
    uint64_t upto, to_device_upto;
    uint32_t failures;
    int64_t failing_since, next_try;
} row_write;

typedef struct {
    myl_change change;
    myl_ctx cx;
    myl_net_post post;
    myl_rc rc;
    uint64_t floor;
    row_write *rows;
    size_t count;
} write_change;

static myl_net_timer timer;
static bool is_under_way, is_wanted;
static outbox_destination *changed;

/* ---- the change ---- */

static myl_rc put_row(myl_ctx *cx, const row_write *row)
{
    myl_key key = myl_key_of_u64(row->server);
    myl_text value = MYL_TEXT(cx);

    if (row->to_device_upto > 0)
        MYL_TRY(myl_user_to_device_out_sent(cx, row->server, row->to_device_upto));
    if (row->removes)
        return myl_store_delete(cx, MYL_TABLE_OUTBOX, myl_key_str(&key));
    if (!row->is_failing)
        return MYL_OK;
    myl_row_u64(&value, row->upto);
    myl_row_u32(&value, row->failures);
    myl_row_u64(&value, (uint64_t)row->failing_since);
    myl_row_u64(&value, (uint64_t)row->next_try);
    return myl_store_put(cx, MYL_TABLE_OUTBOX, myl_key_str(&key), myl_text_str(&value));
}

static myl_rc run_write(myl_change *change)
{
    const write_change *self = MYL_OF(change, write_change, change);
    myl_key key = myl_key_of_u64(0), value = myl_key_of_u64(self->floor);

    for (size_t i = 0; i < self->count; i++)
        MYL_TRY(put_row(change->cx, &self->rows[i]));
    return myl_store_put(change->cx, MYL_TABLE_OUTBOX, myl_key_str(&key), myl_key_str(&value));
}

static uint64_t least_delivered(void)
{
    uint64_t floor = myl_outbox.followed;
    outbox_destination *to;
    size_t at = 0;

    while ((to = myl_outbox_destination_next(&at)) != NULL) {
        uint64_t least = myl_outbox_destination_least(to);
        if (least <= floor)
            floor = least - 1;
    }
    return floor;
}

static void take_row(outbox_destination *to, row_write *row)
{
    bool is_done = to->failures == 0 && to->waiting.count == 0 && !to->must_load &&
                   !to->overflowed && to->sending == NULL;

    *row = (row_write){.server = to->server,
                       .upto = to->upto,
                       .failures = to->failures,
                       .failing_since = to->failing_since,
                       .next_try = to->next_try,
                       .to_device_upto = to->to_device_done ? to->to_device_sent : 0,
                       .removes = to->has_row && is_done,
                       .is_failing = (to->failures > 0 || to->has_row) && !is_done};
    to->to_device_done = false;
    to->has_row = row->is_failing;
    to->is_changed = false;
}

/* The rows are taken as they are now, before the floor is looked for: who gives up a row counts for the floor then. */
static write_change *make_write(void)
{
    write_change *self = myl_process_alloc(sizeof(*self));

    myl_ctx_begin(&self->cx);
    self->rows = myl_new_array(&self->cx, row_write, ROWS);
    while (changed != NULL && self->count < ROWS) {
        outbox_destination *to = changed;
        changed = to->next_changed;
        to->is_queued = false;
        take_row(to, &self->rows[self->count++]);
    }
    self->floor = least_delivered();
    self->change = (myl_change){.name = "outbox", .cx = &self->cx, .run = run_write};
    return self;
}

static void free_write(write_change *self)
{
    myl_ctx_end(&self->cx);
    myl_process_free(self);
}

/* ---- when ---- */

void myl_outbox_queue_row(outbox_destination *to)
{
    to->is_queued = true;
    to->next_changed = changed;
    changed = to;
}

static void write_again(const write_change *self)
{
    myl_ctx cx;

    myl_ctx_begin(&cx);
    for (size_t i = 0; i < self->count; i++) {
        outbox_destination *to = myl_outbox_destination_of(&cx, self->rows[i].server);
        to->has_row = to->has_row || self->rows[i].removes;
        to->to_device_done = to->to_device_done || self->rows[i].to_device_upto > 0;
        myl_outbox_destination_changed(to);
    }
    myl_ctx_end(&cx);
}

static void written(myl_net_post *post)
{
    write_change *self = MYL_OF(post, write_change, post);

    is_under_way = false;
    if (self->rc != MYL_OK)
        write_again(self);
    free_write(self);
    if (is_wanted || changed != NULL)
        myl_outbox_write_later();
}

static void change_done(myl_change *change, myl_rc rc)
{
    write_change *self = MYL_OF(change, write_change, change);

    self->rc = rc;
    self->post.run = written;
    if (myl_net_run(&self->post) != MYL_OK)
        free_write(self); /* the sender has ended, and what it knew was written at the end */
}

static void write_now(myl_net_timer *self)
{
    MYL_UNUSED(self);
    if (is_under_way || myl_outbox.is_stopping)
        return;
    write_change *write = make_write();
    is_under_way = true;
    is_wanted = false;
    write->change.done = change_done;
    if (myl_engine_submit(myl_outbox.engine, &write->change) == MYL_OK)
        return;
    write->rc = MYL_BUSY;
    written(&write->post);
}

void myl_outbox_write_later(void)
{
    is_wanted = true;
    if (!is_under_way && timer.place == 0 && !myl_outbox.is_stopping)
        myl_net_timer_set(&timer, myl_tick_ms() + WRITE_MS, write_now);
}

void myl_outbox_write_now(void)
{
    do {
        write_change *write = make_write();
        if (myl_engine_run(myl_outbox.engine, &write->change) != MYL_OK)
            myl_log_failure(&write->cx, "outbox");
        free_write(write);
    } while (changed != NULL);
    timer.place = 0; /* the sender has dropped it */
    is_under_way = is_wanted = false;
}

/* ---- at start ---- */

static myl_rc read_row(myl_ctx *cx, uint64_t server, myl_str value)
{
    outbox_destination *to;
    uint64_t upto, since, next;
    uint32_t failures;

    if (server == 0)
        return myl_cut_u64(&value, &myl_outbox.followed)
                   ? MYL_OK
                   : myl_fail(cx, MYL_CORRUPT, "OUTBOX: bad row");
    if (!myl_cut_u64(&value, &upto) || !myl_cut_u32(&value, &failures) ||
        !myl_cut_u64(&value, &since) || !myl_cut_u64(&value, &next))
        return myl_fail(cx, MYL_CORRUPT, "OUTBOX: bad row");
    to = myl_outbox_destination_of(cx, server);
    if (to == NULL)
        return MYL_OK;
    to->upto = upto;
    to->failures = failures;
    to->failing_since = (int64_t)since;
    to->next_try = (int64_t)next;
    myl_outbox_destination_adopt(to);
    return MYL_OK;
}

static myl_rc read_to_device(myl_ctx *cx)
{
    myl_scan *scan;
    myl_str key, value;
    uint64_t server;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_TO_DEVICE_OUT_COUNTS, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD,
                           &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            return MYL_OK;
        if (myl_cut_u64(&key, &server))
            myl_outbox_follow_to_device(cx, server);
    }
}

myl_rc myl_outbox_read_rows(myl_ctx *cx)
{
    myl_scan *scan;
    myl_str key, value;
    uint64_t server;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_OUTBOX, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            return read_to_device(cx);
        if (!myl_cut_u64(&key, &server))
            return myl_fail(cx, MYL_CORRUPT, "OUTBOX: bad key");
        MYL_TRY(read_row(cx, server, value));
    }
}
