/* rooms.c: lists of rooms, and all about one.
 *
 * Threads: a read worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/admin/admin_own.h"

/* ---- which ---- */

typedef struct {
    myl_str term;
    bool has_public, is_public, has_empty, is_empty;
} wanted_rooms;

static myl_rc read_wanted(myl_req *req, wanted_rooms *out)
{
    out->term = myl_req_query(req, "search_term");
    if (myl_str_present(out->term) && out->term.len == 0)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "search_term: must not be empty");
    out->has_public = myl_str_present(myl_req_query(req, "public_rooms"));
    out->has_empty = myl_str_present(myl_req_query(req, "empty_rooms"));
    MYL_TRY(myl_req_query_bool(req, "public_rooms", false, &out->is_public));
    return myl_req_query_bool(req, "empty_rooms", false, &out->is_empty);
}

static bool is_wanted(const wanted_rooms *wanted, const myl_admin_room *room)
{
    if (wanted->has_public && wanted->is_public != room->is_public)
        return false;
    if (wanted->has_empty && wanted->is_empty != (room->joined == 0))
        return false;
    return !myl_str_present(wanted->term) || myl_admin_holds(room->name, wanted->term) ||
           myl_admin_holds(room->canonical_alias, wanted->term) ||
           myl_str_equal(room->room_id, wanted->term);
}

/* ---- in which order ---- */

#define BY_TEXT(field)                                                                             \
    static void by_##field(const myl_admin_room *room, myl_admin_ranked *out)                      \
    {                                                                                              \
        out->text = room->field;                                                                   \
    }
/* The largest first. */
#define BY_NUMBER(field)                                                                           \
    static void by_##field(const myl_admin_room *room, myl_admin_ranked *out)                      \
    {                                                                                              \
        out->number = -(int64_t)room->field;                                                       \
    }
BY_TEXT(canonical_alias)
BY_TEXT(version)
BY_TEXT(creator)
BY_TEXT(encryption)
BY_TEXT(join_rules)
BY_TEXT(guest_access)
BY_TEXT(history_visibility)
BY_NUMBER(joined)
BY_NUMBER(joined_local)
BY_NUMBER(state_events)
BY_NUMBER(federatable)
BY_NUMBER(is_public)

/* A room without a name stands under its alias, then under its id. */
static void by_name(const myl_admin_room *room, myl_admin_ranked *out)
{
    out->text = room->name;
    if (!myl_str_present(out->text))
        out->text = myl_str_present(room->canonical_alias) ? room->canonical_alias : room->room_id;
}

typedef struct {
    const char *name;
    void (*rank)(const myl_admin_room *room, myl_admin_ranked *out);
} order;

static const order orders[] = {
    {"name", by_name},
    {"alphabetical", by_name},
    {"canonical_alias", by_canonical_alias},
    {"joined_members", by_joined},
    {"size", by_joined},
    {"joined_local_members", by_joined_local},
    {"version", by_version},
    {"creator", by_creator},
    {"encryption", by_encryption},
    {"federatable", by_federatable},
    {"public", by_is_public},
    {"join_rules", by_join_rules},
    {"guest_access", by_guest_access},
    {"history_visibility", by_history_visibility},
    {"state_events", by_state_events},
};

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

/* Adds those that are wanted to `out`, which lies in memory of its own: all else about them is freed at once. */
static myl_rc collect(myl_ctx *cx, const wanted_rooms *wanted, const order *by, myl_list *out)
{
    uint64_t after = 0;

    for (;;) {
        myl_mark mark = myl_ctx_mark(cx);
        myl_admin_ranked one = {.text = MYL_S("")};
        myl_room_head head;
        myl_admin_room room;

        MYL_TRY(myl_room_next(cx, after, &head));
        after = head.room;
        if (after == 0)
            return MYL_OK;
        MYL_TRY(myl_admin_describe(cx, &head, &room));
        by->rank(&room, &one);
        one.key = after;
        one.id = myl_keep(out->cx, room.room_id);
        one.text = myl_keep(out->cx, one.text);
        if (is_wanted(wanted, &room))
            myl_list_push(out, myl_admin_ranked, one);
        myl_ctx_release(cx, mark);
    }
}

static myl_rc write_listed(myl_ctx *cx, myl_writer *w, uint64_t number)
{
    myl_room_head head;
    myl_admin_room room;

    MYL_TRY(myl_room_head_of(cx, number, &head));
    MYL_TRY(myl_admin_describe(cx, &head, &room));
    myl_write_open(w, '{');
    myl_admin_write_room(w, &room);
    myl_write_close(w, '}');
    return MYL_OK;
}

static void write_places(myl_writer *w, const myl_admin_page *page, size_t end, size_t count)
{
    myl_write_int(w, "offset", page->from);
    myl_write_int(w, "total_rooms", (int64_t)count);
    if (end < count)
        myl_write_int(w, "next_batch", (int64_t)end);
    if (page->from > 0)
        myl_write_int(w, "prev_batch", page->from > page->limit ? page->from - page->limit : 0);
}

static myl_rc write_rooms(myl_req *req, const void *arg, myl_list *rooms)
{
    myl_writer w = myl_write_start(&req->cx, 4096);
    wanted_rooms wanted;
    myl_admin_page page;
    const order *by;
    size_t first, end;

    MYL_UNUSED(arg);
    MYL_TRY(myl_admin_read_page(req, &page));
    MYL_TRY(read_wanted(req, &wanted));
    MYL_TRY(read_order(req, &page, &by));
    MYL_TRY(collect(&req->cx, &wanted, by, rooms));
    myl_admin_sort(rooms);
    myl_admin_cut_page(&page, rooms->count, &first, &end);
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "rooms", '[');
    for (size_t i = first; i < end; i++) {
        size_t at = myl_admin_page_index(&page, rooms->count, i);

        MYL_TRY(write_listed(&req->cx, &w, myl_list_get(rooms, myl_admin_ranked, at).key));
    }
    myl_write_close(&w, ']');
    write_places(&w, &page, end, rooms->count);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_rooms(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return myl_admin_list(req, write_rooms, NULL);
}

/* ---- one room ---- */

/* Devices of its members of this server. */
static myl_rc count_devices(myl_ctx *cx, uint64_t room, int64_t *out)
{
    const uint64_t *users;
    size_t count;

    *out = 0;
    MYL_TRY(myl_room_joined(cx, room, &users, &count));
    for (size_t i = 0; i < count; i++) {
        const myl_device *devices;
        myl_str user_id;
        size_t of_user;

        MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, users[i], &user_id));
        if (!myl_id_is_ours(user_id, myl_room_server()->server_name))
            continue;
        MYL_TRY(myl_user_devices(cx, user_id, &devices, &of_user));
        *out += (int64_t)of_user;
    }
    return MYL_OK;
}

myl_rc myl_admin_room_details(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 1024);
    myl_admin_room room;
    myl_room_head head;
    int64_t devices;

    MYL_UNUSED(in);
    MYL_TRY(myl_admin_room_head(req, &head));
    MYL_TRY(myl_admin_describe(&req->cx, &head, &room));
    MYL_TRY(count_devices(&req->cx, head.room, &devices));
    myl_write_open(&w, '{');
    myl_admin_write_room(&w, &room);
    myl_admin_write_text(&w, "avatar", room.avatar);
    myl_admin_write_text(&w, "topic", room.topic);
    myl_write_int(&w, "joined_local_devices", devices);
    myl_write_bool(&w, "forgotten", false);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- its members, its state: in pages ---- */

enum { PAGE_USERS = 2000 };

typedef struct {
    uint64_t room, after; /* a user */
    int64_t total;
} member_list;

static myl_rc next_members(myl_req *req, void *state, myl_text *out, bool *last)
{
    myl_ctx *cx = &req->cx;
    myl_mark mark = myl_ctx_mark(cx);
    member_list *list = state;
    myl_list users;

    if (list->total == 0)
        myl_text_add(out, MYL_S("{\"members\":["));
    MYL_TRY(myl_room_joined_after(cx, list->room, list->after, PAGE_USERS, &users));
    for (size_t i = 0; i < users.count; i++) {
        myl_str user_id;

        list->after = myl_list_get(&users, uint64_t, i);
        MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, list->after, &user_id));
        if (list->total++ > 0)
            myl_text_add_byte(out, ',');
        myl_json_write_str(out, user_id);
    }
    *last = users.count < PAGE_USERS;
    if (*last)
        myl_text_addf(out, "],\"total\":%lld}", (long long)list->total);
    myl_ctx_release(cx, mark);
    return MYL_OK;
}

myl_rc myl_admin_room_members(myl_req *req, const myl_body_none *in)
{
    member_list *list = myl_new(&req->cx, member_list);
    myl_room_head head;

    MYL_UNUSED(in);
    MYL_TRY(myl_admin_room_head(req, &head));
    list->room = head.room;
    return myl_reply_pages(req, 200, "application/json", next_members, list);
}

myl_rc myl_admin_room_state(myl_req *req, const myl_body_none *in)
{
    myl_room_head head;

    MYL_UNUSED(in);
    MYL_TRY(myl_admin_room_head(req, &head));
    return myl_client_reply_state(req, &(myl_client_state_list){.root = head.state,
                                                                .wanted = ~0u,
                                                                .for_admin = true,
                                                                .open = MYL_S("{\"state\":["),
                                                                .close = MYL_S("]}")});
}

/* ---- blocked rooms ---- */

myl_rc myl_admin_room_block(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 128);
    myl_room_blocking blocking;

    MYL_UNUSED(in);
    MYL_TRY(myl_room_block_get(&req->cx, req->path.room_id, &blocking));
    myl_write_open(&w, '{');
    myl_write_bool(&w, "block", blocking.blocked);
    if (blocking.blocked && blocking.by.len > 0)
        myl_write_str(&w, "user_id", blocking.by);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_put_room_block(myl_req *req, const myl_body_room_block *in)
{
    myl_room_blocking blocking = {.blocked = in->block,
                                  .by = myl_str_present(req->caller.user_id) ? req->caller.user_id
                                                                             : MYL_S("")};
    myl_writer w = myl_write_start(&req->cx, 32);

    MYL_TRY(myl_room_block_set(&req->cx, req->path.room_id, &blocking));
    myl_write_open(&w, '{');
    myl_write_bool(&w, "block", in->block);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
