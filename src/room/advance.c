/* advance.c: the room moves on: its newest events, its current state, its members.
 *
 * Why:     an event of ours and one that came in move a room in the same way.
 * Callers: build.c, admit.c, import.c.
 * Threads: the engine.
 * Holds:   the current state is the resolution of the states after the newest events. The members follow the difference of
 *          the state before and now, so also what a resolution takes back is seen. Where the current state is not the one
 *          after the event that came, ROOM_STATES says what it is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/purge_own.h"

#include <stdlib.h>

/* ---- the newest events ---- */

/* An event of ours names all of them, so the state before it is the room's. */
_Static_assert((int)MYL_LIMIT_EXTREMITIES <= (int)MYL_LIMIT_PREV_EVENTS,
               "extremities are prev events");

static bool is_among(const uint64_t *numbers, size_t count, uint64_t number)
{
    for (size_t i = 0; i < count; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

static void move_extremities(myl_room_head *head, const myl_advance *advance)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < head->extremity_count && !advance->alone; i++)
        if (!is_among(advance->prevs, advance->prev_count, head->extremities[i]))
            head->extremities[kept++] = head->extremities[i];
    /* Where there are as many as may be, another branch waits for what joins it to one of them: nobody pushes one out. */
    if (kept == 0 || (!advance->old && kept < MYL_LIMIT_EXTREMITIES))
        head->extremities[kept++] = advance->stored->number;
    head->extremity_count = kept;
    qsort(head->extremities, kept, sizeof(*head->extremities), myl_room_compare_numbers);
}

/* ---- the members ---- */

typedef struct {
    myl_list moves; /* myl_member_move */
    uint64_t member_type, guest_type, position;
    bool guests; /* what was said about guests is said otherwise now */
} member_diff;

static myl_rc collect_member(void *arg, uint32_t type, uint64_t state_key, uint64_t before,
                             uint64_t after)
{
    member_diff *diff = arg;

    if (type == diff->guest_type && before != 0)
        diff->guests = true;
    if (type == diff->member_type)
        myl_list_push(&diff->moves, myl_member_move,
                      ((myl_member_move){state_key, before, after, diff->position}));
    return MYL_OK;
}

myl_rc myl_room_move_members(myl_ctx *cx, myl_room_head *head, myl_tree_root was, uint64_t position)
{
    member_diff diff = {.moves = MYL_LIST(cx, myl_member_move), .position = position};

    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &diff.member_type));
    MYL_TRY(
        myl_store_interned(cx, MYL_INTERN_TYPE, MYL_S("m.room.guest_access"), &diff.guest_type));
    MYL_TRY(myl_tree_diff(cx, myl_store_nodes(cx), was, head->state, collect_member, &diff));
    for (size_t i = 0; i < diff.moves.count; i++)
        MYL_TRY(myl_room_member_changed(cx, head, myl_list_at(&diff.moves, i)));
    return diff.guests ? myl_room_guests_closed(cx, head) : MYL_OK;
}

/* ---- the whole ---- */

/* The current state; `after`: the state after the event that came, which need not be stored. */
static myl_rc move_state(myl_ctx *cx, myl_room_head *head, uint64_t number, myl_tree_root after)
{
    myl_tree_root roots[MYL_LIMIT_EXTREMITIES];

    for (uint32_t i = 0; i < head->extremity_count; i++) {
        myl_stored stored = {.after = after};

        if (head->extremities[i] != number)
            MYL_TRY(myl_room_event(cx, head->extremities[i], &stored));
        roots[i] = stored.after;
    }
    return myl_room_resolve(cx, head, roots, head->extremity_count, &head->state);
}

myl_rc myl_room_advance_ahead(myl_ctx *cx, myl_room_head *head, const myl_advance *advance,
                              myl_tree_root after)
{
    move_extremities(head, advance);
    return move_state(cx, head, advance->stored->number, after);
}

static myl_rc note_state(myl_ctx *cx, const myl_room_head *head, const myl_stored *stored)
{
    myl_key room = myl_key_of_u64(head->room), row = myl_key_of_u64s(stored->position, head->state);

    if (head->state == stored->after || stored->position == 0)
        return MYL_OK;
    myl_room_sweep_note(head->state);
    return myl_store_add(cx, MYL_TABLE_ROOM_STATES, myl_key_str(&room), myl_key_str(&row));
}

/* Spec: MSC4186, bump_stamp: what people in the room count as activity. */
static const char *const bump_types[] = {"m.room.create", "m.room.message", "m.room.encrypted",
                                         "m.sticker",     "m.call.invite",  "m.poll.start",
                                         "m.beacon_info"};

static myl_rc note_activity(myl_ctx *cx, myl_room_head *head, const myl_stored *stored)
{
    myl_str type;

    if (stored->position == 0)
        return MYL_OK;
    head->newest = stored->position;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_TYPE, stored->type, &type));
    for (size_t i = 0; i < sizeof(bump_types) / sizeof(bump_types[0]); i++)
        if (myl_str_equal(type, myl_str_of(bump_types[i])))
            head->bump = stored->position;
    return MYL_OK;
}

myl_rc myl_room_advance(myl_ctx *cx, myl_room_head *head, const myl_advance *advance)
{
    const myl_stored *stored = advance->stored;
    myl_tree_root was = head->state;

    if (stored->depth > head->depth)
        head->depth = stored->depth;
    MYL_TRY(note_activity(cx, head, stored));
    if (head->create == 0)
        head->create = stored->number;
    move_extremities(head, advance);
    MYL_TRY(move_state(cx, head, stored->number, stored->after));
    MYL_TRY(note_state(cx, head, stored));
    return was == head->state ? MYL_OK : myl_room_move_members(cx, head, was, stored->position);
}

/* ---- the past ---- */

myl_rc myl_room_state_at(myl_ctx *cx, uint64_t room, uint64_t position, myl_tree_root *out)
{
    uint64_t from;

    return myl_room_state_since(cx, room, position, out, &from);
}

myl_rc myl_room_state_since(myl_ctx *cx, uint64_t room, uint64_t position, myl_tree_root *out,
                            uint64_t *from)
{
    myl_key key = myl_key_of_u64(room), at = myl_key_of_u64s(position, UINT64_MAX);
    uint64_t noted = 0, root = 0;
    myl_stored stored;
    myl_walk *walk;
    myl_scan *scan;
    myl_str found, value;

    MYL_TRY(myl_walk_arrival(cx, room, &(myl_range){0, position}, MYL_BACKWARD, &walk));
    MYL_TRY(myl_walk_next(walk, &stored));
    myl_walk_end(walk);
    *out = stored.number == 0 ? 0 : stored.after;
    *from = stored.number == 0 ? 0 : stored.position;
    MYL_TRY(myl_scan_values(cx, MYL_TABLE_ROOM_STATES, myl_key_str(&key), myl_key_str(&at),
                            MYL_BACKWARD, &scan));
    MYL_TRY(myl_scan_next(scan, &found, &value));
    if (myl_str_present(found) && (!myl_cut_u64(&value, &noted) || !myl_cut_u64(&value, &root)))
        return myl_fail(cx, MYL_CORRUPT, "ROOM_STATES: bad row");
    myl_scan_end(scan);
    if (noted != 0 && (stored.number == 0 || noted >= stored.position)) {
        *out = root;
        *from = noted;
    }
    return MYL_OK;
}
