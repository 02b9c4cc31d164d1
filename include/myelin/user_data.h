/* user_data.h: profiles, account data, filters of local users.
 *
 * Spec: Client-Server API, Profiles, Client Config, Filtering. Inside cx->txn; those that write, inside a change.
 * Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_USER_DATA_H
#define MYELIN_USER_DATA_H

#include <myelin/base_list.h>
#include <myelin/json_value.h>
#include <myelin/user_account.h>

/* Profile fields; absent: none. */
typedef struct {
    bool exists;
    myl_str display_name;
    myl_str avatar_url;
} myl_profile;
myl_rc myl_user_profile(myl_ctx *cx, myl_str user_id, myl_profile *out);
/* All fields, of any JSON value; NULL: no such user. */
myl_rc myl_user_profile_fields(myl_ctx *cx, myl_str user_id, const myl_json **out);
/* value NULL removes the field. MYL_KEY_TOO_LARGE, MYL_PROFILE_TOO_LARGE. */
myl_rc myl_user_profile_put(myl_ctx *cx, uint64_t user, myl_str field, const myl_json *value);
/* The same for text; an absent value removes the field. */
myl_rc myl_user_profile_set(myl_ctx *cx, uint64_t user, myl_str field, myl_str value);

/* Account data; room 0 = global. `json` is the canonical object. */
typedef struct {
    uint64_t room;
    myl_str type;
    myl_str json;
    uint64_t position;
} myl_account_data;
myl_rc myl_user_data_put(myl_ctx *cx, uint64_t user, uint64_t room, myl_str type,
                         const myl_json *content);
/* Forgets it; it is told once more, as {}, to those who knew it. MYL_NOT_FOUND when there is none. To put {} is the same. */
myl_rc myl_user_data_delete(myl_ctx *cx, uint64_t user, uint64_t room, myl_str type);
/* json absent: there is none, or it was deleted. */
myl_rc myl_user_data_get(myl_ctx *cx, uint64_t user, uint64_t room, myl_str type, myl_str *json);
/* All with position > after, global and of rooms, ascending by position. What was deleted is {}, and left out after 0. */
myl_rc myl_user_data_since(myl_ctx *cx, uint64_t user, uint64_t after,
                           const myl_account_data **data, size_t *count);
/* All of one room, or with room 0 the global ones, in no order; without what was deleted. */
myl_rc myl_user_data_of(myl_ctx *cx, uint64_t user, uint64_t room, const myl_account_data **data,
                        size_t *count);
/* Adds the rooms (uint64_t) in which the user's membership or account data changed after the position. */
myl_rc myl_user_changed_rooms(myl_ctx *cx, uint64_t user, uint64_t after, myl_list *rooms);

/* Filters: immutable once stored; the same content gives the same id. */
myl_rc myl_user_filter_put(myl_ctx *cx, uint64_t user, const myl_json *filter, myl_str *filter_id);
myl_rc myl_user_filter_get(myl_ctx *cx, uint64_t user, myl_str filter_id,
                           const myl_json **filter); /* NULL: none */

/* What the user keeps with a room goes with it: at most `most` objects; *gone counts them. Their rows in the index of
 * changes are the caller's. */
myl_rc myl_user_data_drop_room(myl_ctx *cx, uint64_t user, uint64_t room, size_t most,
                               size_t *gone);

/* ---- per-user index of what changed: one range scan ---- */
typedef enum {
    MYL_CHANGED_ACCOUNT_DATA = 1,
    MYL_CHANGED_MEMBERSHIP = 2,
    MYL_CHANGED_DEVICES = 3,
    MYL_CHANGED_PUSH_RULES = 4,
    MYL_CHANGED_ONE_TIME_KEYS = 5
} myl_changed;
typedef struct {
    uint64_t position;
    myl_changed what;
    uint64_t room; /* 0: global */
} myl_user_change;
/* Records a change of this user under `position`, and notes the user. */
myl_rc myl_user_mark_changed(myl_ctx *cx, uint64_t user, uint64_t position, myl_changed what,
                             uint64_t room);

#endif
