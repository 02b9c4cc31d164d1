/* pushers.c: where notifications go, and which there were.
 *
 * Spec:    Client-Server API, Push Notifications; Listing Notifications.
 * Threads: the engine for changes, read workers otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/push_notifications.h>
#include <myelin/push_pushers.h>

enum { DEFAULT_PAGE = 20, LARGEST_PAGE = 100 };

/* ---- pushers ---- */

/* https, a host, and the path of the push gateway API. */
static bool is_gateway(myl_str url)
{
    static const char begin[] = "https://", end[] = "/_matrix/push/v1/notify";
    size_t first = sizeof(begin) - 1, last = sizeof(end) - 1;

    return url.len > first + last && memcmp(url.at, begin, first) == 0 &&
           memcmp(url.at + url.len - last, end, last) == 0;
}

static myl_rc check_data(myl_req *req, const myl_body_pusher *in)
{
    if (in->data == NULL)
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "data: missing");
    if (!myl_str_present(in->data->url))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "data.url: missing");
    if (!is_gateway(in->data->url))
        return myl_fail(&req->cx, MYL_INVALID_PARAM,
                        "data.url: expected https://…/_matrix/push/v1/notify");
    return MYL_OK;
}

static myl_rc check_pusher(myl_req *req, const myl_body_pusher *in)
{
    const struct {
        const char *name;
        myl_str value;
    } needed[] = {{"app_display_name", in->app_display_name},
                  {"device_display_name", in->device_display_name},
                  {"lang", in->lang}};

    if (!myl_str_equal(in->kind, MYL_S("http")))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "kind: only http is served here");
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (!myl_str_present(needed[i].value))
            return myl_fail(&req->cx, MYL_MISSING_PARAM, "%s: missing", needed[i].name);
    return check_data(req, in);
}

/* MSC3881 */
static bool is_enabled(const myl_body_pusher *in)
{
    if (in->has_enabled)
        return in->enabled;
    return !in->has_msc3881_enabled || in->msc3881_enabled;
}

static const myl_json *pusher_json(myl_req *req, const myl_body_pusher *in)
{
    const struct {
        const char *name;
        myl_str value;
    } texts[] = {{"app_display_name", in->app_display_name},
                 {"app_id", in->app_id},
                 {"device_display_name", in->device_display_name},
                 {"kind", in->kind},
                 {"lang", in->lang},
                 {"profile_tag", in->profile_tag},
                 {"pushkey", in->pushkey}};
    const myl_json *data = in->data->json, *out;

    if (!myl_str_present(in->data->format))
        data = myl_json_without(&req->cx, data, MYL_S("format"));
    out = myl_json_with(&req->cx, NULL, MYL_S("data"), data);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (myl_str_present(texts[i].value))
            out = myl_json_with(&req->cx, out, myl_str_of(texts[i].name),
                                myl_json_of_str(&req->cx, texts[i].value));
    return myl_json_with(&req->cx, out, MYL_S("enabled"),
                         myl_json_of_bool(&req->cx, is_enabled(in)));
}

/* MSC3881: who says whether it is on does not take it over: it stays with the device that set it. */
static myl_rc keep_device(myl_req *req, const myl_body_pusher *in, myl_pusher *pusher)
{
    const myl_pusher *all;
    size_t count;

    if (!in->has_enabled && !in->has_msc3881_enabled)
        return MYL_OK;
    MYL_TRY(myl_pushers_of(&req->cx, pusher->user, &all, &count));
    for (size_t i = 0; i < count; i++)
        if (myl_str_equal(all[i].app_id, pusher->app_id) &&
            myl_str_equal(all[i].pushkey, pusher->pushkey))
            pusher->device = all[i].device;
    return MYL_OK;
}

myl_rc myl_client_set_pusher(myl_req *req, const myl_body_pusher *in)
{
    myl_pusher pusher = {.user = req->caller.user,
                         .device = req->caller.device,
                         .app_id = in->app_id,
                         .pushkey = in->pushkey};

    if (!myl_str_present(in->kind)) {
        MYL_TRY(myl_pusher_delete(&req->cx, &pusher));
        return myl_reply_empty(req);
    }
    MYL_TRY(check_pusher(req, in));
    pusher.json = pusher_json(req, in);
    MYL_TRY(keep_device(req, in, &pusher));
    MYL_TRY(myl_pusher_put(&req->cx, &pusher, !in->append));
    return myl_reply_empty(req);
}

/* With its device, and by the names from before MSC3881 was merged. */
static const myl_json *shown(myl_req *req, const myl_pusher *pusher, const myl_device *devices,
                             size_t count)
{
    myl_ctx *cx = &req->cx;
    const myl_json *enabled = MYL_JSON_AT(pusher->json, "enabled"), *out, *id;

    out = myl_json_with(cx, pusher->json, MYL_S("org.matrix.msc3881.enabled"), enabled);
    for (size_t i = 0; i < count; i++) {
        if (devices[i].number != pusher->device)
            continue;
        id = myl_json_of_str(cx, devices[i].device_id);
        out = myl_json_with(cx, out, MYL_S("device_id"), id);
        out = myl_json_with(cx, out, MYL_S("org.matrix.msc3881.device_id"), id);
    }
    return out;
}

myl_rc myl_client_pushers(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 1024);
    const myl_pusher *pushers;
    const myl_device *devices;
    size_t count, device_count;

    MYL_UNUSED(in);
    MYL_TRY(myl_pushers_of(&req->cx, req->caller.user, &pushers, &count));
    MYL_TRY(myl_user_devices(&req->cx, req->caller.user_id, &devices, &device_count));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "pushers", '[');
    for (size_t i = 0; i < count; i++)
        myl_write_json(&w, NULL, shown(req, &pushers[i], devices, device_count));
    myl_write_close(&w, ']');
    if (req->endpoint->auth == MYL_AUTH_ADMIN)
        myl_write_int(&w, "total", (int64_t)count);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- notifications ---- */

static myl_rc write_one(myl_req *req, myl_writer *w, const myl_notification *one,
                        myl_client_reading *reading)
{
    myl_write_open(w, '{');
    myl_write_json(w, "actions", one->actions);
    MYL_TRY(myl_client_write_event(req, w, "event", &one->stored, reading));
    myl_write_bool(w, "read", one->read);
    myl_write_str(w, "room_id", one->room_id);
    myl_write_int(w, "ts", one->ts);
    myl_write_close(w, '}');
    return MYL_OK;
}

static myl_rc read_page(myl_req *req, myl_notification_ask *ask)
{
    myl_str from = myl_req_query(req, "from"), only = myl_req_query(req, "only");
    int64_t limit, before = INT64_MAX;

    MYL_TRY(myl_req_query_int(req, "limit", 1, INT64_MAX, DEFAULT_PAGE, &limit));
    if (from.len > 0 && (!myl_str_to_int(from, &before) || before < 1))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "from: not a token of this server");
    *ask = (myl_notification_ask){.before = (uint64_t)before,
                                  .limit = (size_t)(limit < LARGEST_PAGE ? limit : LARGEST_PAGE),
                                  .highlights = myl_str_equal(only, MYL_S("highlight"))};
    return MYL_OK;
}

myl_rc myl_client_notifications(myl_req *req, const myl_body_none *in)
{
    myl_push_reader reader = {.caller = &req->caller};
    myl_writer w = myl_write_start(&req->cx, 4096);
    myl_client_reading reading;
    myl_notification_ask ask;
    myl_notifications found;

    MYL_UNUSED(in);
    MYL_TRY(read_page(req, &ask));
    MYL_TRY(myl_push_notifications(&req->cx, &reader, &ask, &found));
    MYL_TRY(myl_client_open_reading(req, &reading));
    myl_write_open(&w, '{');
    if (found.next != 0)
        myl_write_str(&w, "next_token", myl_strf(&req->cx, "%llu", (unsigned long long)found.next));
    myl_write_open_key(&w, "notifications", '[');
    for (size_t i = 0; i < found.count; i++)
        MYL_TRY(write_one(req, &w, &found.list[i], &reading));
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
