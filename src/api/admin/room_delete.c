/* room_delete.c: rooms and old messages deleted, and how far that has come.
 *
 * Threads: the engine for changes, a read worker for questions; version 1 of the deletion waits on a lane.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/admin/admin_own.h"

#include <unistd.h>

#include <myelin/room_purge.h>

enum { LOOK_EVERY_US = 20000, KICK_MS = 60000 };

/* ---- begin ---- */

static myl_rc find_maker(myl_req *req, myl_str user_id, uint64_t *user)
{
    myl_account account;

    *user = 0;
    if (!myl_str_present(user_id))
        return MYL_OK;
    if (!myl_id_is_ours(user_id, myl_room_server()->server_name))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "new_room_user_id: not a user of this server");
    MYL_TRY(myl_user_account(&req->cx, user_id, &account));
    if (!account.exists || account.deactivated)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "new_room_user_id: there is no such account");
    *user = account.user;
    return MYL_OK;
}

/* In the change of cx, which may be a lane's. */
static myl_rc begin_deletion(myl_req *req, const myl_body_room_delete *in, uint64_t *id)
{
    myl_ctx *cx = &req->cx;
    myl_room_deletion deletion = {.room_id = req->path.room_id,
                                  .room_name = in->room_name,
                                  .message = in->message,
                                  .purge = in->purge,
                                  .force = in->force_purge};
    myl_room_blocking blocking = {.blocked = true,
                                  .by = myl_str_present(req->caller.user_id) ? req->caller.user_id
                                                                             : MYL_S("")};
    myl_room_head head;

    MYL_TRY(myl_room_head_get(cx, req->path.room_id, &head));
    if (head.room == 0 && !in->block)
        return myl_fail(cx, MYL_NOT_FOUND, "roomId: this room is not known here");
    MYL_TRY(find_maker(req, in->new_room_user_id, &deletion.new_room_user));
    if (in->block)
        MYL_TRY(myl_room_block_set(cx, req->path.room_id, &blocking));
    return myl_room_delete(cx, &deletion, id);
}

static myl_str id_text(myl_ctx *cx, uint64_t id)
{
    return myl_strf(cx, "%llu", (unsigned long long)id);
}

myl_rc myl_admin_delete_room(myl_req *req, const myl_body_room_delete *in)
{
    myl_writer w = myl_write_start(&req->cx, 64);
    uint64_t id;

    MYL_TRY(begin_deletion(req, in, &id));
    myl_write_open(&w, '{');
    myl_write_str(&w, "delete_id", id_text(&req->cx, id));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- how far ---- */

static myl_rc write_users(myl_ctx *cx, myl_writer *w, const char *key, uint64_t id, bool failed)
{
    const uint64_t *users;
    size_t count;

    MYL_TRY(myl_room_purge_users(cx, id, failed, &users, &count));
    myl_write_open_key(w, key, '[');
    for (size_t i = 0; i < count; i++) {
        myl_str user_id;

        MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, users[i], &user_id));
        myl_write_str(w, NULL, user_id);
    }
    myl_write_close(w, ']');
    return MYL_OK;
}

static myl_rc write_shutdown(myl_ctx *cx, myl_writer *w, const myl_purge_info *info)
{
    MYL_TRY(write_users(cx, w, "kicked_users", info->id, false));
    MYL_TRY(write_users(cx, w, "failed_to_kick_users", info->id, true));
    myl_write_raw(w, "local_aliases", info->aliases);
    myl_admin_write_text(w, "new_room_id",
                         info->new_room_id.len > 0 ? info->new_room_id : MYL_ABSENT);
    return MYL_OK;
}

static const char *const status_names[] = {[MYL_PURGE_CLOSING] = "shutting_down",
                                           [MYL_PURGE_RUNNING] = "purging",
                                           [MYL_PURGE_DONE] = "complete",
                                           [MYL_PURGE_FAILED] = "failed"};

static myl_rc write_status(myl_ctx *cx, myl_writer *w, const myl_purge_info *info)
{
    myl_write_open(w, '{');
    myl_write_str(w, "delete_id", id_text(cx, info->id));
    myl_write_str(w, "room_id", info->room_id);
    myl_write_str(w, "status", myl_str_of(status_names[info->status]));
    if (info->error.len > 0)
        myl_write_str(w, "error", info->error);
    myl_write_int(w, "rows_deleted", (int64_t)info->rows);
    myl_write_open_key(w, "shutdown_room", '{');
    MYL_TRY(write_shutdown(cx, w, info));
    myl_write_close(w, '}');
    myl_write_close(w, '}');
    return MYL_OK;
}

static myl_rc find_purge(myl_req *req, myl_str text, bool is_history, myl_purge_info *out)
{
    int64_t id;

    if (!myl_str_to_int(text, &id) || id <= 0)
        id = 0;
    MYL_TRY(myl_room_purge_info(&req->cx, (uint64_t)id, out));
    if (out->id == 0 || out->is_history != is_history)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "nothing is known of this purge");
    return MYL_OK;
}

myl_rc myl_admin_delete_status(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 256);
    myl_purge_info info;

    MYL_UNUSED(in);
    MYL_TRY(find_purge(req, req->path.delete_id, false, &info));
    MYL_TRY(write_status(&req->cx, &w, &info));
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_room_delete_status(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 256);
    const myl_purge_info *all;
    size_t count, found = 0;

    MYL_UNUSED(in);
    MYL_TRY(myl_room_purges(&req->cx, req->path.room_id, &all, &count));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "results", '[');
    for (size_t i = 0; i < count; i++) {
        if (all[i].is_history)
            continue;
        MYL_TRY(write_status(&req->cx, &w, &all[i]));
        found++;
    }
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    if (found == 0)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "roomId: no deletion of this room is known");
    return myl_reply_written(req, &w);
}

/* ---- version 1: the answer comes when all is done ---- */

typedef struct {
    myl_change change;
    myl_req *req;
    const myl_body_room_delete *in;
    uint64_t id;
} first_step;

static myl_rc run_first(myl_change *change)
{
    first_step *first = MYL_OF(change, first_step, change);

    return begin_deletion(first->req, first->in, &first->id);
}

static myl_rc look(myl_req *req, uint64_t id, myl_purge_info *info)
{
    MYL_TRY(myl_snapshot_open(&req->cx, myl_req_store(req)));
    myl_rc rc = myl_room_purge_info(&req->cx, id, info);
    myl_snapshot_close(&req->cx);
    return rc;
}

static myl_rc reply_deleted(myl_req *req, const myl_purge_info *info)
{
    myl_writer w = myl_write_start(&req->cx, 256);

    myl_write_open(&w, '{');
    MYL_TRY(myl_snapshot_open(&req->cx, myl_req_store(req)));
    myl_rc rc = write_shutdown(&req->cx, &w, info);
    myl_snapshot_close(&req->cx);
    MYL_TRY(rc);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_delete_room_v1(myl_req *req, const myl_body_room_delete *in)
{
    first_step first = {.change = {.name = "room deletion", .cx = &req->cx, .run = run_first},
                        .req = req,
                        .in = in};
    int64_t until = myl_tick_ms() + KICK_MS;
    myl_purge_info info;

    MYL_TRY(myl_engine_run(myl_req_engine(req), &first.change));
    for (;;) {
        myl_mark mark = myl_ctx_mark(&req->cx);

        MYL_TRY(look(req, first.id, &info));
        if (info.status >= MYL_PURGE_DONE)
            break;
        myl_ctx_release(&req->cx, mark);
        if (myl_tick_ms() > until || myl_lanes_stopping())
            return myl_fail(&req->cx, MYL_BUSY, "the deletion goes on; ask for it by version 2");
        usleep(LOOK_EVERY_US);
    }
    if (info.status == MYL_PURGE_FAILED)
        return myl_fail(&req->cx, MYL_BAD_REQUEST, "%.*s", MYL_FMT(info.error));
    return reply_deleted(req, &info);
}

/* ---- history ---- */

static myl_rc choose_point(myl_req *req, const myl_body_purge_history *in, uint64_t room,
                           myl_history_purge *out)
{
    myl_str event_id =
        myl_str_present(req->path.event_id) ? req->path.event_id : in->purge_up_to_event_id;
    myl_stored stored;

    if (myl_str_present(event_id)) {
        MYL_TRY(myl_room_event_of(&req->cx, room, event_id, &stored));
        out->before = myl_point_before(&stored);
        return MYL_OK;
    }
    if (!in->has_purge_up_to_ts)
        return myl_fail(&req->cx, MYL_BAD_JSON,
                        "purge_up_to_event_id: missing, and so is purge_up_to_ts");
    if (in->purge_up_to_ts > myl_now_ms())
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "purge_up_to_ts: lies in the future");
    out->older_than = in->purge_up_to_ts;
    return MYL_OK;
}

static myl_rc purge_history(myl_req *req, const myl_body_purge_history *in)
{
    myl_history_purge purge = {.before = {INT64_MAX, UINT64_MAX},
                               .older_than = INT64_MAX,
                               .ours_too = in->delete_local_events};
    myl_writer w = myl_write_start(&req->cx, 64);
    myl_room_head head;
    uint64_t id;

    MYL_TRY(myl_admin_room_head(req, &head));
    purge.room = head.room;
    MYL_TRY(choose_point(req, in, head.room, &purge));
    MYL_TRY(myl_room_purge_history(&req->cx, &purge, &id));
    myl_write_open(&w, '{');
    myl_write_str(&w, "purge_id", id_text(&req->cx, id));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_purge_history(myl_req *req, const myl_body_purge_history *in)
{
    return purge_history(req, in);
}

myl_rc myl_admin_purge_history_event(myl_req *req, const myl_body_purge_history *in)
{
    return purge_history(req, in);
}

myl_rc myl_admin_purge_history_status(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 64);
    myl_purge_info info;

    MYL_UNUSED(in);
    MYL_TRY(find_purge(req, req->path.purge_id, true, &info));
    myl_write_open(&w, '{');
    myl_write_str(&w, "status",
                  info.status == MYL_PURGE_RUNNING ? MYL_S("active")
                                                   : myl_str_of(status_names[info.status]));
    if (info.error.len > 0)
        myl_write_str(&w, "error", info.error);
    myl_write_int(&w, "rows_deleted", (int64_t)info.rows);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
