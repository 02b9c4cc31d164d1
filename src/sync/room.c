/* room.c: one room in the answer of /sync.
 *
 * Spec:    Client-Server API, Syncing; Stripped state.
 * Threads: a read worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_invites.h>

#include "sync/sync_own.h"

#include <myelin/room_serve.h>

/* ---- ephemeral ---- */

static myl_rc collect_ephemeral(myl_syncing *s, sync_part *part)
{
    const myl_event_filter *filter = &s->request->filter->ephemeral;

    if (myl_event_filter_allows(filter, part->head.room_id, MYL_S(""), MYL_S("m.typing"), false))
        part->typing = !s->quiet && myl_room_typing_counter(part->head.room) > s->typing_since;
    if (!myl_event_filter_allows(filter, part->head.room_id, MYL_S(""), MYL_S("m.receipt"), false))
        return MYL_OK;
    return myl_sync_shown_receipts(s, part->head.room, part->since, &part->receipts,
                                   &part->receipt_count);
}

static myl_rc write_ephemeral(myl_syncing *s, sync_part *part)
{
    myl_write_open_key(s->w, "ephemeral", '{');
    myl_write_open_key(s->w, "events", '[');
    if (part->typing)
        MYL_TRY(myl_sync_write_typing(s, NULL, part->head.room));
    if (part->receipt_count > 0)
        MYL_TRY(myl_sync_write_receipts(s, NULL, part->receipts, part->receipt_count));
    myl_write_close(s->w, ']');
    myl_write_close(s->w, '}');
    return MYL_OK;
}

/* ---- account data ---- */

static bool data_is_shown(const myl_syncing *s, const sync_part *part, const myl_account_data *data)
{
    return data->room == part->head.room &&
           myl_event_filter_allows(&s->request->filter->room_account_data, part->head.room_id,
                                   MYL_S(""), data->type, false);
}

static myl_rc collect_data(myl_syncing *s, sync_part *part)
{
    part->data = s->data;
    part->data_count = s->data_count;
    if (s->since != 0)
        return MYL_OK;
    return myl_user_data_of(s->cx, s->request->caller->user, part->head.room, &part->data,
                            &part->data_count);
}

static bool has_data(const myl_syncing *s, const sync_part *part)
{
    for (size_t i = 0; i < part->data_count; i++)
        if (data_is_shown(s, part, &part->data[i]))
            return true;
    return false;
}

static void write_data(myl_syncing *s, const sync_part *part)
{
    myl_write_open_key(s->w, "account_data", '{');
    myl_write_open_key(s->w, "events", '[');
    for (size_t i = 0; i < part->data_count; i++) {
        if (!data_is_shown(s, part, &part->data[i]))
            continue;
        myl_write_open(s->w, '{');
        myl_write_raw(s->w, "content", part->data[i].json);
        myl_write_str(s->w, "type", part->data[i].type);
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
    return is_changed(s, room) || myl_sync_is_recounted(s, room) ||
           (!s->quiet && myl_room_typing_counter(room) > s->typing_since);
}

/* A room may have gone since the answer began. */
static bool room_is_wanted(const myl_syncing *s, const myl_room_head *head)
{
    return head->room != 0 && myl_event_filter_allows(&s->request->filter->room, head->room_id,
                                                      MYL_S(""), MYL_S(""), false);
}

static myl_rc write_joined_part(myl_syncing *s, sync_part *part)
{
    MYL_TRY(myl_sync_collect_state(s, part));
    MYL_TRY(collect_ephemeral(s, part));
    MYL_TRY(collect_data(s, part));
    if (part->since != 0 && part->slice.count == 0 && part->state.count == 0 && part->whole == 0 &&
        !part->slice.limited && part->receipt_count == 0 && !part->typing && !has_data(s, part) &&
        !myl_sync_is_recounted(s, part->head.room))
        return MYL_OK;
    myl_sync_open_room(s, part->head.room_id);
    write_data(s, part);
    MYL_TRY(write_ephemeral(s, part));
    MYL_TRY(myl_sync_write_summary(s, &part->head, part->members_changed));
    MYL_TRY(myl_sync_write_timeline(s, &part->slice));
    MYL_TRY(myl_sync_write_counts(s, &part->head, part->member));
    myl_sync_open_state(s, part);
    return MYL_OK;
}

myl_rc myl_sync_write_joined(myl_syncing *s, const myl_member *member)
{
    bool first = s->since == 0 || member->position > s->since;
    sync_part part = {.member = member, .since = first ? 0 : s->since, .upto = s->upto};

    MYL_TRY(myl_room_head_of(s->cx, member->room, &part.head));
    if (!room_is_wanted(s, &part.head))
        return MYL_OK;
    if (!s->is_later)
        myl_room_sight_now(&s->sight, &part.head, member);
    MYL_TRY(
        myl_sync_slice(s, &(myl_stretch){&part.head, part.since, part.upto, true}, &part.slice));
    /* somebody who has just come may read on further back */
    part.slice.limited |= first && s->since != 0;
    return write_joined_part(s, &part);
}

/* What an invited user is shown of the room (spec: Stripped state). */
static const char *const stripped_types[] = {
    "m.room.create", "m.room.join_rules", "m.room.canonical_alias",
    "m.room.avatar", "m.room.encryption", "m.room.name",
    "m.room.topic"};

/* What came with an invite to a room that we are not in. */
static myl_rc write_told_state(myl_syncing *s, const myl_stored *invite)
{
    static const char *const fields[] = {"type", "sender", "state_key"};
    const myl_json *told, *content;
    int64_t ts;

    MYL_TRY(myl_room_outside_state(s->cx, invite->room, invite->state_key, &told));
    for (uint32_t i = 0; told != NULL && i < told->count; i++) {
        content = myl_json_object(&told->items[i], MYL_S("content"));
        if (content == NULL || !myl_str_present(myl_json_text(&told->items[i], MYL_S("type"))))
            continue;
        myl_write_open(s->w, '{');
        myl_write_json(s->w, "content", content);
        if (myl_json_int(&told->items[i], MYL_S("origin_server_ts"), &ts))
            myl_write_int(s->w, "origin_server_ts", ts);
        for (size_t f = 0; f < sizeof(fields) / sizeof(fields[0]); f++)
            myl_write_str(s->w, fields[f], myl_json_text(&told->items[i], myl_str_of(fields[f])));
        myl_write_close(s->w, '}');
    }
    return myl_room_write_stripped(s->cx, s->w, invite);
}

/* The create event whole where the room's id is made from it. */
static myl_rc write_shown(myl_syncing *s, const myl_stored *stored, bool create)
{
    if (create && stored->version->room_id_is_create)
        return myl_room_write_event(s->cx, s->w, NULL, stored,
                                    &(myl_event_form){.omit_room_id = true});
    return myl_room_write_stripped(s->cx, s->w, stored);
}

myl_rc myl_sync_write_stripped_state(myl_syncing *s, const myl_stored *invite)
{
    myl_stored stored;

    if ((invite->flags & MYL_EVENT_OUTLIER) != 0)
        return write_told_state(s, invite);

    for (size_t i = 0; i < sizeof(stripped_types) / sizeof(stripped_types[0]); i++) {
        MYL_TRY(myl_room_state_event(s->cx, invite->after, stripped_types[i], MYL_S(""), &stored));
        if (stored.number != 0)
            MYL_TRY(write_shown(s, &stored, i == 0));
    }
    MYL_TRY(myl_tree_get(s->cx, myl_store_nodes(s->cx), invite->after, invite->type, invite->sender,
                         &stored.number));
    if (stored.number != 0) {
        MYL_TRY(myl_room_event(s->cx, stored.number, &stored));
        MYL_TRY(myl_room_write_stripped(s->cx, s->w, &stored));
    }
    return myl_room_write_stripped(s->cx, s->w, invite);
}

bool myl_sync_changes_invites(const myl_account_data *data, size_t count)
{
    static const char *const types[] = {"m.ignored_user_list", "m.invite_permission_config",
                                        "org.matrix.msc4380.invite_permission_config",
                                        "org.matrix.msc4155.invite_permission_config"};

    for (size_t i = 0; i < count; i++)
        for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
            if (data[i].room == 0 && myl_str_equal(data[i].type, myl_str_of(types[t])))
                return true;
    return false;
}

myl_rc myl_sync_invite_unwanted(myl_syncing *s, const myl_stored *invite, bool *out)
{
    myl_invite_permission permission;
    myl_str inviter;

    MYL_TRY(myl_store_text_of(s->cx, MYL_INTERN_NAME, invite->sender, &inviter));
    MYL_TRY(myl_room_invite_permission(s->cx, invite->state_key, inviter, &permission));
    *out = permission != MYL_INVITE_ALLOWED || myl_ignores(&s->ignored, invite->sender);
    return MYL_OK;
}

myl_rc myl_sync_write_invited(myl_syncing *s, const myl_member *member)
{
    bool knock = member->membership == MYL_MEMBER_KNOCK, unwanted = false;
    myl_room_head head;
    myl_stored event;

    if (s->since != 0 && member->position <= s->since && (knock || !s->invites_changed))
        return MYL_OK;
    MYL_TRY(myl_room_head_of(s->cx, member->room, &head));
    if (!room_is_wanted(s, &head))
        return MYL_OK;
    MYL_TRY(myl_room_event(s->cx, member->event, &event));
    if (!knock)
        MYL_TRY(myl_sync_invite_unwanted(s, &event, &unwanted));
    if (unwanted)
        return MYL_OK;
    myl_sync_open_room(s, head.room_id);
    myl_write_open_key(s->w, knock ? "knock_state" : "invite_state", '{');
    myl_write_open_key(s->w, "events", '[');
    MYL_TRY(myl_sync_write_stripped_state(s, &event));
    myl_write_close(s->w, ']');
    myl_write_close(s->w, '}');
    myl_write_close(s->w, '}');
    return MYL_OK;
}

/* Who came and went since the token was told nothing of the room yet: their part begins at its beginning. */
static myl_rc left_since(myl_syncing *s, const myl_stored *leave, uint64_t *since)
{
    const myl_json *content;
    myl_stored before;
    uint64_t number;

    *since = s->since;
    if (leave->before == 0)
        return MYL_OK;
    MYL_TRY(myl_tree_get(s->cx, myl_store_nodes(s->cx), leave->before, leave->type,
                         leave->state_key, &number));
    if (number == 0)
        return MYL_OK;
    MYL_TRY(myl_room_event(s->cx, number, &before));
    MYL_TRY(myl_room_event_content(s->cx, &before, &content));
    if (before.position > s->since &&
        myl_str_equal(myl_json_text(content, MYL_S("membership")), MYL_S("join")))
        *since = 0;
    return MYL_OK;
}

myl_rc myl_sync_write_left(myl_syncing *s, const myl_member *member)
{
    sync_part part = {.member = member, .since = s->since};
    bool is_new = member->position > s->since && s->since != 0;
    myl_stored leave;

    /* that one has left is told once more, also when the room was forgotten at once */
    if (!is_new && (member->forgotten || s->since != 0 || !s->request->filter->include_leave))
        return MYL_OK;
    MYL_TRY(myl_room_head_of(s->cx, member->room, &part.head));
    if (!room_is_wanted(s, &part.head))
        return MYL_OK;
    MYL_TRY(myl_room_event(s->cx, member->event, &leave));
    part.upto = leave.position;
    MYL_TRY(left_since(s, &leave, &part.since));
    MYL_TRY(
        myl_sync_slice(s, &(myl_stretch){&part.head, part.since, part.upto, false}, &part.slice));
    if ((leave.flags & MYL_EVENT_OUTLIER) != 0) {
        /* of a room that we were not in: the leave is all that is known */
        part.slice.events = &leave;
        part.slice.count = 1;
    }
    MYL_TRY(myl_sync_collect_state(s, &part));
    MYL_TRY(collect_data(s, &part));
    myl_sync_open_room(s, part.head.room_id);
    write_data(s, &part);
    MYL_TRY(myl_sync_write_timeline(s, &part.slice));
    myl_sync_open_state(s, &part);
    return MYL_OK;
}
