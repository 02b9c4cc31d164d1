/* asking.c: what the files about rooms share: calls with checked answers, changes and snapshots from a lane; small questions.
 *
 * Threads: lanes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/rooms_own.h"

#include <myelin/room_admit.h>

myl_rc myl_fed_ask(myl_ctx *cx, const myl_fed_request *request, myl_fed_reply *reply)
{
    MYL_TRY(myl_fed_call(cx, request, reply));
    return myl_fed_reply_check(cx, request, reply);
}

bool myl_fed_is_unknown(const myl_fed_reply *reply)
{
    return reply->status == 404 || reply->status == 405 ||
           (reply->status == 400 && myl_str_equal(reply->errcode, MYL_S("M_UNRECOGNIZED")));
}

int64_t myl_fed_next_try(uint32_t tries)
{
    enum { FIRST_MS = 30000, DOUBLES = 7 };

    return myl_now_ms() + ((int64_t)FIRST_MS << (tries < DOUBLES ? tries : DOUBLES));
}

const myl_str *myl_fed_keep_ids(myl_ctx *cx, const myl_str *ids, size_t count)
{
    myl_str *kept = myl_new_array(cx, myl_str, count + 1);

    for (size_t i = 0; i < count; i++)
        kept[i] = myl_keep(cx, ids[i]);
    return kept;
}

/* ---- refusals that are the client's to hear ---- */

typedef struct {
    const char *errcode;
    myl_rc rc;
} told_row;

static const told_row told_rows[] = {{"M_INCOMPATIBLE_ROOM_VERSION", MYL_INCOMPATIBLE_ROOM_VERSION},
                                     {"M_UNSUPPORTED_ROOM_VERSION", MYL_INCOMPATIBLE_ROOM_VERSION},
                                     {"M_UNABLE_TO_AUTHORISE_JOIN", MYL_UNABLE_TO_AUTHORISE_JOIN},
                                     {"M_UNABLE_TO_GRANT_JOIN", MYL_UNABLE_TO_GRANT_JOIN}};

static bool blames_us(const myl_fed_reply *reply)
{
    return myl_str_equal(reply->errcode, MYL_S("M_MISSING_PARAM")) ||
           myl_str_equal(reply->errcode, MYL_S("M_INVALID_PARAM"));
}

/* The room's version, beside the code that speaks of it. */
static myl_str version_member(myl_ctx *cx, const myl_json *json)
{
    myl_str version = myl_json_text(json, MYL_S("room_version"));
    myl_text text = MYL_TEXT(cx);

    if (!myl_str_present(version) || version.len > MYL_LIMIT_ID_BYTES)
        return MYL_ABSENT;
    myl_text_add(&text, MYL_S("\"room_version\":"));
    myl_json_write_str(&text, version);
    return myl_text_str(&text);
}

static myl_rc pass_on(myl_ctx *cx, const myl_fed_request *request, const myl_fed_reply *reply,
                      myl_rc rc)
{
    myl_str words = myl_json_text(reply->json, MYL_S("error"));
    bool is_told = false, is_code = myl_str_starts(reply->errcode, MYL_S("M_"));

    for (size_t i = 0; i < sizeof(told_rows) / sizeof(told_rows[0]); i++) {
        if (!myl_str_equal(reply->errcode, myl_str_of(told_rows[i].errcode)))
            continue;
        rc = told_rows[i].rc;
        is_told = true;
    }
    rc = myl_fail(cx, rc, "%.*s answered %d: %.*s", MYL_FMT(request->destination), reply->status,
                  MYL_FMT(myl_str_slice(words, 0, 200)));
    if (rc == MYL_INCOMPATIBLE_ROOM_VERSION)
        cx->error.members = version_member(cx, reply->json);
    else if (!is_told && is_code && reply->errcode.len <= MYL_LIMIT_ID_BYTES)
        cx->error.errcode = reply->errcode;
    return rc;
}

myl_rc myl_fed_pass_on(myl_ctx *cx, const myl_fed_request *request, const myl_fed_reply *reply,
                       bool whole)
{
    if (reply->status == 400 && (whole || !blames_us(reply)))
        return pass_on(cx, request, reply, MYL_BAD_REQUEST);
    if (reply->status == 403 && myl_str_equal(reply->errcode, MYL_S("M_INVITE_BLOCKED")))
        return pass_on(cx, request, reply, MYL_FORBIDDEN);
    return myl_fed_reply_check(cx, request, reply);
}

/* ---- changes and snapshots ---- */

typedef struct {
    myl_change change; /* first member */
    fed_body body;
    void *arg;
} body_change;

static myl_rc run_body(myl_change *change)
{
    body_change *self = (body_change *)change;

    return self->body(change->cx, self->arg);
}

myl_rc myl_fed_change(myl_ctx *cx, const char *name, fed_body body, void *arg)
{
    body_change self = {.change = {.name = name, .cx = cx, .run = run_body},
                        .body = body,
                        .arg = arg};

    return myl_engine_run(myl_fed_server()->engine, &self.change);
}

myl_rc myl_fed_read(myl_ctx *cx, fed_body body, void *arg)
{
    myl_rc rc;

    MYL_TRY(myl_snapshot_open(cx, myl_fed_server()->store));
    rc = body(cx, arg);
    myl_snapshot_close(cx);
    return rc;
}

/* ---- states that are resolved before a change ---- */

static myl_rc number(myl_ctx *cx, void *arg)
{
    MYL_UNUSED(arg);
    return myl_room_ahead_number(cx);
}

static myl_rc resolve(myl_ctx *cx, void *arg)
{
    MYL_UNUSED(arg);
    return myl_room_ahead_resolve(cx);
}

myl_rc myl_fed_resolve_ahead(myl_ctx *cx)
{
    cx->ahead->given_up = ++cx->ahead->rounds > MYL_LIMIT_RESOLVE_ROUNDS;
    if (cx->ahead->given_up)
        return MYL_OK;
    if (myl_str_present(cx->ahead->waiting.incoming->event.state_key))
        MYL_TRY(myl_fed_change(cx, "fed.number", number, NULL));
    myl_metric_add(MYL_METRIC_FED_RESOLUTIONS, 1);
    return myl_fed_read(cx, resolve, NULL);
}

myl_rc myl_fed_ahead(myl_ctx *cx, myl_rc rc)
{
    if (rc == MYL_OK) {
        cx->ahead->rounds = 0;
        cx->ahead->given_up = false;
    }
    if (rc != MYL_UNRESOLVED)
        return rc;
    myl_forgive(cx);
    return myl_fed_resolve_ahead(cx);
}

/* ---- shares ---- */

fed_share myl_fed_share_start(void)
{
    return (fed_share){myl_tick_ns() + (int64_t)MYL_LIMIT_CHANGE_SHARE_MS * 1000000};
}

bool myl_fed_share_is_over(const myl_ctx *cx, const fed_share *share)
{
    return myl_tick_ns() >= share->end || myl_engine_is_half_full(cx);
}

/* ---- whom to ask ---- */

static void add_candidate(myl_list *out, myl_str server)
{
    if (!myl_str_present(server) || !myl_id_is_server(server) ||
        myl_str_equal(server, myl_room_server()->server_name) ||
        out->count >= MYL_LIMIT_JOIN_SERVERS)
        return;
    for (size_t i = 0; i < out->count; i++)
        if (myl_str_equal(myl_list_get(out, myl_str, i), server))
            return;
    myl_list_push(out, myl_str, server);
}

typedef struct {
    const myl_fed_visit *visit;
    myl_list *out;
} servers_arg;

/* Who invited the user, and who is named in what came with the invite. */
static myl_rc add_tellers(myl_ctx *cx, const servers_arg *s, uint64_t room)
{
    const myl_json *told;
    myl_member member;
    myl_stored stored;
    uint64_t user;
    myl_str name;

    if (!myl_str_present(s->visit->user_id))
        return MYL_OK;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, s->visit->user_id, &user));
    MYL_TRY(myl_room_member(cx, room, user, &member));
    if (member.event != 0) {
        MYL_TRY(myl_room_event(cx, member.event, &stored));
        MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, stored.sender, &name));
        add_candidate(s->out, myl_id_domain(name));
    }
    MYL_TRY(myl_room_outside_state(cx, room, user, &told));
    for (uint32_t i = 0; told != NULL && i < told->count; i++)
        add_candidate(s->out, myl_id_domain(myl_json_text(&told->items[i], MYL_S("sender"))));
    return MYL_OK;
}

static myl_rc add_known(myl_ctx *cx, void *arg)
{
    const servers_arg *s = arg;
    const uint64_t *servers;
    myl_room_head head;
    myl_str name;
    size_t count;

    MYL_TRY(myl_room_head_get(cx, s->visit->room_id, &head));
    if (head.room == 0)
        return MYL_OK;
    MYL_TRY(add_tellers(cx, s, head.room));
    /* a room that was left: who was in it then counts for nothing where somebody says who is */
    if (myl_str_present(s->visit->user_id) && s->visit->server_count > 0 &&
        !s->visit->although_here)
        return MYL_OK;
    MYL_TRY(myl_room_servers(cx, head.room, &servers, &count));
    for (size_t i = 0; i < count && i < MYL_LIMIT_JOIN_SERVERS; i++) {
        MYL_TRY(myl_store_text_of(cx, MYL_INTERN_SERVER, servers[i], &name));
        add_candidate(s->out, name);
    }
    return MYL_OK;
}

void myl_fed_candidates(myl_ctx *cx, const myl_fed_visit *visit, myl_list *out)
{
    servers_arg arg = {visit, out};

    for (size_t i = 0; i < visit->server_count; i++)
        add_candidate(out, visit->servers[i]);
    if (myl_fed_read(cx, add_known, &arg) != MYL_OK)
        myl_forgive(cx);
    /* a room's id does not say who is in it: that server is the last resort */
    if (out->count == 0)
        add_candidate(out, myl_id_domain(visit->room_id));
}

/* ---- questions ---- */

myl_rc myl_fed_alias(myl_ctx *cx, myl_str alias, myl_str *room_id, const myl_str **servers,
                     size_t *count)
{
    myl_fed_request request = {.destination = myl_id_domain(alias), .method = "GET"};
    myl_list list = MYL_LIST(cx, myl_str);
    const myl_json *array;
    myl_fed_reply reply;

    request.path =
        myl_fed_path(cx, "/_matrix/federation/v1/query/directory?room_alias={}", &alias, 1);
    MYL_TRY(myl_fed_ask(cx, &request, &reply));
    *room_id = myl_json_text(reply.json, MYL_S("room_id"));
    if (!myl_id_is_room(*room_id))
        return myl_fail(cx, MYL_NOT_FOUND, "%.*s told no room", MYL_FMT(request.destination));
    array = myl_json_array(reply.json, MYL_S("servers"));
    for (uint32_t i = 0; array != NULL && i < array->count && list.count < 100; i++)
        if (array->items[i].kind == MYL_JSON_STRING && myl_id_is_server(array->items[i].text))
            myl_list_push(&list, myl_str, array->items[i].text);
    *servers = list.at;
    *count = list.count;
    return MYL_OK;
}

myl_rc myl_fed_profile(myl_ctx *cx, myl_str user_id, myl_str field, const myl_json **out)
{
    myl_fed_request request = {.destination = myl_id_domain(user_id), .method = "GET"};
    const myl_str parts[] = {user_id, field};
    myl_fed_reply reply;

    request.path =
        myl_str_present(field)
            ? myl_fed_path(cx, "/_matrix/federation/v1/query/profile?user_id={}&field={}", parts, 2)
            : myl_fed_path(cx, "/_matrix/federation/v1/query/profile?user_id={}", parts, 1);
    MYL_TRY(myl_fed_ask(cx, &request, &reply));
    if (!myl_json_is(reply.json, MYL_JSON_OBJECT))
        return myl_fail(cx, MYL_REMOTE_DOWN, "%.*s told no profile", MYL_FMT(request.destination));
    *out = reply.json;
    return MYL_OK;
}
