/* dehydrated.c: the dehydrated device: put to sleep, found, its messages read, deleted.
 *
 * Spec:    MSC3814.
 * Threads: the engine for changes, a read worker otherwise.
 * Holds:   its messages stay until the device is deleted or replaced; a page's token is the place of its last message.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/user_dehydrated.h>
#include <myelin/user_to_device.h>

enum { MOST_EVENTS = 100 };

static myl_rc reply_id(myl_req *req, myl_str device_id)
{
    myl_writer w = myl_write_start(&req->cx, 64);

    myl_write_open(&w, '{');
    myl_write_str(&w, "device_id", device_id);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

static myl_rc none(myl_req *req)
{
    return myl_fail(&req->cx, MYL_NOT_FOUND, "there is no dehydrated device");
}

myl_rc myl_client_put_dehydrated(myl_req *req, const myl_body_dehydrated_device *in)
{
    myl_new_dehydrated given = {.device_id = in->device_id,
                                .display_name = in->initial_device_display_name,
                                .data = in->device_data,
                                .device_keys = in->device_keys,
                                .one_time_keys = in->one_time_keys,
                                .fallback_keys = in->fallback_keys};

    MYL_TRY(myl_user_dehydrated_put(&req->cx, &req->caller, &given));
    return reply_id(req, in->device_id);
}

myl_rc myl_client_dehydrated(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 256);
    myl_dehydrated device;

    MYL_UNUSED(in);
    MYL_TRY(myl_user_dehydrated(&req->cx, req->caller.user, &device));
    if (device.device == 0)
        return none(req);
    myl_write_open(&w, '{');
    myl_write_raw(&w, "device_data", device.data);
    myl_write_str(&w, "device_id", device.device_id);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_delete_dehydrated(myl_req *req, const myl_body_none *in)
{
    myl_dehydrated device;

    MYL_UNUSED(in);
    MYL_TRY(myl_user_dehydrated_delete(&req->cx, req->caller.user, &device));
    return device.device == 0 ? none(req) : reply_id(req, device.device_id);
}

/* ---- messages ---- */

/* "d17": after the message at 17. */
static myl_rc read_place(myl_req *req, myl_str text, const char *name, uint64_t *out)
{
    int64_t place = 0;

    if (myl_str_present(text) &&
        (text.len < 2 || text.at[0] != 'd' ||
         !myl_str_to_int(myl_str_slice(text, 1, SIZE_MAX), &place) || place < 0))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "%s: not a token of this endpoint", name);
    *out = (uint64_t)place;
    return MYL_OK;
}

static void write_event(myl_writer *w, const myl_to_device *message)
{
    myl_write_open(w, '{');
    myl_write_raw(w, "content", message->json);
    myl_write_str(w, "sender", message->sender);
    myl_write_str(w, "type", message->type);
    myl_write_close(w, '}');
}

static myl_rc reply_events(myl_req *req, uint64_t after, size_t limit)
{
    myl_writer w = myl_write_start(&req->cx, 1024);
    myl_to_device_range range = {.user = req->caller.user,
                                 .after = after,
                                 .upto = UINT64_MAX,
                                 .limit = limit};
    const myl_to_device *messages;
    myl_dehydrated device;
    size_t count;
    bool more;

    MYL_TRY(myl_user_dehydrated(&req->cx, req->caller.user, &device));
    if (device.device == 0 || !myl_str_equal(device.device_id, req->path.device_id))
        return none(req);
    range.device = device.device;
    MYL_TRY(myl_user_to_device_get(&req->cx, &range, &messages, &count, &more));
    if (count > 0)
        after = messages[count - 1].position;
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "events", '[');
    for (size_t i = 0; i < count; i++)
        write_event(&w, &messages[i]);
    myl_write_close(&w, ']');
    myl_write_str(&w, "next_batch", myl_strf(&req->cx, "d%llu", (unsigned long long)after));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_dehydrated_events(myl_req *req, const myl_body_dehydrated_events *in)
{
    uint64_t after;

    MYL_TRY(read_place(req, in->next_batch, "next_batch", &after));
    return reply_events(req, after, MOST_EVENTS);
}

myl_rc myl_client_dehydrated_events_get(myl_req *req, const myl_body_none *in)
{
    myl_str from = myl_req_query(req, "from");
    uint64_t after;
    int64_t limit;

    MYL_UNUSED(in);
    if (!myl_str_present(from))
        from = myl_req_query(req, "next_batch");
    MYL_TRY(myl_req_query_int(req, "limit", 1, INT64_MAX, MOST_EVENTS, &limit));
    MYL_TRY(read_place(req, from, "from", &after));
    return reply_events(req, after, (size_t)(limit < MOST_EVENTS ? limit : MOST_EVENTS));
}
