/* load.c: what a server has missed while it was away, found in the store.
 *
 * Why:     a queue for every dead server would grow without end; the logs are there anyway.
 * Callers: transaction.c, when such a server is tried again.
 * Threads: the sender, in a snapshot.
 * Holds:   after a short absence everything in order; after a long one the newest event of ours of each room that the
 *          server is in, from which it finds the others itself (spec: get_missing_events, backfill), and the newest receipts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "outbox/outbox_own.h"

#include <myelin/room_servers.h>
#include <myelin/room_timeline.h>
#include <myelin/user_keys.h>

enum { REPLAY = 1000, ROOM_WALK = 200, ROOM_RECEIPTS = 100, DEVICE_ROWS = 1000 };

static bool is_among(uint64_t server, const uint64_t *servers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (servers[i] == server)
            return true;
    }
    return false;
}

/* ---- a short absence: the rows of the log, one by one ---- */

static myl_rc replay_join(myl_ctx *cx, outbox_destination *to, uint64_t position, uint64_t room)
{
    outbox_announcement found;

    MYL_TRY(myl_outbox_announcement(cx, room, position, &found));
    if (!is_among(to->server, found.servers, found.server_count))
        return MYL_OK;
    for (size_t i = 0; i < found.device_count; i++) {
        outbox_item item = myl_outbox_announced(&found, i);

        myl_outbox_queue_add(&to->waiting, &item);
    }
    return MYL_OK;
}

static myl_rc replay_receipt(myl_ctx *cx, outbox_destination *to, uint64_t position, uint64_t room)
{
    outbox_item item = {.position = position, .id = room, .kind = OUTBOX_RECEIPT};
    uint32_t there;

    MYL_TRY(myl_room_joined_of(cx, room, to->server, &there));
    if (there > 0)
        myl_outbox_queue_add(&to->waiting, &item);
    return MYL_OK;
}

static myl_rc replay_row(myl_ctx *cx, outbox_destination *to, uint64_t position, uint64_t room)
{
    const uint64_t *servers;
    myl_stored stored;
    size_t count;
    bool receipt;

    MYL_TRY(myl_room_outgoing(cx, room, position, &stored));
    if (stored.number == 0) {
        MYL_TRY(myl_outbox_is_own_receipt(cx, room, position, &receipt));
        return receipt ? replay_receipt(cx, to, position, room)
                       : replay_join(cx, to, position, room);
    }
    MYL_TRY(myl_room_event_servers(cx, &stored, &servers, &count));
    outbox_item item = {.position = position, .id = stored.number, .kind = OUTBOX_PDU};
    if (is_among(to->server, servers, count))
        myl_outbox_queue_add(&to->waiting, &item);
    return replay_join(cx, to, position, room);
}

/* *whole: the log's end was reached. */
static myl_rc replay(myl_ctx *cx, outbox_destination *to, bool *whole)
{
    myl_key from = myl_key_of_u64(to->upto + 1);
    uint64_t positions[REPLAY], rooms[REPLAY];
    size_t count = 0;
    myl_scan *scan;
    myl_str key, value;

    MYL_TRY(
        myl_scan_start(cx, MYL_TABLE_ROOM_LOG, MYL_ABSENT, myl_key_str(&from), MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &value));
        *whole = !myl_str_present(key);
        if (*whole || count == REPLAY)
            break;
        if (!myl_cut_u64(&key, &positions[count]) || !myl_cut_u64(&value, &rooms[count]))
            return myl_fail(cx, MYL_CORRUPT, "ROOM_LOG: bad row");
        count++;
    }
    myl_scan_end(scan);
    for (size_t i = 0; *whole && i < count; i++)
        MYL_TRY(replay_row(cx, to, positions[i], rooms[i]));
    return MYL_OK;
}

/* ---- a long one: each room's newest event, and what was read ---- */

static myl_rc newest_of_room(myl_ctx *cx, outbox_destination *to, uint64_t room, myl_list *items)
{
    myl_range range = {.after = to->upto, .upto = to->loaded};
    myl_walk *walk;
    myl_stored stored;

    MYL_TRY(myl_walk_arrival(cx, room, &range, MYL_BACKWARD, &walk));
    for (size_t i = 0; i < ROOM_WALK; i++) {
        MYL_TRY(myl_walk_next(walk, &stored));
        if (stored.number == 0)
            break;
        if ((stored.flags & MYL_EVENT_OUTGOING) == 0)
            continue;
        outbox_item item = {.position = stored.position, .id = stored.number, .kind = OUTBOX_PDU};
        myl_list_push(items, outbox_item, item);
        break;
    }
    myl_walk_end(walk);
    return MYL_OK;
}

static myl_rc receipts_of_room(myl_ctx *cx, outbox_destination *to, uint64_t room, myl_list *items)
{
    const myl_receipt *receipts;
    size_t count, first;

    MYL_TRY(myl_room_receipts(cx, room, to->upto, &receipts, &count));
    first = count > ROOM_RECEIPTS ? count - ROOM_RECEIPTS : 0;
    for (size_t i = first; i < count && receipts[i].position <= to->loaded; i++) {
        outbox_item item = {.position = receipts[i].position, .id = room, .kind = OUTBOX_RECEIPT};
        bool own;

        MYL_TRY(myl_outbox_is_own_receipt(cx, room, item.position, &own));
        if (own)
            myl_list_push(items, outbox_item, item);
    }
    return MYL_OK;
}

static int compare_items(const void *a, const void *b)
{
    const outbox_item *one = a, *two = b;

    return one->position < two->position ? -1 : one->position > two->position;
}

static myl_rc catch_up(myl_ctx *cx, outbox_destination *to)
{
    myl_list items = MYL_LIST(cx, outbox_item);
    const uint64_t *rooms;
    size_t count;

    MYL_TRY(myl_server_rooms(cx, to->server, &rooms, &count));
    for (size_t i = 0; i < count; i++) {
        MYL_TRY(newest_of_room(cx, to, rooms[i], &items));
        MYL_TRY(receipts_of_room(cx, to, rooms[i], &items));
    }
    myl_list_sort(&items, compare_items);
    for (size_t i = 0; i < items.count; i++)
        myl_outbox_queue_add(&to->waiting, myl_list_at(&items, i));
    return MYL_OK;
}

/* ---- device lists, of which each device has its newest row ---- */

static myl_rc load_devices(myl_ctx *cx, outbox_destination *to, myl_list *items)
{
    const myl_device_change *changes;
    const uint64_t *servers;
    size_t count, server_count;

    MYL_TRY(myl_user_device_changes(cx, to->upto, DEVICE_ROWS, &changes, &count));
    for (size_t i = 0; i < count; i++) {
        if (changes[i].remote || changes[i].position > to->loaded)
            continue;
        myl_mark mark = myl_ctx_mark(cx);
        MYL_TRY(myl_outbox_servers_of_user(cx, changes[i].user, &servers, &server_count));
        bool concerns = is_among(to->server, servers, server_count);
        myl_ctx_release(cx, mark);
        outbox_item item = {.position = changes[i].position, .kind = OUTBOX_DEVICE};
        if (concerns)
            myl_list_push(items, outbox_item, item);
    }
    return MYL_OK;
}

/* Both kinds in the order of their positions, since `upto` rises with them. */
static void merge(outbox_destination *to, myl_list *items)
{
    outbox_queue all = to->waiting;

    for (size_t i = 0; i < all.count; i++)
        myl_list_push(items, outbox_item, *myl_outbox_queue_at(&all, i));
    myl_outbox_queue_end(&to->waiting);
    myl_list_sort(items, compare_items);
    for (size_t i = 0; i < items->count; i++)
        myl_outbox_queue_add(&to->waiting, myl_list_at(items, i));
}

static myl_rc load(myl_ctx *cx, outbox_destination *to)
{
    myl_list devices = MYL_LIST(cx, outbox_item);
    bool whole;

    MYL_TRY(myl_store_position(cx, &to->loaded));
    MYL_TRY(replay(cx, to, &whole));
    if (!whole)
        MYL_TRY(catch_up(cx, to));
    MYL_TRY(load_devices(cx, to, &devices));
    merge(to, &devices);
    return MYL_OK;
}

myl_rc myl_outbox_load(myl_ctx *cx, outbox_destination *to)
{
    myl_outbox_queue_end(&to->waiting);
    myl_rc rc = load(cx, to);
    if (rc == MYL_OK)
        to->must_load = false;
    else
        myl_outbox_queue_end(&to->waiting);
    return rc;
}
