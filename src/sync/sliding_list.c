/* sliding_list.c: the user's rooms, newest activity first, and the windows that lists open on them.
 *
 * Why:     a connection keeps the order between requests, so one change in 10,000 rooms moves one entry.
 * Spec:    MSC4186, Lists; Activity ordering; SlidingRoomFilter.
 * Threads: a read worker that holds the connection.
 * Holds:   rooms are those joined, invited to, knocked on, kicked or banned from after membership, and those left by the user
 *          that this connection has sent before.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sliding_own.h"

enum { MANY_CHANGES = 2000 };

/* ---- one room ---- */

static bool is_inside(myl_membership membership)
{
    return membership == MYL_MEMBER_JOIN || membership == MYL_MEMBER_INVITE ||
           membership == MYL_MEMBER_KNOCK;
}

/* Left by another's doing, after having been in, invited or knocking. */
static myl_rc look_at_leave(myl_syncing *s, const myl_member *member, bool *kicked)
{
    myl_membership before;
    myl_stored event;

    MYL_TRY(myl_room_event(s->cx, member->event, &event));
    MYL_TRY(myl_room_member_at(s->cx, event.before, member->user, &before));
    *kicked = event.sender != member->user && is_inside(before);
    return MYL_OK;
}

static myl_rc look_at_invite(myl_syncing *s, const myl_member *member, bool *listed)
{
    bool unwanted = false;
    myl_stored event;

    MYL_TRY(myl_room_event(s->cx, member->event, &event));
    MYL_TRY(myl_sync_invite_unwanted(s, &event, &unwanted));
    *listed = !unwanted;
    return MYL_OK;
}

myl_rc myl_sliding_describe(myl_syncing *s, const myl_sliding_connection *connection,
                            const myl_member *member, sliding_room *out, bool *listed)
{
    const sliding_sent *sent = myl_sliding_sent_of(connection, member->room);
    myl_room_head head;

    *out = (sliding_room){.room = member->room,
                          .activity = member->position,
                          .bump = member->position,
                          .joined_at = member->position,
                          .event = member->event,
                          .membership = member->membership};
    *listed = is_inside(member->membership);
    if (member->membership == MYL_MEMBER_INVITE)
        MYL_TRY(look_at_invite(s, member, listed));
    MYL_TRY(myl_room_head_brief(s->cx, member->room, &head));
    out->type = head.type;
    if (member->membership == MYL_MEMBER_JOIN) {
        out->activity = head.newest;
        out->bump = head.bump;
    }
    if (*listed || member->membership == MYL_MEMBER_NONE || member->membership == MYL_MEMBER_INVITE)
        return MYL_OK;
    MYL_TRY(look_at_leave(s, member, &out->is_kicked));
    *listed = out->is_kicked || sent != NULL;
    /* the end of the membership is told once more, also when the room was forgotten at once */
    if (member->forgotten)
        *listed = sent != NULL && sent->membership != (uint8_t)member->membership;
    return MYL_OK;
}

/* ---- all rooms ---- */

static int newer_first(const void *a, const void *b)
{
    const sliding_room *x = a, *y = b;

    if (x->activity != y->activity)
        return x->activity < y->activity ? 1 : -1;
    return (x->room < y->room) - (x->room > y->room);
}

static void keep_rooms(myl_sliding_connection *connection, const myl_list *rooms)
{
    myl_process_free(connection->rooms);
    connection->rooms = myl_process_alloc((rooms->count + 16) * sizeof(sliding_room));
    connection->room_room = rooms->count + 16;
    connection->room_count = rooms->count;
    if (rooms->count > 0)
        memcpy(connection->rooms, rooms->at, rooms->count * sizeof(sliding_room));
    connection->ended_count = 0;
    for (size_t i = 0; i < rooms->count; i++)
        connection->ended_count += !is_inside(connection->rooms[i].membership);
}

static myl_rc read_all(myl_syncing *s, myl_sliding_connection *connection)
{
    myl_list rooms = MYL_LIST(s->cx, sliding_room);
    unsigned all = ~0u;
    const myl_member *members;
    size_t count;

    MYL_TRY(myl_room_of_user(s->cx, s->request->caller->user, all, &members, &count));
    for (size_t i = 0; i < count; i++) {
        sliding_room room;
        bool listed;

        MYL_TRY(myl_sliding_describe(s, connection, &members[i], &room, &listed));
        if (listed)
            myl_list_push(&rooms, sliding_room, room);
    }
    myl_list_sort(&rooms, newer_first);
    keep_rooms(connection, &rooms);
    return MYL_OK;
}

sliding_room *myl_sliding_room_of(const myl_sliding_connection *connection, uint64_t room)
{
    for (size_t i = 0; i < connection->room_count; i++)
        if (connection->rooms[i].room == room)
            return &connection->rooms[i];
    return NULL;
}

static void remove_room(myl_sliding_connection *connection, sliding_room *room)
{
    size_t at = (size_t)(room - connection->rooms);

    connection->ended_count -= !is_inside(room->membership);
    memmove(room, room + 1, (connection->room_count - at - 1) * sizeof(*room));
    connection->room_count--;
}

static void insert_room(myl_sliding_connection *connection, const sliding_room *room)
{
    size_t at = 0, low = 0, high = connection->room_count;

    if (connection->room_count == connection->room_room) {
        size_t wanted = connection->room_room * 2 + 16;

        connection->rooms =
            myl_process_grow(connection->rooms, connection->room_room * sizeof(sliding_room),
                             wanted * sizeof(sliding_room));
        connection->room_room = wanted;
    }
    while (low < high) {
        at = low + (high - low) / 2;
        if (newer_first(&connection->rooms[at], room) < 0)
            low = at + 1;
        else
            high = at;
    }
    memmove(&connection->rooms[low + 1], &connection->rooms[low],
            (connection->room_count - low) * sizeof(sliding_room));
    connection->rooms[low] = *room;
    connection->room_count++;
    connection->ended_count += !is_inside(room->membership);
}

static myl_rc update_one(myl_syncing *s, myl_sliding_connection *connection, uint64_t room)
{
    sliding_room *known, now;
    myl_member member;
    bool listed;

    MYL_TRY(myl_room_member(s->cx, room, s->request->caller->user, &member));
    known = myl_sliding_room_of(connection, room);
    if (member.membership == MYL_MEMBER_NONE && known == NULL)
        return MYL_OK;
    MYL_TRY(myl_sliding_describe(s, connection, &member, &now, &listed));
    if (known != NULL)
        remove_room(connection, known);
    if (listed)
        insert_room(connection, &now);
    return MYL_OK;
}

static myl_rc invites_changed(myl_syncing *s, uint64_t since, bool *out)
{
    const myl_account_data *data;
    size_t count;

    MYL_TRY(myl_user_data_since(s->cx, s->request->caller->user, since, &data, &count));
    *out = myl_sync_changes_invites(data, count);
    return MYL_OK;
}

/* That a room was forgotten is no change of the room. */
static myl_rc drop_forgotten(myl_syncing *s, myl_sliding_connection *connection)
{
    myl_member member;

    for (size_t i = connection->room_count; i-- > 0 && connection->ended_count > 0;) {
        if (is_inside(connection->rooms[i].membership))
            continue;
        MYL_TRY(
            myl_room_member(s->cx, connection->rooms[i].room, s->request->caller->user, &member));
        if (member.forgotten)
            MYL_TRY(update_one(s, connection, member.room));
    }
    return MYL_OK;
}

myl_rc myl_sliding_rooms_update(myl_syncing *s, myl_sliding_connection *connection)
{
    myl_changed_rooms changed;

    MYL_TRY(drop_forgotten(s, connection));
    if (connection->rooms != NULL && connection->rooms_position >= s->upto)
        return MYL_OK;
    changed.all = connection->rooms == NULL;
    if (!changed.all)
        MYL_TRY(invites_changed(s, connection->rooms_position, &changed.all));
    if (!changed.all)
        MYL_TRY(myl_room_changed(s->cx, connection->rooms_position, MANY_CHANGES, &changed));
    if (changed.all)
        MYL_TRY(read_all(s, connection));
    for (size_t i = 0; !changed.all && i < changed.count; i++)
        MYL_TRY(update_one(s, connection, changed.rooms[i]));
    connection->rooms_position = s->upto;
    return MYL_OK;
}

/* ---- filters ---- */

/* What the filters of one list ask the account and the spaces, looked up once. */
typedef struct {
    myl_syncing *s;
    const myl_sliding_filters *filters;
    myl_map *direct;                   /* room ids of m.direct, when asked */
    myl_map *children;                 /* room ids of the spaces' children, when asked */
    const uint64_t *types, *not_types; /* interned, as in the filters */
} sieve;

static myl_rc read_direct(sieve *v)
{
    return v->filters->is_dm < 0 ? MYL_OK : myl_sliding_direct(v->s, &v->direct);
}

static myl_rc add_child(void *arg, const myl_tree_entry *entry)
{
    sieve *v = arg;
    const myl_json *content;
    myl_stored stored;
    myl_str child;

    MYL_TRY(myl_room_event(v->s->cx, entry->event, &stored));
    MYL_TRY(myl_room_event_content(v->s->cx, &stored, &content));
    if (myl_json_array(content, MYL_S("via")) == NULL)
        return MYL_OK;
    MYL_TRY(myl_store_text_of(v->s->cx, MYL_INTERN_NAME, entry->state_key, &child));
    *myl_map_slot(v->children, child) = v;
    return MYL_OK;
}

static myl_rc read_spaces(sieve *v)
{
    const myl_tree_nodes *nodes = myl_store_nodes(v->s->cx);
    uint64_t type;

    if (v->filters->spaces == NULL)
        return MYL_OK;
    v->children = myl_map_start(v->s->cx, 64);
    MYL_TRY(myl_store_interned(v->s->cx, MYL_INTERN_TYPE, MYL_S("m.space.child"), &type));
    for (size_t i = 0; i < v->filters->space_count && type != 0; i++) {
        myl_room_head head;
        myl_member member;

        MYL_TRY(myl_room_head_get(v->s->cx, v->filters->spaces[i], &head));
        if (head.room == 0)
            continue;
        MYL_TRY(myl_room_member(v->s->cx, head.room, v->s->request->caller->user, &member));
        if (member.membership == MYL_MEMBER_JOIN)
            MYL_TRY(myl_tree_walk(v->s->cx, nodes, head.state, (uint32_t)type, add_child, v));
    }
    return MYL_OK;
}

static myl_rc read_facts(myl_syncing *s, sliding_room *room)
{
    myl_tree_root root;
    uint64_t number;

    if (room->has_facts)
        return MYL_OK;
    MYL_TRY(myl_sliding_root(s, room, &root));
    MYL_TRY(myl_room_state_number(s->cx, root, "m.room.encryption", MYL_S(""), &number));
    room->is_encrypted = number != 0;
    room->has_facts = true;
    return MYL_OK;
}

/* The types of a filter as numbers; no type is 0, one that was never seen here fits no room. */
static myl_rc read_types(sieve *v, const myl_json *types, const uint64_t **out)
{
    uint64_t *ids;

    *out = NULL;
    if (types == NULL)
        return MYL_OK;
    ids = myl_new_array(v->s->cx, uint64_t, types->count + 1);
    for (uint32_t i = 0; i < types->count; i++) {
        if (types->items[i].kind != MYL_JSON_STRING)
            continue;
        MYL_TRY(myl_store_interned(v->s->cx, MYL_INTERN_NAME, types->items[i].text, &ids[i]));
        if (ids[i] == 0)
            ids[i] = UINT64_MAX;
    }
    *out = ids;
    return MYL_OK;
}

static bool lists_type(const myl_json *types, const uint64_t *ids, uint64_t type)
{
    for (uint32_t i = 0; i < types->count; i++)
        if (ids[i] == type)
            return true;
    return false;
}

static myl_rc has_a_tag(myl_syncing *s, uint64_t room, const myl_str *tags, size_t count, bool *out)
{
    const myl_json *data = NULL;
    myl_str json;

    *out = false;
    MYL_TRY(myl_user_data_get(s->cx, s->request->caller->user, room, MYL_S("m.tag"), &json));
    if (!myl_str_present(json))
        return MYL_OK;
    MYL_TRY(myl_json_parse(s->cx, json, &data));
    data = myl_json_object(data, MYL_S("tags"));
    for (size_t i = 0; i < count && !*out; i++)
        *out = myl_json_get(data, tags[i]) != NULL;
    return MYL_OK;
}

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte + 32) : byte;
}

static bool holds_text(myl_str text, myl_str part)
{
    for (size_t at = 0; at + part.len <= text.len; at++) {
        size_t i = 0;

        while (i < part.len && lower(text.at[at + i]) == lower(part.at[i]))
            i++;
        if (i == part.len)
            return true;
    }
    return false;
}

static myl_rc name_fits(myl_syncing *s, const sliding_room *room, myl_str part, bool *out)
{
    const myl_json *content;
    myl_tree_root root;

    MYL_TRY(myl_sliding_root(s, room, &root));
    MYL_TRY(myl_room_state_content(s->cx, root, "m.room.name", MYL_S(""), &content));
    *out = holds_text(myl_json_text(content, MYL_S("name")), part);
    return MYL_OK;
}

static bool as_asked(int asked, bool is)
{
    return asked < 0 || asked == (int)is;
}

/* What is known of the room itself. */
static myl_rc passes_facts(sieve *v, sliding_room *room, bool *out)
{
    const myl_sliding_filters *f = v->filters;

    *out = as_asked(f->is_invited, room->membership == MYL_MEMBER_INVITE) &&
           (f->room_types == NULL || lists_type(f->room_types, v->types, room->type)) &&
           (f->not_room_types == NULL || !lists_type(f->not_room_types, v->not_types, room->type));
    if (!*out || f->is_encrypted < 0)
        return MYL_OK;
    MYL_TRY(read_facts(v->s, room));
    *out = as_asked(f->is_encrypted, room->is_encrypted);
    return MYL_OK;
}

/* What the account says of it. */
static myl_rc passes_account(sieve *v, const sliding_room *room, bool *out)
{
    const myl_sliding_filters *f = v->filters;
    bool tagged = false;
    myl_str room_id;

    *out = true;
    if (v->direct != NULL || v->children != NULL) {
        MYL_TRY(myl_store_text_of(v->s->cx, MYL_INTERN_ROOM, room->room, &room_id));
        *out = (v->direct == NULL || as_asked(f->is_dm, myl_map_has(v->direct, room_id))) &&
               (v->children == NULL || myl_map_has(v->children, room_id));
    }
    if (*out && f->tags != NULL)
        MYL_TRY(has_a_tag(v->s, room->room, f->tags, f->tag_count, out));
    if (*out && f->not_tags != NULL) {
        MYL_TRY(has_a_tag(v->s, room->room, f->not_tags, f->not_tag_count, &tagged));
        *out = !tagged;
    }
    if (*out && myl_str_present(f->name_like))
        MYL_TRY(name_fits(v->s, room, f->name_like, out));
    return MYL_OK;
}

/* ---- windows ---- */

static bool in_range(const myl_sliding_list *list, size_t place)
{
    for (size_t i = 0; i < list->range_count; i++)
        if ((int64_t)place >= list->ranges[i].from && (int64_t)place <= list->ranges[i].to)
            return true;
    return list->ranges == NULL;
}

myl_rc myl_sliding_look(myl_syncing *s, myl_sliding_connection *connection,
                        const myl_sliding_list *list, sliding_window *out)
{
    myl_list rooms = MYL_LIST(s->cx, uint32_t), places = MYL_LIST(s->cx, uint32_t);
    sieve v = {.s = s, .filters = &list->filters};

    *out = (sliding_window){.total = 0};
    MYL_TRY(read_direct(&v));
    MYL_TRY(read_spaces(&v));
    MYL_TRY(read_types(&v, list->filters.room_types, &v.types));
    MYL_TRY(read_types(&v, list->filters.not_room_types, &v.not_types));
    for (size_t i = 0; i < connection->room_count; i++) {
        bool passes;

        MYL_TRY(passes_facts(&v, &connection->rooms[i], &passes));
        if (passes)
            MYL_TRY(passes_account(&v, &connection->rooms[i], &passes));
        if (!passes)
            continue;
        if (in_range(list, out->total)) {
            myl_list_push(&rooms, uint32_t, (uint32_t)i);
            myl_list_push(&places, uint32_t, (uint32_t)out->total);
        }
        out->total++;
    }
    out->rooms = rooms.at;
    out->places = places.at;
    out->count = rooms.count;
    return MYL_OK;
}

static myl_rc write_op(myl_syncing *s, const myl_sliding_connection *connection,
                       const sliding_window *window, const myl_sliding_range *range)
{
    myl_str room_id;

    myl_write_open(s->w, '{');
    myl_write_str(s->w, "op", MYL_S("SYNC"));
    myl_write_open_key(s->w, "range", '[');
    myl_write_int(s->w, NULL, range->from);
    myl_write_int(s->w, NULL, range->to);
    myl_write_close(s->w, ']');
    myl_write_open_key(s->w, "room_ids", '[');
    for (size_t i = 0; i < window->count; i++) {
        if ((int64_t)window->places[i] < range->from || (int64_t)window->places[i] > range->to)
            continue;
        MYL_TRY(myl_store_text_of(s->cx, MYL_INTERN_ROOM, connection->rooms[window->rooms[i]].room,
                                  &room_id));
        myl_write_str(s->w, NULL, room_id);
    }
    myl_write_close(s->w, ']');
    myl_write_close(s->w, '}');
    return MYL_OK;
}

myl_rc myl_sliding_write_ops(myl_syncing *s, const myl_sliding_connection *connection,
                             const myl_sliding_list *list, const sliding_window *window)
{
    myl_sliding_range all = {0, (int64_t)window->total - 1};

    myl_write_open_key(s->w, "ops", '[');
    for (size_t i = 0; i < list->range_count; i++)
        MYL_TRY(write_op(s, connection, window, &list->ranges[i]));
    if (list->ranges == NULL && window->total > 0)
        MYL_TRY(write_op(s, connection, window, &all));
    myl_write_close(s->w, ']');
    return MYL_OK;
}
