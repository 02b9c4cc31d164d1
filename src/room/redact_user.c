/* redact_user.c: everything that one user wrote is redacted, some events a step.
 *
 * Callers: the admin API. Threads: the engine.
 * Holds:   a redaction is an ordinary event of a user of ours who may send it: the user themselves where they are one of
 *          ours and in the room, else the administrator who asked. What nobody may redact is noted with the reason.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/matrix_id.h>
#include <myelin/room_redactions.h>
#include <myelin/room_send.h>
#include <myelin/room_timeline.h>

#include "room/room_own.h"

enum { STEP_LOOKS = 500, STEP_REDACTIONS = 20, SWEPT = 50, DAY_MS = 24 * 3600 * 1000 };

static const char kind[] = "room.redact_user";

typedef struct {
    uint64_t id, user, by, room; /* room 0: choose the next */
    int64_t limit, left;         /* events of a room; of this one */
    uint64_t next;               /* index in the list, or the last room of all rooms */
    bool all;                    /* every room of the user */
    myl_point at;
    myl_str reason; /* empty: none */
    myl_str rooms;  /* u64 each */
} job;

static myl_str state_of(myl_ctx *cx, const job *j)
{
    myl_text row = MYL_TEXT(cx);

    myl_row_u64(&row, j->id);
    myl_row_u64(&row, j->user);
    myl_row_u64(&row, j->by);
    myl_row_u64(&row, j->room);
    myl_row_u64(&row, (uint64_t)j->limit);
    myl_row_u64(&row, (uint64_t)j->left);
    myl_row_u64(&row, j->next);
    myl_row_u8(&row, j->all);
    myl_row_u64(&row, (uint64_t)j->at.depth);
    myl_row_u64(&row, j->at.number);
    myl_row_str(&row, j->reason);
    myl_row_str(&row, j->rooms);
    return myl_text_str(&row);
}

static bool cut_state(myl_str row, job *out)
{
    uint64_t limit, left, depth;
    uint8_t all;

    if (!myl_cut_u64(&row, &out->id) || !myl_cut_u64(&row, &out->user) ||
        !myl_cut_u64(&row, &out->by) || !myl_cut_u64(&row, &out->room) ||
        !myl_cut_u64(&row, &limit) || !myl_cut_u64(&row, &left) || !myl_cut_u64(&row, &out->next) ||
        !myl_cut_u8(&row, &all) || !myl_cut_u64(&row, &depth) ||
        !myl_cut_u64(&row, &out->at.number) || !myl_cut_str(&row, &out->reason) ||
        !myl_cut_str(&row, &out->rooms))
        return false;
    out->limit = (int64_t)limit;
    out->left = (int64_t)left;
    out->all = all != 0;
    out->at.depth = (int64_t)depth;
    return true;
}

/* ---- how far it is ---- */

static myl_rc info_put(myl_ctx *cx, const myl_redaction_info *info)
{
    myl_key key = myl_key_of_u64(info->id);
    myl_text row = MYL_TEXT(cx), failed = MYL_TEXT(cx);

    myl_json_write(&failed, info->failed);
    myl_row_u8(&row, info->complete);
    myl_row_u64(&row, info->redacted);
    myl_row_u64(&row, (uint64_t)info->ended_ms);
    myl_row_str(&row, myl_text_str(&failed));
    return myl_store_put(cx, MYL_TABLE_USER_REDACTIONS, myl_key_str(&key), myl_text_str(&row));
}

static myl_rc cut_info(myl_ctx *cx, myl_str row, myl_redaction_info *out)
{
    uint64_t ended;
    uint8_t complete;
    myl_str failed;

    if (!myl_cut_u8(&row, &complete) || !myl_cut_u64(&row, &out->redacted) ||
        !myl_cut_u64(&row, &ended) || !myl_cut_str(&row, &failed))
        return myl_fail(cx, MYL_CORRUPT, "USER_REDACTIONS: bad row");
    out->complete = complete != 0;
    out->ended_ms = (int64_t)ended;
    return myl_json_parse(cx, myl_keep(cx, failed), &out->failed);
}

myl_rc myl_room_redaction_info(myl_ctx *cx, uint64_t id, myl_redaction_info *out)
{
    myl_key key = myl_key_of_u64(id);
    myl_str row;

    *out = (myl_redaction_info){.id = 0};
    MYL_TRY(myl_store_get(cx, MYL_TABLE_USER_REDACTIONS, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        return MYL_OK;
    out->id = id;
    return cut_info(cx, row, out);
}

static myl_rc throw_old_away(myl_ctx *cx)
{
    int64_t since = myl_now_ms() - (int64_t)MYL_LIMIT_PURGES_KEPT_DAYS * DAY_MS;
    myl_list gone = MYL_LIST(cx, uint64_t);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(
        myl_scan_start(cx, MYL_TABLE_USER_REDACTIONS, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan));
    while (gone.count < SWEPT) {
        myl_redaction_info info = {.id = 0};

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        MYL_TRY(cut_info(cx, row, &info));
        if (!myl_cut_u64(&key, &info.id))
            return myl_fail(cx, MYL_CORRUPT, "USER_REDACTIONS: bad key");
        if (info.complete && info.ended_ms < since)
            myl_list_push(&gone, uint64_t, info.id);
    }
    myl_scan_end(scan);
    for (size_t i = 0; i < gone.count; i++) {
        myl_key old = myl_key_of_u64(myl_list_get(&gone, uint64_t, i));

        MYL_TRY(myl_store_delete(cx, MYL_TABLE_USER_REDACTIONS, myl_key_str(&old)));
    }
    return MYL_OK;
}

/* ---- begin ---- */

myl_rc myl_room_redact_user(myl_ctx *cx, const myl_user_redaction *wanted, uint64_t *id)
{
    myl_redaction_info info = {.id = myl_engine_next_position(cx),
                               .failed = myl_json_empty_object()};
    myl_text rooms = MYL_TEXT(cx);
    job j = {.id = info.id,
             .user = wanted->user,
             .by = wanted->by,
             .limit = wanted->limit,
             .all = wanted->rooms == NULL,
             .reason = myl_str_present(wanted->reason) ? wanted->reason : MYL_S("")};
    uint64_t task;

    MYL_ASSERT(wanted->room_count <= MYL_LIMIT_REDACTION_ROOMS);
    for (size_t i = 0; wanted->rooms != NULL && i < wanted->room_count; i++)
        myl_row_u64(&rooms, wanted->rooms[i]);
    j.rooms = wanted->room_count > 0 ? myl_text_str(&rooms) : MYL_S("");
    *id = info.id;
    MYL_TRY(throw_old_away(cx));
    MYL_TRY(info_put(cx, &info));
    return myl_task_add(cx, kind, state_of(cx, &j), &task);
}

/* ---- one event ---- */

/* Who can send the redaction; absent: nobody. */
static myl_rc find_sender(myl_ctx *cx, const job *j, myl_str *out)
{
    myl_str server = myl_room_server()->server_name;
    uint64_t candidates[2] = {j->user, j->by};

    for (size_t i = 0; i < 2; i++) {
        myl_member member;

        *out = MYL_ABSENT;
        if (candidates[i] == 0)
            continue;
        MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, candidates[i], out));
        MYL_TRY(myl_room_member(cx, j->room, candidates[i], &member));
        if (myl_id_is_ours(*out, server) && member.membership == MYL_MEMBER_JOIN)
            return MYL_OK;
    }
    *out = MYL_ABSENT;
    return MYL_OK;
}

static void note_failure(myl_ctx *cx, myl_redaction_info *info, const myl_stored *stored,
                         myl_str reason)
{
    if (info->failed->count < MYL_LIMIT_REDACTION_FAILURES)
        info->failed = myl_json_with(cx, info->failed, stored->event_id,
                                     myl_json_of_str(cx, myl_keep(cx, reason)));
}

static myl_rc redact(myl_ctx *cx, const job *j, myl_str room_id, const myl_stored *stored,
                     myl_redaction_info *info)
{
    myl_outgoing outgoing = {.room_id = room_id,
                             .type = MYL_S("m.room.redaction"),
                             .redacts = stored->event_id,
                             .content = myl_json_empty_object()};
    myl_str event_id;

    if (j->reason.len > 0)
        outgoing.content =
            myl_json_with(cx, outgoing.content, MYL_S("reason"), myl_json_of_str(cx, j->reason));
    MYL_TRY(find_sender(cx, j, &outgoing.sender));
    if (!myl_str_present(outgoing.sender)) {
        note_failure(cx, info, stored, MYL_S("nobody of this server in the room can redact it"));
        return MYL_OK;
    }
    myl_rc rc = myl_room_send(cx, &outgoing, &event_id);
    if (rc == MYL_OK) {
        info->redacted++;
    } else if (rc == MYL_REMOTE_DOWN || myl_error_of(rc)->kind == MYL_KIND_CLIENT) {
        note_failure(cx, info, stored, cx->error.detail);
        myl_forgive(cx);
        return MYL_OK;
    }
    return rc;
}

/* Messages, and joins, which hold a name and a picture. */
static myl_rc is_wanted(myl_ctx *cx, const job *j, const myl_stored *stored, bool *out)
{
    const myl_json *content;
    myl_str type;

    *out = false;
    if (stored->sender != j->user || (stored->flags & MYL_EVENT_REDACTED) != 0)
        return MYL_OK;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_TYPE, stored->type, &type));
    if ((stored->flags & MYL_EVENT_STATE) == 0) {
        *out = !myl_str_equal(type, MYL_S("m.room.redaction"));
        return MYL_OK;
    }
    if (!myl_str_equal(type, MYL_S("m.room.member")))
        return MYL_OK;
    MYL_TRY(myl_room_event_content(cx, stored, &content));
    *out = myl_str_equal(myl_json_text(content, MYL_S("membership")), MYL_S("join"));
    return MYL_OK;
}

/* ---- one room ---- */

/* The next events that are to go, newest first; j->at moves behind what was looked at. *left: there is more. */
static myl_rc collect(myl_ctx *cx, job *j, myl_list *out, bool *left)
{
    myl_stored stored;
    myl_walk *walk;
    bool wanted;

    MYL_TRY(myl_walk_reading(cx, j->room, j->at, MYL_BACKWARD, &walk));
    *left = true;
    for (int looks = 0; looks < STEP_LOOKS && out->count < STEP_REDACTIONS && j->left > 0;
         looks++) {
        MYL_TRY(myl_walk_next(walk, &stored));
        if (stored.number == 0) {
            *left = false;
            break;
        }
        j->at = myl_point_before(&stored);
        MYL_TRY(is_wanted(cx, j, &stored, &wanted));
        if (!wanted)
            continue;
        j->left--;
        myl_list_push(out, uint64_t, stored.number);
    }
    myl_walk_end(walk);
    *left = *left && j->left > 0;
    return MYL_OK;
}

static myl_rc next_of_all(myl_ctx *cx, job *j)
{
    const myl_member *rooms;
    size_t count;

    MYL_TRY(myl_room_of_user(cx, j->user, UINT32_MAX, &rooms, &count));
    for (size_t i = 0; i < count && j->room == 0; i++)
        if (rooms[i].room > j->next)
            j->room = j->next = rooms[i].room;
    return MYL_OK;
}

/* j->room 0: there is no more. */
static myl_rc next_room(myl_ctx *cx, job *j)
{
    myl_str row = myl_str_slice(j->rooms, (size_t)j->next * 8, SIZE_MAX);

    j->room = 0;
    j->left = j->limit;
    j->at = (myl_point){INT64_MAX, UINT64_MAX};
    if (j->all)
        return next_of_all(cx, j);
    if (myl_cut_u64(&row, &j->room))
        j->next++;
    return MYL_OK;
}

static myl_rc redact_some(myl_ctx *cx, job *j, myl_redaction_info *info)
{
    myl_list events = MYL_LIST(cx, uint64_t);
    myl_room_head head;
    bool left;

    MYL_TRY(myl_room_head_of(cx, j->room, &head));
    if (head.room == 0) {
        j->room = 0;
        return MYL_OK; /* deleted since */
    }
    MYL_TRY(collect(cx, j, &events, &left));
    for (size_t i = 0; i < events.count; i++) {
        myl_stored stored;

        MYL_TRY(myl_room_event(cx, myl_list_get(&events, uint64_t, i), &stored));
        MYL_TRY(redact(cx, j, head.room_id, &stored, info));
    }
    if (!left)
        j->room = 0;
    return MYL_OK;
}

static myl_rc step(myl_ctx *cx, myl_str state, myl_str *next_state, bool *finished)
{
    myl_redaction_info info;
    job j;

    if (!cut_state(state, &j))
        return myl_fail(cx, MYL_CORRUPT, "%s: bad state", kind);
    MYL_TRY(myl_room_redaction_info(cx, j.id, &info));
    if (info.id == 0)
        return myl_fail(cx, MYL_CORRUPT, "%s: no job has this number", kind);
    if (j.room == 0)
        MYL_TRY(next_room(cx, &j));
    *finished = info.complete = j.room == 0;
    if (!*finished)
        MYL_TRY(redact_some(cx, &j, &info));
    else
        info.ended_ms = myl_now_ms();
    *next_state = state_of(cx, &j);
    return info_put(cx, &info);
}

const myl_task_kind myl_room_redact_user_task = {kind, step};

/* ---- `myelin check` ---- */

static myl_rc check_row(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    myl_redaction_info info = {.id = 0};
    uint64_t newest;

    MYL_TRY(myl_store_position(cx, &newest));
    if (!myl_cut_u64(&key, &info.id) || info.id > newest)
        myl_check_wrong(check, "USER_REDACTIONS: a number past the newest position");
    return cut_info(cx, row, &info);
}

myl_rc myl_room_check_user_redactions(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_USER_REDACTIONS, check_row);
}
