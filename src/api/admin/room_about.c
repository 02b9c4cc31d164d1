/* room_about.c: what the lists of rooms show of one.
 *
 * Threads: the transaction's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/admin/admin_own.h"

#include <myelin/room_directory.h>

static myl_rc text_of(myl_ctx *cx, const myl_room_head *head, const char *type, const char *field,
                      myl_str *out)
{
    const myl_json *content;

    MYL_TRY(myl_room_state_content(cx, head->state, type, MYL_S(""), &content));
    *out = myl_json_text(content, myl_str_of(field));
    return MYL_OK;
}

static myl_rc describe_create(myl_ctx *cx, const myl_room_head *head, myl_admin_room *out)
{
    const myl_json *content;
    myl_stored create;

    MYL_TRY(myl_room_event(cx, head->create, &create));
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, create.sender, &out->creator));
    MYL_TRY(myl_room_event_content(cx, &create, &content));
    out->federatable = myl_json_bool(content, MYL_S("m.federate"), true);
    out->room_type = myl_json_text(content, MYL_S("type"));
    return MYL_OK;
}

static myl_rc describe_texts(myl_ctx *cx, const myl_room_head *head, myl_admin_room *out)
{
    const struct {
        const char *type, *field;
        myl_str *out;
    } texts[] = {
        {"m.room.name", "name", &out->name},
        {"m.room.canonical_alias", "alias", &out->canonical_alias},
        {"m.room.encryption", "algorithm", &out->encryption},
        {"m.room.join_rules", "join_rule", &out->join_rules},
        {"m.room.guest_access", "guest_access", &out->guest_access},
        {"m.room.history_visibility", "history_visibility", &out->history_visibility},
        {"m.room.topic", "topic", &out->topic},
        {"m.room.avatar", "url", &out->avatar},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        MYL_TRY(text_of(cx, head, texts[i].type, texts[i].field, texts[i].out));
    return MYL_OK;
}

myl_rc myl_admin_describe(myl_ctx *cx, const myl_room_head *head, myl_admin_room *out)
{
    myl_digest digest;
    uint64_t entries = 0;
    uint32_t local;

    *out = (myl_admin_room){.room = head->room,
                            .room_id = head->room_id,
                            .version = myl_str_of(head->version->name),
                            .joined = head->joined};
    MYL_TRY(myl_room_joined_here(cx, head->room, &local));
    out->joined_local = local;
    if (head->state != 0)
        MYL_TRY(myl_tree_digest(cx, myl_store_nodes(cx), head->state, &digest, &entries));
    out->state_events = (int64_t)entries;
    MYL_TRY(myl_room_list_has(cx, head->room, MYL_S(""), &out->is_public));
    MYL_TRY(describe_create(cx, head, out));
    return describe_texts(cx, head, out);
}

void myl_admin_write_room(myl_writer *w, const myl_admin_room *room)
{
    myl_write_str(w, "room_id", room->room_id);
    myl_admin_write_text(w, "name", room->name);
    myl_admin_write_text(w, "canonical_alias", room->canonical_alias);
    myl_write_int(w, "joined_members", room->joined);
    myl_write_int(w, "joined_local_members", room->joined_local);
    myl_write_str(w, "version", room->version);
    myl_write_str(w, "creator", room->creator);
    myl_admin_write_text(w, "encryption", room->encryption);
    myl_write_bool(w, "federatable", room->federatable);
    myl_write_bool(w, "public", room->is_public);
    myl_admin_write_text(w, "join_rules", room->join_rules);
    myl_admin_write_text(w, "guest_access", room->guest_access);
    myl_admin_write_text(w, "history_visibility", room->history_visibility);
    myl_write_int(w, "state_events", room->state_events);
    myl_admin_write_text(w, "room_type", room->room_type);
}

myl_rc myl_admin_room_head(myl_req *req, myl_room_head *head)
{
    return myl_room_require(&req->cx, req->path.room_id, head);
}
