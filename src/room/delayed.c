/* delayed.c: events that wait for their time.
 *
 * Why:     a client that vanishes cannot say that it has left a call; so it says so in advance, and keeps putting it off.
 * Callers: handlers of MSC4140; the task that wakes for each.
 * Threads: the engine.
 * Holds:   each has one row in DELAYED, one in USER_DELAYED and one task. A restart changes the row alone: the task
 *          wakes at the old time, sees the new one, and another waits for that.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_delayed.h>

#include "room/room_own.h"

enum { ID_LETTERS = 43 };

static const char kind[] = "room.delayed";

/* ---- rows ---- */

static myl_key row_key(myl_str delay_id)
{
    myl_key key = myl_key_start();

    myl_key_hash(&key, delay_id);
    return key;
}

static myl_rc row_put(myl_ctx *cx, const myl_delayed *event)
{
    myl_key key = row_key(event->delay_id);
    myl_text row = MYL_TEXT(cx);

    myl_row_u64(&row, event->user);
    myl_row_u64(&row, (uint64_t)event->delay_ms);
    myl_row_u64(&row, (uint64_t)event->running_since_ms);
    myl_row_u64(&row, event->position);
    myl_row_u8(&row, myl_str_present(event->state_key));
    myl_row_str(&row, event->delay_id);
    myl_row_str(&row, event->room_id);
    myl_row_str(&row, event->type);
    myl_row_str(&row, event->state_key);
    myl_row_str(&row, event->content);
    return myl_store_put(cx, MYL_TABLE_DELAYED, myl_key_str(&key), myl_text_str(&row));
}

static bool cut_texts(myl_str *row, myl_delayed *out)
{
    return myl_cut_str(row, &out->delay_id) && myl_cut_str(row, &out->room_id) &&
           myl_cut_str(row, &out->type) && myl_cut_str(row, &out->state_key) &&
           myl_cut_str(row, &out->content);
}

/* By the key of its row; user 0: there is none. */
static myl_rc row_get(myl_ctx *cx, const myl_key *key, myl_delayed *out)
{
    uint64_t delay, since;
    uint8_t is_state;
    myl_str row;

    *out = (myl_delayed){0};
    MYL_TRY(myl_store_get(cx, MYL_TABLE_DELAYED, myl_key_str(key), &row));
    if (!myl_str_present(row))
        return MYL_OK;
    row = myl_keep(cx, row);
    if (!myl_cut_u64(&row, &out->user) || !myl_cut_u64(&row, &delay) ||
        !myl_cut_u64(&row, &since) || !myl_cut_u64(&row, &out->position) ||
        !myl_cut_u8(&row, &is_state) || !cut_texts(&row, out))
        return myl_fail(cx, MYL_CORRUPT, "DELAYED: a row cannot be read");
    out->delay_ms = (int64_t)delay;
    out->running_since_ms = (int64_t)since;
    if (is_state == 0)
        out->state_key = MYL_ABSENT;
    return MYL_OK;
}

/* The row of USER_DELAYED: by age. */
static myl_key place_of(const myl_delayed *event)
{
    myl_key place = myl_key_of_u64(event->position);

    myl_key_hash(&place, event->delay_id);
    return place;
}

static myl_rc row_drop(myl_ctx *cx, const myl_delayed *event)
{
    myl_key key = row_key(event->delay_id), user = myl_key_of_u64(event->user),
            place = place_of(event);

    MYL_TRY(myl_store_remove(cx, MYL_TABLE_USER_DELAYED, myl_key_str(&user), myl_key_str(&place)));
    return myl_store_delete(cx, MYL_TABLE_DELAYED, myl_key_str(&key));
}

/* ---- asking for one ---- */

static myl_rc wake_at(myl_ctx *cx, const myl_delayed *event)
{
    myl_key *state = myl_new(cx, myl_key);
    uint64_t task;

    *state = row_key(event->delay_id);
    return myl_task_add_at(cx, kind, myl_key_str(state), event->running_since_ms + event->delay_ms,
                           &task);
}

myl_rc myl_room_delay(myl_ctx *cx, const myl_outgoing *outgoing, int64_t delay_ms,
                      myl_str *delay_id)
{
    myl_key user = myl_key_of_u64(outgoing->caller->user), place;
    myl_delayed event = {.user = outgoing->caller->user,
                         .delay_ms = delay_ms,
                         .running_since_ms = myl_now_ms(),
                         .room_id = outgoing->room_id,
                         .type = outgoing->type,
                         .state_key = outgoing->state_key};
    myl_text content = MYL_TEXT(cx);
    uint64_t count;

    MYL_TRY(myl_store_count(cx, MYL_TABLE_USER_DELAYED, myl_key_str(&user), &count));
    if (count >= MYL_LIMIT_DELAYED_EVENTS)
        return myl_fail(cx, MYL_LIMIT_EXCEEDED, "%d events wait for their time already",
                        MYL_LIMIT_DELAYED_EVENTS);
    myl_json_write(&content, outgoing->content);
    if (content.len > MYL_LIMIT_EVENT_BYTES || event.type.len > MYL_LIMIT_ID_BYTES ||
        event.state_key.len > MYL_LIMIT_ID_BYTES)
        return myl_fail(cx, MYL_EVENT_TOO_LARGE, "the event is larger than %d bytes",
                        MYL_LIMIT_EVENT_BYTES);
    event.content = myl_text_str(&content);
    event.delay_id = myl_crypto_random_text(cx, ID_LETTERS);
    event.position = myl_engine_next_position(cx);
    place = place_of(&event);
    MYL_TRY(myl_store_add(cx, MYL_TABLE_USER_DELAYED, myl_key_str(&user), myl_key_str(&place)));
    MYL_TRY(row_put(cx, &event));
    *delay_id = event.delay_id;
    return wake_at(cx, &event);
}

static myl_rc keys_of(myl_ctx *cx, uint64_t user, myl_list *out)
{
    myl_key key = myl_key_of_u64(user);
    myl_scan *scan;
    myl_str found, row;

    *out = MYL_LIST(cx, myl_key);
    MYL_TRY(myl_scan_values(cx, MYL_TABLE_USER_DELAYED, myl_key_str(&key), MYL_ABSENT, MYL_FORWARD,
                            &scan));
    for (;;) {
        myl_key *event;

        MYL_TRY(myl_scan_next(scan, &found, &row));
        if (!myl_str_present(found))
            break;
        event = myl_list_add(out);
        *event = myl_key_start();
        myl_key_bytes(event, row.at + 8, row.len - 8);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

myl_rc myl_room_delayed_of(myl_ctx *cx, uint64_t user, const myl_delayed **events, size_t *count)
{
    myl_list keys, list = MYL_LIST(cx, myl_delayed);

    MYL_TRY(keys_of(cx, user, &keys));
    for (size_t i = 0; i < keys.count; i++) {
        myl_delayed event;

        MYL_TRY(row_get(cx, myl_list_at(&keys, i), &event));
        if (event.user != 0)
            myl_list_push(&list, myl_delayed, event);
    }
    *events = list.at;
    *count = list.count;
    return MYL_OK;
}

/* ---- sending ---- */

static myl_rc send_now(myl_ctx *cx, const myl_delayed *event)
{
    myl_outgoing outgoing = {.room_id = event->room_id,
                             .type = event->type,
                             .state_key = event->state_key};
    myl_str event_id;

    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, event->user, &outgoing.sender));
    MYL_TRY(myl_json_parse(cx, event->content, &outgoing.content));
    MYL_TRY(row_drop(cx, event));
    return myl_room_send(cx, &outgoing, &event_id);
}

/* Somebody else has set that state since it was asked for: then it is not sent. */
static myl_rc is_overtaken(myl_ctx *cx, const myl_delayed *event, bool *out)
{
    myl_room_head head;
    myl_stored current;

    *out = false;
    if (!myl_str_present(event->state_key))
        return MYL_OK;
    MYL_TRY(myl_room_head_get(cx, event->room_id, &head));
    if (head.room == 0)
        return MYL_OK;
    MYL_TRY(myl_room_state_event(cx, head.state, myl_cstr(cx, event->type), event->state_key,
                                 &current));
    *out = current.number > event->position && current.sender != event->user;
    return MYL_OK;
}

typedef enum { SPEAKS, SILENT, UNHEARD } voice;

/* May its sender still speak, and does anybody hear it? */
static myl_rc voice_of(myl_ctx *cx, const myl_delayed *event, voice *out)
{
    myl_account account;
    myl_str user_id;

    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, event->user, &user_id));
    MYL_TRY(myl_user_account(cx, user_id, &account));
    *out = account.shadow_banned ? UNHEARD : SPEAKS;
    if (!account.exists || account.deactivated || account.locked || account.suspended)
        *out = SILENT;
    return MYL_OK;
}

/* Its time has come. What the room refuses is given up. */
static myl_rc send_due(myl_ctx *cx, const myl_delayed *event)
{
    bool overtaken;
    voice is;
    myl_rc rc;

    MYL_TRY(voice_of(cx, event, &is));
    MYL_TRY(is_overtaken(cx, event, &overtaken));
    if (is != SPEAKS || overtaken)
        return row_drop(cx, event);
    rc = send_now(cx, event);
    if (rc == MYL_OK || myl_error_of(rc)->kind != MYL_KIND_CLIENT)
        return rc;
    myl_forgive(cx);
    return MYL_OK;
}

static myl_rc step(myl_ctx *cx, myl_str state, myl_str *next_state, bool *finished)
{
    myl_key key = myl_key_start();
    myl_delayed event;

    MYL_UNUSED(next_state);
    *finished = true;
    myl_key_bytes(&key, state.at, state.len);
    MYL_TRY(row_get(cx, &key, &event));
    if (event.user == 0)
        return MYL_OK;
    if (event.running_since_ms + event.delay_ms > myl_now_ms())
        return wake_at(cx, &event);
    return send_due(cx, &event);
}

const myl_task_kind myl_room_delayed_task = {kind, step};

/* Whoever knows its id wants it sent now. */
static myl_rc send_early(myl_ctx *cx, const myl_delayed *event)
{
    voice is;

    MYL_TRY(voice_of(cx, event, &is));
    if (is == SILENT)
        return myl_fail(cx, MYL_FORBIDDEN, "who asked for this event may not send any more");
    return is == SPEAKS ? send_now(cx, event) : row_drop(cx, event);
}

myl_rc myl_room_delayed_act(myl_ctx *cx, myl_str delay_id, myl_str action)
{
    bool restart = myl_str_equal(action, MYL_S("restart")),
         send = myl_str_equal(action, MYL_S("send"));
    myl_key key = row_key(delay_id);
    myl_delayed event;

    if (!restart && !send && !myl_str_equal(action, MYL_S("cancel")))
        return myl_fail(cx, MYL_UNRECOGNIZED, "action: expected send, restart or cancel");
    MYL_TRY(row_get(cx, &key, &event));
    if (event.user == 0 || !myl_str_equal(event.delay_id, delay_id))
        return myl_fail(cx, MYL_NOT_FOUND, "no delayed event of this id");
    if (send)
        return send_early(cx, &event);
    if (!restart)
        return row_drop(cx, &event);
    event.running_since_ms = myl_now_ms();
    return row_put(cx, &event);
}

/* ---- closed accounts ---- */

static myl_rc drop_all(myl_ctx *cx, uint64_t user)
{
    const myl_delayed *events;
    size_t count;

    MYL_TRY(myl_room_delayed_of(cx, user, &events, &count));
    for (size_t i = 0; i < count; i++)
        MYL_TRY(row_drop(cx, &events[i]));
    return MYL_OK;
}

void myl_room_delayed_start(void)
{
    myl_user_on_closed(drop_all);
}

/* ---- `myelin check` ---- */

static myl_rc check_row(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    myl_key own = myl_key_start(), user, place;
    myl_delayed event;
    bool listed;

    MYL_UNUSED(row);
    myl_key_bytes(&own, key.at, key.len);
    MYL_TRY(row_get(cx, &own, &event));
    user = myl_key_of_u64(event.user);
    place = place_of(&event);
    MYL_TRY(myl_store_has(cx, MYL_TABLE_USER_DELAYED, myl_key_str(&user), myl_key_str(&place),
                          &listed));
    if (!listed)
        myl_check_wrong(check, "a delayed event of user %llu is not listed",
                        (unsigned long long)event.user);
    return MYL_OK;
}

myl_rc myl_room_check_delayed(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_DELAYED, check_row);
}
