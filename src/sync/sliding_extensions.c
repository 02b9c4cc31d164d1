/* sliding_extensions.c: to-device messages, encryption, account data, receipts and typing beside the rooms.
 *
 * Spec:    MSC4186, Extensions; MSC3885, MSC3884, MSC3959, MSC3960, MSC3961.
 * Threads: a read worker that holds the connection.
 * Holds:   to-device messages follow the extension's own `since`, so two connections of a device do not hinder each other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sliding_own.h"

/* ---- scopes ---- */

static bool names(const myl_str *list, size_t count, myl_str name)
{
    for (size_t i = 0; i < count; i++)
        if (myl_str_equal(list[i], name))
            return true;
    return false;
}

static bool in_scope(const myl_sliding *t, const myl_sliding_scope *scope,
                     const sliding_wanted *wanted)
{
    myl_str room_id;

    if (wanted->is_subscribed &&
        (scope->all_rooms ||
         (myl_store_text_of(t->s->cx, MYL_INTERN_ROOM, wanted->room->room, &room_id) == MYL_OK &&
          names(scope->rooms, scope->room_count, room_id))))
        return true;
    for (size_t i = 0; i < wanted->lists.count; i++)
        if (scope->all_lists ||
            names(scope->lists, scope->list_count, myl_list_get(&wanted->lists, myl_str, i)))
            return true;
    return false;
}

/* A room whose beginning stands in this answer: everything about it is new. */
static bool is_new_here(const sliding_wanted *wanted)
{
    return wanted->is_written && wanted->is_first;
}

/* A room of which the client knows, so that what changed in it may be told. */
static bool is_known(const sliding_wanted *wanted)
{
    return wanted->sent != NULL || wanted->is_written;
}

/* An extension's member is opened when there is something for it, its "rooms" with the first room. */
typedef struct {
    myl_sliding *t;
    const char *name;
    bool is_open, has_rooms;
} section;

static void open_section(section *at)
{
    if (!at->is_open)
        myl_write_open_key(at->t->s->w, at->name, '{');
    at->is_open = true;
}

static myl_rc open_room(section *at, const sliding_wanted *wanted, char **key)
{
    myl_str room_id;

    MYL_TRY(myl_store_text_of(at->t->s->cx, MYL_INTERN_ROOM, wanted->room->room, &room_id));
    *key = myl_cstr(at->t->s->cx, room_id);
    open_section(at);
    if (!at->has_rooms)
        myl_write_open_key(at->t->s->w, "rooms", '{');
    at->has_rooms = true;
    return MYL_OK;
}

static void close_section(const section *at)
{
    if (at->has_rooms)
        myl_write_close(at->t->s->w, '}');
    if (at->is_open)
        myl_write_close(at->t->s->w, '}');
}

/* ---- to-device and encryption ---- */

static void write_message(myl_writer *w, const myl_to_device *message)
{
    myl_write_open(w, '{');
    myl_write_raw(w, "content", message->json);
    myl_write_str(w, "sender", message->sender);
    myl_write_str(w, "type", message->type);
    myl_write_close(w, '}');
}

static myl_rc write_to_device(myl_sliding *t, bool *something)
{
    const myl_sliding_extensions *asked = &t->request->extensions;
    myl_to_device_range range = {.user = t->request->caller->user,
                                 .device = t->request->caller->device,
                                 .upto = t->s->upto,
                                 .limit = (size_t)asked->to_device_limit};
    const myl_to_device *messages;
    uint64_t epoch;
    size_t count;
    bool more;

    if (!asked->to_device)
        return MYL_OK;
    if (asked->to_device_since.len > 0)
        MYL_TRY(myl_to_device_token_read(t->s->cx, asked->to_device_since,
                                         "extensions.to_device.since", &range.after));
    MYL_TRY(myl_store_epoch(t->s->cx, &epoch));
    MYL_TRY(myl_user_to_device_get(t->s->cx, &range, &messages, &count, &more));
    *something |= count > 0;
    myl_write_open_key(t->s->w, "to_device", '{');
    myl_write_open_key(t->s->w, "events", '[');
    for (size_t i = 0; i < count; i++)
        write_message(t->s->w, &messages[i]);
    myl_write_close(t->s->w, ']');
    myl_write_str(t->s->w, "next_batch",
                  myl_to_device_token_write(t->s->cx, epoch,
                                            more ? messages[count - 1].position : t->s->upto));
    myl_write_close(t->s->w, '}');
    return MYL_OK;
}

static myl_rc write_e2ee(myl_sliding *t, bool *something)
{
    myl_syncing *s = t->s;

    if (!t->request->extensions.e2ee)
        return MYL_OK;
    MYL_TRY(myl_user_key_counts(s->cx, t->request->caller, &s->keys));
    if (s->since != 0 && s->since != s->upto)
        MYL_TRY(myl_sync_device_lists(s->cx, t->request->caller->user, s->since, &s->devices));
    *something |=
        s->devices.changed_count > 0 || s->devices.left_count > 0 || s->keys.position > s->since;
    myl_write_open_key(s->w, "e2ee", '{');
    MYL_TRY(myl_sync_write_keys(s));
    myl_write_close(s->w, '}');
    return MYL_OK;
}

/* ---- account data ---- */

static void write_data(myl_writer *w, const myl_account_data *data)
{
    myl_write_open(w, '{');
    myl_write_raw(w, "content", data->json);
    myl_write_str(w, "type", data->type);
    myl_write_close(w, '}');
}

static myl_rc write_global(myl_sliding *t)
{
    myl_syncing *s = t->s;

    myl_write_open_key(s->w, "global", '[');
    for (size_t i = 0; i < s->data_count; i++)
        if (s->data[i].room == 0)
            write_data(s->w, &s->data[i]);
    MYL_TRY(myl_sync_write_push_rules(s));
    myl_write_close(s->w, ']');
    return MYL_OK;
}

static bool has_global(const myl_sliding *t)
{
    if (t->s->since == 0 || t->s->rules_position > t->s->since)
        return true;
    for (size_t i = 0; i < t->s->data_count; i++)
        if (t->s->data[i].room == 0)
            return true;
    return false;
}

static bool has_data_of(const myl_account_data *data, size_t count, uint64_t room)
{
    for (size_t i = 0; i < count; i++)
        if (data[i].room == room)
            return true;
    return false;
}

static myl_rc write_data_of_rooms(myl_sliding *t, section *at)
{
    const myl_account_data *all = t->s->data, *data;
    size_t all_count = t->s->data_count, count;
    bool read_all = t->s->since == 0;
    char *key;

    for (size_t i = 0; i < t->wanted.count; i++) {
        const sliding_wanted *wanted = myl_list_at(&t->wanted, i);
        bool whole = is_new_here(wanted);

        if (!is_known(wanted) || !in_scope(t, &t->request->extensions.account_data, wanted))
            continue;
        if (whole && !read_all)
            MYL_TRY(myl_user_data_since(t->s->cx, t->request->caller->user, 0, &all, &all_count));
        read_all |= whole;
        data = whole ? all : t->s->data;
        count = whole ? all_count : t->s->data_count;
        if (!has_data_of(data, count, wanted->room->room))
            continue;
        MYL_TRY(open_room(at, wanted, &key));
        myl_write_open_key(t->s->w, key, '[');
        for (size_t j = 0; j < count; j++)
            if (data[j].room == wanted->room->room)
                write_data(t->s->w, &data[j]);
        myl_write_close(t->s->w, ']');
    }
    return MYL_OK;
}

static myl_rc write_account_data(myl_sliding *t, bool *something)
{
    section at = {.t = t, .name = "account_data"};
    myl_syncing *s = t->s;
    uint64_t user = t->request->caller->user;

    if (!t->request->extensions.account_data.enabled)
        return MYL_OK;
    MYL_TRY(myl_push_rules_position(s->cx, user, &s->rules_position));
    MYL_TRY(myl_user_data_since(s->cx, user, s->since, &s->data, &s->data_count));
    if (has_global(t)) {
        open_section(&at);
        MYL_TRY(write_global(t));
    }
    MYL_TRY(write_data_of_rooms(t, &at));
    close_section(&at);
    *something |= at.is_open;
    return MYL_OK;
}

/* ---- receipts ---- */

/* Of a room that is new here: the receipts of its timeline, and the reader's own. */
static myl_rc choose_receipts(myl_sliding *t, const sliding_wanted *wanted, const myl_receipt **out,
                              size_t *count)
{
    bool whole = is_new_here(wanted);
    myl_receipt *chosen;
    size_t all_count;
    const myl_receipt *all;

    MYL_TRY(myl_sync_shown_receipts(t->s, wanted->room->room, whole ? 0 : t->s->since, &all,
                                    &all_count));
    chosen = myl_new_array(t->s->cx, myl_receipt, all_count + 1);
    *count = 0;
    for (size_t i = 0; i < all_count; i++)
        if (!whole || all[i].user == t->request->caller->user ||
            myl_map_has(wanted->timeline_ids, all[i].event_id))
            chosen[(*count)++] = all[i];
    *out = chosen;
    return MYL_OK;
}

static myl_rc write_receipts(myl_sliding *t, bool *something)
{
    section at = {.t = t, .name = "receipts"};
    const myl_receipt *receipts;
    size_t count;
    char *key;

    if (!t->request->extensions.receipts.enabled)
        return MYL_OK;
    for (size_t i = 0; i < t->wanted.count; i++) {
        const sliding_wanted *wanted = myl_list_at(&t->wanted, i);

        if (!is_known(wanted) || wanted->room->membership != MYL_MEMBER_JOIN ||
            !in_scope(t, &t->request->extensions.receipts, wanted) ||
            (!is_new_here(wanted) && !myl_sync_room_changed(t->s, wanted->room->room)))
            continue;
        MYL_TRY(choose_receipts(t, wanted, &receipts, &count));
        if (count == 0)
            continue;
        MYL_TRY(open_room(&at, wanted, &key));
        MYL_TRY(myl_sync_write_receipts(t->s, key, receipts, count));
    }
    close_section(&at);
    *something |= at.is_open;
    return MYL_OK;
}

/* ---- typing ---- */

static myl_rc has_typing(myl_sliding *t, const sliding_wanted *wanted, bool *out)
{
    const uint64_t *users;
    size_t count = 0;

    *out = !t->s->quiet && myl_room_typing_counter(wanted->room->room) > t->s->typing_since;
    if (!*out && is_new_here(wanted))
        myl_room_typing_get(t->s->cx, wanted->room->room, &users, &count);
    *out |= count > 0;
    return MYL_OK;
}

static myl_rc write_typing(myl_sliding *t, bool *something)
{
    section at = {.t = t, .name = "typing"};
    bool typing;
    char *key;

    if (!t->request->extensions.typing.enabled)
        return MYL_OK;
    for (size_t i = 0; i < t->wanted.count; i++) {
        const sliding_wanted *wanted = myl_list_at(&t->wanted, i);

        if (!is_known(wanted) || wanted->room->membership != MYL_MEMBER_JOIN ||
            !in_scope(t, &t->request->extensions.typing, wanted))
            continue;
        MYL_TRY(has_typing(t, wanted, &typing));
        if (!typing)
            continue;
        MYL_TRY(open_room(&at, wanted, &key));
        MYL_TRY(myl_sync_write_typing(t->s, key, wanted->room->room));
    }
    close_section(&at);
    *something |= at.is_open;
    return MYL_OK;
}

myl_rc myl_sliding_write_extensions(myl_sliding *t, bool *something)
{
    *something = false;
    myl_write_open_key(t->s->w, "extensions", '{');
    MYL_TRY(write_to_device(t, something));
    MYL_TRY(write_e2ee(t, something));
    MYL_TRY(write_account_data(t, something));
    MYL_TRY(write_receipts(t, something));
    MYL_TRY(write_typing(t, something));
    MYL_TRY(myl_sliding_thread_extension(t, something));
    myl_write_close(t->s->w, '}');
    return MYL_OK;
}
