/* admin_own.h: what the handlers of the admin API share.
 *
 * The endpoints are Synapse's, so that the tools that people know work: names, parameters and answers follow it. Who asks is
 * an administrator's token, or whoever opened a trusted unix socket: then caller.user is 0 and there is no user id.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_OWN_H
#define ADMIN_OWN_H

#include <myelin/base_clock.h>
#include <myelin/base_list.h>
#include <myelin/room_admin.h>

#include "api/client/client_own.h"

/* users.c: the account of the path's {userId}; MYL_INVALID_PARAM for another server's, MYL_NOT_FOUND. */
myl_rc myl_admin_account(myl_req *req, myl_account *account);
/* The whole answer about an account. */
myl_rc myl_admin_reply_user(myl_req *req, int status);
/* When any of its devices was seen last; 0: never. */
myl_rc myl_admin_last_seen(myl_ctx *cx, myl_str user_id, int64_t *out);

/* paging.c: a part of a sorted list. */
typedef struct {
    int64_t from, limit;
    bool backward;
    myl_str order_by; /* absent: as the endpoint likes */
} myl_admin_page;
/* ?from, ?limit (100 when missing), ?dir (f or b), ?order_by. */
myl_rc myl_admin_read_page(myl_req *req, myl_admin_page *out);
/* The part's first index and its end, of `count`. */
void myl_admin_cut_page(const myl_admin_page *page, size_t count, size_t *first, size_t *end);
/* The place of the i-th of the sorted list, which is kept forward. */
size_t myl_admin_page_index(const myl_admin_page *page, size_t count, size_t i);
/* What is kept of an entry until all are known: they are sorted by the number, then the text, then the id. */
typedef struct {
    uint64_t key; /* the endpoint's */
    myl_str id, text;
    int64_t number;
} myl_admin_ranked;
void myl_admin_sort(myl_list *ranked);
/* Calls `make` with an empty list for them, in memory of its own that goes when it returns. */
myl_rc myl_admin_list(myl_req *req, myl_rc (*make)(myl_req *req, const void *arg, myl_list *ranked),
                      const void *arg);
/* Does the text hold `part`? Letters of ASCII count as one with their capitals. */
bool myl_admin_holds(myl_str text, myl_str part);

/* room_about.c: what the lists of rooms show. Texts are absent where nothing is said. */
typedef struct {
    uint64_t room;
    myl_str room_id, name, canonical_alias, version, creator, encryption, join_rules, guest_access,
        history_visibility, room_type, topic, avatar;
    int64_t joined, joined_local, state_events;
    bool federatable, is_public;
} myl_admin_room;
myl_rc myl_admin_describe(myl_ctx *cx, const myl_room_head *head, myl_admin_room *out);
/* Its members, without brackets. */
void myl_admin_write_room(myl_writer *w, const myl_admin_room *room);
/* The room of the path's {roomId}; MYL_NOT_FOUND. */
myl_rc myl_admin_room_head(myl_req *req, myl_room_head *head);

/* room_change.c: the room of the path's {roomIdOrAlias}; MYL_NOT_FOUND. */
myl_rc myl_admin_any_room(myl_req *req, myl_room_head *head);

/* Writes the text, or null when it is absent. */
void myl_admin_write_text(myl_writer *w, const char *key, myl_str value);

#endif
