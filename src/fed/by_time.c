/* by_time.c: the event nearest to a time, where our own history has a gap: other servers are asked, and what they name is
 * brought here, so that it can be read and paged from.
 *
 * Callers: the clients' timestamp_to_event by a plan.
 * Threads: lanes.
 * Spec:    Server-Server API, GET timestamp_to_event.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/missing_own.h"

enum { ROUNDS = 4 };

static myl_rc read_version(myl_ctx *cx, void *arg)
{
    fed_room *room = arg;
    myl_room_head head;

    MYL_TRY(myl_room_require(cx, room->room_id, &head));
    room->version = head.version;
    return MYL_OK;
}

/* Does it lie on the asked side, and nearer than what is here? */
static bool is_nearer(const myl_fed_time_ask *ask, int64_t ts)
{
    if (ask->backward)
        return ts <= ask->ts && (!ask->has_known || ts > ask->known_ts);
    return ts >= ask->ts && (!ask->has_known || ts < ask->known_ts);
}

/* *event_id absent: this server knows none that is nearer. */
static myl_rc ask_server(myl_ctx *cx, const myl_fed_time_ask *ask, myl_str server,
                         myl_str *event_id)
{
    const myl_str parts[] = {ask->room_id, myl_strf(cx, "%lld", (long long)ask->ts),
                             ask->backward ? MYL_S("b") : MYL_S("f")};
    myl_fed_request request = {.destination = server, .method = "GET"};
    myl_fed_reply reply;
    int64_t ts;

    *event_id = MYL_ABSENT;
    request.path =
        myl_fed_path(cx, "/_matrix/federation/v1/timestamp_to_event/{}?ts={}&dir={}", parts, 3);
    MYL_TRY(myl_fed_ask(cx, &request, &reply));
    if (myl_json_int(reply.json, MYL_S("origin_server_ts"), &ts) && is_nearer(ask, ts) &&
        myl_id_is_event(myl_json_text(reply.json, MYL_S("event_id"))))
        *event_id = myl_json_text(reply.json, MYL_S("event_id"));
    return MYL_OK;
}

/* Places the event with the state that the fill's server tells. */
static myl_rc bring(myl_ctx *cx, fed_fill *fill, myl_str event_id)
{
    myl_fed_request request = {.destination = fill->servers[0], .method = "GET"};
    myl_list texts = MYL_LIST(cx, myl_str);
    myl_fed_reply reply;
    size_t added;
    myl_rc rc;

    request.path = myl_fed_path(cx, "/_matrix/federation/v1/event/{}", &event_id, 1);
    MYL_TRY(myl_fed_ask(cx, &request, &reply));
    (void)myl_fed_cut_items(myl_fed_cut_member(reply.body, MYL_S("pdus")), &texts);
    myl_fed_turn_take(fill->room.room_id);
    rc = myl_fed_fill_add(cx, fill, &texts, &added);
    if (rc == MYL_OK && added > 0)
        rc = myl_fed_fill_run(cx, fill);
    myl_fed_turn_give(fill->room.room_id);
    return rc;
}

/* *got: how many events were placed. */
static myl_rc try_server(myl_ctx *cx, const myl_fed_time_ask *ask, const fed_fill *servers,
                         size_t at, size_t *got)
{
    fed_fill fill = {.room = servers->room,
                     .coming = MYL_COMES_BEHIND,
                     .led_to = ask->led_to,
                     .rounds = ROUNDS,
                     .servers = &servers->servers[at],
                     .server_count = 1};
    myl_str event_id;
    myl_rc rc = MYL_OK;

    fill.entries = MYL_LIST(cx, fed_entry);
    MYL_TRY(ask_server(cx, ask, servers->servers[at], &event_id));
    if (myl_str_present(event_id))
        rc = bring(cx, &fill, event_id);
    *got = fill.stored;
    return rc;
}

myl_rc myl_fed_event_by_time(myl_ctx *cx, const myl_fed_time_ask *ask)
{
    fed_fill servers = {.room = {.room_id = ask->room_id}};
    size_t got = 0;

    MYL_TRY(myl_fed_read(cx, read_version, &servers.room));
    myl_fed_fill_servers(cx, &servers, MYL_ABSENT);
    for (size_t i = 0; i < servers.server_count && got == 0; i++) {
        myl_rc rc = try_server(cx, ask, &servers, i, &got);

        if (rc == MYL_STOPPING)
            return rc;
        if (rc != MYL_OK)
            myl_log_failure(cx, "fed.by_time");
        myl_forgive(cx);
    }
    return MYL_OK;
}
