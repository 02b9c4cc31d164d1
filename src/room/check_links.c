/* check_links.c: `myelin check` for what many servers write: the auth index, servers, gaps, noted states.
 *
 * Callers: the rows of check.c. Threads: one, in a snapshot of a stopped server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_admit.h>

#include "room/room_own.h"

static bool is_bad(myl_check *check, bool good, const char *table)
{
    if (!good)
        myl_check_wrong(check, "%s: a row cannot be read", table);
    return !good;
}

/* ---- the auth index ---- */

myl_rc myl_room_check_auth_row(myl_ctx *cx, myl_check *check, const myl_stored *stored)
{
    const myl_auth_rows *rows = myl_room_auth_rows();
    unsigned long long number = stored->number;
    myl_auth_row row;
    uint64_t at;

    MYL_TRY(rows->row(NULL, cx, stored->number, &row));
    if (row.chain == 0 || row.type != stored->type || row.state_key != stored->state_key) {
        myl_check_wrong(check, "event %llu is not in the auth index", number);
        return MYL_OK;
    }
    MYL_TRY(rows->event(NULL, cx, (myl_auth_point){row.chain, row.place}, &at));
    if (at != stored->number)
        myl_check_wrong(check, "event %llu is not at its place of its auth chain", number);
    return MYL_OK;
}

static myl_rc check_step(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t chain, target, place, target_place;
    myl_key by_target, source;
    bool there;

    if (is_bad(check,
               myl_cut_u64(&key, &chain) && myl_cut_u64(&key, &target) &&
                   myl_cut_u64(&row, &place) && myl_cut_u64(&row, &target_place),
               "AUTH_STEPS"))
        return MYL_OK;
    by_target = myl_key_of_u64(target);
    source = myl_key_of_u64s3(target_place, chain, place);
    MYL_TRY(myl_store_has(cx, MYL_TABLE_AUTH_SOURCES, myl_key_str(&by_target), myl_key_str(&source),
                          &there));
    if (!there)
        myl_check_wrong(check, "a step from auth chain %llu is not known at chain %llu",
                        (unsigned long long)chain, (unsigned long long)target);
    return MYL_OK;
}

myl_rc myl_room_check_steps(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_AUTH_STEPS, check_step);
}

/* ---- servers ---- */

static myl_rc check_server(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t room, server;
    myl_key by_server, value;
    uint32_t count;
    bool there;

    if (is_bad(check,
               myl_cut_u64(&key, &room) && myl_cut_u64(&key, &server) && myl_cut_u32(&row, &count),
               "ROOM_SERVERS"))
        return MYL_OK;
    by_server = myl_key_of_u64(server);
    value = myl_key_of_u64(room);
    MYL_TRY(myl_store_has(cx, MYL_TABLE_SERVER_ROOMS, myl_key_str(&by_server), myl_key_str(&value),
                          &there));
    if (!there || count == 0)
        myl_check_wrong(check, "server %llu of room %llu: the two indexes differ",
                        (unsigned long long)server, (unsigned long long)room);
    return MYL_OK;
}

myl_rc myl_room_check_servers(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_ROOM_SERVERS, check_server);
}

/* The servers' counts add up to the joined users. */
myl_rc myl_room_check_server_sum(myl_ctx *cx, myl_check *check, const myl_room_head *head)
{
    myl_key prefix = myl_key_of_u64(head->room);
    uint64_t sum = 0;
    myl_scan *scan;
    myl_str key, row;
    uint32_t count;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_ROOM_SERVERS, myl_key_str(&prefix), MYL_ABSENT,
                           MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        if (myl_cut_u32(&row, &count))
            sum += count;
    }
    myl_scan_end(scan);
    if (sum != head->joined)
        myl_check_wrong(check, "room %llu: its servers count %llu users, the head %u",
                        (unsigned long long)head->room, (unsigned long long)sum, head->joined);
    return MYL_OK;
}

/* ---- gaps ---- */

static myl_rc check_gap(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    const myl_str *missing;
    uint64_t room, number;
    myl_stored stored;
    myl_event event;
    int64_t depth;
    size_t count;

    if (is_bad(check,
               myl_cut_u64(&key, &room) && myl_cut_i64(&row, &depth) && myl_cut_u64(&row, &number),
               "ROOM_GAPS"))
        return MYL_OK;
    MYL_TRY(myl_room_event(cx, number, &stored));
    MYL_TRY(myl_event_reopen(cx, stored.version, stored.event_id, stored.bytes, &event));
    MYL_TRY(myl_room_missing_prevs(cx, &event, &missing, &count));
    if (stored.room != room || stored.depth != depth || count == 0)
        myl_check_wrong(check, "event %llu: a gap where none is", (unsigned long long)number);
    return MYL_OK;
}

myl_rc myl_room_check_gaps(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_ROOM_GAPS, check_gap);
}

/* ---- noted states ---- */

static myl_rc check_state_row(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t room, position, root, entries;
    myl_digest digest;

    if (is_bad(check,
               myl_cut_u64(&key, &room) && myl_cut_u64(&row, &position) && myl_cut_u64(&row, &root),
               "ROOM_STATES"))
        return MYL_OK;
    return myl_tree_digest(cx, myl_store_nodes(cx), root, &digest, &entries);
}

myl_rc myl_room_check_states(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_ROOM_STATES, check_state_row);
}

/* ---- rooms that we only hear of ---- */

static myl_rc check_outside(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    const myl_json *json;
    uint64_t room, user;
    myl_member member;

    if (is_bad(check,
               myl_cut_u64(&key, &room) && myl_cut_u64(&key, &user) &&
                   myl_json_parse(cx, row, &json) == MYL_OK && json->kind == MYL_JSON_ARRAY,
               "OUTSIDE_STATES"))
        return MYL_OK;
    MYL_TRY(myl_room_member(cx, room, user, &member));
    if (member.membership != MYL_MEMBER_INVITE && member.membership != MYL_MEMBER_KNOCK)
        myl_check_wrong(check, "user %llu has no invite to room %llu, but what came with one",
                        (unsigned long long)user, (unsigned long long)room);
    return MYL_OK;
}

myl_rc myl_room_check_outside(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_OUTSIDE_STATES, check_outside);
}
