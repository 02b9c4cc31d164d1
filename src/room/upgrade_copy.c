/* upgrade_copy.c: what a replaced room may have thousands of: children of a space, bans.
 *
 * Callers: upgrade.c for the first ones, then a stored task.
 * Threads: the engine.
 * Holds:   children come before bans, each once; what the one who upgraded may not send any more ends the task.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_upgrade.h>

#include "room/upgrade_own.h"

enum { STEP_EVENTS = 50 };

static const char kind[] = "room.upgrade";

static myl_rc send_copy(myl_ctx *cx, myl_room_head *head, const myl_room_copy *copy,
                        myl_outgoing *outgoing)
{
    myl_stored stored;

    outgoing->room_id = head->room_id;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, copy->user, &outgoing->sender));
    return myl_room_build(cx, head, outgoing, &stored);
}

/* ---- children ---- */

static myl_rc collect(void *arg, const myl_tree_entry *entry)
{
    myl_list_push((myl_list *)arg, uint64_t, entry->event);
    return MYL_OK;
}

static myl_rc child_events(myl_ctx *cx, const myl_room_copy *copy, myl_list *out)
{
    uint64_t type;

    *out = MYL_LIST(cx, uint64_t);
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, MYL_S("m.space.child"), &type));
    if (type != 0 && copy->root != 0)
        MYL_TRY(myl_tree_walk(cx, myl_store_nodes(cx), copy->root, (uint32_t)type, collect, out));
    myl_list_sort(out, myl_room_compare_numbers);
    return MYL_OK;
}

static myl_rc copy_child(myl_ctx *cx, myl_room_head *head, const myl_room_copy *copy,
                         uint64_t number)
{
    myl_outgoing outgoing = {.type = MYL_S("m.space.child")};
    myl_stored stored;

    MYL_TRY(myl_room_event(cx, number, &stored));
    MYL_TRY(myl_room_event_content(cx, &stored, &outgoing.content));
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, stored.state_key, &outgoing.state_key));
    if (myl_json_array(outgoing.content, MYL_S("via")) == NULL)
        return MYL_OK; /* taken out of the space */
    return send_copy(cx, head, copy, &outgoing);
}

static myl_rc copy_children(myl_ctx *cx, myl_room_head *head, myl_room_copy *copy, size_t *budget)
{
    myl_list events;

    MYL_TRY(child_events(cx, copy, &events));
    for (; copy->children<events.count && * budget> 0; (*budget)--) {
        MYL_TRY(copy_child(cx, head, copy, myl_list_get(&events, uint64_t, copy->children)));
        copy->children++;
    }
    copy->banning = copy->children >= events.count;
    return MYL_OK;
}

/* ---- bans ---- */

static myl_rc next_banned(myl_ctx *cx, const myl_room_copy *copy, size_t most, myl_list *out)
{
    myl_key prefix = myl_key_of_u64(copy->from),
            from = myl_key_of_u64s(copy->from, copy->last_banned + 1);
    myl_scan *scan;
    myl_str key, row;

    *out = MYL_LIST(cx, uint64_t);
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_ROOM_MEMBERS, myl_key_str(&prefix), myl_key_str(&from),
                           MYL_FORWARD, &scan));
    while (out->count < most) {
        uint64_t user;
        uint8_t membership;

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        key = myl_str_slice(key, 8, SIZE_MAX);
        if (!myl_cut_u64(&key, &user) || !myl_cut_u8(&row, &membership))
            return myl_fail(cx, MYL_CORRUPT, "ROOM_MEMBERS: bad row");
        if (membership == MYL_MEMBER_BAN)
            myl_list_push(out, uint64_t, user);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

/* Somebody with as much power in the new room cannot be banned there. */
static myl_rc may_ban(myl_ctx *cx, const myl_room_head *head, const myl_room_copy *copy,
                      myl_str target, bool *out)
{
    myl_power power;
    myl_str sender;

    MYL_TRY(myl_room_power(cx, head, &power));
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, copy->user, &sender));
    *out = myl_power_user(&power, sender) > myl_power_user(&power, target);
    return MYL_OK;
}

static myl_rc copy_ban(myl_ctx *cx, myl_room_head *head, const myl_room_copy *copy, uint64_t user)
{
    myl_outgoing outgoing = {.type = MYL_S("m.room.member")};
    const myl_json *content;
    myl_member member;
    myl_stored stored;
    bool may;

    MYL_TRY(myl_room_member(cx, copy->from, user, &member));
    MYL_TRY(myl_room_event(cx, member.event, &stored));
    MYL_TRY(myl_room_event_content(cx, &stored, &content));
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, user, &outgoing.state_key));
    MYL_TRY(may_ban(cx, head, copy, outgoing.state_key, &may));
    if (!may)
        return MYL_OK;
    outgoing.content =
        myl_json_with(cx, NULL, MYL_S("membership"), myl_json_of_str(cx, MYL_S("ban")));
    if (myl_str_present(myl_json_text(content, MYL_S("reason"))))
        outgoing.content =
            myl_json_with(cx, outgoing.content, MYL_S("reason"), MYL_JSON_AT(content, "reason"));
    return send_copy(cx, head, copy, &outgoing);
}

myl_rc myl_room_copy_some(myl_ctx *cx, myl_room_head *head, myl_room_copy *copy, size_t budget,
                          bool *finished)
{
    myl_list banned;

    *finished = false;
    if (!copy->banning)
        MYL_TRY(copy_children(cx, head, copy, &budget));
    if (!copy->banning)
        return MYL_OK;
    MYL_TRY(next_banned(cx, copy, budget, &banned));
    for (size_t i = 0; i < banned.count; i++) {
        copy->last_banned = myl_list_get(&banned, uint64_t, i);
        MYL_TRY(copy_ban(cx, head, copy, copy->last_banned));
    }
    *finished = banned.count < budget;
    return MYL_OK;
}

/* ---- the task ---- */

static myl_str write_state(myl_ctx *cx, const myl_room_copy *copy)
{
    myl_text row = myl_text_start(cx, 49);

    myl_row_u64(&row, copy->from);
    myl_row_u64(&row, copy->to);
    myl_row_u64(&row, copy->user);
    myl_row_u64(&row, copy->root);
    myl_row_u64(&row, copy->children);
    myl_row_u64(&row, copy->last_banned);
    myl_row_u8(&row, copy->banning);
    return myl_text_str(&row);
}

static bool read_state(myl_str row, myl_room_copy *out)
{
    uint8_t banning;

    if (!myl_cut_u64(&row, &out->from) || !myl_cut_u64(&row, &out->to) ||
        !myl_cut_u64(&row, &out->user) || !myl_cut_u64(&row, &out->root) ||
        !myl_cut_u64(&row, &out->children) || !myl_cut_u64(&row, &out->last_banned) ||
        !myl_cut_u8(&row, &banning))
        return false;
    out->banning = banning != 0;
    return true;
}

myl_rc myl_room_copy_later(myl_ctx *cx, const myl_room_copy *copy)
{
    uint64_t task;

    return myl_task_add(cx, kind, write_state(cx, copy), &task);
}

/* May the one who upgraded still do it? */
static myl_rc may_go_on(myl_ctx *cx, const myl_room_head *head, uint64_t user, bool *out)
{
    myl_power power;
    myl_member member;
    int64_t level;
    myl_str name;

    *out = false;
    if (head->room == 0)
        return MYL_OK;
    MYL_TRY(myl_room_member(cx, head->room, user, &member));
    MYL_TRY(myl_room_power(cx, head, &power));
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, user, &name));
    level = myl_power_user(&power, name);
    *out = member.membership == MYL_MEMBER_JOIN && level >= myl_power_action(&power, "ban") &&
           level >= myl_power_event(&power, MYL_S("m.space.child"), true);
    return MYL_OK;
}

static myl_rc step(myl_ctx *cx, myl_str state, myl_str *next_state, bool *finished)
{
    myl_room_copy copy;
    myl_room_head head, old;
    bool may;

    if (!read_state(state, &copy))
        return myl_fail(cx, MYL_CORRUPT, "%s: bad state", kind);
    *finished = true;
    MYL_TRY(myl_room_head_of(cx, copy.to, &head));
    MYL_TRY(myl_room_head_of(cx, copy.from, &old));
    MYL_TRY(may_go_on(cx, &head, copy.user, &may));
    if (!may || old.room == 0)
        return MYL_OK;
    MYL_TRY(myl_room_copy_some(cx, &head, &copy, STEP_EVENTS, finished));
    *next_state = write_state(cx, &copy);
    return myl_room_head_put(cx, &head);
}

const myl_task_kind myl_room_upgrade_task = {kind, step};
