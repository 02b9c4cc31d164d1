/* room_read.c: rooms as a reader sees them: events, state, members.
 *
 * Spec:    Client-Server API, Getting events for a room.
 * Threads: a read worker.
 * Holds:   nothing is shown that the history visibility hides from this reader.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/base_clock.h>
#include <myelin/base_list.h>
#include <myelin/sync_build.h>

myl_event_form myl_client_form(const myl_req *req)
{
    return (myl_event_form){.reader = &req->caller, .now_ms = myl_now_ms()};
}

myl_rc myl_client_open_reading(myl_req *req, myl_client_reading *out)
{
    myl_ignored *ignored = myl_new(&req->cx, myl_ignored);

    *out = (myl_client_reading){.form = myl_client_form(req), .sight = {.user = req->caller.user}};
    out->form.ignored = ignored;
    return myl_user_ignored(&req->cx, req->caller.user, ignored);
}

myl_rc myl_client_write_event(myl_req *req, myl_writer *w, const char *key,
                              const myl_stored *stored, myl_client_reading *reading)
{
    MYL_TRY(myl_room_membership_then(&req->cx, &reading->sight, stored, &reading->form.membership));
    return myl_room_write_event(&req->cx, w, key, stored, &reading->form);
}

myl_rc myl_client_may_show(myl_req *req, myl_client_reading *reading, const myl_stored *stored,
                           bool *out)
{
    *out = false;
    if ((stored->flags & MYL_EVENT_STATE) == 0 &&
        myl_ignores(reading->form.ignored, stored->sender))
        return MYL_OK;
    return myl_room_may_see(&req->cx, &reading->sight, stored, out);
}

myl_rc myl_client_open_room(myl_req *req, myl_room_head *head, myl_tree_root *root)
{
    MYL_TRY(myl_room_head_get(&req->cx, req->path.room_id, head));
    if (head->room == 0)
        return myl_fail(&req->cx, MYL_FORBIDDEN, "you are not in the room");
    return myl_room_readable_state(&req->cx, head, req->caller.user, root);
}

myl_rc myl_client_event(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 512);
    myl_client_reading reading;
    myl_room_head head;
    myl_stored stored;
    bool visible;

    MYL_UNUSED(in);
    MYL_TRY(myl_room_head_get(&req->cx, req->path.room_id, &head));
    MYL_TRY(myl_room_event_of(&req->cx, head.room, req->path.event_id, &stored));
    MYL_TRY(myl_client_open_reading(req, &reading));
    MYL_TRY(myl_room_may_see(&req->cx, &reading.sight, &stored, &visible));
    if (!visible)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such event in this room");
    MYL_TRY(myl_client_write_event(req, &w, NULL, &stored, &reading));
    return myl_reply_written(req, &w);
}

/* ---- state ---- */

myl_rc myl_client_state(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 4096);
    myl_event_form form = myl_client_form(req);
    const uint64_t *numbers;
    myl_room_head head;
    myl_tree_root root;
    myl_stored stored;
    size_t count;

    MYL_UNUSED(in);
    MYL_TRY(myl_client_open_room(req, &head, &root));
    MYL_TRY(myl_room_state_all(&req->cx, root, &numbers, &count));
    myl_write_open(&w, '[');
    for (size_t i = 0; i < count; i++) {
        MYL_TRY(myl_room_event(&req->cx, numbers[i], &stored));
        MYL_TRY(myl_room_write_event(&req->cx, &w, NULL, &stored, &form));
    }
    myl_write_close(&w, ']');
    return myl_reply_written(req, &w);
}

static myl_rc reply_state_event(myl_req *req, const myl_stored *stored)
{
    myl_writer w = myl_write_start(&req->cx, 512);
    myl_event_form form = myl_client_form(req);

    MYL_TRY(myl_room_write_event(&req->cx, &w, NULL, stored, &form));
    return myl_reply_written(req, &w);
}

myl_rc myl_client_state_content(myl_req *req, const myl_body_none *in)
{
    myl_str key = myl_str_present(req->path.state_key) ? req->path.state_key : MYL_S(""),
            format = myl_req_query(req, "format");
    myl_text text = MYL_TEXT(&req->cx);
    const myl_json *content;
    myl_room_head head;
    myl_tree_root root;
    myl_stored stored;
    bool whole = myl_str_equal(format, MYL_S("event"));

    MYL_UNUSED(in);
    if (myl_str_present(format) && !whole && !myl_str_equal(format, MYL_S("content")))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "format: expected content or event");
    MYL_TRY(myl_client_open_room(req, &head, &root));
    MYL_TRY(myl_room_state_event(&req->cx, root, myl_cstr(&req->cx, req->path.event_type), key,
                                 &stored));
    if (stored.number == 0)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such state in this room");
    if (whole)
        return reply_state_event(req, &stored);
    MYL_TRY(myl_room_event_content(&req->cx, &stored, &content));
    myl_json_write(&text, content);
    return myl_reply_json(req, 200, myl_text_str(&text));
}

/* ---- members ---- */

/* Which memberships are wanted: `membership` and `not_membership`, all when neither is given. */
static myl_rc wanted_members(myl_req *req, unsigned *wanted)
{
    const char *const names[] = {"membership", "not_membership"};
    const unsigned every = ~0u;

    *wanted = every;
    for (size_t i = 0; i < 2; i++) {
        myl_str given = myl_req_query(req, names[i]);
        myl_membership membership = myl_membership_of(given);

        if (!myl_str_present(given))
            continue;
        if (membership == MYL_MEMBER_NONE)
            return myl_fail(&req->cx, MYL_INVALID_PARAM, "%s: not a membership", names[i]);
        *wanted &= i == 0 ? 1u << membership : ~(1u << membership);
    }
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
    if (myl_point_position(at) != 0)
        return root_then(req, head, myl_point_position(at), root);
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

static myl_rc collect_entry(void *arg, const myl_tree_entry *entry)
{
    myl_list_push((myl_list *)arg, uint64_t, entry->event);
    return MYL_OK;
}

/* Numbers of all member events of a state: one subtree. */
static myl_rc member_events(myl_req *req, myl_tree_root root, myl_list *out)
{
    uint64_t type;

    *out = MYL_LIST(&req->cx, uint64_t);
    MYL_TRY(myl_store_interned(&req->cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &type));
    if (root == 0 || type == 0)
        return MYL_OK;
    return myl_tree_walk(&req->cx, myl_store_nodes(&req->cx), root, (uint32_t)type, collect_entry,
                         out);
}

static myl_rc write_member(myl_req *req, myl_writer *w, uint64_t number, unsigned wanted)
{
    myl_event_form form = myl_client_form(req);
    const myl_json *content;
    myl_stored stored;

    MYL_TRY(myl_room_event(&req->cx, number, &stored));
    if (wanted != ~0u) {
        MYL_TRY(myl_room_event_content(&req->cx, &stored, &content));
        if ((wanted & (1u << myl_membership_of(myl_json_text(content, MYL_S("membership"))))) == 0)
            return MYL_OK;
    }
    return myl_room_write_event(&req->cx, w, NULL, &stored, &form);
}

myl_rc myl_client_members(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 4096);
    myl_room_head head;
    myl_tree_root root;
    unsigned wanted;
    myl_list numbers;

    MYL_UNUSED(in);
    MYL_TRY(wanted_members(req, &wanted));
    MYL_TRY(myl_client_open_room(req, &head, &root));
    MYL_TRY(root_at(req, &head, &root));
    MYL_TRY(member_events(req, root, &numbers));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "chunk", '[');
    for (size_t i = 0; i < numbers.count; i++)
        MYL_TRY(write_member(req, &w, myl_list_get(&numbers, uint64_t, i), wanted));
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

static void write_or_null(myl_writer *w, const char *key, myl_str value)
{
    if (myl_str_present(value))
        myl_write_str(w, key, value);
    else
        myl_write_null(w, key);
}

myl_rc myl_client_joined_members(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 1024);
    const uint64_t *users;
    myl_room_head head;
    size_t count;

    MYL_UNUSED(in);
    MYL_TRY(myl_room_require_joined(&req->cx, req->path.room_id, &req->caller, &head));
    MYL_TRY(myl_room_joined(&req->cx, head.room, &users, &count));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "joined", '{');
    for (size_t i = 0; i < count; i++) {
        const myl_json *content;
        myl_member member;
        myl_stored stored;
        myl_str user_id;

        MYL_TRY(myl_room_member(&req->cx, head.room, users[i], &member));
        MYL_TRY(myl_room_event(&req->cx, member.event, &stored));
        MYL_TRY(myl_room_event_content(&req->cx, &stored, &content));
        MYL_TRY(myl_store_text_of(&req->cx, MYL_INTERN_NAME, users[i], &user_id));
        myl_write_open_str(&w, user_id, '{');
        write_or_null(&w, "avatar_url", myl_json_text(content, MYL_S("avatar_url")));
        write_or_null(&w, "display_name", myl_json_text(content, MYL_S("displayname")));
        myl_write_close(&w, '}');
    }
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
