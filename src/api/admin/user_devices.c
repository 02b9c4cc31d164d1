/* user_devices.c: devices, sessions and rooms of somebody else.
 *
 * Threads: the engine for changes, a read worker otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/admin/admin_own.h"

/* ---- devices ---- */

static void write_device(myl_writer *w, myl_str user_id, const myl_device *device)
{
    myl_write_open(w, '{');
    myl_write_str(w, "device_id", device->device_id);
    myl_admin_write_text(w, "display_name",
                         device->display_name.len > 0 ? device->display_name : MYL_ABSENT);
    myl_admin_write_text(w, "last_seen_ip",
                         device->last_seen_ip.len > 0 ? device->last_seen_ip : MYL_ABSENT);
    myl_admin_write_text(w, "last_seen_user_agent",
                         device->last_seen_agent.len > 0 ? device->last_seen_agent : MYL_ABSENT);
    if (device->last_seen_ms > 0)
        myl_write_int(w, "last_seen_ts", device->last_seen_ms);
    else
        myl_write_null(w, "last_seen_ts");
    myl_write_str(w, "user_id", user_id);
    myl_write_close(w, '}');
}

myl_rc myl_admin_devices(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 512);
    const myl_device *devices;
    myl_account account;
    size_t count;

    MYL_UNUSED(in);
    MYL_TRY(myl_admin_account(req, &account));
    MYL_TRY(myl_user_devices(&req->cx, req->path.user_id, &devices, &count));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "devices", '[');
    for (size_t i = 0; i < count; i++)
        write_device(&w, req->path.user_id, &devices[i]);
    myl_write_close(&w, ']');
    myl_write_int(&w, "total", (int64_t)count);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_device(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 256);
    myl_account account;
    myl_device device;

    MYL_UNUSED(in);
    MYL_TRY(myl_admin_account(req, &account));
    MYL_TRY(myl_user_device(&req->cx, account.user, req->path.device_id, &device));
    if (device.number == 0)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "deviceId: no such device");
    write_device(&w, req->path.user_id, &device);
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_new_device(myl_req *req, const myl_body_user_device_new *in)
{
    myl_account account;

    MYL_TRY(myl_admin_account(req, &account));
    MYL_TRY(myl_user_device_make(&req->cx, account.user, in->device_id, in->display_name));
    return myl_reply_json(req, 201, MYL_S("{}"));
}

myl_rc myl_admin_put_device(myl_req *req, const myl_body_device *in)
{
    myl_account account;

    MYL_TRY(myl_admin_account(req, &account));
    MYL_TRY(myl_user_device_rename(&req->cx, account.user, req->path.device_id, in->display_name));
    return myl_reply_empty(req);
}

myl_rc myl_admin_delete_device(myl_req *req, const myl_body_none *in)
{
    myl_account account;

    MYL_UNUSED(in);
    MYL_TRY(myl_admin_account(req, &account));
    MYL_TRY(myl_user_device_delete(&req->cx, account.user, req->path.device_id));
    return myl_reply_empty(req);
}

myl_rc myl_admin_delete_devices(myl_req *req, const myl_body_user_devices_delete *in)
{
    myl_account account;

    MYL_TRY(myl_admin_account(req, &account));
    for (size_t i = 0; i < in->devices_count; i++)
        MYL_TRY(myl_user_device_delete(&req->cx, account.user, in->devices[i]));
    return myl_reply_empty(req);
}

myl_rc myl_admin_whois(myl_req *req, const myl_body_none *in)
{
    return myl_client_whois(req, in);
}

/* ---- rooms ---- */

static myl_rc rooms_of(myl_req *req, unsigned memberships, const myl_member **rooms, size_t *count)
{
    uint64_t user;

    /* also of users elsewhere: what is known of them here */
    MYL_TRY(myl_store_interned(&req->cx, MYL_INTERN_NAME, req->path.user_id, &user));
    if (user == 0)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "userId: nobody here has heard of this user");
    return myl_room_of_user(&req->cx, user, memberships, rooms, count);
}

myl_rc myl_admin_joined_rooms(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 512);
    const myl_member *rooms;
    size_t count;

    MYL_UNUSED(in);
    MYL_TRY(rooms_of(req, 1u << MYL_MEMBER_JOIN, &rooms, &count));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "joined_rooms", '[');
    for (size_t i = 0; i < count; i++) {
        myl_str room_id;

        MYL_TRY(myl_store_text_of(&req->cx, MYL_INTERN_ROOM, rooms[i].room, &room_id));
        myl_write_str(&w, NULL, room_id);
    }
    myl_write_close(&w, ']');
    myl_write_int(&w, "total", (int64_t)count);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_memberships(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 512);
    const myl_member *rooms;
    size_t count;

    MYL_UNUSED(in);
    MYL_TRY(rooms_of(req, UINT32_MAX, &rooms, &count));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "memberships", '{');
    for (size_t i = 0; i < count; i++) {
        myl_text quoted = MYL_TEXT(&req->cx);
        myl_str room_id;

        MYL_TRY(myl_store_text_of(&req->cx, MYL_INTERN_ROOM, rooms[i].room, &room_id));
        myl_json_write_str(&quoted, myl_membership_name(rooms[i].membership));
        myl_write_member(&w, room_id, myl_text_str(&quoted));
    }
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
