/* to_device.c: what /sync tells one device for its encryption: messages to it, device lists, counts of its keys.
 *
 * Spec:    Client-Server API, Extensions to /sync (Send-to-Device messaging; End-to-End Encryption).
 * Threads: a read worker.
 * Holds:   the next token's to-device part never passes a message that was not given.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sync_own.h"

/* Clients older than the count of zero take an absent one for "no change". */
static const char common_algorithm[] = "signed_curve25519";

static myl_rc begin_messages(myl_syncing *s, myl_sync_token *next)
{
    const myl_sync_request *request = s->request;
    myl_to_device_range range = {.user = request->caller->user,
                                 .device = request->caller->device,
                                 .upto = s->upto,
                                 .limit = MYL_LIMIT_TO_DEVICE_SYNC};
    bool more;

    if (!request->initial)
        MYL_TRY(myl_sync_token_to_device(s->cx, &request->since, &range.after));
    MYL_TRY(myl_user_to_device_get(s->cx, &range, &s->messages, &s->message_count, &more));
    next->to_device = more ? s->messages[s->message_count - 1].position : s->upto;
    return MYL_OK;
}

myl_rc myl_sync_begin_devices(myl_syncing *s, myl_sync_token *next)
{
    MYL_TRY(begin_messages(s, next));
    MYL_TRY(myl_user_key_counts(s->cx, s->request->caller, &s->keys));
    /* a token of before a restore tells nothing: everybody may have changed */
    if ((s->since == 0 && s->request->initial) || s->since == s->upto)
        return MYL_OK;
    return myl_sync_device_lists(s->cx, s->request->caller->user, s->since, &s->devices);
}

bool myl_sync_devices_news(const myl_syncing *s)
{
    return s->message_count > 0 || s->devices.changed_count > 0 || s->devices.left_count > 0 ||
           s->keys.position > s->since;
}

static void write_messages(myl_syncing *s)
{
    myl_write_open_key(s->w, "to_device", '{');
    myl_write_open_key(s->w, "events", '[');
    for (size_t i = 0; i < s->message_count; i++) {
        myl_write_open(s->w, '{');
        myl_write_raw(s->w, "content", s->messages[i].json);
        myl_write_str(s->w, "sender", s->messages[i].sender);
        myl_write_str(s->w, "type", s->messages[i].type);
        myl_write_close(s->w, '}');
    }
    myl_write_close(s->w, ']');
    myl_write_close(s->w, '}');
}

static myl_rc write_users(myl_syncing *s, const char *key, const uint64_t *users, size_t count)
{
    myl_str name;

    myl_write_open_key(s->w, key, '[');
    for (size_t i = 0; i < count; i++) {
        MYL_TRY(myl_store_text_of(s->cx, MYL_INTERN_NAME, users[i], &name));
        myl_write_str(s->w, NULL, name);
    }
    myl_write_close(s->w, ']');
    return MYL_OK;
}

static myl_rc write_lists(myl_syncing *s)
{
    myl_write_open_key(s->w, "device_lists", '{');
    MYL_TRY(write_users(s, "changed", s->devices.changed, s->devices.changed_count));
    MYL_TRY(write_users(s, "left", s->devices.left, s->devices.left_count));
    myl_write_close(s->w, '}');
    return MYL_OK;
}

/* The counts are in every answer. */
static void write_counts(myl_syncing *s)
{
    bool common = false;

    myl_write_open_key(s->w, "device_one_time_keys_count", '{');
    for (size_t i = 0; i < s->keys.count; i++) {
        common |= myl_str_equal(s->keys.counts[i].algorithm, myl_str_of(common_algorithm));
        myl_write_member_int(s->w, s->keys.counts[i].algorithm, s->keys.counts[i].count);
    }
    if (!common)
        myl_write_int(s->w, common_algorithm, 0);
    myl_write_close(s->w, '}');
    myl_write_open_key(s->w, "device_unused_fallback_key_types", '[');
    for (size_t i = 0; i < s->keys.unused_count; i++)
        myl_write_str(s->w, NULL, s->keys.unused_fallback[i]);
    myl_write_close(s->w, ']');
}

myl_rc myl_sync_write_keys(myl_syncing *s)
{
    MYL_TRY(write_lists(s));
    write_counts(s);
    return MYL_OK;
}

myl_rc myl_sync_write_devices(myl_syncing *s)
{
    s->something |= myl_sync_devices_news(s);
    if (!s->request->initial && (s->devices.changed_count > 0 || s->devices.left_count > 0))
        MYL_TRY(write_lists(s));
    write_counts(s);
    if (s->message_count > 0)
        write_messages(s);
    return MYL_OK;
}
