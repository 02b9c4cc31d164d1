/* state.c: which state events a room's part of /sync shows.
 *
 * Why:     state is a tree, so "what changed in the state" is the difference of two roots.
 * Spec:    Client-Server API, Syncing; Lazy-loading room members; MSC4222 (state_after).
 * Threads: a read worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sync_own.h"

typedef struct {
    myl_syncing *s;
    sync_part *part;
    uint64_t member_type;
    bool is_lazy;
} collecting;

static bool is_in_timeline(const sync_part *part, uint64_t number)
{
    for (size_t i = 0; i < part->slice.count; i++)
        if (part->slice.events[i].number == number)
            return true;
    return false;
}

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

/* Members that changed are told also to whom loads them lazily: who has loaded all of them would miss the change. */
static myl_rc collect_change(void *arg, uint32_t type, uint64_t state_key, uint64_t before,
                             uint64_t after)
{
    collecting *c = arg;

    MYL_UNUSED(state_key);
    MYL_UNUSED(before);
    if (type == c->member_type)
        c->part->members_changed = true;
    if (after == 0)
        return MYL_OK;
    if (type == c->member_type)
        myl_sync_member_is_sent(c->s, after);
    return collect(c, after);
}

/* State that moved although no event of the timeline says so: histories met, and another event won. */
static myl_rc collect_moved(void *arg, uint32_t type, uint64_t state_key, uint64_t before,
                            uint64_t after)
{
    collecting *c = arg;

    if (is_in_timeline(c->part, after))
        return MYL_OK;
    return collect_change(arg, type, state_key, before, after);
}

/* ---- lazily loaded members ---- */

bool myl_sync_has_number(const myl_list *numbers, uint64_t number)
{
    for (size_t i = 0; i < numbers->count; i++)
        if (myl_list_get(numbers, uint64_t, i) == number)
            return true;
    return false;
}

/* The member event of somebody. Rows of members go with the current state, and cost less than a way through the tree. */
static myl_rc member_of(collecting *c, myl_tree_root root, uint64_t user, uint64_t *number)
{
    myl_ctx *cx = c->s->cx;
    myl_member member = {.membership = MYL_MEMBER_NONE};

    if (root == c->part->head.state)
        MYL_TRY(myl_room_member(cx, c->part->head.room, user, &member));
    *number = member.event;
    if (member.membership == MYL_MEMBER_JOIN)
        return MYL_OK;
    return myl_tree_get(cx, myl_store_nodes(cx), root, (uint32_t)c->member_type, user, number);
}

static myl_rc add_member(collecting *c, myl_tree_root root, uint64_t user)
{
    const myl_event_filter *filter = &c->s->request->filter->state;
    uint64_t number;

    MYL_TRY(member_of(c, root, user, &number));
    if (number == 0 || myl_sync_has_number(&c->part->state, number) ||
        (!c->s->request->state_after && is_in_timeline(c->part, number)))
        return MYL_OK;
    if (!filter->include_redundant_members && myl_sync_member_was_sent(c->s, number))
        return MYL_OK;
    myl_sync_member_is_sent(c->s, number);
    return collect(c, number);
}

static myl_rc add_members(collecting *c, myl_tree_root root)
{
    if (root == 0 || c->member_type == 0)
        return MYL_OK;
    if (c->part->since == 0 || c->s->request->full_state)
        MYL_TRY(add_member(c, root, c->s->request->caller->user));
    for (size_t i = 0; i < c->part->slice.count; i++)
        MYL_TRY(add_member(c, root, c->part->slice.events[i].sender));
    return MYL_OK;
}

/* ---- the whole ---- */

/* The state that the timeline begins with, and since when it has been so; UINT64_MAX: unknown. */
static myl_rc state_before(myl_syncing *s, const sync_part *part, myl_tree_root *out,
                           uint64_t *from)
{
    const myl_stored *first = part->slice.events;
    uint64_t upto = part->slice.count == 0 ? part->upto : first->position - 1;

    if (part->slice.count == 0 || first->position != 0)
        return myl_room_state_since(s->cx, part->head.room, upto, out, from);
    *out = first->before;
    *from = UINT64_MAX;
    return MYL_OK;
}

/* At the end of the part. */
static myl_rc state_now(myl_syncing *s, const sync_part *part, myl_tree_root *out)
{
    if (part->member->membership != MYL_MEMBER_JOIN || part->upto < part->head.newest)
        return myl_room_state_at(s->cx, part->head.room, part->upto, out);
    *out = part->head.state;
    return MYL_OK;
}

static myl_rc collect_all(collecting *c, myl_tree_root root)
{
    const myl_tree_nodes *nodes = myl_store_nodes(c->s->cx);

    c->part->members_changed = true;
    if (root == 0)
        return MYL_OK;
    if (c->is_lazy)
        return myl_tree_walk_without(c->s->cx, nodes, root, (uint32_t)c->member_type, collect_entry,
                                     c);
    c->part->whole = root;
    return MYL_OK;
}

static myl_rc collect_since(collecting *c, myl_tree_root root)
{
    myl_tree_root before;

    MYL_TRY(myl_room_state_at(c->s->cx, c->part->head.room, c->part->since, &before));
    if (before == root || root == 0)
        return MYL_OK;
    return myl_tree_diff(c->s->cx, myl_store_nodes(c->s->cx), before, root, collect_change, c);
}

static void note_members(collecting *c)
{
    for (size_t i = 0; i < c->part->slice.count; i++)
        c->part->members_changed |= c->part->slice.events[i].type == c->member_type;
}

myl_rc myl_sync_collect_state(myl_syncing *s, sync_part *part)
{
    collecting c = {.s = s, .part = part, .is_lazy = s->request->filter->state.lazy_load_members};
    bool after = s->request->state_after;
    myl_tree_root end, now;
    uint64_t from = UINT64_MAX;

    part->state = MYL_LIST(s->cx, uint64_t);
    MYL_TRY(myl_store_interned(s->cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &c.member_type));
    MYL_TRY(state_now(s, part, &now));
    if (after)
        end = now;
    else
        MYL_TRY(state_before(s, part, &end, &from));
    if (part->since == 0 || s->request->full_state)
        MYL_TRY(collect_all(&c, end));
    else if (from > part->since)
        MYL_TRY(collect_since(&c, end));
    if (now != end && part->slice.count > 0)
        MYL_TRY(myl_tree_diff(s->cx, myl_store_nodes(s->cx), end, now, collect_moved, &c));
    note_members(&c);
    return c.is_lazy ? add_members(&c, end) : MYL_OK;
}

static myl_rc write_named_fields(myl_syncing *s, const myl_stored *stored,
                                 const myl_event_form *form)
{
    myl_writer whole = myl_write_start(s->cx, 1024);

    MYL_TRY(myl_room_write_event(s->cx, &whole, NULL, stored, form));
    return myl_sync_write_fields(s->cx, s->w, s->request->filter, myl_write_done(&whole));
}

myl_rc myl_sync_write_stored(myl_syncing *s, const myl_stored *stored)
{
    myl_event_form form = {.reader = s->request->caller,
                           .omit_room_id = true,
                           .federation_format = s->request->filter->federation_format,
                           .now_ms = s->now_ms,
                           .ignored = &s->ignored};

    MYL_TRY(myl_room_membership_then(s->cx, &s->sight, stored, &form.membership));
    if (s->request->filter->field_count > 0)
        return write_named_fields(s, stored, &form);
    return myl_room_write_event(s->cx, s->w, NULL, stored, &form);
}

myl_rc myl_sync_write_event(myl_syncing *s, uint64_t number)
{
    myl_stored stored;

    MYL_TRY(myl_room_event(s->cx, number, &stored));
    return myl_sync_write_stored(s, &stored);
}

/* ---- written ---- */

void myl_sync_open_state(myl_syncing *s, const sync_part *part)
{
    myl_write_open_key(s->w, s->request->state_after ? s->request->state_after_key : "state", '{');
    myl_write_open_key(s->w, "events", '[');
    s->rest = (sync_rest){.is_open = true,
                          .numbers = part->state.at,
                          .count = part->state.count,
                          .room_id = myl_keep(s->cx, part->head.room_id)};
    if (part->whole != 0)
        s->rest.steps = myl_tree_steps_start(s->cx, part->whole, 0);
}

/* The next event of a whole state, or the end of it. */
static myl_rc write_step(myl_syncing *s)
{
    myl_tree_entry entry;
    myl_stored stored;
    bool allowed;

    MYL_TRY(myl_tree_step(s->cx, myl_store_nodes(s->cx), s->rest.steps, &entry));
    if (entry.event == 0) {
        s->rest.steps = NULL;
        return MYL_OK;
    }
    MYL_TRY(myl_room_event(s->cx, entry.event, &stored));
    MYL_TRY(myl_event_filter_admits(s->cx, &s->request->filter->state, s->rest.room_id, &stored,
                                    &allowed));
    return allowed ? myl_sync_write_stored(s, &stored) : MYL_OK;
}

myl_rc myl_sync_write_state(myl_syncing *s, size_t bytes)
{
    sync_rest *rest = &s->rest;

    while (s->w->text.len < bytes && (rest->steps != NULL || rest->at < rest->count)) {
        myl_mark mark = myl_ctx_mark(s->cx);

        if (rest->steps != NULL)
            MYL_TRY(write_step(s));
        else
            MYL_TRY(myl_sync_write_event(s, rest->numbers[rest->at++]));
        myl_ctx_release(s->cx, mark);
    }
    if (rest->steps != NULL || rest->at < rest->count)
        return MYL_OK;
    rest->is_open = false;
    myl_write_close(s->w, ']');
    myl_write_close(s->w, '}');
    myl_write_close(s->w, '}');
    return MYL_OK;
}
