/* import.c: the last step of a join from outside: a room appears, whole.
 *
 * Why:     the state of a large room comes in many changes, as outliers that nobody sees; the one that makes the head makes
 *          all of it a room.
 * Callers: fed/ (join).
 * Threads: the engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_admin.h>
#include <myelin/room_admit.h>

#include "room/room_own.h"

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
    if (create == 0 || (head->create != 0 && head->create != create))
        return myl_fail(cx, MYL_BAD_STATE, "the state has another create event");
    head->create = create;
    head->version = import->version;
    return myl_store_intern(cx, MYL_INTERN_ROOM, import->room_id, &head->room);
}

myl_rc myl_room_import_finish(myl_ctx *cx, const myl_room_import *import, uint64_t *number)
{
    myl_list numbers = MYL_LIST(cx, uint64_t);
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
    MYL_TRY(numbers_of(cx, import, &numbers));
    MYL_TRY(myl_room_state_make(cx, head.state, numbers.at, numbers.count, &admission.state));
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
