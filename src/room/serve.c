/* serve.c: what other servers are given of a room: PDUs, auth chains, what lies before an event.
 *
 * Callers: api/server.
 * Threads: the transaction's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_serve.h>

#include "room/room_own.h"

#include <myelin/matrix_id.h>

myl_rc myl_room_pdu(myl_ctx *cx, const myl_stored *stored, myl_str *json)
{
    myl_event event;
    myl_text text;

    if ((stored->flags & MYL_EVENT_REDACTED) == 0) {
        *json = myl_keep(cx, stored->bytes);
        return MYL_OK;
    }
    MYL_TRY(myl_room_event_open(cx, stored, &event));
    text = myl_text_start(cx, 512);
    MYL_TRY(myl_json_canonical(cx, event.json, MYL_JSON_LOOSE, &text));
    *json = myl_text_str(&text);
    return MYL_OK;
}

/* ---- auth chains ---- */

myl_rc myl_room_auth_of(myl_ctx *cx, const myl_stored *stored, myl_list *out)
{
    const myl_event *event;

    MYL_TRY(myl_room_decoded(cx, stored->number, &event));
    return myl_room_auth_numbers(cx, event, UINT64_MAX, out);
}

static myl_rc list_chain(myl_ctx *cx, myl_auth_point top, myl_list *out)
{
    myl_key prefix = myl_key_of_u64(top.chain);
    uint64_t chain, place, number;
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_AUTH_CHAINS, myl_key_str(&prefix), MYL_ABSENT, MYL_FORWARD,
                           &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        if (!myl_cut_u64(&key, &chain) || !myl_cut_u64(&key, &place) || !myl_cut_u64(&row, &number))
            return myl_fail(cx, MYL_CORRUPT, "AUTH_CHAINS: bad row");
        if (place > top.place)
            break;
        myl_list_push(out, uint64_t, number);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

myl_rc myl_room_auth_chain(myl_ctx *cx, const uint64_t *events, size_t count, myl_list *out)
{
    myl_auth_point point;
    myl_auth_set *set;
    size_t at = 0;

    MYL_TRY(myl_auth_chain(cx, myl_room_auth_rows(), events, count, &set));
    while (myl_auth_set_next(set, &at, &point))
        MYL_TRY(list_chain(cx, point, out));
    myl_list_sort(out, myl_room_compare_numbers);
    return MYL_OK;
}

/* ---- what a server may see ---- */

static bool is_of_server(myl_str user, myl_str server)
{
    return myl_str_equal(myl_id_domain(user), server);
}

/* All users of the server that have a row in the room. */
static myl_rc find_users(myl_ctx *cx, myl_server_sight *sight)
{
    myl_key prefix = myl_key_of_u64(sight->room);
    myl_list users = MYL_LIST(cx, uint64_t);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_ROOM_MEMBERS, myl_key_str(&prefix), MYL_ABSENT,
                           MYL_FORWARD, &scan));
    for (;;) {
        myl_mark mark = myl_ctx_mark(cx);
        uint64_t user;
        myl_str name;
        bool its;

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        key = myl_str_slice(key, 8, SIZE_MAX);
        if (!myl_cut_u64(&key, &user))
            return myl_fail(cx, MYL_CORRUPT, "ROOM_MEMBERS: bad key");
        MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, user, &name));
        its = is_of_server(name, sight->server);
        myl_ctx_release(cx, mark);
        if (its)
            myl_list_push(&users, uint64_t, user);
    }
    myl_scan_end(scan);
    sight->users = users.at;
    sight->user_count = users.count;
    return MYL_OK;
}

/* Had the server a joined (or, where that is enough, an invited) user in this state? */
static myl_rc has_member(myl_ctx *cx, myl_server_sight *sight, bool invited, bool *out)
{
    *out = false;
    if (sight->users == NULL)
        MYL_TRY(find_users(cx, sight));
    for (size_t i = 0; i < sight->user_count && !*out; i++) {
        myl_membership membership;

        MYL_TRY(myl_room_member_at(cx, sight->root, sight->users[i], &membership));
        *out = membership == MYL_MEMBER_JOIN || (invited && membership == MYL_MEMBER_INVITE);
    }
    return MYL_OK;
}

static myl_rc look_at(myl_ctx *cx, myl_server_sight *sight, myl_tree_root root)
{
    const myl_json *content;
    myl_str visibility;

    if (sight->root == root && root != 0)
        return MYL_OK;
    sight->root = root;
    MYL_TRY(myl_room_state_content(cx, root, "m.room.history_visibility", MYL_S(""), &content));
    visibility = myl_json_text(content, MYL_S("history_visibility"));
    sight->answer = true;
    if (myl_str_equal(visibility, MYL_S("joined")))
        return has_member(cx, sight, false, &sight->answer);
    if (myl_str_equal(visibility, MYL_S("invited")))
        return has_member(cx, sight, true, &sight->answer);
    return MYL_OK;
}

/* The present state is given as a whole anyway (spec: Retrieving events; joins), so none of it is a secret. */
static myl_rc is_present(myl_ctx *cx, const myl_server_sight *sight, const myl_stored *stored,
                         bool *out)
{
    uint64_t number = 0;

    if (sight->present != 0 && stored->state_key != 0)
        MYL_TRY(myl_tree_get(cx, myl_store_nodes(cx), sight->present, (uint32_t)stored->type,
                             stored->state_key, &number));
    *out = number != 0 && number == stored->number;
    return MYL_OK;
}

static myl_rc may_see(myl_ctx *cx, myl_server_sight *sight, const myl_stored *stored, bool *out)
{
    myl_str sender;

    MYL_TRY(look_at(cx, sight, stored->after));
    *out = sight->answer;
    if (*out)
        return MYL_OK;
    /* its own words are no secret to it */
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, stored->sender, &sender));
    *out = is_of_server(sender, sight->server);
    if (*out || stored->before == stored->after)
        return MYL_OK;
    MYL_TRY(look_at(cx, sight, stored->before));
    *out = sight->answer;
    return *out ? MYL_OK : is_present(cx, sight, stored, out);
}

/* What somebody wrote who has asked to be erased goes redacted to servers that were not in the room then (spec: Account
 * deactivation). */
static myl_rc hide_erased(myl_ctx *cx, myl_server_sight *sight, const myl_stored *stored, bool *out)
{
    if ((stored->flags & MYL_EVENT_STATE) != 0)
        return MYL_OK;
    if (sight->sender != stored->sender)
        MYL_TRY(myl_user_is_erased(cx, stored->sender, &sight->is_erased));
    sight->sender = stored->sender;
    if (!sight->is_erased)
        return MYL_OK;
    sight->root = stored->before;
    MYL_TRY(has_member(cx, sight, false, out));
    sight->root = 0; /* its answer was another question's */
    return MYL_OK;
}

myl_rc myl_room_server_may_see(myl_ctx *cx, myl_server_sight *sight, const myl_stored *stored,
                               bool *out)
{
    MYL_TRY(may_see(cx, sight, stored, out));
    return *out ? hide_erased(cx, sight, stored, out) : MYL_OK;
}

myl_rc myl_room_server_is_expected(myl_ctx *cx, const myl_room_head *head, myl_str server,
                                   bool *out)
{
    myl_server_sight sight = {.room = head->room, .server = server, .root = head->state};

    MYL_TRY(myl_room_has_server(cx, head->room, server, out));
    return *out ? MYL_OK : has_member(cx, &sight, true, out);
}

/* ---- walking back ---- */

typedef struct {
    myl_ctx *cx;
    const myl_room_head *head;
    const myl_walk_back *walk;
    myl_list open; /* myl_stored */
    myl_map *seen; /* by id */
} walking;

static myl_rc open_number(walking *w, uint64_t number)
{
    myl_stored stored;
    void **seen;

    MYL_TRY(myl_room_event(w->cx, number, &stored));
    if (stored.room != w->head->room || (stored.flags & MYL_EVENT_OUTLIER) != 0)
        return MYL_OK;
    seen = myl_map_slot(w->seen, stored.event_id);
    if (*seen == NULL && stored.depth >= w->walk->min_depth)
        *(myl_stored *)myl_list_add(&w->open) = stored;
    *seen = w;
    return MYL_OK;
}

static myl_rc open_prevs(walking *w, const myl_stored *stored)
{
    const myl_event *event;

    MYL_TRY(myl_room_decoded(w->cx, stored->number, &event));
    for (size_t i = 0; i < event->prev_event_count; i++) {
        uint64_t number;

        MYL_TRY(myl_room_event_number(w->cx, event->prev_events[i], &number));
        if (number != 0)
            MYL_TRY(open_number(w, number));
    }
    return MYL_OK;
}

/* Takes the deepest of those that are open. */
static myl_stored take_deepest(walking *w)
{
    myl_stored *at = w->open.at, taken;
    size_t best = 0;

    for (size_t i = 1; i < w->open.count; i++)
        if (at[i].depth > at[best].depth ||
            (at[i].depth == at[best].depth && at[i].number > at[best].number))
            best = i;
    taken = at[best];
    at[best] = at[--w->open.count];
    return taken;
}

myl_rc myl_room_walk_back(myl_ctx *cx, const myl_room_head *head, const myl_walk_back *walk,
                          myl_list *out)
{
    walking w = {cx, head, walk, MYL_LIST(cx, myl_stored), myl_map_start(cx, 64)};
    size_t steps = 0;

    for (size_t i = 0; i < walk->stop_count; i++)
        *myl_map_slot(w.seen, walk->stop[i]) = &w;
    for (size_t i = 0; i < walk->from_count; i++) {
        if (walk->with_from) {
            MYL_TRY(open_number(&w, walk->from[i]));
        } else {
            myl_stored stored;

            MYL_TRY(myl_room_event(cx, walk->from[i], &stored));
            *myl_map_slot(w.seen, stored.event_id) = &w;
            if (stored.room == head->room)
                MYL_TRY(open_prevs(&w, &stored));
        }
    }
    while (w.open.count > 0 && out->count < walk->limit && steps++ < MYL_LIMIT_WALK_BACK) {
        myl_stored stored = take_deepest(&w);

        if ((stored.flags & MYL_EVENT_REJECTED) == 0)
            *(myl_stored *)myl_list_add(out) = stored;
        MYL_TRY(open_prevs(&w, &stored));
    }
    return MYL_OK;
}

/* ---- what an invited server is told ---- */

static const char *const outline[] = {"m.room.create",          "m.room.join_rules",
                                      "m.room.canonical_alias", "m.room.avatar",
                                      "m.room.encryption",      "m.room.name",
                                      "m.room.topic",           "m.room.history_visibility"};

static myl_rc write_state(myl_ctx *cx, myl_writer *w, const myl_stored *stored)
{
    myl_str json;

    if (stored->number == 0)
        return MYL_OK;
    MYL_TRY(myl_room_pdu(cx, stored, &json));
    myl_write_raw(w, NULL, json);
    return MYL_OK;
}

myl_rc myl_room_write_outline(myl_ctx *cx, myl_writer *w, const myl_room_head *head,
                              myl_str inviter)
{
    myl_stored stored;

    for (size_t i = 0; i < sizeof(outline) / sizeof(outline[0]); i++) {
        MYL_TRY(myl_room_state_event(cx, head->state, outline[i], MYL_S(""), &stored));
        MYL_TRY(write_state(cx, w, &stored));
    }
    if (!myl_str_present(inviter))
        return MYL_OK;
    MYL_TRY(myl_room_state_event(cx, head->state, "m.room.member", inviter, &stored));
    return write_state(cx, w, &stored);
}
