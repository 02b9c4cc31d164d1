/* device_lists.c: whose devices a reader must ask for again, exact over joins, leaves and rejoins.
 *
 * Why:     three things make news: a row in the log of device lists, a room that is newly shared, a room no longer
 *          shared. All are range scans from the token's position; members at the token are those of now with the
 *          comings and goings since then taken back.
 * Callers: /sync, /keys/changes.
 * Threads: a read worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sync_own.h"

#include <stdlib.h>

#include <myelin/base_table.h>
#include <myelin/room_share.h>

enum { LOG_ROWS = 1000, ROOM_ROWS = 2000 };
/* Joining a larger room shows all of its members, also those who were met elsewhere: looking for that costs more. */
enum { LARGE_ROOM = 1000 };

/* What happened in a room of the reader since the position. */
typedef struct {
    uint64_t room;
    bool joined_now, joined_then; /* the reader */
    bool moved;                   /* the reader came or went meanwhile */
    const myl_join_change *changes;
    size_t count;
    myl_list movers; /* myl_join_change: the first of each user, by user */
} shared_room;

typedef struct {
    myl_ctx *cx;
    uint64_t reader, since;
    myl_list rooms;     /* shared_room: those where somebody came or went */
    myl_table *changed; /* user -> not NULL */
    myl_table *left;
    myl_list changed_list, left_list;
} looking;

static const shared_room *room_of(const looking *l, uint64_t room)
{
    for (size_t i = 0; i < l->rooms.count; i++) {
        const shared_room *one = myl_list_at(&l->rooms, i);

        if (one->room == room)
            return one;
    }
    return NULL;
}

static void add_once(myl_table *table, myl_list *list, uint64_t user)
{
    if (myl_table_get(table, user) != NULL)
        return;
    myl_table_set(table, user, table);
    myl_list_push(list, uint64_t, user);
}

static void add_changed(looking *l, uint64_t user)
{
    add_once(l->changed, &l->changed_list, user);
}

/* ---- who is met ---- */

static int by_user(const void *a, const void *b)
{
    const myl_join_change *x = a, *y = b;

    return (x->user > y->user) - (x->user < y->user);
}

static void list_movers(myl_ctx *cx, shared_room *room)
{
    myl_list all = MYL_LIST(cx, myl_join_change);

    for (size_t i = 0; i < room->count; i++)
        myl_list_push(&all, myl_join_change, room->changes[i]);
    myl_list_sort(&all, by_user);
    room->movers = MYL_LIST(cx, myl_join_change);
    for (size_t i = 0; i < all.count; i++)
        if (i == 0 || by_user(myl_list_at(&all, i - 1), myl_list_at(&all, i)) != 0)
            myl_list_push(&room->movers, myl_join_change, myl_list_get(&all, myl_join_change, i));
}

static bool moved_in(const shared_room *room, uint64_t user)
{
    myl_join_change wanted = {.user = user};

    return room->movers.count > 0 &&
           bsearch(&wanted, room->movers.at, room->movers.count, sizeof(wanted), by_user) != NULL;
}

/* Do the reader and this user share a room now? always: has one of them been shared all the time since? */
static myl_rc look_shared(looking *l, uint64_t user, bool *now, bool *always)
{
    myl_shared_rooms *shared;
    myl_shared_room room;

    *now = *always = false;
    MYL_TRY(myl_room_shared_start(l->cx, l->reader, user, &shared));
    do {
        const shared_room *moved;

        MYL_TRY(myl_room_shared_next(shared, &room));
        if (room.room == 0)
            break;
        *now = true;
        moved = room_of(l, room.room);
        *always = moved == NULL || (!moved->moved && !moved_in(moved, user));
    } while (!*always);
    myl_room_shared_end(shared);
    return MYL_OK;
}

/* ---- the log ---- */

static myl_rc take_log_rows(looking *l, const myl_device_change *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t user = rows[i].user;
        bool now = user == l->reader, always;

        if (myl_table_get(l->changed, user) != NULL)
            continue;
        if (!now)
            MYL_TRY(look_shared(l, user, &now, &always));
        if (now)
            add_changed(l, user);
    }
    return MYL_OK;
}

static myl_rc take_log(looking *l)
{
    const myl_device_change *rows;
    uint64_t after = l->since;
    size_t count;

    do {
        MYL_TRY(myl_user_device_changes(l->cx, after, LOG_ROWS, &rows, &count));
        MYL_TRY(take_log_rows(l, rows, count));
        if (count > 0)
            after = rows[count - 1].position;
    } while (count == LOG_ROWS);
    return MYL_OK;
}

static myl_rc take_signed(looking *l)
{
    myl_list users;

    MYL_TRY(myl_user_signed_since(l->cx, l->reader, l->since, &users));
    for (size_t i = 0; i < users.count; i++)
        add_changed(l, myl_list_get(&users, uint64_t, i));
    return MYL_OK;
}

/* ---- rooms where somebody came or went ---- */

static myl_rc open_shared(looking *l, const myl_member *reader)
{
    shared_room room = {.room = reader->room, .joined_now = reader->membership == MYL_MEMBER_JOIN};

    MYL_TRY(myl_room_join_changes(l->cx, room.room, l->since, &room.changes, &room.count));
    if (room.count == 0)
        return MYL_OK;
    room.joined_then = room.joined_now;
    for (size_t i = 0; i < room.count && !room.moved; i++) {
        room.moved = room.changes[i].user == l->reader;
        if (room.moved)
            room.joined_then = !room.changes[i].joined;
    }
    list_movers(l->cx, &room);
    if (room.joined_now || room.joined_then)
        myl_list_push(&l->rooms, shared_room, room);
    return MYL_OK;
}

static myl_rc open_rooms(looking *l)
{
    myl_list numbers = MYL_LIST(l->cx, uint64_t);
    myl_changed_rooms changed;
    const myl_member *members;
    size_t count;

    MYL_TRY(myl_room_changed(l->cx, l->since, ROOM_ROWS, &changed));
    for (size_t i = 0; i < changed.count; i++)
        myl_list_push(&numbers, uint64_t, changed.rooms[i]);
    if (changed.all)
        MYL_TRY(myl_room_of_user(l->cx, l->reader, ~0u, &members, &count));
    else
        MYL_TRY(myl_room_of_user_among(l->cx, l->reader, &numbers, &members, &count));
    for (size_t i = 0; i < count; i++)
        MYL_TRY(open_shared(l, &members[i]));
    return MYL_OK;
}

/* Somebody who is met in a room that was not shared all the time. */
static myl_rc take_met(looking *l, uint64_t user, bool surely)
{
    bool now = true, always = false;

    if (myl_table_get(l->changed, user) != NULL)
        return MYL_OK;
    if (!surely && user != l->reader)
        MYL_TRY(look_shared(l, user, &now, &always));
    if (now && !always)
        add_changed(l, user);
    return MYL_OK;
}

static myl_rc take_comers(looking *l, const shared_room *room)
{
    const uint64_t *users;
    size_t count;

    if (!room->joined_now)
        return MYL_OK;
    if (room->moved) {
        MYL_TRY(myl_room_joined(l->cx, room->room, &users, &count));
        for (size_t i = 0; i < count; i++)
            MYL_TRY(take_met(l, users[i], count > LARGE_ROOM));
        return MYL_OK;
    }
    for (size_t i = 0; i < room->count; i++)
        if (room->changes[i].joined)
            MYL_TRY(take_met(l, room->changes[i].user, false));
    return MYL_OK;
}

static myl_rc take_gone(looking *l, uint64_t user)
{
    bool now, always;

    if (user == l->reader || myl_table_get(l->left, user) != NULL)
        return MYL_OK;
    MYL_TRY(look_shared(l, user, &now, &always));
    if (!now)
        add_once(l->left, &l->left_list, user);
    return MYL_OK;
}

static myl_rc take_goers(looking *l, const shared_room *room)
{
    const uint64_t *users;
    size_t count;

    if (!room->joined_then)
        return MYL_OK;
    /* the first change since tells how it was before: it was the opposite */
    for (size_t i = 0; i < room->movers.count; i++) {
        const myl_join_change *first = myl_list_at(&room->movers, i);

        if (!first->joined)
            MYL_TRY(take_gone(l, first->user));
    }
    if (room->joined_now)
        return MYL_OK;
    /* the reader has gone: everybody who was there then and is there now is met there no longer */
    MYL_TRY(myl_room_joined(l->cx, room->room, &users, &count));
    for (size_t i = 0; i < count; i++)
        if (!moved_in(room, users[i]))
            MYL_TRY(take_gone(l, users[i]));
    return MYL_OK;
}

static myl_rc look(looking *l)
{
    MYL_TRY(open_rooms(l));
    MYL_TRY(take_log(l));
    MYL_TRY(take_signed(l));
    for (size_t i = 0; i < l->rooms.count; i++) {
        MYL_TRY(take_comers(l, myl_list_at(&l->rooms, i)));
        MYL_TRY(take_goers(l, myl_list_at(&l->rooms, i)));
    }
    return MYL_OK;
}

myl_rc myl_sync_device_lists(myl_ctx *cx, uint64_t reader, uint64_t since, myl_device_lists *out)
{
    looking l = {.cx = cx,
                 .reader = reader,
                 .since = since,
                 .rooms = MYL_LIST(cx, shared_room),
                 .changed = myl_table_start(),
                 .left = myl_table_start(),
                 .changed_list = MYL_LIST(cx, uint64_t),
                 .left_list = MYL_LIST(cx, uint64_t)};
    myl_rc rc = look(&l);

    *out = (myl_device_lists){.changed = l.changed_list.at,
                              .changed_count = l.changed_list.count,
                              .left = l.left_list.at,
                              .left_count = l.left_list.count};
    myl_table_end(l.changed);
    myl_table_end(l.left);
    return rc;
}
