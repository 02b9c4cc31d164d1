/* room_directory.h: how rooms are found: aliases, the room directory, what a room shows of itself.
 *
 * Spec: Client-Server API, Room aliases; Published room directory; Room summary. Inside cx->txn; those that write, inside a
 * change. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_DIRECTORY_H
#define MYELIN_ROOM_DIRECTORY_H

#include <myelin/room_state.h>

/* ---- aliases of this server ---- */
/* MYL_ROOM_IN_USE when it is taken, MYL_RESOURCE_LIMIT when the room has ROOM_ALIASES. */
myl_rc myl_room_alias_put(myl_ctx *cx, myl_str alias, const myl_room_head *head, myl_str creator);
/* Absent: none. */
myl_rc myl_room_alias_get(myl_ctx *cx, myl_str alias, myl_str *room_id, myl_str *creator);
/* No error when there is none. */
myl_rc myl_room_alias_remove(myl_ctx *cx, myl_str alias);
/* All of a room, in no order. */
myl_rc myl_room_aliases(myl_ctx *cx, uint64_t room, const myl_str **aliases, size_t *count);
/* Names an alias from now on another room. */
myl_rc myl_room_alias_move(myl_ctx *cx, myl_str alias, const myl_room_head *head);
/* The content of an m.room.canonical_alias event that a user of ours wants to send: what it names anew must be aliases (else
 * MYL_INVALID_PARAM) of this room (MYL_BAD_ALIAS). */
myl_rc myl_room_check_aliases(myl_ctx *cx, const myl_room_head *head, const myl_json *content);

/* ---- what a room shows of itself ---- */
typedef struct {
    myl_room_head head;
    myl_str name, topic, avatar_url, canonical_alias; /* absent: none */
    myl_str join_rule, room_type, encryption;
    const myl_json *allow; /* conditions of a restricted join rule; NULL: none */
    bool world_readable, guest_can_join;
} myl_room_summary;
myl_rc myl_room_summary_read(myl_ctx *cx, const myl_room_head *head, myl_room_summary *out);
/* The members that the room directory shows, into an open object; `whole`: those of hierarchy and summary too. */
void myl_room_summary_write(myl_writer *w, const myl_room_summary *summary, bool whole);
/* May this user (0: nobody) see the summary: joined, invited, knocking, or one who could join or knock, or the room is
 * readable by the world? (spec: GET room_summary; hierarchy) */
myl_rc myl_room_summary_open(myl_ctx *cx, const myl_room_summary *summary, uint64_t user,
                             bool *out);

/* The same for another server: one of its users is joined or invited, or could join or knock. Not when the room's server ACL shuts
 * it out. */
myl_rc myl_room_summary_open_to_server(myl_ctx *cx, const myl_room_summary *summary, myl_str server,
                                       bool *out);

/* ---- lists of rooms ---- */
/* A list is "", the server's own, or a network of an appservice: "<appservice id>|<network id>". "*" holds every room that is in
 * any list, and cannot be written. */
myl_rc myl_room_list_has(myl_ctx *cx, uint64_t room, myl_str list, bool *out);
myl_rc myl_room_list_put(myl_ctx *cx, const myl_room_head *head, myl_str list, bool listed);
/* Out of every list: the room is deleted. Its aliases go too. */
myl_rc myl_room_directory_drop(myl_ctx *cx, uint64_t room);

typedef struct {
    myl_str list;
    size_t limit;               /* at most LIST_PAGE; 0: LIST_PAGE */
    myl_str since;              /* a batch token; absent: from the start */
    myl_str term;               /* searched in name, topic and alias; absent: all */
    const myl_json *room_types; /* array of strings and null; NULL: all */
} myl_list_ask;
typedef struct {
    const myl_room_summary *rooms; /* most members first */
    size_t count;
    myl_str next, prev; /* absent: there is no more on that side */
    uint64_t total;     /* rooms in the list */
} myl_list_page;
/* MYL_INVALID_PARAM for a token that is none. */
myl_rc myl_room_list_page(myl_ctx *cx, const myl_list_ask *ask, myl_list_page *out);
/* {"chunk": …}: the answer of both publicRooms, as a whole object. */
void myl_room_list_write(myl_writer *w, const myl_list_page *page);

#endif
