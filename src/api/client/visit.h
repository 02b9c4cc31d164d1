/* visit.h: what a client asks that only other servers can do: each is a plan, after which the handler runs again.
 *
 * Threads: as the handlers; the plans run on lanes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLIENT_VISIT_H
#define CLIENT_VISIT_H

#include <myelin/fed_rooms.h>

#include "api/client/client_own.h"

/* A room by id or alias, and servers that may know it: `via` and `server_name` of the query, the alias's servers. */
typedef struct {
    myl_str room_id;
    const myl_str *servers;
    size_t server_count;
    bool visited; /* the plan of myl_client_visit has run */
} myl_client_place;
/* MYL_NEED while another server's alias is asked for. MYL_NOT_FOUND. The place goes on to the functions below: it is the
 * request's plan. */
myl_rc myl_client_find_place(myl_req *req, myl_str room_id_or_alias, myl_client_place **out);

/* What the caller wants in a room that may be elsewhere. *elsewhere: it was, and has been done there; false: it is for us to
 * do. `content`: of the member event, beside membership. */
typedef struct {
    myl_membership membership; /* JOIN, KNOCK, LEAVE */
    myl_str reason;
} myl_client_wish;
myl_rc myl_client_visit(myl_req *req, myl_client_place *place, const myl_client_wish *wish,
                        bool *elsewhere);

/* An invite of another server's user, who is told by that server. */
myl_rc myl_client_invite_elsewhere(myl_req *req, const myl_member_change *change);

/* createRoom: also with guests of other servers, who are invited before the answer; what their servers refuse is logged. */
myl_rc myl_client_make_room(myl_req *req, const myl_room_request *request, myl_str *room_id);

/* The whole profile of another server's user, in the plan's rounds. */
myl_rc myl_client_profile_elsewhere(myl_req *req, myl_str user_id, const myl_json **out);

#endif
