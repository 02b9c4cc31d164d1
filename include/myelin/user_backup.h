/* user_backup.h: encrypted copies of room keys that a user's devices leave here for each other.
 *
 * Spec: Client-Server API, Server-side key backups. A user has any number of backups, numbered upwards; keys are written
 * to the newest only. Each knows how many keys it has and an etag that moves with each change of them.
 * Inside cx->txn; what writes, inside a change. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_USER_BACKUP_H
#define MYELIN_USER_BACKUP_H

#include <myelin/json_value.h>
#include <myelin/store_engine.h>

typedef struct {
    uint64_t user;
    uint64_t version; /* 0: there is none */
    uint64_t keys;    /* where its keys lie */
    uint64_t count, etag;
    myl_str algorithm, auth_data; /* JSON object; in the job */
} myl_backup;

/* By its number as text; absent: the newest. version 0 when there is none. */
myl_rc myl_user_backup_get(myl_ctx *cx, uint64_t user, myl_str version, myl_backup *out);
/* A new one, which is the newest then. MYL_RESOURCE_LIMIT, MYL_TOO_LARGE. */
myl_rc myl_user_backup_create(myl_ctx *cx, uint64_t user, myl_str algorithm,
                              const myl_json *auth_data, myl_backup *out);
myl_rc myl_user_backup_set_auth(myl_ctx *cx, myl_backup *backup, const myl_json *auth_data);
/* Its keys are left to myl_user_backup_sweep. */
myl_rc myl_user_backup_delete(myl_ctx *cx, const myl_backup *backup);
/* Was there ever one of this number? */
myl_rc myl_user_backup_was(myl_ctx *cx, uint64_t user, myl_str version, bool *out);

/* ---- its keys ---- */
typedef struct {
    myl_str room_id, session_id;
    bool is_verified;
    int64_t first_message_index, forwarded_count;
    myl_str session_data; /* JSON object */
} myl_backup_key;
/* Keeps the better of the two when there is one already: verified, then the lower index, then the lower count.
 * MYL_TOO_LARGE, MYL_RESOURCE_LIMIT. The backup is stored by myl_user_backup_keep, once for a request. */
myl_rc myl_user_backup_put_key(myl_ctx *cx, myl_backup *backup, const myl_backup_key *key);
myl_rc myl_user_backup_keep(myl_ctx *cx, const myl_backup *backup);
/* Has a room more keys than one change should drop? */
myl_rc myl_user_backup_is_large(myl_ctx *cx, const myl_backup *backup, myl_str room_id, bool *out);
/* Some of the keys of a room; *left: there are more. Stores the backup. */
myl_rc myl_user_backup_drop_some(myl_ctx *cx, myl_backup *backup, myl_str room_id, bool *left);
/* Of a room and session; session absent: of the whole room, which is not large; room absent too: all, and what lay under
 * the old `keys` is left to myl_user_backup_sweep. Stores the backup. */
myl_rc myl_user_backup_drop_keys(myl_ctx *cx, myl_backup *backup, myl_str room_id,
                                 myl_str session_id);
/* session_id absent when there is none. */
myl_rc myl_user_backup_key(myl_ctx *cx, const myl_backup *backup, myl_str room_id,
                           myl_str session_id, myl_backup_key *out);

/* All keys, or those of one room, in an order of its own; those of a room stand together. */
typedef struct {
    uint64_t user, keys;
    uint8_t at[48]; /* the last place given; the walk's own */
    size_t len;
    bool one_room;
    uint8_t room[16];
} myl_backup_walk;
myl_backup_walk myl_user_backup_walk(const myl_backup *backup, myl_str room_id);
/* At most `limit` more; *count 0 at the end. */
myl_rc myl_user_backup_next(myl_ctx *cx, myl_backup_walk *walk, size_t limit,
                            const myl_backup_key **keys, size_t *count);

/* Removes some of the keys that lie under a number; *finished: none is left. */
myl_rc myl_user_backup_sweep(myl_ctx *cx, uint64_t user, uint64_t keys, bool *finished);

#endif
