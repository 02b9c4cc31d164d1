/* ephemeral.c: receipts and typing of a room, as events.
 *
 * Spec:    Client-Server API, Receipts; Typing Notifications.
 * Callers: room.c; sliding sync. Threads: a read worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sync_own.h"

bool myl_sync_receipt_is_shown(const myl_syncing *s, const myl_receipt *receipt)
{
    return receipt->user == s->request->caller->user ||
           !myl_str_equal(receipt->type, MYL_S("m.read.private"));
}

myl_rc myl_sync_shown_receipts(myl_syncing *s, uint64_t room, uint64_t after,
                               const myl_receipt **out, size_t *count)
{
    const myl_receipt *all;
    myl_receipt *shown;
    size_t n;

    *count = 0;
    MYL_TRY(myl_room_receipts(s->cx, room, after, &all, &n));
    shown = myl_new_array(s->cx, myl_receipt, n + 1);
    for (size_t i = 0; i < n; i++)
        if (myl_sync_receipt_is_shown(s, &all[i]))
            shown[(*count)++] = all[i];
    *out = shown;
    return MYL_OK;
}

/* ---- typing ---- */

myl_rc myl_sync_write_typing(myl_syncing *s, const char *key, uint64_t room)
{
    const uint64_t *users;
    myl_str name;
    size_t count;

    myl_room_typing_get(s->cx, room, &users, &count);
    if (key != NULL)
        myl_write_open_key(s->w, key, '{');
    else
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

/* ---- receipts ---- */

static int compare_receipts(const void *a, const void *b)
{
    const myl_receipt *x = a, *y = b;
    int order = myl_str_compare(x->event_id, y->event_id);

    if (order == 0)
        order = myl_str_compare(x->type, y->type);
    return order != 0 ? order : (x->user > y->user) - (x->user < y->user);
}

/* "@user": {"ts": …, "thread_id": …} */
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

/* One event shows a user once: the receipt without a thread, which reads more, goes before (MSC4102); else the newest. */
static const myl_receipt *shown_of(const myl_receipt *of_user, size_t count)
{
    const myl_receipt *shown = &of_user[0];

    for (size_t i = 1; i < count; i++)
        if (!myl_str_present(of_user[i].thread_id) || myl_str_present(shown->thread_id))
            shown = &of_user[i];
    return shown;
}

/* All receipts of one type on one event, by user. */
static myl_rc write_receipt_type(myl_syncing *s, const myl_receipt *group, size_t count)
{
    myl_write_open_str(s->w, group[0].type, '{');
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && group[end].user == group[i].user;)
            end++;
        MYL_TRY(write_receipt_user(s, shown_of(&group[i], end - i)));
    }
    myl_write_close(s->w, '}');
    return MYL_OK;
}

static bool is_of_group(const myl_receipt *a, const myl_receipt *b)
{
    return myl_str_equal(a->event_id, b->event_id) && myl_str_equal(a->type, b->type);
}

static myl_rc write_content(myl_syncing *s, const myl_receipt *rows, size_t count)
{
    size_t i = 0, end;

    while (i < count) {
        myl_str event_id = rows[i].event_id;

        myl_write_open_str(s->w, event_id, '{');
        for (; i < count && myl_str_equal(rows[i].event_id, event_id); i = end) {
            for (end = i + 1; end < count && is_of_group(&rows[i], &rows[end]);)
                end++;
            MYL_TRY(write_receipt_type(s, &rows[i], end - i));
        }
        myl_write_close(s->w, '}');
    }
    return MYL_OK;
}

myl_rc myl_sync_write_receipts(myl_syncing *s, const char *key, const myl_receipt *receipts,
                               size_t count)
{
    myl_list sorted = MYL_LIST(s->cx, myl_receipt);

    for (size_t n = 0; n < count; n++)
        myl_list_push(&sorted, myl_receipt, receipts[n]);
    myl_list_sort(&sorted, compare_receipts);
    if (key != NULL)
        myl_write_open_key(s->w, key, '{');
    else
        myl_write_open(s->w, '{');
    myl_write_open_key(s->w, "content", '{');
    MYL_TRY(write_content(s, sorted.at, sorted.count));
    myl_write_close(s->w, '}');
    myl_write_str(s->w, "type", MYL_S("m.receipt"));
    myl_write_close(s->w, '}');
    return MYL_OK;
}
