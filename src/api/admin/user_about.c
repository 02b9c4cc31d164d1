/* user_about.c: what users keep here, their limits of requests, and shadow bans.
 *
 * Threads: the engine for changes, a read worker otherwise.
 * Holds:   a shadow-banned user's messages, state and invites are answered as if they had been sent (client/room_send.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/admin/admin_own.h"

/* ---- account data ---- */

static int by_room(const void *a, const void *b)
{
    const myl_account_data *one = a, *two = b;

    return one->room < two->room ? -1 : one->room > two->room;
}

/* Those of one room (0: global), from `first` on. */
static size_t write_room_data(myl_writer *w, const myl_list *data, size_t first)
{
    uint64_t room = myl_list_get(data, myl_account_data, first).room;
    size_t i = first;

    for (; i < data->count && myl_list_get(data, myl_account_data, i).room == room; i++) {
        myl_account_data one = myl_list_get(data, myl_account_data, i);

        myl_write_member(w, one.type, one.json);
    }
    return i;
}

static myl_rc write_data(myl_req *req, myl_writer *w, const myl_list *data)
{
    size_t i = 0;

    myl_write_open_key(w, "global", '{');
    if (data->count > 0 && myl_list_get(data, myl_account_data, 0).room == 0)
        i = write_room_data(w, data, 0);
    myl_write_close(w, '}');
    myl_write_open_key(w, "rooms", '{');
    while (i < data->count) {
        myl_str room_id;

        MYL_TRY(myl_store_text_of(&req->cx, MYL_INTERN_ROOM,
                                  myl_list_get(data, myl_account_data, i).room, &room_id));
        myl_write_open_key(w, myl_cstr(&req->cx, room_id), '{');
        i = write_room_data(w, data, i);
        myl_write_close(w, '}');
    }
    myl_write_close(w, '}');
    return MYL_OK;
}

myl_rc myl_admin_account_data(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 1024);
    myl_list sorted = MYL_LIST(&req->cx, myl_account_data);
    const myl_account_data *data;
    myl_account account;
    size_t count;

    MYL_UNUSED(in);
    MYL_TRY(myl_admin_account(req, &account));
    MYL_TRY(myl_user_data_since(&req->cx, account.user, 0, &data, &count));
    for (size_t i = 0; i < count; i++)
        myl_list_push(&sorted, myl_account_data, data[i]);
    myl_list_sort(&sorted, by_room);
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "account_data", '{');
    MYL_TRY(write_data(req, &w, &sorted));
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- pushers ---- */

myl_rc myl_admin_pushers(myl_req *req, const myl_body_none *in)
{
    myl_account account;

    MYL_TRY(myl_admin_account(req, &account));
    req->caller = (myl_caller){.user_id = req->path.user_id, .user = account.user};
    return myl_client_pushers(req, in);
}

/* ---- limits of requests ---- */

static myl_rc reply_rate(myl_req *req, const myl_user_rate *rate)
{
    myl_writer w = myl_write_start(&req->cx, 64);

    myl_write_open(&w, '{');
    if (rate->is_set) {
        myl_write_int(&w, "messages_per_second", rate->per_second);
        myl_write_int(&w, "burst_count", rate->burst);
    }
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_rate(myl_req *req, const myl_body_none *in)
{
    myl_account account;
    myl_user_rate rate;

    MYL_UNUSED(in);
    MYL_TRY(myl_admin_account(req, &account));
    MYL_TRY(myl_user_rate_get(&req->cx, account.user, &rate));
    return reply_rate(req, &rate);
}

myl_rc myl_admin_set_rate(myl_req *req, const myl_body_user_ratelimit *in)
{
    myl_user_rate rate = {true, in->messages_per_second, in->burst_count};
    myl_account account;

    MYL_TRY(myl_admin_account(req, &account));
    if (rate.per_second > INT32_MAX || rate.burst > INT32_MAX)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "%s: too large",
                        rate.per_second > INT32_MAX ? "messages_per_second" : "burst_count");
    MYL_TRY(myl_user_rate_set(&req->cx, account.user, &rate));
    return reply_rate(req, &rate);
}

myl_rc myl_admin_delete_rate(myl_req *req, const myl_body_none *in)
{
    myl_user_rate rate = {.is_set = false};
    myl_account account;

    MYL_UNUSED(in);
    MYL_TRY(myl_admin_account(req, &account));
    MYL_TRY(myl_user_rate_set(&req->cx, account.user, &rate));
    return myl_reply_empty(req);
}

/* ---- shadow bans ---- */

static myl_rc set_shadow_ban(myl_req *req, bool banned)
{
    myl_account account;

    MYL_TRY(myl_admin_account(req, &account));
    if (banned && account.user == req->caller.user)
        return myl_fail(&req->cx, MYL_BAD_REQUEST, "userId: you may not ban yourself");
    MYL_TRY(myl_user_set_standing(&req->cx, account.user, MYL_STANDING_SHADOW_BANNED, banned));
    return myl_reply_empty(req);
}

myl_rc myl_admin_shadow_ban(myl_req *req, const myl_body_user_shadow_ban *in)
{
    MYL_UNUSED(in);
    return set_shadow_ban(req, true);
}

myl_rc myl_admin_end_shadow_ban(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return set_shadow_ban(req, false);
}

/* ---- names elsewhere ---- */

/* Addresses, numbers and accounts of other providers: none are kept. */
myl_rc myl_admin_no_such_address(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return myl_fail(&req->cx, MYL_NOT_FOUND, "no user is known by this");
}

myl_rc myl_admin_no_such_account(myl_req *req, const myl_body_none *in)
{
    return myl_admin_no_such_address(req, in);
}
