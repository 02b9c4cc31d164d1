/* erase.c: the content of redacted events leaves the disk.
 *
 * Why:     a redaction hides content at once; the bytes stay for a time, so that abuse can still be looked into.
 * Callers: redact.c puts an event on the list; a round begins the task when the first is due. Threads: the engine.
 * Holds:   what is left is the redacted form: the event's id and its signatures are still proven by it, its content hash
 *          no more. The number and all rows that name it stay.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/base_log.h>
#include <myelin/room_retention.h>

#include "room/purge_own.h"

enum { STEP_EVENTS = 100 };

static const char kind[] = "room.erase";

myl_rc myl_room_erase_later(myl_ctx *cx, uint64_t number)
{
    myl_key key = myl_key_start(), value = myl_key_of_u64(number);

    myl_key_i64(&key, myl_now_ms());
    return myl_store_add(cx, MYL_TABLE_REDACTED, myl_key_str(&key), myl_key_str(&value));
}

typedef struct {
    int64_t time_ms;
    uint64_t number;
} listed;

/* Those that are due, the oldest first. */
static myl_rc list_due(myl_ctx *cx, size_t most, myl_list *out)
{
    int64_t until = myl_now_ms() - myl_room_retention()->erase_after_ms;
    myl_scan *scan;
    myl_str key, value;
    listed one;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_REDACTED, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan));
    while (out->count < most) {
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            break;
        if (!myl_cut_i64(&key, &one.time_ms) || !myl_cut_u64(&value, &one.number))
            return myl_fail(cx, MYL_CORRUPT, "REDACTED: bad row");
        if (one.time_ms > until)
            break;
        myl_list_push(out, listed, one);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

myl_rc myl_room_erase_is_due(myl_ctx *cx, bool *out)
{
    myl_list due = MYL_LIST(cx, listed);

    MYL_TRY(list_due(cx, 1, &due));
    *out = due.count > 0;
    return MYL_OK;
}

static void forget_cached(void *arg)
{
    myl_room_cache_forget(*(const uint64_t *)arg);
}

static myl_rc erase(myl_ctx *cx, uint64_t number)
{
    uint64_t *cached = myl_new(cx, uint64_t);
    myl_text bytes = MYL_TEXT(cx);
    myl_stored stored;
    myl_event event;

    MYL_TRY(myl_room_event_kept(cx, number, &stored));
    if (stored.number == 0 || (stored.flags & MYL_EVENT_REDACTED) == 0)
        return MYL_OK; /* purged since */
    MYL_TRY(myl_room_event_open(cx, &stored, &event));
    MYL_TRY(myl_json_canonical(cx, event.json,
                               stored.version->strict_json ? MYL_JSON_STRICT : MYL_JSON_LOOSE,
                               &bytes));
    stored.flags |= MYL_EVENT_HASH_FAILED; /* its bytes are the redacted form */
    stored.bytes = myl_text_str(&bytes);
    stored.content = stored.middle = stored.tail = (myl_span){0, 0};
    myl_room_find_spans(stored.bytes, &stored);
    MYL_TRY(myl_room_event_rewrite(cx, &stored));
    myl_metric_add(MYL_METRIC_EVENTS_ERASED, 1);
    *cached = number;
    myl_engine_after_commit(cx, forget_cached, cached);
    return MYL_OK;
}

static myl_rc step(myl_ctx *cx, myl_str state, myl_str *next_state, bool *finished)
{
    myl_list due = MYL_LIST(cx, listed);

    *next_state = state;
    MYL_TRY(list_due(cx, STEP_EVENTS, &due));
    for (size_t i = 0; i < due.count; i++) {
        const listed *one = myl_list_at(&due, i);
        myl_key key = myl_key_start(), value = myl_key_of_u64(one->number);

        MYL_TRY(erase(cx, one->number));
        myl_key_i64(&key, one->time_ms);
        MYL_TRY(myl_store_remove(cx, MYL_TABLE_REDACTED, myl_key_str(&key), myl_key_str(&value)));
    }
    *finished = due.count < STEP_EVENTS;
    return MYL_OK;
}

const myl_task_kind myl_room_erase_task = {kind, step};

/* ---- `myelin check` ---- */

static myl_rc check_row(myl_ctx *cx, myl_check *check, myl_str key, myl_str value)
{
    myl_stored stored;
    uint64_t number;
    int64_t time_ms;

    if (!myl_cut_i64(&key, &time_ms) || !myl_cut_u64(&value, &number)) {
        myl_check_wrong(check, "REDACTED: a row is too short");
        return MYL_OK;
    }
    MYL_TRY(myl_room_event_kept(cx, number, &stored));
    if (stored.number != 0 && (stored.flags & MYL_EVENT_REDACTED) == 0)
        myl_check_wrong(check, "event %llu is to be erased, but was not redacted",
                        (unsigned long long)number);
    return MYL_OK;
}

myl_rc myl_room_check_redacted(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_REDACTED, check_row);
}
