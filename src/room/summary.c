/* summary.c: what a room shows of itself to those who are not in it.
 *
 * Spec:    Client-Server API, Published room directory; Spaces; Room summary.
 * Callers: the room directory, hierarchies, room_summary, and the same of other servers.
 * Threads: the transaction's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_directory.h>
#include <myelin/room_serve.h>

#include "room/room_own.h"

static myl_rc text_of(myl_ctx *cx, const myl_room_head *head, const char *type, const char *field,
                      myl_str *out)
{
    const myl_json *content;

    MYL_TRY(myl_room_state_content(cx, head->state, type, MYL_S(""), &content));
    *out = myl_json_text(content, myl_str_of(field));
    if (out->len == 0)
        *out = MYL_ABSENT;
    return MYL_OK;
}

static myl_rc read_texts(myl_ctx *cx, myl_room_summary *out)
{
    const struct {
        const char *type, *field;
        myl_str *to;
    } rows[] = {
        {"m.room.name", "name", &out->name},
        {"m.room.topic", "topic", &out->topic},
        {"m.room.avatar", "url", &out->avatar_url},
        {"m.room.canonical_alias", "alias", &out->canonical_alias},
        {"m.room.create", "type", &out->room_type},
        {"m.room.encryption", "algorithm", &out->encryption},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        MYL_TRY(text_of(cx, &out->head, rows[i].type, rows[i].field, rows[i].to));
    return MYL_OK;
}

myl_rc myl_room_summary_read(myl_ctx *cx, const myl_room_head *head, myl_room_summary *out)
{
    const myl_json *rules;
    myl_str text;

    *out = (myl_room_summary){.head = *head};
    MYL_TRY(read_texts(cx, out));
    MYL_TRY(myl_room_state_content(cx, head->state, "m.room.join_rules", MYL_S(""), &rules));
    out->join_rule = myl_json_text(rules, MYL_S("join_rule"));
    out->allow = myl_json_array(rules, MYL_S("allow"));
    if (!myl_str_present(out->join_rule))
        out->join_rule = MYL_S("invite"); /* what the auth rules take it for */
    MYL_TRY(text_of(cx, head, "m.room.history_visibility", "history_visibility", &text));
    out->world_readable = myl_str_equal(text, MYL_S("world_readable"));
    MYL_TRY(text_of(cx, head, "m.room.guest_access", "guest_access", &text));
    out->guest_can_join = myl_str_equal(text, MYL_S("can_join"));
    return MYL_OK;
}

/* ---- who may see it ---- */

static bool rule_is(const myl_room_summary *summary, const char *rule)
{
    return myl_str_equal(summary->join_rule, myl_str_of(rule));
}

static bool is_restricted(const myl_room_summary *summary)
{
    return rule_is(summary, "restricted") || rule_is(summary, "knock_restricted");
}

static bool is_condition(const myl_json *condition)
{
    return myl_str_equal(myl_json_text(condition, MYL_S("type")), MYL_S("m.room_membership")) &&
           myl_str_present(myl_json_text(condition, MYL_S("room_id")));
}

/* Who looks in: a user, or any user of a server. */
typedef struct {
    uint64_t user;
    myl_str server; /* absent: the user */
} onlooker;

static myl_rc is_joined(myl_ctx *cx, uint64_t room, const onlooker *who, bool *out)
{
    myl_member member;

    if (myl_str_present(who->server))
        return myl_room_has_server(cx, room, who->server, out);
    MYL_TRY(myl_room_member(cx, room, who->user, &member));
    *out = member.membership == MYL_MEMBER_JOIN;
    return MYL_OK;
}

static myl_rc is_joined_elsewhere(myl_ctx *cx, const myl_room_summary *summary, const onlooker *who,
                                  bool *out)
{
    *out = false;
    for (uint32_t i = 0; summary->allow != NULL && i < summary->allow->count && !*out; i++) {
        const myl_json *condition = &summary->allow->items[i];
        uint64_t room;

        if (!is_condition(condition))
            continue;
        MYL_TRY(myl_store_interned(cx, MYL_INTERN_ROOM, myl_json_text(condition, MYL_S("room_id")),
                                   &room));
        MYL_TRY(is_joined(cx, room, who, out));
    }
    return MYL_OK;
}

static bool is_open_to_all(const myl_room_summary *summary)
{
    return summary->world_readable || rule_is(summary, "public") || rule_is(summary, "knock") ||
           rule_is(summary, "knock_restricted");
}

myl_rc myl_room_summary_open(myl_ctx *cx, const myl_room_summary *summary, uint64_t user, bool *out)
{
    onlooker who = {.user = user, .server = MYL_ABSENT};
    myl_member member;

    *out = is_open_to_all(summary);
    if (*out || user == 0)
        return MYL_OK;
    MYL_TRY(myl_room_member(cx, summary->head.room, user, &member));
    *out = myl_membership_is_live(member.membership);
    if (*out || !is_restricted(summary))
        return MYL_OK;
    return is_joined_elsewhere(cx, summary, &who, out);
}

myl_rc myl_room_summary_open_to_server(myl_ctx *cx, const myl_room_summary *summary, myl_str server,
                                       bool *out)
{
    onlooker who = {.server = server};

    MYL_TRY(myl_room_acl_allows(cx, summary->head.state, server, out));
    if (!*out)
        return MYL_OK;
    *out = is_open_to_all(summary);
    if (*out)
        return MYL_OK;
    MYL_TRY(myl_room_server_is_expected(cx, &summary->head, server, out));
    if (*out || !is_restricted(summary))
        return MYL_OK;
    return is_joined_elsewhere(cx, summary, &who, out);
}

/* ---- writing ---- */

static void write_allowed(myl_writer *w, const myl_room_summary *summary)
{
    if (summary->allow == NULL || !is_restricted(summary))
        return;
    myl_write_open_key(w, "allowed_room_ids", '[');
    for (uint32_t i = 0; i < summary->allow->count; i++)
        if (is_condition(&summary->allow->items[i]))
            myl_write_str(w, NULL, myl_json_text(&summary->allow->items[i], MYL_S("room_id")));
    myl_write_close(w, ']');
}

void myl_room_summary_write(myl_writer *w, const myl_room_summary *summary, bool whole)
{
    myl_write_str(w, "room_id", summary->head.room_id);
    myl_write_str(w, "name", summary->name);
    myl_write_str(w, "topic", summary->topic);
    myl_write_str(w, "avatar_url", summary->avatar_url);
    myl_write_str(w, "canonical_alias", summary->canonical_alias);
    myl_write_str(w, "join_rule", summary->join_rule);
    myl_write_str(w, "room_type", summary->room_type);
    myl_write_int(w, "num_joined_members", summary->head.joined);
    myl_write_bool(w, "world_readable", summary->world_readable);
    myl_write_bool(w, "guest_can_join", summary->guest_can_join);
    if (!whole)
        return;
    myl_write_str(w, "encryption", summary->encryption);
    if (summary->head.version != NULL)
        myl_write_str(w, "room_version", myl_str_of(summary->head.version->name));
    write_allowed(w, summary);
}
