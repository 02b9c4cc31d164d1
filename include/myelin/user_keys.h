/* user_keys.h: device keys, one-time keys, cross-signing keys and their signatures, and the log of device lists.
 *
 * Spec: Client-Server API, End-to-End Encryption (Key Distribution, Cross-signing); Server-Server API, Device
 * Management. Keys of other servers' users lie in the same tables, as copies (user_remote_keys.h).
 * Inside cx->txn; what writes, inside a change. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_USER_KEYS_H
#define MYELIN_USER_KEYS_H

#include <myelin/base_list.h>
#include <myelin/json_writer.h>
#include <myelin/user_account.h>

/* ---- what a device uploads ---- */
/* device_keys object. MYL_INVALID_PARAM unless user_id and device_id are the caller's and, where it has signatures, the
 * device's own ed25519 key has signed it. Other identity keys than before end the one-time keys of the old ones. */
myl_rc myl_user_device_keys_put(myl_ctx *cx, const myl_caller *caller, const myl_json *device_keys);
/* one_time_keys / fallback_keys objects "<algorithm>:<id>" -> key. The same id with other bytes: MYL_INVALID_PARAM.
 * An id that has been claimed is taken and forgotten: it is never handed out again. */
myl_rc myl_user_one_time_keys_put(myl_ctx *cx, const myl_caller *caller, const myl_json *keys,
                                  bool fallback);

/* Unclaimed keys by algorithm, and the algorithms whose fallback key has not been used. One row, not a scan. */
typedef struct {
    myl_str algorithm;
    int64_t count;
} myl_key_count;
typedef struct {
    const myl_key_count *counts;
    size_t count;
    const myl_str *unused_fallback;
    size_t unused_count;
    uint64_t position; /* of the newest claim */
    bool has_keys;     /* has the device ever uploaded a one-time or fallback key? */
} myl_key_counts;
myl_rc myl_user_key_counts(myl_ctx *cx, const myl_caller *caller, myl_key_counts *out);

/* ---- claiming ---- */
typedef struct {
    myl_str user_id, device_id, algorithm;
} myl_key_wanted;
/* The oldest one-time key, which is gone then, or else the fallback key, which is used then. key_id absent: none. */
typedef struct {
    myl_str key_id; /* "signed_curve25519:AAAAHQ" */
    myl_str json;
} myl_key_claimed;
myl_rc myl_user_key_claim(myl_ctx *cx, const myl_key_wanted *wanted, myl_key_claimed *out);

/* Claims one key for each device that `devices` names ({device id: algorithm}, its key the user id), and writes them as a
 * member of the open object; nothing when none was found. */
myl_rc myl_user_write_claimed(myl_ctx *cx, myl_writer *w, const myl_json *devices);

/* ---- asking ---- */
/* Devices of a user of this server as a member `user_id` of the open object: all of them, or those that `device_ids`
 * (an array, NULL or empty: all) names. reader: who asks, 0: another server. Nothing when the user does not exist. */
myl_rc myl_user_write_device_keys(myl_ctx *cx, myl_writer *w, myl_str user_id,
                                  const myl_json *device_ids, uint64_t reader);

typedef enum { MYL_KEY_MASTER = 1, MYL_KEY_SELF_SIGNING, MYL_KEY_USER_SIGNING } myl_cross_key;
/* One cross-signing key as a member `user_id`; nothing when there is none. Signatures: those of the user, and those of
 * the reader. */
myl_rc myl_user_write_cross_key(myl_ctx *cx, myl_writer *w, myl_str user_id, myl_cross_key kind,
                                uint64_t reader);
/* The stored object, without later signatures; NULL: none. */
myl_rc myl_user_cross_key(myl_ctx *cx, uint64_t user, myl_cross_key kind, const myl_json **out);

/* Users (uint64_t) whose key this one has signed after a position: its own other devices want to know. */
myl_rc myl_user_signed_since(myl_ctx *cx, uint64_t signer, uint64_t after, myl_list *out);

/* ---- the log of device lists: position -> whose list changed ---- */
typedef struct {
    uint64_t position;
    uint64_t user;
    uint64_t device;   /* number; 0: cross-signing keys */
    uint64_t previous; /* position of the change of a device of this user before it; 0: none */
    bool deleted;
    bool remote;       /* a user of another server */
    myl_str device_id; /* absent with device 0 */
} myl_device_change;
/* Takes a position, keeps the newest row per device, and wakes those who share a room. */
myl_rc myl_user_device_changed(myl_ctx *cx, const myl_device_change *change);
/* Rows with position > after, ascending, at most `limit`. */
myl_rc myl_user_device_changes(myl_ctx *cx, uint64_t after, size_t limit,
                               const myl_device_change **changes, size_t *count);
/* The newest of a device. Of one that never had keys: the user's newest change, without one before it; position 0 when there
 * is none of these either. */
myl_rc myl_user_device_change_of(myl_ctx *cx, uint64_t user, uint64_t device,
                                 myl_device_change *out);
/* Position of the newest row of the log; 0: none. */
myl_rc myl_user_device_log_newest(myl_ctx *cx, uint64_t *out);
/* Position of the newest change of a device of the user: the stream_id of federation; 0: never. */
myl_rc myl_user_device_newest(myl_ctx *cx, uint64_t user, uint64_t *out);
/* Runs in the change that moves a user's device list: room/ notes the rooms of the user. Set at start. */
void myl_user_on_device_change(myl_rc (*fn)(myl_ctx *cx, uint64_t user));

/* The public part of a device's own key, decoded: of these device keys, or (NULL) of those that are stored; absent: there
 * is none. */
myl_rc myl_user_device_public_key(myl_ctx *cx, const myl_caller *caller,
                                  const myl_json *device_keys, myl_str *out);

#endif
