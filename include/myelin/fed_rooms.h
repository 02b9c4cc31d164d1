/* fed_rooms.h: acting in rooms that other servers hold: joining, leaving, knocking, inviting, and history that is missing.
 *
 * Every function asks other servers and writes by changes of its own. It goes on when the client that asked has left.
 * Spec: Server-Server API, Joining Rooms; Knocking; Inviting; Leaving Rooms; Backfilling; Querying for information.
 * Threads: lanes, without a transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_FED_ROOMS_H
#define MYELIN_FED_ROOMS_H

#include <myelin/base_list.h>
#include <myelin/fed_call.h>
#include <myelin/room_admit.h>
#include <myelin/room_send.h>

/* A user of ours and a room elsewhere. */
typedef struct {
    myl_str room_id;
    myl_str user_id;
    const myl_json *content; /* of the member event, without `membership`; NULL: none */
    const myl_str *servers;  /* asked one after the other; ours is passed over */
    size_t server_count;
    bool although_here; /* join: the room is here, but only another server may let the user in */
} myl_fed_visit;
/* Joins by one of the servers and brings the room here. MYL_FORBIDDEN and the like: what the last server said; MYL_NOT_FOUND:
 * no server to ask. When the room has come here meanwhile nothing is done. */
myl_rc myl_fed_join(myl_ctx *cx, const myl_fed_visit *visit);
/* Knocks; what is told of the room is kept. */
myl_rc myl_fed_knock(myl_ctx *cx, const myl_fed_visit *visit);
/* Refuses an invite, takes back a knock. When no server takes it the leave is ours alone, and MYL_OK. */
myl_rc myl_fed_leave(myl_ctx *cx, const myl_fed_visit *visit);

/* Invites a user of another server: that server signs, then the invite is put into the room. MYL_FORBIDDEN and the like: by the
 * rules, or as that server says; MYL_REMOTE_DOWN. */
myl_rc myl_fed_invite(myl_ctx *cx, const myl_member_change *change);

/* The state events that come with an invite or a knock. */
typedef struct {
    myl_str room_id;
    const myl_room_version *version;
    const myl_json *events; /* array, or NULL */
    bool *good;             /* out: one an event: a PDU of the room, rightly signed */
    size_t good_count;      /* out */
    bool has_create;        /* out: among the good ones */
} myl_fed_stripped;
/* Must all be so in rooms of this version? In others they may be what clients see of events. */
bool myl_fed_stripped_is_held(const myl_room_version *version);
myl_rc myl_fed_stripped_check(myl_ctx *cx, myl_fed_stripped *in);
/* The good ones; an array. */
const myl_json *myl_fed_stripped_good(myl_ctx *cx, const myl_fed_stripped *in);

/* The servers to ask about a room (myl_str): those given, the inviter's, the room id's, those in it as far as known. */
void myl_fed_candidates(myl_ctx *cx, const myl_fed_visit *visit, myl_list *out);

/* An alias of another server. MYL_NOT_FOUND. */
myl_rc myl_fed_alias(myl_ctx *cx, myl_str alias, myl_str *room_id, const myl_str **servers,
                     size_t *count);
/* A profile of another server's user: the object. `field` absent: the whole. MYL_NOT_FOUND. */
myl_rc myl_fed_profile(myl_ctx *cx, myl_str user_id, myl_str field, const myl_json **out);

/* A room or space that is not here, and what a server in it tells. */
typedef struct {
    myl_str room_id;
    myl_str user_id;        /* who wants to know; absent: nobody */
    const myl_str *servers; /* asked first */
    size_t server_count;
    const myl_json
        *told; /* out: {"room": …, "children": …, "inaccessible_children": …}; NULL: none told */
} myl_fed_space;
/* Asks for all of them side by side, a few servers for each. Answers are kept for five minutes. */
void myl_fed_spaces(myl_ctx *cx, myl_fed_space *spaces, size_t count);

/* Brings history before an event that has a gap before it. *got: how many events were stored. */
myl_rc myl_fed_backfill(myl_ctx *cx, myl_str room_id, uint64_t number, size_t *got);

/* The event nearest to a time where our history has a gap. */
typedef struct {
    myl_str room_id;
    int64_t ts; /* ms */
    bool backward;
    bool has_known; /* an event is here, of this time: only a nearer one is wanted */
    int64_t known_ts;
    uint64_t led_to; /* the event before which history is missing */
} myl_fed_time_ask;
/* What a server of the room names is placed in the room's history. MYL_OK also when none knows a nearer one. */
myl_rc myl_fed_event_by_time(myl_ctx *cx, const myl_fed_time_ask *ask);

/* ---- what comes in transactions ---- */
typedef struct {
    myl_str origin;
    const myl_json *pdus; /* array */
    const char **errors;  /* one a PDU: NULL where it was taken (out) */
    myl_str *event_ids;   /* one a PDU: absent where it has none (out) */
} myl_fed_delivery;
/* Takes the PDUs in: at once where all they stand on is here, otherwise they are kept and that is fetched; while no server that
 * could help is reached, again and again for some hours. */
myl_rc myl_fed_take_pdus(myl_ctx *cx, const myl_fed_delivery *delivery);
/* Goes on with what a former run left, and with what was put off. Before myl_tasks_start, after myl_fed_start and the lanes. */
void myl_fed_inbox_start(void);
/* After a change of a job with cx->ahead has answered MYL_UNRESOLVED (room_admit.h): resolves on a snapshot; then the change is to
 * run again. On a lane. */
myl_rc myl_fed_resolve_ahead(myl_ctx *cx);

#endif
