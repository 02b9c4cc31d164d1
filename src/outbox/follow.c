/* follow.c: the stored logs, read on after each commit, and what in them concerns other servers.
 *
 * Why:     nobody who stores must know of the outbox, and a crash loses nothing: it reads on from where it was.
 * Callers: send.c, after commits.
 * Threads: the sender.
 * Holds:   everything up to `followed` waits for whom it concerns, or is delivered.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "outbox/outbox_own.h"

#include <myelin/room_servers.h>
#include <myelin/room_share.h>
#include <myelin/user_keys.h>

enum { STEP = 500 }; /* rows of a log read at once, then others have their turn */

static myl_net_post again;
static bool is_posted;
static outbox_destination *touched;

static void run_again(myl_net_post *post)
{
    MYL_UNUSED(post);
    is_posted = false;
    myl_outbox_follow();
}

/* ---- audiences ---- */

static void touch(outbox_destination *to)
{
    if (to->is_touched)
        return;
    to->is_touched = true;
    to->next_touched = touched;
    touched = to;
}

/* When no snapshot is open: sending opens one. */
static void send_touched(void)
{
    while (touched != NULL) {
        outbox_destination *to = touched;
        touched = to->next_touched;
        to->is_touched = false;
        myl_outbox_send(to);
    }
}

static void put_to_all(myl_ctx *cx, const outbox_item *item, const uint64_t *servers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        outbox_destination *to = myl_outbox_destination_of(cx, servers[i]);
        if (to == NULL)
            continue;
        myl_outbox_destination_put(to, item);
        touch(to);
    }
}

static int compare(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, two = *(const uint64_t *)b;

    return one < two ? -1 : one > two;
}

myl_rc myl_outbox_servers_of_user(myl_ctx *cx, uint64_t user, const uint64_t **servers,
                                  size_t *count)
{
    const uint64_t *rooms, *one;
    size_t room_count, one_count, kept = 0;
    myl_list all = MYL_LIST(cx, uint64_t);

    MYL_TRY(myl_room_joined_by(cx, user, &rooms, &room_count));
    for (size_t i = 0; i < room_count; i++) {
        MYL_TRY(myl_room_servers(cx, rooms[i], &one, &one_count));
        for (size_t s = 0; s < one_count; s++)
            myl_list_push(&all, uint64_t, one[s]);
    }
    myl_list_sort(&all, compare);
    uint64_t *list = all.at;
    for (size_t i = 0; i < all.count; i++) {
        if (kept == 0 || list[kept - 1] != list[i])
            list[kept++] = list[i];
    }
    *servers = list;
    *count = kept;
    return MYL_OK;
}

/* ---- the logs ---- */

/* A row of one of the logs. */
typedef struct {
    uint64_t position;
    uint64_t room; /* 0: of DEVICE_LIST_LOG */
    uint64_t user;
} log_row;

static int compare_rows(const void *a, const void *b)
{
    return compare(&((const log_row *)a)->position, &((const log_row *)b)->position);
}

/* *upto: the last position that was read when the log goes on behind it. */
static myl_rc read_rooms(myl_ctx *cx, myl_list *rows, uint64_t *upto)
{
    myl_key from = myl_key_of_u64(myl_outbox.followed + 1);
    myl_scan *scan;
    myl_str key, value;

    MYL_TRY(
        myl_scan_start(cx, MYL_TABLE_ROOM_LOG, MYL_ABSENT, myl_key_str(&from), MYL_FORWARD, &scan));
    for (size_t i = 0; i < STEP; i++) {
        log_row *row;

        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            return MYL_OK;
        row = myl_list_add(rows);
        if (!myl_cut_u64(&key, &row->position) || !myl_cut_u64(&value, &row->room))
            return myl_fail(cx, MYL_CORRUPT, "ROOM_LOG: bad row");
        if (i + 1 == STEP && row->position < *upto)
            *upto = row->position;
    }
    myl_scan_end(scan);
    return MYL_OK;
}

static myl_rc read_devices(myl_ctx *cx, myl_list *rows, uint64_t *upto)
{
    const myl_device_change *changes;
    size_t count;

    MYL_TRY(myl_user_device_changes(cx, myl_outbox.followed, STEP, &changes, &count));
    if (count == STEP && changes[count - 1].position < *upto)
        *upto = changes[count - 1].position;
    for (size_t i = 0; i < count; i++) {
        if (changes[i].remote)
            continue;
        log_row *row = myl_list_add(rows);
        row->position = changes[i].position;
        row->user = changes[i].user;
    }
    return MYL_OK;
}

static myl_rc follow_join(myl_ctx *cx, const log_row *row)
{
    outbox_announcement found;

    MYL_TRY(myl_outbox_announcement(cx, row->room, row->position, &found));
    if (found.joined != 0)
        myl_outbox_met(row->room, found.joined);
    for (size_t i = 0; i < found.device_count; i++) {
        outbox_item item = myl_outbox_announced(&found, i);

        put_to_all(cx, &item, found.servers, found.server_count);
    }
    return MYL_OK;
}

static myl_rc follow_room(myl_ctx *cx, const log_row *row)
{
    outbox_item item = {.position = row->position, .id = row->room, .kind = OUTBOX_RECEIPT};
    const uint64_t *servers;
    myl_stored stored;
    size_t count;
    bool own;

    MYL_TRY(myl_room_outgoing(cx, row->room, row->position, &stored));
    if (stored.number != 0) {
        item.kind = OUTBOX_PDU;
        item.id = stored.number;
        MYL_TRY(myl_room_event_servers(cx, &stored, &servers, &count));
    } else {
        MYL_TRY(myl_outbox_is_own_receipt(cx, row->room, row->position, &own));
        if (!own)
            return follow_join(cx, row); /* by another server's hand */
        MYL_TRY(myl_room_servers(cx, row->room, &servers, &count));
    }
    put_to_all(cx, &item, servers, count);
    return item.kind == OUTBOX_PDU ? follow_join(cx, row) : MYL_OK;
}

static myl_rc follow_devices(myl_ctx *cx, const log_row *row)
{
    outbox_item item = {.position = row->position, .kind = OUTBOX_DEVICE};
    const uint64_t *servers;
    size_t count;

    MYL_TRY(myl_outbox_servers_of_user(cx, row->user, &servers, &count));
    put_to_all(cx, &item, servers, count);
    return MYL_OK;
}

/* Rows of both logs in the order of their positions. A row that cannot be followed is left out and told of. */
static myl_rc follow_step(myl_ctx *cx, uint64_t *newest)
{
    myl_list rows = MYL_LIST(cx, log_row);

    MYL_TRY(myl_store_position(cx, newest));
    if (*newest <= myl_outbox.followed)
        return MYL_OK;
    uint64_t upto = *newest;
    MYL_TRY(read_rooms(cx, &rows, &upto));
    MYL_TRY(read_devices(cx, &rows, &upto));
    myl_list_sort(&rows, compare_rows);
    for (size_t i = 0; i < rows.count; i++) {
        const log_row *row = myl_list_at(&rows, i);
        if (row->position > upto)
            break;
        myl_mark mark = myl_ctx_mark(cx);
        myl_rc rc = row->room != 0 ? follow_room(cx, row) : follow_devices(cx, row);
        if (rc != MYL_OK) {
            myl_log_failure(cx, "outbox");
            myl_forgive(cx);
        }
        myl_ctx_release(cx, mark);
    }
    myl_outbox.followed = upto;
    return MYL_OK;
}

/* ---- messages to devices: servers that a note names ---- */

void myl_outbox_follow_to_device(myl_ctx *cx, uint64_t server)
{
    outbox_destination *to = myl_outbox_destination_of(cx, server);

    if (to == NULL)
        return;
    to->to_device = true;
    touch(to);
}

static void post_again(void)
{
    again.run = run_again;
    if (is_posted)
        return;
    is_posted = true;
    is_posted = myl_net_run(&again) == MYL_OK;
}

void myl_outbox_follow(void)
{
    uint64_t before = myl_outbox.followed, newest = before;
    myl_ctx cx;

    if (myl_outbox.is_stopping)
        return;
    myl_ctx_begin(&cx);
    myl_rc rc = myl_snapshot_open(&cx, myl_outbox.store);
    if (rc == MYL_OK) {
        myl_outbox_take_notes(&cx);
        rc = follow_step(&cx, &newest);
        myl_snapshot_close(&cx);
    }
    if (rc != MYL_OK)
        myl_log_failure(&cx, "outbox");
    myl_ctx_end(&cx);
    send_touched();
    if (myl_outbox.followed != before)
        myl_outbox_write_later();
    if (rc == MYL_OK && myl_outbox.followed < newest)
        post_again();
}
