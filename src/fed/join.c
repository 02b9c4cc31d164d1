/* join.c: a user of ours joins a room that is elsewhere, and the room comes here.
 *
 * Why:     the state may be large and comes from one server that may lie: every event's signatures are checked, and every one
 *          is judged by its auth events; it comes in pieces, and only the last makes it a room.
 * Callers: api/client by plans.
 * Threads: lanes. Goes on when the client has left: the other servers count the user as joined already.
 * Memory:  the ids of the events and of those they stand on; the answer goes through the disk (gather.c).
 * Spec:    Server-Server API, Joining Rooms.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/rooms_own.h"

enum { LOOKED_AT_ONCE = 1000, PLANS = 5 };

/* ---- is it here? ---- */

typedef struct {
    myl_str room_id;
    bool here;
} here_arg;

static myl_rc read_here(myl_ctx *cx, void *arg)
{
    here_arg *h = arg;
    myl_room_head head;

    MYL_TRY(myl_room_head_get(cx, h->room_id, &head));
    return myl_room_is_here(cx, &head, &h->here);
}

/* ---- the answer ---- */

typedef struct {
    const fed_making *making;
    fed_joining *joining;
    fed_room room;
    fed_gather answer;
    myl_incoming joined; /* the member event as it comes back */
    myl_room_import import;
    size_t from, count; /* of the next step */
} arrival;

/* A restricted join comes back with the authorising server's signature. */
static myl_rc read_joined(myl_ctx *cx, arrival *a)
{
    const myl_event *event = &a->joined.event;
    const myl_json *json;
    myl_incoming back;
    bool good;

    a->joined = a->making->event;
    if (!myl_str_present(a->making->authoriser))
        return MYL_OK;
    if (!myl_str_present(a->answer.object))
        return myl_fail(cx, MYL_BAD_STATE, "the join did not come back signed");
    MYL_TRY(myl_json_parse(cx, a->answer.object, &json));
    MYL_TRY(myl_incoming_read(cx, a->room.version, json, &back));
    if (!myl_str_equal(back.event.event_id, a->making->event.event.event_id))
        return myl_fail(cx, MYL_BAD_STATE, "another join came back");
    a->joined = back;
    MYL_TRY(myl_fed_verify_events(cx, &event, 1, &good));
    return good ? MYL_OK : myl_fail(cx, MYL_BAD_SIGNATURE, "the join came back badly signed");
}

/* ---- storing it ---- */

static myl_rc look_at_wanted(myl_ctx *cx, void *arg)
{
    arrival *a = arg;

    return myl_room_import_want(cx, &a->import, (const myl_str *)a->answer.state.at + a->from,
                                a->count);
}

static myl_rc store_piece(myl_ctx *cx, void *arg)
{
    arrival *a = arg;

    return myl_room_import_piece(cx, &a->import, a->from, a->count);
}

/* Does `body` for all of a range, some at a time, each in a job of its own; it sees a->from and a->count. */
typedef struct {
    fed_body body;
    const char *change; /* NULL: on a snapshot */
    size_t end, step;
} walk;

static myl_rc walk_all(myl_ctx *cx, arrival *a, const walk *over)
{
    myl_rc rc = MYL_OK;
    myl_ctx job;

    myl_ctx_begin(&job);
    for (a->from = 0; a->from < over->end && rc == MYL_OK && !a->import.moved;
         a->from += over->step) {
        a->count = over->end - a->from < over->step ? over->end - a->from : over->step;
        if (myl_lanes_stopping())
            rc = MYL_STOPPING;
        else if (over->change == NULL)
            rc = myl_fed_read(&job, over->body, a);
        else
            rc = myl_fed_change(&job, over->change, over->body, a);
        if (rc != MYL_OK)
            (void)myl_fail(cx, rc, "%.*s", MYL_FMT(job.error.detail));
        else if (over->change != NULL && !a->import.moved)
            a->import.base = a->import.reached;
        if (over->change != NULL)
            MYL_DIE_AT(JOIN_PIECE);
        myl_ctx_reset(&job);
    }
    myl_ctx_end(&job);
    return rc;
}

static myl_rc plan(myl_ctx *cx, void *arg)
{
    return myl_room_import_plan(cx, &((arrival *)arg)->import);
}

static myl_rc finish(myl_ctx *cx, void *arg)
{
    arrival *a = arg;
    uint64_t number;

    MYL_TRY(myl_room_import_finish(cx, &a->import, &number));
    return a->import.moved ? MYL_OK : myl_fed_join_forget(cx, a->making->visit);
}

/* The state in many small changes, and the join behind it: others' changes go on between them. */
static myl_rc store_state(myl_ctx *cx, arrival *a)
{
    const walk wanted = {look_at_wanted, NULL, a->answer.state.count, LOOKED_AT_ONCE};

    MYL_TRY(walk_all(cx, a, &wanted));
    for (int i = 0; i < PLANS; i++) {
        walk pieces = {store_piece, "fed.join_piece", 0, MYL_LIMIT_JOIN_PIECE};

        MYL_TRY(myl_fed_read(cx, plan, a));
        pieces.end = a->import.early;
        MYL_TRY(walk_all(cx, a, &pieces));
        MYL_DIE_AT(JOIN_STATE);
        if (!a->import.moved)
            MYL_TRY(myl_fed_change(cx, "fed.join", finish, a));
        if (!a->import.moved)
            return MYL_OK;
    }
    return myl_fail(cx, MYL_BUSY, "the room's state changes while it comes");
}

static myl_rc take_room(myl_ctx *cx, arrival *a)
{
    MYL_TRY(myl_fed_gather_finish(&a->answer));
    if (!myl_str_present(a->answer.create))
        return myl_fail(cx, MYL_BAD_STATE, "the state has no create event");
    a->room.create = a->answer.create;
    MYL_TRY(read_joined(cx, a));
    MYL_DIE_AT(JOIN_ANSWERED);
    myl_fed_joining_stage(a->joining, MYL_JOINING_STORING);
    myl_fed_sort_pdus(cx, &a->answer.pdus, false);
    MYL_TRY(myl_fed_store_outliers(cx, &a->room, &a->answer.pdus, &a->answer.spool));
    myl_fed_joining_stage(a->joining, MYL_JOINING_STATE);
    a->import = (myl_room_import){.room_id = a->room.room_id,
                                  .version = a->room.version,
                                  .create = a->room.create,
                                  .join = &a->joined,
                                  .wanted = MYL_LIST(cx, myl_tree_entry)};
    MYL_TRY(store_state(cx, a));
    MYL_DIE_AT(JOIN_STORED);
    return MYL_OK;
}

/* ---- one server ---- */

static myl_rc send_join(myl_ctx *cx, myl_str server, arrival *a)
{
    const fed_making *making = a->making;
    myl_fed_request request = {.destination = server,
                               .method = "PUT",
                               .ready_body = making->event.bytes,
                               .timeout_ms = myl_fed_server()->config->federation_join_timeout,
                               .reply_limit = MYL_LIMIT_STATE_REPLY_BYTES};
    const myl_str parts[] = {making->visit->room_id, making->event.event.event_id};
    myl_fed_reply reply;

    request.path =
        myl_fed_path(cx, "/_matrix/federation/v2/send_join/{}/{}?omit_members=false", parts, 2);
    MYL_TRY(myl_fed_gather_call(&a->answer, &request, &reply));
    if (myl_fed_is_unknown(&reply)) {
        request.path = myl_fed_path(cx, "/_matrix/federation/v1/send_join/{}/{}", parts, 2);
        MYL_TRY(myl_fed_gather_call(&a->answer, &request, &reply));
    }
    return reply.status == 200 ? MYL_OK : myl_fed_pass_on(cx, &request, &reply, false);
}

static myl_rc join_by(myl_ctx *cx, myl_str server, const myl_fed_visit *visit, fed_joining *joining)
{
    fed_making making = {.visit = visit, .make = "make_join", .membership = MYL_MEMBER_JOIN};
    arrival a = {.making = &making,
                 .joining = joining,
                 .answer.lists = {.arrays = {"state", "auth_chain"}, .object = "event"}};
    myl_rc rc;

    myl_fed_joining_at(joining, server);
    MYL_TRY(myl_fed_make(cx, server, &making));
    a.room = (fed_room){visit->room_id, making.version, MYL_ABSENT, joining};
    MYL_TRY(myl_fed_join_note(cx, visit, joining));
    MYL_DIE_AT(JOIN_NOTED);
    myl_fed_gather_start(cx, &a.answer, &a.room);
    rc = send_join(cx, server, &a);
    if (rc == MYL_OK)
        rc = take_room(cx, &a);
    myl_fed_gather_end(&a.answer);
    return rc;
}

/* ---- all of them ---- */

/* What says more than that a server could not be reached. */
static bool is_answer(myl_rc rc)
{
    return myl_error_of(rc)->kind == MYL_KIND_CLIENT && rc != MYL_NOT_FOUND;
}

static myl_rc try_all(myl_ctx *cx, const myl_fed_visit *visit, fed_joining *joining)
{
    myl_list servers = MYL_LIST(cx, myl_str);
    myl_error told = {.rc = MYL_NOT_FOUND,
                      .detail = MYL_S("no server could be asked about the room")};

    myl_fed_candidates(cx, visit, &servers);
    if (servers.count == 0 && visit->although_here)
        return myl_fail(cx, MYL_FORBIDDEN, "nobody in the room may let the user in");
    for (size_t i = 0; i < servers.count; i++) {
        myl_rc rc = join_by(cx, myl_list_get(&servers, myl_str, i), visit, joining);

        if (rc == MYL_OK || rc == MYL_STOPPING)
            return rc;
        myl_log_failure(cx, "fed.join");
        if (!is_answer(told.rc))
            told = cx->error;
        myl_forgive(cx);
    }
    cx->error = told;
    return told.rc;
}

myl_rc myl_fed_join_run(myl_ctx *cx, const myl_fed_visit *visit, fed_joining *joining)
{
    here_arg here = {.room_id = visit->room_id};
    myl_rc rc;

    myl_fed_turn_take(visit->room_id);
    rc = myl_fed_read(cx, read_here, &here);
    if (rc == MYL_OK && (!here.here || visit->although_here))
        rc = try_all(cx, visit, joining);
    myl_fed_turn_give(visit->room_id);
    return rc;
}

myl_rc myl_fed_join(myl_ctx *cx, const myl_fed_visit *visit)
{
    fed_joining *joining = myl_fed_joining_begin(visit, false);
    myl_rc rc = myl_fed_join_run(cx, visit, joining);

    /* it is told to whoever asked, who may ask again */
    if (rc != MYL_OK && rc != MYL_STOPPING)
        myl_fed_join_failed(visit, joining);
    myl_fed_joining_end(joining);
    return rc;
}
