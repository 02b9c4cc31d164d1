/* upgrade.c: a room is replaced by a new one of another version.
 *
 * Spec:    Client-Server API, Room upgrades, Server behaviour: its steps in its order, but that the tombstone comes first
 *          where the new room's id is known before it is made, for then the create event can name it.
 * Callers: POST upgrade.
 * Threads: the engine.
 * Holds:   both rooms change in one change, or neither does; only long lists are copied later (upgrade_copy.c). A change that runs
 *          again, since a policy server must sign, makes the same rooms and events.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_upgrade.h>

#include <myelin/room_directory.h>

#include "room/upgrade_own.h"

#include <myelin/matrix_id.h>

enum { COPIED_AT_ONCE = 100 };

typedef struct {
    myl_ctx *cx;
    const myl_room_upgrade *asked;
    myl_room_head old, head; /* head: the new room */
    myl_tree_root state;     /* of the old room, before anything was sent */
    const myl_event *create; /* of the old room */
    myl_power power;         /* in the old room */
    int64_t level;           /* of the one who upgrades, there */
    myl_str sent;            /* id of the last event */
    myl_str tombstone;       /* event id; absent: not sent yet */
    myl_new_levels levels;
} upgrade;

static myl_rc send_state(upgrade *u, myl_room_head *head, const char *type, myl_str key,
                         const myl_json *content)
{
    myl_outgoing outgoing = {.room_id = head->room_id,
                             .sender = u->asked->caller->user_id,
                             .type = myl_str_of(type),
                             .state_key = key,
                             .content = content,
                             .origin_server_ts = myl_room_round_time(u->cx)};
    myl_stored stored;

    MYL_TRY(myl_room_build(u->cx, head, &outgoing, &stored));
    u->sent = stored.event_id;
    return MYL_OK;
}

static myl_rc send_new(upgrade *u, const char *type, const myl_json *content)
{
    return send_state(u, &u->head, type, MYL_S(""), content);
}

static bool may_set(const upgrade *u, const char *type)
{
    return u->level >= myl_power_event(&u->power, myl_str_of(type), true);
}

/* ---- before ---- */

static myl_rc open_rooms(upgrade *u)
{
    const myl_room_version *version = myl_room_version_find(u->asked->version);

    if (version == NULL)
        return myl_fail(u->cx, MYL_UNSUPPORTED_ROOM_VERSION,
                        "new_version: %.*s cannot be created here", MYL_FMT(u->asked->version));
    MYL_TRY(myl_room_require_joined(u->cx, u->asked->room_id, u->asked->caller, &u->old));
    MYL_TRY(myl_room_power(u->cx, &u->old, &u->power));
    u->level = myl_power_user(&u->power, u->asked->caller->user_id);
    if (!may_set(u, "m.room.tombstone"))
        return myl_fail(u->cx, MYL_FORBIDDEN,
                        "upgrading a room takes the level of m.room.tombstone in it");
    u->state = u->old.state;
    u->create = u->power.create;
    return myl_room_open_new(u->cx, version, myl_room_round_id(u->cx), &u->head);
}

static myl_rc send_tombstone(upgrade *u)
{
    const myl_json *content;

    if (myl_str_present(u->tombstone))
        return MYL_OK;
    content = myl_json_with(u->cx, NULL, MYL_S("body"),
                            myl_json_of_str(u->cx, MYL_S("This room has been replaced")));
    content = myl_json_with(u->cx, content, MYL_S("replacement_room"),
                            myl_json_of_str(u->cx, u->head.room_id));
    MYL_TRY(send_state(u, &u->old, "m.room.tombstone", MYL_S(""), content));
    u->tombstone = u->sent;
    return MYL_OK;
}

/* ---- the new room ---- */

static bool creators_named(const upgrade *u)
{
    return u->head.version->creators_unlimited && u->asked->creator_count > 0;
}

static const myl_json *with_creators(const upgrade *u, const myl_json *content)
{
    myl_list items = MYL_LIST(u->cx, myl_json);

    for (size_t i = 0; i < u->asked->creator_count; i++)
        myl_list_push(&items, myl_json, *myl_json_of_str(u->cx, u->asked->additional_creators[i]));
    return myl_json_with(u->cx, content, MYL_S("additional_creators"),
                         myl_json_of_items(u->cx, items.at, items.count));
}

static myl_rc send_create(upgrade *u)
{
    static const char *const kept[] = {"m.federate", "type"};
    const myl_json *content, *predecessor, *value;
    myl_ctx *cx = u->cx;

    predecessor = myl_json_with(cx, NULL, MYL_S("room_id"), myl_json_of_str(cx, u->old.room_id));
    if (myl_str_present(u->tombstone))
        predecessor =
            myl_json_with(cx, predecessor, MYL_S("event_id"), myl_json_of_str(cx, u->tombstone));
    content = myl_json_with(cx, NULL, MYL_S("predecessor"), predecessor);
    content = myl_json_with(cx, content, MYL_S("room_version"),
                            myl_json_of_str(cx, myl_str_of(u->head.version->name)));
    if (u->head.version->creator_in_content)
        content = myl_json_with(cx, content, MYL_S("creator"),
                                myl_json_of_str(cx, u->asked->caller->user_id));
    if (creators_named(u))
        content = with_creators(u, content);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        value = myl_json_get(u->create->content, myl_str_of(kept[i]));
        if (value != NULL)
            content = myl_json_with(cx, content, myl_str_of(kept[i]), value);
    }
    return send_new(u, "m.room.create", content);
}

static myl_rc send_join(upgrade *u)
{
    myl_member_change join = {.room_id = u->head.room_id,
                              .sender = u->asked->caller->user_id,
                              .target = u->asked->caller->user_id,
                              .membership = MYL_MEMBER_JOIN};
    const myl_json *content;

    MYL_TRY(myl_room_member_content(u->cx, &join, &content));
    return send_state(u, &u->head, "m.room.member", join.target, content);
}

static myl_rc send_levels(upgrade *u)
{
    myl_levels_ask ask = {.old_version = u->old.version,
                          .version = u->head.version,
                          .old_create = u->create,
                          .creator = u->asked->caller->user_id,
                          .additional = u->asked->additional_creators,
                          .additional_count = u->asked->creator_count};

    MYL_TRY(
        myl_room_state_content(u->cx, u->state, "m.room.power_levels", MYL_S(""), &ask.old_levels));
    myl_room_upgrade_levels(u->cx, &ask, &u->levels);
    return send_new(u, "m.room.power_levels", u->levels.first);
}

/* A join rule that the new version does not know becomes a stricter one that it does. */
static const myl_json *known_rule(upgrade *u, const myl_json *content)
{
    const myl_room_version *version = u->head.version;
    myl_str rule = myl_json_text(content, MYL_S("join_rule"));
    const char *instead = NULL;

    if (myl_str_equal(rule, MYL_S("knock_restricted")) && !version->knock_restricted)
        instead = version->restricted ? "restricted" : "invite";
    else if (myl_str_equal(rule, MYL_S("restricted")) && !version->restricted)
        instead = "invite";
    else if (myl_str_equal(rule, MYL_S("knock")) && !version->knock)
        instead = "invite";
    if (instead == NULL)
        return content;
    return myl_json_with(u->cx, content, MYL_S("join_rule"),
                         myl_json_of_str(u->cx, myl_str_of(instead)));
}

/* What the specification recommends, and no more: other types may mean their sender. */
static myl_rc send_copies(upgrade *u)
{
    static const char *const types[] = {"m.room.join_rules",   "m.room.history_visibility",
                                        "m.room.guest_access", "m.room.server_acl",
                                        "m.room.encryption",   "m.room.name",
                                        "m.room.topic",        "m.room.avatar"};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const myl_json *content;

        MYL_TRY(myl_room_state_content(u->cx, u->state, types[i], MYL_S(""), &content));
        if (content == NULL || content->count == 0)
            continue; /* not set, or redacted */
        if (i == 0)
            content = known_rule(u, content);
        MYL_TRY(send_new(u, types[i], content));
    }
    return MYL_OK;
}

static myl_rc send_lists(upgrade *u)
{
    myl_room_copy copy = {.from = u->old.room,
                          .to = u->head.room,
                          .user = u->asked->caller->user,
                          .root = u->state};
    bool finished;

    MYL_TRY(myl_room_copy_some(u->cx, &u->head, &copy, COPIED_AT_ONCE, &finished));
    return finished ? MYL_OK : myl_room_copy_later(u->cx, &copy);
}

/* ---- names ---- */

/* Of a canonical alias those names that are ours, or the others. */
static const myl_json *names_of(upgrade *u, const myl_json *content, bool ours)
{
    myl_str server = myl_room_server()->server_name, alias;
    const myl_json *others = myl_json_array(content, MYL_S("alt_aliases")),
                   *out = myl_json_empty_object();
    myl_list kept = MYL_LIST(u->cx, myl_json);

    alias = myl_json_text(content, MYL_S("alias"));
    if (alias.len > 0 && myl_id_is_ours(alias, server) == ours)
        out = myl_json_with(u->cx, out, MYL_S("alias"), MYL_JSON_AT(content, "alias"));
    for (uint32_t i = 0; others != NULL && i < others->count; i++)
        if (others->items[i].kind == MYL_JSON_STRING &&
            myl_id_is_ours(others->items[i].text, server) == ours)
            myl_list_push(&kept, myl_json, others->items[i]);
    if (kept.count > 0)
        out = myl_json_with(u->cx, out, MYL_S("alt_aliases"),
                            myl_json_of_items(u->cx, kept.at, kept.count));
    return out;
}

static myl_rc move_names(upgrade *u)
{
    const myl_json *canonical;
    const myl_str *aliases;
    size_t count;
    bool listed;

    MYL_TRY(myl_room_aliases(u->cx, u->old.room, &aliases, &count));
    for (size_t i = 0; i < count; i++)
        MYL_TRY(myl_room_alias_move(u->cx, aliases[i], &u->head));
    MYL_TRY(myl_room_list_has(u->cx, u->old.room, MYL_S(""), &listed));
    if (listed) {
        MYL_TRY(myl_room_list_put(u->cx, &u->old, MYL_S(""), false));
        MYL_TRY(myl_room_list_put(u->cx, &u->head, MYL_S(""), true));
    }
    MYL_TRY(
        myl_room_state_content(u->cx, u->state, "m.room.canonical_alias", MYL_S(""), &canonical));
    if (canonical == NULL || names_of(u, canonical, true)->count == 0)
        return MYL_OK;
    if (may_set(u, "m.room.canonical_alias"))
        MYL_TRY(send_state(u, &u->old, "m.room.canonical_alias", MYL_S(""),
                           names_of(u, canonical, false)));
    return send_new(u, "m.room.canonical_alias", names_of(u, canonical, true));
}

/* ---- the old room ---- */

static myl_rc quieten(upgrade *u)
{
    const myl_json *before, *after;
    int64_t least;

    MYL_TRY(myl_room_state_content(u->cx, u->state, "m.room.power_levels", MYL_S(""), &before));
    if (before == NULL || !may_set(u, "m.room.power_levels"))
        return MYL_OK;
    after = myl_room_quiet_levels(u->cx, before, &least);
    if (u->level < least || myl_json_equal(before, after))
        return MYL_OK;
    return send_state(u, &u->old, "m.room.power_levels", MYL_S(""), after);
}

myl_rc myl_room_upgrade_do(myl_ctx *cx, const myl_room_upgrade *asked, myl_str *new_room_id)
{
    upgrade u = {.cx = cx, .asked = asked, .tombstone = MYL_ABSENT};

    MYL_TRY(open_rooms(&u));
    if (u.head.room != 0)
        MYL_TRY(send_tombstone(&u));
    MYL_TRY(send_create(&u));
    MYL_TRY(send_join(&u));
    MYL_TRY(send_levels(&u));
    MYL_TRY(send_copies(&u));
    MYL_TRY(move_names(&u));
    MYL_TRY(send_lists(&u));
    if (u.levels.last != NULL)
        MYL_TRY(send_new(&u, "m.room.power_levels", u.levels.last));
    MYL_TRY(send_tombstone(&u));
    MYL_TRY(quieten(&u));
    *new_room_id = u.head.room_id;
    MYL_TRY(myl_room_head_put(cx, &u.old));
    MYL_TRY(myl_room_head_put(cx, &u.head));
    return myl_room_carry_settings(cx, &u.head, asked->caller->user);
}
