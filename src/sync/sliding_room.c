/* sliding_room.c: one room in an answer of sliding sync: what is new in it for this connection.
 *
 * Spec:    MSC4186, Room results; RoomResult; Changing room configs.
 * Threads: a read worker that holds the connection.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sliding_own.h"

/* ---- what may be seen ---- */

static bool is_outside(const sliding_room *room)
{
    return room->membership == MYL_MEMBER_INVITE || room->membership == MYL_MEMBER_KNOCK;
}

myl_rc myl_sliding_root(myl_syncing *s, const sliding_room *room, myl_tree_root *out)
{
    myl_room_head head;
    myl_stored event;

    if (room->membership == MYL_MEMBER_JOIN) {
        MYL_TRY(myl_room_head_brief(s->cx, room->room, &head));
        *out = head.state;
        return MYL_OK;
    }
    MYL_TRY(myl_room_event(s->cx, room->event, &event));
    *out = event.after;
    return MYL_OK;
}

myl_rc myl_sliding_direct(myl_syncing *s, myl_map **out)
{
    const myl_json *direct = NULL;
    myl_str json;

    *out = myl_map_start(s->cx, 64);
    MYL_TRY(myl_user_data_get(s->cx, s->request->caller->user, 0, MYL_S("m.direct"), &json));
    if (!myl_str_present(json))
        return MYL_OK;
    MYL_TRY(myl_json_parse(s->cx, json, &direct));
    for (uint32_t i = 0; myl_json_is(direct, MYL_JSON_OBJECT) && i < direct->count; i++) {
        const myl_json *rooms = &direct->items[i];

        for (uint32_t j = 0; rooms->kind == MYL_JSON_ARRAY && j < rooms->count; j++)
            if (rooms->items[j].kind == MYL_JSON_STRING)
                *myl_map_slot(*out, rooms->items[j].text) = s;
    }
    return MYL_OK;
}

/* ---- is there news? ---- */

static bool is_direct(const myl_sliding *t, myl_str room_id)
{
    return myl_map_has(t->direct, room_id);
}

/* Does the timeline go further back than what the client has? */
static bool wants_more(const sliding_wanted *wanted)
{
    return wanted->sent->seen != SLIDING_SEEN_ALL && wanted->timeline_limit > wanted->sent->seen;
}

static bool counts_differ(const sliding_sent *sent, const myl_push_counts *counts)
{
    return sent->notifications != counts->all_notifications ||
           sent->highlights != counts->all_highlights;
}

/* What does not need the room's counts. */
static bool has_news(const myl_sliding *t, const sliding_part *part)
{
    const sliding_wanted *wanted = part->wanted;
    const sliding_sent *sent = wanted->sent;

    return wanted->is_first || wanted->room->activity > sent->position ||
           sent->membership != (uint8_t)wanted->room->membership || sent->config != part->config ||
           part->is_expanded || sent->is_dm != is_direct(t, part->room_id);
}

/* ---- the timeline ---- */

static myl_rc end_of_timeline(myl_sliding *t, sliding_part *part)
{
    myl_stored leave;

    part->upto = t->s->upto;
    if (part->wanted->room->membership == MYL_MEMBER_JOIN)
        return MYL_OK;
    MYL_TRY(myl_room_event(t->s->cx, part->wanted->room->event, &leave));
    part->upto = leave.position;
    return MYL_OK;
}

static myl_rc cut_timeline(myl_sliding *t, sliding_part *part, const myl_room_head *head)
{
    bool whole = part->wanted->is_first || part->is_expanded;
    myl_stretch stretch = {head, whole ? 0 : part->wanted->sent->position, part->upto, false};

    t->filter->timeline.limit = part->wanted->timeline_limit;
    return myl_sync_slice(t->s, &stretch, &part->slice);
}

/* How many of the newest events the client has without a gap, after this answer. */
static uint16_t seen_after(const sliding_part *part)
{
    size_t before = part->wanted->sent == NULL ? 0 : part->wanted->sent->seen;
    bool whole = part->wanted->is_first || part->is_expanded;

    if (whole && !part->slice.limited)
        return SLIDING_SEEN_ALL;
    if (whole || part->slice.limited)
        return (uint16_t)part->slice.count;
    if (before == SLIDING_SEEN_ALL || before + part->slice.count >= SLIDING_SEEN_ALL)
        return (uint16_t)(before == SLIDING_SEEN_ALL ? SLIDING_SEEN_ALL : SLIDING_SEEN_ALL - 1);
    return (uint16_t)(before + part->slice.count);
}

/* Events that came since the room, or for a new room the connection, was last told of. */
static int64_t count_live(const myl_sliding *t, const sliding_part *part)
{
    uint64_t since =
        part->wanted->is_first ? t->connection->before.durable : part->wanted->sent->position;
    int64_t live = 0;

    for (size_t i = 0; i < part->slice.count && since != 0; i++)
        live += part->slice.events[i].position > since;
    return live;
}

static myl_rc write_timeline(myl_sliding *t, const sliding_part *part)
{
    myl_writer *w = t->s->w;

    part->wanted->timeline_ids = myl_map_start(t->s->cx, part->slice.count);
    if (part->slice.count > 0) {
        myl_write_open_key(w, "timeline", '[');
        for (size_t i = 0; i < part->slice.count; i++) {
            *myl_map_slot(part->wanted->timeline_ids, part->slice.events[i].event_id) = t;
            MYL_TRY(myl_sync_write_event(t->s, part->slice.events[i].number));
        }
        myl_write_close(w, ']');
    }
    if (part->slice.count == 0 && !part->wanted->is_first)
        return MYL_OK;
    myl_write_bool(w, "limited", part->slice.limited);
    myl_write_str(w, "prev_batch", myl_sync_prev_batch(t->s, &part->slice));
    myl_write_int(w, "num_live", count_live(t, part));
    return MYL_OK;
}

/* ---- fields of every room ---- */

static void write_flags(myl_sliding *t, const sliding_part *part)
{
    const sliding_wanted *wanted = part->wanted;
    bool dm = is_direct(t, part->room_id);
    myl_writer *w = t->s->w;

    if (wanted->is_first)
        myl_write_bool(w, "initial", true);
    if (dm || (t->request->merged && !wanted->is_first && wanted->sent->is_dm))
        myl_write_bool(w, "is_dm", dm);
    if (part->is_expanded && !wanted->is_first)
        myl_write_bool(w, t->request->merged ? "expanded_timeline" : "unstable_expanded_timeline",
                       true);
    myl_write_int(w, "bump_stamp", (int64_t)wanted->room->bump);
    if (!t->request->merged)
        return;
    myl_write_str(w, "membership", myl_membership_name(wanted->room->membership));
    if (wanted->lists.count == 0)
        return;
    myl_write_open_key(w, "lists", '[');
    for (size_t i = 0; i < wanted->lists.count; i++)
        myl_write_str(w, NULL, myl_list_get(&wanted->lists, myl_str, i));
    myl_write_close(w, ']');
}

static void remember(myl_sliding *t, const sliding_part *part, const myl_push_counts *counts)
{
    sliding_sent *sent = myl_list_add(&t->pending);

    *sent = (sliding_sent){.room = part->wanted->room->room,
                           .position = t->s->upto,
                           .root = part->root,
                           .notifications = counts->all_notifications,
                           .highlights = counts->all_highlights,
                           .config = part->config,
                           .seen = seen_after(part),
                           .membership = (uint8_t)part->wanted->room->membership,
                           .is_dm = is_direct(t, part->room_id)};
    part->wanted->is_written = true;
    t->s->something = true;
}

/* ---- rooms that the user is not in ---- */

static myl_rc write_stripped(myl_sliding *t, const sliding_part *part, const myl_stored *event)
{
    myl_write_open_key(t->s->w, t->request->merged ? "stripped_state" : "invite_state", '[');
    if (is_outside(part->wanted->room))
        MYL_TRY(myl_sync_write_stripped_state(t->s, event));
    else
        MYL_TRY(myl_room_write_stripped(t->s->cx, t->s->w, event));
    myl_write_close(t->s->w, ']');
    return MYL_OK;
}

/* An invite or knock that came to nothing. In the form in use stripped state would say that it stands, so this is a room
 * whose only event is the end of the membership. */
static myl_rc write_refused(myl_sliding *t, const myl_stored *event)
{
    static const char *const keys[] = {"required_state", "timeline"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        myl_write_open_key(t->s->w, keys[i], '[');
        MYL_TRY(myl_sync_write_event(t->s, event->number));
        myl_write_close(t->s->w, ']');
    }
    myl_write_int(t->s->w, "notification_count", 0);
    myl_write_int(t->s->w, "highlight_count", 0);
    return MYL_OK;
}

static myl_rc write_outside(myl_sliding *t, sliding_part *part)
{
    bool stripped = t->request->merged || is_outside(part->wanted->room);
    myl_push_counts none = {0};
    myl_stored event;

    if (!part->wanted->is_first && !has_news(t, part))
        return MYL_OK;
    MYL_TRY(myl_room_event(t->s->cx, part->wanted->room->event, &event));
    myl_write_open_str(t->s->w, part->room_id, '{');
    write_flags(t, part);
    if (stripped)
        MYL_TRY(write_stripped(t, part, &event));
    else
        MYL_TRY(write_refused(t, &event));
    myl_write_close(t->s->w, '}');
    part->root = 0;
    remember(t, part, &none);
    return MYL_OK;
}

/* ---- rooms that the user is or was in ---- */

static myl_rc write_inside(myl_sliding *t, sliding_part *part, const myl_room_head *head,
                           const myl_push_counts *counts)
{
    myl_writer *w = t->s->w;

    MYL_TRY(end_of_timeline(t, part));
    MYL_TRY(cut_timeline(t, part, head));
    MYL_TRY(myl_sliding_collect_state(t, part));
    myl_write_open_str(w, part->room_id, '{');
    write_flags(t, part);
    MYL_TRY(myl_sliding_write_names(t, part));
    MYL_TRY(myl_sliding_write_state(t, part));
    MYL_TRY(write_timeline(t, part));
    if (!t->request->merged) {
        myl_write_int(w, "notification_count", counts->all_notifications);
        myl_write_int(w, "highlight_count", counts->all_highlights);
    }
    myl_write_close(w, '}');
    remember(t, part, counts);
    return MYL_OK;
}

/* Counts are asked for when the room has news anyway, or may have changed by a receipt. */
static myl_rc count(myl_sliding *t, const sliding_part *part, const myl_room_head *head,
                    myl_push_counts *out)
{
    myl_member member = {.room = head->room,
                         .user = t->request->caller->user,
                         .membership = MYL_MEMBER_JOIN,
                         .position = part->wanted->room->joined_at};

    memset(out, 0, sizeof(*out));
    if (part->wanted->room->membership != MYL_MEMBER_JOIN)
        return MYL_OK;
    return myl_push_count(t->s->cx, &t->s->push, head, &member, out);
}

static myl_rc write_known(myl_sliding *t, sliding_part *part)
{
    const sliding_wanted *wanted = part->wanted;
    bool news = has_news(t, part);
    myl_push_counts counts;
    myl_room_head head;

    if (!news && !myl_sync_room_changed(t->s, wanted->room->room))
        return MYL_OK;
    MYL_TRY(myl_room_head_of(t->s->cx, wanted->room->room, &head));
    MYL_TRY(count(t, part, &head, &counts));
    if (!news && !counts_differ(wanted->sent, &counts))
        return MYL_OK;
    return write_inside(t, part, &head, &counts);
}

/* Was the user ever joined, so that there is state and timeline to see? */
static myl_rc was_inside(myl_sliding *t, const sliding_room *room, bool *out)
{
    myl_membership before;
    myl_stored event;

    *out = room->membership == MYL_MEMBER_JOIN;
    if (*out || is_outside(room))
        return MYL_OK;
    MYL_TRY(myl_room_event(t->s->cx, room->event, &event));
    MYL_TRY(myl_room_member_at(t->s->cx, event.before, t->request->caller->user, &before));
    *out = before == MYL_MEMBER_JOIN;
    return MYL_OK;
}

/* A room that was an invitation before, or left, begins anew with a join. */
static bool begins_anew(const sliding_wanted *wanted)
{
    return wanted->sent == NULL || (wanted->room->membership == MYL_MEMBER_JOIN &&
                                    wanted->sent->membership != (uint8_t)MYL_MEMBER_JOIN);
}

myl_rc myl_sliding_write_room(myl_sliding *t, sliding_wanted *wanted)
{
    sliding_part part = {.wanted = wanted, .sets = {wanted->sets.at, wanted->sets.count}};
    bool inside;

    wanted->is_first = begins_anew(wanted);
    part.config =
        myl_sliding_config_number(t->connection, myl_sliding_sets_write(t->s->cx, &part.sets));
    if (part.config == UINT16_MAX)
        return myl_fail(t->s->cx, MYL_UNKNOWN_POS,
                        "too many different required states: begin anew");
    part.is_expanded = !wanted->is_first && wants_more(wanted);
    part.known = wanted->is_first ? 0 : wanted->sent->root;
    MYL_TRY(myl_store_text_of(t->s->cx, MYL_INTERN_ROOM, wanted->room->room, &part.room_id));
    MYL_TRY(was_inside(t, wanted->room, &inside));
    if (!inside)
        return write_outside(t, &part);
    MYL_TRY(myl_sliding_root(t->s, wanted->room, &part.root));
    return write_known(t, &part);
}
