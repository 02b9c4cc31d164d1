/* devices.c: a user's own devices.
 *
 * Spec:    Client-Server API, Device Management.
 * Threads: the engine for changes, a read worker otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

static void write_device(myl_writer *w, const myl_device *device)
{
    myl_write_open(w, '{');
    myl_write_str(w, "device_id", device->device_id);
    if (device->display_name.len > 0)
        myl_write_str(w, "display_name", device->display_name);
    if (device->last_seen_ip.len > 0)
        myl_write_str(w, "last_seen_ip", device->last_seen_ip);
    if (device->last_seen_ms > 0)
        myl_write_int(w, "last_seen_ts", device->last_seen_ms);
    myl_write_close(w, '}');
}

myl_rc myl_client_devices(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 256);
    const myl_device *devices;
    size_t count;

    MYL_UNUSED(in);
    MYL_TRY(myl_user_devices(&req->cx, req->caller.user_id, &devices, &count));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "devices", '[');
    for (size_t i = 0; i < count; i++)
        write_device(&w, &devices[i]);
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_device(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 256);
    myl_device device;

    MYL_UNUSED(in);
    MYL_TRY(myl_user_device(&req->cx, req->caller.user, req->path.device_id, &device));
    if (device.number == 0)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such device");
    write_device(&w, &device);
    return myl_reply_written(req, &w);
}

myl_rc myl_client_put_device(myl_req *req, const myl_body_device *in)
{
    MYL_TRY(
        myl_user_device_rename(&req->cx, req->caller.user, req->path.device_id, in->display_name));
    return myl_reply_empty(req);
}

/* ---- their end ---- */

myl_rc myl_client_delete_device(myl_req *req, const myl_body_auth_only *in)
{
    bool passed;

    MYL_TRY(myl_client_confirm(req, in->auth, MYL_ABSENT, &passed));
    if (!passed)
        return MYL_OK;
    MYL_TRY(myl_user_device_delete(&req->cx, req->caller.user, req->path.device_id));
    return myl_reply_empty(req);
}

/* The list as it came: another one is another request. */
static myl_str listed(myl_req *req, const myl_body_delete_devices *in)
{
    myl_text text = MYL_TEXT(&req->cx);

    for (size_t i = 0; i < in->devices_count; i++)
        myl_row_str(&text, in->devices[i]);
    return myl_text_str(&text);
}

myl_rc myl_client_delete_devices(myl_req *req, const myl_body_delete_devices *in)
{
    bool passed;

    MYL_TRY(myl_client_confirm(req, in->auth, listed(req, in), &passed));
    if (!passed)
        return MYL_OK;
    for (size_t i = 0; i < in->devices_count; i++)
        MYL_TRY(myl_user_device_delete(&req->cx, req->caller.user, in->devices[i]));
    return myl_reply_empty(req);
}
