/* import.c: the last steps of a join from outside: a room appears, whole.
 *
 * Why:     the state of a large room comes in many changes, first as outliers, then piece by piece as the state and the members
 *          of a room in which nobody of ours is; the change that brings our user in makes all of it seen.
 * Callers: fed/ (join).
 * Threads: what is wanted and the plan: a lane with a snapshot; the changes: the engine.
 * Holds:   a plan is good for the state that it began with: a piece that finds another one does nothing, and says so. From
 *          the first piece on the room has no newest events: what it has is the state of nobody's stay.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_admin.h>
#include <myelin/room_admit.h>
#include <myelin/room_serve.h>

#include "room/room_own.h"

#include <myelin/matrix_id.h>

/* ---- what is wanted ---- */

myl_rc myl_room_import_want(myl_ctx *cx, myl_room_import *import, const myl_str *ids, size_t count)
{
    uint64_t room, number;

    MYL_TRY(myl_store_interned(cx, MYL_INTERN_ROOM, import->room_id, &room));
    for (size_t i = 0; i < count; i++) {
        MYL_TRY(myl_room_event_number(cx, ids[i], &number));
        if (number != 0)
            MYL_TRY(myl_room_state_entry(cx, room, number, &import->wanted));
    }
    return MYL_OK;
}

/* ---- the plan ---- */

static myl_rc is_ours(myl_ctx *cx, const myl_tree_entry *entry, uint64_t member_type, bool *out)
{
    myl_str name;

    *out = false;
    if (entry->type != member_type)
        return MYL_OK;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, entry->state_key, &name));
    *out = myl_id_is_ours(name, myl_room_server()->server_name);
    return MYL_OK;
}

/* Puts the member events of our users behind all others. */
static myl_rc ours_last(myl_ctx *cx, myl_list *changes, size_t *others)
{
    myl_list ours = MYL_LIST(cx, myl_tree_entry);
    myl_tree_entry *at = changes->at;
    uint64_t member_type;
    bool is_one;

    *others = 0;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &member_type));
    for (size_t i = 0; i < changes->count; i++) {
        MYL_TRY(is_ours(cx, &at[i], member_type, &is_one));
        if (is_one)
            myl_list_push(&ours, myl_tree_entry, at[i]);
        else
            at[(*others)++] = at[i];
    }
    for (size_t i = 0; i < ours.count; i++)
        at[*others + i] = myl_list_get(&ours, myl_tree_entry, i);
    return MYL_OK;
}

myl_rc myl_room_import_plan(myl_ctx *cx, myl_room_import *import)
{
    myl_list changes = MYL_LIST(cx, myl_tree_entry);
    myl_room_head head;
    size_t others;
    bool here;

    MYL_TRY(myl_room_head_get(cx, import->room_id, &head));
    MYL_TRY(myl_room_is_here(cx, &head, &here));
    MYL_TRY(myl_room_state_difference(cx, head.state, &import->wanted, &changes));
    MYL_TRY(ours_last(cx, &changes, &others));
    import->base = head.state;
    import->changes = changes.at;
    import->change_count = changes.count;
    import->moved = false;
    /* who is in the room would see the pieces */
    import->early = here || others <= MYL_LIMIT_JOIN_PIECE ? 0 : others;
    return MYL_OK;
}

/* ---- a piece ---- */

static myl_rc open_head(myl_ctx *cx, myl_room_import *import, myl_room_head *head)
{
    bool was_here;
    uint64_t create;

    MYL_TRY(myl_room_require_unblocked(cx, import->room_id));
    MYL_TRY(myl_room_event_number(cx, import->create, &create));
    MYL_TRY(myl_room_head_get(cx, import->room_id, head));
    was_here = head->extremity_count > 0 || head->newest > 0;
    if (create == 0 || (was_here && head->create != create))
        return myl_fail(cx, MYL_BAD_STATE, "the state has another create event");
    import->moved = head->state != import->base;
    /* what a server told whose join came to nothing binds nobody */
    if (head->create != create)
        head->has_type = false;
    head->create = create;
    head->version = import->version;
    return myl_store_intern(cx, MYL_INTERN_ROOM, import->room_id, &head->room);
}

myl_rc myl_room_import_piece(myl_ctx *cx, myl_room_import *import, size_t from, size_t count)
{
    myl_room_head head;

    MYL_TRY(open_head(cx, import, &head));
    if (import->moved)
        return MYL_OK;
    head.extremity_count = 0;
    MYL_TRY(myl_tree_change(cx, myl_store_nodes(cx), import->base, import->changes + from, count,
                            &head.state));
    MYL_TRY(myl_room_move_members(cx, &head, import->base, myl_engine_next_position(cx)));
    import->reached = head.state;
    return myl_room_head_put(cx, &head);
}

/* ---- the last step ---- */

myl_rc myl_room_import_finish(myl_ctx *cx, myl_room_import *import, uint64_t *number)
{
    myl_admission admission = {.incoming = import->join,
                               .coming = MYL_COMES_NEW,
                               .state_given = true,
                               .alone = true,
                               .no_more = true};
    myl_admitted admitted;
    myl_room_head head;
    uint64_t create;

    MYL_TRY(open_head(cx, import, &head));
    if (import->moved)
        return MYL_OK;
    MYL_TRY(myl_tree_change(cx, myl_store_nodes(cx), import->base, import->changes + import->early,
                            import->change_count - import->early, &admission.state));
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
