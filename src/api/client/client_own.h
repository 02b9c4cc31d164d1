/* client_own.h: what the handlers of the client-server API share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLIENT_OWN_H
#define CLIENT_OWN_H

#include <myelin/body_decoders.h>
#include <myelin/http_request.h>
#include <myelin/matrix_id.h>
#include <myelin/room_send.h>
#include <myelin/room_timeline.h>
#include <myelin/user_data.h>
#include <myelin/user_uia.h>

#include "api/api_own.h"

/* uia.c: user-interactive authentication of one request. */
typedef struct {
    const unsigned *flows; /* each a set of stages */
    size_t flow_count;
    myl_str binding;           /* what the session is bound to */
    const myl_part_auth *auth; /* NULL: none was sent */
} myl_uia_ask;
/* *passed: go on, and end `session` when all is done. Otherwise the 401 reply is set. */
myl_rc myl_client_uia(myl_req *req, const myl_uia_ask *ask, myl_uia_session *session, bool *passed);

/* registration.c: is it the configured registration token, or one that is stored, with uses left? */
myl_rc myl_client_registration_token_valid(myl_req *req, myl_str token, bool *out);

/* login.c: a new session as the answer of /login and /register. */
myl_rc myl_client_open_session(myl_req *req, const myl_new_session *session);

/* password.c: work that the password lane does; the handler runs again with the result. */
typedef struct {
    myl_str password;
    myl_str
        encoded; /* to hash: the result; to verify: what is stored (absent: the user does not exist) */
    bool right; /* verify: the result */
} myl_password_work;
/* MYL_NEED in the first round; in the next one *work is done. */
myl_rc myl_client_hash_password(myl_req *req, myl_str password, const myl_password_work **work);
myl_rc myl_client_verify_password(myl_req *req, myl_str password, myl_str encoded,
                                  const myl_password_work **work);

/* "localpart" or "@localpart:server" to a user id of this server; absent when it is another server's. */
myl_str myl_client_user_id(myl_ctx *cx, myl_str name);

/* MYL_FORBIDDEN unless the path's {userId} is the caller. */
myl_rc myl_client_require_self(myl_req *req);

/* room_read.c: events as this caller is shown them. */
myl_event_form myl_client_form(const myl_req *req);
/* The room and the state that the caller may read in it: MYL_FORBIDDEN also when there is no such room. */
myl_rc myl_client_open_room(myl_req *req, myl_room_head *head, myl_tree_root *root);

#endif
