/* server.c: the server itself, for administrators: its version, free names, its long work.
 *
 * Threads: a read worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/admin/admin_own.h"

myl_rc myl_admin_server_version(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 64);

    MYL_UNUSED(in);
    myl_write_open(&w, '{');
    myl_write_str(&w, "server_version", MYL_S("Myelin " MYL_VERSION));
    myl_write_str(&w, "server_name", myl_room_server()->server_name);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_username_available(myl_req *req, const myl_body_none *in)
{
    myl_str name = myl_req_query(req, "username"), server = myl_room_server()->server_name;
    myl_writer w = myl_write_start(&req->cx, 32);
    bool exists;

    MYL_UNUSED(in);
    if (!myl_str_present(name))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "username: missing");
    if (!myl_id_is_new_localpart(name, server))
        return myl_fail(&req->cx, MYL_INVALID_USERNAME,
                        "username: only a-z, 0-9 and ._=-/+ may be in it, 255 bytes in all");
    MYL_TRY(myl_user_exists(&req->cx,
                            myl_strf(&req->cx, "@%.*s:%.*s", MYL_FMT(name), MYL_FMT(server)),
                            &exists));
    if (exists)
        return myl_fail(&req->cx, MYL_USER_IN_USE, "username: taken");
    myl_write_open(&w, '{');
    myl_write_bool(&w, "available", true);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- long work: stored tasks ---- */

/* There are no updates of old rows while the server runs: each schema is brought forward at start. */
myl_rc myl_admin_updates_status(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 64);

    MYL_UNUSED(in);
    myl_write_open(&w, '{');
    myl_write_bool(&w, "enabled", true);
    myl_write_open_key(&w, "current_updates", '{');
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_updates_enabled(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 32);

    MYL_UNUSED(in);
    myl_write_open(&w, '{');
    myl_write_bool(&w, "enabled", true);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

static void write_task(myl_ctx *cx, myl_writer *w, const myl_task_info *task)
{
    myl_write_open(w, '{');
    myl_write_str(w, "id", myl_strf(cx, "%llu", (unsigned long long)task->id));
    myl_write_str(w, "action", task->kind);
    myl_write_str(w, "status", myl_str_present(task->error) ? MYL_S("scheduled") : MYL_S("active"));
    myl_admin_write_text(w, "error", task->error);
    myl_write_close(w, '}');
}

myl_rc myl_admin_scheduled_tasks(myl_req *req, const myl_body_none *in)
{
    myl_str action = myl_req_query(req, "action_name");
    myl_writer w = myl_write_start(&req->cx, 512);
    const myl_task_info *tasks;
    size_t count;

    MYL_UNUSED(in);
    MYL_TRY(myl_task_list(&req->cx, &tasks, &count));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "scheduled_tasks", '[');
    for (size_t i = 0; i < count; i++)
        if (!myl_str_present(action) || myl_str_equal(action, tasks[i].kind))
            write_task(&req->cx, &w, &tasks[i]);
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
