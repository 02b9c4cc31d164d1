/* room_lists.c: what can be long of a room: its state, its members; answered in pieces.
 *
 * Why:     a room may have 100,000 members, some 50 MB of events: a page is made when the one before it has gone, and what
 *          is kept between two pages does not grow with the room.
 * Spec:    Client-Server API, Getting events for a room.
 * Threads: read workers, each page in a snapshot of its own. A state never changes, so the pages of one agree; who joins
 *          while /joined_members goes out may be in it or not.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/base_clock.h>
#include <myelin/base_list.h>
#include <myelin/sync_build.h>

enum { PAGE_USERS = 500 };

/* ---- events of a state ---- */

typedef struct {
    myl_client_state_list list;
    myl_tree_steps *steps;
    bool begun, any;
} event_list;

static myl_rc is_wanted(myl_ctx *cx, const myl_stored *stored, unsigned wanted, bool *out)
{
    const myl_json *content;
    myl_membership membership;

    *out = true;
    if (wanted == ~0u)
        return MYL_OK;
    MYL_TRY(myl_room_event_content(cx, stored, &content));
    membership = myl_membership_of(myl_json_text(content, MYL_S("membership")));
    *out = (wanted & 1u << membership) != 0;
    return MYL_OK;
}

static myl_rc add_event(myl_req *req, event_list *list, uint64_t number, myl_text *out)
{
    myl_writer w = myl_write_start(&req->cx, 1024);
    myl_event_form form =
        list->list.for_admin ? (myl_event_form){.now_ms = myl_now_ms()} : myl_client_form(req);
    myl_stored stored;
    bool wanted;

    MYL_TRY(myl_room_event(&req->cx, number, &stored));
    MYL_TRY(is_wanted(&req->cx, &stored, list->list.wanted, &wanted));
    if (!wanted)
        return MYL_OK;
    MYL_TRY(myl_room_write_event(&req->cx, &w, NULL, &stored, &form));
    if (list->any)
        myl_text_add_byte(out, ',');
    list->any = true;
    myl_text_add(out, myl_write_done(&w));
    return MYL_OK;
}

static myl_rc next_events(myl_req *req, void *state, myl_text *out, bool *last)
{
    event_list *list = state;

    if (!list->begun)
        myl_text_add(out, list->list.open);
    list->begun = true;
    while (out->len < MYL_PAGE_BYTES && !*last) {
        myl_mark mark = myl_ctx_mark(&req->cx);
        myl_tree_entry entry;

        MYL_TRY(myl_tree_step(&req->cx, myl_store_nodes(&req->cx), list->steps, &entry));
        *last = entry.event == 0;
        if (!*last)
            MYL_TRY(add_event(req, list, entry.event, out));
        myl_ctx_release(&req->cx, mark);
    }
    if (*last)
        myl_text_add(out, list->list.close);
    return MYL_OK;
}

myl_rc myl_client_reply_state(myl_req *req, const myl_client_state_list *list)
{
    event_list *kept = myl_new(&req->cx, event_list);

    kept->list = *list;
    kept->steps = myl_tree_steps_start(&req->cx, list->root, list->type);
    return myl_reply_pages(req, 200, "application/json", next_events, kept);
}

myl_rc myl_client_state(myl_req *req, const myl_body_none *in)
{
    myl_room_head head;
    myl_tree_root root;

    MYL_UNUSED(in);
    MYL_TRY(myl_client_open_room(req, &head, &root));
    return myl_client_reply_state(req, &(myl_client_state_list){.root = root,
                                                                .wanted = ~0u,
                                                                .open = MYL_S("["),
                                                                .close = MYL_S("]")});
}

/* ---- members ---- */

/* Which memberships are wanted: `membership` or whatever is not `not_membership`; all when neither is given. */
static myl_rc wanted_members(myl_req *req, unsigned *wanted)
{
    const char *const names[] = {"membership", "not_membership"};
    bool any = false;

    *wanted = 0;
    for (size_t i = 0; i < 2; i++) {
        myl_str given = myl_req_query(req, names[i]);
        myl_membership membership = myl_membership_of(given);

        if (!myl_str_present(given))
            continue;
        if (membership == MYL_MEMBER_NONE)
            return myl_fail(&req->cx, MYL_INVALID_PARAM, "%s: not a membership", names[i]);
        *wanted |= i == 0 ? 1u << membership : ~(1u << membership);
        any = true;
    }
    if (!any)
        *wanted = ~0u;
    return MYL_OK;
}

/* Before its first event a room has no state: it begins with the first membership that it knows. */
static myl_rc first_membership(myl_req *req, const myl_room_head *head, myl_stored *out)
{
    uint64_t type;
    myl_walk *walk;

    MYL_TRY(myl_store_interned(&req->cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &type));
    MYL_TRY(myl_walk_reading(&req->cx, head->room, (myl_point){INT64_MIN, 0}, MYL_FORWARD, &walk));
    for (size_t steps = 0; steps < MYL_LIMIT_MESSAGES_WALK; steps++) {
        MYL_TRY(myl_walk_next(walk, out));
        if (out->number == 0 || out->type == type)
            break;
    }
    myl_walk_end(walk);
    return MYL_OK;
}

/* The state that was current when everything up to the position had arrived. Who has left keeps seeing that of their leave. */
static myl_rc root_then(myl_req *req, const myl_room_head *head, uint64_t position,
                        myl_tree_root *root)
{
    if (*root != head->state)
        return MYL_OK;
    return myl_room_state_at(&req->cx, head->room, position, root);
}

/* The state that `at` (a token) names, or the readable one. */
static myl_rc root_at(myl_req *req, const myl_room_head *head, myl_tree_root *root)
{
    myl_str at = myl_req_query(req, "at");
    myl_point point;
    myl_stored stored;
    myl_sync_token token;
    myl_walk *walk;

    if (at.len == 0)
        return MYL_OK;
    if (myl_sync_token_is(at)) {
        MYL_TRY(myl_sync_token_read(&req->cx, at, "at", &token));
        return root_then(req, head, token.durable, root);
    }
    MYL_TRY(myl_point_read(&req->cx, at, "at", &point));
    if (myl_point_read_marks(at).position != 0)
        return root_then(req, head, myl_point_read_marks(at).position, root);
    MYL_TRY(myl_walk_reading(&req->cx, head->room, point, MYL_BACKWARD, &walk));
    MYL_TRY(myl_walk_next(walk, &stored));
    myl_walk_end(walk);
    if (stored.number == 0)
        MYL_TRY(first_membership(req, head, &stored));
    /* who has left keeps seeing the state of their leave */
    if (stored.number != 0 && *root == head->state)
        *root = stored.after;
    return MYL_OK;
}

myl_rc myl_client_members(myl_req *req, const myl_body_none *in)
{
    myl_room_head head;
    myl_tree_root root;
    uint64_t type;
    unsigned wanted;

    MYL_UNUSED(in);
    MYL_TRY(wanted_members(req, &wanted));
    MYL_TRY(myl_client_open_room(req, &head, &root));
    MYL_TRY(root_at(req, &head, &root));
    MYL_TRY(myl_store_interned(&req->cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &type));
    if (type == 0)
        root = 0; /* which would be all types */
    return myl_client_reply_state(req, &(myl_client_state_list){.root = root,
                                                                .type = (uint32_t)type,
                                                                .wanted = wanted,
                                                                .open = MYL_S("{\"chunk\":["),
                                                                .close = MYL_S("]}")});
}

/* ---- who is joined now ---- */

typedef struct {
    uint64_t room, after; /* a user */
    bool begun;
} user_list;

static void write_or_null(myl_writer *w, const char *key, myl_str value)
{
    if (myl_str_present(value))
        myl_write_str(w, key, value);
    else
        myl_write_null(w, key);
}

static myl_rc add_user(myl_ctx *cx, const user_list *list, uint64_t user, myl_text *out)
{
    myl_writer w = myl_write_start(cx, 256);
    const myl_json *content;
    myl_member member;
    myl_stored stored;
    myl_str user_id;

    MYL_TRY(myl_room_member(cx, list->room, user, &member));
    MYL_TRY(myl_room_event(cx, member.event, &stored));
    MYL_TRY(myl_room_event_content(cx, &stored, &content));
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, user, &user_id));
    myl_write_open(&w, '{');
    write_or_null(&w, "avatar_url", myl_json_text(content, MYL_S("avatar_url")));
    write_or_null(&w, "display_name", myl_json_text(content, MYL_S("displayname")));
    myl_write_close(&w, '}');
    if (list->after != 0)
        myl_text_add_byte(out, ',');
    myl_json_write_str(out, user_id);
    myl_text_add_byte(out, ':');
    myl_text_add(out, myl_write_done(&w));
    return MYL_OK;
}

static myl_rc next_users(myl_req *req, void *state, myl_text *out, bool *last)
{
    myl_ctx *cx = &req->cx;
    myl_mark mark = myl_ctx_mark(cx);
    user_list *list = state;
    myl_list users;

    if (!list->begun)
        myl_text_add(out, MYL_S("{\"joined\":{"));
    list->begun = true;
    MYL_TRY(myl_room_joined_after(cx, list->room, list->after, PAGE_USERS, &users));
    for (size_t i = 0; i < users.count; i++) {
        uint64_t user = myl_list_get(&users, uint64_t, i);

        MYL_TRY(add_user(cx, list, user, out));
        list->after = user;
    }
    *last = users.count < PAGE_USERS;
    if (*last)
        myl_text_add(out, MYL_S("}}"));
    myl_ctx_release(cx, mark);
    return MYL_OK;
}

myl_rc myl_client_joined_members(myl_req *req, const myl_body_none *in)
{
    user_list *list = myl_new(&req->cx, user_list);
    myl_room_head head;

    MYL_UNUSED(in);
    MYL_TRY(myl_room_require_joined(&req->cx, req->path.room_id, &req->caller, &head));
    list->room = head.room;
    return myl_reply_pages(req, 200, "application/json", next_users, list);
}
