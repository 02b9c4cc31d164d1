/* redact.c: applies a redaction to its target.
 *
 * Spec:    Room versions, Handling redactions; Server-Server API, Redactions.
 * Callers: build.c for our own, the admitting of others' events.
 * Threads: the engine.
 * Holds:   the target's bytes stay for a time (they are erased by a task); from now on it is shown redacted.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_own.h"

static void forget_cached(void *arg)
{
    myl_room_cache_forget(*(const uint64_t *)arg);
}

static myl_rc mark_redacted(myl_ctx *cx, myl_stored *target, uint64_t by)
{
    uint64_t *number = myl_new(cx, uint64_t);

    target->flags |= MYL_EVENT_REDACTED;
    target->redacted_by = by;
    *number = target->number;
    myl_engine_after_commit(cx, forget_cached, number);
    return myl_room_event_rewrite(cx, target);
}

myl_rc myl_room_apply_redaction(myl_ctx *cx, const myl_room_head *head, const myl_event *redaction,
                                const myl_stored *stored)
{
    myl_event target_event;
    myl_stored target;
    myl_power power;
    uint64_t number;

    if (!myl_str_present(redaction->redacts))
        return MYL_OK;
    MYL_TRY(myl_room_event_number(cx, redaction->redacts, &number));
    if (number == 0)
        return MYL_OK;
    MYL_TRY(myl_room_event(cx, number, &target));
    if (target.room != head->room || (target.flags & MYL_EVENT_REDACTED) != 0)
        return MYL_OK;
    MYL_TRY(myl_room_event_open(cx, &target, &target_event));
    MYL_TRY(myl_room_power(cx, head, &power));
    if (!myl_rules_may_redact(redaction, &target_event, &power))
        return MYL_OK;
    return mark_redacted(cx, &target, stored->number);
}

/* Spec: Client-Server API, Redactions: others' events take the redact level; the rules alone would let any user of the
 * same server. An event that is not known here is judged when it comes. */
myl_rc myl_room_check_redaction(myl_ctx *cx, const myl_room_head *head,
                                const myl_outgoing *outgoing)
{
    myl_stored target;
    myl_power power;
    myl_str sender;
    uint64_t number;

    MYL_TRY(myl_room_event_number(cx, outgoing->redacts, &number));
    if (number == 0)
        return MYL_OK;
    MYL_TRY(myl_room_event(cx, number, &target));
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, target.sender, &sender));
    if (myl_str_equal(sender, outgoing->sender))
        return MYL_OK;
    MYL_TRY(myl_room_power(cx, head, &power));
    if (myl_power_user(&power, outgoing->sender) < myl_power_action(&power, "redact"))
        return myl_fail(cx, MYL_FORBIDDEN, "redacting others' events takes the redact level");
    return MYL_OK;
}
