/* remote_keys.c: keys of other servers' users: copies while a room is shared, asked for otherwise.
 *
 * Why:     the plan of a query asks all servers at once; a few users of one server are asked for one by one, for that
 *          tells the number of their newest change, after which the copy follows by itself; many are asked for together.
 * Spec:    Client-Server API, Key management API; Server-Server API, Device Management, End-to-End Encryption.
 * Threads: the handlers' own; plans run on a lane, and store copies by a change.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/remote_keys.h"

#include <myelin/fed_call.h>
#include <myelin/fed_devices.h>
#include <myelin/room_share.h>
#include <myelin/user_remote_keys.h>

enum { ONE_BY_ONE = 3, MOST_MS = 60000 };

/* A request to one server. */
typedef struct {
    myl_str server;
    myl_list users; /* const myl_json *: members of the request */
    bool single;    /* /user/devices of the only user */
} ask;

typedef struct {
    const char *member; /* of the body: "device_keys", "one_time_keys" */
    const char *path;
    int64_t timeout_ms;
    myl_list asks;
    myl_store *store;
    myl_engine *engine;
    myl_caller caller;
    uint64_t asked; /* the position then */
    myl_remote_answers answers;
} plan;

static bool is_ours(myl_str user_id)
{
    return myl_id_is_ours(user_id, myl_room_server()->server_name);
}

/* ---- whom to ask ---- */

static myl_rc is_good(myl_req *req, myl_str user_id, bool *out)
{
    uint64_t user, reader = req->caller.user;
    myl_remote_list list;

    *out = false;
    MYL_TRY(myl_store_interned(&req->cx, MYL_INTERN_NAME, user_id, &user));
    if (user == 0)
        return MYL_OK;
    MYL_TRY(myl_user_remote_list(&req->cx, user, &list));
    if (!list.exists || list.is_stale)
        return MYL_OK;
    MYL_TRY(myl_room_shared_since(&req->cx, reader, user, list.position, out));
    if (!*out && list.reader != reader)
        MYL_TRY(myl_room_shared_since(&req->cx, list.reader, user, list.position, out));
    return MYL_OK;
}

static ask *ask_of(plan *p, myl_ctx *cx, myl_str server)
{
    ask *one;

    for (size_t i = 0; i < p->asks.count; i++) {
        one = myl_list_at(&p->asks, i);
        if (myl_str_equal(one->server, server) && !one->single)
            return one;
    }
    one = myl_list_add(&p->asks);
    *one = (ask){.server = server, .users = MYL_LIST(cx, const myl_json *)};
    return one;
}

static plan *new_plan(myl_req *req, const char *member, const char *path, int64_t timeout_ms)
{
    plan *p = myl_new(&req->cx, plan);

    *p = (plan){.member = member,
                .path = path,
                .timeout_ms = timeout_ms < 1         ? 1
                              : timeout_ms > MOST_MS ? MOST_MS
                                                     : timeout_ms,
                .asks = MYL_LIST(&req->cx, ask),
                .store = myl_req_store(req),
                .engine = myl_req_engine(req),
                .caller = req->caller,
                .answers = {.users = myl_map_start(&req->cx, 16),
                            .claimed = myl_map_start(&req->cx, 16),
                            .failures = myl_json_empty_object()}};
    return p;
}

/* Few users of a server: each by itself. */
static void split_small(plan *p, myl_ctx *cx)
{
    size_t count = p->asks.count;

    for (size_t i = 0; i < count; i++) {
        myl_list users = ((ask *)myl_list_at(&p->asks, i))->users;
        myl_str server = ((ask *)myl_list_at(&p->asks, i))->server;

        if (users.count > ONE_BY_ONE)
            continue;
        ((ask *)myl_list_at(&p->asks, i))->single = true;
        ((ask *)myl_list_at(&p->asks, i))->users.count = 1;
        for (size_t j = 1; j < users.count; j++) {
            ask *one = myl_list_add(&p->asks);

            *one = (ask){.server = server, .users = MYL_LIST(cx, const myl_json *), .single = true};
            myl_list_push(&one->users, const myl_json *, myl_list_get(&users, const myl_json *, j));
        }
    }
}

/* ---- asking ---- */

static const myl_json *body_of(myl_ctx *cx, const plan *p, const ask *one)
{
    myl_json *members = myl_new_array(cx, myl_json, one->users.count);
    const myl_json *users;

    for (size_t i = 0; i < one->users.count; i++)
        members[i] = *myl_list_get(&one->users, const myl_json *, i);
    users = myl_json_of_members(cx, members, one->users.count);
    return myl_json_with(cx, NULL, myl_str_of(p->member), users);
}

static myl_fed_request request_of(myl_ctx *cx, const plan *p, const ask *one)
{
    myl_fed_request request = {.destination = one->server, .timeout_ms = p->timeout_ms};

    if (one->single) {
        myl_str user = myl_list_get(&one->users, const myl_json *, 0)->key;

        request.method = "GET";
        request.path =
            myl_fed_path(cx, "/_matrix/federation/v1/user/devices/{}", (const myl_str[]){user}, 1);
        return request;
    }
    request.method = "POST";
    request.path = myl_str_of(p->path);
    request.body = body_of(cx, p, one);
    return request;
}

static void note_failure(myl_ctx *cx, plan *p, const ask *one, const myl_fed_reply *reply)
{
    myl_str words =
        myl_str_present(reply->failure) ? reply->failure : MYL_S("the server gave no good answer");
    const myl_json *error = myl_json_with(cx, NULL, MYL_S("errcode"),
                                          myl_json_of_str(cx, myl_str_present(reply->errcode)
                                                                  ? reply->errcode
                                                                  : MYL_S("M_UNREACHABLE")));

    error = myl_json_with(cx, error, MYL_S("error"), myl_json_of_str(cx, words));
    p->answers.failures = myl_json_with(cx, p->answers.failures, one->server, error);
}

static void ask_all(myl_ctx *cx, plan *p,
                    void (*take)(myl_ctx *, plan *, const ask *, const myl_json *))
{
    myl_fed_request *requests = myl_new_array(cx, myl_fed_request, p->asks.count);
    myl_fed_reply *replies = myl_new_array(cx, myl_fed_reply, p->asks.count);

    for (size_t i = 0; i < p->asks.count; i++)
        requests[i] = request_of(cx, p, myl_list_at(&p->asks, i));
    myl_fed_call_many(cx, requests, p->asks.count, replies);
    for (size_t i = 0; i < p->asks.count; i++) {
        const ask *one = myl_list_at(&p->asks, i);
        bool good = replies[i].rc == MYL_OK && replies[i].status == 200 && replies[i].json != NULL;

        if (good)
            take(cx, p, one, replies[i].json);
        else if (replies[i].status != 404) /* a user who is not known there is no failure */
            note_failure(cx, p, one, &replies[i]);
    }
}

/* ---- what came to a query ---- */

static void keep_user(myl_ctx *cx, plan *p, const myl_remote_keys *keys)
{
    myl_remote_keys *kept = myl_new(cx, myl_remote_keys);

    *kept = *keys;
    kept->reader = p->caller.user;
    kept->asked = p->asked;
    *myl_map_slot(p->answers.users, keys->user_id) = kept;
}

static void take_devices(myl_ctx *cx, plan *p, const ask *one, const myl_json *json)
{
    const myl_json *user = myl_list_get(&one->users, const myl_json *, 0);
    myl_remote_keys keys = {.user_id = user->key};

    myl_fed_read_devices(cx, json, &keys);
    keep_user(cx, p, &keys);
}

static void take_query(myl_ctx *cx, plan *p, const ask *one, const myl_json *json)
{
    if (one->single) {
        take_devices(cx, p, one, json);
        return;
    }
    for (size_t i = 0; i < one->users.count; i++) {
        myl_str user = myl_list_get(&one->users, const myl_json *, i)->key;
        myl_remote_keys keys = {
            .user_id = user,
            .devices = myl_json_object(myl_json_object(json, MYL_S("device_keys")), user),
            .master = myl_json_object(myl_json_object(json, MYL_S("master_keys")), user),
            .self_signing =
                myl_json_object(myl_json_object(json, MYL_S("self_signing_keys")), user),
            .stream_id = -1};

        if (keys.devices != NULL)
            keep_user(cx, p, &keys);
    }
}

/* ---- copies ---- */

typedef struct {
    myl_change change;
    const plan *plan;
} storing;

/* Whoever shares a room is kept whole; of others only the keys that the caller may sign. */
static myl_rc store_copies(myl_change *change)
{
    const plan *p = MYL_OF(change, storing, change)->plan;
    myl_ctx *cx = change->cx;
    myl_str user_id;
    void *keys;

    for (size_t at = 0; myl_map_next(p->answers.users, &at, &user_id, &keys);) {
        uint64_t user;
        bool shared = false;

        MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, user_id, &user));
        if (user != 0)
            MYL_TRY(myl_room_shared(cx, p->caller.user, user, &shared));
        MYL_TRY(shared ? myl_user_remote_put(cx, keys) : myl_user_remote_put_cross(cx, keys));
    }
    return MYL_OK;
}

static myl_rc run_query(myl_req *req, void *state)
{
    plan *p = state;
    storing s = {.plan = p};

    ask_all(&req->cx, p, take_query);
    if (myl_map_count(p->answers.users) == 0)
        return MYL_OK;
    s.change = (myl_change){.name = "client_remote_keys", .cx = &req->cx, .run = store_copies};
    /* the answers serve without a copy, too */
    if (myl_engine_run(p->engine, &s.change) != MYL_OK)
        myl_forgive(&req->cx);
    return MYL_OK;
}

myl_rc myl_client_remote_query(myl_req *req, const myl_json *asked, int64_t timeout_ms,
                               const myl_remote_answers **out)
{
    plan *p = req->plan.state;

    *out = p == NULL ? NULL : &p->answers;
    if (p != NULL)
        return MYL_OK;
    p = new_plan(req, "device_keys", "/_matrix/federation/v1/user/keys/query", timeout_ms);
    MYL_TRY(myl_store_position(&req->cx, &p->asked));
    for (uint32_t i = 0; i < asked->count; i++) {
        const myl_json *user = &asked->items[i];
        bool good;

        if (is_ours(user->key))
            continue;
        MYL_TRY(is_good(req, user->key, &good));
        if (!good) {
            myl_json *whole = myl_new(&req->cx, myl_json); /* all devices, for the copy */

            *whole = *myl_json_of_items(&req->cx, NULL, 0);
            whole->key = user->key;
            myl_list_push(&ask_of(p, &req->cx, myl_id_domain(user->key))->users, const myl_json *,
                          whole);
        }
    }
    if (p->asks.count == 0)
        return MYL_OK;
    split_small(p, &req->cx);
    return myl_req_need(req, MYL_LANE_REMOTE, run_query, p);
}

/* ---- claims ---- */

static void take_claim(myl_ctx *cx, plan *p, const ask *one, const myl_json *json)
{
    const myl_json *all = myl_json_object(json, MYL_S("one_time_keys"));

    MYL_UNUSED(cx);
    for (size_t i = 0; i < one->users.count; i++) {
        myl_str user = myl_list_get(&one->users, const myl_json *, i)->key;
        const myl_json *devices = myl_json_object(all, user);

        if (devices != NULL && devices->count > 0)
            *myl_map_slot(p->answers.claimed, user) = (void *)(uintptr_t)devices;
    }
}

static myl_rc run_claim(myl_req *req, void *state)
{
    ask_all(&req->cx, state, take_claim);
    return MYL_OK;
}

myl_rc myl_client_remote_claim(myl_req *req, const myl_json *asked, int64_t timeout_ms,
                               const myl_remote_answers **out)
{
    plan *p = req->plan.state;

    *out = p == NULL ? NULL : &p->answers;
    if (p != NULL)
        return MYL_OK;
    p = new_plan(req, "one_time_keys", "/_matrix/federation/v1/user/keys/claim", timeout_ms);
    for (uint32_t i = 0; i < asked->count; i++) {
        const myl_json *user = &asked->items[i];

        if (!is_ours(user->key) && user->count > 0)
            myl_list_push(&ask_of(p, &req->cx, myl_id_domain(user->key))->users, const myl_json *,
                          user);
    }
    return p->asks.count == 0 ? MYL_OK : myl_req_need(req, MYL_LANE_REMOTE, run_claim, p);
}

/* ---- showing ---- */

static bool is_wanted(const myl_json *device_ids, myl_str device_id)
{
    for (uint32_t i = 0; i < device_ids->count; i++)
        if (myl_str_equal(device_ids->items[i].text, device_id))
            return true;
    return device_ids->count == 0;
}

myl_rc myl_client_write_remote_devices(myl_req *req, myl_writer *w, const myl_json *user,
                                       const myl_remote_answers *answers)
{
    const myl_remote_keys *keys = answers == NULL ? NULL : myl_map_get(answers->users, user->key);
    myl_remote_list list = {0};
    uint64_t number;

    if (keys == NULL) {
        MYL_TRY(myl_store_interned(&req->cx, MYL_INTERN_NAME, user->key, &number));
        if (number != 0)
            MYL_TRY(myl_user_remote_list(&req->cx, number, &list));
        return list.exists ? myl_user_remote_write(&req->cx, w, user->key, user) : MYL_OK;
    }
    myl_write_open_str(w, user->key, '{');
    for (uint32_t i = 0; i < keys->devices->count; i++) {
        const myl_json *device = &keys->devices->items[i];
        myl_text json = MYL_TEXT(&req->cx);

        if (!is_wanted(user, device->key) ||
            myl_user_remote_device_checked(device, user->key, device->key) == NULL)
            continue;
        myl_json_write(&json, device);
        myl_write_member(w, device->key, myl_text_str(&json));
    }
    myl_write_close(w, '}');
    return MYL_OK;
}
