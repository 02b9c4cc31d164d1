/* refresh.c: copies of device lists that have missed a change are fetched anew at once.
 *
 * Why:     whoever asks for keys gets them from their server in any case; but that server may be away by then, and senders should
 *          not wait for it. What cannot be fetched now stays stale, and is asked for when it is needed.
 * Callers: devices.c, when a change does not follow the one before it.
 * Threads: begun by the engine after its commit; runs on a lane. One lock over the users under way.
 * Holds:   a change that came while the answer was on its way makes the new copy stale as well.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/fed_devices.h>

#include <pthread.h>

#include <myelin/fed_call.h>
#include <myelin/room_share.h>
#include <myelin/tasks_lane.h>

#include "fed/rooms_own.h"

enum { MOST_USERS = 32 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* FED_REFRESH */
static uint64_t under_way[MOST_USERS];                   /* 0: a free place */

/* False: somebody does it already, or too many are under way. */
static bool take_place(uint64_t user)
{
    size_t place = MOST_USERS;

    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < MOST_USERS; i++) {
        if (under_way[i] == user) {
            place = MOST_USERS;
            break;
        }
        if (under_way[i] == 0 && place == MOST_USERS)
            place = i;
    }
    if (place < MOST_USERS)
        under_way[place] = user;
    pthread_mutex_unlock(&lock);
    return place < MOST_USERS;
}

static void give_place(uint64_t user)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < MOST_USERS; i++)
        if (under_way[i] == user)
            under_way[i] = 0;
    pthread_mutex_unlock(&lock);
}

/* ---- an answer read ---- */

/* {"devices": [{device_id, keys, device_display_name}]} as {device id: keys}. */
static const myl_json *devices_of(myl_ctx *cx, const myl_json *list)
{
    const myl_json *out = myl_json_empty_object();

    for (uint32_t i = 0; list != NULL && i < list->count && i < MYL_LIMIT_REMOTE_DEVICES; i++) {
        const myl_json *keys = myl_json_object(&list->items[i], MYL_S("keys")), *about;
        myl_str id = myl_json_text(&list->items[i], MYL_S("device_id")),
                name = myl_json_text(&list->items[i], MYL_S("device_display_name"));

        if (keys == NULL || !myl_str_present(id))
            continue;
        about =
            myl_str_present(name) && name.len <= MYL_LIMIT_DEVICE_NAME_BYTES
                ? myl_json_with(cx, NULL, MYL_S("device_display_name"), myl_json_of_str(cx, name))
                : NULL;
        keys = myl_json_without(cx, keys, MYL_S("unsigned"));
        if (about != NULL)
            keys = myl_json_with(cx, keys, MYL_S("unsigned"), about);
        out = myl_json_with(cx, out, id, keys);
    }
    return out;
}

void myl_fed_read_devices(myl_ctx *cx, const myl_json *json, myl_remote_keys *out)
{
    out->devices = devices_of(cx, myl_json_array(json, MYL_S("devices")));
    out->master = myl_json_object(json, MYL_S("master_key"));
    out->self_signing = myl_json_object(json, MYL_S("self_signing_key"));
    if (!myl_json_int(json, MYL_S("stream_id"), &out->stream_id) || out->stream_id < 0)
        out->stream_id = -1;
}

/* ---- one refreshing ---- */

typedef struct {
    myl_job job; /* first member */
    uint64_t user;
} refreshing;

typedef struct {
    uint64_t user;
    myl_remote_keys keys;
    bool wanted;
} answer;

/* In a snapshot: whose list, and as of when. */
static myl_rc look(myl_ctx *cx, void *arg)
{
    answer *a = arg;
    myl_remote_list list;

    MYL_TRY(myl_store_position(cx, &a->keys.asked));
    MYL_TRY(myl_user_remote_list(cx, a->user, &list));
    a->wanted = list.exists && list.is_stale;
    a->keys.reader = list.reader;
    return myl_store_text_of(cx, MYL_INTERN_NAME, a->user, &a->keys.user_id);
}

/* A copy is good only while somebody here shares a room all the time: who did so before still does. */
static myl_rc store(myl_ctx *cx, void *arg)
{
    answer *a = arg;
    myl_remote_list list;
    bool shared;

    MYL_TRY(myl_user_remote_list(cx, a->user, &list));
    MYL_TRY(myl_room_shared(cx, a->keys.reader, a->user, &shared));
    if (!list.exists || !list.is_stale || !shared)
        return MYL_OK;
    return myl_user_remote_put(cx, &a->keys);
}

static myl_rc refresh(myl_ctx *cx, uint64_t user)
{
    answer a = {.user = user};
    myl_fed_request request = {.method = "GET"};
    myl_fed_reply reply;

    MYL_TRY(myl_fed_read(cx, look, &a));
    if (!a.wanted)
        return MYL_OK;
    request.destination = myl_id_domain(a.keys.user_id);
    request.path = myl_fed_path(cx, "/_matrix/federation/v1/user/devices/{}",
                                (const myl_str[]){a.keys.user_id}, 1);
    MYL_TRY(myl_fed_ask(cx, &request, &reply));
    myl_fed_read_devices(cx, reply.json, &a.keys);
    return myl_fed_change(cx, "fed_refresh", store, &a);
}

static void run(myl_job *job)
{
    refreshing *self = (refreshing *)job;
    myl_ctx cx;

    myl_ctx_begin(&cx);
    if (!myl_lanes_stopping() && refresh(&cx, self->user) != MYL_OK)
        myl_log(&cx, MYL_LOG_DEBUG, "fed", "a device list could not be fetched",
                MYL_LOG_STR("reason", cx.error.detail));
    myl_ctx_end(&cx);
    give_place(self->user);
    myl_process_free(self);
}

static void begin(void *arg)
{
    uint64_t user = *(const uint64_t *)arg;
    refreshing *self;

    if (!take_place(user))
        return;
    self = myl_process_alloc(sizeof(*self));
    *self = (refreshing){.job = {.run = run}, .user = user};
    if (myl_lane_submit(MYL_LANE_REMOTE, &self->job) == MYL_OK)
        return;
    give_place(user);
    myl_process_free(self);
}

void myl_fed_refresh_devices(myl_ctx *cx, uint64_t user)
{
    uint64_t *kept = myl_new(cx, uint64_t);

    *kept = user;
    myl_engine_after_commit(cx, begin, kept);
}
