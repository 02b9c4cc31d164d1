/* send.c: one event into a room, and the transaction ids that make it happen once.
 *
 * Callers: handlers of /send, /state, /redact.
 * Threads: the engine.
 * Holds:   a transaction id gives the same answer for 24 hours at least; two tables take turns, so that old ones go
 *          by dropping a table.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_directory.h>

#include "room/room_own.h"

#include <myelin/matrix_id.h>
#include <myelin/room_relation.h>

enum { TXN_PERIOD_MS = 24 * 3600 * 1000 };

/* ---- sending ---- */

static myl_rc equals_current(myl_ctx *cx, const myl_room_head *head, const myl_outgoing *outgoing,
                             myl_str *event_id)
{
    const myl_json *content;
    myl_stored current;
    myl_str sender;
    uint64_t number, type, key;

    *event_id = MYL_ABSENT;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, outgoing->type, &type));
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, outgoing->state_key, &key));
    if (type == 0 || key == 0)
        return MYL_OK;
    MYL_TRY(myl_tree_get(cx, myl_store_nodes(cx), head->state, (uint32_t)type, key, &number));
    if (number == 0)
        return MYL_OK;
    MYL_TRY(myl_room_event(cx, number, &current));
    if ((current.flags & MYL_EVENT_REDACTED) != 0)
        return MYL_OK;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, current.sender, &sender));
    MYL_TRY(myl_room_event_content(cx, &current, &content));
    if (myl_str_equal(sender, outgoing->sender) && myl_json_equal(content, outgoing->content))
        *event_id = current.event_id;
    return MYL_OK;
}

static bool is_state(const myl_outgoing *outgoing, const char *type)
{
    return myl_str_present(outgoing->state_key) && outgoing->state_key.len == 0 &&
           myl_str_equal(outgoing->type, myl_str_of(type));
}

/* Creators where their power has no number may not be given one. */
static myl_rc check_levels(myl_ctx *cx, const myl_room_head *head, const myl_json *content)
{
    const myl_json *users = myl_json_object(content, MYL_S("users"));
    myl_power power;

    if (!head->version->creators_unlimited || users == NULL)
        return MYL_OK;
    MYL_TRY(myl_room_power(cx, head, &power));
    for (uint32_t i = 0; i < users->count; i++)
        if (myl_power_is_creator(&power, users->items[i].key))
            return myl_fail(cx, MYL_BAD_JSON, "users: %.*s is a creator, whose power is unlimited",
                            MYL_FMT(users->items[i].key));
    return MYL_OK;
}

/* State that is wrong in itself, whoever sends it. */
static myl_rc check_state(myl_ctx *cx, const myl_room_head *head, const myl_outgoing *outgoing)
{
    myl_str owner = myl_id_state_owner(outgoing->state_key, true);

    if (head->version->owned_state && myl_str_present(owner) && !myl_id_is_user(owner))
        return myl_fail(cx, MYL_BAD_JSON, "state_key: it begins with @, but not with a user id");
    if (is_state(outgoing, "m.room.create"))
        return myl_fail(cx, MYL_BAD_REQUEST, "a room has one create event");
    if (is_state(outgoing, "m.room.canonical_alias"))
        return myl_room_check_aliases(cx, head, outgoing->content);
    if (is_state(outgoing, "m.room.power_levels"))
        return check_levels(cx, head, outgoing->content);
    return MYL_OK;
}

/* Who sets their own join as state says nothing of who vouches for it: no other server would believe that. */
static myl_rc fit_join(myl_ctx *cx, const myl_room_head *head, myl_outgoing *outgoing)
{
    if (!myl_str_equal(outgoing->type, MYL_S("m.room.member")) ||
        !myl_str_present(outgoing->state_key) ||
        !myl_str_equal(outgoing->state_key, outgoing->sender) ||
        !myl_str_equal(myl_json_text(outgoing->content, MYL_S("membership")), MYL_S("join")))
        return MYL_OK;
    outgoing->content =
        myl_json_without(cx, outgoing->content, MYL_S("join_authorised_via_users_server"));
    return myl_room_vouch(cx, head, outgoing->sender, &outgoing->content);
}

myl_rc myl_room_send(myl_ctx *cx, const myl_outgoing *outgoing, myl_str *event_id)
{
    myl_room_head head;
    myl_stored stored;
    myl_outgoing sent = *outgoing;

    MYL_TRY(myl_room_require(cx, outgoing->room_id, &head));
    *event_id = MYL_ABSENT;
    if (myl_str_present(outgoing->state_key))
        MYL_TRY(equals_current(cx, &head, outgoing, event_id));
    if (myl_str_present(*event_id))
        return MYL_OK;
    MYL_TRY(myl_room_check_relation(cx, &head, outgoing));
    MYL_TRY(check_state(cx, &head, outgoing));
    MYL_TRY(fit_join(cx, &head, &sent));
    MYL_TRY(myl_room_build(cx, &head, &sent, &stored));
    *event_id = stored.event_id;
    return myl_room_head_put(cx, &head);
}

/* ---- transaction ids ---- */

static myl_table_id table_of(int64_t period)
{
    return (period & 1) == 0 ? MYL_TABLE_TXN_EVEN : MYL_TABLE_TXN_ODD;
}

static myl_key txn_key(myl_ctx *cx, const myl_caller *caller, myl_str scope, myl_str txn_id)
{
    myl_key key = myl_key_of_u64(caller->device);
    myl_text text = myl_text_start(cx, scope.len + txn_id.len + 1);

    myl_text_add(&text, scope);
    myl_text_add_byte(&text, '\0');
    myl_text_add(&text, txn_id);
    myl_key_hash(&key, myl_text_str(&text));
    return key;
}

/* The period that the newer table belongs to; 0 when none was begun. */
static myl_rc stored_period(myl_ctx *cx, int64_t *period)
{
    myl_str row;

    *period = 0;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_ROOM_META, MYL_S("txn_period"), &row));
    if (myl_str_present(row) && !myl_cut_i64(&row, period))
        return myl_fail(cx, MYL_CORRUPT, "ROOM_META: bad txn_period");
    return MYL_OK;
}

myl_rc myl_room_txn_find(myl_ctx *cx, const myl_caller *caller, myl_str scope, myl_str txn_id,
                         myl_str *result)
{
    myl_key key = txn_key(cx, caller, scope, txn_id);
    int64_t period;

    MYL_TRY(stored_period(cx, &period));
    MYL_TRY(myl_store_get(cx, table_of(period), myl_key_str(&key), result));
    if (!myl_str_present(*result))
        MYL_TRY(myl_store_get(cx, table_of(period + 1), myl_key_str(&key), result));
    *result = myl_keep(cx, *result);
    return MYL_OK;
}

/* From the change that begins a period until its commit the period's own table is being emptied: ids go to the other
 * one so long. Of the engine's thread alone; left set by a change that was undone, it does no harm. */
static bool is_emptying;

static void emptied(void *arg)
{
    MYL_UNUSED(arg);
    is_emptying = false;
}

/* Begins a new period: its table holds ids of two periods ago, which go. */
static myl_rc begin_period(myl_ctx *cx, int64_t period)
{
    myl_key value = myl_key_start();

    myl_key_i64(&value, period);
    is_emptying = true;
    myl_engine_after_commit(cx, emptied, NULL);
    MYL_TRY(myl_store_clear(cx, table_of(period)));
    return myl_store_put(cx, MYL_TABLE_ROOM_META, MYL_S("txn_period"), myl_key_str(&value));
}

myl_rc myl_room_txn_put(myl_ctx *cx, const myl_caller *caller, myl_str scope, myl_str txn_id,
                        myl_str result)
{
    myl_key key = txn_key(cx, caller, scope, txn_id);
    int64_t now = myl_now_ms() / TXN_PERIOD_MS, period;

    MYL_TRY(stored_period(cx, &period));
    if (now > period) {
        MYL_TRY(begin_period(cx, now));
        period = now;
    }
    if (is_emptying)
        period++;
    return myl_store_put(cx, table_of(period), myl_key_str(&key), result);
}
