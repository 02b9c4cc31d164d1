/* retention.c: messages that have outlived their room's policy are not shown, and swept away.
 *
 * Spec:    MSC1763.
 * Threads: the transaction's; the sweep runs on the engine, a part of a room a step.
 * Holds:   state events never expire. The server's bounds stand above what a room says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/base_log.h>
#include <myelin/room_admin.h>
#include <myelin/room_retention.h>

#include "room/purge_own.h"

static myl_retention_policy policy;
static const char kind[] = "room.retention";

const myl_retention_policy *myl_room_retention(void)
{
    return &policy;
}

/* ---- how long ---- */

static int64_t bounded(int64_t lifetime)
{
    if (lifetime > 0 && lifetime < policy.least_ms)
        return policy.least_ms;
    if (policy.most_ms > 0 && (lifetime <= 0 || lifetime > policy.most_ms))
        return policy.most_ms;
    return lifetime > 0 ? lifetime : 0;
}

myl_rc myl_room_lifetime(myl_ctx *cx, myl_tree_root state, int64_t *out)
{
    const myl_json *content;
    int64_t said, least;

    *out = 0;
    if (!policy.enabled)
        return MYL_OK;
    MYL_TRY(myl_room_state_content(cx, state, "m.room.retention", MYL_S(""), &content));
    if (!myl_json_int(content, MYL_S("max_lifetime"), &said) || said <= 0)
        said = policy.default_lifetime_ms;
    if (!myl_json_int(content, MYL_S("min_lifetime"), &least) || least < 0)
        least = policy.default_min_ms;
    if (said > 0 && said < least)
        said = least; /* what must be kept so long does not go earlier */
    *out = bounded(said);
    return MYL_OK;
}

myl_rc myl_room_has_expired(myl_ctx *cx, myl_sight *sight, const myl_stored *stored, bool *out)
{
    myl_room_head head;
    int64_t lifetime;

    *out = false;
    if (!policy.enabled || (stored->flags & MYL_EVENT_STATE) != 0)
        return MYL_OK;
    if (sight->kept_room != stored->room) {
        MYL_TRY(myl_room_head_of(cx, stored->room, &head));
        MYL_TRY(myl_room_lifetime(cx, head.state, &lifetime));
        sight->kept_room = stored->room;
        sight->kept_since = lifetime == 0 ? INT64_MIN : myl_now_ms() - lifetime;
    }
    *out = stored->origin_server_ts < sight->kept_since;
    return MYL_OK;
}

/* ---- the sweep ---- */

static myl_str state_of(myl_ctx *cx, uint64_t room, myl_point at)
{
    myl_text row = MYL_TEXT(cx);

    myl_row_u64(&row, room);
    myl_row_u64(&row, (uint64_t)at.depth);
    myl_row_u64(&row, at.number);
    return myl_text_str(&row);
}

/* Rooms without a policy are passed over, some in one step. */
static myl_rc next_room(myl_ctx *cx, uint64_t *room, int64_t *lifetime)
{
    myl_room_head head;

    *lifetime = 0;
    for (int looks = 0; looks < 100; looks++) {
        MYL_TRY(myl_room_next(cx, *room, &head));
        *room = head.room;
        if (head.room == 0)
            return MYL_OK;
        MYL_TRY(myl_room_lifetime(cx, head.state, lifetime));
        if (*lifetime > 0)
            return MYL_OK;
    }
    return MYL_OK;
}

static myl_rc sweep_room(myl_ctx *cx, uint64_t room, int64_t lifetime, myl_point *at, bool *left)
{
    myl_history_part part = {.wanted = {.room = room,
                                        .before = {INT64_MAX, UINT64_MAX},
                                        .older_than = myl_now_ms() - lifetime,
                                        .ours_too = true},
                             .at = *at};

    MYL_TRY(myl_room_history_part(cx, &part, left));
    *left = *left && part.saw_old; /* nothing old among so many: the rest is newer */
    *at = part.at;
    if (part.gone > 0)
        myl_metric_add(MYL_METRIC_EVENTS_EXPIRED, (int64_t)part.gone);
    return MYL_OK;
}

/* The state: the room under way (0: choose the next after `last`), and how far in it. */
static myl_rc step(myl_ctx *cx, myl_str state, myl_str *next_state, bool *finished)
{
    myl_point at = {INT64_MIN, 0};
    uint64_t room, depth;
    int64_t lifetime;
    myl_room_head head;
    bool left = false;

    if (!myl_cut_u64(&state, &room) || !myl_cut_u64(&state, &depth) ||
        !myl_cut_u64(&state, &at.number))
        return myl_fail(cx, MYL_CORRUPT, "%s: bad state", kind);
    at.depth = (int64_t)depth;
    if (at.depth == INT64_MIN) {
        MYL_TRY(next_room(cx, &room, &lifetime));
        *finished = room == 0;
    } else {
        MYL_TRY(myl_room_head_of(cx, room, &head));
        MYL_TRY(myl_room_lifetime(cx, head.state, &lifetime));
    }
    if (!*finished && lifetime > 0)
        MYL_TRY(sweep_room(cx, room, lifetime, &at, &left));
    *next_state = state_of(cx, room, left ? at : (myl_point){INT64_MIN, 0});
    return MYL_OK;
}

const myl_task_kind myl_room_retention_task = {kind, step};

/* ---- what comes again ---- */

static myl_rc add_once(myl_ctx *cx, const char *name, myl_str state)
{
    const myl_task_info *tasks;
    uint64_t task;
    size_t count;

    MYL_TRY(myl_task_list(cx, &tasks, &count));
    for (size_t i = 0; i < count; i++)
        if (myl_str_equal(tasks[i].kind, myl_str_of(name)))
            return MYL_OK;
    return myl_task_add(cx, name, state, &task);
}

static myl_rc run_round(myl_ctx *cx)
{
    bool due;

    if (policy.enabled)
        MYL_TRY(add_once(cx, kind, state_of(cx, 0, (myl_point){INT64_MIN, 0})));
    MYL_TRY(myl_room_erase_is_due(cx, &due));
    return due ? add_once(cx, myl_room_erase_task.kind, MYL_S("")) : MYL_OK;
}

static myl_round round_row = {"room.upkeep", 0, run_round};

void myl_room_retention_start(const myl_retention_policy *given)
{
    policy = *given;
    round_row.every_ms = policy.sweep_every_ms;
    myl_rounds_register(&round_row);
}
