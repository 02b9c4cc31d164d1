/* room.c: one room in the answer of /sync.
 *
 * Why:     state is a tree, so "what changed in the state until the timeline begins" is the difference of two roots.
 * Threads: a read worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sync_own.h"

/* What a room's object holds; written only when some part is not empty. */
typedef struct {
    const myl_member *member;
    myl_room_head head;
    uint64_t since; /* 0: the user sees the room for the first time */
    uint64_t upto;
    myl_slice slice;
    myl_list state; /* numbers */
    const myl_receipt *receipts;
    size_t receipt_count;
    bool typing;
} room_part;

/* ---- state ---- */

typedef struct {
    myl_syncing *s;
    room_part *part;
} collecting;

static myl_rc collect(collecting *c, uint64_t number)
{
    myl_stored stored;
    bool allowed;

    MYL_TRY(myl_room_event(c->s->cx, number, &stored));
    MYL_TRY(myl_event_filter_admits(c->s->cx, &c->s->request->filter->state, c->part->head.room_id,
                                    &stored, &allowed));
    if (allowed)
        myl_list_push(&c->part->state, uint64_t, number);
    return MYL_OK;
}

static myl_rc collect_entry(void *arg, const myl_tree_entry *entry)
{
    return collect(arg, entry->event);
}

static myl_rc collect_change(void *arg, uint32_t type, uint64_t state_key, uint64_t before,
                             uint64_t after)
{
    MYL_UNUSED(type);
    MYL_UNUSED(state_key);
    MYL_UNUSED(before);
    return after == 0 ? MYL_OK : collect(arg, after);
}

/* What a resolution changed while the timeline ran, which none of its events shows. */
static myl_rc collect_moved(void *arg, uint32_t type, uint64_t state_key, uint64_t before,
                            uint64_t after)
{
    collecting *c = arg;

    MYL_UNUSED(type);
    MYL_UNUSED(state_key);
    MYL_UNUSED(before);
    for (size_t i = 0; i < c->part->slice.count; i++)
        if (c->part->slice.events[i].number == after)
            return MYL_OK;
    return after == 0 ? MYL_OK : collect(c, after);
}

/* The state that the timeline begins with. */
static myl_rc state_before(myl_syncing *s, const room_part *part, myl_tree_root *out)
{
    const myl_stored *first = part->slice.events;

    if (part->slice.count == 0)
        return myl_room_state_at(s->cx, part->head.room, part->upto, out);
    *out = first->before;
    if (first->position == 0)
        return MYL_OK;
    return myl_room_state_at(s->cx, part->head.room, first->position - 1, out);
}

/* State at the start of the timeline: all of it at first, then what differs from the token's. */
static myl_rc collect_state(myl_syncing *s, room_part *part)
{
    collecting c = {s, part};
    const myl_tree_nodes *nodes = myl_store_nodes(s->cx);
    myl_tree_root before, end, now;

    part->state = MYL_LIST(s->cx, uint64_t);
    MYL_TRY(state_before(s, part, &end));
    MYL_TRY(myl_room_state_at(s->cx, part->head.room, part->upto, &now));
    if (part->since == 0 || s->request->full_state) {
        if (end != 0)
            MYL_TRY(myl_tree_walk(s->cx, nodes, end, 0, collect_entry, &c));
    } else {
        MYL_TRY(myl_room_state_at(s->cx, part->head.room, part->since, &before));
        if (before != end && end != 0)
            MYL_TRY(myl_tree_diff(s->cx, nodes, before, end, collect_change, &c));
    }
    if (now == end || part->slice.count == 0)
        return MYL_OK;
    return myl_tree_diff(s->cx, nodes, end, now, collect_moved, &c);
}

static myl_rc write_state(myl_syncing *s, const room_part *part)
{
    myl_event_form form = {.reader = s->request->caller,
                           .omit_room_id = true,
                           .federation_format = s->request->filter->federation_format,
                           .now_ms = s->now_ms};
    myl_stored stored;

    myl_write_open_key(s->w, "state", '{');
    myl_write_open_key(s->w, "events", '[');
    for (size_t i = 0; i < part->state.count; i++) {
        MYL_TRY(myl_room_event(s->cx, myl_list_get(&part->state, uint64_t, i), &stored));
        MYL_TRY(myl_room_write_event(s->cx, s->w, NULL, &stored, &form));
    }
    myl_write_close(s->w, ']');
    myl_write_close(s->w, '}');
    return MYL_OK;
}

/* ---- ephemeral ---- */

static bool receipt_is_shown(const myl_syncing *s, const myl_receipt *receipt)
{
    return receipt->user == s->request->caller->user ||
           !myl_str_equal(receipt->type, MYL_S("m.read.private"));
}

static myl_rc collect_ephemeral(myl_syncing *s, room_part *part)
{
    const myl_event_filter *filter = &s->request->filter->ephemeral;
    const myl_receipt *all;
    myl_receipt *shown;
    size_t count;

    if (myl_event_filter_allows(filter, part->head.room_id, MYL_S(""), MYL_S("m.typing"), false))
        part->typing = !s->quiet && myl_room_typing_counter(part->head.room) > s->typing_since;
    if (!myl_event_filter_allows(filter, part->head.room_id, MYL_S(""), MYL_S("m.receipt"), false))
        return MYL_OK;
    MYL_TRY(myl_room_receipts(s->cx, part->head.room, part->since, &all, &count));
    shown = myl_new_array(s->cx, myl_receipt, count + 1);
    for (size_t i = 0; i < count; i++)
        if (receipt_is_shown(s, &all[i]))
            shown[part->receipt_count++] = all[i];
    part->receipts = shown;
    return MYL_OK;
}

static myl_rc write_typing(myl_syncing *s, const room_part *part)
{
    const uint64_t *users;
    myl_str name;
    size_t count;

    myl_room_typing_get(s->cx, part->head.room, &users, &count);
    myl_write_open(s->w, '{');
    myl_write_open_key(s->w, "content", '{');
    myl_write_open_key(s->w, "user_ids", '[');
    for (size_t i = 0; i < count; i++) {
        MYL_TRY(myl_store_text_of(s->cx, MYL_INTERN_NAME, users[i], &name));
        myl_write_str(s->w, NULL, name);
    }
    myl_write_close(s->w, ']');
    myl_write_close(s->w, '}');
    myl_write_str(s->w, "type", MYL_S("m.typing"));
    myl_write_close(s->w, '}');
    return MYL_OK;
}

static int compare_receipts(const void *a, const void *b)
{
    const myl_receipt *x = a, *y = b;
    int order = myl_str_compare(x->event_id, y->event_id);

    return order != 0 ? order : myl_str_compare(x->type, y->type);
}

/* "@user": {"ts": …, "thread_id": …}. A user with receipts of several threads on one event is shown with the newest. */
static myl_rc write_receipt_user(myl_syncing *s, const myl_receipt *receipt)
{
    myl_str name;

    MYL_TRY(myl_store_text_of(s->cx, MYL_INTERN_NAME, receipt->user, &name));
    myl_write_open_str(s->w, name, '{');
    myl_write_str(s->w, "thread_id", receipt->thread_id);
    myl_write_int(s->w, "ts", receipt->ts);
    myl_write_close(s->w, '}');
    return MYL_OK;
}

static bool user_comes_again(const myl_receipt *group, size_t count, size_t i)
{
    for (size_t j = i + 1; j < count; j++)
        if (group[j].user == group[i].user)
            return true;
    return false;
}

/* All receipts of one type on one event. */
static myl_rc write_receipt_type(myl_syncing *s, const myl_receipt *group, size_t count)
{
    myl_write_open_str(s->w, group[0].type, '{');
    for (size_t i = 0; i < count; i++)
        if (!user_comes_again(group, count, i))
            MYL_TRY(write_receipt_user(s, &group[i]));
    myl_write_close(s->w, '}');
    return MYL_OK;
}

static myl_rc write_receipts(myl_syncing *s, room_part *part)
{
    myl_list sorted = MYL_LIST(s->cx, myl_receipt);
    const myl_receipt *rows;
    size_t i = 0, end;

    for (size_t n = 0; n < part->receipt_count; n++)
        myl_list_push(&sorted, myl_receipt, part->receipts[n]);
    myl_list_sort(&sorted, compare_receipts);
    rows = sorted.at;
    myl_write_open(s->w, '{');
    myl_write_open_key(s->w, "content", '{');
    while (i < sorted.count) {
        myl_str event_id = rows[i].event_id;

        myl_write_open_str(s->w, event_id, '{');
        for (; i < sorted.count && myl_str_equal(rows[i].event_id, event_id); i = end) {
            for (end = i + 1; end < sorted.count && compare_receipts(&rows[i], &rows[end]) == 0;)
                end++;
            MYL_TRY(write_receipt_type(s, &rows[i], end - i));
        }
        myl_write_close(s->w, '}');
    }
    myl_write_close(s->w, '}');
    myl_write_str(s->w, "type", MYL_S("m.receipt"));
    myl_write_close(s->w, '}');
    return MYL_OK;
}

static myl_rc write_ephemeral(myl_syncing *s, room_part *part)
{
    myl_write_open_key(s->w, "ephemeral", '{');
    myl_write_open_key(s->w, "events", '[');
    if (part->typing)
        MYL_TRY(write_typing(s, part));
    if (part->receipt_count > 0)
        MYL_TRY(write_receipts(s, part));
    myl_write_close(s->w, ']');
    myl_write_close(s->w, '}');
    return MYL_OK;
}

/* ---- account data ---- */

static bool data_is_shown(const myl_syncing *s, const room_part *part, const myl_account_data *data)
{
    return data->room == part->head.room &&
           myl_event_filter_allows(&s->request->filter->room_account_data, part->head.room_id,
                                   MYL_S(""), data->type, false);
}

static bool has_data(const myl_syncing *s, const room_part *part)
{
    for (size_t i = 0; i < s->data_count; i++)
        if (data_is_shown(s, part, &s->data[i]))
            return true;
    return false;
}

static void write_data(myl_syncing *s, const room_part *part)
{
    myl_write_open_key(s->w, "account_data", '{');
    myl_write_open_key(s->w, "events", '[');
    for (size_t i = 0; i < s->data_count; i++) {
        if (!data_is_shown(s, part, &s->data[i]))
            continue;
        myl_write_open(s->w, '{');
        myl_write_raw(s->w, "content", s->data[i].json);
        myl_write_str(s->w, "type", s->data[i].type);
        myl_write_close(s->w, '}');
    }
    myl_write_close(s->w, ']');
    myl_write_close(s->w, '}');
}

/* ---- sections ---- */

static bool is_changed(const myl_syncing *s, uint64_t room)
{
    size_t low = 0, high = s->changed_count;

    if (s->all_changed || s->since == 0)
        return true;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (s->changed[middle] < room)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->changed_count && s->changed[low] == room;
}

bool myl_sync_room_changed(const myl_syncing *s, uint64_t room)
{
    return is_changed(s, room) || (!s->quiet && myl_room_typing_counter(room) > s->typing_since);
}

static bool room_is_wanted(const myl_syncing *s, const myl_room_head *head)
{
    return myl_event_filter_allows(&s->request->filter->room, head->room_id, MYL_S(""), MYL_S(""),
                                   false);
}

static bool data_changed(const myl_syncing *s, uint64_t room)
{
    for (size_t i = 0; i < s->data_count; i++)
        if (s->data[i].room == room)
            return true;
    return false;
}

static myl_rc write_joined_part(myl_syncing *s, room_part *part)
{
    MYL_TRY(collect_state(s, part));
    MYL_TRY(collect_ephemeral(s, part));
    if (part->since != 0 && part->slice.count == 0 && part->state.count == 0 &&
        !part->slice.limited && part->receipt_count == 0 && !part->typing && !has_data(s, part))
        return MYL_OK;
    s->something = true;
    myl_write_open_str(s->w, part->head.room_id, '{');
    write_data(s, part);
    MYL_TRY(write_ephemeral(s, part));
    MYL_TRY(write_state(s, part));
    MYL_TRY(myl_sync_write_timeline(s, &part->slice));
    myl_write_close(s->w, '}');
    return MYL_OK;
}

myl_rc myl_sync_write_joined(myl_syncing *s, const myl_member *member)
{
    bool first = s->since == 0 || member->position > s->since;
    room_part part = {.member = member, .since = first ? 0 : s->since, .upto = s->upto};

    if (!first && !myl_sync_room_changed(s, member->room) && !data_changed(s, member->room) &&
        !s->request->full_state)
        return MYL_OK;
    MYL_TRY(myl_room_head_of(s->cx, member->room, &part.head));
    if (!room_is_wanted(s, &part.head))
        return MYL_OK;
    MYL_TRY(myl_sync_slice(s, &(myl_stretch){&part.head, part.since, part.upto}, &part.slice));
    return write_joined_part(s, &part);
}

/* What an invited user is shown of the room (spec: Stripped state). */
static const char *const stripped_types[] = {
    "m.room.create", "m.room.join_rules", "m.room.canonical_alias",
    "m.room.avatar", "m.room.encryption", "m.room.name",
    "m.room.topic"};

static myl_rc write_stripped_state(myl_syncing *s, const myl_stored *invite)
{
    myl_stored stored;

    for (size_t i = 0; i < sizeof(stripped_types) / sizeof(stripped_types[0]); i++) {
        MYL_TRY(myl_room_state_event(s->cx, invite->after, stripped_types[i], MYL_S(""), &stored));
        if (stored.number != 0)
            MYL_TRY(myl_room_write_stripped(s->cx, s->w, &stored));
    }
    MYL_TRY(myl_tree_get(s->cx, myl_store_nodes(s->cx), invite->after, invite->type, invite->sender,
                         &stored.number));
    if (stored.number != 0) {
        MYL_TRY(myl_room_event(s->cx, stored.number, &stored));
        MYL_TRY(myl_room_write_stripped(s->cx, s->w, &stored));
    }
    return myl_room_write_stripped(s->cx, s->w, invite);
}

myl_rc myl_sync_write_invited(myl_syncing *s, const myl_member *member)
{
    bool knock = member->membership == MYL_MEMBER_KNOCK;
    myl_room_head head;
    myl_stored event;

    if (s->since != 0 && member->position <= s->since)
        return MYL_OK;
    MYL_TRY(myl_room_head_of(s->cx, member->room, &head));
    if (!room_is_wanted(s, &head))
        return MYL_OK;
    MYL_TRY(myl_room_event(s->cx, member->event, &event));
    s->something = true;
    myl_write_open_str(s->w, head.room_id, '{');
    myl_write_open_key(s->w, knock ? "knock_state" : "invite_state", '{');
    myl_write_open_key(s->w, "events", '[');
    MYL_TRY(write_stripped_state(s, &event));
    myl_write_close(s->w, ']');
    myl_write_close(s->w, '}');
    myl_write_close(s->w, '}');
    return MYL_OK;
}

myl_rc myl_sync_write_left(myl_syncing *s, const myl_member *member)
{
    room_part part = {.member = member, .since = s->since};
    bool is_new = member->position > s->since && s->since != 0;
    myl_stored leave;

    if (member->forgotten || (!is_new && !(s->since == 0 && s->request->filter->include_leave)))
        return MYL_OK;
    MYL_TRY(myl_room_head_of(s->cx, member->room, &part.head));
    if (!room_is_wanted(s, &part.head))
        return MYL_OK;
    MYL_TRY(myl_room_event(s->cx, member->event, &leave));
    part.upto = leave.position;
    MYL_TRY(myl_sync_slice(s, &(myl_stretch){&part.head, part.since, part.upto}, &part.slice));
    MYL_TRY(collect_state(s, &part));
    s->something = true;
    myl_write_open_str(s->w, part.head.room_id, '{');
    write_data(s, &part);
    MYL_TRY(write_state(s, &part));
    MYL_TRY(myl_sync_write_timeline(s, &part.slice));
    myl_write_close(s->w, '}');
    return MYL_OK;
}
