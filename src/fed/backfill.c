/* backfill.c: history before a gap, when somebody scrolls there.
 *
 * Callers: /messages by a plan.
 * Threads: lanes.
 * Holds:   what comes is placed in the reading order only: /sync never shows it.
 * Spec:    Server-Server API, Backfilling and retrieving missing events.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/missing_own.h"

enum { ROUNDS = 4 };

typedef struct {
    myl_str room_id;
    uint64_t number;
    fed_room room;
    myl_str event_id;
} gap_arg;

static myl_rc read_gap(myl_ctx *cx, void *arg)
{
    gap_arg *g = arg;
    myl_room_head head;
    myl_stored stored;

    MYL_TRY(myl_room_require(cx, g->room_id, &head));
    MYL_TRY(myl_room_event(cx, g->number, &stored));
    g->room = (fed_room){.room_id = g->room_id, .version = head.version};
    g->event_id = stored.event_id;
    return MYL_OK;
}

static myl_rc ask(myl_ctx *cx, const gap_arg *gap, myl_str server, fed_fill *fill)
{
    const myl_str parts[] = {gap->room_id, gap->event_id};
    myl_fed_request request = {.destination = server, .method = "GET"};
    myl_list texts = MYL_LIST(cx, myl_str);
    myl_fed_reply reply;
    size_t added;

    request.path = myl_fed_path(cx, "/_matrix/federation/v1/backfill/{}?v={}&limit=100", parts, 2);
    MYL_TRY(myl_fed_call(cx, &request, &reply));
    if (reply.status != 200)
        return myl_fed_reply_check(cx, &request, &reply);
    (void)myl_fed_cut_items(myl_fed_cut_member(reply.body, MYL_S("pdus")), &texts);
    return myl_fed_fill_add(cx, fill, &texts, &added);
}

static myl_rc fill_from(myl_ctx *cx, const gap_arg *gap, myl_str server, size_t *got)
{
    fed_fill fill = {.room = gap->room,
                     .coming = MYL_COMES_BEHIND,
                     .led_to = gap->number,
                     .rounds = ROUNDS,
                     .servers = &server,
                     .server_count = 1};
    myl_rc rc;

    fill.entries = MYL_LIST(cx, fed_entry);
    rc = ask(cx, gap, server, &fill);
    if (rc == MYL_OK)
        rc = myl_fed_fill_run(cx, &fill);
    *got = fill.stored;
    return rc;
}

myl_rc myl_fed_backfill(myl_ctx *cx, myl_str room_id, uint64_t number, size_t *got)
{
    gap_arg gap = {.room_id = room_id, .number = number};
    fed_fill servers = {.room = {.room_id = room_id}};
    myl_rc rc;

    *got = 0;
    MYL_TRY(myl_fed_read(cx, read_gap, &gap));
    myl_fed_fill_servers(cx, &servers, MYL_ABSENT);
    for (size_t i = 0; i < servers.server_count && *got == 0; i++) {
        myl_fed_turn_take(room_id);
        rc = fill_from(cx, &gap, servers.servers[i], got);
        myl_fed_turn_give(room_id);
        if (rc == MYL_STOPPING)
            return rc;
        if (rc != MYL_OK)
            myl_log_failure(cx, "fed.backfill");
        myl_forgive(cx);
    }
    return MYL_OK;
}
