/* import.c: the last steps of a join from outside: a room appears, whole.
 *
 * Why:     the state of a large room comes in many changes, first as outliers, then piece by piece as the state and the members
 *          of a room in which nobody of ours is; the change that brings our user in makes all of it seen.
 * Callers: fed/ (join).
 * Threads: the engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_admin.h>
#include <myelin/room_admit.h>

#include "room/room_own.h"

#include <myelin/matrix_id.h>

/* ---- a piece ---- */

typedef struct {
    myl_list entries; /* myl_tree_entry */
    myl_list rest;    /* uint64_t */
    uint64_t member_type;
} gathered;

static myl_rc is_our_member(myl_ctx *cx, const gathered *g, const myl_stored *stored, bool *out)
{
    myl_str name;

    *out = false;
    if (stored->type != g->member_type)
        return MYL_OK;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, stored->state_key, &name));
    *out = myl_id_is_ours(name, myl_room_server()->server_name);
    return MYL_OK;
}

static myl_rc gather_one(myl_ctx *cx, myl_str id, gathered *g)
{
    myl_stored stored;
    uint64_t number;
    bool ours;

    MYL_TRY(myl_room_event_number(cx, id, &number));
    if (number == 0)
        return MYL_OK;
    MYL_TRY(myl_room_event(cx, number, &stored));
    if (stored.state_key == 0 || (stored.flags & MYL_EVENT_REJECTED) != 0)
        return MYL_OK;
    MYL_TRY(is_our_member(cx, g, &stored, &ours));
    if (ours)
        myl_list_push(&g->rest, uint64_t, number);
    else
        myl_list_push(&g->entries, myl_tree_entry,
                      ((myl_tree_entry){stored.type, stored.state_key, number}));
    return MYL_OK;
}

static myl_rc open_head(myl_ctx *cx, const myl_room_import *import, myl_room_head *head);

myl_rc myl_room_import_piece(myl_ctx *cx, const myl_room_import *import, myl_room_piece *piece)
{
    gathered g = {.entries = MYL_LIST(cx, myl_tree_entry), .rest = MYL_LIST(cx, uint64_t)};
    myl_tree_root was;
    myl_room_head head;

    MYL_TRY(myl_room_require_unblocked(cx, import->room_id));
    MYL_TRY(open_head(cx, import, &head));
    piece->taken = head.extremity_count == 0;
    piece->first = head.state == 0;
    if (!piece->taken)
        return MYL_OK;
    MYL_TRY(myl_store_intern(cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &g.member_type));
    for (size_t i = piece->from; i < piece->from + piece->count; i++)
        MYL_TRY(gather_one(cx, import->state[i], &g));
    piece->rest = g.rest.at;
    piece->rest_count = g.rest.count;
    was = head.state;
    MYL_TRY(
        myl_tree_change(cx, myl_store_nodes(cx), was, g.entries.at, g.entries.count, &head.state));
    MYL_TRY(myl_room_move_members(cx, &head, was, myl_engine_next_position(cx)));
    return myl_room_head_put(cx, &head);
}

/* ---- the last step ---- */

static myl_rc numbers_of(myl_ctx *cx, const myl_room_import *import, myl_list *numbers)
{
    for (size_t i = 0; i < import->state_count; i++) {
        uint64_t number;

        MYL_TRY(myl_room_event_number(cx, import->state[i], &number));
        if (number != 0)
            myl_list_push(numbers, uint64_t, number);
    }
    return MYL_OK;
}

static myl_rc open_head(myl_ctx *cx, const myl_room_import *import, myl_room_head *head)
{
    uint64_t create;

    MYL_TRY(myl_room_event_number(cx, import->create, &create));
    MYL_TRY(myl_room_head_get(cx, import->room_id, head));
    if (create == 0 || (head->extremity_count > 0 && head->create != create))
        return myl_fail(cx, MYL_BAD_STATE, "the state has another create event");
    /* what a server told whose join came to nothing binds nobody */
    if (head->create != create)
        head->has_type = false;
    head->create = create;
    head->version = import->version;
    return myl_store_intern(cx, MYL_INTERN_ROOM, import->room_id, &head->room);
}

static myl_rc make_state(myl_ctx *cx, const myl_room_import *import, const myl_room_head *head,
                         myl_tree_root *out)
{
    myl_list numbers = MYL_LIST(cx, uint64_t);

    *out = head->state;
    for (size_t i = 0; import->in_pieces && i < import->rest_count; i++) {
        myl_tree_entry entry = {.event = import->rest[i]};
        myl_stored stored;

        MYL_TRY(myl_room_event(cx, entry.event, &stored));
        entry.type = stored.type;
        entry.state_key = stored.state_key;
        MYL_TRY(myl_tree_change(cx, myl_store_nodes(cx), *out, &entry, 1, out));
    }
    if (import->in_pieces)
        return MYL_OK;
    MYL_TRY(numbers_of(cx, import, &numbers));
    return myl_room_state_make(cx, head->state, numbers.at, numbers.count, out);
}

myl_rc myl_room_import_finish(myl_ctx *cx, const myl_room_import *import, uint64_t *number)
{
    myl_admission admission = {.incoming = import->join,
                               .coming = MYL_COMES_NEW,
                               .state_given = true,
                               .alone = true,
                               .no_more = true};
    myl_admitted admitted;
    myl_room_head head;
    uint64_t create;

    MYL_TRY(myl_room_require_unblocked(cx, import->room_id));
    MYL_TRY(open_head(cx, import, &head));
    MYL_TRY(make_state(cx, import, &head, &admission.state));
    MYL_TRY(myl_room_state_number(cx, admission.state, "m.room.create", MYL_S(""), &create));
    if (create != head.create)
        return myl_fail(cx, MYL_BAD_STATE, "the state does not hold the create event");
    MYL_TRY(myl_room_admit(cx, &head, &admission, &admitted));
    *number = admitted.stored.number;
    if (admitted.kind == MYL_ADMIT_REJECTED)
        return myl_fail(cx, MYL_FORBIDDEN, "%s (auth rule %s)", admitted.verdict.reason,
                        admitted.verdict.rule);
    return MYL_OK;
}
