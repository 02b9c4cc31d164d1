/* sliding_parts.c: what a client is told of a room's state: events, name, avatar, heroes, numbers of members.
 *
 * Why:     a connection keeps the root of the state that the client knows, so all of this is the difference of two roots,
 *          whatever moved the state.
 * Spec:    MSC4186, Changing room configs; Lazy loaded memberships; RoomResult.
 * Threads: a read worker that holds the connection.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sliding_own.h"

/* ---- which events ---- */

typedef struct {
    myl_sliding *t;
    sliding_part *part;
    bool is_lazy;
} comparing;

static void note_type(sliding_part *part, myl_str type, myl_str state_key)
{
    if (myl_str_equal(type, MYL_S("m.room.member")))
        part->members_changed = true;
    else if (state_key.len == 0 && myl_str_equal(type, MYL_S("m.room.name")))
        part->name_changed = true;
    else if (state_key.len == 0 && myl_str_equal(type, MYL_S("m.room.avatar")))
        part->avatar_changed = true;
}

static myl_rc compare_entry(void *arg, uint32_t type, uint64_t state_key, uint64_t before,
                            uint64_t after)
{
    comparing *c = arg;
    myl_ctx *cx = c->t->s->cx;
    myl_str name, key;
    bool wanted;

    MYL_UNUSED(before);
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_TYPE, type, &name));
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, state_key, &key));
    note_type(c->part, name, key);
    wanted = myl_sliding_requires(&c->part->sets, name, key) ||
             (c->is_lazy && !c->part->slice.limited && myl_str_equal(name, MYL_S("m.room.member")));
    if (wanted && after != 0)
        myl_list_push(&c->part->state, uint64_t, after);
    else if (wanted)
        myl_list_push(&c->part->removed, myl_state_selector, ((myl_state_selector){name, key}));
    return MYL_OK;
}

/* What the sets ask now and did not ask before. */
static myl_rc add_expansion(myl_sliding *t, sliding_part *part)
{
    myl_ctx *cx = t->s->cx;
    myl_list all = MYL_LIST(cx, uint64_t);
    myl_required_sets old;

    if (part->config == part->wanted->sent->config)
        return MYL_OK;
    if (!myl_sliding_sets_read(cx, t->connection->configs[part->wanted->sent->config], &old))
        return myl_fail(cx, MYL_INTERNAL, "a connection's required state cannot be read");
    MYL_TRY(myl_sliding_required(cx, &part->sets, part->root, &all));
    for (size_t i = 0; i < all.count; i++) {
        uint64_t number = myl_list_get(&all, uint64_t, i);
        myl_str type, key;
        myl_stored stored;

        MYL_TRY(myl_room_event(cx, number, &stored));
        MYL_TRY(myl_store_text_of(cx, MYL_INTERN_TYPE, stored.type, &type));
        MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, stored.state_key, &key));
        if (!myl_sliding_requires(&old, type, key) && !myl_sync_has_number(&part->state, number))
            myl_list_push(&part->state, uint64_t, number);
    }
    return MYL_OK;
}

/* ---- members that the timeline speaks of ---- */

static myl_rc add_member(myl_sliding *t, sliding_part *part, uint32_t type, uint64_t user)
{
    uint64_t number;

    MYL_TRY(myl_tree_get(t->s->cx, myl_store_nodes(t->s->cx), part->root, type, user, &number));
    if (number == 0 || myl_table_get(t->connection->members, number) != NULL ||
        myl_sync_has_number(&part->state, number))
        return MYL_OK;
    myl_list_push(&part->state, uint64_t, number);
    myl_list_push(&t->members, uint64_t, number);
    return MYL_OK;
}

static myl_rc add_lazy_members(myl_sliding *t, sliding_part *part)
{
    uint64_t type;

    MYL_TRY(myl_store_interned(t->s->cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &type));
    for (size_t i = 0; i < part->slice.count && type != 0; i++) {
        const myl_stored *event = &part->slice.events[i];

        MYL_TRY(add_member(t, part, (uint32_t)type, event->sender));
        if (event->type == type && event->state_key != 0)
            MYL_TRY(add_member(t, part, (uint32_t)type, event->state_key));
    }
    return MYL_OK;
}

myl_rc myl_sliding_collect_state(myl_sliding *t, sliding_part *part)
{
    const myl_tree_nodes *nodes = myl_store_nodes(t->s->cx);
    comparing c = {t, part, myl_sliding_is_lazy(&part->sets)};

    part->state = MYL_LIST(t->s->cx, uint64_t);
    part->removed = MYL_LIST(t->s->cx, myl_state_selector);
    if (part->wanted->is_first) {
        MYL_TRY(myl_sliding_required(t->s->cx, &part->sets, part->root, &part->state));
        part->name_changed = part->avatar_changed = part->members_changed = true;
    } else {
        MYL_TRY(myl_tree_diff(t->s->cx, nodes, part->known, part->root, compare_entry, &c));
        MYL_TRY(add_expansion(t, part));
    }
    return c.is_lazy ? add_lazy_members(t, part) : MYL_OK;
}

/* ---- writing ---- */

myl_rc myl_sliding_write_state(myl_sliding *t, const sliding_part *part)
{
    myl_writer *w = t->s->w;

    if (part->state.count == 0 && (part->removed.count == 0 || !t->request->merged))
        return MYL_OK;
    myl_write_open_key(w, "required_state", '[');
    for (size_t i = 0; i < part->state.count; i++)
        MYL_TRY(myl_sync_write_event(t->s, myl_list_get(&part->state, uint64_t, i)));
    for (size_t i = 0; i < part->removed.count && t->request->merged; i++) {
        const myl_state_selector *gone = myl_list_at(&part->removed, i);

        myl_write_open(w, '{');
        myl_write_str(w, "type", gone->type);
        myl_write_str(w, "state_key", gone->state_key);
        myl_write_close(w, '}');
    }
    myl_write_close(w, ']');
    return MYL_OK;
}

/* A text of a state event's content; absent when there is none, or an empty one. */
static myl_rc state_text(myl_sliding *t, const sliding_part *part, const char *type,
                         const char *field, myl_str *out)
{
    const myl_json *content;

    MYL_TRY(myl_room_state_content(t->s->cx, part->root, type, MYL_S(""), &content));
    *out = myl_json_text(content, myl_str_of(field));
    if (out->len == 0)
        *out = MYL_ABSENT;
    return MYL_OK;
}

/* A removed one is null in the merged form and left out in the form in use. */
static void write_text(myl_sliding *t, const sliding_part *part, const char *key, myl_str value)
{
    if (myl_str_present(value))
        myl_write_str(t->s->w, key, value);
    else if (t->request->merged && !part->wanted->is_first)
        myl_write_null(t->s->w, key);
}

/* Who has left learns nothing of those who came after: these have no member event in the state that they may see. */
static myl_rc write_hero(myl_sliding *t, const sliding_part *part, uint64_t hero)
{
    const myl_json *content;
    myl_str user_id;

    MYL_TRY(myl_store_text_of(t->s->cx, MYL_INTERN_NAME, hero, &user_id));
    MYL_TRY(myl_room_state_content(t->s->cx, part->root, "m.room.member", user_id, &content));
    if (content == NULL)
        return MYL_OK;
    myl_write_open(t->s->w, '{');
    myl_write_str(t->s->w, "user_id", user_id);
    myl_write_str(t->s->w, "displayname", myl_json_text(content, MYL_S("displayname")));
    myl_write_str(t->s->w, "avatar_url", myl_json_text(content, MYL_S("avatar_url")));
    myl_write_close(t->s->w, '}');
    return MYL_OK;
}

static myl_rc write_heroes(myl_sliding *t, const sliding_part *part)
{
    const uint64_t *heroes;
    size_t count;

    MYL_TRY(myl_sync_heroes(t->s, part->wanted->room->room, &heroes, &count));
    if (count == 0)
        return MYL_OK;
    myl_write_open_key(t->s->w, "heroes", '[');
    for (size_t i = 0; i < count; i++)
        MYL_TRY(write_hero(t, part, heroes[i]));
    myl_write_close(t->s->w, ']');
    return MYL_OK;
}

static myl_rc write_numbers(myl_sliding *t, const sliding_part *part)
{
    myl_room_head head;

    MYL_TRY(myl_room_head_of(t->s->cx, part->wanted->room->room, &head));
    myl_write_int(t->s->w, "joined_count", head.joined);
    myl_write_int(t->s->w, "invited_count", head.invited);
    return MYL_OK;
}

myl_rc myl_sliding_write_names(myl_sliding *t, const sliding_part *part)
{
    myl_str name, avatar;

    MYL_TRY(state_text(t, part, "m.room.name", "name", &name));
    if (part->name_changed)
        write_text(t, part, "name", name);
    if (part->avatar_changed) {
        MYL_TRY(state_text(t, part, "m.room.avatar", "url", &avatar));
        write_text(t, part, "avatar", avatar);
    }
    if (!myl_str_present(name) && (part->name_changed || part->members_changed))
        MYL_TRY(write_heroes(t, part));
    if (!part->members_changed || part->wanted->room->membership != MYL_MEMBER_JOIN)
        return MYL_OK;
    return write_numbers(t, part);
}
