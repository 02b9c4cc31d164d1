/* room_send.h: building events of our own users, creating rooms, changing membership.
 *
 * Every event is given prev_events, auth_events and depth, authorised by the rules against the current state,
 * hashed, signed, stored; one change may send several. Inside a change only.
 * Spec: Client-Server API, Sending events to a room, Creation, Room membership. Errors: MYL_FORBIDDEN with the rule's
 * reason, MYL_NOT_JOINED, MYL_EVENT_TOO_LARGE, MYL_BAD_JSON naming the field.
 * Threads: the engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_SEND_H
#define MYELIN_ROOM_SEND_H

#include <myelin/room_state.h>

/* Once at start: whose events these are. Process lifetime. */
typedef struct {
    myl_str server_name;
    const myl_signing_key *key;
    const char *default_room_version;
    bool forget_on_leave; /* whoever leaves has forgotten the room */
    int64_t
        purge_forgotten_after_ms; /* a room that all of ours have forgotten goes; -1: it stays */
} myl_room_setup;
void myl_room_start(const myl_room_setup *setup);
/* Frees what room/ keeps in memory; no change may run any more. */
void myl_room_stop(void);
const myl_room_setup *myl_room_server(void);

typedef struct {
    myl_str room_id;
    myl_str sender;
    myl_str type;
    myl_str state_key;        /* absent: a message event */
    const myl_json *content;  /* an object */
    myl_str redacts;          /* absent: none */
    const myl_caller *caller; /* for txn_id: NULL otherwise */
    myl_str txn_id;
    int64_t origin_server_ts; /* 0: now */
} myl_outgoing;
/* Sends; *event_id in the job. A state event equal to the current one (same sender and content) is not sent again:
 * its id is returned. */
myl_rc myl_room_send(myl_ctx *cx, const myl_outgoing *outgoing, myl_str *event_id);

/* Transaction ids: what this device's request of this path and id produced in the last 24 hours; absent: nothing.
 * `scope` is the endpoint and room, so that ids of different endpoints do not meet. */
myl_rc myl_room_txn_find(myl_ctx *cx, const myl_caller *caller, myl_str scope, myl_str txn_id,
                         myl_str *result);
myl_rc myl_room_txn_put(myl_ctx *cx, const myl_caller *caller, myl_str scope, myl_str txn_id,
                        myl_str result);

/* createRoom. Fields as in the request; absent/NULL: not given. */
typedef struct {
    const myl_caller *creator;
    myl_str room_version; /* absent: the configured default */
    myl_str preset;       /* absent: by visibility */
    myl_str visibility;
    myl_str name, topic;
    myl_str alias_localpart;
    const myl_json *creation_content;
    const myl_json *power_level_content_override;
    const myl_json *initial_state; /* array */
    const myl_str *invite;
    size_t invite_count;
    bool is_direct;
} myl_room_request;
/* MYL_UNSUPPORTED_ROOM_VERSION, MYL_INVALID_ROOM_STATE, MYL_ROOM_IN_USE, MYL_BAD_JSON. All events or none. */
myl_rc myl_room_create(myl_ctx *cx, const myl_room_request *request, myl_str *room_id);

/* Membership changes of local rooms. `reason` may be absent. `content` (NULL: none) gives further members. The target's
 * displayname and avatar_url come from the profile for joins, invites and knocks of local users. */
typedef struct {
    myl_str room_id;
    myl_str sender;
    myl_str target;
    myl_membership membership;
    myl_str reason;
    bool is_direct;
    const myl_json *content;
} myl_member_change;
myl_rc myl_room_change_member(myl_ctx *cx, const myl_member_change *change, myl_str *event_id);

#endif
