/* edu.c: what passes between servers: typing, receipts, presence, and what users' devices tell each other.
 *
 * Threads: the engine.
 * Holds:   a server speaks for its own users only, and in rooms whose ACL lets it in.
 * Spec:    Server-Server API, EDUs; Typing Notifications; Receipts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/server/edu.h"

#include "api/server/server_own.h"

#include <myelin/base_clock.h>
#include <myelin/fed_devices.h>
#include <myelin/http_server.h>
#include <myelin/room_presence.h>
#include <myelin/room_share.h>

enum { TYPING_MS = 30000, MOST_RECEIPTS = 1000 };
#define LONGEST_AGO_MS                                                                             \
    INT64_C(315360000000) /* ten years: more is no time that anybody was active at */

typedef struct {
    myl_ctx *cx;
    myl_str origin;
    const myl_json *content;
    size_t left; /* of what one EDU may do */
} edu;

/* ---- who and where ---- */

/* room 0: it is not for us to hear. */
static myl_rc find_room(const edu *e, myl_str room_id, uint64_t *room)
{
    myl_room_head head;
    bool good = false;

    *room = 0;
    if (!myl_id_is_room(room_id))
        return MYL_OK;
    MYL_TRY(myl_room_head_get(e->cx, room_id, &head));
    MYL_TRY(myl_room_is_here(e->cx, &head, &good));
    if (good)
        MYL_TRY(myl_room_acl_allows(e->cx, head.state, e->origin, &good));
    if (good)
        *room = head.room;
    return MYL_OK;
}

/* The membership of a user of that server; NONE: it is not one of theirs. */
static myl_rc find_member(const edu *e, uint64_t room, myl_str user_id, uint64_t *user,
                          myl_membership *membership)
{
    myl_member member;

    *membership = MYL_MEMBER_NONE;
    if (!myl_id_is_user(user_id) || !myl_id_is_ours(user_id, e->origin))
        return MYL_OK;
    MYL_TRY(myl_store_interned(e->cx, MYL_INTERN_NAME, user_id, user));
    MYL_TRY(myl_room_member(e->cx, room, *user, &member));
    *membership = member.membership;
    return MYL_OK;
}

/* ---- typing ---- */

static void wake_room(void *arg)
{
    myl_http_wake(MYL_NOTE_ROOM, *(const uint64_t *)arg);
}

static myl_rc take_typing(edu *e)
{
    bool typing = myl_json_bool(e->content, MYL_S("typing"), false);
    myl_str user_id = myl_json_text(e->content, MYL_S("user_id"));
    uint64_t *room = myl_new(e->cx, uint64_t), user;
    myl_membership membership = MYL_MEMBER_NONE;

    MYL_TRY(find_room(e, myl_json_text(e->content, MYL_S("room_id")), room));
    if (*room != 0)
        MYL_TRY(find_member(e, *room, user_id, &user, &membership));
    if (membership == MYL_MEMBER_JOIN && myl_room_typing_set(*room, user, typing ? TYPING_MS : 0))
        myl_engine_after_commit(e->cx, wake_room, room);
    return MYL_OK;
}

/* ---- receipts ---- */

static myl_rc take_receipt(edu *e, uint64_t room, myl_receipt receipt, const myl_json *told)
{
    const myl_json *ids = myl_json_array(told, MYL_S("event_ids"));
    const myl_json *data = myl_json_object(told, MYL_S("data"));
    myl_stored stored;
    uint64_t number;

    if (ids == NULL || ids->count == 0 || ids->items[0].kind != MYL_JSON_STRING ||
        !myl_id_is_event(ids->items[0].text) || e->left == 0)
        return MYL_OK;
    e->left--;
    receipt.event_id = ids->items[0].text;
    receipt.thread_id = myl_json_text(data, MYL_S("thread_id"));
    if (!myl_json_int(data, MYL_S("ts"), &receipt.ts) || receipt.ts < 0)
        receipt.ts = myl_now_ms();
    MYL_TRY(myl_room_event_number(e->cx, receipt.event_id, &number));
    /* an event of a third server may be on its way to us still */
    if (number != 0) {
        MYL_TRY(myl_room_event(e->cx, number, &stored));
        if (stored.room != room || (stored.flags & MYL_EVENT_REJECTED) != 0)
            return MYL_OK;
    }
    return myl_room_receipt_told(e->cx, room, &receipt);
}

static myl_rc take_room_receipts(edu *e, uint64_t room, const myl_json *users)
{
    for (uint32_t i = 0; users != NULL && i < users->count; i++) {
        myl_receipt receipt = {.type = MYL_S("m.read")};
        myl_membership membership;

        MYL_TRY(find_member(e, room, users->items[i].key, &receipt.user, &membership));
        /* who has left may have come back in an event that waits for others */
        if (membership != MYL_MEMBER_NONE && membership != MYL_MEMBER_BAN)
            MYL_TRY(take_receipt(e, room, receipt, &users->items[i]));
    }
    return MYL_OK;
}

static myl_rc take_receipts(edu *e)
{
    for (uint32_t i = 0; i < e->content->count && e->left > 0; i++) {
        const myl_json *one = &e->content->items[i];
        uint64_t room;

        MYL_TRY(find_room(e, one->key, &room));
        if (room != 0)
            MYL_TRY(take_room_receipts(e, room, myl_json_object(one, MYL_S("m.read"))));
    }
    return MYL_OK;
}

/* ---- presence ---- */

static void wake_rooms(void *arg)
{
    const myl_list *rooms = arg;

    for (size_t i = 0; i < rooms->count; i++)
        myl_http_wake(MYL_NOTE_ROOM, myl_list_get(rooms, uint64_t, i));
}

/* Of one user of that server's whom somebody here shares a room with. */
static myl_rc take_one_presence(edu *e, const myl_json *told, myl_list *wake)
{
    myl_str user_id = myl_json_text(told, MYL_S("user_id")),
            message = myl_json_text(told, MYL_S("status_msg"));
    myl_presence said = {.status_msg = message, .last_active_ago = -1};
    const uint64_t *rooms;
    size_t count;

    if (!myl_id_is_user(user_id) || !myl_id_is_ours(user_id, e->origin) ||
        !myl_presence_of(myl_json_text(told, MYL_S("presence")), &said.state) ||
        message.len > MYL_LIMIT_PRESENCE_MESSAGE)
        return MYL_OK;
    MYL_TRY(myl_store_interned(e->cx, MYL_INTERN_NAME, user_id, &said.user));
    if (said.user == 0)
        return MYL_OK;
    MYL_TRY(myl_room_joined_by(e->cx, said.user, &rooms, &count));
    said.currently_active = myl_json_bool(told, MYL_S("currently_active"), false);
    if (!myl_json_int(told, MYL_S("last_active_ago"), &said.last_active_ago) ||
        said.last_active_ago > LONGEST_AGO_MS)
        said.last_active_ago = -1;
    if (count == 0 || !myl_room_presence_told(&said))
        return MYL_OK;
    for (size_t i = 0; i < count && i < MYL_LIMIT_PRESENCE_ROOMS; i++)
        myl_list_push(wake, uint64_t, rooms[i]);
    return MYL_OK;
}

static myl_rc take_presence(edu *e)
{
    const myl_json *push = myl_json_array(e->content, MYL_S("push"));
    myl_list *wake = myl_new(e->cx, myl_list);

    if (!myl_api_config()->presence_enabled)
        return MYL_OK;
    *wake = MYL_LIST(e->cx, uint64_t);
    for (uint32_t i = 0; push != NULL && i < push->count && i < MYL_LIMIT_PRESENCE_WALK; i++)
        MYL_TRY(take_one_presence(e, &push->items[i], wake));
    if (wake->count > 0)
        myl_engine_after_commit(e->cx, wake_rooms, wake);
    return MYL_OK;
}

/* ---- devices ---- */

static myl_rc take_device_list(edu *e)
{
    return myl_fed_take_device_list(e->cx, e->origin, e->content);
}

static myl_rc take_signing_keys(edu *e)
{
    return myl_fed_take_signing_keys(e->cx, e->origin, e->content);
}

static myl_rc take_to_device(edu *e)
{
    return myl_fed_take_to_device(e->cx, e->origin, e->content);
}

/* ---- the list ---- */

static const struct {
    const char *type;
    myl_rc (*take)(edu *e);
} rows[] = {
    {"m.typing", take_typing},
    {"m.receipt", take_receipts},
    {"m.presence", take_presence},
    {"m.device_list_update", take_device_list},
    {"m.signing_key_update", take_signing_keys},
    {"m.direct_to_device", take_to_device},
};

static myl_rc take_one(myl_ctx *cx, myl_str origin, const myl_json *json)
{
    edu e = {.cx = cx,
             .origin = origin,
             .content = myl_json_object(json, MYL_S("content")),
             .left = MOST_RECEIPTS};
    myl_str type = myl_json_text(json, MYL_S("edu_type"));

    if (e.content == NULL)
        return MYL_OK;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (myl_str_equal(type, myl_str_of(rows[i].type)))
            return rows[i].take(&e);
    return MYL_OK;
}

myl_rc myl_edus_take(myl_ctx *cx, myl_str origin, const myl_json *edus)
{
    for (uint32_t i = 0; edus != NULL && i < edus->count; i++) {
        myl_rc rc = take_one(cx, origin, &edus->items[i]);

        if (rc != MYL_OK && myl_error_of(rc)->kind == MYL_KIND_FAULT)
            return rc;
        myl_forgive(cx);
    }
    return MYL_OK;
}
