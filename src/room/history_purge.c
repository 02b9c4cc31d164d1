/* history_purge.c: old messages leave the disk; what they led to stays.
 *
 * Callers: the admin API, the sweep of retention. Threads: the engine.
 * Holds:   state events, the newest events, events before which something is missing, and redactions of what stays are kept,
 *          so the room goes on as it was. A step looks at STEP_EVENTS events.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/matrix_id.h>

#include "room/purge_own.h"

enum { STEP_EVENTS = 200 };

static const char kind[] = "room.history";

typedef struct {
    uint64_t id;
    myl_history_part part;
} history;

static myl_str state_of(myl_ctx *cx, const history *h)
{
    myl_text row = MYL_TEXT(cx);

    myl_row_u64(&row, h->id);
    myl_row_u64(&row, h->part.wanted.room);
    myl_row_u64(&row, (uint64_t)h->part.wanted.before.depth);
    myl_row_u64(&row, h->part.wanted.before.number);
    myl_row_u64(&row, (uint64_t)h->part.wanted.older_than);
    myl_row_u8(&row, h->part.wanted.ours_too);
    myl_row_u64(&row, (uint64_t)h->part.at.depth);
    myl_row_u64(&row, h->part.at.number);
    return myl_text_str(&row);
}

static bool cut_state(myl_str row, history *out)
{
    uint64_t before, older, at;
    uint8_t ours;

    if (!myl_cut_u64(&row, &out->id) || !myl_cut_u64(&row, &out->part.wanted.room) ||
        !myl_cut_u64(&row, &before) || !myl_cut_u64(&row, &out->part.wanted.before.number) ||
        !myl_cut_u64(&row, &older) || !myl_cut_u8(&row, &ours) || !myl_cut_u64(&row, &at) ||
        !myl_cut_u64(&row, &out->part.at.number))
        return false;
    out->part.wanted.before.depth = (int64_t)before;
    out->part.wanted.older_than = (int64_t)older;
    out->part.wanted.ours_too = ours != 0;
    out->part.at.depth = (int64_t)at;
    return true;
}

myl_rc myl_room_purge_history(myl_ctx *cx, const myl_history_purge *wanted, uint64_t *id)
{
    history h = {.part = {.wanted = *wanted, .at = {INT64_MIN, 0}}};
    myl_purge_info info;
    myl_str room_id;
    uint64_t task;

    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_ROOM, wanted->room, &room_id));
    MYL_TRY(myl_room_purge_begin(cx, room_id, true, &info));
    *id = h.id = info.id;
    return myl_task_add(cx, kind, state_of(cx, &h), &task);
}

/* ---- what stays ---- */

static bool is_newest(const myl_room_head *head, uint64_t number)
{
    for (uint32_t i = 0; i < head->extremity_count; i++)
        if (head->extremities[i] == number)
            return true;
    return false;
}

static myl_rc is_at_gap(myl_ctx *cx, const myl_stored *stored, bool *out)
{
    myl_key room = myl_key_of_u64(stored->room), row = myl_key_start();

    myl_key_i64(&row, stored->depth);
    myl_key_u64(&row, stored->number);
    return myl_store_has(cx, MYL_TABLE_ROOM_GAPS, myl_key_str(&room), myl_key_str(&row), out);
}

/* A redaction stays as long as its target is there, or is waited for. */
static myl_rc is_needed(myl_ctx *cx, const myl_stored *stored, bool *out)
{
    const myl_event *event;
    uint64_t redaction, target;

    *out = false;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, MYL_S("m.room.redaction"), &redaction));
    if (stored->type != redaction)
        return MYL_OK;
    MYL_TRY(myl_room_decoded(cx, stored->number, &event));
    if (!myl_str_present(event->redacts))
        return MYL_OK;
    MYL_TRY(myl_room_event_number(cx, event->redacts, &target));
    *out = target != 0;
    if (!*out) {
        myl_key key = myl_key_of_u64(stored->room);
        uint64_t waiting;

        myl_key_hash(&key, event->redacts);
        MYL_TRY(myl_store_count(cx, MYL_TABLE_EARLY_REDACTIONS, myl_key_str(&key), &waiting));
        *out = waiting > 0;
    }
    return MYL_OK;
}

static myl_rc must_stay(myl_ctx *cx, const myl_history_part *part, const myl_room_head *head,
                        const myl_stored *stored, bool *out)
{
    myl_str sender;

    *out = true;
    if ((stored->flags & MYL_EVENT_STATE) != 0 || is_newest(head, stored->number) ||
        stored->origin_server_ts >= part->wanted.older_than)
        return MYL_OK;
    MYL_TRY(is_at_gap(cx, stored, out));
    if (!*out)
        MYL_TRY(is_needed(cx, stored, out));
    if (*out || part->wanted.ours_too)
        return MYL_OK;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, stored->sender, &sender));
    *out = myl_id_is_ours(sender, myl_room_server()->server_name);
    return MYL_OK;
}

/* ---- the steps ---- */

static bool is_before(myl_point a, myl_point b)
{
    return a.depth != b.depth ? a.depth < b.depth : a.number < b.number;
}

/* The next numbers in reading order; *left: the end was not reached. Rejected and soft-failed ones too. */
static myl_rc next_numbers(myl_ctx *cx, myl_history_part *part, myl_list *out, bool *left)
{
    myl_key key = myl_key_of_u64(part->wanted.room), from = myl_key_start();
    myl_scan *scan;
    myl_str found, value;
    myl_point at;

    myl_key_i64(&from, part->at.depth);
    myl_key_u64(&from, part->at.number + 1);
    *left = false;
    MYL_TRY(myl_scan_values(cx, MYL_TABLE_ROOM_READING, myl_key_str(&key), myl_key_str(&from),
                            MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &found, &value));
        if (!myl_str_present(found))
            return MYL_OK;
        if (!myl_cut_i64(&value, &at.depth) || !myl_cut_u64(&value, &at.number))
            return myl_fail(cx, MYL_CORRUPT, "ROOM_READING: bad row");
        if (!is_before(at, part->wanted.before))
            break;
        *left = out->count == STEP_EVENTS;
        if (*left)
            break;
        myl_list_push(out, uint64_t, at.number);
        part->at = at;
    }
    myl_scan_end(scan);
    return MYL_OK;
}

myl_rc myl_room_history_part(myl_ctx *cx, myl_history_part *part, bool *left)
{
    myl_list numbers = MYL_LIST(cx, uint64_t);
    myl_room_head head;

    MYL_TRY(myl_room_head_of(cx, part->wanted.room, &head));
    *left = part->saw_old = false;
    part->gone = 0;
    if (head.room == 0)
        return MYL_OK; /* the whole room has been deleted */
    MYL_TRY(next_numbers(cx, part, &numbers, left));
    for (size_t i = 0; i < numbers.count; i++) {
        purge_budget budget = {SIZE_MAX};
        const myl_event *event;
        bool stays, gone;
        myl_stored stored;

        MYL_TRY(myl_room_event(cx, myl_list_get(&numbers, uint64_t, i), &stored));
        part->saw_old = part->saw_old || stored.origin_server_ts < part->wanted.older_than;
        MYL_TRY(must_stay(cx, part, &head, &stored, &stays));
        if (stays)
            continue;
        MYL_TRY(myl_room_decoded(cx, stored.number, &event));
        MYL_TRY(myl_room_search_remove(cx, &stored, event));
        MYL_TRY(myl_room_relation_remove(cx, &stored, event));
        MYL_TRY(myl_room_event(cx, stored.number, &stored));
        MYL_TRY(myl_room_drop_event(cx, &stored, &budget, &gone));
        part->gone++;
    }
    return MYL_OK;
}

static myl_rc step(myl_ctx *cx, myl_str state, myl_str *next_state, bool *finished)
{
    myl_purge_info info;
    bool left;
    history h;

    if (!cut_state(state, &h))
        return myl_fail(cx, MYL_CORRUPT, "%s: bad state", kind);
    MYL_DIE_AT(PURGE_HISTORY_STEP);
    MYL_TRY(myl_room_purge_info(cx, h.id, &info));
    if (info.id == 0)
        return myl_fail(cx, MYL_CORRUPT, "%s: no purge has this number", kind);
    MYL_TRY(myl_room_history_part(cx, &h.part, &left));
    info.rows += h.part.gone;
    *next_state = state_of(cx, &h);
    *finished = !left;
    return left ? myl_room_purge_put(cx, &info) : myl_room_purge_end(cx, &info, MYL_S(""));
}

const myl_task_kind myl_room_history_task = {kind, step};
