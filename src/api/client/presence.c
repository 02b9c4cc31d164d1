/* presence.c: who is there.
 *
 * Spec:    Client-Server API, Presence.
 * Why:     nobody asks when time ends a state, so a round looks for such changes and tells those who wait.
 * Threads: read workers; the round of tasks on the writer. Nothing is stored.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/base_clock.h>
#include <myelin/http_server.h>
#include <myelin/matrix_id.h>
#include <myelin/outbox_send.h>
#include <myelin/room_presence.h>
#include <myelin/room_share.h>
#include <myelin/sync_build.h>
#include <myelin/tasks_lane.h>

enum { LOOK_EVERY_MS = 5000, AGAIN_EVERY_MS = 60000 };

/* ---- telling others ---- */

/* Those who wait and share a room with the user are woken. */
static myl_rc tell(myl_ctx *cx, uint64_t user, myl_str user_id)
{
    const uint64_t *rooms;
    size_t count;

    MYL_TRY(myl_room_joined_by(cx, user, &rooms, &count));
    for (size_t i = 0; i < count && i < MYL_LIMIT_PRESENCE_ROOMS; i++)
        myl_http_wake(MYL_NOTE_ROOM, rooms[i]);
    if (myl_id_is_ours(user_id, myl_api_config()->server_name))
        myl_outbox_presence(cx, user, user_id);
    return MYL_OK;
}

/* ---- what time has changed ---- */

static uint64_t
    told; /* all changes up to this value of the volatile counter were looked at; the rounds' alone */

static myl_rc tell_untold(myl_ctx *cx)
{
    myl_presence_changes changes;
    myl_str name;

    do {
        myl_room_presence_since(cx, told, &changes);
        for (size_t i = 0; i < changes.count; i++) {
            if (changes.at[i].is_untold) {
                MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, changes.at[i].user, &name));
                MYL_TRY(tell(cx, changes.at[i].user, name));
            }
            told = changes.at[i].counter;
        }
    } while (changes.more);
    return MYL_OK;
}

/* A server forgets after half an hour whom it hears nothing of. */
static myl_rc tell_again(myl_ctx *cx)
{
    const uint64_t *users;
    size_t count;
    myl_str name;

    myl_room_presence_again(cx, &users, &count);
    for (size_t i = 0; i < count; i++) {
        MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, users[i], &name));
        myl_outbox_presence(cx, users[i], name);
    }
    return MYL_OK;
}

static const myl_round telling_again = {"presence.again", AGAIN_EVERY_MS, tell_again};
static const myl_round telling = {"presence.ends", LOOK_EVERY_MS, tell_untold};

void myl_client_presence_start(void)
{
    told = 0;
    if (!myl_api_config()->presence_enabled)
        return;
    myl_rounds_register(&telling);
    myl_rounds_register(&telling_again);
}

/* ---- what clients say ---- */

myl_rc myl_client_set_presence(myl_req *req, myl_str given, int64_t timeout_ms)
{
    myl_presence_state state = MYL_PRESENCE_ONLINE;

    if (myl_str_present(given) && !myl_presence_of(given, &state))
        return myl_fail(&req->cx, MYL_INVALID_PARAM,
                        "set_presence: expected offline, online or unavailable");
    if (!myl_api_config()->presence_enabled || req->deadline_over)
        return MYL_OK;
    if (!myl_room_presence_syncing(req->caller.user, state, myl_str_present(given),
                                   myl_tick_ms() + timeout_ms))
        return MYL_OK;
    return tell(&req->cx, req->caller.user, req->caller.user_id);
}

/* ---- endpoints ---- */

static myl_rc require_presence(myl_req *req)
{
    if (!myl_api_config()->presence_enabled)
        return myl_fail(&req->cx, MYL_FORBIDDEN, "presence is switched off on this server");
    return MYL_OK;
}

myl_rc myl_client_presence(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 128);
    myl_presence presence;
    uint64_t user;
    bool shared;

    MYL_UNUSED(in);
    MYL_TRY(require_presence(req));
    MYL_TRY(myl_store_interned(&req->cx, MYL_INTERN_NAME, req->path.user_id, &user));
    shared = user == req->caller.user;
    if (!shared && user != 0)
        MYL_TRY(myl_room_shared(&req->cx, user, req->caller.user, &shared));
    if (!shared)
        return myl_fail(&req->cx, MYL_FORBIDDEN, "you share no room with this user");
    myl_room_presence_get(&req->cx, user, &presence);
    myl_write_open(&w, '{');
    myl_sync_write_presence_content(&w, &presence);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_put_presence(myl_req *req, const myl_body_presence *in)
{
    myl_presence_state state = MYL_PRESENCE_OFFLINE;

    MYL_TRY(require_presence(req));
    MYL_TRY(myl_client_require_self(req));
    if (in->status_msg.len > MYL_LIMIT_PRESENCE_MESSAGE)
        return myl_fail(&req->cx, MYL_TOO_LARGE, "status_msg: longer than %d bytes",
                        MYL_LIMIT_PRESENCE_MESSAGE);
    myl_presence_of(in->presence, &state);
    if (myl_room_presence_set(req->caller.user, state, in->status_msg))
        MYL_TRY(tell(&req->cx, req->caller.user, req->caller.user_id));
    return myl_reply_empty(req);
}
