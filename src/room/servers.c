/* servers.c: which servers are in a room, and which rooms a server is in.
 *
 * Why:     sending, serving and asking others begin with these questions; a room's members must not be walked for them.
 * Callers: member.c keeps the index with each membership; fed/, outbox/ and api/server ask.
 * Threads: the transaction's.
 * Holds:   a server's row counts its joined users; it goes with the last of them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_servers.h>

#include "room/room_own.h"

#include <myelin/matrix_id.h>
#include <myelin/room_admin.h>

static myl_rc read_count(myl_ctx *cx, const myl_key *key, uint32_t *out)
{
    myl_str row;

    *out = 0;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_ROOM_SERVERS, myl_key_str(key), &row));
    if (myl_str_present(row) && !myl_cut_u32(&row, out))
        return myl_fail(cx, MYL_CORRUPT, "ROOM_SERVERS: bad row");
    return MYL_OK;
}

static myl_rc put_count(myl_ctx *cx, uint64_t room, uint64_t server, uint32_t count)
{
    myl_key key = myl_key_of_u64s(room, server), by_server = myl_key_of_u64(server),
            value = myl_key_of_u64(room);
    myl_text row = myl_text_start(cx, 4);

    if (count == 0) {
        MYL_TRY(myl_store_remove(cx, MYL_TABLE_SERVER_ROOMS, myl_key_str(&by_server),
                                 myl_key_str(&value)));
        return myl_store_delete(cx, MYL_TABLE_ROOM_SERVERS, myl_key_str(&key));
    }
    myl_row_u32(&row, count);
    MYL_TRY(
        myl_store_add(cx, MYL_TABLE_SERVER_ROOMS, myl_key_str(&by_server), myl_key_str(&value)));
    return myl_store_put(cx, MYL_TABLE_ROOM_SERVERS, myl_key_str(&key), myl_text_str(&row));
}

myl_rc myl_room_server_count(myl_ctx *cx, uint64_t room, uint64_t user, int change)
{
    uint64_t server;
    uint32_t count;
    myl_str name;
    myl_key key;

    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, user, &name));
    name = myl_id_domain(name);
    if (name.len == 0)
        return MYL_OK;
    MYL_TRY(myl_store_intern(cx, MYL_INTERN_SERVER, name, &server));
    key = myl_key_of_u64s(room, server);
    MYL_TRY(read_count(cx, &key, &count));
    if (change < 0 && count == 0)
        return myl_fail(cx, MYL_CORRUPT, "ROOM_SERVERS: a user leaves whose server is not there");
    return put_count(cx, room, server, change < 0 ? count - 1 : count + 1);
}

myl_rc myl_room_servers(myl_ctx *cx, uint64_t room, const uint64_t **servers, size_t *count)
{
    myl_key prefix = myl_key_of_u64(room);
    myl_list list = MYL_LIST(cx, uint64_t);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_ROOM_SERVERS, myl_key_str(&prefix), MYL_ABSENT,
                           MYL_FORWARD, &scan));
    for (;;) {
        uint64_t server;

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        key = myl_str_slice(key, 8, SIZE_MAX);
        if (!myl_cut_u64(&key, &server))
            return myl_fail(cx, MYL_CORRUPT, "ROOM_SERVERS: bad key");
        myl_list_push(&list, uint64_t, server);
    }
    myl_scan_end(scan);
    *servers = list.at;
    *count = list.count;
    return MYL_OK;
}

myl_rc myl_server_rooms(myl_ctx *cx, uint64_t server, const uint64_t **rooms, size_t *count)
{
    myl_key key = myl_key_of_u64(server);
    myl_list list = MYL_LIST(cx, uint64_t);
    myl_scan *scan;
    myl_str found, value;

    MYL_TRY(myl_scan_values(cx, MYL_TABLE_SERVER_ROOMS, myl_key_str(&key), MYL_ABSENT, MYL_FORWARD,
                            &scan));
    for (;;) {
        uint64_t room;

        MYL_TRY(myl_scan_next(scan, &found, &value));
        if (!myl_str_present(found))
            break;
        if (!myl_cut_u64(&value, &room))
            return myl_fail(cx, MYL_CORRUPT, "SERVER_ROOMS: bad row");
        myl_list_push(&list, uint64_t, room);
    }
    myl_scan_end(scan);
    *rooms = list.at;
    *count = list.count;
    return MYL_OK;
}

myl_rc myl_server_in_rooms(myl_ctx *cx, myl_str server_name, bool *out)
{
    uint64_t server, count = 0;

    MYL_TRY(myl_store_interned(cx, MYL_INTERN_SERVER, server_name, &server));
    if (server != 0) {
        myl_key key = myl_key_of_u64(server);

        MYL_TRY(myl_store_count(cx, MYL_TABLE_SERVER_ROOMS, myl_key_str(&key), &count));
    }
    *out = count > 0;
    return MYL_OK;
}

myl_rc myl_room_has_server(myl_ctx *cx, uint64_t room, myl_str server_name, bool *out)
{
    uint64_t server;
    uint32_t count = 0;

    MYL_TRY(myl_store_interned(cx, MYL_INTERN_SERVER, server_name, &server));
    if (server != 0) {
        myl_key key = myl_key_of_u64s(room, server);

        MYL_TRY(read_count(cx, &key, &count));
    }
    *out = count > 0;
    return MYL_OK;
}

myl_rc myl_room_joined_of(myl_ctx *cx, uint64_t room, uint64_t server, uint32_t *out)
{
    myl_key key = myl_key_of_u64s(room, server);

    return read_count(cx, &key, out);
}

myl_rc myl_room_joined_here(myl_ctx *cx, uint64_t room, uint32_t *out)
{
    uint64_t server;
    myl_key key;

    *out = 0;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_SERVER, myl_room_server()->server_name, &server));
    if (server == 0)
        return MYL_OK;
    key = myl_key_of_u64s(room, server);
    return read_count(cx, &key, out);
}

/* ---- who gets an event ---- */

static void add_server(myl_list *list, uint64_t server, uint64_t ours)
{
    if (server == 0 || server == ours)
        return;
    for (size_t i = 0; i < list->count; i++)
        if (myl_list_get(list, uint64_t, i) == server)
            return;
    myl_list_push(list, uint64_t, server);
}

static myl_rc server_of_user(myl_ctx *cx, uint64_t user, uint64_t *server)
{
    myl_str name;

    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, user, &name));
    name = myl_id_domain(name);
    *server = 0;
    return name.len == 0 ? MYL_OK : myl_store_interned(cx, MYL_INTERN_SERVER, name, server);
}

myl_rc myl_room_outgoing(myl_ctx *cx, uint64_t room, uint64_t position, myl_stored *out)
{
    myl_walk *walk;

    MYL_TRY(myl_walk_arrival(cx, room, &(myl_range){position - 1, position}, MYL_FORWARD, &walk));
    MYL_TRY(myl_walk_next(walk, out));
    myl_walk_end(walk);
    if (out->number != 0 && (out->flags & MYL_EVENT_OUTGOING) == 0)
        out->number = 0;
    return MYL_OK;
}

myl_rc myl_room_joined_at(myl_ctx *cx, uint64_t room, uint64_t position, uint64_t *user,
                          bool *is_ours)
{
    uint64_t member_type;
    myl_member member;
    myl_stored stored;
    myl_walk *walk;
    myl_str name;

    *user = 0;
    *is_ours = false;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &member_type));
    MYL_TRY(myl_walk_arrival(cx, room, &(myl_range){position - 1, position}, MYL_FORWARD, &walk));
    MYL_TRY(myl_walk_next(walk, &stored));
    myl_walk_end(walk);
    if (stored.number == 0 || stored.type != member_type || stored.state_key == 0)
        return MYL_OK;
    MYL_TRY(myl_room_member(cx, room, stored.state_key, &member));
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, stored.state_key, &name));
    *is_ours = myl_id_is_ours(name, myl_room_server()->server_name);
    if (member.membership == MYL_MEMBER_JOIN && member.position == position)
        *user = stored.state_key;
    return MYL_OK;
}

myl_rc myl_room_event_servers(myl_ctx *cx, const myl_stored *stored, const uint64_t **servers,
                              size_t *count)
{
    myl_list list = MYL_LIST(cx, uint64_t);
    const uint64_t *joined;
    uint64_t ours, sender, target, member_type;
    myl_membership membership = MYL_MEMBER_NONE;
    size_t joined_count;

    MYL_TRY(myl_store_interned(cx, MYL_INTERN_SERVER, myl_room_server()->server_name, &ours));
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &member_type));
    MYL_TRY(myl_room_servers(cx, stored->room, &joined, &joined_count));
    MYL_TRY(server_of_user(cx, stored->sender, &sender));
    for (size_t i = 0; i < joined_count; i++)
        if (joined[i] != sender) /* who signed it has it */
            add_server(&list, joined[i], ours);
    /* who has just been put out is told; an invite goes its own way */
    if (stored->type == member_type && stored->state_key != 0)
        MYL_TRY(myl_room_membership_of(cx, stored->number, &membership));
    if (membership == MYL_MEMBER_LEAVE || membership == MYL_MEMBER_BAN) {
        MYL_TRY(server_of_user(cx, stored->state_key, &target));
        if (target != sender)
            add_server(&list, target, ours);
    }
    *servers = list.at;
    *count = list.count;
    return MYL_OK;
}
