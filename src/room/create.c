/* create.c: a new room, all of its first events or none.
 *
 * Spec:    Client-Server API, POST createRoom: the order of the events and what the presets mean.
 * Threads: the engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_directory.h>

#include "room/room_own.h"

#include <myelin/matrix_id.h>

/* ---- presets ---- */

typedef struct {
    const char *name;
    const char *join_rule;
    const char *history_visibility;
    const char *guest_access; /* NULL: no event, which forbids as well, and which suites count on */
    bool trusted;             /* invited users get the creator's power */
    int64_t invite;           /* the level that an invite takes */
} preset;

static const preset presets[] = {
    {"private_chat", "invite", "shared", "can_join", false, 0},
    {"trusted_private_chat", "invite", "shared", "can_join", true, 0},
    {"public_chat", "public", "shared", NULL, false, 50},
};

static myl_rc choose_preset(myl_ctx *cx, const myl_room_request *request, const preset **out)
{
    bool is_public = myl_str_equal(request->visibility, MYL_S("public"));

    *out = &presets[is_public ? 2 : 0];
    if (!myl_str_present(request->preset))
        return MYL_OK;
    for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
        *out = &presets[i];
        if (myl_str_equal(request->preset, myl_str_of(presets[i].name)))
            return MYL_OK;
    }
    return myl_fail(cx, MYL_BAD_JSON, "preset: unknown value");
}

/* ---- the work in progress ---- */

typedef struct {
    const myl_room_request *request;
    const preset *preset;
    myl_room_head head;
} creation;

static myl_rc send_state(myl_ctx *cx, creation *c, const char *type, myl_str state_key,
                         const myl_json *content)
{
    myl_outgoing outgoing = {.room_id = c->head.room_id,
                             .sender = c->request->creator->user_id,
                             .type = myl_str_of(type),
                             .state_key = state_key,
                             .content = content};
    myl_stored stored;

    return myl_room_build(cx, &c->head, &outgoing, &stored);
}

static const myl_json *one_member(myl_ctx *cx, const char *key, myl_str value)
{
    return myl_json_with(cx, NULL, myl_str_of(key), myl_json_of_str(cx, value));
}

/* ---- create ---- */

static bool holds_text(const myl_list *items, myl_str text)
{
    for (size_t i = 0; i < items->count; i++)
        if (myl_str_equal(myl_list_get(items, myl_json, i).text, text))
            return true;
    return false;
}

/* Trusted invitees are creators where power cannot be given to them otherwise; each is named once. */
static const myl_json *with_trusted_creators(myl_ctx *cx, const creation *c,
                                             const myl_json *content)
{
    const myl_json *given = myl_json_array(content, MYL_S("additional_creators"));
    myl_list items = MYL_LIST(cx, myl_json);

    for (uint32_t i = 0; given != NULL && i < given->count; i++)
        if (!holds_text(&items, given->items[i].text))
            myl_list_push(&items, myl_json, given->items[i]);
    for (size_t i = 0; i < c->request->invite_count; i++)
        if (!holds_text(&items, c->request->invite[i]))
            myl_list_push(&items, myl_json, *myl_json_of_str(cx, c->request->invite[i]));
    if (items.count == 0)
        return content;
    return myl_json_with(cx, content, MYL_S("additional_creators"),
                         myl_json_of_items(cx, items.at, items.count));
}

static myl_rc check_creators(myl_ctx *cx, const myl_json *creators)
{
    if (creators == NULL)
        return MYL_OK;
    if (creators->kind != MYL_JSON_ARRAY)
        return myl_fail(cx, MYL_BAD_JSON, "creation_content.additional_creators: expected a list");
    for (uint32_t i = 0; i < creators->count; i++) {
        const myl_json *one = &creators->items[i];

        if (one->kind != MYL_JSON_STRING || !myl_id_is_user(one->text))
            return myl_fail(cx, MYL_BAD_JSON,
                            "creation_content.additional_creators[%u]: expected a user id", i);
    }
    return MYL_OK;
}

/* What the specification gives a form in the content of a create event. */
static myl_rc check_creation(myl_ctx *cx, const myl_room_version *version, const myl_json *content)
{
    const myl_json *federate = MYL_JSON_AT(content, "m.federate"),
                   *type = MYL_JSON_AT(content, "type"),
                   *predecessor = MYL_JSON_AT(content, "predecessor");

    if (federate != NULL && federate->kind != MYL_JSON_BOOL)
        return myl_fail(cx, MYL_BAD_JSON, "creation_content.m.federate: expected true or false");
    if (type != NULL && type->kind != MYL_JSON_STRING)
        return myl_fail(cx, MYL_BAD_JSON, "creation_content.type: expected a string");
    if (predecessor != NULL && !myl_id_is_room(myl_json_text(predecessor, MYL_S("room_id"))))
        return myl_fail(cx, MYL_BAD_JSON,
                        "creation_content.predecessor.room_id: expected a room id");
    if (!version->creators_unlimited)
        return MYL_OK;
    return check_creators(cx, MYL_JSON_AT(content, "additional_creators"));
}

static myl_rc send_create(myl_ctx *cx, creation *c)
{
    const myl_room_version *version = c->head.version;
    const myl_json *content = c->request->creation_content;

    if (content == NULL)
        content = myl_json_empty_object();
    MYL_TRY(check_creation(cx, version, content));
    content = myl_json_without(cx, content, MYL_S("creator"));
    content = myl_json_with(cx, content, MYL_S("room_version"),
                            myl_json_of_str(cx, myl_str_of(version->name)));
    if (version->creator_in_content)
        content = myl_json_with(cx, content, MYL_S("creator"),
                                myl_json_of_str(cx, c->request->creator->user_id));
    if (version->creators_unlimited && c->preset->trusted)
        content = with_trusted_creators(cx, c, content);
    return send_state(cx, c, "m.room.create", MYL_S(""), content);
}

static myl_rc send_join(myl_ctx *cx, creation *c)
{
    myl_member_change join = {.room_id = c->head.room_id,
                              .sender = c->request->creator->user_id,
                              .target = c->request->creator->user_id,
                              .membership = MYL_MEMBER_JOIN};
    const myl_json *content;

    MYL_TRY(myl_room_member_content(cx, &join, &content));
    return send_state(cx, c, "m.room.member", join.target, content);
}

/* ---- power levels ---- */

static const struct {
    const char *type;
    int64_t level;
} event_levels[] = {
    {"m.room.avatar", 50},      {"m.room.canonical_alias", 50},
    {"m.room.encryption", 100}, {"m.room.history_visibility", 100},
    {"m.room.name", 50},        {"m.room.power_levels", 100},
    {"m.room.server_acl", 100},
};

static const struct {
    const char *key;
    int64_t level;
} action_levels[] = {
    {"ban", 50},    {"events_default", 0}, {"kick", 50},
    {"redact", 50}, {"state_default", 50}, {"users_default", 0},
};

static void push_level(myl_ctx *cx, myl_list *members, myl_str key, int64_t level)
{
    myl_json member = *myl_json_of_int(cx, level);

    member.key = key;
    myl_list_push(members, myl_json, member);
}

static const myl_json *levels_of_events(myl_ctx *cx, const myl_room_version *version)
{
    myl_list members = MYL_LIST(cx, myl_json);

    for (size_t i = 0; i < sizeof(event_levels) / sizeof(event_levels[0]); i++)
        push_level(cx, &members, myl_str_of(event_levels[i].type), event_levels[i].level);
    /* only creators upgrade a room by default where their power has no number */
    push_level(cx, &members, MYL_S("m.room.tombstone"), version->creators_unlimited ? 150 : 100);
    return myl_json_of_members(cx, members.at, members.count);
}

static const myl_json *levels_of_users(myl_ctx *cx, const creation *c)
{
    const myl_json *users = myl_json_empty_object();

    if (c->head.version->creators_unlimited)
        return users;
    users = myl_json_with(cx, users, c->request->creator->user_id, myl_json_of_int(cx, 100));
    for (size_t i = 0; c->preset->trusted && i < c->request->invite_count; i++)
        users = myl_json_with(cx, users, c->request->invite[i], myl_json_of_int(cx, 100));
    return users;
}

/* Who may end a room must be said where creators have power without a number (createRoom, step 3). */
static const myl_json *with_tombstone(myl_ctx *cx, const creation *c, const myl_json *content)
{
    const myl_json *events = myl_json_object(content, MYL_S("events"));
    int64_t state_default = 50;

    if (!c->head.version->creators_unlimited || events == NULL ||
        MYL_JSON_AT(events, "m.room.tombstone") != NULL)
        return content;
    (void)myl_json_int(content, MYL_S("state_default"), &state_default);
    events = myl_json_with(cx, events, MYL_S("m.room.tombstone"),
                           myl_json_of_int(cx, state_default < 150 ? 150 : state_default + 1));
    return myl_json_with(cx, content, MYL_S("events"), events);
}

static myl_rc send_power_levels(myl_ctx *cx, creation *c)
{
    const myl_json *override = c->request->power_level_content_override, *content;
    myl_list members = MYL_LIST(cx, myl_json);

    for (size_t i = 0; i < sizeof(action_levels) / sizeof(action_levels[0]); i++)
        push_level(cx, &members, myl_str_of(action_levels[i].key), action_levels[i].level);
    /* who may come anyway needs no invite, and a restricted join takes somebody who may send one */
    push_level(cx, &members, MYL_S("invite"), c->preset->invite);
    content = myl_json_of_members(cx, members.at, members.count);
    content = myl_json_with(cx, content, MYL_S("events"), levels_of_events(cx, c->head.version));
    content = myl_json_with(cx, content, MYL_S("users"), levels_of_users(cx, c));
    for (uint32_t i = 0; override != NULL && i < override->count; i++)
        content = myl_json_with(cx, content, override->items[i].key, &override->items[i]);
    return send_state(cx, c, "m.room.power_levels", MYL_S(""), with_tombstone(cx, c, content));
}

/* ---- what the preset and the request set ---- */

/* What the request sets itself is not sent from the preset before it. */
static bool in_initial_state(const creation *c, const char *type)
{
    const myl_json *all = c->request->initial_state;

    for (uint32_t i = 0; all != NULL && i < all->count; i++)
        if (myl_str_equal(myl_json_text(&all->items[i], MYL_S("type")), myl_str_of(type)) &&
            myl_json_text(&all->items[i], MYL_S("state_key")).len == 0)
            return true;
    return false;
}

static myl_rc send_preset(myl_ctx *cx, creation *c)
{
    const struct {
        const char *type, *key, *value;
    } rows[] = {
        {"m.room.join_rules", "join_rule", c->preset->join_rule},
        {"m.room.history_visibility", "history_visibility", c->preset->history_visibility},
        {"m.room.guest_access", "guest_access", c->preset->guest_access},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].value != NULL && !in_initial_state(c, rows[i].type))
            MYL_TRY(send_state(cx, c, rows[i].type, MYL_S(""),
                               one_member(cx, rows[i].key, myl_str_of(rows[i].value))));
    return MYL_OK;
}

static myl_rc send_initial_state(myl_ctx *cx, creation *c)
{
    const myl_json *all = c->request->initial_state;

    for (uint32_t i = 0; all != NULL && i < all->count; i++) {
        const myl_json *content = myl_json_object(&all->items[i], MYL_S("content"));
        myl_str type = myl_json_text(&all->items[i], MYL_S("type"));
        myl_str key = myl_json_text(&all->items[i], MYL_S("state_key"));

        if (!myl_str_present(type) || content == NULL)
            return myl_fail(cx, MYL_BAD_JSON, "initial_state[%u]: needs type and content", i);
        if (myl_str_equal(type, MYL_S("m.room.create")))
            return myl_fail(cx, MYL_INVALID_ROOM_STATE,
                            "initial_state[%u]: a room has one create event", i);
        if (myl_str_equal(type, MYL_S("m.room.canonical_alias")))
            MYL_TRY(myl_room_check_aliases(cx, &c->head, content));
        MYL_TRY(
            send_state(cx, c, myl_cstr(cx, type), myl_str_present(key) ? key : MYL_S(""), content));
    }
    return MYL_OK;
}

static myl_rc send_alias(myl_ctx *cx, creation *c)
{
    myl_str alias, server = myl_room_server()->server_name;

    if (!myl_str_present(c->request->alias_localpart))
        return MYL_OK;
    alias = myl_strf(cx, "#%.*s:%.*s", MYL_FMT(c->request->alias_localpart), MYL_FMT(server));
    if (!myl_id_is_alias(alias) || myl_str_find(c->request->alias_localpart, ':', 0) != SIZE_MAX)
        return myl_fail(cx, MYL_INVALID_PARAM, "room_alias_name: not the local part of an alias");
    MYL_TRY(myl_room_alias_put(cx, alias, &c->head, c->request->creator->user_id));
    return send_state(cx, c, "m.room.canonical_alias", MYL_S(""), one_member(cx, "alias", alias));
}

/* The text, and the same as the one representation of the richer form (m.topic). */
static const myl_json *topic_content(myl_ctx *cx, myl_str topic)
{
    const myl_json *texts = myl_json_of_items(cx, one_member(cx, "body", topic), 1),
                   *rich = myl_json_with(cx, NULL, MYL_S("m.text"), texts);

    return myl_json_with(cx, one_member(cx, "topic", topic), MYL_S("m.topic"), rich);
}

static myl_rc send_name_and_topic(myl_ctx *cx, creation *c)
{
    if (myl_str_present(c->request->name))
        MYL_TRY(
            send_state(cx, c, "m.room.name", MYL_S(""), one_member(cx, "name", c->request->name)));
    if (myl_str_present(c->request->topic))
        MYL_TRY(send_state(cx, c, "m.room.topic", MYL_S(""), topic_content(cx, c->request->topic)));
    return MYL_OK;
}

static myl_rc send_invites(myl_ctx *cx, creation *c)
{
    for (size_t i = 0; i < c->request->invite_count; i++) {
        myl_member_change invite = {.room_id = c->head.room_id,
                                    .sender = c->request->creator->user_id,
                                    .target = c->request->invite[i],
                                    .membership = MYL_MEMBER_INVITE,
                                    .is_direct = c->request->is_direct};
        const myl_json *content;

        /* users of other servers are invited once the room is there: their servers sign first */
        if (!myl_id_is_ours(invite.target, myl_room_server()->server_name))
            continue;
        MYL_TRY(myl_room_member_content(cx, &invite, &content));
        MYL_TRY(send_state(cx, c, "m.room.member", invite.target, content));
    }
    return MYL_OK;
}

static myl_rc send_all(myl_ctx *cx, creation *c)
{
    MYL_TRY(send_create(cx, c));
    MYL_TRY(send_join(cx, c));
    MYL_TRY(send_power_levels(cx, c));
    MYL_TRY(send_alias(cx, c));
    MYL_TRY(send_preset(cx, c));
    MYL_TRY(send_initial_state(cx, c));
    MYL_TRY(send_name_and_topic(cx, c));
    return send_invites(cx, c);
}

/* ---- createRoom ---- */

myl_str myl_room_fresh_id(myl_ctx *cx)
{
    return myl_strf(cx, "!%.*s:%.*s", MYL_FMT(myl_crypto_random_text(cx, 18)),
                    MYL_FMT(myl_room_server()->server_name));
}

myl_rc myl_room_open_new(myl_ctx *cx, const myl_room_version *version, myl_str room_id,
                         myl_room_head *head)
{
    memset(head, 0, sizeof(*head));
    head->version = version;
    if (version->room_id_is_create)
        return MYL_OK;
    head->room_id = room_id;
    return myl_store_intern(cx, MYL_INTERN_ROOM, head->room_id, &head->room);
}

static myl_rc open_head(myl_ctx *cx, const myl_room_request *request, myl_room_head *head)
{
    const myl_room_version *version;
    myl_str name = request->room_version;

    if (!myl_str_present(name))
        name = myl_str_of(myl_room_server()->default_room_version);
    version = myl_room_version_find(name);
    if (version == NULL)
        return myl_fail(cx, MYL_UNSUPPORTED_ROOM_VERSION,
                        "room_version: %.*s cannot be created here", MYL_FMT(name));
    return myl_room_open_new(cx, version, myl_room_fresh_id(cx), head);
}

static myl_rc check_invites(myl_ctx *cx, const myl_room_request *request)
{
    for (size_t i = 0; i < request->invite_count; i++) {
        if (!myl_id_is_user(request->invite[i]))
            return myl_fail(cx, MYL_INVALID_PARAM, "invite[%zu]: not a user id", i);
    }
    return MYL_OK;
}

myl_rc myl_room_create(myl_ctx *cx, const myl_room_request *request, myl_str *room_id)
{
    creation c = {.request = request};
    myl_rc rc;

    MYL_TRY(choose_preset(cx, request, &c.preset));
    MYL_TRY(check_invites(cx, request));
    MYL_TRY(open_head(cx, request, &c.head));
    rc = send_all(cx, &c);
    if (rc == MYL_FORBIDDEN && cx->error.rc == MYL_FORBIDDEN) {
        myl_str why = cx->error.detail;

        /* the request's own state does not let its next event be */
        myl_forgive(cx);
        return myl_fail(cx, MYL_INVALID_ROOM_STATE, "%.*s", MYL_FMT(why));
    }
    MYL_TRY(rc);
    *room_id = c.head.room_id;
    if (myl_str_equal(request->visibility, MYL_S("public")))
        MYL_TRY(myl_room_list_put(cx, &c.head, MYL_S(""), true));
    return myl_room_head_put(cx, &c.head);
}
