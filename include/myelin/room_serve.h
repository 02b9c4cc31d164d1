/* room_serve.h: what other servers are given of a room, and rooms that we only hear of.
 *
 * Spec: Server-Server API, Joining Rooms, Inviting, Knocking, Backfilling, Retrieving events. Inside cx->txn; those that write,
 * inside a change. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_SERVE_H
#define MYELIN_ROOM_SERVE_H

#include <myelin/base_list.h>
#include <myelin/room_admit.h>
#include <myelin/room_send.h>
#include <myelin/room_servers.h>

/* The event that a user of another server would send now, without hashes and signatures. MYL_FORBIDDEN with the rule that
 * refuses it. */
myl_rc myl_room_template(myl_ctx *cx, const myl_room_head *head, const myl_outgoing *outgoing,
                         const myl_json **out);

/* A member event of ours that is signed but not stored: for who must sign it too. */
myl_rc myl_room_prepare_member(myl_ctx *cx, const myl_room_head *head,
                               const myl_member_change *change, myl_incoming *out);

/* The event as servers exchange it: its canonical bytes, redacted once it is redacted. In the job. */
myl_rc myl_room_pdu(myl_ctx *cx, const myl_stored *stored, myl_str *json);
/* Numbers (uint64_t, ascending) of the auth chain of the events, without those that are no ancestors. */
myl_rc myl_room_auth_chain(myl_ctx *cx, const uint64_t *events, size_t count, myl_list *out);
/* The numbers of an event's own auth events that are known. */
myl_rc myl_room_auth_of(myl_ctx *cx, const myl_stored *stored, myl_list *out);

/* ---- what a server may see (spec: Room history visibility; its users' eyes) ---- */
typedef struct {
    uint64_t room;
    myl_str server;
    const uint64_t *users; /* of that server, ever in the room */
    size_t user_count;
    myl_tree_root root; /* last looked at, with its answer */
    bool answer;
    myl_tree_root
        present;     /* the room's present state, which is for all in it; 0: it is not looked at */
    uint64_t sender; /* the last one, and whether they are erased */
    bool is_erased;
} myl_server_sight;
/* Start as (myl_server_sight){.room = …, .server = …}, with .present for a server that is in the room. */
myl_rc myl_room_server_may_see(myl_ctx *cx, myl_server_sight *sight, const myl_stored *stored,
                               bool *out);

/* Has the server a joined or an invited user in the room now? */
myl_rc myl_room_server_is_expected(myl_ctx *cx, const myl_room_head *head, myl_str server,
                                   bool *out);

/* ---- walking back ---- */
typedef struct {
    const uint64_t *from; /* numbers */
    size_t from_count;
    const myl_str *stop; /* ids that end a branch */
    size_t stop_count;
    bool with_from; /* the first ones too */
    int64_t min_depth;
    size_t limit;
} myl_walk_back;
/* Placed events before `from`, the deepest first (myl_stored). Rejected ones are passed, not given. */
myl_rc myl_room_walk_back(myl_ctx *cx, const myl_room_head *head, const myl_walk_back *walk,
                          myl_list *out);

/* What an invited or knocking user's server is told of the room: state events as PDUs (MSC4311), into an array. */
myl_rc myl_room_write_outline(myl_ctx *cx, myl_writer *w, const myl_room_head *head,
                              myl_str inviter);

/* May this user join by a restricted join rule? *authoriser: a user of ours with the power to invite, to be named in the event;
 * absent: the join needs none. MYL_FORBIDDEN: no condition holds; MYL_UNABLE_TO_GRANT_JOIN: nobody here may authorise it;
 * MYL_UNABLE_TO_AUTHORISE_JOIN: the conditions name only rooms that are not known here. */
myl_rc myl_room_join_authoriser(myl_ctx *cx, const myl_room_head *head, myl_str user_id,
                                myl_str *authoriser);

/* ---- rooms that we are not in ---- */
/* Is the room here: known, and one of our users is joined? */
myl_rc myl_room_is_here(myl_ctx *cx, const myl_room_head *head, bool *out);
typedef struct {
    myl_str room_id;
    const myl_room_version *version;
    const myl_incoming *member; /* the invite, knock or leave of a user of ours */
    const myl_json *stripped;   /* array of stripped state or PDUs; NULL: none */
} myl_room_outside;
/* Keeps such an event as an outlier, and shows it to its user. */
myl_rc myl_room_outside_put(myl_ctx *cx, const myl_room_outside *outside);
/* The stripped state that came with it; NULL: none. */
myl_rc myl_room_outside_state(myl_ctx *cx, uint64_t room, uint64_t user, const myl_json **out);

#endif
