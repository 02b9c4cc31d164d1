/* client_own.h: what the handlers of the client-server API share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLIENT_OWN_H
#define CLIENT_OWN_H

#include <myelin/body_decoders.h>
#include <myelin/http_request.h>
#include <myelin/matrix_id.h>
#include <myelin/room_directory.h>
#include <myelin/room_send.h>
#include <myelin/room_timeline.h>
#include <myelin/sync_build.h>
#include <myelin/user_data.h>
#include <myelin/user_uia.h>

#include "api/api_own.h"

/* uia.c: user-interactive authentication of one request. */
typedef struct {
    const unsigned *flows; /* each a set of stages */
    size_t flow_count;
    myl_str
        matters; /* what of the request must not change between two rounds, beside method, path and user */
    const myl_part_auth *auth; /* NULL: none was sent */
} myl_uia_ask;
/* *passed: go on, and end `session` when all is done. Otherwise the 401 reply is set. A handler that calls this runs on
 * the engine and may be asked again with the result of a password's check: it must not use req->plan.state but by the
 * functions of password.c. MYL_FORBIDDEN when the session was begun by another request. */
myl_rc myl_client_uia(myl_req *req, const myl_uia_ask *ask, myl_uia_session *session, bool *passed);
/* The short form for any endpoint that asks its signed-in user to confirm by password. The session has ended when
 * *passed; that is undone with the rest when the handler fails afterwards. `matters` as above; absent: nothing. */
myl_rc myl_client_confirm(myl_req *req, const myl_part_auth *auth, myl_str matters, bool *passed);
/* uia_params.c: the configured policies that people agree to. */
typedef struct {
    myl_str id, version, language, name, url;
} myl_policy;
size_t myl_client_policy_count(void);
myl_policy myl_client_policy(size_t index);
/* What the stages of a set tell clients, as members of "params". */
void myl_client_write_uia_params(myl_writer *w, unsigned stages);
/* The stage of a name, as in "m.login.dummy"; 0: no such stage. */
unsigned myl_client_uia_stage(myl_str type);

/* registration.c: is it the configured registration token, or one that is stored, with uses left? */
myl_rc myl_client_registration_token_valid(myl_req *req, myl_str token, bool *out);

/* login.c: a new session as the answer of /login and /register. */
myl_rc myl_client_open_session(myl_req *req, myl_new_session session);
/* The configured lifetimes of its tokens. */
void myl_client_lifetimes(myl_new_session *session);

/* work.c: work that a lane does for a handler on the engine, which then runs again from the top. A handler may ask for
 * several pieces, one after another: each is known by what it was asked. */
typedef enum { MYL_WORK_HASH, MYL_WORK_VERIFY, MYL_WORK_CAPTCHA } myl_work_kind;
typedef struct myl_client_work {
    myl_work_kind kind;
    myl_str input;  /* the password; the answer to the captcha */
    myl_str stored; /* VERIFY: the hash (absent: the user does not exist) */
    myl_str output; /* HASH: the result */
    bool right;     /* VERIFY, CAPTCHA: the result */
    struct myl_client_work *before;
} myl_client_work;
/* The same work of an earlier round in *out, or MYL_NEED: `run` gets it as its state. */
myl_rc myl_client_work_done(myl_req *req, const myl_client_work *asked, myl_lane lane,
                            myl_rc (*run)(myl_req *req, void *state), const myl_client_work **out);

/* recaptcha.c: is it the right answer? MYL_NEED in the first round; MYL_REMOTE_DOWN. */
myl_rc myl_client_check_captcha(myl_req *req, myl_str answer, bool *right);

/* password.c: on its lane. */
/* Are its length and form those of a new password? MYL_WEAK_PASSWORD, MYL_INVALID_PARAM. */
myl_rc myl_client_check_new_password(myl_req *req, myl_str password);
/* MYL_NEED in the first round; in the next one *encoded is the hash. */
myl_rc myl_client_hash_password(myl_req *req, myl_str password, myl_str *encoded);
/* MYL_NEED in the first round; in the next one *right tells. Wrong ones count against the account (a user id) and the
 * asker's address: MYL_LIMIT_EXCEEDED when there were too many. */
myl_rc myl_client_verify_password(myl_req *req, myl_str user_id, myl_str password, myl_str stored,
                                  bool *right);

/* Latin capitals made small: names of new users have none. */
myl_str myl_client_small(myl_ctx *cx, myl_str name);
/* "localpart" or "@localpart:server" to a user id of this server; absent when it is another server's. */
myl_str myl_client_user_id(myl_ctx *cx, myl_str name);
/* Is this type of an identifier one of an address? Nobody has one here: 403 (Identifier types). */
bool myl_client_is_third_party(myl_str identifier_type);

/* MYL_FORBIDDEN unless the path's {userId} is the caller. */
myl_rc myl_client_require_self(myl_req *req);

/* to_device.c: the caller's device has its messages up to here: they are deleted soon. */
myl_rc myl_client_acknowledge(myl_req *req, uint64_t upto);

/* key_backup.c: registers its task. */
void myl_client_backup_start(void);
/* to_device.c: registers its task. */
void myl_client_to_device_start(void);

/* carry_rules.c: the caller has joined a room: the push rules that they made for the room that it replaces hold for it too. */
myl_rc myl_client_carry_push_rules(myl_req *req, myl_str room_id);

/* remote.c: another server's room directory, as the reply; one of its aliases. They may answer MYL_NEED, so a handler asks one
 * such question and no other plan's. `servers`: array or NULL, foreign. */
myl_rc myl_client_remote_rooms(myl_req *req, myl_str server, const myl_list_ask *list);
myl_rc myl_client_remote_alias(myl_req *req, myl_str alias, myl_str *room_id,
                               const myl_json **servers);

/* room_lists.c: the events of a state as the reply, in pages, between `open` and `close`; as the caller is shown them, or
 * an administrator. */
typedef struct {
    myl_tree_root root;
    uint32_t type;   /* 0: all */
    unsigned wanted; /* memberships, as bits; all: not looked at */
    bool for_admin;
    myl_str open, close;
} myl_client_state_list;
myl_rc myl_client_reply_state(myl_req *req, const myl_client_state_list *list);

/* room_read.c: events as this caller is shown them. */
myl_event_form myl_client_form(const myl_req *req);
/* The same with whom they ignore (form.ignored; aggregations leave these out) and what they may see. */
typedef struct {
    myl_event_form form;
    myl_sight sight;
} myl_client_reading;
myl_rc myl_client_open_reading(myl_req *req, myl_client_reading *out);
/* Writes one event with the caller's membership at that time. */
myl_rc myl_client_write_event(myl_req *req, myl_writer *w, const char *key,
                              const myl_stored *stored, myl_client_reading *reading);
/* May it be shown? Not to who may not see it, or ignores its sender. */
myl_rc myl_client_may_show(myl_req *req, myl_client_reading *reading, const myl_stored *stored,
                           bool *out);
/* delayed.c: does the request ask for the event to be sent later? Then this, in place of a send, keeps it. */
bool myl_client_is_delayed(myl_req *req);
myl_rc myl_client_delay(myl_req *req, myl_str scope, myl_outgoing *outgoing);
/* room_send.c: MYL_NOT_JSON when there is no body: for those who answer a repeated request without one. */
myl_rc myl_client_require_body(myl_req *req);
/* A pagination token, or a sync token: all that had arrived by it. The parameter must be there. */
myl_rc myl_client_read_point(myl_req *req, uint64_t room, const char *name, myl_point *out);
/* The room and the state that the caller may read in it: MYL_FORBIDDEN also when there is no such room. */
myl_rc myl_client_open_room(myl_req *req, myl_room_head *head, myl_tree_root *root);

/* admin/notices.c: the invite to one's server notices cannot be refused: MYL_CANNOT_LEAVE_NOTICES. */
myl_rc myl_client_require_leavable(myl_req *req);

/* presence.c: registers its round. */
void myl_client_presence_start(void);
/* presence.c: what a client that syncs, and may wait so long, says of its user; absent: online. MYL_INVALID_PARAM. */
myl_rc myl_client_set_presence(myl_req *req, myl_str given, int64_t timeout_ms);

/* sync.c: waits until something is posted, the time is over, or somebody's typing ends by itself: that is news too. */
myl_rc myl_client_park_sync(myl_req *req, const myl_sync_result *result, int64_t timeout);

#endif
