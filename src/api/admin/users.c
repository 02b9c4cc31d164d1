/* users.c: lists of accounts, and all about one.
 *
 * Threads: a read worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/admin/admin_own.h"

/* ---- one account ---- */

myl_rc myl_admin_account(myl_req *req, myl_account *account)
{
    myl_ctx *cx = &req->cx;

    if (!myl_id_is_ours(req->path.user_id, myl_room_server()->server_name))
        return myl_fail(cx, MYL_INVALID_PARAM, "userId: not a user of this server");
    MYL_TRY(myl_user_account(cx, req->path.user_id, account));
    if (!account->exists)
        return myl_fail(cx, MYL_NOT_FOUND, "userId: there is no such account");
    return MYL_OK;
}

myl_rc myl_admin_last_seen(myl_ctx *cx, myl_str user_id, int64_t *out)
{
    const myl_device *devices;
    size_t count;

    *out = 0;
    MYL_TRY(myl_user_devices(cx, user_id, &devices, &count));
    for (size_t i = 0; i < count; i++)
        if (devices[i].last_seen_ms > *out)
            *out = devices[i].last_seen_ms;
    return MYL_OK;
}

static void write_seen(myl_writer *w, int64_t seen_ms)
{
    if (seen_ms > 0)
        myl_write_int(w, "last_seen_ts", seen_ms);
    else
        myl_write_null(w, "last_seen_ts");
}

static void write_flags(myl_writer *w, const myl_account *account)
{
    myl_write_bool(w, "is_guest", account->is_guest);
    myl_write_bool(w, "admin", account->is_admin);
    myl_write_null(w, "user_type");
    myl_write_bool(w, "deactivated", account->deactivated);
    myl_write_bool(w, "erased", account->erased);
    myl_write_bool(w, "shadow_banned", account->shadow_banned);
    myl_write_bool(w, "locked", account->locked);
    myl_write_bool(w, "suspended", account->suspended);
    myl_write_bool(w, "approved", true);
}

myl_rc myl_admin_reply_user(myl_req *req, int status)
{
    myl_ctx *cx = &req->cx;
    myl_writer w = myl_write_start(cx, 512);
    myl_account account;
    myl_profile profile;
    int64_t seen;

    MYL_TRY(myl_admin_account(req, &account));
    MYL_TRY(myl_user_profile(cx, req->path.user_id, &profile));
    MYL_TRY(myl_admin_last_seen(cx, req->path.user_id, &seen));
    myl_write_open(&w, '{');
    myl_write_str(&w, "name", req->path.user_id);
    myl_admin_write_text(&w, "displayname", profile.display_name);
    myl_admin_write_text(&w, "avatar_url", profile.avatar_url);
    write_flags(&w, &account);
    myl_write_int(&w, "creation_ts", account.created_ms / 1000);
    write_seen(&w, seen);
    myl_write_null(&w, "appservice_id");
    myl_write_null(&w, "consent_server_notice_sent");
    myl_write_null(&w, "consent_version");
    myl_write_null(&w, "consent_ts");
    myl_write_open_key(&w, "threepids", '[');
    myl_write_close(&w, ']');
    myl_write_open_key(&w, "external_ids", '[');
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_json(req, status, myl_write_done(&w));
}

myl_rc myl_admin_user(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return myl_admin_reply_user(req, 200);
}

/* ---- lists ---- */

typedef struct {
    myl_account account;
    myl_str user_id;
    myl_profile profile;
    int64_t seen_ms;
} listed;

/* Which accounts are wanted. */
typedef struct {
    myl_str user_id, name;
    bool guests;
    bool has_admins, admins;
    bool has_deactivated, deactivated; /* has: only those that are so, or that are not */
    bool locked;                       /* false: those that are locked are left out */
} wanted_users;

static myl_rc read_flag(myl_req *req, const char *name, bool *has, bool *out)
{
    *has = myl_str_present(myl_req_query(req, name));
    return myl_req_query_bool(req, name, false, out);
}

static myl_rc read_wanted(myl_req *req, wanted_users *out)
{
    out->user_id = myl_req_query(req, "user_id");
    out->name = myl_req_query(req, "name");
    MYL_TRY(myl_req_query_bool(req, "guests", true, &out->guests));
    MYL_TRY(read_flag(req, "admins", &out->has_admins, &out->admins));
    MYL_TRY(myl_req_query_bool(req, "locked", false, &out->locked));
    return read_flag(req, "deactivated", &out->has_deactivated, &out->deactivated);
}

static bool has_name(const wanted_users *wanted, const listed *user)
{
    if (myl_str_present(wanted->user_id))
        return myl_admin_holds(user->user_id, wanted->user_id);
    return !myl_str_present(wanted->name) ||
           myl_admin_holds(myl_id_localpart(user->user_id), wanted->name) ||
           myl_admin_holds(user->profile.display_name, wanted->name);
}

static bool is_wanted(const wanted_users *wanted, const listed *user)
{
    const myl_account *account = &user->account;

    return (wanted->guests || !account->is_guest) && (wanted->locked || !account->locked) &&
           (!wanted->has_admins || wanted->admins == account->is_admin) &&
           (!wanted->has_deactivated || wanted->deactivated == account->deactivated) &&
           has_name(wanted, user);
}

/* ---- in which order ---- */

#define BY_TEXT(function, of_user)                                                                 \
    static void function(const listed *user, myl_admin_ranked *out)                                \
    {                                                                                              \
        out->text = user->of_user;                                                                 \
    }
#define BY_NUMBER(function, of_user)                                                               \
    static void function(const listed *user, myl_admin_ranked *out)                                \
    {                                                                                              \
        out->number = user->of_user;                                                               \
    }
BY_TEXT(by_name, user_id)
BY_TEXT(by_display_name, profile.display_name)
BY_TEXT(by_avatar, profile.avatar_url)
BY_NUMBER(by_guest, account.is_guest)
BY_NUMBER(by_admin, account.is_admin)
BY_NUMBER(by_deactivated, account.deactivated)
BY_NUMBER(by_created, account.created_ms)
BY_NUMBER(by_seen, seen_ms)

typedef struct {
    const char *name;
    void (*rank)(const listed *user, myl_admin_ranked *out);
} order;

static const order orders[] = {{"name", by_name},           {"displayname", by_display_name},
                               {"avatar_url", by_avatar},   {"is_guest", by_guest},
                               {"admin", by_admin},         {"deactivated", by_deactivated},
                               {"creation_ts", by_created}, {"last_seen_ts", by_seen},
                               {"user_type", by_name},      {"shadow_banned", by_name}};

static myl_rc read_order(myl_req *req, const myl_admin_page *page, const order **out)
{
    myl_str wanted = myl_str_present(page->order_by) ? page->order_by : MYL_S("name");

    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        *out = &orders[i];
        if (myl_str_equal(wanted, myl_str_of(orders[i].name)))
            return MYL_OK;
    }
    return myl_fail(&req->cx, MYL_INVALID_PARAM, "order_by: not a field to sort by");
}

/* ---- a list ---- */

static myl_rc add(myl_ctx *cx, const listed *user, const order *by, myl_list *out)
{
    listed seen = *user;
    myl_admin_ranked one = {.text = MYL_S("")};

    if (by->rank == by_seen)
        MYL_TRY(myl_admin_last_seen(cx, user->user_id, &seen.seen_ms));
    by->rank(&seen, &one);
    one.id = myl_keep(out->cx, user->user_id);
    one.text = myl_keep(out->cx, one.text);
    myl_list_push(out, myl_admin_ranked, one);
    return MYL_OK;
}

/* Adds those that are wanted to `out`, which lies in memory of its own: all else about them is freed at once. */
static myl_rc collect(myl_ctx *cx, const wanted_users *wanted, const order *by, myl_list *out)
{
    uint64_t after = 0;

    for (;;) {
        myl_mark mark = myl_ctx_mark(cx);
        listed user = {.seen_ms = 0};

        MYL_TRY(myl_user_next(cx, after, &user.user_id, &user.account));
        after = user.account.user;
        if (after == 0)
            return MYL_OK;
        MYL_TRY(myl_user_profile(cx, user.user_id, &user.profile));
        if (is_wanted(wanted, &user))
            MYL_TRY(add(cx, &user, by, out));
        myl_ctx_release(cx, mark);
    }
}

static myl_rc write_user(myl_ctx *cx, myl_writer *w, myl_str user_id)
{
    myl_account account;
    myl_profile profile;
    int64_t seen;

    MYL_TRY(myl_user_account(cx, user_id, &account));
    MYL_TRY(myl_user_profile(cx, user_id, &profile));
    MYL_TRY(myl_admin_last_seen(cx, user_id, &seen));
    myl_write_open(w, '{');
    myl_write_str(w, "name", user_id);
    write_flags(w, &account);
    myl_admin_write_text(w, "displayname", profile.display_name);
    myl_admin_write_text(w, "avatar_url", profile.avatar_url);
    myl_write_int(w, "creation_ts", account.created_ms);
    write_seen(w, seen);
    myl_write_close(w, '}');
    return MYL_OK;
}

static myl_rc write_users(myl_req *req, const void *wanted, myl_list *users)
{
    myl_writer w = myl_write_start(&req->cx, 4096);
    myl_admin_page page;
    const order *by;
    size_t first, end;

    MYL_TRY(myl_admin_read_page(req, &page));
    MYL_TRY(read_order(req, &page, &by));
    MYL_TRY(collect(&req->cx, wanted, by, users));
    myl_admin_sort(users);
    myl_admin_cut_page(&page, users->count, &first, &end);
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "users", '[');
    for (size_t i = first; i < end; i++) {
        size_t at = myl_admin_page_index(&page, users->count, i);

        MYL_TRY(write_user(&req->cx, &w, myl_list_get(users, myl_admin_ranked, at).id));
    }
    myl_write_close(&w, ']');
    myl_write_int(&w, "total", (int64_t)users->count);
    if (end < users->count)
        myl_write_str(&w, "next_token", myl_strf(&req->cx, "%zu", end));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* Version 2: closed accounts only when they are asked for, and then among the others. */
myl_rc myl_admin_users(myl_req *req, const myl_body_none *in)
{
    wanted_users wanted;

    MYL_UNUSED(in);
    MYL_TRY(read_wanted(req, &wanted));
    wanted.has_deactivated = !wanted.deactivated;
    return myl_admin_list(req, write_users, &wanted);
}

/* Version 3: all, or with ?deactivated only those that are so or are not. */
myl_rc myl_admin_users_v3(myl_req *req, const myl_body_none *in)
{
    wanted_users wanted;

    MYL_UNUSED(in);
    MYL_TRY(read_wanted(req, &wanted));
    return myl_admin_list(req, write_users, &wanted);
}
