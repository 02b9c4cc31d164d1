/* purge.c: a room is deleted: our users out, its names away, then every row that it has.
 *
 * Why:     a room may have millions of rows; each step deletes STEP_ROWS of them, and other changes run between.
 * Callers: the admin API, the purge of forgotten rooms. Threads: the engine.
 * Holds:   from the mark on nothing comes into the room. Our users' rows of it go before its head, and its head before all
 *          else, so nobody is led to a room that is half there. Each phase may run again from its start.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_admin.h>
#include <myelin/room_directory.h>
#include <myelin/room_servers.h>
#include <myelin/user_threads.h>

#include "room/purge_own.h"

enum {
    STEP_ROWS = 400,
    STEP_WALK = 4000,
    STEP_USERS = 100,
    TELL_MS = 10000 /* time for the other servers of the room to be told that our users left */
};

static const char kind[] = "room.delete";

typedef enum {
    PHASE_MEMBERS,
    PHASE_ALIASES,
    PHASE_CLOSED,   /* nobody of ours is in it: purge it, or not */
    PHASE_OURS,     /* the rows by which our users find it */
    PHASE_HEAD,     /* from here on it is not known */
    PHASE_BY_USER,  /* rows under its members */
    PHASE_KEYED,    /* tables whose keys begin with the room */
    PHASE_EVENTS,   /* in reading order */
    PHASE_OUTLIERS, /* the others */
    PHASE_LOG,      /* what is left in ROOM_LOG */
    PHASE_CHANGES,  /* and in USER_CHANGES */
    PHASE_END
} phase;

/* ---- the task's state ---- */

static myl_str state_of(myl_ctx *cx, const deletion *d)
{
    myl_text row = MYL_TEXT(cx);

    myl_row_u64(&row, d->id);
    myl_row_u64(&row, d->room);
    myl_row_u64(&row, d->new_room);
    myl_row_u64(&row, d->new_room_user);
    myl_row_u8(&row, d->purge);
    myl_row_u8(&row, d->force);
    myl_row_u32(&row, d->phase);
    myl_row_u64(&row, d->at);
    myl_row_str(&row, d->cursor);
    return myl_text_str(&row);
}

static bool cut_state(myl_str row, deletion *out)
{
    uint8_t purge, force;

    if (!myl_cut_u64(&row, &out->id) || !myl_cut_u64(&row, &out->room) ||
        !myl_cut_u64(&row, &out->new_room) || !myl_cut_u64(&row, &out->new_room_user) ||
        !myl_cut_u8(&row, &purge) || !myl_cut_u8(&row, &force) || !myl_cut_u32(&row, &out->phase) ||
        !myl_cut_u64(&row, &out->at) || !myl_cut_str(&row, &out->cursor))
        return false;
    out->purge = purge != 0;
    out->force = force != 0;
    return out->phase <= PHASE_END;
}

/* ---- begin ---- */

static myl_rc refuse_second(myl_ctx *cx, myl_str room_id)
{
    const myl_purge_info *all;
    size_t count;

    MYL_TRY(myl_room_purges(cx, room_id, &all, &count));
    for (size_t i = 0; i < count; i++)
        if (all[i].status < MYL_PURGE_DONE)
            return myl_fail(cx, MYL_BAD_REQUEST, "a purge of this room is under way");
    return MYL_OK;
}

myl_rc myl_room_delete(myl_ctx *cx, const myl_room_deletion *wanted, uint64_t *id)
{
    deletion d = {.purge = wanted->purge,
                  .force = wanted->force,
                  .new_room_user = wanted->new_room_user,
                  .cursor = MYL_S("")};
    myl_purge_info info;
    myl_room_head head;
    uint64_t task;

    MYL_TRY(refuse_second(cx, wanted->room_id));
    MYL_TRY(myl_room_purge_begin(cx, wanted->room_id, false, &info));
    *id = d.id = info.id;
    MYL_TRY(myl_room_head_get(cx, wanted->room_id, &head));
    if (head.room == 0)
        return myl_room_purge_end(cx, &info, MYL_S(""));
    d.room = head.room;
    if (wanted->is_empty) {
        d.phase = PHASE_ALIASES;
        MYL_TRY(myl_room_purge_mark(cx, d.room, d.id));
    }
    MYL_TRY(myl_room_make_refuge(cx, wanted, &d.new_room));
    if (d.new_room != 0) {
        MYL_TRY(myl_store_text_of(cx, MYL_INTERN_ROOM, d.new_room, &info.new_room_id));
        MYL_TRY(myl_room_purge_put(cx, &info));
    }
    return myl_task_add(cx, kind, state_of(cx, &d), &task);
}

/* ---- closed ---- */

static bool is_someone_left(const myl_member *member)
{
    return member->membership == MYL_MEMBER_JOIN || member->membership == MYL_MEMBER_INVITE;
}

/* Has anybody of ours come back, or could not be brought out? */
static myl_rc look_for_ours(myl_ctx *cx, const deletion *d, bool *found)
{
    const uint64_t *users;
    size_t count;
    uint32_t here;

    MYL_TRY(myl_room_purge_users(cx, d->id, true, &users, &count));
    *found = false;
    for (size_t i = 0; i < count; i++) {
        myl_member member;

        MYL_TRY(myl_room_member(cx, d->room, users[i], &member));
        *found = *found || is_someone_left(&member);
    }
    MYL_TRY(myl_room_joined_here(cx, d->room, &here));
    *found = *found || here > 0;
    return MYL_OK;
}

/* Are other servers in it? Ours is not any more. */
static myl_rc has_others(myl_ctx *cx, uint64_t room, bool *out)
{
    const uint64_t *servers;
    size_t count;

    MYL_TRY(myl_room_servers(cx, room, &servers, &count));
    *out = count > 0;
    return MYL_OK;
}

static myl_rc close_room(myl_ctx *cx, deletion *d, myl_purge_info *info)
{
    bool found, others;

    if (!d->purge) {
        d->phase = PHASE_END;
        return MYL_OK;
    }
    MYL_TRY(look_for_ours(cx, d, &found));
    if (found && !d->force) {
        info->error = MYL_S("users of this server are still in the room");
        d->phase = PHASE_END;
        return MYL_OK;
    }
    info->status = MYL_PURGE_RUNNING;
    d->phase = PHASE_OURS;
    MYL_TRY(has_others(cx, d->room, &others));
    if (others)
        myl_task_sleep(TELL_MS);
    return myl_room_purge_mark(cx, d->room, d->id);
}

/* ---- rows under members ---- */

myl_rc myl_room_members_after(myl_ctx *cx, uint64_t room, uint64_t after, size_t most,
                              myl_list *out)
{
    myl_key prefix = myl_key_of_u64(room), from = myl_key_of_u64s(room, after + 1);
    myl_scan *scan;
    myl_str key, row;
    uint64_t user;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_ROOM_MEMBERS, myl_key_str(&prefix), myl_key_str(&from),
                           MYL_FORWARD, &scan));
    while (out->count < most) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        key = myl_str_slice(key, 8, SIZE_MAX);
        if (!myl_cut_u64(&key, &user))
            return myl_fail(cx, MYL_CORRUPT, "ROOM_MEMBERS: bad row");
        myl_list_push(out, uint64_t, user);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

/* Every table under (user, room). */
static myl_rc drop_user(myl_ctx *cx, uint64_t user, uint64_t room, purge_budget *budget)
{
    myl_key prefix = myl_key_of_u64s(user, room);
    size_t gone;

    MYL_TRY(myl_user_data_drop_room(cx, user, room, budget->left, &gone));
    budget->left -= gone;
    MYL_TRY(myl_user_threads_drop_room(cx, user, room, budget->left, &gone));
    budget->left -= gone;
    for (int table = 0; table < MYL_TABLE_COUNT && budget->left > 0; table++)
        if (myl_room_table_is_by_user((myl_table_id)table))
            MYL_TRY(myl_room_drop_prefix(cx, (myl_table_id)table, &prefix, budget));
    return MYL_OK;
}

static myl_rc drop_by_user(myl_ctx *cx, deletion *d, purge_budget *budget, bool *left)
{
    myl_list users = MYL_LIST(cx, uint64_t);

    MYL_TRY(myl_room_members_after(cx, d->room, d->at, STEP_USERS, &users));
    *left = users.count > 0;
    for (size_t i = 0; i < users.count; i++) {
        uint64_t user = myl_list_get(&users, uint64_t, i);

        MYL_TRY(drop_user(cx, user, d->room, budget));
        if (budget->left == 0)
            return MYL_OK; /* this user again */
        d->at = user;
    }
    return MYL_OK;
}

/* ---- the head ---- */

static myl_rc drop_head(myl_ctx *cx, const deletion *d)
{
    myl_key key = myl_key_of_u64(d->room);

    myl_engine_note(cx, MYL_NOTE_ROOM, d->room);
    MYL_TRY(myl_room_directory_drop(cx, d->room));
    return myl_store_delete(cx, MYL_TABLE_ROOM_HEADS, myl_key_str(&key));
}

/* ---- keyed tables ---- */

/* These hold up the events, and go with them. */
static bool goes_with_events(myl_table_id table)
{
    return table == MYL_TABLE_ROOM_READING || table == MYL_TABLE_ROOM_ARRIVAL ||
           table == MYL_TABLE_ROOM_OUTLIERS || table == MYL_TABLE_ROOM_SERVERS;
}

/* The room's servers know it no more. */
static myl_rc drop_servers(myl_ctx *cx, uint64_t room)
{
    myl_key value = myl_key_of_u64(room);
    const uint64_t *servers;
    size_t count;

    MYL_TRY(myl_room_servers(cx, room, &servers, &count));
    for (size_t i = 0; i < count; i++) {
        myl_key server = myl_key_of_u64(servers[i]), both = myl_key_of_u64s(room, servers[i]);

        MYL_TRY(myl_store_remove(cx, MYL_TABLE_SERVER_ROOMS, myl_key_str(&server),
                                 myl_key_str(&value)));
        MYL_TRY(myl_store_delete(cx, MYL_TABLE_ROOM_SERVERS, myl_key_str(&both)));
    }
    return MYL_OK;
}

static myl_rc drop_keyed(myl_ctx *cx, deletion *d, purge_budget *budget, bool *left)
{
    myl_key prefix = myl_key_of_u64(d->room);

    if (d->at == 0)
        MYL_TRY(drop_servers(cx, d->room));
    for (; d->at < MYL_TABLE_COUNT && budget->left > 0; d->at++) {
        myl_table_id table = (myl_table_id)d->at;

        if (!myl_room_table_is_keyed(table) || goes_with_events(table))
            continue;
        MYL_TRY(myl_room_drop_prefix(cx, table, &prefix, budget));
        if (budget->left == 0)
            break; /* this table again */
    }
    *left = d->at < MYL_TABLE_COUNT;
    return MYL_OK;
}

/* ---- events ---- */

/* Numbers that end the values of one key. */
static myl_rc next_events(myl_ctx *cx, myl_table_id table, uint64_t room, myl_list *out)
{
    myl_key key = myl_key_of_u64(room);
    myl_scan *scan;
    myl_str found, value;
    uint64_t number;

    MYL_TRY(myl_scan_values(cx, table, myl_key_str(&key), MYL_ABSENT, MYL_FORWARD, &scan));
    while (out->count < STEP_ROWS / 4) {
        MYL_TRY(myl_scan_next(scan, &found, &value));
        if (!myl_str_present(found))
            break;
        value = myl_str_slice(value, value.len - 8, 8);
        if (!myl_cut_u64(&value, &number))
            return myl_fail(cx, MYL_CORRUPT, "%s: bad row", myl_table_name(table));
        myl_list_push(out, uint64_t, number);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

static myl_rc drop_events(myl_ctx *cx, myl_table_id table, const deletion *d, purge_budget *budget,
                          bool *left)
{
    myl_list numbers = MYL_LIST(cx, uint64_t);

    MYL_TRY(next_events(cx, table, d->room, &numbers));
    *left = numbers.count > 0;
    for (size_t i = 0; i < numbers.count && budget->left > 0; i++) {
        myl_stored stored;
        bool gone;

        MYL_TRY(myl_room_event(cx, myl_list_get(&numbers, uint64_t, i), &stored));
        MYL_TRY(myl_room_drop_event(cx, &stored, budget, &gone));
        if (!gone)
            break;
    }
    return MYL_OK;
}

/* ---- walks over whole tables ---- */

static bool speaks_of(myl_table_id table, myl_str value, uint64_t room)
{
    uint8_t what;
    uint64_t of;

    if (table == MYL_TABLE_USER_CHANGES && !myl_cut_u8(&value, &what))
        return false;
    return myl_cut_u64(&value, &of) && of == room;
}

static myl_rc walk_table(myl_ctx *cx, myl_table_id table, deletion *d, purge_budget *budget,
                         bool *left)
{
    myl_list keys = MYL_LIST(cx, myl_str);
    myl_scan *scan;
    myl_str key, value;
    size_t seen = 0;

    MYL_TRY(myl_scan_start(cx, table, MYL_ABSENT, d->cursor.len > 0 ? d->cursor : MYL_ABSENT,
                           MYL_FORWARD, &scan));
    for (;; seen++) {
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key) || seen == STEP_WALK || keys.count == budget->left)
            break;
        if (speaks_of(table, value, d->room))
            myl_list_push(&keys, myl_str, myl_keep(cx, key));
    }
    *left = myl_str_present(key);
    d->cursor = *left ? myl_keep(cx, key) : MYL_S("");
    myl_scan_end(scan);
    for (size_t i = 0; i < keys.count; i++)
        MYL_TRY(myl_store_delete(cx, table, myl_list_get(&keys, myl_str, i)));
    budget->left -= keys.count;
    return MYL_OK;
}

/* ---- the steps ---- */

static myl_rc end(myl_ctx *cx, deletion *d, myl_purge_info *info)
{
    bool purged;

    MYL_TRY(myl_room_is_purged(cx, d->room, &purged));
    MYL_TRY(myl_room_purge_unmark(cx, d->room));
    MYL_TRY(myl_room_purge_end(cx, info, info->error));
    return purged ? myl_room_sweep(cx) : MYL_OK;
}

static myl_rc run_purging(myl_ctx *cx, deletion *d, purge_budget *budget, bool *left)
{
    switch ((phase)d->phase) {
    case PHASE_OURS:
    case PHASE_BY_USER: return drop_by_user(cx, d, budget, left);
    case PHASE_HEAD: return drop_head(cx, d);
    case PHASE_KEYED: return drop_keyed(cx, d, budget, left);
    case PHASE_EVENTS: return drop_events(cx, MYL_TABLE_ROOM_READING, d, budget, left);
    case PHASE_OUTLIERS: return drop_events(cx, MYL_TABLE_ROOM_OUTLIERS, d, budget, left);
    case PHASE_LOG: return walk_table(cx, MYL_TABLE_ROOM_LOG, d, budget, left);
    case PHASE_CHANGES: return walk_table(cx, MYL_TABLE_USER_CHANGES, d, budget, left);
    case PHASE_MEMBERS:
    case PHASE_ALIASES:
    case PHASE_CLOSED:
    case PHASE_END: break;
    }
    return MYL_OK;
}

static myl_rc run_phase(myl_ctx *cx, deletion *d, bool *left)
{
    purge_budget budget = {STEP_ROWS};
    uint32_t now = d->phase;
    myl_purge_info info;

    if (now == PHASE_MEMBERS)
        return myl_room_shut_members(cx, d, left);
    if (now == PHASE_ALIASES)
        return myl_room_shut_aliases(cx, d);
    MYL_TRY(myl_room_purge_info(cx, d->id, &info));
    if (now == PHASE_END)
        return end(cx, d, &info);
    if (now == PHASE_CLOSED) {
        MYL_TRY(close_room(cx, d, &info));
        *left = true; /* the phase is chosen */
    } else {
        MYL_TRY(run_purging(cx, d, &budget, left));
        info.rows += STEP_ROWS - budget.left;
    }
    return myl_room_purge_put(cx, &info);
}

static myl_rc step(myl_ctx *cx, myl_str state, myl_str *next_state, bool *finished)
{
    bool left = false;
    deletion d;

    if (!cut_state(state, &d))
        return myl_fail(cx, MYL_CORRUPT, "%s: bad state", kind);
    MYL_DIE_AT(PURGE_STEP);
    *finished = d.phase == PHASE_END;
    MYL_TRY(run_phase(cx, &d, &left));
    if (!left) {
        d.phase++;
        d.at = 0;
        d.cursor = MYL_S("");
    }
    *next_state = state_of(cx, &d);
    return MYL_OK;
}

const myl_task_kind myl_room_delete_task = {kind, step};
