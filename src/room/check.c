/* check.c: `myelin check` for rooms: every event's hash and signature, every reference, every index derived again.
 *
 * Callers: cmd/check.c. Threads: one, in a snapshot of a stopped server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_check.h>
#include <myelin/room_purge.h>

#include "room/room_own.h"

static struct {
    myl_str server_name, key_id, public_key;
} signer;

void myl_room_check_key(myl_str server_name, myl_str key_id, myl_str public_key)
{
    signer.server_name = server_name;
    signer.key_id = key_id;
    signer.public_key = public_key;
}

/* ---- events ---- */

static myl_rc check_id(myl_ctx *cx, myl_check *check, const myl_stored *stored,
                       const myl_event *event)
{
    uint64_t number;
    myl_str id;

    MYL_TRY(myl_event_id(cx, stored->version, event->json, &id));
    if (!myl_str_equal(id, stored->event_id))
        myl_check_wrong(check, "event %llu: its bytes give another id",
                        (unsigned long long)stored->number);
    MYL_TRY(myl_room_event_number(cx, stored->event_id, &number));
    if (number != stored->number)
        myl_check_wrong(check, "event %llu is not found by its id",
                        (unsigned long long)stored->number);
    return MYL_OK;
}

static bool is_signed_by_us(const myl_event *event)
{
    const myl_json *all = myl_json_object(event->json, MYL_S("signatures"));

    return myl_json_get(myl_json_object(all, signer.server_name), signer.key_id) != NULL;
}

static void check_proofs(myl_ctx *cx, myl_check *check, const myl_stored *stored,
                         const myl_event *event)
{
    unsigned long long number = stored->number;

    if ((stored->flags & MYL_EVENT_HASH_FAILED) == 0 &&
        !myl_event_hash_matches(cx, stored->version, event->json))
        myl_check_wrong(check, "event %llu: the content hash does not match", number);
    if (signer.key_id.len > 0 && is_signed_by_us(event) &&
        !myl_event_verify(cx, event, signer.server_name, signer.key_id, signer.public_key))
        myl_check_wrong(check, "event %llu: our signature is not valid", number);
}

/* The state after a state event is the state before it with this one entry; of others nothing changes. */
static myl_rc check_state(myl_ctx *cx, myl_check *check, const myl_stored *stored)
{
    unsigned long long number = stored->number;
    uint64_t entry = 0;

    if ((stored->flags & (MYL_EVENT_OUTLIER | MYL_EVENT_REJECTED)) != 0)
        return MYL_OK;
    if ((stored->flags & MYL_EVENT_STATE) == 0) {
        if (stored->before != stored->after)
            myl_check_wrong(check, "event %llu: no state event, but the state changes", number);
        return MYL_OK;
    }
    MYL_TRY(myl_tree_get(cx, myl_store_nodes(cx), stored->after, stored->type, stored->state_key,
                         &entry));
    if (entry != stored->number)
        myl_check_wrong(check, "event %llu is not in the state after it", number);
    return MYL_OK;
}

static myl_rc check_orders(myl_ctx *cx, myl_check *check, const myl_stored *stored)
{
    myl_key room = myl_key_of_u64(stored->room), reading = myl_key_start(), arrival, log;
    bool there;
    myl_str row;

    if ((stored->flags & MYL_EVENT_OUTLIER) != 0) {
        arrival = myl_key_of_u64(stored->number);
        MYL_TRY(myl_store_has(cx, MYL_TABLE_ROOM_OUTLIERS, myl_key_str(&room),
                              myl_key_str(&arrival), &there));
        if (!there)
            myl_check_wrong(check, "event %llu is not among the outliers of its room",
                            (unsigned long long)stored->number);
        return MYL_OK;
    }
    myl_key_i64(&reading, stored->depth);
    myl_key_u64(&reading, stored->number);
    MYL_TRY(myl_store_has(cx, MYL_TABLE_ROOM_READING, myl_key_str(&room), myl_key_str(&reading),
                          &there));
    if (!there)
        myl_check_wrong(check, "event %llu is not in the reading order",
                        (unsigned long long)stored->number);
    if (stored->position == 0)
        return MYL_OK;
    arrival = myl_key_of_u64s(stored->position, stored->number);
    MYL_TRY(myl_store_has(cx, MYL_TABLE_ROOM_ARRIVAL, myl_key_str(&room), myl_key_str(&arrival),
                          &there));
    log = myl_key_of_u64(stored->position);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_ROOM_LOG, myl_key_str(&log), &row));
    if (!there || !myl_str_equal(row, myl_key_str(&room)))
        myl_check_wrong(check, "event %llu is not in the arrival order",
                        (unsigned long long)stored->number);
    return MYL_OK;
}

static myl_rc check_event(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t number, newest;
    myl_stored stored;
    myl_event event;
    bool purged;

    MYL_UNUSED(row);
    if (!myl_cut_u64(&key, &number)) {
        myl_check_wrong(check, "EVENTS: a key of the wrong length");
        return MYL_OK;
    }
    MYL_TRY(myl_store_position(cx, &newest));
    if (number > newest)
        myl_check_wrong(check, "event %llu lies past the newest position",
                        (unsigned long long)number);
    MYL_TRY(myl_room_event(cx, number, &stored));
    MYL_TRY(myl_event_reopen(cx, stored.version, stored.event_id, stored.bytes, &event));
    MYL_TRY(check_id(cx, check, &stored, &event));
    check_proofs(cx, check, &stored, &event);
    MYL_TRY(myl_room_is_purged(cx, stored.room, &purged));
    if (purged)
        return MYL_OK; /* its rows are on their way out */
    MYL_TRY(check_state(cx, check, &stored));
    if ((stored.flags & MYL_EVENT_STATE) != 0)
        MYL_TRY(myl_room_check_auth_row(cx, check, &stored));
    MYL_TRY(myl_room_check_related(cx, check, &stored, &event));
    MYL_TRY(myl_room_check_words(cx, check, &stored, &event));
    return check_orders(cx, check, &stored);
}

static myl_rc check_events(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_EVENTS, check_event);
}

/* ---- the orders name events of their room ---- */

static myl_rc check_order_row(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t room, first, number;
    myl_stored stored;

    if (!myl_cut_u64(&key, &room) || !myl_cut_u64(&row, &first) || !myl_cut_u64(&row, &number)) {
        myl_check_wrong(check, "a timeline row is too short");
        return MYL_OK;
    }
    MYL_TRY(myl_room_event(cx, number, &stored));
    if (stored.room != room)
        myl_check_wrong(check, "event %llu stands in the order of another room",
                        (unsigned long long)number);
    return MYL_OK;
}

static myl_rc check_outlier(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t room, number;
    myl_stored stored;

    if (!myl_cut_u64(&key, &room) || !myl_cut_u64(&row, &number)) {
        myl_check_wrong(check, "ROOM_OUTLIERS: a row is too short");
        return MYL_OK;
    }
    MYL_TRY(myl_room_event(cx, number, &stored));
    if (stored.room != room || (stored.flags & MYL_EVENT_OUTLIER) == 0)
        myl_check_wrong(check, "event %llu stands among the outliers of another room",
                        (unsigned long long)number);
    return MYL_OK;
}

static myl_rc check_timelines(myl_ctx *cx, myl_check *check)
{
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_ROOM_OUTLIERS, check_outlier));
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_ROOM_ARRIVAL, check_order_row));
    return myl_check_walk(cx, check, MYL_TABLE_ROOM_READING, check_order_row);
}

/* ---- heads and members ---- */

typedef struct {
    myl_ctx *cx;
    myl_check *check;
    const myl_room_head *head;
    uint32_t joined, invited;
} membership_check;

/* An invite to a room that we have left is told by an event that is not in the room's state. */
static myl_rc is_from_outside(myl_ctx *cx, const myl_member *member, bool *out)
{
    myl_stored stored;

    *out = false;
    if (member->event == 0)
        return MYL_OK;
    MYL_TRY(myl_room_event(cx, member->event, &stored));
    *out = (stored.flags & MYL_EVENT_OUTLIER) != 0;
    return MYL_OK;
}

/* One member event of the current state: the indexes must say the same. */
static myl_rc check_member_entry(void *arg, const myl_tree_entry *entry)
{
    membership_check *m = arg;
    myl_key room = myl_key_of_u64(m->head->room), user = myl_key_of_u64(entry->state_key);
    myl_membership now;
    myl_member member;
    bool listed, outside;

    MYL_TRY(myl_room_member_at(m->cx, m->head->state, entry->state_key, &now));
    MYL_TRY(myl_room_member(m->cx, m->head->room, entry->state_key, &member));
    MYL_TRY(is_from_outside(m->cx, &member, &outside));
    if (!outside && (member.membership != now || member.event != entry->event))
        myl_check_wrong(m->check, "member %llu of room %llu: the index differs from the state",
                        (unsigned long long)entry->state_key, (unsigned long long)m->head->room);
    MYL_TRY(myl_store_has(m->cx, MYL_TABLE_ROOM_JOINED, myl_key_str(&room), myl_key_str(&user),
                          &listed));
    if (listed != (now == MYL_MEMBER_JOIN))
        myl_check_wrong(m->check, "member %llu of room %llu: ROOM_JOINED is wrong",
                        (unsigned long long)entry->state_key, (unsigned long long)m->head->room);
    m->joined += now == MYL_MEMBER_JOIN;
    m->invited += now == MYL_MEMBER_INVITE;
    return MYL_OK;
}

static myl_rc check_membership(myl_ctx *cx, myl_check *check, const myl_room_head *head)
{
    membership_check m = {.cx = cx, .check = check, .head = head};
    myl_key room = myl_key_of_u64(head->room);
    uint64_t type, listed;

    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &type));
    if (head->state != 0 && type != 0)
        MYL_TRY(myl_tree_walk(cx, myl_store_nodes(cx), head->state, (uint32_t)type,
                              check_member_entry, &m));
    MYL_TRY(myl_store_count(cx, MYL_TABLE_ROOM_JOINED, myl_key_str(&room), &listed));
    if (m.joined != head->joined || m.invited != head->invited || listed != head->joined)
        myl_check_wrong(check,
                        "room %llu: the head counts %u joined and %u invited, the state %u and %u",
                        (unsigned long long)head->room, head->joined, head->invited, m.joined,
                        m.invited);
    return MYL_OK;
}

static myl_rc check_head(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    myl_stored stored = {0};
    myl_room_head head;
    uint64_t room;

    MYL_UNUSED(row);
    if (!myl_cut_u64(&key, &room)) {
        myl_check_wrong(check, "ROOM_HEADS: a key of the wrong length");
        return MYL_OK;
    }
    MYL_TRY(myl_room_head_of(cx, room, &head));
    for (uint32_t i = 0; i < head.extremity_count; i++) {
        MYL_TRY(myl_room_event(cx, head.extremities[i], &stored));
        if (stored.room != room)
            myl_check_wrong(check, "room %llu: an extremity is of another room",
                            (unsigned long long)room);
    }
    if (head.extremity_count == 1 && stored.after != head.state)
        myl_check_wrong(check, "room %llu: the head's state is not the one after its newest event",
                        (unsigned long long)room);
    MYL_TRY(myl_room_check_server_sum(cx, check, &head));
    return check_membership(cx, check, &head);
}

static myl_rc check_heads(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_ROOM_HEADS, check_head);
}

/* ---- the two member tables say the same ---- */

static myl_rc check_user_room(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t user, room;
    myl_str other;
    myl_key by_room;

    if (!myl_cut_u64(&key, &user) || !myl_cut_u64(&key, &room)) {
        myl_check_wrong(check, "USER_ROOMS: a key of the wrong length");
        return MYL_OK;
    }
    by_room = myl_key_of_u64s(room, user);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_ROOM_MEMBERS, myl_key_str(&by_room), &other));
    if (!myl_str_equal(other, row))
        myl_check_wrong(check, "user %llu and room %llu: the two member tables differ",
                        (unsigned long long)user, (unsigned long long)room);
    return MYL_OK;
}

static myl_rc check_members(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_USER_ROOMS, check_user_room);
}

/* ---- receipts ---- */

static myl_rc check_receipt(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t room, position;
    myl_key log;
    myl_str found;

    if (!myl_cut_u64(&key, &room) || !myl_cut_u64(&row, &position)) {
        myl_check_wrong(check, "RECEIPTS: a row cannot be read");
        return MYL_OK;
    }
    log = myl_key_of_u64s(room, position);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_RECEIPT_LOG, myl_key_str(&log), &found));
    if (!myl_str_present(found))
        myl_check_wrong(check, "a receipt in room %llu has no row by position",
                        (unsigned long long)room);
    log = myl_key_of_u64(position);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_ROOM_LOG, myl_key_str(&log), &found));
    if (!myl_cut_u64(&found, &position) || position != room)
        myl_check_wrong(check, "a receipt in room %llu is not in the log of changes",
                        (unsigned long long)room);
    return MYL_OK;
}

static myl_rc check_receipts(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_RECEIPTS, check_receipt);
}

/* ---- comings and goings: they add up to who is joined ---- */

static struct {
    uint64_t room;
    int64_t joined;
} sum;

static myl_rc check_sum(myl_ctx *cx, myl_check *check)
{
    myl_key key = myl_key_of_u64(sum.room);
    uint64_t joined;
    bool purged;

    MYL_TRY(myl_room_is_purged(cx, sum.room, &purged));
    if (sum.room == 0 || purged)
        return MYL_OK;
    MYL_TRY(myl_store_count(cx, MYL_TABLE_ROOM_JOINED, myl_key_str(&key), &joined));
    if ((int64_t)joined != sum.joined)
        myl_check_wrong(check, "room %llu: %llu are joined, ROOM_JOIN_LOG adds up to %lld",
                        (unsigned long long)sum.room, (unsigned long long)joined,
                        (long long)sum.joined);
    return MYL_OK;
}

static myl_rc check_join(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    uint64_t room;
    uint8_t joined;

    if (!myl_cut_u64(&key, &room) || !myl_cut_u8(&row, &joined)) {
        myl_check_wrong(check, "ROOM_JOIN_LOG: a row cannot be read");
        return MYL_OK;
    }
    if (room != sum.room) {
        MYL_TRY(check_sum(cx, check));
        sum.room = room;
        sum.joined = 0;
    }
    sum.joined += joined != 0 ? 1 : -1;
    return MYL_OK;
}

static myl_rc check_joins(myl_ctx *cx, myl_check *check)
{
    sum.room = 0;
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_ROOM_JOIN_LOG, check_join));
    return check_sum(cx, check);
}

/* ---- purges ---- */

/* A room that is not known any more has left nothing in the log, unless it is being purged. */
static myl_rc check_log_row(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    myl_room_head head;
    uint64_t room;
    bool purged;

    MYL_UNUSED(key);
    if (!myl_cut_u64(&row, &room)) {
        myl_check_wrong(check, "ROOM_LOG: a row is too short");
        return MYL_OK;
    }
    MYL_TRY(myl_room_head_of(cx, room, &head));
    MYL_TRY(myl_room_is_purged(cx, room, &purged));
    if (head.room == 0 && !purged)
        myl_check_wrong(check, "ROOM_LOG names room %llu, which is not known",
                        (unsigned long long)room);
    return MYL_OK;
}

static myl_rc check_purge(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    myl_purge_info info;
    uint64_t id;

    MYL_UNUSED(key);
    if (!myl_cut_u64(&row, &id)) {
        myl_check_wrong(check, "ROOM_PURGES: a row is too short");
        return MYL_OK;
    }
    MYL_TRY(myl_room_purge_info(cx, id, &info));
    if (info.id == 0 || info.status != MYL_PURGE_RUNNING)
        myl_check_wrong(check, "a room is marked as being purged by %llu, which is not under way",
                        (unsigned long long)id);
    return MYL_OK;
}

static myl_rc check_purges(myl_ctx *cx, myl_check *check)
{
    MYL_TRY(myl_check_walk(cx, check, MYL_TABLE_ROOM_LOG, check_log_row));
    return myl_check_walk(cx, check, MYL_TABLE_ROOM_PURGES, check_purge);
}

const myl_check_row myl_room_checks[] = {
    {"events", check_events},
    {"timelines", check_timelines},
    {"rooms", check_heads},
    {"members", check_members},
    {"receipts", check_receipts},
    {"relations", myl_room_check_relations},
    {"reports", myl_room_check_reports},
    {"redactions of users", myl_room_check_user_redactions},
    {"delayed events", myl_room_check_delayed},
    {"auth chains", myl_room_check_steps},
    {"servers", myl_room_check_servers},
    {"gaps", myl_room_check_gaps},
    {"states", myl_room_check_states},
    {"invites from outside", myl_room_check_outside},
    {"joins", check_joins},
    {"directory", myl_room_check_directory},
    {"purges", check_purges},
    {"redacted events", myl_room_check_redacted},
    {NULL, NULL},
};
