/* directory.c: aliases of rooms, the directory of public rooms, and forgetting rooms.
 *
 * Spec:    Client-Server API, Room aliases; Published room directory; Leaving rooms.
 * Threads: the engine for changes, a read worker otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/base_list.h>
#include <myelin/room_servers.h>

static void write_foreign_servers(myl_writer *w, const myl_json *servers)
{
    for (uint32_t i = 0; servers != NULL && i < servers->count; i++)
        if (servers->items[i].kind == MYL_JSON_STRING && myl_id_is_server(servers->items[i].text))
            myl_write_str(w, NULL, servers->items[i].text);
}

/* Ours first, then the others that are in the room. */
static myl_rc write_servers(myl_req *req, myl_writer *w, myl_str room_id)
{
    myl_str ours = myl_room_server()->server_name, name;
    const uint64_t *servers;
    myl_room_head head;
    size_t count;

    MYL_TRY(myl_room_head_get(&req->cx, room_id, &head));
    MYL_TRY(myl_room_servers(&req->cx, head.room, &servers, &count));
    myl_write_str(w, NULL, ours);
    for (size_t i = 0; i < count; i++) {
        MYL_TRY(myl_store_text_of(&req->cx, MYL_INTERN_SERVER, servers[i], &name));
        if (!myl_str_equal(name, ours))
            myl_write_str(w, NULL, name);
    }
    return MYL_OK;
}

myl_rc myl_client_alias(myl_req *req, const myl_body_none *in)
{
    bool ours = myl_id_is_ours(req->path.room_alias, myl_room_server()->server_name);
    myl_writer w = myl_write_start(&req->cx, 128);
    const myl_json *foreign = NULL;
    myl_str room_id, creator;

    MYL_UNUSED(in);
    if (ours)
        MYL_TRY(myl_room_alias_get(&req->cx, req->path.room_alias, &room_id, &creator));
    else
        MYL_TRY(myl_client_remote_alias(req, req->path.room_alias, &room_id, &foreign));
    if (!myl_str_present(room_id))
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no room has this alias");
    myl_write_open(&w, '{');
    myl_write_str(&w, "room_id", room_id);
    myl_write_open_key(&w, "servers", '[');
    if (ours)
        MYL_TRY(write_servers(req, &w, room_id));
    else
        write_foreign_servers(&w, foreign);
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_put_alias(myl_req *req, const myl_body_room_alias *in)
{
    myl_str present, creator;
    myl_room_head head;

    if (!myl_id_is_ours(req->path.room_alias, myl_room_server()->server_name))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "roomAlias: belongs to another server");
    MYL_TRY(myl_room_require_joined(&req->cx, in->room_id, &req->caller, &head));
    MYL_TRY(myl_room_alias_get(&req->cx, req->path.room_alias, &present, &creator));
    if (myl_str_present(present))
        return myl_fail(&req->cx, MYL_ALIAS_EXISTS, "roomAlias: taken");
    MYL_TRY(myl_room_alias_put(&req->cx, req->path.room_alias, &head, req->caller.user_id));
    return myl_reply_empty(req);
}

/* Has the caller, joined to the room, the level that m.room.canonical_alias takes? It rules over aliases and listings. */
static myl_rc may_name(myl_req *req, const myl_room_head *head, bool *out)
{
    myl_member member;
    myl_power power;

    *out = false;
    MYL_TRY(myl_room_member(&req->cx, head->room, req->caller.user, &member));
    if (member.membership != MYL_MEMBER_JOIN)
        return MYL_OK;
    MYL_TRY(myl_room_power(&req->cx, head, &power));
    *out = myl_power_user(&power, req->caller.user_id) >=
           myl_power_event(&power, MYL_S("m.room.canonical_alias"), true);
    return MYL_OK;
}

static const myl_json *without_item(myl_ctx *cx, const myl_json *list, myl_str text)
{
    myl_list kept = MYL_LIST(cx, myl_json);

    for (uint32_t i = 0; i < list->count; i++)
        if (!myl_str_equal(list->items[i].text, text))
            myl_list_push(&kept, myl_json, list->items[i]);
    return myl_json_of_items(cx, kept.at, kept.count);
}

/* The room's m.room.canonical_alias names the alias no more, where the caller may change that. */
static myl_rc take_from_canonical(myl_req *req, const myl_room_head *head)
{
    myl_outgoing outgoing = {.room_id = head->room_id,
                             .sender = req->caller.user_id,
                             .type = MYL_S("m.room.canonical_alias"),
                             .state_key = MYL_S("")};
    const myl_json *before, *others;
    myl_str event_id, alias = req->path.room_alias;

    MYL_TRY(myl_room_state_content(&req->cx, head->state, "m.room.canonical_alias", MYL_S(""),
                                   &before));
    if (before == NULL)
        return MYL_OK;
    outgoing.content = before;
    if (myl_str_equal(myl_json_text(before, MYL_S("alias")), alias))
        outgoing.content = myl_json_without(&req->cx, before, MYL_S("alias"));
    others = myl_json_array(before, MYL_S("alt_aliases"));
    if (others != NULL)
        outgoing.content = myl_json_with(&req->cx, outgoing.content, MYL_S("alt_aliases"),
                                         without_item(&req->cx, others, alias));
    return myl_json_equal(before, outgoing.content) ? MYL_OK
                                                    : myl_room_send(&req->cx, &outgoing, &event_id);
}

/* Its maker may remove an alias, and who may set the canonical one. */
myl_rc myl_client_delete_alias(myl_req *req, const myl_body_none *in)
{
    myl_str room_id, creator;
    myl_room_head head;
    bool may;

    MYL_UNUSED(in);
    MYL_TRY(myl_room_alias_get(&req->cx, req->path.room_alias, &room_id, &creator));
    if (!myl_str_present(room_id))
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no room has this alias");
    MYL_TRY(myl_room_head_get(&req->cx, room_id, &head));
    MYL_TRY(may_name(req, &head, &may));
    if (!may && !myl_str_equal(creator, req->caller.user_id) && !req->caller.is_admin)
        return myl_fail(&req->cx, MYL_FORBIDDEN,
                        "removing others' aliases takes the level of m.room.canonical_alias");
    MYL_TRY(myl_room_alias_remove(&req->cx, req->path.room_alias));
    if (may)
        MYL_TRY(take_from_canonical(req, &head));
    return myl_reply_empty(req);
}

/* Administrators see them of any room. */
static myl_rc open_for_aliases(myl_req *req, myl_room_head *head)
{
    myl_tree_root root;

    if (req->caller.is_admin) {
        MYL_TRY(myl_room_head_get(&req->cx, req->path.room_id, head));
        return head->room != 0 ? MYL_OK
                               : myl_fail(&req->cx, MYL_NOT_FOUND, "this room is not known here");
    }
    MYL_TRY(myl_client_open_room(req, head, &root));
    if (root != head->state) /* who has left learns no new names */
        return myl_fail(&req->cx, MYL_FORBIDDEN, "you are not in the room");
    return MYL_OK;
}

myl_rc myl_client_aliases(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 256);
    const myl_str *aliases;
    myl_room_head head;
    size_t count;

    MYL_UNUSED(in);
    MYL_TRY(open_for_aliases(req, &head));
    MYL_TRY(myl_room_aliases(&req->cx, head.room, &aliases, &count));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "aliases", '[');
    for (size_t i = 0; i < count; i++)
        myl_write_str(&w, NULL, aliases[i]);
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- the directory of public rooms ---- */

myl_rc myl_client_room_listing(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 64);
    myl_room_head head;
    bool listed;

    MYL_UNUSED(in);
    MYL_TRY(myl_room_require(&req->cx, req->path.room_id, &head));
    MYL_TRY(myl_room_list_has(&req->cx, head.room, MYL_S(""), &listed));
    myl_write_open(&w, '{');
    myl_write_str(&w, "visibility", listed ? MYL_S("public") : MYL_S("private"));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_room_listing_set(myl_req *req, const myl_body_room_listing *in)
{
    myl_room_head head;
    bool may;

    MYL_TRY(myl_room_require(&req->cx, req->path.room_id, &head));
    MYL_TRY(may_name(req, &head, &may));
    if (!may && !req->caller.is_admin)
        return myl_fail(&req->cx, MYL_FORBIDDEN,
                        "listing a room takes the level of m.room.canonical_alias in it");
    MYL_TRY(myl_room_list_put(&req->cx, &head, MYL_S(""),
                              myl_str_equal(in->visibility, MYL_S("public"))));
    return myl_reply_empty(req);
}

/* An answer of this server only. */
static myl_rc reply_page(myl_req *req, const myl_list_ask *ask)
{
    myl_writer w = myl_write_start(&req->cx, 4096);
    myl_str server = myl_req_query(req, "server");
    myl_list_page page;

    if (server.len > 0 && !myl_str_equal(server, myl_room_server()->server_name))
        return myl_client_remote_rooms(req, server, ask);
    MYL_TRY(myl_room_list_page(&req->cx, ask, &page));
    myl_room_list_write(&w, &page);
    return myl_reply_written(req, &w);
}

myl_rc myl_client_public_rooms(myl_req *req, const myl_body_none *in)
{
    myl_list_ask ask = {.list = MYL_S(""), .since = myl_req_query(req, "since")};
    int64_t limit;

    MYL_UNUSED(in);
    if (req->caller.user == 0 && !myl_api_config()->public_rooms_without_login)
        return myl_fail(&req->cx, MYL_MISSING_TOKEN, "the list of public rooms is for users");
    MYL_TRY(myl_req_query_int(req, "limit", 0, INT64_MAX, 0, &limit));
    ask.limit = limit > MYL_LIMIT_LIST_PAGE ? MYL_LIMIT_LIST_PAGE : (size_t)limit;
    return reply_page(req, &ask);
}

/* The list that a search is about: `third_party_instance_id`, every list, or this server's own. */
static myl_rc chosen_list(myl_req *req, const myl_body_public_rooms *in, myl_str *out)
{
    bool instance = in->third_party_instance_id.len > 0;

    if (instance && in->include_all_networks)
        return myl_fail(&req->cx, MYL_INVALID_PARAM,
                        "third_party_instance_id: not with include_all_networks");
    *out = instance ? in->third_party_instance_id : MYL_S("");
    if (in->include_all_networks)
        *out = MYL_S("*");
    return MYL_OK;
}

myl_rc myl_client_search_public_rooms(myl_req *req, const myl_body_public_rooms *in)
{
    myl_list_ask ask = {.since = in->since};

    MYL_TRY(chosen_list(req, in, &ask.list));
    if (in->has_limit)
        ask.limit = in->limit > MYL_LIMIT_LIST_PAGE ? MYL_LIMIT_LIST_PAGE : (size_t)in->limit;
    if (in->filter != NULL) {
        ask.term = in->filter->generic_search_term;
        ask.room_types = in->filter->room_types;
    }
    return reply_page(req, &ask);
}

/* ---- forgetting ---- */

myl_rc myl_client_forget(myl_req *req, const myl_body_empty *in)
{
    myl_room_head head;

    MYL_UNUSED(in);
    MYL_TRY(myl_room_head_get(&req->cx, req->path.room_id, &head));
    MYL_TRY(myl_room_forget(&req->cx, head.room, req->caller.user));
    return myl_reply_empty(req);
}
