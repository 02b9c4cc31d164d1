/* redact.c: applies a redaction to its target.
 *
 * Spec:    Room versions, Handling redactions; Server-Server API, Redactions.
 * Callers: build.c for our own, the admitting of others' events.
 * Threads: the engine.
 * Holds:   the target's bytes stay for a time (they are erased by a task); from now on it is shown redacted. No client sees a
 *          redaction of others before it is applied.
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
    MYL_TRY(myl_room_erase_later(cx, target->number));
    return myl_room_event_rewrite(cx, target);
}

/* A redaction may come before what it redacts. */
static myl_key early_key(uint64_t room, myl_str target)
{
    myl_key key = myl_key_of_u64(room);

    myl_key_hash(&key, target);
    return key;
}

static myl_rc keep_early(myl_ctx *cx, const myl_room_head *head, const myl_event *redaction,
                         const myl_stored *stored)
{
    myl_key key = early_key(head->room, redaction->redacts),
            number = myl_key_of_u64(stored->number);
    uint64_t count;

    MYL_TRY(myl_store_count(cx, MYL_TABLE_EARLY_REDACTIONS, myl_key_str(&key), &count));
    if (count >= MYL_LIMIT_EARLY_REDACTIONS)
        return MYL_OK;
    return myl_store_add(cx, MYL_TABLE_EARLY_REDACTIONS, myl_key_str(&key), myl_key_str(&number));
}

/* What a redaction speaks of. */
typedef struct {
    bool known;  /* it is here */
    bool may_be; /* … in this room, and the redaction may redact it */
    myl_stored stored;
    myl_event event;
} goal;

static myl_rc find_goal(myl_ctx *cx, const myl_room_head *head, const myl_event *redaction,
                        goal *out)
{
    myl_power power;
    uint64_t number = 0;

    memset(out, 0, sizeof(*out));
    if (myl_str_present(redaction->redacts))
        MYL_TRY(myl_room_event_number(cx, redaction->redacts, &number));
    out->known = number != 0;
    if (number == 0)
        return MYL_OK;
    MYL_TRY(myl_room_event(cx, number, &out->stored));
    if (out->stored.room != head->room)
        return MYL_OK;
    MYL_TRY(myl_room_event_open(cx, &out->stored, &out->event));
    MYL_TRY(myl_room_power(cx, head, &power));
    out->may_be = myl_rules_may_redact(redaction, &out->event, &power);
    return MYL_OK;
}

myl_rc myl_room_must_hold(myl_ctx *cx, const myl_room_head *head, const myl_event *event, bool *out)
{
    goal target;

    *out = false;
    if (event->version->redaction_rule || myl_str_present(event->state_key) ||
        !myl_str_equal(event->type, MYL_S("m.room.redaction")))
        return MYL_OK;
    MYL_TRY(find_goal(cx, head, event, &target));
    *out = !target.may_be || (target.stored.flags & MYL_EVENT_REJECTED) != 0;
    return MYL_OK;
}

myl_rc myl_room_apply_redaction(myl_ctx *cx, const myl_room_head *head, const myl_event *redaction,
                                const myl_stored *stored)
{
    goal target;

    if (!myl_str_present(redaction->redacts))
        return MYL_OK;
    MYL_TRY(find_goal(cx, head, redaction, &target));
    if (!target.known)
        return keep_early(cx, head, redaction, stored);
    if (!target.may_be || (target.stored.flags & MYL_EVENT_REDACTED) != 0)
        return MYL_OK;
    MYL_TRY(myl_room_search_remove(cx, &target.stored, &target.event));
    MYL_TRY(myl_room_relation_remove(cx, &target.stored, &target.event));
    /* its bytes were borrowed until a write */
    MYL_TRY(myl_room_event(cx, target.stored.number, &target.stored));
    return mark_redacted(cx, &target.stored, stored->number);
}

/* One that was held is shown from now on, after what it redacts. */
static myl_rc release(myl_ctx *cx, const myl_room_head *head, uint64_t by, bool arrives)
{
    uint64_t *number = myl_new(cx, uint64_t);
    const myl_event *redaction;
    myl_stored stored;
    bool held;

    MYL_TRY(myl_room_event(cx, by, &stored));
    MYL_TRY(myl_room_decoded(cx, by, &redaction));
    if ((stored.flags & MYL_EVENT_HELD) == 0)
        return MYL_OK;
    MYL_TRY(myl_room_must_hold(cx, head, redaction, &held));
    if (held)
        return MYL_OK;
    MYL_TRY(myl_room_event(cx, by, &stored)); /* borrowed, as above */
    *number = by;
    myl_engine_after_commit(cx, forget_cached, number);
    return myl_room_event_release(cx, arrives, &stored);
}

myl_rc myl_room_apply_early(myl_ctx *cx, const myl_room_head *head, const myl_stored *stored)
{
    myl_key key = early_key(head->room, stored->event_id);
    myl_list numbers = MYL_LIST(cx, uint64_t);
    myl_scan *scan;
    myl_str found, value;
    uint64_t number;

    MYL_TRY(myl_scan_values(cx, MYL_TABLE_EARLY_REDACTIONS, myl_key_str(&key), MYL_ABSENT,
                            MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &found, &value));
        if (!myl_str_present(found))
            break;
        if (!myl_cut_u64(&value, &number))
            return myl_fail(cx, MYL_CORRUPT, "EARLY_REDACTIONS: bad row");
        myl_list_push(&numbers, uint64_t, number);
    }
    myl_scan_end(scan);
    if (numbers.count == 0)
        return MYL_OK;
    MYL_TRY(myl_store_delete(cx, MYL_TABLE_EARLY_REDACTIONS, myl_key_str(&key)));
    for (size_t i = 0; i < numbers.count; i++) {
        const myl_event *redaction;
        myl_stored by;

        MYL_TRY(myl_room_event(cx, myl_list_get(&numbers, uint64_t, i), &by));
        MYL_TRY(myl_room_decoded(cx, by.number, &redaction));
        MYL_TRY(myl_room_apply_redaction(cx, head, redaction, &by));
        MYL_TRY(release(cx, head, by.number, stored->position != 0));
    }
    return MYL_OK;
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
