/* server_own.h: what the handlers of the server-server API share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SERVER_OWN_H
#define SERVER_OWN_H

#include <myelin/body_decoders.h>
#include <myelin/fed_keys.h>
#include <myelin/fed_rooms.h>
#include <myelin/http_request.h>
#include <myelin/matrix_id.h>
#include <myelin/room_serve.h>

#include "api/api_own.h"

/* ---- room.c ---- */
/* The room, when we are in it and its server ACL lets the asking server in: MYL_NOT_FOUND, MYL_FORBIDDEN. */
myl_rc myl_server_open_room(myl_req *req, myl_str room_id, myl_room_head *head);
/* The same for what only servers in the room may ask. */
myl_rc myl_server_open_joined(myl_req *req, myl_str room_id, myl_room_head *head);
/* MYL_FORBIDDEN unless the user is one of the asking server. */
myl_rc myl_server_require_own(myl_req *req, myl_str user_id);
/* MYL_INVALID_PARAM unless the sender of an event is one of them. */
myl_rc myl_server_require_sender(myl_req *req, myl_str sender);
/* `ver` must name the room's version: MYL_INCOMPATIBLE_ROOM_VERSION with it. */
myl_rc myl_server_require_version(myl_req *req, const myl_room_version *version);
/* Origin and time, as several answers begin. */
void myl_server_write_origin(myl_writer *w);

/* ---- taken.c: an event that another server hands over ---- */
typedef struct {
    const myl_room_version *version;
    const myl_json *pdu;
    bool sign; /* by us too */
    const myl_fed_stripped *
        stripped; /* comes with it, and is held to the rules of the room's version; NULL: nothing is */
} myl_take_ask;
typedef struct {
    myl_incoming incoming;
    bool good; /* its signatures */
    bool has_stripped;
    myl_fed_stripped stripped;
} myl_taken;
/* In the first round reads the event, has it signed by us too if wanted, and has its signatures checked on a lane
 * (MYL_NEED); after that *out is it. MYL_BAD_JSON, MYL_INVALID_PARAM. */
myl_rc myl_server_take(myl_req *req, const myl_take_ask *ask, const myl_taken **out);

/* ---- pages.c: long answers made of events ---- */
typedef struct {
    myl_tree_root root; /* the state that is told */
    uint64_t event;     /* its auth chain belongs to it; 0: none */
    bool omit_members;  /* no member events in the state */
    bool ids;           /* ids in place of events */
    bool chain_only;    /* the event's auth chain, no state */
    const char *chain_key, *state_key;
    myl_str before, after; /* JSON before the two lists and behind them */
    bool ready;
    myl_list chain, state; /* numbers */
    size_t section, at;
} myl_state_pages;
myl_rc myl_server_reply_state(myl_req *req, const myl_state_pages *pages);

#endif
