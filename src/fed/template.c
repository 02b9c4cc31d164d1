/* template.c: a member event of ours for a room that another server holds.
 *
 * Why:     only a server in the room knows what the event must stand on; it gives a template, we make and sign the event.
 * Callers: join.c, leave.c, knock.c.
 * Threads: lanes.
 * Spec:    Server-Server API, make_join, make_leave, make_knock.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/rooms_own.h"

typedef struct {
    const myl_str *ids;
    const myl_sha256 *hashes; /* NULL where the version has none */
    size_t count;
} references;

static bool read_hash(myl_ctx *cx, const myl_json *item, myl_sha256 *out)
{
    myl_str text, bytes;

    text = myl_json_text(item->count > 1 ? &item->items[1] : NULL, MYL_S("sha256"));
    if (!myl_str_present(text) || !myl_crypto_unbase64(cx, MYL_BASE64_STANDARD, text, &bytes) ||
        bytes.len != sizeof(*out))
        return false;
    memcpy(out, bytes.at, sizeof(*out));
    return true;
}

static bool read_references(myl_ctx *cx, const myl_json *event, const char *key, size_t most,
                            references *out)
{
    const myl_json *array = myl_json_array(event, myl_str_of(key));
    myl_sha256 *hashes;
    myl_str *ids;
    bool pairs;

    if (array == NULL || array->count > most)
        return false;
    ids = myl_new_array(cx, myl_str, array->count + 1);
    hashes = myl_new_array(cx, myl_sha256, array->count + 1);
    pairs = array->count > 0 && array->items[0].kind == MYL_JSON_ARRAY;
    for (uint32_t i = 0; i < array->count; i++) {
        const myl_json *item = &array->items[i];

        if (pairs &&
            (item->kind != MYL_JSON_ARRAY || item->count == 0 || !read_hash(cx, item, &hashes[i])))
            return false;
        item = pairs ? &item->items[0] : item;
        if (item->kind != MYL_JSON_STRING || !myl_id_is_event(item->text))
            return false;
        ids[i] = item->text;
    }
    *out = (references){ids, pairs ? hashes : NULL, array->count};
    return true;
}

/* What the member event says: the template's authorising user, and what we want. */
static const myl_json *content_of(myl_ctx *cx, const fed_making *making, const myl_json *event)
{
    const myl_json *told = myl_json_object(event, MYL_S("content"));
    const myl_json *content = making->visit->content;
    myl_str authoriser = myl_json_text(told, MYL_S("join_authorised_via_users_server"));

    content = myl_json_with(cx, content, MYL_S("membership"),
                            myl_json_of_str(cx, myl_membership_name(making->membership)));
    if (making->membership == MYL_MEMBER_JOIN && myl_str_present(authoriser))
        content = myl_json_with(cx, content, MYL_S("join_authorised_via_users_server"),
                                myl_json_of_str(cx, authoriser));
    return content;
}

static myl_rc make_event(myl_ctx *cx, const myl_json *event, fed_making *making)
{
    const myl_room_setup *server = myl_room_server();
    myl_event_draft draft = {.version = making->version,
                             .room_id = making->visit->room_id,
                             .sender = making->visit->user_id,
                             .type = MYL_S("m.room.member"),
                             .state_key = making->visit->user_id,
                             .content = content_of(cx, making, event),
                             .origin_server_ts = myl_now_ms()};
    references prev, auth;

    if (!read_references(cx, event, "prev_events", MYL_LIMIT_PREV_EVENTS, &prev) ||
        !read_references(cx, event, "auth_events", MYL_LIMIT_AUTH_EVENTS, &auth) ||
        !myl_json_int(event, MYL_S("depth"), &draft.depth))
        return myl_fail(cx, MYL_REMOTE_DOWN, "the template cannot be used");
    draft.prev_events = prev.ids;
    draft.prev_event_count = prev.count;
    draft.prev_hashes = prev.hashes;
    draft.auth_events = auth.ids;
    draft.auth_event_count = auth.count;
    draft.auth_hashes = auth.hashes;
    making->authoriser = myl_json_text(draft.content, MYL_S("join_authorised_via_users_server"));
    return myl_event_finish(cx, &draft, server->key, server->server_name, &making->event.event,
                            &making->event.bytes);
}

static myl_str path_of(myl_ctx *cx, const fed_making *making)
{
    const myl_str parts[] = {making->visit->room_id, making->visit->user_id};
    const char *form = myl_strf(cx, "/_matrix/federation/v1/%s/{}/{}", making->make).at;
    myl_text path = MYL_TEXT(cx);

    myl_text_add(&path, myl_fed_path(cx, form, parts, 2));
    for (size_t i = 0; making->membership != MYL_MEMBER_LEAVE && i < myl_room_version_count(); i++)
        myl_text_addf(&path, "%cver=%s", i == 0 ? '?' : '&', myl_room_version_at(i)->name);
    return myl_text_str(&path);
}

/* Is it a template of what was asked for? (spec: Joining Rooms: what must be verified before it is signed) */
static bool is_asked_for(const myl_json *event, const fed_making *making)
{
    const myl_json *content = myl_json_object(event, MYL_S("content"));

    return myl_str_equal(myl_json_text(event, MYL_S("room_id")), making->visit->room_id) &&
           myl_str_equal(myl_json_text(event, MYL_S("sender")), making->visit->user_id) &&
           myl_str_equal(myl_json_text(event, MYL_S("state_key")), making->visit->user_id) &&
           myl_str_equal(myl_json_text(event, MYL_S("type")), MYL_S("m.room.member")) &&
           myl_str_equal(myl_json_text(content, MYL_S("membership")),
                         myl_membership_name(making->membership));
}

myl_rc myl_fed_make(myl_ctx *cx, myl_str server, fed_making *making)
{
    myl_fed_request request = {.destination = server, .method = "GET"};
    const myl_json *event;
    myl_fed_reply reply;
    myl_str name;

    request.path = path_of(cx, making);
    MYL_TRY(myl_fed_call(cx, &request, &reply));
    MYL_TRY(myl_fed_pass_on(cx, &request, &reply, true));
    name = myl_json_text(reply.json, MYL_S("room_version"));
    making->version = myl_room_version_find(myl_str_present(name) ? name : MYL_S("1"));
    if (making->version == NULL)
        return myl_fail(cx, MYL_INCOMPATIBLE_ROOM_VERSION,
                        "the room has a version that this server does not know");
    event = myl_json_object(reply.json, MYL_S("event"));
    if (!is_asked_for(event, making))
        return myl_fail(cx, MYL_REMOTE_DOWN, "%.*s gave a template of another event",
                        MYL_FMT(server));
    return make_event(cx, event, making);
}
