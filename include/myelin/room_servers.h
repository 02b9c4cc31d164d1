/* room_servers.h: which servers are in a room, and what is to be sent to them.
 *
 * Servers are interned names (MYL_INTERN_SERVER). The index counts joined users a server and is kept in the same change as
 * the members. Inside cx->txn. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_SERVERS_H
#define MYELIN_ROOM_SERVERS_H

#include <myelin/room_state.h>

/* Servers with joined users, ours among them, ascending by number. */
myl_rc myl_room_servers(myl_ctx *cx, uint64_t room, const uint64_t **servers, size_t *count);
/* Rooms in which a server has joined users, ascending: what it shares with us where we are joined too. */
myl_rc myl_server_rooms(myl_ctx *cx, uint64_t server, const uint64_t **rooms, size_t *count);
/* Has it joined users in any room here? */
myl_rc myl_server_in_rooms(myl_ctx *cx, myl_str server_name, bool *out);
/* How many users of this server are joined. */
myl_rc myl_room_joined_of(myl_ctx *cx, uint64_t room, uint64_t server, uint32_t *out);
myl_rc myl_room_has_server(myl_ctx *cx, uint64_t room, myl_str server_name, bool *out);

/* The event that took this position of a room (both from a row of ROOM_LOG) when it is ours to send to other servers; number
 * 0 otherwise (a receipt, somebody else's event, one that was soft-failed). */
myl_rc myl_room_outgoing(myl_ctx *cx, uint64_t room, uint64_t position, myl_stored *out);
/* The user who has come to be joined by the event at this position, and still is; 0: there is none. */
myl_rc myl_room_joined_at(myl_ctx *cx, uint64_t room, uint64_t position, uint64_t *user,
                          bool *is_ours);
/* The servers that such an event goes to: those in the room now, and the one of a member that it is about; not ours, not the
 * sender's. */
myl_rc myl_room_event_servers(myl_ctx *cx, const myl_stored *stored, const uint64_t **servers,
                              size_t *count);
/* Does the room's m.room.server_acl let this server take part? No such event: yes. (spec: Server ACLs) */
myl_rc myl_room_acl_allows(myl_ctx *cx, myl_tree_root state, myl_str server_name, bool *out);

#endif
