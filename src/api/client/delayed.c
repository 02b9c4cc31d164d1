/* delayed.c: events to be sent later (MSC4140), and where calls are carried (MSC4143).
 *
 * Threads: the engine for changes, a read worker otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/room_delayed.h>

static myl_str delay_text(myl_req *req)
{
    myl_str text = myl_req_query(req, "org.matrix.msc4140.delay");

    return myl_str_present(text) ? text : myl_req_query(req, "delay");
}

bool myl_client_is_delayed(myl_req *req)
{
    return myl_str_present(myl_req_query(req, "org.matrix.msc4140.delay"));
}

static myl_rc reply_delay_id(myl_req *req, myl_str delay_id)
{
    myl_writer w = myl_write_start(&req->cx, 128);

    myl_write_open(&w, '{');
    myl_write_str(&w, "delay_id", delay_id);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

static myl_rc refuse_delay(myl_req *req)
{
    myl_writer w = myl_write_start(&req->cx, 256);

    myl_write_open(&w, '{');
    myl_write_str(&w, "errcode", MYL_S("M_UNKNOWN"));
    myl_write_str(&w, "error", MYL_S("org.matrix.msc4140.delay: longer than is allowed here"));
    myl_write_str(&w, "org.matrix.msc4140.errcode", MYL_S("M_MAX_DELAY_EXCEEDED"));
    myl_write_int(&w, "org.matrix.msc4140.max_delay", myl_api_config()->rooms_max_delay);
    myl_write_close(&w, '}');
    return myl_reply_json(req, 400, myl_write_done(&w));
}

myl_rc myl_client_delay(myl_req *req, myl_str scope, myl_outgoing *outgoing)
{
    bool has_txn = myl_str_present(req->path.txn_id);
    myl_ctx *cx = &req->cx;
    myl_str delay_id = MYL_ABSENT;
    myl_room_head head;
    int64_t delay;

    if (req->caller.is_suspended)
        return myl_fail(cx, MYL_USER_SUSPENDED, "this account is suspended");
    scope = myl_strf(cx, "delayed %.*s", MYL_FMT(scope));
    if (has_txn)
        MYL_TRY(myl_room_txn_find(cx, &req->caller, scope, req->path.txn_id, &delay_id));
    if (myl_str_present(delay_id))
        return reply_delay_id(req, delay_id);
    MYL_TRY(myl_client_require_body(req));
    if (!myl_str_to_int(delay_text(req), &delay) || delay <= 0)
        return myl_fail(cx, MYL_INVALID_PARAM, "org.matrix.msc4140.delay: expected milliseconds");
    if (delay > myl_api_config()->rooms_max_delay)
        return refuse_delay(req);
    outgoing->room_id = req->path.room_id;
    MYL_TRY(myl_room_require_joined(cx, req->path.room_id, &req->caller, &head));
    outgoing->caller = &req->caller;
    MYL_TRY(myl_room_delay(cx, outgoing, delay, &delay_id));
    if (has_txn)
        MYL_TRY(myl_room_txn_put(cx, &req->caller, scope, req->path.txn_id, delay_id));
    return reply_delay_id(req, delay_id);
}

/* Another path of the same. */
myl_rc myl_client_delayed_event(myl_req *req, const myl_body_content *in)
{
    myl_str scope = myl_strf(&req->cx, "send %.*s %.*s", MYL_FMT(req->path.room_id),
                             MYL_FMT(req->path.event_type));
    myl_outgoing outgoing = {.type = req->path.event_type, .content = in->json};

    return myl_client_delay(req, scope, &outgoing);
}

static void write_delayed(myl_writer *w, const myl_delayed *event)
{
    myl_write_open(w, '{');
    myl_write_raw(w, "content", event->content);
    myl_write_int(w, "delay", event->delay_ms);
    myl_write_str(w, "delay_id", event->delay_id);
    myl_write_str(w, "room_id", event->room_id);
    myl_write_int(w, "running_since", event->running_since_ms);
    myl_write_str(w, "state_key", event->state_key);
    myl_write_str(w, "type", event->type);
    myl_write_close(w, '}');
}

myl_rc myl_client_delayed_events(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 1024);
    const myl_delayed *events;
    size_t count;

    MYL_UNUSED(in);
    MYL_TRY(myl_room_delayed_of(&req->cx, req->caller.user, &events, &count));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "delayed_events", '[');
    for (size_t i = 0; i < count; i++)
        write_delayed(&w, &events[i]);
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* Whoever knows the id may act: a call's backend has no token. */
myl_rc myl_client_delayed_act(myl_req *req, const myl_body_delayed_event_action *in)
{
    MYL_TRY(myl_room_delayed_act(&req->cx, req->path.delay_id, in->action));
    return myl_reply_empty(req);
}

myl_rc myl_client_delayed_act_by_path(myl_req *req, const myl_body_empty *in)
{
    MYL_UNUSED(in);
    MYL_TRY(myl_room_delayed_act(&req->cx, req->path.delay_id, req->path.action));
    return myl_reply_empty(req);
}

/* ---- calls ---- */

myl_rc myl_client_rtc_transports(myl_req *req, const myl_body_none *in)
{
    const myl_config *config = myl_api_config();
    myl_writer w = myl_write_start(&req->cx, 256);

    MYL_UNUSED(in);
    if (config->rtc_livekit.count == 0)
        return myl_fail(&req->cx, MYL_UNRECOGNIZED, "no transport for calls is configured");
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "rtc_transports", '[');
    for (size_t i = 0; i < config->rtc_livekit.count; i++) {
        myl_write_open(&w, '{');
        myl_write_str(&w, "livekit_service_url", config->rtc_livekit.items[i]);
        myl_write_str(&w, "type", MYL_S("livekit"));
        myl_write_close(&w, '}');
    }
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
