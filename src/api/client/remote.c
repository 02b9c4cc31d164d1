/* remote.c: what a client asks of another server's directory by way of ours.
 *
 * Spec:    Client-Server API, Published room directory (`server`); Room aliases of other servers.
 * Threads: the handler's; the call itself on the remote lane.
 * Holds:   of a foreign answer only known members of the right kind go on to a client.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/fed_call.h>
#include <myelin/room_directory.h>

typedef struct {
    myl_fed_request request;
    myl_fed_reply reply;
} question;

static myl_rc run(myl_req *req, void *state)
{
    question *asked = state;

    MYL_TRY(myl_fed_call(&req->cx, &asked->request, &asked->reply));
    return myl_fed_reply_check(&req->cx, &asked->request, &asked->reply);
}

/* MYL_NEED in the first round, the answer in the next. */
static myl_rc ask(myl_req *req, const myl_fed_request *request, const myl_json **answer)
{
    question *asked = req->plan.state;

    if (asked != NULL) {
        *answer = asked->reply.json;
        return MYL_OK;
    }
    asked = myl_new(&req->cx, question);
    asked->request = *request;
    return myl_req_need(req, MYL_LANE_REMOTE, run, asked);
}

/* ---- public rooms ---- */

static const myl_json *search_body(myl_ctx *cx, const myl_list_ask *list)
{
    const myl_json *body = NULL, *filter = NULL;

    if (list->limit != 0)
        body = myl_json_with(cx, body, MYL_S("limit"), myl_json_of_int(cx, (int64_t)list->limit));
    if (list->since.len > 0)
        body = myl_json_with(cx, body, MYL_S("since"), myl_json_of_str(cx, list->since));
    if (list->term.len > 0)
        filter = myl_json_with(cx, filter, MYL_S("generic_search_term"),
                               myl_json_of_str(cx, list->term));
    if (list->room_types != NULL)
        filter = myl_json_with(cx, filter, MYL_S("room_types"), list->room_types);
    if (filter != NULL)
        body = myl_json_with(cx, body, MYL_S("filter"), filter);
    if (myl_str_equal(list->list, MYL_S("*")))
        return myl_json_with(cx, body, MYL_S("include_all_networks"), myl_json_of_bool(cx, true));
    if (list->list.len > 0)
        body = myl_json_with(cx, body, MYL_S("third_party_instance_id"),
                             myl_json_of_str(cx, list->list));
    return body != NULL ? body : myl_json_empty_object();
}

static void copy_room(myl_writer *w, const myl_json *room)
{
    static const char *const texts[] = {"name", "topic", "avatar_url", "join_rule", "room_type"};
    myl_str alias = myl_json_text(room, MYL_S("canonical_alias"));
    int64_t joined = 0;

    (void)myl_json_int(room, MYL_S("num_joined_members"), &joined);
    myl_write_open(w, '{');
    myl_write_str(w, "room_id", myl_json_text(room, MYL_S("room_id")));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        myl_write_str(w, texts[i], myl_json_text(room, myl_str_of(texts[i])));
    if (myl_id_is_alias(alias))
        myl_write_str(w, "canonical_alias", alias);
    myl_write_int(w, "num_joined_members", joined < 0 ? 0 : joined);
    myl_write_bool(w, "world_readable", myl_json_bool(room, MYL_S("world_readable"), false));
    myl_write_bool(w, "guest_can_join", myl_json_bool(room, MYL_S("guest_can_join"), false));
    myl_write_close(w, '}');
}

myl_rc myl_client_remote_rooms(myl_req *req, myl_str server, const myl_list_ask *list)
{
    myl_fed_request request = {.destination = server,
                               .method = "POST",
                               .path = MYL_S("/_matrix/federation/v1/publicRooms")};
    const myl_json *answer, *chunk;
    myl_writer w = myl_write_start(&req->cx, 4096);
    int64_t total;

    if (!myl_id_is_server(server))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "server: expected a server name");
    request.body = search_body(&req->cx, list);
    MYL_TRY(ask(req, &request, &answer));
    chunk = myl_json_array(answer, MYL_S("chunk"));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "chunk", '[');
    for (uint32_t i = 0; chunk != NULL && i < chunk->count; i++)
        if (myl_id_is_room(myl_json_text(&chunk->items[i], MYL_S("room_id"))))
            copy_room(&w, &chunk->items[i]);
    myl_write_close(&w, ']');
    myl_write_str(&w, "next_batch", myl_json_text(answer, MYL_S("next_batch")));
    myl_write_str(&w, "prev_batch", myl_json_text(answer, MYL_S("prev_batch")));
    if (myl_json_int(answer, MYL_S("total_room_count_estimate"), &total) && total >= 0)
        myl_write_int(&w, "total_room_count_estimate", total);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- aliases ---- */

myl_rc myl_client_remote_alias(myl_req *req, myl_str alias, myl_str *room_id,
                               const myl_json **servers)
{
    myl_fed_request request = {
        .destination = myl_id_domain(alias),
        .method = "GET",
        .path = myl_fed_path(&req->cx, "/_matrix/federation/v1/query/directory?room_alias={}",
                             &alias, 1)};
    const myl_json *answer;

    MYL_TRY(ask(req, &request, &answer));
    *room_id = myl_json_text(answer, MYL_S("room_id"));
    *servers = myl_json_array(answer, MYL_S("servers"));
    if (!myl_id_is_room(*room_id))
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no room has this alias");
    return MYL_OK;
}
