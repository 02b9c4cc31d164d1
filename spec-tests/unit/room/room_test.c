/* room_test.c: see room_test.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <myelin/room_people.h>

static const uint8_t seed[32] = {1, 2, 3};

/* Kinds of tasks are registered once a process; none runs here. */
static void register_tasks(void)
{
    static bool done;

    if (!done)
        myl_tasks_register(&myl_room_people_task);
    done = true;
}

static void open_store(room_test *test)
{
    myl_store_options options = {.folder = test->folder, .map_size = 1 << 28, .readers = 16};

    register_tasks();
    assert_int_equal(myl_store_open(&test->cx, &options, &test->store), MYL_OK);
    assert_int_equal(myl_engine_start(&test->cx, test->store, NULL, NULL, &test->engine), MYL_OK);
    myl_room_start(&(myl_room_setup){MYL_S("example.org"), test->key, "12", false, -1});
}

room_test *room_test_start(void)
{
    room_test *test = calloc(1, sizeof(*test));

    assert_non_null(test);
    myl_crypto_start();
    myl_ctx_begin(&test->cx);
    snprintf(test->folder, sizeof(test->folder), "/tmp/myelin-room-XXXXXX");
    assert_non_null(mkdtemp(test->folder));
    test->key = myl_signing_key_of_seed(seed, "1");
    open_store(test);
    return test;
}

static void close_store(room_test *test)
{
    myl_engine_stop(test->engine);
    myl_store_close(test->store);
    myl_room_stop();
}

void room_test_reopen(room_test *test)
{
    close_store(test);
    open_store(test);
}

void room_test_end(room_test *test)
{
    char command[128];

    close_store(test);
    myl_signing_key_end(test->key);
    snprintf(command, sizeof(command), "rm -rf '%s'", test->folder);
    assert_int_equal(system(command), 0);
    myl_ctx_end(&test->cx);
    free(test);
}

/* ---- changes and snapshots ---- */

typedef struct {
    myl_change change;
    room_body body;
    void *arg;
} body_change;

static myl_rc run_body(myl_change *change)
{
    body_change *whole = MYL_OF(change, body_change, change);

    return whole->body(change->cx, whole->arg);
}

myl_rc room_test_run_in(room_test *test, myl_ctx *cx, room_body body, void *arg)
{
    body_change whole = {.change = {.name = "test", .cx = cx, .run = run_body},
                         .body = body,
                         .arg = arg};

    return myl_engine_run(test->engine, &whole.change);
}

myl_rc room_test_run(room_test *test, room_body body, void *arg, myl_str *why)
{
    myl_ctx cx;
    myl_rc rc;

    myl_ctx_begin(&cx);
    rc = room_test_run_in(test, &cx, body, arg);
    if (why != NULL)
        *why = myl_keep(&test->cx, cx.error.detail);
    myl_ctx_end(&cx);
    return rc;
}

myl_rc room_test_read(room_test *test, room_body body, void *arg)
{
    myl_rc rc = myl_snapshot_open(&test->cx, test->store);

    if (rc == MYL_OK)
        rc = body(&test->cx, arg);
    myl_snapshot_close(&test->cx);
    return rc;
}

/* ---- users ---- */

typedef struct {
    room_test *test;
    const char *localpart;
    myl_caller caller;
} user_arg;

static myl_rc make_user(myl_ctx *cx, void *arg)
{
    user_arg *u = arg;
    myl_new_account account = {.user_id = myl_strf(cx, "@%s:example.org", u->localpart)};
    myl_session session;
    uint64_t user;

    MYL_TRY(myl_user_create(cx, &account, &user));
    MYL_TRY(myl_user_open_session(cx, &(myl_new_session){.user_id = account.user_id}, &session));
    MYL_TRY(myl_user_of_token(cx, session.access_token, &u->caller));
    u->caller.user_id = myl_keep(&u->test->cx, u->caller.user_id);
    u->caller.device_id = myl_keep(&u->test->cx, u->caller.device_id);
    return MYL_OK;
}

myl_caller room_test_user(room_test *test, const char *localpart)
{
    user_arg arg = {.test = test, .localpart = localpart};

    assert_int_equal(room_test_run(test, make_user, &arg, NULL), MYL_OK);
    return arg.caller;
}

/* ---- rooms ---- */

typedef struct {
    room_test *test;
    const myl_room_request *request;
    myl_str room_id;
} room_arg;

static myl_rc make_room(myl_ctx *cx, void *arg)
{
    room_arg *r = arg;

    MYL_TRY(myl_room_create(cx, r->request, &r->room_id));
    r->room_id = myl_keep(&r->test->cx, r->room_id);
    return MYL_OK;
}

myl_str room_test_room(room_test *test, const myl_caller *creator, const char *preset,
                       const char *version)
{
    myl_room_request request = {.creator = creator,
                                .preset = myl_str_of(preset),
                                .room_version = myl_str_of(version)};
    room_arg arg = {test, &request, MYL_ABSENT};
    myl_str why;

    if (room_test_run(test, make_room, &arg, &why) != MYL_OK)
        fail_msg("createRoom: %.*s", MYL_FMT(why));
    return arg.room_id;
}

static myl_rc change_member(myl_ctx *cx, void *arg)
{
    myl_str event_id;

    return myl_room_change_member(cx, arg, &event_id);
}

myl_rc room_test_member(room_test *test, myl_str room_id, const myl_caller *sender,
                        const myl_caller *target, myl_membership membership)
{
    myl_member_change change = {.room_id = room_id,
                                .sender = sender->user_id,
                                .target = target->user_id,
                                .membership = membership};

    return room_test_run(test, change_member, &change, NULL);
}

typedef struct {
    room_test *test;
    myl_outgoing outgoing;
    const char *json;
    myl_str event_id;
} send_arg;

static myl_rc send_body(myl_ctx *cx, void *arg)
{
    send_arg *s = arg;

    MYL_TRY(myl_json_parse(cx, myl_str_of(s->json), &s->outgoing.content));
    MYL_TRY(myl_room_send(cx, &s->outgoing, &s->event_id));
    s->event_id = myl_keep(&s->test->cx, s->event_id);
    return MYL_OK;
}

myl_str room_test_say(room_test *test, myl_str room_id, const myl_caller *sender, const char *words)
{
    send_arg arg = {.test = test,
                    .outgoing = {.room_id = room_id,
                                 .sender = sender->user_id,
                                 .type = MYL_S("m.room.message")}};
    myl_str why;

    arg.json = myl_strf(&test->cx, "{\"body\":\"%s\",\"msgtype\":\"m.text\"}", words).at;
    if (room_test_run(test, send_body, &arg, &why) != MYL_OK)
        fail_msg("send: %.*s", MYL_FMT(why));
    return arg.event_id;
}

myl_rc room_test_state(room_test *test, myl_str room_id, const myl_caller *sender, const char *type,
                       const char *json)
{
    send_arg arg = {.test = test,
                    .json = json,
                    .outgoing = {.room_id = room_id,
                                 .sender = sender->user_id,
                                 .type = myl_str_of(type),
                                 .state_key = MYL_S("")}};

    return room_test_run(test, send_body, &arg, NULL);
}

/* ---- sync ---- */

typedef struct {
    const myl_caller *caller;
    myl_str since;
    const char *filter;
    myl_str body, next;
} sync_arg;

/* The whole answer in small pieces. */
static myl_rc sync_pieces(myl_ctx *cx, const myl_sync_request *request, sync_arg *s)
{
    enum { SMALL = 300 };
    myl_sync_result result = {.empty = false};
    myl_syncing *syncing;
    myl_ctx memory;
    bool last = false;
    myl_rc rc;

    myl_ctx_begin(&memory);
    myl_text text = MYL_TEXT(&memory);
    rc = myl_sync_begin(cx, request, &syncing, &result);
    for (size_t bytes = SMALL; rc == MYL_OK && !last; bytes = text.len + SMALL)
        rc = myl_sync_write(syncing, &(myl_sync_page){bytes, &text, &last}, &result);
    s->body = myl_keep(cx, myl_text_str(&text));
    s->next = myl_sync_token_write(cx, result.next);
    myl_ctx_end(&memory);
    return rc;
}

static myl_rc sync_body(myl_ctx *cx, void *arg)
{
    sync_arg *s = arg;
    const myl_json *json = NULL;
    myl_filter filter;
    myl_sync_request request = {.caller = s->caller,
                                .filter = &filter,
                                .initial = !myl_str_present(s->since)};

    if (s->filter != NULL)
        MYL_TRY(myl_json_parse(cx, myl_str_of(s->filter), &json));
    MYL_TRY(myl_filter_decode(cx, json, &filter));
    if (!request.initial)
        MYL_TRY(myl_sync_token_read(cx, s->since, "since", &request.since));
    return sync_pieces(cx, &request, s);
}

const myl_json *room_test_sync(room_test *test, const myl_caller *caller, myl_str since,
                               const char *filter, myl_str *next)
{
    sync_arg arg = {.caller = caller, .since = since, .filter = filter};
    const myl_json *json;

    assert_int_equal(room_test_read(test, sync_body, &arg), MYL_OK);
    assert_int_equal(myl_json_parse(&test->cx, arg.body, &json), MYL_OK);
    *next = arg.next;
    return json;
}

const myl_json *room_test_part(const myl_json *sync, const char *section, myl_str room_id)
{
    const myl_json *rooms = myl_json_object(sync, MYL_S("rooms"));

    return myl_json_object(myl_json_object(rooms, myl_str_of(section)), room_id);
}

myl_str room_test_said(room_test *test, const myl_json *sync, const char *section, myl_str room_id)
{
    const myl_json *part = room_test_part(sync, section, room_id);
    const myl_json *events =
        myl_json_array(myl_json_object(part, MYL_S("timeline")), MYL_S("events"));
    myl_text said = MYL_TEXT(&test->cx);

    for (uint32_t i = 0; events != NULL && i < events->count; i++) {
        const myl_json *content = myl_json_object(&events->items[i], MYL_S("content"));

        if (!myl_str_equal(myl_json_text(&events->items[i], MYL_S("type")),
                           MYL_S("m.room.message")))
            continue;
        if (said.len > 0)
            myl_text_add_byte(&said, ',');
        myl_text_add(&said, myl_json_text(content, MYL_S("body")));
    }
    return myl_text_str(&said);
}
