/* user_remote_keys.h: copies of other servers' users' devices and cross-signing keys.
 *
 * Spec: Server-Server API, Device Management. A copy is good while a room has been shared with the user all the time since
 * it was made, for so long their server tells of each change; whoever asks judges that (room_share.h). A change that
 * does not follow the one before it makes the copy stale. Bounded: REMOTE_DEVICES for each user.
 * Inside cx->txn; what writes, inside a change. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_USER_REMOTE_KEYS_H
#define MYELIN_USER_REMOTE_KEYS_H

#include <myelin/user_keys.h>

typedef struct {
    bool exists;
    bool is_stale;
    uint64_t position; /* when it was made */
    uint64_t reader;   /* our user who shared a room then */
    int64_t stream_id; /* of its newest change; -1: not known */
} myl_remote_list;
myl_rc myl_user_remote_list(myl_ctx *cx, uint64_t user, myl_remote_list *out);
/* A change was missed. */
myl_rc myl_user_remote_stale(myl_ctx *cx, uint64_t user);
/* The same of all users after *at, some at a call; *left: there are more. */
myl_rc myl_user_remote_all_stale(myl_ctx *cx, uint64_t *at, bool *left);

/* All of a user, as their server tells it; checked: objects of a wrong user or device, and too large ones, are left out. */
typedef struct {
    myl_str user_id;
    const myl_json *devices; /* {device id: device keys, with unsigned.device_display_name} */
    const myl_json *master, *self_signing; /* NULL: none */
    int64_t stream_id;
    uint64_t reader;
    uint64_t
        asked; /* position when their server was asked: a change since then is not in it, and the copy is stale */
} myl_remote_keys;
/* Puts the copy in place of the former one. */
myl_rc myl_user_remote_put(myl_ctx *cx, const myl_remote_keys *keys);
/* Cross-signing keys alone; NULL: unchanged. */
myl_rc myl_user_remote_put_cross(myl_ctx *cx, const myl_remote_keys *keys);
/* One device of a copy; keys NULL: it is gone. Does nothing when there is no copy. */
myl_rc myl_user_remote_put_device(myl_ctx *cx, uint64_t user, myl_str device_id,
                                  const myl_json *keys);
/* The copy has followed its server's changes up to this one. */
myl_rc myl_user_remote_followed(myl_ctx *cx, uint64_t user, int64_t stream_id);

/* Device keys of a copy as a member `user_id`, as myl_user_write_device_keys. */
myl_rc myl_user_remote_write(myl_ctx *cx, myl_writer *w, myl_str user_id,
                             const myl_json *device_ids);
/* The object when it is a device's keys of this user and device; NULL otherwise. */
const myl_json *myl_user_remote_device_checked(const myl_json *keys, myl_str user_id,
                                               myl_str device_id);
/* The same of a cross-signing key. */
const myl_json *myl_user_remote_cross_checked(const myl_json *key, myl_str user_id);

#endif
