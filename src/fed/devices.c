/* devices.c: EDUs about the devices of other servers' users, and messages from them to ours.
 *
 * Why:     a copy of a device list follows its server's changes one by one; where one is missing it is stale, and is
 *          fetched anew (refresh.c, or when somebody asks for it). Whoever shares a room is told of the change in any case.
 * Callers: the table of EDUs. Threads: the engine.
 * Holds:   a server speaks for its own users only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/fed_devices.h>

#include <myelin/base_limit.h>
#include <myelin/matrix_id.h>
#include <myelin/room_send.h>
#include <myelin/room_share.h>
#include <myelin/user_remote_keys.h>
#include <myelin/user_to_device.h>

/* One user's list is one row of the log, whatever a server tells of devices. */
enum { ANY_DEVICE = 1 };

static bool is_of(myl_str user_id, myl_str origin)
{
    return myl_id_is_user(user_id) && myl_id_is_ours(user_id, origin);
}

/* user 0: nobody here shares a room with them. */
static myl_rc find_met(myl_ctx *cx, myl_str origin, const myl_json *content, uint64_t *user)
{
    myl_str user_id = myl_json_text(content, MYL_S("user_id"));
    const uint64_t *rooms;
    size_t count;

    *user = 0;
    if (!is_of(user_id, origin))
        return MYL_OK;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, user_id, user));
    if (*user == 0)
        return MYL_OK;
    MYL_TRY(myl_room_joined_by(cx, *user, &rooms, &count));
    if (count == 0)
        *user = 0;
    return MYL_OK;
}

/* ---- device lists ---- */

/* Does the change follow the newest that the copy has? */
static bool follows(const myl_json *content, int64_t stream_id)
{
    const myl_json *before = myl_json_array(content, MYL_S("prev_id"));

    if (stream_id < 0 || before == NULL || before->count == 0)
        return false;
    for (uint32_t i = 0; i < before->count; i++)
        if (!myl_json_is(&before->items[i], MYL_JSON_INT) || before->items[i].integer != stream_id)
            return false;
    return true;
}

static const myl_json *named_keys(myl_ctx *cx, const myl_json *content)
{
    const myl_json *keys = myl_json_object(content, MYL_S("keys")), *about;
    myl_str name = myl_json_text(content, MYL_S("device_display_name"));

    if (keys == NULL || !myl_str_present(name) || name.len > MYL_LIMIT_DEVICE_NAME_BYTES)
        return keys;
    about = myl_json_with(cx, NULL, MYL_S("device_display_name"), myl_json_of_str(cx, name));
    return myl_json_with(cx, keys, MYL_S("unsigned"), about);
}

static myl_rc apply(myl_ctx *cx, uint64_t user, const myl_json *content, int64_t stream_id)
{
    myl_str user_id = myl_json_text(content, MYL_S("user_id")),
            device_id = myl_json_text(content, MYL_S("device_id"));
    const myl_json *keys =
        myl_user_remote_device_checked(named_keys(cx, content), user_id, device_id);

    if (myl_json_bool(content, MYL_S("deleted"), false))
        keys = NULL;
    MYL_TRY(myl_user_remote_put_device(cx, user, device_id, keys));
    return myl_user_remote_followed(cx, user, stream_id);
}

/* There is a gap. Nobody has asked for a list of which there is no copy. */
static myl_rc miss(myl_ctx *cx, uint64_t user, const myl_remote_list *list)
{
    MYL_TRY(myl_user_remote_stale(cx, user));
    if (list->exists)
        myl_fed_refresh_devices(cx, user);
    return MYL_OK;
}

/* Nobody encrypts for a device without keys: that there is one is news only to a copy. */
static bool is_news(const myl_json *content, const myl_remote_list *list)
{
    return list->exists || myl_json_object(content, MYL_S("keys")) != NULL ||
           myl_json_bool(content, MYL_S("deleted"), false);
}

myl_rc myl_fed_take_device_list(myl_ctx *cx, myl_str origin, const myl_json *content)
{
    myl_remote_list list;
    int64_t stream_id;
    uint64_t user;

    MYL_TRY(find_met(cx, origin, content, &user));
    if (user == 0 || !myl_str_present(myl_json_text(content, MYL_S("device_id"))) ||
        !myl_json_int(content, MYL_S("stream_id"), &stream_id) || stream_id < 0)
        return MYL_OK;
    MYL_TRY(myl_user_remote_list(cx, user, &list));
    if ((list.exists && !list.is_stale && stream_id <= list.stream_id) || !is_news(content, &list))
        return MYL_OK; /* known already */
    if (list.exists && !list.is_stale && follows(content, list.stream_id))
        MYL_TRY(apply(cx, user, content, stream_id));
    else
        MYL_TRY(miss(cx, user, &list));
    return myl_user_device_changed(cx, &(myl_device_change){.user = user,
                                                            .device = ANY_DEVICE,
                                                            .remote = true});
}

/* ---- cross-signing keys ---- */

myl_rc myl_fed_take_signing_keys(myl_ctx *cx, myl_str origin, const myl_json *content)
{
    myl_remote_keys keys = {.user_id = myl_json_text(content, MYL_S("user_id")),
                            .master = myl_json_object(content, MYL_S("master_key")),
                            .self_signing = myl_json_object(content, MYL_S("self_signing_key"))};
    uint64_t user;

    MYL_TRY(find_met(cx, origin, content, &user));
    if (user == 0)
        return MYL_OK;
    MYL_TRY(myl_user_remote_put_cross(cx, &keys));
    return myl_user_device_changed(cx, &(myl_device_change){.user = user,
                                                            .device = ANY_DEVICE,
                                                            .remote = true});
}

/* ---- messages to devices ---- */

/* Transaction ids are kept by device: a server stands for one. */
static myl_rc seen_before(myl_ctx *cx, myl_str origin, myl_str message_id, bool *out)
{
    myl_caller server = {.user_id = origin};
    myl_str seen;

    MYL_TRY(myl_store_intern(cx, MYL_INTERN_SERVER, origin, &server.device));
    server.device |= UINT64_C(1) << 63;
    MYL_TRY(myl_room_txn_find(cx, &server, MYL_S("to-device"), message_id, &seen));
    *out = myl_str_present(seen);
    return *out ? MYL_OK
                : myl_room_txn_put(cx, &server, MYL_S("to-device"), message_id, MYL_S("taken"));
}

/* {user: {device: object}} and nothing else. */
static bool is_well_formed(const myl_json *messages)
{
    for (uint32_t i = 0; i < messages->count; i++) {
        const myl_json *devices = &messages->items[i];

        if (!myl_json_is(devices, MYL_JSON_OBJECT))
            return false;
        for (uint32_t j = 0; j < devices->count; j++)
            if (!myl_json_is(&devices->items[j], MYL_JSON_OBJECT))
                return false;
    }
    return true;
}

myl_rc myl_fed_take_to_device(myl_ctx *cx, myl_str origin, const myl_json *content)
{
    const myl_json *messages = myl_json_object(content, MYL_S("messages"));
    myl_str message_id = myl_json_text(content, MYL_S("message_id"));
    myl_to_device_sender from = {.sender = myl_json_text(content, MYL_S("sender")),
                                 .type = myl_json_text(content, MYL_S("type")),
                                 .own_server = myl_room_server()->server_name,
                                 .received = true};
    bool seen;

    if (!is_of(from.sender, origin) || !myl_str_present(from.type) || messages == NULL ||
        !myl_str_present(message_id) || message_id.len > MYL_LIMIT_ID_BYTES ||
        !is_well_formed(messages))
        return MYL_OK;
    MYL_TRY(seen_before(cx, origin, message_id, &seen));
    return seen ? MYL_OK : myl_user_to_device_send(cx, &from, messages);
}
