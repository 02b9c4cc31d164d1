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

static myl_rc collect(myl_ctx *cx, const wanted_rooms *wanted, myl_list *out)
{
    myl_room_head head = {.room = 0};
    myl_admin_room room;

    for (;;) {
        MYL_TRY(myl_room_next(cx, head.room, &head));
        if (head.room == 0)
            return MYL_OK;
        MYL_TRY(myl_admin_describe(cx, &head, &room));
        if (is_wanted(wanted, &room))
            myl_list_push(out, myl_admin_room, room);
    }
}

/* ---- in which order ---- */

static int by_id(const void *a, const void *b)
{
    return myl_str_compare(((const myl_admin_room *)a)->room_id,
                           ((const myl_admin_room *)b)->room_id);
}

#define BY_TEXT(field)                                                                             \
    static int by_##field(const void *a, const void *b)                                            \
    {                                                                                              \
        int order = myl_str_compare(((const myl_admin_room *)a)->field,                            \
                                    ((const myl_admin_room *)b)->field);                           \
        return order != 0 ? order : by_id(a, b);                                                   \
    }
/* The largest first. */
#define BY_NUMBER(field)                                                                           \
    static int by_##field(const void *a, const void *b)                                            \
    {                                                                                              \
        int64_t one = ((const myl_admin_room *)a)->field,                                          \
                two = ((const myl_admin_room *)b)->field;                                          \
        return one != two ? (one > two ? -1 : 1) : by_id(a, b);                                    \
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
static int by_name(const void *a, const void *b)
{
    const myl_admin_room *one = a, *two = b;
    myl_str names[2] = {one->name, two->name};

    for (int i = 0; i < 2; i++) {
        const myl_admin_room *room = i == 0 ? one : two;

        if (!myl_str_present(names[i]))
            names[i] =
                myl_str_present(room->canonical_alias) ? room->canonical_alias : room->room_id;
    }
    int order = myl_str_compare(names[0], names[1]);
    return order != 0 ? order : by_id(a, b);
}

static const struct {
    const char *name;
    int (*compare)(const void *a, const void *b);
} orders[] = {
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

static myl_rc sort(myl_req *req, const myl_admin_page *page, myl_list *rooms)
{
    myl_str wanted = myl_str_present(page->order_by) ? page->order_by : MYL_S("name");

    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        if (!myl_str_equal(wanted, myl_str_of(orders[i].name)))
            continue;
        myl_list_sort(rooms, orders[i].compare);
        return MYL_OK;
    }
    return myl_fail(&req->cx, MYL_INVALID_PARAM, "order_by: not a field to sort by");
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

myl_rc myl_admin_rooms(myl_req *req, const myl_body_none *in)
{
    myl_list rooms = MYL_LIST(&req->cx, myl_admin_room);
    myl_writer w = myl_write_start(&req->cx, 4096);
    wanted_rooms wanted;
    myl_admin_page page;
    size_t first, end;

    MYL_UNUSED(in);
    MYL_TRY(myl_admin_read_page(req, &page));
    MYL_TRY(read_wanted(req, &wanted));
    MYL_TRY(collect(&req->cx, &wanted, &rooms));
    MYL_TRY(sort(req, &page, &rooms));
    myl_admin_cut_page(&page, rooms.count, &first, &end);
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "rooms", '[');
    for (size_t i = first; i < end; i++) {
        myl_write_open(&w, '{');
        myl_admin_write_room(&w, myl_list_at(&rooms, myl_admin_page_index(&page, rooms.count, i)));
        myl_write_close(&w, '}');
    }
    myl_write_close(&w, ']');
    write_places(&w, &page, end, rooms.count);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
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

myl_rc myl_admin_room_members(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 1024);
    const uint64_t *users;
    myl_room_head head;
    size_t count;

    MYL_UNUSED(in);
    MYL_TRY(myl_admin_room_head(req, &head));
    MYL_TRY(myl_room_joined(&req->cx, head.room, &users, &count));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "members", '[');
    for (size_t i = 0; i < count; i++) {
        myl_str user_id;

        MYL_TRY(myl_store_text_of(&req->cx, MYL_INTERN_NAME, users[i], &user_id));
        myl_write_str(&w, NULL, user_id);
    }
    myl_write_close(&w, ']');
    myl_write_int(&w, "total", (int64_t)count);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_admin_room_state(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 4096);
    myl_event_form form = {.now_ms = myl_now_ms()};
    const uint64_t *numbers;
    myl_room_head head;
    size_t count;

    MYL_UNUSED(in);
    MYL_TRY(myl_admin_room_head(req, &head));
    MYL_TRY(myl_room_state_all(&req->cx, head.state, &numbers, &count));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "state", '[');
    for (size_t i = 0; i < count; i++) {
        myl_stored stored;

        MYL_TRY(myl_room_event(&req->cx, numbers[i], &stored));
        MYL_TRY(myl_room_write_event(&req->cx, &w, NULL, &stored, &form));
    }
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
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
